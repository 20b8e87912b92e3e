"""What an evaluation says: a table as text and as CSV, everything as JSON, and one picture."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zeroshot_hoi.evaluation.cases import Case
from zeroshot_hoi.evaluation.runs import FINISHED, Run
from zeroshot_hoi.evaluation.strip import contact_sheet
from zeroshot_hoi.evaluation.work import STRIP
from zeroshot_hoi.metrics.metric import Metric
from zeroshot_hoi.results.archive import replacing

TARGET = 0.9
"""Share of runs that are to hold every bar."""


def worst_values(run: Run) -> dict[str, Metric]:
    """Kind of metric (`penetration max`) -> the worst of a run's metrics of that kind, by its bar where it has one."""
    found: dict[str, Metric] = {}
    for key, told in run.metrics.items():
        metric, kind = Metric(key, **told), key.split(":")[0]
        if kind not in found or metric.excess > found[kind].excess:
            found[kind] = metric
    return found


def kinds_of(runs: Sequence[Run]) -> list[str]:
    """Every kind of metric that a run has, in the order in which they first appear."""
    return list(dict.fromkeys(key.split(":")[0] for run in runs for key in run.metrics))


def verdict(run: Run) -> str:
    """`all 23 bars hold`, `2 of 23 bars missed: jitter:person 1 2.41 mm (bar 2); ...`, or how it failed."""
    if run.state != FINISHED:
        return f"{run.state}: {run.error}" if run.error else run.state
    if not run.missed:
        return f"all {len(run.judged)} bars hold"
    told = [f"{m.key} {m.value:.3g} {m.unit} (bar {m.threshold:g})" for m in run.judged if not m.passed]
    return f"{len(told)} of {len(run.judged)} bars missed: " + "; ".join(told)


def text_table(runs: Sequence[Run]) -> str:
    """The runs with verdict, seconds and memory, then the worst value of every kind of metric, then the shares."""
    lines = _columns(
        [("recipe", "meshes", "seed", "seconds", "MB", "verdict")]
        + [(r.recipe, r.meshes, str(r.seed), f"{r.seconds:.0f}", _number(r.peak_mb, 0), verdict(r)) for r in runs]
    )
    kinds = kinds_of(runs)
    rows: list[tuple[str, ...]] = [("metric, worst of a run", "best run", "median", "worst run", "runs", "missed by")]
    for kind in kinds:
        found = [worst[kind] for run in runs if kind in (worst := worst_values(run))]
        ranked = sorted(found, key=lambda metric: metric.excess)
        cells = [f"{metric.value:.3g}" for metric in (ranked[0], ranked[len(ranked) // 2], ranked[-1])]
        missed = str(sum(metric.passed is False for metric in found)) if found[0].threshold is not None else "no bar"
        rows.append((f"{kind} ({found[0].unit})", *cells, str(len(found)), missed))
    return "\n".join([*lines, "", *_columns(rows), "", *share_lines(runs)]) + "\n"


def share_lines(runs: Sequence[Run]) -> list[str]:
    """How many runs hold every bar, in all and by recipe."""
    good = sum(run.holds for run in runs)
    lines = [f"{good} of {len(runs)} runs hold every bar ({good / max(len(runs), 1):.0%}; target {TARGET:.0%})."]
    for recipe in dict.fromkeys(run.recipe for run in runs):
        mine = [run for run in runs if run.recipe == recipe]
        if not all(run.holds for run in mine):
            lines.append(f"  {recipe}: {sum(run.holds for run in mine)} of {len(mine)}")
    if len({run.code for run in runs if run.state == FINISHED}) > 1:
        lines.append("Kept runs were made by other versions of the code (column `code`); --fresh runs them again.")
    return lines


def csv_table(runs: Sequence[Run]) -> str:
    """One line a run: what, how it ended, and the worst value of every kind of metric."""
    kinds, target = kinds_of(runs), io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    head = ["recipe", "meshes", "seed", "state", "holds", "missed", "seconds", "peak_mb", "code", "error"]
    writer.writerow([*head, *kinds])
    for run in runs:
        worst = worst_values(run)
        values = [f"{worst[kind].value:.6g}" if kind in worst else "" for kind in kinds]
        about = [run.state, run.holds, "; ".join(run.missed), run.seconds, _number(run.peak_mb, 1), run.code, run.error]
        writer.writerow([run.recipe, run.meshes, run.seed, *about, *values])
    return target.getvalue()


def as_json(runs: Sequence[Run]) -> dict[str, Any]:
    """Everything, without NaN, which JSON has not."""
    rows = [asdict(run) | {"holds": run.holds, "missed": run.missed} for run in runs]
    return {"runs": _finite(rows), "held": sum(run.holds for run in runs), "target": TARGET}


def write_all(runs: Sequence[Run], out: Path) -> list[Path]:
    """Write `table.txt`, `table.csv` and `table.json`; the paths."""
    texts = {
        "table.txt": text_table(runs),
        "table.csv": csv_table(runs),
        "table.json": json.dumps(as_json(runs), indent=1) + "\n",
    }
    for name, text in texts.items():
        with replacing(out / name) as temporary:
            temporary.write_text(text, "utf-8")
    return [out / name for name in texts]


def write_picture(cases: Sequence[Case], runs: Sequence[Run], out: Path) -> Path:
    """Write `contact_sheet.png`, all runs at a glance."""
    entries = [
        (f"{run.recipe}, {run.meshes}, seed {run.seed}", verdict(run), run.holds, out / case.folder / STRIP)
        for case, run in zip(cases, runs, strict=True)
    ]
    path, good = out / "contact_sheet.png", sum(run.holds for run in runs)
    with replacing(path) as temporary:
        contact_sheet(entries, f"{good} of {len(runs)} runs hold every bar").save(temporary, format="PNG")
    return path


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows of words under one another; the last column is not padded."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]) - 1)]
    return ["  ".join([*(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=False)), row[-1]]) for row in rows]
