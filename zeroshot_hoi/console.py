"""What the command line draws: progress bars with the falling energy, the table of metrics, the files written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from zeroshot_hoi.core import solution

MINIMUM_WIDTH = 120
"""Columns assumed where output is not a terminal, so that tables in a log stay whole."""


def make_console(stream: TextIO | None = None) -> Console:
    """A console on standard output, or on `stream`."""
    console = Console(file=stream, highlight=False)
    return console if console.is_terminal else Console(file=stream, highlight=False, width=MINIMUM_WIDTH)


class StageBars:
    """A listener that keeps one bar per stage."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._first_energy: dict[str, float] = {}

    def __call__(self, event: solution.Progress) -> None:
        if event.stage not in self._tasks:
            self.finish()
            self._tasks[event.stage] = self._progress.add_task(event.stage, total=max(event.total, 1), detail="")
        self._progress.update(
            self._tasks[event.stage],
            completed=event.step,
            total=max(event.total, 1),
            detail=self._detail(event),
        )

    def finish(self) -> None:
        """Fill the bars of the stages behind us: a solver that stopped early is done all the same."""
        for task in self._progress.tasks:
            self._progress.update(task.id, completed=task.total)
            self._progress.stop_task(task.id)

    def _detail(self, event: solution.Progress) -> str:
        if event.energy is None:
            return event.note
        first = self._first_energy.setdefault(event.stage, event.energy)
        return f"energy {first:.3g} -> {event.energy:.3g}" + (f"  {event.note}" if event.note else "")


@contextmanager
def progress_bars(console: Console) -> Iterator[solution.ProgressListener]:
    """Bars on the screen while the body of the `with` runs."""
    columns = (
        TextColumn("{task.description}", style="bold"),
        BarColumn(bar_width=28),
        TextColumn("{task.completed:.0f}/{task.total:.0f}", justify="right"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
    )
    with Progress(*columns, console=console) as progress:
        bars = StageBars(progress)
        yield bars
        bars.finish()


def metrics_table(metrics: Mapping[str, Any], title: str = "") -> Table:
    """Every metric with its unit, its bar and whether it holds; those without a bar come last."""
    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for heading, justify in (("metric", "left"), ("value", "right"), ("unit", "left"), ("bar", "right"), ("", "left")):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for metric in sorted(metrics.values(), key=lambda metric: metric.passed is None):
        sign = "<=" if metric.direction == "lower" else ">="
        bar = "" if metric.threshold is None else f"{sign} {metric.threshold:g}"
        verdict = {True: ("holds", "green"), False: ("missed", "bold red"), None: ("", "")}[metric.passed]
        table.add_row(Text(metric.key), f"{metric.value:.4g}", Text(metric.unit), bar, Text(*verdict))
    return table


def verdict_line(metrics: Mapping[str, Any]) -> str:
    """`12 of 13 bars hold; missed: jitter:person 1.`"""
    judged = [metric for metric in metrics.values() if metric.passed is not None]
    missed = [metric.key for metric in judged if not metric.passed]
    if not judged:
        return "No metric has a bar."
    return f"{len(judged) - len(missed)} of {len(judged)} bars hold" + (
        f"; missed: {', '.join(missed)}." if missed else "."
    )


def written_files(paths: Iterable[Path]) -> Text:
    """The paths, one a line, with their sizes."""
    return Text("\n".join(["Written:", *(f"  {path}  ({path.stat().st_size / 1e6:.1f} MB)" for path in paths)]))
