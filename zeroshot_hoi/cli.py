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
from json import dumps
from pathlib import Path
from typing import Annotated, Any

import tyro

from zeroshot_hoi import __version__, catalog, console
from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.core.errors import HoiError, RecipeError, ResultError, nearest_name
from zeroshot_hoi.core.graph import check_name
from zeroshot_hoi.core.solution import Progress, ProgressListener
from zeroshot_hoi.doctor import examine
from zeroshot_hoi.mesh_argument import parse_mesh, parse_meshes
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.recipe import Recipe, list_recipes
from zeroshot_hoi.result_commands import export, view
from zeroshot_hoi.text_argument import TextArguments, check_recipe_path, explain, parse_named_meshes, write_recipes

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
Planning = Annotated[TextArguments, tyro.conf.OmitArgPrefixes, tyro.conf.arg(name="")]
DEFAULT_PLANNING = TextArguments()
OutputFolder = Annotated[
    Path | None,
    tyro.conf.arg(metavar="DIR", help="Where the files go.", help_behavior_hint="(default: out/<recipe>)"),
]


def run(
    recipe: Annotated[
        tyro.conf.Positional[str],
        tyro.conf.arg(
            metavar="RECIPE", help="A recipe's name, or the path of a .toml file.", help_behavior_hint="(or --text)"
        ),
    ] = "",
    /,
    text: Annotated[
        str,
        tyro.conf.arg(metavar="SENTENCE", help="What happens, in place of a recipe.", help_behavior_hint=""),
    ] = "",
    mesh: MeshArguments = (),
    seed: Seed = None,
    engine: Engine = None,
    frames: Frames = None,
    out: OutputFolder = None,
    planning: Planning = DEFAULT_PLANNING,
    quiet: Annotated[
        tyro.conf.FlagCreatePairsOff[bool],
        tyro.conf.arg(help="Print only the files written, one a line.", help_behavior_hint=""),
    ] = False,
) -> int:
    """Make a person move with the objects of a recipe or a sentence, and write .npz, .glb, .mp4 and .png.

    Example: zeroshot-hoi run sit_on_chair --mesh chair=armchair.obj,unit=cm,up=z --seed 3 --out out/armchair
    """
    overrides = {"seed": seed, "engine": engine, "frames": frames}
    overrides = {key: value for key, value in overrides.items() if value is not None}
    screen = console.make_console(quiet=quiet)
    if bool(recipe) == bool(text):
        raise RecipeError('Name a recipe, or say what happens: --text "a person sits on the chair". Not both.')
    if text:
        pipeline, meshes = _pipeline_of_text(text, mesh, planning, screen, overrides), {}
        name, words = pipeline.plan.name, pipeline.plan.text
    else:
        checked = Recipe.load(recipe).with_overrides(**overrides)
        plan_from_recipe(checked)
        meshes = parse_meshes(mesh, [entry.name for entry in checked.objects])
        catalog.require("engine", checked.engine)
        pipeline, name, words = None, checked.name, checked.text
    folder = _writable_folder(out or Path("out") / name)

    from zeroshot_hoi.metrics import stored
    from zeroshot_hoi.pipeline import Pipeline

    pipeline = pipeline or Pipeline.from_recipe(recipe, **overrides)
    screen.print(f"{name}: {words}", markup=False)
    written: list[Path] = []
    try:
        with console.progress_bars(screen) as listener:
            result = pipeline.run(meshes or None, progress=listener)
            _write_all(result, folder / name, written, listener)
            metrics = stored(result)
    finally:
        if written:
            screen.print(console.written_files(written))
        if quiet:
            print(*written, sep="\n")
    screen.print(console.metrics_table(metrics))
    screen.print(console.verdict_line(metrics), markup=False)
    return 0


def plan(
    sentence: Annotated[
        tyro.conf.Positional[str],
        tyro.conf.arg(metavar="SENTENCE", help='What happens: "a person sits on the chair".'),
    ],
    /,
    mesh: MeshArguments = (),
    out: Annotated[
        Path | None,
        tyro.conf.arg(metavar="FILE.toml", help="Write the recipe there.", help_behavior_hint="(default: print it)"),
    ] = None,
    planning: Planning = DEFAULT_PLANNING,
) -> int:
    """Turn a sentence and meshes into a recipe that a person can read, edit and run."""
    from zeroshot_hoi.recipe_toml import recipe_to_toml
    from zeroshot_hoi.sentence import plan_text

    check_recipe_path(out)
    screen = console.make_console(sys.stderr)
    meshes = parse_named_meshes(mesh)
    with console.progress_bars(screen) as listener:
        planned = plan_text(sentence, meshes, planning.options(), listener)
    for line in explain(planned):
        screen.print(line, markup=False)
    if out is None:
        print("\n".join(recipe_to_toml(recipe) for recipe in planned.recipes), end="")
        return 0
    for path in write_recipes(planned, out):
        print(path)
    return 0


