"""`python -m benchmarks speed`: what a run costs, what limits it, and how that compares with a paper's loop.

Every ratio is of two times of one run on one machine. The paper-style loop is eager torch with Adam, one start after
another, all frames at once; where the whole of it takes too long a sample of its steps is timed and the rest is
multiplied, which the report says. `--full` runs all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.clock import measure_machine
from benchmarks.speed_report import BARS, Line, Options, devices, limit_of, missed_bars, write_lines
from benchmarks.speed_scaling import scaling
from benchmarks.speed_sections import energies, evaluation, hoi_page, solver, stages

SECTIONS: dict[str, Callable[[Options], Iterable[Line]]] = {
    "stages": stages, "evaluation": evaluation, "energies": energies, "hoi_page": hoi_page, "solver": solver,
    "scaling": scaling,
}  # fmt: skip


def run_speed(names: Sequence[str] | None, options: Options, out: Path, console: Console) -> int:
    """0 where every bar that was measured holds, 1 where one is missed or a section crashed, 2 for a wrong name."""
    unknown = [name for name in names or [] if name not in SECTIONS]
    if unknown:
        console.print(f"No section is called {', '.join(unknown)}. Known: {', '.join(SECTIONS)}.")
        return 2
    machine = measure_machine()
    console.print(
        f"{machine.cores} cores, load {machine.load:.2f}, {machine.flops / 1e9:.3g} GFLOP/s, "
        f"{machine.bandwidth / 1e9:.3g} GB/s, {', '.join(devices())}; {options.frames} frames"
    )
    lines: list[Line] = []
    crashed = False
    for name in names or SECTIONS:
        try:
            for line in SECTIONS[name](options):
                _tell(line, lines, console)
                write_lines(machine, lines, out)
        except Exception as error:
            _tell(Line(name, "CRASHED", float("nan"), "", f"{type(error).__name__}: {error}"), lines, console)
            crashed = True
    write_lines(machine, lines, out)
    missed = missed_bars(lines)
    table = Table("ratio", "measured", "bar")
    for line in lines:
        if line.what in BARS:
            table.add_row(line.what, f"{line.value:.3g}", f"{BARS[line.what]:g}" + (" MISSED" * (line in missed)))
        elif limit_of(line) is not None:
            limit = f"at most {limit_of(line):g}" + (" MISSED" * (line in missed))
            table.add_row(f"exponent of {line.what}", f"{line.value:.3g}", limit)
    console.print(table)
    return int(bool(missed) or crashed)


def _tell(line: Line, lines: list[Line], console: Console) -> None:
    text = f"{line.section}: {line.what} {line.value:.4g} {line.unit}  {line.note}"
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    lines.append(line)
