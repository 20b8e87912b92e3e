"""One step of all frames at once: people are chains in time, joined only where they meet.

Smoothness couples a frame to the next two, so ordered frame by frame the normal matrix is one band as wide as everybody
together, and factoring it grows with the cube of the number of people. But people who touch nothing in common are
separate problems, and people who move the same object are separate once its way is known: each is a narrow band of its
own, and the object's few unknowns are solved from their Schur complement. What couples is read off the matrix itself.
People who touch one another stay in one band. All ways are exact; the one with the fewest operations is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular, solveh_banded

PAIR = 2
"""Frames in one block row of a chain: as many as smoothness reaches, so that a block meets only its neighbors."""


@dataclass(frozen=True)
class Blocks:
    """Which of a frame's n unknowns belong together."""

    people: tuple[slice, ...]
    objects: tuple[slice, ...] = ()
    """Of free objects."""

    @property
    def all(self) -> tuple[slice, ...]:
        return (*self.people, *self.objects)


@dataclass(frozen=True)
class System:
    """A symmetric matrix over frames and the right-hand side: `blocks (T, n, n)` within a frame, `near[k] (T - k, n)`
    between an unknown and itself k frames later, `right (T, n)`."""

    blocks: np.ndarray
    near: tuple[np.ndarray, np.ndarray]
    """One frame later, two frames later."""
    right: np.ndarray

    def part(self, index: np.ndarray) -> System:
        """The system of some unknowns alone."""
        one, two = self.near
        return System(self.blocks[:, index[:, None], index], (one[:, index], two[:, index]), self.right[:, index])


def solve_people(system: System, blocks: Blocks) -> np.ndarray:
    """(T, n) the solution; raises LinAlgError where the matrix is not positive definite."""
    solution = np.zeros_like(system.right)
    joined = _joined(system.blocks, blocks.all)
    count = len(blocks.people)
    for group in _components(range(len(blocks.all)), joined):
        shared = _shared(group, joined, count)
        chains = [_unknowns(c, blocks) for c in _components(set(group) - shared, joined)]
        middle, whole = _unknowns(shared, blocks), _unknowns(group, blocks)
        frames, widths = len(solution), [len(c) for c in chains]
        if len(chains) > 1 and _arrow_cost(frames, widths, len(middle)) < _band_cost(frames, len(whole)):
            _solve_arrow(system, chains, middle, solution)
        else:
            solution[:, whole] = solve_band(system.part(whole))
    return solution


def solve_band(system: System) -> np.ndarray:
    """(T, n) the solution, ordered frame by frame as one band."""
    frames, n = system.right.shape
    index = np.arange(n)
    band = np.zeros((2 * n + 1, frames * n))
    for i in range(n):
        band[i - index[: i + 1], (np.arange(frames)[:, None] * n + index[: i + 1])] = system.blocks[:, i, : i + 1]
    for offset, near in enumerate(system.near, start=1):
        band[offset * n, : max(frames - offset, 0) * n] = near.ravel()
    return solveh_banded(band, system.right.ravel(), lower=True, check_finite=False).reshape(frames, n)


def _band_cost(frames: int, n: int) -> float:
    """Operations of factoring a band."""
    return 4.0 * frames * n**3


def _arrow_cost(frames: int, widths: Sequence[int], middle: int) -> float:
    """Operations of factoring every chain, of moving the objects' unknowns through them, and of solving those."""
    m = float(frames * middle)
    return sum(frames * n * (4.0 * n**2 + 2.0 * n * m + m**2 / 2.0) for n in widths) + m**3 / 3.0


def _joined(matrix: np.ndarray, blocks: Sequence[slice]) -> np.ndarray:
    """(B, B) whether two blocks meet in any frame."""
    joined = np.zeros((len(blocks), len(blocks)), bool)
    for a, first in enumerate(blocks):
        for b, second in enumerate(blocks[:a]):
            joined[a, b] = joined[b, a] = bool(matrix[:, first, second].any())
    return joined


def _components(members: Iterable[int], joined: np.ndarray) -> list[list[int]]:
    """Groups of blocks that meet, directly or through others of `members`."""
    left, found = set(members), []
    while left:
        reached, edge = set(), {min(left)}
        while edge:
            reached |= edge
            edge = {b for a in edge for b in left if joined[a, b]} - reached
        left -= reached
        found.append(sorted(reached))
    return found


def _shared(group: Sequence[int], joined: np.ndarray, people: int) -> set[int]:
    """Objects of a group that meet more than one other block; the rest belong to the one person they meet."""
    return {b for b in group if b >= people and joined[b].sum() > 1}


