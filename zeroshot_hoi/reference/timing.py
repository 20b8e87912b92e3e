"""Eased time: nothing starts or stops abruptly."""

from __future__ import annotations

import numpy as np


def minimum_jerk(u: np.ndarray) -> np.ndarray:
    """0 to 1 with zero velocity and acceleration at both ends (Flash & Hogan 1985), for `u` clipped to [0, 1]."""
    u = np.clip(u, 0.0, 1.0)
    return u**3 * (10.0 - 15.0 * u + 6.0 * u**2)


def phrase_time(frames: int, start: float, end: float) -> np.ndarray:
    """(T,) progress 0..1 of a phrase that lasts from `start` to `end` (fractions of the clip)."""
    clock = np.linspace(0.0, 1.0, frames)
    return np.clip((clock - start) / max(end - start, 1e-6), 0.0, 1.0)


def back_and_forth(u: np.ndarray, cycles: float) -> np.ndarray:
    """0 at the ends, 1 in the middle of every cycle, at rest at every turning point."""
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * cycles * u)
