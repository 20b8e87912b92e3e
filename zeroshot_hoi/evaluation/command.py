"""`zeroshot-hoi evaluate --all`: run what is not done yet, and tell after every run how it stands."""

from __future__ import annotations

import time
from collections.abc import Sequence
from json import dumps
from pathlib import Path

from rich.console import Console

from zeroshot_hoi.evaluation import runs as running
from zeroshot_hoi.evaluation import tables
from zeroshot_hoi.evaluation.cases import all_cases, mesh_folder, missing_meshes
from zeroshot_hoi.evaluation.variety import varieties, variety_line, write_varieties


def evaluate_all(
    seeds: int,
    only: Sequence[str],
    out: Path,
    fresh: bool,
    json: bool,
    screen: Console,
    command: running.Command = running.work_command,
) -> int:
    """Exit code 0 where every run finished and holds every bar, 1 otherwise."""
    cases = all_cases(seeds, only)
    if absent := missing_meshes(cases):
        screen.print(
            f"{absent} sets of real meshes are not in {mesh_folder()} and are left out; "
            "ZEROSHOT_HOI_MESHES names their folder.",
            markup=False,
        )
    done: list[running.Run] = []
    for number, case in enumerate(cases, start=1):
        run, kept = running.run_case(case, out, fresh=fresh, command=command)
        done.append(run)
        told = "kept" if kept else f"{run.seconds:.0f} s"
        screen.print(
            f"{time.strftime('%H:%M')} {number}/{len(cases)} {case.title} ({told}): {tables.verdict(run)}",
            markup=False,
            soft_wrap=True,
        )
        # After every run, so that an interrupt leaves a table of those that are done.
        written = tables.write_all(done, out)
    written.append(tables.write_picture(cases, done, out))
    screen.print("\n".join(tables.share_lines(done)), markup=False)
    if found := varieties(cases, done, out):
        written.append(write_varieties(found, out))
        screen.print(variety_line(found), markup=False)
    for path in written:
        screen.print(f"wrote {path}", markup=False)
    if json:
        print(dumps(tables.as_json(done), indent=1))
    return 0 if all(run.holds for run in done) else 1