def _pipeline_of_text(
    text: str, mesh: Sequence[str], planning: TextArguments, screen: Any, overrides: dict[str, Any]
) -> Any:
    """The pipeline of a sentence, once the engine is known to be there."""
    if overrides.get("engine"):
        catalog.require("engine", overrides["engine"])

    from zeroshot_hoi.pipeline import Pipeline

    meshes = parse_named_meshes(mesh)
    with console.progress_bars(screen) as listener:
        pipeline = Pipeline.from_text(text, meshes, options=planning.options(), progress=listener, **overrides)
    for line in explain(pipeline.planned) if pipeline.planned else ():
        screen.print(line, markup=False)
    return pipeline


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
    json: Annotated[
        tyro.conf.FlagCreatePairsOff[bool],
        tyro.conf.arg(help="Print JSON for other programs: file, metric, its fields.", help_behavior_hint=""),
    ] = False,
) -> int:
    """Measure results anew; exits with 1 where a bar is missed.

    Example: zeroshot-hoi evaluate out/ironing/ironing.npz --json
    """
    paths = sorted(Path("out").rglob("*.npz")) if all else list(files)
    if not paths:
        raise ResultError("No results below out/." if all else "Name the .npz files to evaluate, or give --all.")

    from zeroshot_hoi.metrics import failed
    from zeroshot_hoi.results.result import Result

    screen, held = console.make_console(quiet=json), True
    told: dict[str, Any] = {}
    for path in paths:
        metrics = Result.load(path).metrics()
        held = held and not failed(metrics)
        told[str(path)] = console.metrics_json(metrics)
        screen.print(console.metrics_table(metrics, title=str(path)))
        screen.print(console.verdict_line(metrics), markup=False)
    if json:
        print(dumps(told, indent=1))
    return 0 if held else 1


def parts(
    mesh: Annotated[
        tyro.conf.Positional[str],
        tyro.conf.arg(metavar="MESH[,unit=..][,up=..][,front=..]", help="A mesh file and what it does not say."),
    ],
    /,
    name: Annotated[str, tyro.conf.arg(metavar="OBJECT", help="What the object is.")],
    part: Annotated[
        tuple[str, ...],
        tyro.conf.UseAppendAction,
        tyro.conf.arg(metavar="PART[:COUNT]", help="A part to find, such as handle or pedal:2; repeatable.",
                      help_behavior_hint=""),
    ] = (),
    recipe: Annotated[
        str | None,
        tyro.conf.arg(metavar="RECIPE", help="Find the parts that this recipe describes, with its corrections.",
                      help_behavior_hint=""),
    ] = None,
    seed: Annotated[int, tyro.conf.arg(metavar="INT", help="Random seed.")] = 0,
    out: Annotated[Path, tyro.conf.arg(metavar="DIR", help="Where the files go.")] = Path("out/parts"),
) -> int:  # fmt: skip
    """Show where the named parts of a mesh are: a picture, and the mesh with vertex colors."""
    from zeroshot_hoi.affordance.geometric import find_parts
    from zeroshot_hoi.affordance.report import describe_parts, parse_part, write_parts
    from zeroshot_hoi.core.plan import ObjectPlan
    from zeroshot_hoi.geometry.prepare import prepare_object

    if bool(part) == bool(recipe):
        raise PartError("Say what to look for: --part handle (repeatable), or --recipe NAME; one of the two.")
    _, given = parse_mesh(f"{check_name(name, 'The object')}={mesh}", [name])
    wanted = ObjectPlan(name, parts=tuple(parse_part(text) for text in part))
    if recipe:
        objects = plan_from_recipe(Recipe.load(recipe)).objects
        if name not in objects:
            raise PartError(f"The recipe has no object '{name}'. {nearest_name(name, objects)}")
        wanted = objects[name]
    folder = _writable_folder(out)
    prepared = prepare_object(name, given, size=wanted.size, seed=seed)
    found = find_parts(prepared, wanted, seed)
    print(describe_parts(prepared, found))
    for path in write_parts(prepared, found, folder / name.replace(" ", "_")):
        print(f"wrote {path}")
    return 0


def doctor(
    weights: Annotated[
        tyro.conf.FlagCreatePairsOff[bool],
        tyro.conf.arg(
            help="List the weights of frozen models instead: license, size, what is here.", help_behavior_hint=""
        ),
    ] = False,
) -> int:
    """Say what is installed, what is missing, and the line that installs it."""
    if weights:
        from zeroshot_hoi.models.weights import list_weights

        print(list_weights())
        return 0
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
            {
                "run": run,
                "plan": plan,
                "recipes": recipes,
                "parts": parts,
                "view": view,
                "export": export,
                "evaluate": evaluate,
                "doctor": doctor,
            },
            prog="zeroshot-hoi",
            description="Any object mesh and a recipe or a sentence make a person who moves with that object. "
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
