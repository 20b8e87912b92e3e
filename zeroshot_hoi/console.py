"""What the command line draws: progress bars with the falling energy, the table of metrics, the files written."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from zeroshot_hoi.core import solution

MINIMUM_WIDTH = 120
"""Columns assumed where output is not a terminal, so that tables in a log stay whole."""


TITLE_WIDTH = 22
"""Columns of a stage's name."""


class _PipedConsole(Console):
    """rich ends the program itself where the reader of a pipe has gone; the entry point knows better what to say."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        raise BrokenPipeError


def make_console(stream: TextIO | None = None, quiet: bool = False) -> Console:
    """A console on standard output, or on `stream`; a quiet one prints nothing."""
    console = _PipedConsole(file=stream, highlight=False, quiet=quiet)
    if not console.is_terminal:
        console = _PipedConsole(file=stream, highlight=False, width=MINIMUM_WIDTH, quiet=quiet)
    return console


def print_json(value: object) -> None:
    """The one thing that a command prints with --json."""
    print(json.dumps(value, indent=1, allow_nan=False), flush=True)


@dataclass
class _Bar:
    """What the running stage's bar has shown so far: a stage may be solved several times in a row (starts, passes)."""

    title: str
    task: TaskID
    rounds: int = 1
    step: int = 0
    first: float | None = None
    """Energy at the first event of this round."""


class StageBars:
    """A listener that keeps one bar per stage; in a log, one line per stage when it is done."""

    def __init__(self, progress: Progress, live: bool = True) -> None:
        self._progress, self._live = progress, live
        self._bar: _Bar | None = None

    def __call__(self, event: solution.Progress) -> None:
        title, note = _title(event)
        total = max(event.total, 1)
        if self._bar is None or self._bar.title != title:
            self.finish()
            self._bar = _Bar(title, self._progress.add_task(title, total=total, detail=""))
        stage = self._bar
        if event.step < stage.step:
            stage.rounds, stage.first = stage.rounds + 1, None
        stage.step = event.step
        stage.first = event.energy if stage.first is None else stage.first
        self._progress.update(stage.task, completed=event.step, total=total, detail=_detail(stage, event.energy, note))

    def finish(self) -> None:
        """Fill the bars of the stages behind us: a solver that stopped early is done all the same."""
        for task in self._progress.tasks:
            if task.stop_time is not None:
                continue
            self._progress.update(task.id, completed=task.total)
            self._progress.stop_task(task.id)
            if not self._live:
                line = f"{task.description:<{TITLE_WIDTH}} {task.elapsed or 0.0:6.1f} s  {task.fields['detail']}"
                self._progress.console.print(line.rstrip(), markup=False)


def _title(event: solution.Progress) -> tuple[str, str]:
    """A bar's name and its note. A note `iron: signed distances` asks for a bar of the iron's own."""
    subject, colon, rest = event.note.partition(": ")
    return (f"{event.stage} {subject}", rest) if colon else (event.stage, event.note)


def _detail(stage: _Bar, energy: float | None, note: str) -> str:
    """`energy 26,950 -> 491  round 3`"""
    if energy is None or stage.first is None:
        return "" if note == "done" else note
    words = [f"energy {_number(stage.first)} -> {_number(energy)}"]
    words += [f"round {stage.rounds}"] if stage.rounds > 1 else []
    return "  ".join([*words, note] if note else words)


def _number(value: float) -> str:
    """Three digits, without exponents where a person would not write one."""
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e7 else f"{value:.3g}"


@contextmanager
def progress_bars(console: Console) -> Iterator[solution.ProgressListener]:
    """Bars on the screen, or lines in a log, while the body of the `with` runs."""
    live = console.is_terminal or console.quiet
    columns = (
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn(f"{{task.description:<{TITLE_WIDTH}}}", style="bold"),
        BarColumn(bar_width=24, complete_style="cyan", finished_style="green"),
        TextColumn("{task.completed:.0f}/{task.total:.0f}", justify="right"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
    )
    with Progress(*columns, console=console, disable=not live) as progress:
        bars = StageBars(progress, live)
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


def metrics_json(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Every metric's value, unit, direction, threshold and verdict, as JSON values; no NaN, which JSON has not."""
    return {
        key: {
            "value": metric.value if math.isfinite(metric.value) else None,
            "unit": metric.unit,
            "direction": metric.direction,
            "threshold": metric.threshold,
            "passed": metric.passed,
        }
        for key, metric in metrics.items()
    }


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
