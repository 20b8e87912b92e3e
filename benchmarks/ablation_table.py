"""`python -m benchmarks ablation`: the default pipeline without one of its parts, beside what papers print."""

from __future__ import annotations

import json
import math
import os
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.left_out import VARIANTS, run_variant
from benchmarks.suite_measures import measure_all, measure_result
from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.evaluation.cases import Case
from zeroshot_hoi.results.result import Result

COLUMNS: Mapping[str, tuple[str, bool]] = {
    "hoi-page contact": ("contact (HOI-PAGE)", True),
    "midpoint smoothness at 8 fps:object": ("smoothness at 8 fps, m", False),
    "non-collision:both": ("non-collision", True),
    "object diversity": ("diversity, m", True),
    "bars that hold": ("our bars that hold", True),
    "edge contact": ("our contact, worst edge", True),
    "maximum depth:both": ("deepest, mm", False),
}
"""Measure -> its title, and whether more is better. The last three are strict."""

PRINTED: Mapping[str, Mapping[str, float]] = {
    "full": {"hoi-page contact": 0.76, "midpoint smoothness at 8 fps:object": 0.004, "object diversity": 0.83},
    "no part contact": {
        "hoi-page contact": 0.26, "midpoint smoothness at 8 fps:object": 0.011, "object diversity": 0.71,
    },
    "no motion states": {
        "hoi-page contact": 0.73, "midpoint smoothness at 8 fps:object": 0.006, "object diversity": 0.78,
    },
    "no part fitting": {
        "hoi-page contact": 0.76, "midpoint smoothness at 8 fps:object": 0.004, "object diversity": 0.81,
    },
}  # fmt: skip
"""HOI-PAGE's ablations; InteractAnything prints a model's choice only: 45.6 full, 39.1 without refinement, 26.1 without
relations."""


def measure_variant(result: Result, name: str) -> dict[str, float]:
    """Published measures of people with the objects that the graph joins them to, and the strict ones."""
    found = measure_result(result, name)
    metrics = result.metrics()
    met = [m.value for key, m in metrics.items() if key.startswith("hoi-page contact:") and "|" not in key]
    if met:
        found["hoi-page contact"] = float(np.mean(met))
    bars = [m for m in metrics.values() if m.passed is not None]
    found["bars that hold"] = float(np.mean([bool(m.passed) for m in bars]))
    contact = [m.value for m in bars if m.key.startswith("contact")]
    if contact:
        found["edge contact"] = float(min(contact))
    return found


@dataclass(frozen=True)
class AblationOptions:
    """What to run."""

    cases: tuple[Case, ...]
    variants: tuple[str, ...] = tuple(VARIANTS)
    frames: int | None = None


def run_ablations(options: AblationOptions, out: Path, console: Console, runner: Any = run_variant) -> int:
    """0 where every variant ran, 1 where one crashed, 2 for a wrong name. Rows that are there are not run again."""
    unknown = [name for name in options.variants if name not in VARIANTS]
    if unknown:
        console.print(f"Nothing is called {', '.join(unknown)}. Known: {', '.join(VARIANTS)}.")
        return 2
    rows: dict[str, dict[str, dict[str, Any]]] = {variant: {} for variant in options.variants}
    for case in options.cases:
        for variant in options.variants:
            row = _row(case, variant, options, out, runner)
            rows[variant][case.title] = row
            console.print(_line(case, variant, row), markup=False, highlight=False, soft_wrap=True)
    console.print(make_table(rows, _together(rows, options, out)))
    for sentence in orderings(rows):
        console.print(sentence, markup=False, soft_wrap=True)
    return int(any(row.get("crashed") for found in rows.values() for row in found.values()))


def _folder(case: Case, variant: str, options: AblationOptions, out: Path) -> Path:
    return out / case.folder / f"{options.frames or 'all'}_frames" / variant.replace(" ", "_")


def _row(case: Case, variant: str, options: AblationOptions, out: Path, runner: Any) -> dict[str, Any]:
    folder = _folder(case, variant, options, out)
    path = folder / "row.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if not kept.get("crashed"):
            return kept
    except (OSError, ValueError):
        pass
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    row: dict[str, Any] = {}
    try:
        result = runner(case, variant, options.frames)
        result.save(folder / "result.npz")
        missed = [m.key for m in result.metrics().values() if m.passed is False]
        row = {"measures": measure_variant(result, case.recipe), "missed": missed}
    except HoiError as error:
        row = {"refused": f"{type(error).__name__}: {error}"}
    except Exception:
        row = {"crashed": traceback.format_exc(limit=4)}
    row["seconds"] = time.perf_counter() - start
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)
    return row


def _line(case: Case, variant: str, row: Mapping[str, Any]) -> str:
    if "measures" not in row:
        word = "CRASHED" if row.get("crashed") else "REFUSED"
        return f"{case.title}: {variant} {word} {(row.get('crashed') or row['refused']).strip().splitlines()[-1]}"
    missed = ", ".join(row["missed"])
    return f"{case.title}: {variant} {row['seconds']:.0f} s  {'misses ' + missed if missed else 'all bars hold'}"


def _together(
    rows: Mapping[str, Mapping[str, Any]], options: AblationOptions, out: Path
) -> dict[str, dict[str, float]]:
    """Measures of all cases of a variant together: the diversity of their objects' ways."""
    found = {}
    for variant, by_case in rows.items():
        there = [case for case in options.cases if "measures" in by_case[case.title]]
        files = {case.title: _folder(case, variant, options, out) / "result.npz" for case in there}
        results = {r: Result.load(path) for r, path in files.items() if path.is_file()}
        found[variant] = measure_all(results) if len(results) > 1 else {}
    return found


def means(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Variant -> measure -> mean over the cases that have it."""
    found: dict[str, dict[str, float]] = {}
    for variant, by_case in rows.items():
        found[variant] = {}
        for measure in COLUMNS:
            values = [row["measures"].get(measure, math.nan) for row in by_case.values() if "measures" in row]
            values = [value for value in values if math.isfinite(value)]
            if values:
                found[variant][measure] = sum(values) / len(values)
    return found


def make_table(rows: Mapping[str, Mapping[str, Any]], together: Mapping[str, Mapping[str, float]]) -> Table:
    """Ours, and in brackets what HOI-PAGE prints."""
    count = max((len(found) for found in rows.values()), default=0)
    table = Table("left out", *[title for title, _ in COLUMNS.values()],
                  title=f"Mean over {count} cases; in brackets HOI-PAGE's ablation of the same name")  # fmt: skip
    found = means(rows)
    for variant in rows:
        cells = []
        for measure in COLUMNS:
            value = {**found[variant], **together.get(variant, {})}.get(measure, math.nan)
            printed = PRINTED.get(variant, {}).get(measure)
            cells.append(f"{value:.3g}" + (f" ({printed:g})" if printed is not None else ""))
        table.add_row(variant, *cells)
    return table


def orderings(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """For every measure, which variants are better than the full pipeline, or that none is."""
    found = means(rows)
    full, sentences = found.get("full", {}), []
    for measure, (title, more) in COLUMNS.items():
        if measure not in full:
            continue
        better = [
            variant for variant, values in found.items()
            if measure in values and (values[measure] > full[measure] if more else values[measure] < full[measure])
        ]  # fmt: skip
        sentences.append(
            f"{title}: " + (f"better than the full run: {', '.join(better)}" if better else "full is best")
        )
    return sentences
