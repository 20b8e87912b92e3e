"""Commands on results that exist: `view` and `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

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
