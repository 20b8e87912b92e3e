"""The JAX engine: one jitted function per problem structure, vmapped over a chunk of frames, Jacobians by jacfwd.

Arrays are arguments, never constants of the compiled function, and distance grids come padded to a few buckets; a
new mesh or a new weight therefore compiles nothing. Compiled functions persist in the cache folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cache
from threading import Lock
from typing import Any, ClassVar

import jax
import jax.experimental
import numpy as np

from zeroshot_hoi.core.arrays import jax_namespace
from zeroshot_hoi.geometry.cache import cache_root
from zeroshot_hoi.optimization.engines.base import (
    assemble,
    block_residuals,
    chunks,
    merged,
    readers,
    term_arrays,
    term_energies,
)
from zeroshot_hoi.optimization.engines.stored import compile_stored
from zeroshot_hoi.optimization.problem import Problem, frame_state, noted_residuals, term_residual


@cache
def _enable_persistent_cache() -> None:
    jax.config.update("jax_compilation_cache_dir", str(cache_root() / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


@cache
def _compilers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="compile")


@cache
def _workers() -> ThreadPoolExecutor:
    """One chunk for every core: XLA runs the small operations of a chunk on one."""
    return ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="chunks")


def _precision(dtype: type) -> AbstractContextManager[Any]:
    """JAX computes in float32 unless 64 bits are enabled; here they are for one call. The switch moved in JAX 0.8."""
    if dtype is not np.float64:
        return nullcontext()
    return getattr(jax if hasattr(jax, "enable_x64") else jax.experimental, "enable_x64")(True)  # noqa: B009


class _Key:
    """A problem as its structure: two problems with the same bodies, kinds and energies share compiled functions.

    It keeps the bodies and no arrays, because the cache of compiled functions keeps it.
    """

    def __init__(self, problem: Problem) -> None:
        terms = tuple(replace(t, constants={}, frames={}) for t in problem.terms)
        self.problem = replace(problem, base={}, terms=terms)
        people = tuple((id(p.body), p.active, p.moves) for p in problem.people)
        self.parts = (people, *self.rest)

    @property
    def rest(self) -> tuple[Any, ...]:
        return (self.problem.objects, tuple(t.structure for t in self.problem.terms))

    def __hash__(self) -> int:
        return hash(self.parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.parts == other.parts


def _energies(problem: Problem) -> Callable[..., Any]:
    xp = jax_namespace()

    def energies(x: Any, base: Any, constants: Any, frames: Any) -> Any:
        return term_energies(xp, problem, x, base, constants, frames)

    return jax.vmap(energies, (0, 0, None, 0))


def _normal(problem: Problem) -> Callable[..., Any]:
    """Each block's derivatives are taken of the terms that read it, so that the cost adds up over people."""
    xp = jax_namespace()
    blocks = problem.blocks.all

    def normal(x: Any, base: Any, constants: Any, frames: Any) -> Any:
        data, reads = merged(constants, frames), []
        state = frame_state(xp, problem, x, base)

        def note() -> list[Any]:
            found, reads[:] = noted_residuals(xp, problem, state, data)
            return found

        jax.eval_shape(note)  # computes nothing
        values: dict[int, Any] = {}

        def derivatives(b: int) -> dict[int, Any]:
            mine = readers(reads, b)

            def residuals(own: Any) -> tuple[list[Any], list[Any]]:
                found = block_residuals(xp, problem, mine, b, own, state, base, data)
                return found, found

            jacobian, found = jax.jacfwd(residuals, has_aux=True)(x[blocks[b]])
            values.update((k, value) for k, value in zip(mine, found, strict=True) if k not in values)
            return dict(zip(mine, jacobian, strict=True))

        jacobians = [derivatives(b) for b in range(len(blocks))]
        still = [k for k in range(len(reads)) if k not in values]
        values.update((k, term_residual(xp, problem.terms[k], state, data[k])) for k in still)
        pieces = [values[k] for k in range(len(reads))]
        matrix, gradient = assemble(xp, jacobians, pieces, [part.stop - part.start for part in blocks])
        return matrix, gradient, xp.stack([xp.sum(r * r) for r in pieces])

    return jax.vmap(normal, (0, 0, None, 0))


class _Functions:
    """The compiled functions of one structure, one dtype and one set of shapes; both compile at once."""

    _known: ClassVar[dict[Any, _Functions]] = {}
    _lock: ClassVar[Lock] = Lock()

    def __init__(self, key: _Key, arguments: Any, dtype: type) -> None:
        names = (key.problem.people, *key.rest)
        self.energies, self.normal = (
            _compilers().submit(_compiled, make, key.problem, arguments, names, dtype) for make in (_energies, _normal)
        )

    @classmethod
    def of(cls, problem: Problem, arguments: Any, dtype: type) -> _Functions:
        """Those that serve this problem, compiled if no problem of its structure came before."""
        shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(arguments))
        key = _Key(problem)
        with cls._lock:
            known = (key, shapes)
            if known not in cls._known:
                cls._known[known] = cls(key, arguments, dtype)
            return cls._known[known]


def _compiled(
    make: Callable[[Problem], Callable[..., Any]], problem: Problem, arguments: Any, names: tuple[Any, ...], dtype: type
) -> Callable[..., Any]:
    with _precision(dtype):
        return compile_stored(make(problem), arguments, make, names)


class JaxEngine:
    """Evaluates a problem with JAX on its default device, in float32 unless told otherwise."""

    def __init__(self, problem: Problem, dtype: type = np.float32) -> None:
        _enable_persistent_cache()
        self.problem, self._dtype = problem, dtype
        constants, frames = term_arrays(problem)
        with _precision(dtype):
            self._constants = jax.device_put(jax.tree.map(self._array, constants))
            self._chunks = [
                (
                    count,
                    index,
                    jax.device_put(jax.tree.map(lambda a, i=index: self._array(a, i), (dict(problem.base), frames))),
                )
                for index, count in chunks(problem)
            ]
            _, index, (base, sliced) = self._chunks[0]
            x = jax.device_put(self._array(problem.initial(), index))
        self._functions = _Functions.of(problem, (x, base, self._constants, sliced), dtype)

    def _array(self, value: Any, index: Any = ...) -> np.ndarray:
        array = np.asarray(value)[index]
        return array.astype(self._dtype) if np.issubdtype(array.dtype, np.floating) else array

    def _evaluate(self, function: Any, x: np.ndarray) -> list[Any]:
        def one(chunk: Any) -> Any:
            count, index, (base, frames) = chunk
            with _precision(self._dtype):
                output = function(jax.device_put(self._array(x, index)), base, self._constants, frames)
                return jax.tree.map(lambda a: np.asarray(a, np.float64)[:count], output)

        if len(self._chunks) == 1:
            return [one(self._chunks[0])]
        return list(_workers().map(one, self._chunks))

    def energies(self, x: np.ndarray) -> np.ndarray:
        return np.concatenate(self._evaluate(self._functions.energies.result(), x))

    def normal_equations(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        matrices, gradients, energies = zip(*self._evaluate(self._functions.normal.result(), x), strict=True)
        return np.concatenate(matrices), np.concatenate(gradients), np.concatenate(energies)

    def take(self, frames: np.ndarray) -> JaxEngine:
        return JaxEngine(self.problem.take(frames), self._dtype)
