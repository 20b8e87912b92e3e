"""The two inner loops that everything waits for: distances to an object, and the body in motion."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gate import LOWER, Row

REPEATS = 5
TOLERANCE = 1.6
QUERY_POINTS = 500_000
FRAMES = 49
BODY_POINTS = 1200
GRID_SPACING = 0.004
"""m"""


def best_seconds(job: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Wall time of the fastest of several runs after one that compiles."""
    job()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


def distance_field() -> list[Row]:
    """Bake the built-in iron's grid without a cache, and read it half a million times with its gradient."""
    import jax

    from zeroshot_hoi.core.arrays import jax_namespace
    from zeroshot_hoi.geometry.builtin import builtin_mesh
    from zeroshot_hoi.geometry.grid import bake_grid
    from zeroshot_hoi.geometry.prepare import prepare_object
    from zeroshot_hoi.geometry.query import grid_arrays, grid_distance

    iron = prepare_object("iron", builtin_mesh("iron"))
    unseen = np.random.default_rng()  # an iron a few micrometres larger is new to the cache, in any run

    def bake() -> None:
        bake_grid(iron.vertices * (1.0 + 1e-4 * unseen.random()), iron.faces, GRID_SPACING)

    build = best_seconds(bake, repeats=2)
    xp = jax_namespace()
    low, high = iron.vertices.min(axis=0) - 0.02, iron.vertices.max(axis=0) + 0.02
    points = jax.numpy.asarray(np.random.default_rng(0).uniform(low, high, (QUERY_POINTS, 3)), dtype="float32")
    grid = jax.tree.map(jax.numpy.asarray, grid_arrays(iron.grid))
    both = jax.jit(jax.value_and_grad(lambda p, g: grid_distance(xp, g, p).sum()))
    query = best_seconds(lambda: jax.block_until_ready(both(points, grid)))
    return [
        Row("distance grid:build", build, "s", LOWER, TOLERANCE),
        Row("distance grid:query and gradient, 500k points", query, "s", LOWER, TOLERANCE),
    ]


def body_motion() -> list[Row]:
    """49 frames of 1200 body points, forward and with the gradient, in JAX."""
    import jax

    from zeroshot_hoi.body import apply_rows, bone_transforms, load_body, stack_transforms, to_pose, vertex_rows
    from zeroshot_hoi.core.arrays import jax_namespace

    body, xp = load_body(), jax_namespace()
    chosen = np.linspace(0, len(body.rest_vertices) - 1, BODY_POINTS).astype(int)
    rows = jax.numpy.asarray(vertex_rows(body, chosen), dtype="float32")
    root = jax.numpy.zeros((FRAMES, 3))

    def points(values: Any) -> Any:
        pose = to_pose(xp, body.freedoms, values)
        return apply_rows(xp, rows, stack_transforms(xp, bone_transforms(xp, body, pose, root)))

    values = 0.1 * np.random.default_rng(0).standard_normal((FRAMES, len(body.freedoms.names)))
    values = jax.numpy.asarray(values, dtype="float32")
    forward = jax.jit(points)
    backward = jax.jit(jax.grad(lambda q: (points(q) ** 2).sum()))
    return [
        Row(
            "body:forward, 49 x 1200 points",
            best_seconds(lambda: jax.block_until_ready(forward(values))),
            "s",
            LOWER,
            TOLERANCE,
        ),
        Row(
            "body:backward, 49 x 1200 points",
            best_seconds(lambda: jax.block_until_ready(backward(values))),
            "s",
            LOWER,
            TOLERANCE,
        ),
    ]
