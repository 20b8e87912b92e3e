"""The command `run`: from a recipe or a sentence to files, and on from where an interrupted run stopped."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from zeroshot_hoi import catalog, console
from zeroshot_hoi.command_arguments import (
    DEFAULT_PLANNING,
    Engine,
    Frames,
    Json,
    MeshArguments,
    OutputFolder,
    Planning,
    Seed,
)
from zeroshot_hoi.core.errors import RecipeError, ResultError
from zeroshot_hoi.core.solution import Progress, ProgressListener
from zeroshot_hoi.mesh_argument import parse_meshes
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.text_argument import TextArguments, explain, parse_named_meshes

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

MEASURING = "measuring"
"""Name of the thread that measures a result while it is drawn."""

DRAWN_SUFFIXES = (".png", ".glb", ".mp4")
"""Files that are drawn while the result is measured, the slowest last."""


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
    fresh: Annotated[
        tyro.conf.FlagCreatePairsOff[bool],
        tyro.conf.arg(help="Start anew where an interrupted run left stages behind.", help_behavior_hint=""),
    ] = False,
    keep_stages: Annotated[
        tyro.conf.FlagCreatePairsOff[bool],
        tyro.conf.arg(
            help="Keep what every stage made: after a change of the recipe only what depends on it runs again.",
            help_behavior_hint="",
        ),
    ] = False,
    quiet: Annotated[
        tyro.conf.FlagCreatePairsOff[bool],
        tyro.conf.arg(help="Print only the files written, one a line.", help_behavior_hint=""),
    ] = False,
    verbose: Annotated[
        tyro.conf.FlagCreatePairsOff[bool],
        tyro.conf.arg(
            help="Say too what was done to every mesh, where parts were found, and how long each stage took.",
            help_behavior_hint="",
        ),
    ] = False,
    json: Json = False,
) -> int:
    """Make a person move with the objects of a recipe or a sentence, and write .npz, .glb, .mp4 and .png.

    Ctrl-C keeps every stage that is done; the same command goes on from there.

    Example: zeroshot-hoi run sit_on_chair --mesh chair=armchair.obj,unit=cm,up=z --seed 3 --out out/armchair
    """
    overrides = {"seed": seed, "engine": engine, "frames": frames}
    overrides = {key: value for key, value in overrides.items() if value is not None}
    if quiet + verbose + json > 1:
        raise RecipeError("--quiet, --verbose and --json say three different things. Keep one.")
    screen = console.make_console(quiet=quiet or json)
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
    folder = writable_folder(out or Path("out") / name)

    from zeroshot_hoi.pipeline import Pipeline
    from zeroshot_hoi.stage_folder import StageFolder

    pipeline = pipeline or Pipeline.from_recipe(recipe, **overrides)
    kept = StageFolder(folder / f"{name}.stages")
    if fresh:
        kept.clear()
    screen.print(f"{name}: {words}", markup=False)
    work = _Work(folder / name)
    try:
        with console.progress_bars(screen) as listener:
            stages = pipeline.stages(meshes or None, progress=_unless_measuring(listener), folder=kept.folder)
            result = work.finish(stages, listener)
    except KeyboardInterrupt:
        print(f"\n{_interrupted(work.files(), kept)}", file=sys.stderr)
        return INTERRUPTED
    finally:
        if work.written:
            screen.print(console.written_files(work.files()))
        if quiet:
            print(*work.files(), sep="\n")
    if not keep_stages:
        kept.clear()
    _tell(screen, result, stages, kept if keep_stages else None, verbose)
    if json:
        console.print_json(_as_json(result, stages, work.files()))
    return 0


class _Work:
    """The files of one run; the result is measured and saved beside the drawing."""

    def __init__(self, stem: Path) -> None:
        self.stem, self.written = stem, set[Path]()
        self._failed: list[BaseException] = []
        self._saving = threading.Lock()

    def files(self) -> list[Path]:
        """What is written and complete, the result itself first."""
        return [path for suffix in (".npz", *DRAWN_SUFFIXES) if (path := self._path(suffix)) in self.written]

    def finish(self, stages: Any, listener: ProgressListener) -> Any:
        """Run the stages that remain and write every file; returns the measured result."""
        unmeasured = stages.result
        measuring = threading.Thread(target=self._measure, args=(stages,), daemon=True, name=MEASURING)
        measuring.start()
        total = len(DRAWN_SUFFIXES) + 1
        try:
            for step, suffix in enumerate(DRAWN_SUFFIXES):
                listener(Progress("files", step, total, note=self._path(suffix).name))
                unmeasured.export(os.fspath(self._path(suffix)))
                self.written.add(self._path(suffix))
            listener(Progress("files", total - 1, total, note="metrics"))
            while measuring.is_alive():  # in slices, because a join without end cannot be interrupted everywhere
                measuring.join(0.2)
        except BaseException:
            with self._saving:  # a save that has begun may end
                raise
        if self._failed:
            raise self._failed[0]
        listener(Progress("files", total, total, note="done"))
        return stages.measured

    def _measure(self, stages: Any) -> None:
        try:
            measured = stages.measured
            with self._saving:
                measured.export(os.fspath(self._path(".npz")))
                self.written.add(self._path(".npz"))
        except BaseException as error:
            self._failed.append(error)

    def _path(self, suffix: str) -> Path:
        return self.stem.with_name(self.stem.name + suffix)


def _unless_measuring(listener: ProgressListener) -> ProgressListener:
    """Bars show one stage after another: what is said beside the drawing is left out."""
    return lambda event: listener(event) if threading.current_thread().name != MEASURING else None


def _interrupted(written: Sequence[Path], kept: Any) -> str:
    """What Ctrl-C left, and how to go on."""
    stages = kept.stages()
    lines = [f"Interrupted. Complete: {', '.join(map(str, written))}." if written else "Interrupted."]
    if stages:
        lines.append(
            f"Kept in {kept.folder}: {', '.join(stages)}. The same command goes on from there; --fresh starts anew."
        )
    return " ".join(lines)


def _tell(screen: Any, result: Any, stages: Any, kept: Any, verbose: bool) -> None:
    from zeroshot_hoi.metrics import stored

    metrics = stored(result)
    if verbose:
        screen.print(repr(stages), markup=False)
        for name, thing in stages.objects.items():
            for line in (*thing.report.actions, *(f"warning: {text}" for text in thing.report.warnings)):
                screen.print(f"{name}: {line}", markup=False)
        for name, found in stages.parts.items():
            for line in found.notes:
                screen.print(f"{name}: {line}", markup=False)
    screen.print(console.metrics_table(metrics))
    screen.print(console.verdict_line(metrics), markup=False)
    if kept is not None:
        screen.print(f"Stages kept in {kept.folder}", markup=False)


def _as_json(result: Any, stages: Any, written: Sequence[Path]) -> dict[str, Any]:
    from zeroshot_hoi.metrics import stored

    return {
        "recipe": result.meta["recipe"],
        "text": result.meta["text"],
        "files": [str(path) for path in written],
        "stages": {name: {"state": state, "about": about} for name, state, _, about in stages.rows()},
        "seconds": result.meta["timings"],
        "metrics": console.metrics_json(stored(result)),
    }


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


def writable_folder(folder: Path) -> Path:
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
