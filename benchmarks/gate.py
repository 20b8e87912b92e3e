"""Rows of a benchmark, the committed baseline, and what counts as worse.

A gate that lets a crash through measures nothing: a row that is missing, not a number, or came from a workload that
raised fails like a slow one.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

LOWER, HIGHER = "lower", "higher"
BASELINE = Path(__file__).with_name("baseline.json")
CRASHED = "crashed"


@dataclass(frozen=True)
class Row:
    """One measured number."""

    key: str
    value: float
    unit: str
    direction: str
    """`lower` or `higher`: which values are better."""
    tolerance: float
    """Largest ratio, above 1, by which the value may be worse than the baseline."""
    note: str = ""


def crashed(workload: str, error: BaseException) -> Row:
    """The row of a workload that raised; it has no number, so no gate lets it pass."""
    return Row(f"{workload}:{CRASHED}", math.nan, "", LOWER, 1.0, f"{type(error).__name__}: {error}")


def compare(rows: Iterable[Row], baseline: Iterable[Row]) -> list[str]:
    """One sentence for every reason to fail; empty where all is well."""
    measured = {row.key: row for row in rows}
    expected = {row.key: row for row in baseline}
    failures = [f"{key}: missing; the baseline has it." for key in expected if key not in measured]
    for key, row in measured.items():
        if not math.isfinite(row.value):
            failures.append(f"{key}: {row.note or 'no finite number'}.")
        elif key not in expected:
            failures.append(f"{key}: not in the baseline; add it with --update-baseline.")
        elif reason := _worse(row, expected[key]):
            failures.append(f"{key}: {reason}")
    return failures


def _worse(row: Row, base: Row) -> str:
    if (row.unit, row.direction) != (base.unit, base.direction):
        return f"unit or direction differ ({row.unit} {row.direction}; baseline {base.unit} {base.direction})."
    if not math.isfinite(base.value) or base.value <= 0.0 or row.value < 0.0:
        return f"ratios need positive numbers; baseline {base.value}, now {row.value}."
    best, worst = (base.value, row.value) if row.direction == LOWER else (row.value, base.value)
    ratio = math.inf if best == 0.0 else worst / best
    if ratio <= base.tolerance:
        return ""
    return (
        f"{row.value:.4g} {row.unit} is {ratio:.2f} times worse than {base.value:.4g}; {base.tolerance:g} is allowed."
    )


def read_baseline(path: Path = BASELINE) -> list[Row]:
    """The committed rows; none where there is no file, so that every measured row is called unknown."""
    if not path.is_file():
        return []
    return [Row(**row) for row in json.loads(path.read_text())]


def write_baseline(rows: Iterable[Row], path: Path = BASELINE) -> None:
    """Replace the baseline; numbers that are missing or not finite never become one."""
    rows = list(rows)
    bad = [row.key for row in rows if not math.isfinite(row.value)]
    if bad:
        raise ValueError(f"The baseline keeps its old numbers: {', '.join(bad)} crashed or gave no finite number.")
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    os.replace(temporary, path)
