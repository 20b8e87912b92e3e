"""Runs every workload, never lets one that raises pass in silence, and prints the rows beside the baseline."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.gate import Row, crashed, read_baseline
from benchmarks.kernels import body_motion, distance_field
from benchmarks.main_job import main_job
from benchmarks.solver import against_adam, engines

Workload = Callable[[], list[Row]]

WORKLOADS: Mapping[str, Workload] = {
    "distance field": distance_field,
    "body motion": body_motion,
    "solver": against_adam,
    "engines": engines,
    "main job": main_job,
}
"""To add a workload: a function that returns rows, and its line here."""


def run_workloads(names: Sequence[str], workloads: Mapping[str, Workload] = WORKLOADS) -> list[Row]:
    """Rows of the named workloads; one that raises gives a row without a number."""
    rows: list[Row] = []
    for name in names:
        try:
            rows += workloads[name]()
        except Exception as error:
            traceback.print_exc()
            rows.append(crashed(name, error))
    return rows


def print_rows(rows: Sequence[Row], console: Console) -> None:
    baseline = {row.key: row for row in read_baseline()}
    table = Table("key", "value", "unit", "better", "tolerance", "baseline", "note")
    for row in rows:
        base = baseline.get(row.key)
        numbers = (f"{row.value:.4g}", row.unit, row.direction, f"{row.tolerance:g}")
        table.add_row(row.key, *numbers, f"{base.value:.4g}" if base else "-", row.note)
    console.print(table)
