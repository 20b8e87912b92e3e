"""The measures of the field under names of their own: pure functions of arrays, metres and seconds.

Every one is a `Measure`: call it, `.batch` it over samples, or read its formula, unit, direction, threshold and source.
`measures()` lists them all; `docs/evaluation.md` is the same table to read.
"""

from __future__ import annotations

from importlib import import_module

from zeroshot_hoi.metrics.published.measure import Measure, MetricError, Summary

MODULES = (
    "contact", "penetration", "smoothness", "feet", "accuracy", "distribution", "tracks", "pictures", "semantics",
    "vbench",
)  # fmt: skip

__all__ = ["MODULES", "Measure", "MetricError", "Summary", "measures"]


def measures() -> dict[str, tuple[str, Measure]]:
    """Every measure by name, with the place `module.function` where it is written."""
    found: dict[str, tuple[str, Measure]] = {}
    for module in MODULES:
        for name, value in vars(import_module(f"{__name__}.{module}")).items():
            if isinstance(value, Measure) and value.function.__module__.endswith(f".{module}"):
                found[value.name] = (f"{module}.{name}", value)
    return found
