"""Lines of the speed report, what they must reach, and how two times become a ratio."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.clock import Spent

BARS = {
    "evaluation: JAX over eager torch": 3.0,
    "hoi_page: compiled loop over the paper-style loop": 5.0,
    "default solver over the paper-style loop to its energy": 20.0,
    "default solver over the paper-style loop to ours": 20.0,
}
"""Ratio -> what it should reach on 2 cores."""

LIMIT = 1.15
"""The largest exponent with which a whole step may grow in frames and in people: linear, and what noise adds."""

WHOLE = ("iteration", "hoi_page step")
"""What a step is; its parts have exponents of their own, without a limit."""

STARTS = 4
STEPS = 600


@dataclass(frozen=True)
class Line:
    """One line of the report."""

    section: str
    what: str
    value: float
    unit: str
    note: str = ""


@dataclass(frozen=True)
class Options:
    """What to time and how long."""

    frames: int = 49
    sample: int = 3
    """Steps of the paper-style loop that are timed."""
    full: bool = False
    """Run the paper-style loops to their end."""
    result: Path | None = None
    """A result to observe instead of a run of a recipe."""


def missed_bars(lines: Sequence[Line]) -> list[Line]:
    """Ratios below their bars, exponents above their limits, and either of them where it is not a number."""
    return [
        line for line in lines
        if (line.what in BARS and not line.value >= BARS[line.what])
        or (limit_of(line) is not None and not line.value <= LIMIT)
    ]  # fmt: skip


def limit_of(line: Line) -> float | None:
    """The largest exponent that a line of scaling may have; None where anything goes."""
    grown, step = line.what.split(", ", 1)[0], line.what.rsplit(", ", 1)[-1]
    return LIMIT if line.unit == "exponent" and grown in ("frames", "people") and step in WHOLE else None


def write_lines(machine: Any, lines: Sequence[Line], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    record = {"machine": asdict(machine), "lines": [asdict(line) for line in lines]}
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def ratio_line(name: str, slow: Spent, fast: Spent, note: str = "") -> Line:
    """The smaller of the ratios of wall time and of processor time: on a busy machine neither pauses nor idle threads
    flatter."""
    wall, work = slow.seconds / fast.seconds, slow.cpu / max(fast.cpu, 1e-9)
    text = f"{wall:.3g} in wall time, {work:.3g} in processor time; the smaller counts"
    return Line("ratio", name, min(wall, work), "times", text + (f"; {note}" if note else ""))


def cpu_note(spent: Spent) -> str:
    return f"{1e3 * spent.cpu:.3g} ms of processor time"


def sampled(steps: int) -> str:
    return "every step timed" if steps == STEPS else f"{steps} steps timed, the rest multiplied"


def has_torch() -> bool:
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


def devices() -> list[str]:
    """`cpu`, and `cuda` where torch sees one."""
    try:
        import torch
    except ImportError:
        return ["cpu"]
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
