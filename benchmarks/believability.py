"""Every quality bar on every recipe, its meshes and three seeds: one table, and whether a viewer would believe it.

A result is made by the library and written to a file; everything in the table is measured from that file alone, by
methods of our own (`bars.py`): ray crossings, scattered points and plain numpy.
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bars import Bar, measure_bars
from benchmarks.meshes import CASES, Case, available

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Run:
    """One case with one seed."""

    case: str
    seed: int
    seconds: float
    bars: tuple[Bar, ...] = field(default=())
    error: str = ""

    @property
    def holds(self) -> bool:
        """Whether it finished and every bar holds."""
        return not self.error and bool(self.bars) and all(bar.holds for bar in self.bars)


def believability_table(cases: Sequence[str] | None, quick: bool, folder: Path, reuse: bool, console: Console) -> int:
    """Run, measure, print, and write `believability.json` beside the results. Exit code 0 only where all bars hold."""
    unknown = [name for name in cases or () if name not in CASES]
    if unknown:
        console.print(f"No case is called {', '.join(unknown)}. Known: {', '.join(CASES)}.")
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    runs = []
    for name in cases or CASES:
        if not available(CASES[name]):
            console.print(f"Skipped '{name}': its meshes are not in the folder ZEROSHOT_HOI_MESHES names.")
            continue
        for seed in SEEDS[:1] if quick else SEEDS:
            run = run_case(CASES[name], seed, folder, reuse)
            console.print(summary(run), markup=False, highlight=False, soft_wrap=True)
            runs.append(run)
            # After every run, so that an interrupt keeps those that are done.
            (folder / "believability.json").write_text(json.dumps([as_json(run) for run in runs], indent=1) + "\n")
    console.print(make_table(runs))
    good = sum(run.holds for run in runs)
    console.print(f"{good} of {len(runs)} runs clear every bar.")
    return int(good < len(runs) or not runs)


def run_case(case: Case, seed: int, folder: Path, reuse: bool = False) -> Run:
    """Make one result, write it, and measure the file."""
    path = folder / f"{case.name.replace(' ', '_')}_{seed}.npz"
    start = time.perf_counter()
    try:
        if not (reuse and path.is_file()):
            from zeroshot_hoi import Pipeline

            Pipeline.from_recipe(case.recipe, seed=seed).run(case.pipeline_meshes() or None).save(path)
        seconds = time.perf_counter() - start
        return Run(case.name, seed, seconds, tuple(measure_bars(path)))
    except Exception as error:
        traceback.print_exc()
        return Run(case.name, seed, time.perf_counter() - start, error=f"{type(error).__name__}: {error}")


def summary(run: Run) -> str:
    """One line of a run, its failures named."""
    if run.error:
        return f"{run.case}, seed {run.seed}: CRASHED, {run.error}"
    missed = [f"{bar.name} {bar.value:.3g} {bar.unit}" for bar in run.bars if not bar.holds]
    verdict = "all bars hold" if not missed else "MISSED " + "; ".join(missed)
    return f"{run.case}, seed {run.seed} ({run.seconds:.0f} s): {verdict}"


def make_table(runs: Sequence[Run]) -> Table:
    """A line for each bar of each case, a column for each seed."""
    seeds = sorted({run.seed for run in runs})
    table = Table("case", "measure", "bar", *[f"seed {seed}" for seed in seeds], title="Believability")
    for case in dict.fromkeys(run.case for run in runs):
        mine = {run.seed: run for run in runs if run.case == case}
        if any(run.error for run in mine.values()):
            table.add_row(case, "finished", "yes", *["[red]no" if mine[seed].error else "yes" for seed in seeds])
        limits = {bar.name: bar for run in mine.values() for bar in run.bars}
        for name, bar in limits.items():
            cells = [_cell(mine[seed], name) for seed in seeds]
            sign = ">=" if bar.at_least else "<="
            table.add_row(case, name, f"{sign} {bar.limit:g} {bar.unit}", *cells)
        table.add_section()
    return table


def _cell(run: Run, name: str) -> str:
    bar = next((bar for bar in run.bars if bar.name == name), None)
    if bar is None:
        return "[red]missing"
    return f"[{'green' if bar.holds else 'red'}]{bar.value:.3g}{'' if bar.holds else ' FAIL'}"


def as_json(run: Run) -> dict[str, object]:
    """A run as plain data."""
    bars = [
        {"name": b.name, "value": b.value, "limit": b.limit, "unit": b.unit, "at_least": b.at_least, "holds": b.holds}
        for b in run.bars
    ]
    return {
        "case": run.case, "seed": run.seed, "seconds": run.seconds, "holds": run.holds, "error": run.error, "bars": bars
    }  # fmt: skip
