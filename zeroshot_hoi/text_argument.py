"""Sentences on the command line: the options of `plan` and `run --text`, and what planning has to say."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from zeroshot_hoi.core.errors import MeshError, RecipeError
from zeroshot_hoi.core.scene import Mesh
from zeroshot_hoi.mesh_argument import parse_mesh

if TYPE_CHECKING:
    from zeroshot_hoi.planning.base import PlannedText
    from zeroshot_hoi.recipe import Recipe
    from zeroshot_hoi.sentence import TextOptions


def _option(help: str, metavar: str = "", hint: str = "") -> Any:
    return tyro.conf.arg(help=help, metavar=metavar or None, help_behavior_hint=hint)


@dataclass(frozen=True)
class TextArguments:
    """How a sentence is planned."""

    planner: Annotated[
        str, _option("Who plans a sentence.", "{lexicon,language}", "(language where a model is named)")
    ] = ""
    model: Annotated[str | None, _option("Language model.", "NAME", "(ZEROSHOT_HOI_MODEL)")] = None
    base_url: Annotated[
        str | None, _option("OpenAI-compatible server.", "URL", "(ZEROSHOT_HOI_BASE_URL, or OpenAI)")
    ] = None
    no_cache: Annotated[tyro.conf.FlagCreatePairsOff[bool], _option("Ask anew and keep no answers.")] = False
    replay: Annotated[tyro.conf.FlagCreatePairsOff[bool], _option("Use recorded answers only; ask nothing.")] = False
    samples: Annotated[int, _option("Graphs that vote.", "INT", "(default: 5)")] = 5
    timeout: Annotated[float | None, _option("Seconds for one answer.", "FLOAT", "(default: 120)")] = None
    max_tokens: Annotated[int, _option("Longest answer.", "INT", "(default: 4000)")] = 4000

    def options(self) -> TextOptions:
        """The same, as the library takes it."""
        from zeroshot_hoi.sentence import TextOptions

        if self.no_cache and self.replay:
            raise RecipeError("--no-cache and --replay contradict each other. Keep one.")
        mode = "replay" if self.replay else "off" if self.no_cache else "use"
        return TextOptions(self.planner, self.model, self.base_url, mode, self.samples, self.timeout, self.max_tokens)


def parse_named_meshes(arguments: Sequence[str]) -> dict[str, Mesh] | None:
    """Name -> mesh, for whatever names a sentence uses; None where there are none."""
    meshes: dict[str, Mesh] = {}
    for argument in arguments:
        name = argument.partition("=")[0].strip()
        if "=" not in argument or not name:
            raise MeshError(
                f"--mesh {argument!r} does not say which object it is. Write --mesh NAME={argument.lstrip('=')}, "
                "with the name that the sentence uses."
            )
        if name in meshes:
            raise MeshError(f"--mesh gives '{name}' twice. Keep one.")
        meshes[name] = parse_mesh(argument, [name])[1]
    return meshes or None


def explain(planned: PlannedText) -> Iterator[str]:
    """What was understood, a line each."""
    yield f"Planned by: {planned.planner}"
    yield from (f"  {note}" for note in planned.notes)


def check_recipe_path(out: Path | None) -> None:
    """Raises where a recipe cannot have that file name."""
    if out is not None and out.suffix != ".toml":
        raise RecipeError(f"--out {out}: a recipe's file name ends in .toml.")


def write_recipes(planned: PlannedText, out: Path) -> list[Path]:
    """One file for one recipe, numbered files for several; returns their paths."""
    from zeroshot_hoi.recipe_toml import recipe_to_toml

    comment = "\n".join(["Written by zeroshot-hoi plan; edit it and run it: zeroshot-hoi run FILE", *explain(planned)])
    several = len(planned.recipes) > 1
    paths = [out.with_stem(f"{out.stem}-{i}") if several else out for i in range(1, len(planned.recipes) + 1)]
    for path, recipe in zip(paths, planned.recipes, strict=True):
        text = recipe_to_toml(recipe, comment)
        assert _reads_back(text, recipe)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise RecipeError(f"{path} cannot be written: {error.strerror or error}. Choose another --out.") from None
    return paths


def _reads_back(text: str, recipe: Recipe) -> bool:
    from zeroshot_hoi.recipe import Recipe

    return Recipe.from_mapping(tomllib.loads(text)).model_dump() == recipe.model_dump()
