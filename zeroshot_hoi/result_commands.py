"""Commands on results that exist: `view`, `export`, `evaluate` and `compare`."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated, Any

import tyro

from zeroshot_hoi import console
from zeroshot_hoi.command_arguments import Json
from zeroshot_hoi.core.errors import ResultError


def view(
    files: Annotated[
        tyro.conf.Positional[tuple[Path, ...]],
        tyro.conf.arg(metavar="FILE...", help="Result files (.npz), shown side by side.", help_behavior_hint=""),
    ] = (),
    /,
    port: Annotated[
        int, tyro.conf.arg(metavar="INT", help="Where the viewer listens; the next free one if it is in use.")
    ] = 8080,
) -> int:
    """Open results in the interactive viewer, in a browser on this machine; Ctrl-C ends it.

    Example: zeroshot-hoi view out/ironing/ironing.npz
    """
    if not files:
        raise ResultError("Name the .npz files to view: zeroshot-hoi view out/ironing/ironing.npz")

    from zeroshot_hoi.results.result import Result

    loaded = [Result.load(path) for path in files]

    from zeroshot_hoi.results.viewer.app import Viewer, viewer_names

    viewer = Viewer(dict(zip(viewer_names(files), loaded, strict=True)), port=port)
    print(f"Viewer: {viewer.url} (Ctrl-C ends it)", flush=True)
    viewer.wait()
    return 0


def export(
    files: Annotated[
        tyro.conf.Positional[tuple[Path, ...]],
        tyro.conf.arg(
            metavar="RESULT.npz TARGET...",
            help="A result, then the files to write; each suffix says what: .html .glb .usd .mp4 .gif .png .obj "
            ".amass.npz",
            help_behavior_hint="",
        ),
    ] = (),
    /,
) -> int:
    """Write a result in other formats.

    Example: zeroshot-hoi export out/ironing/ironing.npz ironing.html ironing.usd
    """
    if len(files) < 2:
        raise ResultError("Name a result and at least one file to write: zeroshot-hoi export a.npz a.html a.usd")

    from zeroshot_hoi.results.result import EXPORTERS, Result, require_suffix

    source, *targets = files
    for target in targets:
        require_suffix(target, tuple(EXPORTERS), "export")
    result = Result.load(source)
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
        result.export(target)
        print(target, flush=True)
    return 0


def evaluate(
    files: Annotated[
        tyro.conf.Positional[tuple[Path, ...]],
        tyro.conf.arg(metavar="FILE...", help="Result files (.npz).", help_behavior_hint=""),
    ] = (),
    /,
    all: Annotated[
        tyro.conf.FlagCreatePairsOff[bool],
        tyro.conf.arg(
            help="Run every recipe, on built-in meshes and on the real ones in the folder ZEROSHOT_HOI_MESHES names "
            "(hours), and write one table and one picture; finished runs are kept.",
            help_behavior_hint="",
        ),
    ] = False,
    seeds: Annotated[int, tyro.conf.arg(metavar="INT", help="With --all: seeds for each recipe and mesh.")] = 3,
    only: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="RECIPE...", help="With --all: these recipes.", help_behavior_hint="(default: every)"),
    ] = (),
    out: Annotated[Path, tyro.conf.arg(metavar="DIR", help="With --all: where the files go.")] = Path("out/all"),
    fresh: Annotated[
        tyro.conf.FlagCreatePairsOff[bool],
        tyro.conf.arg(help="With --all: run again what is finished.", help_behavior_hint=""),
    ] = False,
    json: Json = False,
) -> int:
    """Measure results anew, or run and measure every recipe; exits with 1 where a bar is missed.

    Example: zeroshot-hoi evaluate out/ironing/ironing.npz --json
    Example: zeroshot-hoi evaluate --all --seeds 1 --only ironing sit_on_chair
    """
    if all and files:
        raise ResultError("--all runs the recipes; result files are measured without it. Keep one of the two.")
    if all:
        from zeroshot_hoi.evaluation.command import evaluate_all
        from zeroshot_hoi.run_command import writable_folder

        return evaluate_all(seeds, only, writable_folder(out), fresh, json, console.make_console(quiet=json))
    if not files:
        raise ResultError("Name the .npz files to evaluate, or give --all to run every recipe.")

    from zeroshot_hoi.metrics import failed
    from zeroshot_hoi.results.result import Result

    screen, held = console.make_console(quiet=json), True
    told: dict[str, Any] = {}
    for path in files:
        metrics = Result.load(path).metrics()
        held = held and not failed(metrics)
        told[str(path)] = console.metrics_json(metrics)
        screen.print(console.metrics_table(metrics, title=str(path)))
        screen.print(console.verdict_line(metrics), markup=False)
    if json:
        print(dumps(told, indent=1))
    return 0 if held else 1


def compare(
    files: Annotated[
        tyro.conf.Positional[tuple[Path, ...]],
        tyro.conf.arg(metavar="FILE FILE", help="Two result files (.npz).", help_behavior_hint=""),
    ] = (),
    /,
    json: Json = False,
) -> int:
    """Set two results side by side: what was asked, how far the motions lie apart, which metrics are better.

    Example: zeroshot-hoi compare out/a/ironing.npz out/b/ironing.npz
    """
    if len(files) != 2:
        raise ResultError(f"compare takes two results, not {len(files)}: zeroshot-hoi compare a.npz b.npz")

    from zeroshot_hoi import comparison

    found = comparison.compare(files[0], files[1], (str(files[0]), str(files[1])))
    print(dumps(found.as_json(), indent=1) if json else found)
    return 0
