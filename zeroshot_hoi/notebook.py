"""Progress bars in a notebook: one line per stage in one output that is redrawn, without any widget package."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from html import escape
from typing import Any

from zeroshot_hoi.core.solution import Progress, ProgressListener, silent

REDRAW = 0.2
"""Seconds between two drawings."""


@dataclass
class _Line:
    stage: str
    begun: float
    step: int = 0
    total: int = 1
    energy: float | None = None
    note: str = ""
    ended: float | None = None


class NotebookBars:
    """A listener that draws every stage's bar, energy and time below the cell that runs; each cell gets its own."""

    def __init__(self) -> None:
        self._cell: int | None = None
        self._lines: list[_Line] = []
        self._shown: Any = None
        self._drawn = 0.0

    def __call__(self, event: Progress) -> None:
        now = time.monotonic()
        if self._cell != (cell := _running_cell()):
            self._cell, self._lines, self._shown = cell, [], None
        fresh = not self._lines or self._lines[-1].stage != event.stage
        if fresh:
            if self._lines:
                self._lines[-1].ended = self._lines[-1].ended or now
            self._lines.append(_Line(event.stage, now))
        line = self._lines[-1]
        line.step, line.total, line.note = event.step, max(event.total, 1), event.note
        line.energy = event.energy if event.energy is not None else line.energy
        if event.step >= event.total:
            line.ended = now
        if fresh or line.ended == now or now - self._drawn >= REDRAW:
            self._draw(now)

    def html(self, now: float) -> str:
        """The bars as they are; the last stage's clock stands at `now`."""
        rows = []
        for line in self._lines:
            share = 100.0 if line.ended is not None else 100.0 * line.step / line.total
            energy = "" if line.energy is None else f"energy {line.energy:,.4g}"
            bar = (
                '<div style="width:160px;height:8px;background:#8883;border-radius:4px">'
                f'<div style="width:{share:.0f}%;height:8px;background:#16876b;border-radius:4px"></div></div>'
            )
            seconds = f"{(line.ended or now) - line.begun:.1f} s"
            cells = (escape(line.stage), bar, seconds, escape(" ".join(filter(None, (energy, line.note)))))
            rows.append("<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells) + "</tr>")
        return f"<table>{''.join(rows)}</table>"

    def _draw(self, now: float) -> None:
        from IPython.display import HTML, display

        self._drawn = now
        picture = HTML(self.html(now))
        if self._shown is None:
            self._shown = display(picture, display_id=True)
        else:
            self._shown.update(picture)


def _running_cell() -> int:
    """The number of the cell that runs; 0 outside a notebook."""
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "execution_count", 0)


def default_listener() -> ProgressListener:
    """Bars where the code runs in a notebook's cell, silence elsewhere."""
    if "ipykernel" not in sys.modules:
        return silent
    from IPython.core.getipython import get_ipython

    return NotebookBars() if hasattr(get_ipython(), "kernel") else silent
