"""What a published measure is: a pure function with a name of its own, a unit, a direction, a threshold and a source.

One rule holds for all of them. A NaN among the inputs makes the answer NaN; so does an input without an element, and a
question without an answer (a share of no frames). Nothing is skipped silently: `batch` counts what had no answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.metrics.metric import Metric

NEUTRAL = "closer to real"
"""Direction of measures that neither more nor less makes better, such as the diversity of motions."""


class MetricError(HoiError):
    """Arrays that a measure cannot use."""


@dataclass(frozen=True)
class Summary:
    """A measure over many samples."""

    mean: float
    """Of the samples with an answer; NaN where there is none."""
    deviation: float
    """Standard deviation of the same samples."""
    count: int
    """Samples with an answer."""
    undefined: int
    """Samples without one."""

    @classmethod
    def of(cls, values: Iterable[float]) -> Summary:
        """Summarize values of which some may be NaN."""
        known = np.array(list(values), dtype=np.float64)
        finite = known[~np.isnan(known)]
        if not len(finite):
            return cls(math.nan, math.nan, 0, len(known))
        return cls(float(finite.mean()), float(finite.std()), len(finite), len(known) - len(finite))


@dataclass(frozen=True)
class Measure:
    """One published measure; call it with its function's arguments."""

    name: str
    unit: str
    direction: str
    """`lower`, `higher` or `closer to real`."""
    threshold: str
    """Constants inside the formula; empty where there are none."""
    formula: str
    source: str
    """Who uses it, and where this variant is written down."""
    function: Callable[..., float]

    def __call__(self, *arguments: Any, **options: Any) -> float:
        """The value; NaN where it is not defined."""
        arrays = [a for a in (*arguments, *options.values()) if isinstance(a, np.ndarray)]
        for array in arrays:
            if not array.size or (array.dtype.kind == "f" and np.isnan(array).any()):
                return math.nan
        return float(self.function(*arguments, **options))

    def metric(self, subject: str, *arguments: Any, **options: Any) -> Metric:
        """The value with its unit and direction, reported without a bar."""
        return Metric(f"{self.name}:{subject}", self(*arguments, **options), self.unit, self.direction)

    def batch(self, samples: Iterable[tuple[Any, ...] | Mapping[str, Any]]) -> Summary:
        """Over many samples: each a tuple of positional arguments or a mapping of named ones."""
        return Summary.of(self(**s) if isinstance(s, Mapping) else self(*s) for s in samples)


def measure(
    name: str, unit: str, direction: str, formula: str, source: str, threshold: str = ""
) -> Callable[[Callable[..., float]], Measure]:
    """Make a Measure of a function."""

    def wrap(function: Callable[..., float]) -> Measure:
        return Measure(name, unit, direction, threshold, formula, source, function)

    return wrap


def require_shape(where: str, array: Any, *shape: int | None) -> np.ndarray:
    """The array as floats once it has that shape; None stands for any length."""
    checked = np.asarray(array, dtype=np.float64)
    if checked.ndim != len(shape) or any(w is not None and w != s for w, s in zip(shape, checked.shape, strict=True)):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise MetricError(f"{where} got an array of shape {checked.shape}; it takes ({wanted}).")
    return checked


def require_same(where: str, first: np.ndarray, second: np.ndarray) -> None:
    """Both arrays must have one shape."""
    if first.shape != second.shape:
        raise MetricError(f"{where} compares arrays of one shape; it got {first.shape} and {second.shape}.")
