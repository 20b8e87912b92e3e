"""What a solver reports, and the progress events it emits on the way. Solvers never print."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Progress:
    """One event of a long run: which stage, how far, and the energy where there is one."""

    stage: str
    step: int
    total: int
    energy: float | None = None
    note: str = ""


ProgressListener = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """The listener that draws nothing."""


@dataclass(frozen=True)
class Solution:
    """The best point a solver found, whether or not it converged."""

    value: Any
    energy: float
    status: str
    """One sentence: converged, stopped at the limit, or diverged and why."""
    energies: Mapping[str, np.ndarray] = field(default_factory=dict)
    """term name -> (steps,) energy after each step."""
    stats: Mapping[str, float] = field(default_factory=dict)