def _unknowns(group: Iterable[int], blocks: Blocks) -> np.ndarray:
    """(n,) indices of a frame's unknowns."""
    ranges = [np.arange(blocks.all[b].start, blocks.all[b].stop) for b in sorted(group)]
    return np.concatenate(ranges) if ranges else np.zeros(0, int)


def _solve_arrow(system: System, chains: Sequence[np.ndarray], middle: np.ndarray, solution: np.ndarray) -> None:
    """Writes the solution (T, n) of chains that meet nothing in common but the unknowns `middle`."""
    frames = len(solution)
    own = system.part(middle)
    size = len(middle)
    schur, right = _dense(own), own.right.ravel().copy()
    factors, moved = [], []
    for chain in chains:
        factor = _Chain(system.part(chain))
        columns = factor.forward(system.blocks[:, chain[:, None], middle])
        for column, inner in zip(columns, factor.inner, strict=True):
            reach = column.shape[1]
            schur[:reach, :reach] -= column.T @ column
            right[:reach] -= column.T @ inner
        factors.append(factor)
        moved.append(columns)
    answer = cho_solve(cho_factor(schur, lower=True, check_finite=False), right, check_finite=False)
    solution[:, middle] = answer.reshape(frames, size)
    for chain, factor, columns in zip(chains, factors, moved, strict=True):
        solution[:, chain] = factor.backward([c @ answer[: c.shape[1]] for c in columns])


class _Chain:
    """The Cholesky factor of one chain: PAIR frames a block row, each coupled to the one before only."""

    def __init__(self, system: System) -> None:
        frames, self.width = system.right.shape
        self.rows = [np.arange(t, min(t + PAIR, frames)) for t in range(0, frames, PAIR)]
        self.diagonal: list[np.ndarray] = []
        self.below: list[np.ndarray] = []
        """Of every row but the first: its factor's block left of the diagonal."""
        self.inner: list[np.ndarray] = []
        """The right-hand side after forward substitution."""
        for k, row in enumerate(self.rows):
            block, right = _between(system, row, row), system.right[row].ravel()
            if k:
                left = _between(system, row, self.rows[k - 1])
                self.below.append(_lower(self.diagonal[-1], left.T).T)
                block -= self.below[-1] @ self.below[-1].T
                right = right - self.below[-1] @ self.inner[-1]
            self.diagonal.append(cholesky(block, lower=True, check_finite=False))
            self.inner.append(_lower(self.diagonal[-1], right))

    def forward(self, coupling: np.ndarray) -> list[np.ndarray]:
        """Block rows of L^-1 A for `coupling (T, n, m)` of each frame to its own m columns; row k has those columns
        that its frames and the ones before have, the others are zero."""
        size, found = coupling.shape[2], []
        for k, row in enumerate(self.rows):
            right = np.zeros((len(row) * self.width, (row[-1] + 1) * size))
            for i, t in enumerate(row):
                right[i * self.width : (i + 1) * self.width, t * size : (t + 1) * size] = coupling[t]
            if k:
                right[:, : found[-1].shape[1]] -= self.below[k - 1] @ found[-1]
            found.append(_lower(self.diagonal[k], right))
        return found

    def backward(self, less: Sequence[np.ndarray]) -> np.ndarray:
        """(T, n) the solution of L^T x = inner - less."""
        found: list[np.ndarray] = []
        for k in reversed(range(len(self.rows))):
            right = self.inner[k] - less[k]
            if found:
                right = right - self.below[k].T @ found[-1]
            found.append(solve_triangular(self.diagonal[k], right, lower=True, trans=1, check_finite=False))
        return np.concatenate(found[::-1]).reshape(-1, self.width)


def _lower(factor: np.ndarray, right: np.ndarray) -> np.ndarray:
    return solve_triangular(factor, right, lower=True, check_finite=False)


def _dense(system: System) -> np.ndarray:
    """(T n, T n) the whole matrix, frame by frame."""
    every = np.arange(len(system.right))
    return _between(system, every, every)


def _between(system: System, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(len(first) n, len(second) n) the matrix's rows of some frames and columns of others."""
    n = system.right.shape[1]
    found = np.zeros((len(first), n, len(second), n))
    index = np.arange(n)
    for i, t in enumerate(first):
        for j, s in enumerate(second):
            apart = abs(int(t) - int(s))
            if apart == 0:
                found[i, :, j] = system.blocks[t]
            elif apart <= PAIR:
                found[i, index, j, index] = system.near[apart - 1][min(t, s)]
    return found.reshape(len(first) * n, len(second) * n)
