"""The torch engine: the same residuals through torch.func, for users who already live in torch."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
import torch
from torch.func import jvp, vmap  # pyright: ignore[reportPrivateImportUsage]
from torch.utils._pytree import tree_map

from zeroshot_hoi.core.arrays import torch_namespace
from zeroshot_hoi.optimization.engines.base import chunks, residual_vector, term_arrays, term_energies
from zeroshot_hoi.optimization.problem import Problem

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
            for index, count in chunks(problem.length)
        ]
        xp, axes = torch_namespace(self._device), (0, 0, None, 0)
        self._energies = vmap(lambda x, *arrays: term_energies(xp, problem, x, *arrays), axes)
        self._residuals = vmap(lambda x, *arrays: residual_vector(xp, problem, x, *arrays), axes)

    def _normal(self, x: torch.Tensor, *arrays: Any) -> tuple[torch.Tensor, ...]:
        """Normal equations of a chunk `x (C, n)`: one forward-mode pass for each unknown, all of them at once.

        Tangents lie outside the map over frames: with `jacfwd` inside it, a frame's scalars have no axis, and torch
        then gives the tangent of `scalar * 2.0` 64 bits whatever the scalar has.
        """

        def column(tangent: torch.Tensor) -> tuple[Any, ...]:
            return jvp(lambda value: self._residuals(value, *arrays), (x,), (tangent.expand_as(x),))

        vectors, columns = vmap(column)(torch.eye(x.shape[1], dtype=x.dtype, device=x.device))
        matrix = torch.einsum("ncr,mcr->cnm", columns, columns)
        return matrix, torch.einsum("ncr,cr->cn", columns, vectors[0]), self._energies(x, *arrays)

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
