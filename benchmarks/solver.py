"""The optimization on its real problem: a person curls the built-in dumbbell, all frames at once.

Levenberg-Marquardt is timed against Adam from the same start to the same energy, each with the cheapest evaluation it
can use (Adam: one reverse-mode gradient, compiled), and both engines are timed in one run, so that their ratio means
something on any machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from benchmarks.gate import HIGHER, LOWER, Row
from benchmarks.kernels import best_seconds

RECIPE = "lift_dumbbell"
ENGINE_FRAMES = 14
"""Frames for the comparison of engines: two chunks, because an eager step takes seconds."""

PATIENCE = 12.0
"""Times the solver's own wall time after which Adam is stopped; the ratio is then a lower bound."""

TRIAL_STEPS = 60
RATES = (0.03, 0.01, 0.003)
"""Adam goes on with the rate that is lowest after TRIAL_STEPS."""

RATIO_TOLERANCE = 1.5
TIME_TOLERANCE = 1.6

Gradient = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Clip(NamedTuple):
    """One interaction before it is solved."""

    compiler: Any
    problem: Any
    """Of every frame, from the most natural placement and the best grip."""


def all_frames() -> Any:
    """The problem of every frame of the clip."""
    return clip().problem


@cache
def clip() -> Clip:
    """The recipe's clip; grips are searched once."""
    from zeroshot_hoi.affordance.geometric import find_parts
    from zeroshot_hoi.body.load import load_body
    from zeroshot_hoi.geometry.builtin import builtin_mesh
    from zeroshot_hoi.geometry.grid import bake_part_grid
    from zeroshot_hoi.geometry.prepare import prepare_object
    from zeroshot_hoi.optimization.compile import Compiler
    from zeroshot_hoi.optimization.grasp import find_grasps
    from zeroshot_hoi.optimization.start import Start
    from zeroshot_hoi.planning.recipe import plan_from_recipe
    from zeroshot_hoi.pose.prior import place
    from zeroshot_hoi.recipe import Recipe
    from zeroshot_hoi.reference.scripted import script_motion

    plan = plan_from_recipe(Recipe.load(RECIPE), seed=0)
    bodies = {name: load_body(person.body) for name, person in plan.people.items()}
    objects = {n: prepare_object(n, builtin_mesh(o.builtin), size=o.size, mass=o.mass) for n, o in plan.objects.items()}
    parts = {name: find_parts(thing, plan.objects[name]) for name, thing in objects.items()}
    initial = place(plan, bodies, objects, parts)
    compiler = Compiler(
        plan, bodies, objects, parts, initial, script_motion(plan, bodies, objects, parts, initial)
    )  # fmt: skip
    grips = {}
    for name, edge in compiler.holds.carriers.items():
        thing, part = objects[name], parts[name].parts[edge.second.part]
        grid, side = bake_part_grid(thing, part.faces), edge.first.part.split()[0]
        grips[edge.name] = find_grasps(bodies[edge.first.owner], side, thing, part, grid, engine="jax", seed=0)[0]
    start = Start({name: placed[0] for name, placed in initial.people.items()}, grips)
    compiler.shape_hands(start)
    return Clip(compiler, compiler.problem([start] * plan.frames, np.arange(plan.frames)))


def compiled_gradient(problem: Any) -> tuple[Any, tuple[Any, ...]]:
    """The jitted function (x, *arrays) -> gradient (T, n) of half the energy and energies (T, K), and its arrays."""
    import jax

    from zeroshot_hoi.core.arrays import jax_namespace
    from zeroshot_hoi.optimization.engines.base import term_arrays, term_energies

    xp = jax_namespace()

    def total(x: Any, base: Any, constants: Any, frames: Any) -> Any:
        energies = term_energies(xp, problem, x, base, constants, frames)
        return 0.5 * energies.sum(), energies

    arrays = jax.tree.map(_single, (dict(problem.base), *term_arrays(problem)))
    return jax.jit(jax.vmap(jax.grad(total, has_aux=True), (0, 0, None, 0))), arrays


def _single(value: Any) -> Any:
    import jax

    array = np.asarray(value)
    return jax.numpy.asarray(array.astype(np.float32) if np.issubdtype(array.dtype, np.floating) else array)


def reverse_gradient(problem: Any) -> Gradient:
    """Half the energy's gradient (T, n) and the energies (T, K), by one compiled reverse-mode pass over all frames."""
    evaluate, arrays = compiled_gradient(problem)

    def gradient(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slope, energies = evaluate(_single(x), *arrays)
        return np.asarray(slope, np.float64), np.asarray(energies, np.float64)

    return gradient


def against_adam() -> list[Row]:
    """Wall time of the solver, and how many times longer Adam takes to the same energy."""
    from zeroshot_hoi.optimization.engines import make_engine
    from zeroshot_hoi.optimization.schedule import CLIP_SETTINGS, smoothness
    from zeroshot_hoi.optimization.solver import adam, solve

    problem = all_frames()
    engine, smooth, x = make_engine("jax", problem), smoothness(problem, 1.0), problem.initial()
    solve(engine, x, smooth, CLIP_SETTINGS)  # compiles
    start = time.perf_counter()
    solution = solve(engine, x, smooth, CLIP_SETTINGS)
    seconds = time.perf_counter() - start

    gradient = reverse_gradient(problem)
    gradient(x)  # compiles
    start = time.perf_counter()
    trials = {rate: adam(engine, x, smooth, TRIAL_STEPS, rate, gradient_of=gradient).energy for rate in RATES}
    step = (time.perf_counter() - start) / (TRIAL_STEPS * len(RATES))
    rate, steps = min(trials, key=lambda r: trials[r]), int(np.ceil(PATIENCE * seconds / step))
    start = time.perf_counter()
    other = adam(engine, x, smooth, steps, rate, until=solution.energy, gradient_of=gradient)
    ratio = (time.perf_counter() - start) / seconds
    reached = f"reaches it: {other.status}"
    missed = f"is at {other.energy:.4g} after {steps} steps, so the ratio is a lower bound"
    note = (
        f"energy {solution.energy:.4g} in {solution.stats['iterations']:.0f} iterations; Adam at rate {rate:g} "
        + (reached if other.energy <= solution.energy else missed)
    )  # fmt: skip
    return [
        Row("solver:all frames", seconds, "s", LOWER, TIME_TOLERANCE, note),
        Row("solver:Adam's time to the same energy", ratio, "times", HIGHER, RATIO_TOLERANCE, note),
    ]


def engines() -> list[Row]:
    """Steps per second of both engines in one run: normal equations and one trial energy, as the solver asks."""
    from zeroshot_hoi.optimization.engines import make_engine

    problem = all_frames().take(np.arange(ENGINE_FRAMES))
    x, speed = problem.initial(), {}
    for name, repeats in (("jax", 5), ("torch", 2)):
        engine = make_engine(name, problem)
        speed[name] = 1.0 / best_seconds(lambda e=engine: (e.normal_equations(x), e.energies(x)), repeats)
    rows = [
        Row(f"engine {name}:steps of {ENGINE_FRAMES} frames", value, "per s", HIGHER, TIME_TOLERANCE)
        for name, value in speed.items()
    ]
    return [*rows, Row("engine jax:speed over torch", speed["jax"] / speed["torch"], "times", HIGHER, RATIO_TOLERANCE)]
