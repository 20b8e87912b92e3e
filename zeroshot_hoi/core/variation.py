"""What differs between seeds: small draws within stated bounds, each by its own name.

Seed 0 is the plain way of doing it, where nothing is drawn. Draws depend on the seed and on their names
alone, so that one more of them changes no other.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19)
"""Their roots are the steps from seed to seed (a Kronecker sequence): neighboring seeds never draw nearly the same, as
they may where draws are random."""


@dataclass(frozen=True)
class Variation:
    """The draws of one seed."""

    seed: int

    def offset(self, low: float, high: float, *names: str) -> float:
        """A number spread evenly over [low, high]; 0 for seed 0."""
        return 0.0 if self.seed == 0 else self._draw(low, high, names)

    def factor(self, low: float, high: float, *names: str) -> float:
        """A number spread evenly over [low, high]; 1 for seed 0."""
        return 1.0 if self.seed == 0 else self._draw(low, high, names)

    def _draw(self, low: float, high: float, names: tuple[str, ...]) -> float:
        key = zlib.crc32("/".join(names).encode())
        step = float(np.sqrt(PRIMES[key % len(PRIMES)]))
        return low + (high - low) * ((key / 2**32 + self.seed * step) % 1.0)
