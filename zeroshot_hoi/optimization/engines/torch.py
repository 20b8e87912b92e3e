"""The torch engine: the same residuals through torch.func, for users who already live in torch."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
import torch
from torch.func import jvp, vmap  # pyright: ignore[reportPrivateImportUsage]
from torch.utils._pytree import tree_map

from zeroshot_hoi.core.arrays import torch_namespace
from zeroshot_hoi.optimization.engines.base import (
    assemble,
    block_residuals,
    chunks,
    merged,
    readers,
    term_arrays,
    term_energies,
)
from zeroshot_hoi.optimization.problem import Problem, State, frame_state, noted_residuals

_ONE_AT_A_TIME = Lock()
"""Levels of forward differentiation belong to the process: two threads would close each other's."""


class TorchEngine:
    """Evaluates a problem with eager torch, in float32 unless told otherwise."""

    def __init__(self, problem: Problem, dtype: torch.dtype = torch.float32, device: str | None = None) -> None:
        self.problem, self._dtype = problem, dtype
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        constants, frames = term_arrays(problem)
        self._constants = tree_map(self._tensor, constants)
        self._chunks = [
            (count, index, tree_map(lambda a, i=index: self._tensor(np.asarray(a)[i]), (dict(problem.base), frames)))
            for index, count in chunks(problem)
        ]
        self._xp = torch_namespace(self._device)
        self._energies = vmap(lambda x, *arrays: term_energies(self._xp, problem, x, *arrays), (0, 0, None, 0))

    def _normal(self, x: torch.Tensor, base: Any, constants: Any, frames: Any) -> tuple[torch.Tensor, ...]:
        """Normal equations of a chunk `x (C, n)`, each block's derivatives of the terms that read it."""
        xp, problem, noted = self._xp, self.problem, []

        def values(x: torch.Tensor, base: Any, constants: Any, frames: Any) -> tuple[State, list[torch.Tensor]]:
            state = frame_state(xp, problem, x, base)
            found, reads = noted_residuals(xp, problem, state, merged(constants, frames))
            noted[:] = reads
            return state, found

        states, residuals = vmap(values, (0, 0, None, 0))(x, base, constants, frames)
        blocks, arrays = problem.blocks.all, (states, base, constants, frames)
        jacobians = [self._derivatives(b, readers(noted, b), x[:, part], arrays) for b, part in enumerate(blocks)]
        matrix, gradient = assemble(xp, jacobians, residuals, [part.stop - part.start for part in blocks])
        return matrix, gradient, torch.stack([(r * r).sum(-1) for r in residuals], -1)

    def _derivatives(self, block: int, terms: list[int], x: torch.Tensor, arrays: Any) -> dict[int, torch.Tensor]:
        """Term -> (C, R, m) derivatives by a block's unknowns `x (C, m)`: one forward-mode pass for each unknown, all
        of them at once.

        Tangents lie outside the map over frames: with `jacfwd` inside it, a frame's scalars have no axis, and torch
        then gives the tangent of `scalar * 2.0` 64 bits whatever the scalar has.
        """
        if not terms:
            return {}

        def one(own: torch.Tensor, state: State, base: Any, constants: Any, frames: Any) -> list[torch.Tensor]:
            data = merged(constants, frames)
            return block_residuals(self._xp, self.problem, terms, block, own, state, base, data)

        def column(tangent: torch.Tensor) -> Any:
            moved = vmap(one, (0, 0, 0, None, 0))
            return jvp(lambda own: moved(own, *arrays), (x,), (tangent.expand_as(x),))[1]

        columns = vmap(column)(torch.eye(x.shape[1], dtype=x.dtype, device=x.device))
        return {k: c.movedim(0, -1) for k, c in zip(terms, columns, strict=True)}

    def _tensor(self, value: Any) -> torch.Tensor:
        array = np.asarray(value)
        dtype = self._dtype if np.issubdtype(array.dtype, np.floating) else None
        return torch.as_tensor(array, dtype=dtype, device=self._device)

    def _evaluate(self, function: Any, x: np.ndarray) -> list[Any]:
        results = []
        with _ONE_AT_A_TIME, torch.no_grad():
            for count, index, (base, frames) in self._chunks:
                output = function(self._tensor(x[index]), base, self._constants, frames)
                results.append(tree_map(lambda a, c=count: a[:c].double().cpu().numpy(), output))
        return results

    def energies(self, x: np.ndarray) -> np.ndarray:
        return np.concatenate(self._evaluate(self._energies, x))

    def normal_equations(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        matrices, gradients, energies = zip(*self._evaluate(self._normal, x), strict=True)
        return np.concatenate(matrices), np.concatenate(gradients), np.concatenate(energies)

    def take(self, frames: np.ndarray) -> TorchEngine:
        return TorchEngine(self.problem.take(frames), self._dtype, self._device)
