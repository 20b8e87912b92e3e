"""What is evaluated: every recipe with its built-in meshes, and with the real ones where they are at hand.

Which real mesh stands for which object is data: `real_meshes.json` beside the recipes. The folder of the files is
`ZEROSHOT_HOI_MESHES`, by default `../shared/meshes`; without them the built-in meshes alone are run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from zeroshot_hoi.core.errors import RecipeError, nearest_name
from zeroshot_hoi.core.scene import Mesh
from zeroshot_hoi.recipe import list_recipes, recipes_folder

DEFAULT_SEEDS = 3
BUILT_IN = "built-in"
MAX_BYTES = 262_144


class RealMesh(BaseModel):
    """A file of the mesh folder, with what its format does not say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    unit: str | float | None = None
    up: str | None = None
    front: str | None = None


@dataclass(frozen=True)
class Case:
    """One recipe on one set of meshes with one seed; objects not named use their built-in mesh."""

    recipe: str
    seed: int = 0
    meshes: dict[str, Mesh] = field(default_factory=dict)

    @property
    def mesh_names(self) -> str:
        """`built-in`, or the files' names: `mug + wooden_table`."""
        return " + ".join(Path(mesh.source).stem for mesh in self.meshes.values()) or BUILT_IN

    @property
    def title(self) -> str:
        """`drink_from_mug on mug, seed 0`"""
        return f"{self.recipe} on {self.mesh_names}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        """Where its files go, below the folder of the evaluation."""
        return Path(self.recipe) / self.mesh_names.replace(" + ", "+") / f"seed_{self.seed}"


def mesh_folder() -> Path:
    """Where real meshes are looked for."""
    return Path(os.environ.get("ZEROSHOT_HOI_MESHES", "../shared/meshes"))


def all_cases(seeds: int = DEFAULT_SEEDS, only: Sequence[str] = ()) -> list[Case]:
    """Every case of the bundled recipes, or of those named `only`: seed by seed, built-in meshes first.

    Seeds are the outer loop, so that a run that is stopped early has seen every recipe.
    """
    if seeds < 1:
        raise RecipeError(f"--seeds {seeds} is not allowed. Give 1 or more; the default is {DEFAULT_SEEDS}.")
    known = list_recipes()
    for name in only:
        if name not in known:
            raise RecipeError(f"--only: no recipe is called '{name}'. {nearest_name(name, known)}")
    chosen = [name for name in known if not only or name in only]
    real = _read_real_meshes(recipes_folder() / "real_meshes.json")
    sets = [(name, meshes) for name in chosen for meshes in real.get(name, ()) if _at_hand(meshes)]
    found = []
    for seed in range(seeds):
        found += [Case(name, seed) for name in chosen]
        found += [Case(name, seed, {thing: _mesh(mesh) for thing, mesh in meshes.items()}) for name, meshes in sets]
    return found


def missing_meshes(cases: Sequence[Case]) -> int:
    """How many sets of real meshes of these cases' recipes are not at hand."""
    recipes = {case.recipe for case in cases}
    real = _read_real_meshes(recipes_folder() / "real_meshes.json")
    return sum(not _at_hand(meshes) for name, sets in real.items() if name in recipes for meshes in sets)


def _read_real_meshes(path: Path) -> dict[str, list[dict[str, RealMesh]]]:
    """Recipe -> sets of meshes, object -> file; nothing where there is no such file."""
    if not path.is_file():
        return {}
    if path.stat().st_size > MAX_BYTES:
        raise RecipeError(f"{path} has {path.stat().st_size:,} bytes; {MAX_BYTES:,} are allowed.")
    try:
        return TypeAdapter(dict[str, list[dict[str, RealMesh]]]).validate_python(json.loads(path.read_text("utf-8")))
    except (ValidationError, ValueError) as error:
        raise RecipeError(f"{path} does not map recipes to sets of meshes: {error}") from None


def _at_hand(meshes: dict[str, RealMesh]) -> bool:
    return all((mesh_folder() / mesh.file).is_file() for mesh in meshes.values())


def _mesh(mesh: RealMesh) -> Mesh:
    return Mesh(str(mesh_folder() / mesh.file), mesh.unit, mesh.up, mesh.front)
