"""What a solver asks of an engine, and how both engines cut a problem into chunks of frames.

Problems of as many people have chunks of as many frames, so that one compiled function serves key frames, starts and
the full clip: a new number of frames would compile anew (10 s and more).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.optimization.problem import Arrays, Problem, State, frame_state, moved_state, term_residual

CHUNK = 7
"""Frames evaluated together of a problem with one person."""


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


def merged(constants: Sequence[Arrays], frames: Sequence[Arrays]) -> tuple[Arrays, ...]:
    """Each term's constants and its slice of one frame."""
    return tuple({**c, **f} for c, f in zip(constants, frames, strict=True))


def residual_list(xp: Namespace, problem: Problem, x: Array, base: Any, constants: Any, frames: Any) -> list[Array]:
    """The residuals of one frame, one vector for each term."""
    state = frame_state(xp, problem, x, base)
    data = merged(constants, frames)
    return [term_residual(xp, term, state, arrays) for term, arrays in zip(problem.terms, data, strict=True)]


def residual_vector(xp: Namespace, problem: Problem, x: Array, base: Any, constants: Any, frames: Any) -> Array:
    """All residuals of one frame in one vector."""
    return xp.concatenate(residual_list(xp, problem, x, base, constants, frames))


def term_energies(xp: Namespace, problem: Problem, x: Array, base: Any, constants: Any, frames: Any) -> Array:
    """(K,) sum of squares of each term in one frame."""
    return xp.stack([xp.sum(r * r) for r in residual_list(xp, problem, x, base, constants, frames)])


def block_residuals(
    xp: Namespace, problem: Problem, terms: Sequence[int], block: int, x: Array, state: State, base: Any, data: Any
) -> list[Array]:
    """The residuals of some terms where one block has the unknowns `x` and all else is as in `state`."""
    moved = moved_state(xp, problem, state, block, x, base)
    return [term_residual(xp, problem.terms[k], moved, data[k]) for k in terms]


def readers(reads: Sequence[frozenset[int]], block: int) -> list[int]:
    """The terms that read a block."""
    return [k for k, blocks in enumerate(reads) if block in blocks]


def assemble(
    xp: Namespace, jacobians: Sequence[Mapping[int, Array]], values: Sequence[Array], sizes: Sequence[int]
) -> tuple[Array, Array]:
    """J^T J (*batch, n, n) and J^T r (*batch, n) from every block's Jacobians, term -> (*batch, R, size), and the
    residuals (*batch, R) of all terms; blocks that no term reads together meet in zeros."""
    gradients, rows = [], []
    for a, (first, width) in enumerate(zip(jacobians, sizes, strict=True)):
        residual = [values[k][..., None] for k in first]
        gradients.append(_product(xp, list(first.values()), residual, values[0], (width, 1))[..., 0])
        row = []
        for b, (second, height) in enumerate(zip(jacobians, sizes, strict=True)):
            if b < a:
                row.append(xp.swapaxes(rows[b][a], -1, -2))
                continue
            both = [k for k in first if k in second]
            pair = [first[k] for k in both], [second[k] for k in both]
            row.append(_product(xp, *pair, values[0], (width, height)))
        rows.append(row)
    whole = xp.concatenate([xp.concatenate(row, axis=-1) for row in rows], axis=-2)
    return whole, xp.concatenate(gradients, axis=-1)


def _product(
    xp: Namespace, first: Sequence[Array], second: Sequence[Array], like: Array, shape: tuple[int, int]
) -> Array:
    """A^T B of stacked rows, zeros of this shape where there are none."""
    if not first:
        return xp.broadcast_to(xp.zeros_like(like[..., :1])[..., None], (*like.shape[:-1], *shape))
    one, two = (xp.concatenate(pieces, axis=-2) for pieces in (first, second))
    return xp.matmul(xp.swapaxes(one, -1, -2), two)


def chunk_frames(problem: Problem) -> int:
    """Frames evaluated together: the fewer, the more people, so that a chunk takes as much memory as with one.

    Four people in 7 frames need 34 MB; what is beyond 32 is given back after every call, and taken anew page by page.
    """
    return -(-CHUNK // max(len(problem.blocks.people), 1))


def whole_chunks(length: int, frames: int) -> int:
    """How many chunks of so many frames `length` frames fill."""
    return -(-length // frames)


def chunks(problem: Problem) -> Iterator[tuple[np.ndarray, int]]:
    """Frame indices of each chunk, the last padded with its last frame, and how many of them are real."""
    length, frames = problem.length, chunk_frames(problem)
    for start in range(0, length, frames):
        index = np.arange(start, start + frames)
        yield np.minimum(index, length - 1), int(min(frames, length - start))
