"""One measured number with its unit, which way is better, and the bar it must clear."""

from __future__ import annotations

import math
from dataclasses import dataclass

LOWER, HIGHER = "lower", "higher"


@dataclass(frozen=True)
class Metric:
    """A value that knows how to be judged. Metrics without a threshold are reported only."""

    key: str
    """`name:subject`, for example `penetration max:person 1|iron`."""
    value: float
    unit: str
    direction: str
    """`lower` or `higher`: which values are better."""
    threshold: float | None = None
    """The bar, in the same unit; None where the number is only reported."""

    @property
    def passed(self) -> bool | None:
        """Whether the bar holds; None without a bar. A NaN never passes."""
        if self.threshold is None:
            return None
        if math.isnan(self.value):
            return False
        return bool(self.value <= self.threshold if self.direction == LOWER else self.value >= self.threshold)

    @property
    def excess(self) -> float:
        """How far the value is on the wrong side of its bar, in units of the bar, so that metrics whose bars differ
        compare; of zero without a bar. Negative on the right side, infinite for a NaN."""
        if math.isnan(self.value):
            return math.inf
        sign, bar = (-1.0 if self.direction == HIGHER else 1.0), self.threshold or 0.0
        return sign * (self.value - bar) / (abs(bar) or 1.0)

    def __str__(self) -> str:
        sign = "<=" if self.direction == LOWER else ">="
        bar = "" if self.threshold is None else f" ({sign} {self.threshold:g}: {'pass' if self.passed else 'FAIL'})"
        return f"{self.key}: {self.value:.4g} {self.unit}{bar}"
