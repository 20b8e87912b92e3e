"""Adam over HOI-PAGE's objective: all starts in one compiled step (JAX), or as a paper's code does it (eager torch).

`fit_objects` is what a user calls. The eager loop runs one start after another, every step through autograd: the
honest baseline of the benchmarks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from zeroshot_hoi.core.arrays import jax_namespace, numpy_namespace, torch_namespace
from zeroshot_hoi.core.errors import EngineError, nearest_name
from zeroshot_hoi.core.solution import Progress, ProgressListener, Solution, silent
from zeroshot_hoi.optimization.hoi_page import (
    FittingProblem,
    Poses,
    Preset,
    energies,
    initial_unknowns,
    problem_arrays,
    read_poses,
    total_energy,
)
from zeroshot_hoi.optimization.hoi_page_terms import pairwise

MOMENTS = (0.9, 0.999)
"""Adam's decay of the first and the second moment."""

SMALL = 1e-8

TELL = 20
"""Steps between progress events."""

TARGETS = 8
"""Targets that are compared with all queries in one pass."""

FAR = 1e15
"""Coordinate of targets that only fill the last pass."""

Step = Callable[[Any, int], Any]


@dataclass(frozen=True)
class Loop:
    """A running optimization, a step at a time, so that a benchmark may time a few steps of it."""

    state: Any
    step: Step
    """(state, number of the step from 0) -> state."""
    read: Callable[[Any], np.ndarray]
    """state -> (S, O, T, 9)."""
    energy: Callable[[np.ndarray], tuple[np.ndarray, dict[str, np.ndarray]]]
    """(S, O, T, 9) -> (S,) total with the last step's weights, and by term."""


def fit_objects(
    problem: FittingProblem, preset: Preset | None = None, engine: str = "jax", listener: ProgressListener = silent
) -> tuple[Poses, Solution]:
    """The poses (O, T, ...) of the start that ends lowest, and the solution; its `energies` hold one value a start."""
    preset = preset or Preset()
    loop = make_loop(problem, preset, engine)
    state = loop.state
    for k in range(preset.steps):
        state = loop.step(state, k)
        if k % TELL == 0:
            listener(Progress("hoi_page", k, preset.steps))
    x = loop.read(state)
    total, terms = loop.energy(x)
    total = np.where(np.isfinite(total), total, np.inf)
    best = int(np.argmin(total))
    listener(Progress("hoi_page", preset.steps, preset.steps, float(total[best])))
    lost = int(np.sum(~np.isfinite(total)))
    status = f"Took {preset.steps} steps from {preset.starts} starts." + (f" {lost} diverged." if lost else "")
    poses = read_poses(numpy_namespace(), x[best])
    return poses, Solution(x[best], float(total[best]), status, {"total": total, **terms}, {"start": float(best)})


def make_loop(problem: FittingProblem, preset: Preset, engine: str = "jax") -> Loop:
    """The loop of `engine`, ready for its first step; raises EngineError for an unknown engine."""
    loops = {"jax": jax_loop, "torch": torch_loop}
    if engine not in loops:
        raise EngineError(f"Unknown engine '{engine}'. {nearest_name(engine, loops)}")
    return loops[engine](problem, preset)


