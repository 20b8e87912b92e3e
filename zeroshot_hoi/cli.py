"""The command `zeroshot-hoi`.

Everything a user can get wrong is checked before the work starts: the recipe, the names and files of the meshes, the
engine, and whether the output folder can be written. Exit codes: 0 done, 1 a bar is missed (`evaluate`), 2 a mistake
in the input, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from zeroshot_hoi import __version__, catalog, console
from zeroshot_hoi.core.errors import HoiError, ResultError
from zeroshot_hoi.core.solution import Progress, ProgressListener
from zeroshot_hoi.doctor import examine
from zeroshot_hoi.mesh_argument import parse_meshes
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.recipe import Recipe, list_recipes

OUTPUT_SUFFIXES = (".npz", ".png", ".glb", ".mp4")
"""Written in this order: the result itself first, the slowest last."""

MeshArguments = Annotated[
    tuple[str, ...],
    tyro.conf.UseAppendAction,
    tyro.conf.arg(
        metavar="NAME=PATH[,unit=m|cm|mm|FLOAT][,up=y|z][,front=x|-x|..]",
        help="Your mesh for one of the recipe's objects; repeatable. Objects not named use built-in meshes.",
        help_behavior_hint="",
    ),
]
Seed = Annotated[int | None, tyro.conf.arg(metavar="INT", help="Random seed.", help_behavior_hint="(recipe's: 0)")]
Frames = Annotated[int | None, tyro.conf.arg(metavar="INT", help="Frames.", help_behavior_hint="(recipe's: 49)")]
Engine = Annotated[
    str | None,
    tyro.conf.arg(metavar="{jax,torch}", help="What computes the optimization.", help_behavior_hint="(recipe's: jax)"),
]
OutputFolder = Annotated[
    Path | None,
    tyro.conf.arg(metavar="DIR", help="Where the files go.", help_behavior_hint="(default: out/<recipe>)"),
]


def run(
    recipe: Annotated[
        tyro.conf.Positional[str], tyro.conf.arg(metavar="RECIPE", help="A recipe's name, or the path of a .toml file.")
    ],
    /,
    mesh: MeshArguments = (),
    seed: Seed = None,
    engine: Engine = None,
    frames: Frames = None,
    out: OutputFolder = None,
) -> int:
    """Make a person move with the objects of a recipe, and write .npz, .glb, .mp4 and .png."""
    overrides = {"seed": seed, "engine": engine, "frames": frames}
    overrides = {key: value for key, value in overrides.items() if value is not None}
    checked = Recipe.load(recipe).with_overrides(**overrides)
    plan_from_recipe(checked)
    meshes = parse_meshes(mesh, [entry.name for entry in checked.objects])
    catalog.require("engine", checked.engine)
    folder = _writable_folder(out or Path("out") / checked.name)

    from zeroshot_hoi.metrics import stored
    from zeroshot_hoi.pipeline import Pipeline

    pipeline = Pipeline.from_recipe(recipe, **overrides)
    screen = console.make_console()
    screen.print(f"{checked.name}: {checked.text}", markup=False)
    written: list[Path] = []
    try:
        with console.progress_bars(screen) as listener:
            result = pipeline.run(meshes or None, progress=listener)
            _write_all(result, folder / checked.name, written, listener)
            metrics = stored(result)
    finally:
        if written:
            screen.print(console.written_files(written))
    screen.print(console.metrics_table(metrics))
    screen.print(console.verdict_line(metrics), markup=False)
    return 0


def recipes() -> int:
    """List the recipes that come with the package."""
    loaded = [Recipe.load(name) for name in list_recipes()]
    width = max(len(recipe.name) for recipe in loaded)
    for recipe in loaded:
        objects = ", ".join(entry.name for entry in recipe.objects)
        print(f"{recipe.name:<{width}}  {recipe.text}\n{'':<{width}}  objects: {objects}")
    return 0


def evaluate(
    files: Annotated[
        tyro.conf.Positional[tuple[Path, ...]],
        tyro.conf.arg(metavar="FILE...", help="Result files (.npz).", help_behavior_hint=""),
    ] = (),
    /,
    all: Annotated[
        tyro.conf.FlagCreatePairsOff[bool],
        tyro.conf.arg(help="Every result below out/.", help_behavior_hint=""),
    ] = False,
) -> int:
    """Measure results anew; exits with 1 where a bar is missed."""
    paths = sorted(Path("out").rglob("*.npz")) if all else list(files)
    if not paths:
        raise ResultError("No results below out/." if all else "Name the .npz files to evaluate, or give --all.")

    from zeroshot_hoi.metrics import failed
    from zeroshot_hoi.results.result import Result

    screen, held = console.make_console(), True
    for path in paths:
        metrics = Result.load(path).metrics()
        held = held and not failed(metrics)
        screen.print(console.metrics_table(metrics, title=str(path)))
        screen.print(console.verdict_line(metrics), markup=False)
    return 0 if held else 1


def doctor() -> int:
    """Say what is installed, what is missing, and the line that installs it."""
    print(examine())
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the return value is the process's exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        print(f"zeroshot-hoi {__version__}")
        return 0
    try:
        return tyro.extras.subcommand_cli_from_dict(
            {"run": run, "recipes": recipes, "evaluate": evaluate, "doctor": doctor},
            prog="zeroshot-hoi",
            description="Any object mesh and a recipe make a person who moves with that object. "
            "`zeroshot-hoi COMMAND --help` explains a command; `--version` prints the version.",
            args=given or ["--help"],
        )
    except HoiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. Files already listed as written are complete.", file=sys.stderr)
        return 130


def _writable_folder(folder: Path) -> Path:
    """The folder, made where it does not exist, once a file could be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-"):
            pass
    except OSError as error:
        raise ResultError(
            f"Nothing can be written to {folder}: {error.strerror or error}. Choose another folder with --out."
        ) from None
    return folder


def _write_all(result: Any, stem: Path, written: list[Path], listener: ProgressListener) -> None:
    """`stem` with every suffix; `written` grows file by file, so an interrupt leaves what is done and says which."""
    for step, suffix in enumerate(OUTPUT_SUFFIXES):
        path = stem.with_name(stem.name + suffix)
        listener(Progress("files", step, len(OUTPUT_SUFFIXES), note=path.name))
        result.export(os.fspath(path))
        written.append(path)
