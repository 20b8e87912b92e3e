"""Commands on results that exist: `view`, `export`, `evaluate` and `compare`."""

from __future__ import annotations

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
    json: Json = False,
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
    if json:
        console.print_json({"url": viewer.url, "files": [str(path) for path in files]})
    else:
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
    size: Annotated[
        str, tyro.conf.arg(metavar="{720p,1080p,4k}", help="Of .mp4 files.", help_behavior_hint="(720 x 480)")
    ] = "",
    beside: Annotated[
        tuple[Path, ...],
        tyro.conf.arg(metavar="RESULT.npz...", help="Other results, say of other seeds, in the same .mp4.",
                      help_behavior_hint=""),
    ] = (),
    json: Json = False,
) -> int:  # fmt: skip
    """Write a result in other formats.

    Example: zeroshot-hoi export out/ironing/ironing.npz ironing.html ironing.usd

    Example: zeroshot-hoi export a/ironing.npz seeds.mp4 --beside b/ironing.npz c/ironing.npz --size 1080p
    """
    if len(files) < 2:
        raise ResultError("Name a result and at least one file to write: zeroshot-hoi export a.npz a.html a.usd")

    from zeroshot_hoi.results.result import EXPORTERS, Result, require_suffix

    source, *targets = files
    suffixes = [require_suffix(target, tuple(EXPORTERS), "export") for target in targets]
    if (size or beside) and ".mp4" not in suffixes:
        raise ResultError("--size and --beside are for .mp4 files; name one: zeroshot-hoi export a.npz a.mp4")
    result = Result.load(source)
    video: dict[str, Any] = {"size": size or None, "beside": [Result.load(path) for path in beside]}
    for target, suffix in zip(targets, suffixes, strict=True):
        result.export(target, **(video if suffix == ".mp4" else {}))
        if not json:
            print(target, flush=True)
    if json:
        console.print_json({"files": [str(target) for target in targets]})
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
        console.print_json(told)
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
    if json:
        console.print_json(found.as_json())
    else:
        print(found)
    return 0