def jax_loop(problem: FittingProblem, preset: Preset) -> Loop:
    """All starts together; one compiled function takes a whole step."""
    import jax

    xp = jax_namespace()
    arrays = jax.tree.map(lambda a: jax.numpy.asarray(a, dtype="float32"), problem_arrays(problem))

    def one(x: Any, data: Any, progress: Any) -> Any:
        return total_energy(xp, problem, data, x, preset, packed_nearest, progress)

    slope_of: Any = jax.grad(one)

    def gradient(x: Any, data: Any, progress: Any) -> Any:
        if jax.default_backend() != "cpu":
            return jax.vmap(lambda start: slope_of(start, data, progress))(x)
        return jax.lax.map(lambda start: slope_of(start, data, progress), x)  # the arrays of one stay in the cache

    @jax.jit
    def update(x: Any, first: Any, second: Any, k: Any, data: Any) -> tuple[Any, Any, Any]:
        slope = gradient(x, data, k / max(preset.steps - 1, 1))
        first = MOMENTS[0] * first + (1.0 - MOMENTS[0]) * slope
        second = MOMENTS[1] * second + (1.0 - MOMENTS[1]) * slope**2
        mean, spread = first / (1.0 - MOMENTS[0] ** (k + 1.0)), second / (1.0 - MOMENTS[1] ** (k + 1.0))
        return x - preset.rate * mean / (jax.numpy.sqrt(spread) + SMALL), first, second

    @jax.jit
    def terms(x: Any, data: Any) -> Any:
        return jax.vmap(lambda value: energies(xp, problem, data, value, preset, packed_nearest))(x)

    def step(state: Any, k: int) -> Any:
        return update(*state, jax.numpy.float32(k), arrays)

    def energy(x: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        found = jax.tree.map(np.asarray, terms(jax.numpy.asarray(x, dtype="float32"), arrays))
        return _weighted(found, preset), found

    x = jax.numpy.asarray(initial_unknowns(problem, preset.starts), dtype="float32")
    return Loop((x, 0.0 * x, 0.0 * x), step, lambda state: np.asarray(state[0], np.float64), energy)


def packed_nearest(queries: Any, targets: Any) -> Any:
    """Index (T, M) of the nearest of `targets (T, N, D)` to each of `queries (T, M, D)`.

    A few targets at a time are compared with all queries, so that a compiler makes one vectorized pass of it; a minimum
    over an axis of all pairs takes XLA ten times as long on a CPU. The target's number takes the last bits of its
    squared distance: with 256 targets two are mixed up where their squared distances differ by less than 1 in 30,000.
    """
    import jax
    import jax.numpy as jnp

    count = targets.shape[1]
    low = (1 << max(1, int(count - 1).bit_length())) - 1
    padded = jnp.pad(targets, ((0, 0), (0, -count % TARGETS), (0, 0)), constant_values=FAR)
    coordinates = [queries[..., d] for d in range(queries.shape[-1])]

    def compare(k: Any, nearest: Any) -> Any:
        few = jax.lax.dynamic_slice_in_dim(padded, k * TARGETS, TARGETS, 1)
        for j in range(TARGETS):
            # zero has no last bits
            squared = sum(((few[:, j, d, None] - c) ** 2 for d, c in enumerate(coordinates)), start=1e-20)
            code = jax.lax.bitcast_convert_type(squared, jnp.int32)  # numbers of one sign are ordered as their bits are
            nearest = jnp.minimum(nearest, (code & ~low) | (k * TARGETS + j))
        return nearest

    start = jnp.full(queries.shape[:2], jnp.iinfo(jnp.int32).max, jnp.int32)
    return jax.lax.fori_loop(0, (count + TARGETS - 1) // TARGETS, compare, start) & low


def torch_loop(problem: FittingProblem, preset: Preset, device: str | None = None) -> Loop:
    """Eager torch with its own Adam; one start after another within a step, as a list of separate problems."""
    try:
        import torch
        from torch.utils._pytree import tree_map
    except ImportError as error:
        raise EngineError(f"torch is not installed ({error}): pip install 'zeroshot-hoi[torch]'.") from error

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    xp = torch_namespace(device)
    choose = pairwise(xp)
    arrays = tree_map(lambda a: torch.as_tensor(np.asarray(a), dtype=torch.float32, device=device),
                      problem_arrays(problem))  # fmt: skip
    x = [
        torch.tensor(start, dtype=torch.float32, device=device, requires_grad=True)
        for start in initial_unknowns(problem, preset.starts)
    ]
    optimizers = [torch.optim.Adam([start], lr=preset.rate, betas=MOMENTS, eps=SMALL) for start in x]

    def step(state: Any, k: int) -> Any:
        for start, optimizer in zip(state, optimizers, strict=True):
            optimizer.zero_grad()
            total_energy(xp, problem, arrays, start, preset, choose, k / max(preset.steps - 1, 1)).backward()
            optimizer.step()
        return state

    def energy(value: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        with torch.no_grad():
            rows = [
                energies(xp, problem, arrays, torch.as_tensor(s, dtype=torch.float32, device=device), preset, choose)
                for s in value
            ]
        found = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
        return _weighted(found, preset), found

    def read(state: Any) -> np.ndarray:
        return np.stack([start.detach().double().cpu().numpy() for start in state])

    return Loop(x, step, read, energy)


def _weighted(terms: dict[str, np.ndarray], preset: Preset) -> np.ndarray:
    """(S,) with the last step's weights."""
    return np.sum([preset.weights[name][1] * np.asarray(value) for name, value in terms.items()], axis=0)
