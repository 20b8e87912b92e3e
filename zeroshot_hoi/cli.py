"""The command `zeroshot-hoi`.

Everything a user can get wrong is checked before the work starts: the recipe, the names and files of the meshes, the
engine, and whether the output folder can be written. Exit codes: 0 done, 1 a bar is missed (`evaluate`) or a part is
not there (`parts`), 2 a mistake in the input, 130 interrupted: what is done is kept, and `run` goes on from there; 141
nobody reads the output any more.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from zeroshot_hoi import __version__, console
from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.command_arguments import DEFAULT_PLANNING, Corrections, Json, MeshArguments, Planning
from zeroshot_hoi.command_json import part_facts, planned_facts
from zeroshot_hoi.core.errors import HoiError, nearest_name
from zeroshot_hoi.core.graph import check_name
from zeroshot_hoi.doctor import examine, facts, weights_facts
from zeroshot_hoi.mesh_argument import parse_mesh
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.recipe import Recipe, list_recipes
from zeroshot_hoi.result_commands import compare, evaluate, export, view
from zeroshot_hoi.run_command import INTERRUPTED, run, writable_folder
from zeroshot_hoi.text_argument import check_recipe_path, explain, parse_named_meshes, write_recipes


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
    json: Json = False,
) -> int:
    """Turn a sentence and meshes into a recipe that a person can read, edit and run.

    Example: zeroshot-hoi plan "a person drinks from the mug" --mesh mug=mug.glb --out drink.toml
    """
    from zeroshot_hoi.recipe_toml import recipe_to_toml
    from zeroshot_hoi.sentence import plan_text

    check_recipe_path(out)
    screen = console.make_console(sys.stderr, quiet=json)
    meshes = parse_named_meshes(mesh)
    with console.progress_bars(screen) as listener:
        planned = plan_text(sentence, meshes, planning.options(), listener)
    for line in explain(planned):
        screen.print(line, markup=False)
    written = write_recipes(planned, out) if out is not None else []
    if json:
        console.print_json(planned_facts(planned, written))
    elif out is None:
        print("\n".join(recipe_to_toml(recipe) for recipe in planned.recipes), end="")
    else:
        print(*written, sep="\n")
    return 0


def recipes(json: Json = False) -> int:
    """List the recipes that come with the package.

    Example: zeroshot-hoi recipes --json
    """
    loaded = [Recipe.load(name) for name in list_recipes()]
    if json:
        told = {r.name: {"text": r.text, "objects": [entry.name for entry in r.objects]} for r in loaded}
        console.print_json(told)
        return 0
    width = max(len(recipe.name) for recipe in loaded)
    for recipe in loaded:
        objects = ", ".join(entry.name for entry in recipe.objects)
        print(f"{recipe.name:<{width}}  {recipe.text}\n{'':<{width}}  objects: {objects}")
    return 0


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
    correct: Corrections = (),
    out: Annotated[Path, tyro.conf.arg(metavar="DIR", help="Where the files go.")] = Path("out/parts"),
    json: Json = False,
) -> int:  # fmt: skip
    """Show where the named parts of a mesh are: a picture, and the mesh with vertex colors.

    Exit code 1 where a part is not there; those that are, are shown. Example: zeroshot-hoi parts
    kettle.obj,unit=cm,up=z --name kettle --part handle --part spout
    """
    from zeroshot_hoi.affordance.correction import correct_parts, recipe_lines
    from zeroshot_hoi.affordance.geometric import find_parts
    from zeroshot_hoi.affordance.report import describe_parts, parse_part, write_parts
    from zeroshot_hoi.core.plan import ObjectPlan
    from zeroshot_hoi.geometry.prepare import prepare_object

    if bool(part) == bool(recipe) and not (correct and not recipe):
        raise PartError("Say what to look for: --part handle (repeatable), or --recipe NAME; one of the two.")
    _, given = parse_mesh(f"{check_name(name, 'The object')}={mesh}", [name])
    wanted = ObjectPlan(name, parts=tuple(parse_part(text) for text in part))
    if recipe:
        objects = plan_from_recipe(Recipe.load(recipe)).objects
        if name not in objects:
            raise PartError(f"The recipe has no object '{name}'. {nearest_name(name, objects)}")
        wanted = objects[name]
    wanted = correct_parts(wanted, correct, add=not recipe)
    folder = writable_folder(out)
    prepared = prepare_object(name, given, size=wanted.size)
    found = find_parts(prepared, wanted, absent_is_note=True)
    written = write_parts(prepared, found, folder / name.replace(" ", "_"))
    if json:
        console.print_json({**part_facts(prepared, found, written), "recipe": recipe_lines(wanted)})
    else:
        print(describe_parts(prepared, found))
        print(*(f"wrote {path}" for path in written), sep="\n")
        print(recipe_lines(wanted), end="")
    return int(len(found.parts) < len(wanted.parts))


def doctor(
    weights: Annotated[
        tyro.conf.FlagCreatePairsOff[bool],
        tyro.conf.arg(
            help="List the weights of frozen models instead: license, size, what is here.", help_behavior_hint=""
        ),
    ] = False,
    json: Json = False,
) -> int:
    """Say what is installed, what is missing, and the line that installs it.

    Example: zeroshot-hoi doctor --weights
    """
    if json:
        console.print_json(weights_facts() if weights else facts())
    elif weights:
        from zeroshot_hoi.models.weights import list_weights

        print(list_weights())
    else:
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
                "compare": compare,
                "doctor": doctor,
            },
            prog="zeroshot-hoi",
            description="Any object mesh and a recipe or a sentence make a person who moves with that object. "
            "`zeroshot-hoi COMMAND --help` explains a command with an example; `--version` prints the version. "
            "Exit codes: 0 done, 1 a bar is missed (evaluate) or a part is not there (parts), 2 a mistake in the "
            "input, 130 interrupted, 141 nobody reads the output any more.",
            args=given or ["--help"],
        )
    except HoiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. Files already listed as written are complete.", file=sys.stderr)
        return INTERRUPTED
