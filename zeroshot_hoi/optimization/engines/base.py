"""What a solver asks of an engine, and how both engines cut a problem into chunks of frames.

A chunk has a fixed number of frames, so that one compiled function serves key frames, starts and the full clip: a new
number of frames would compile anew (10 s and more).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.optimization.problem import Problem, frame_residuals

CHUNK = 7
"""Frames evaluated together."""


class Engine(Protocol):
    """Evaluates a problem's frames; everything in and out is numpy float64."""

    problem: Problem

    def energies(self, x: np.ndarray) -> np.ndarray:
        """(T, K) energy of each term in each frame, for unknowns `x (T, n)`."""
        ...

    def normal_equations(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gauss-Newton matrices (T, n, n), gradients (T, n) of half the energy, and energies (T, K)."""
        ...

    def take(self, frames: np.ndarray) -> Engine:
        """The same engine on some of the problem's frames."""
        ...


def term_arrays(problem: Problem) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Constants and frame arrays of every term; sigma travels as an array so that a new weight compiles nothing."""
    constants = [{**t.constants, "sigma": np.float64(t.sigma)} for t in problem.terms]
    return constants, [dict(t.frames) for t in problem.terms]


def residual_list(xp: Namespace, problem: Problem, x: Array, base: Any, constants: Any, frames: Any) -> list[Array]:
    """The residuals of one frame, one vector for each term."""
    data = tuple({**c, **f} for c, f in zip(constants, frames, strict=True))
    return frame_residuals(xp, problem, x, base, data)


def residual_vector(xp: Namespace, problem: Problem, x: Array, base: Any, constants: Any, frames: Any) -> Array:
    """All residuals of one frame in one vector."""
    return xp.concatenate(residual_list(xp, problem, x, base, constants, frames))


def term_energies(xp: Namespace, problem: Problem, x: Array, base: Any, constants: Any, frames: Any) -> Array:
    """(K,) sum of squares of each term in one frame."""
    return xp.stack([xp.sum(r * r) for r in residual_list(xp, problem, x, base, constants, frames)])


def whole_chunks(length: int) -> int:
    """How many chunks so many frames fill."""
    return -(-length // CHUNK)


def chunks(length: int) -> Iterator[tuple[np.ndarray, int]]:
    """Frame indices of each chunk, the last padded with its last frame, and how many of them are real."""
    for start in range(0, length, CHUNK):
        index = np.arange(start, start + CHUNK)
        yield np.minimum(index, length - 1), int(min(CHUNK, length - start))
