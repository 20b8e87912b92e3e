"""How the cost of one step grows in frames, vertices, objects, restarts and people.

Problems are small, so that all of it takes minutes: growth is in question here, not size. Times are processor time of
all threads, the least of several repeats, so that other programs on the machine count little. People come in two ways:
each with objects of their own, and all with a hand on one free object, which couples them in every frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.clock import exponent, forget_peak, least_cpu, peak_bytes
from benchmarks.speed_report import Line, Options

FRAMES = 14
"""Of the problems whose frames do not change in the preset's loop."""

LENGTHS = (14, 28, 56)
PEOPLE = (1, 2, 4)
CLIP = 49
"""Frames of the problems whose people change."""

DAMPING = 1e-2

ITERATIONS = 6
"""Of the solver, from the problem's start."""


def scaling(options: Options) -> Iterator[Line]:
    """Exponents of the power laws that fit best, one after another."""
    from benchmarks.solver import all_frames
    from benchmarks.speed_problems import people_together, with_people

    del options  # the sizes are those of this module
    yield from _preset()
    clip = all_frames()

    def frames(count: int) -> Any:
        return clip.take(np.arange(count) % clip.length)

    yield from _grown("frames", LENGTHS, frames)
    yield from _grown("people", PEOPLE, lambda n: with_people(frames(CLIP), n))
    yield from _grown("people, on one object", PEOPLE, lambda n: people_together(n, CLIP))


def _preset() -> Iterator[Line]:
    """Steps of the `hoi_page` preset."""
    from benchmarks.speed_problems import more_frames, more_objects, skin_vertices, still_fitting
    from zeroshot_hoi.optimization.hoi_page import Preset
    from zeroshot_hoi.optimization.hoi_page_loop import jax_loop

    fitting = still_fitting(FRAMES)

    def step(problem: Any, starts: int = 1) -> float:
        loop = jax_loop(problem, Preset(starts=starts))
        state = [loop.state]

        def once() -> None:
            state[0] = loop.step(state[0], 1)
            loop.read(state[0])

        return least_cpu(once, 8)

    table: list[tuple[str, Sequence[int], Callable[[int], float]]] = [
        ("frames", LENGTHS, lambda n: step(more_frames(fitting, n))),
        ("vertices", (1024, 4096, 16384), lambda n: step(skin_vertices(fitting, n))),
        ("objects", (1, 2, 4), lambda n: step(more_objects(fitting, n))),
        ("restarts", (1, 2, 4), lambda n: step(fitting, n)),
    ]
    for what, sizes, job in table:
        yield _line(f"{what}, hoi_page step", sizes, [job(n) for n in sizes])


def _grown(what: str, sizes: Sequence[int], make: Callable[[int], Any]) -> Iterator[Line]:
    """The default solver's work on problems of each size."""
    times: dict[str, list[float]] = {}
    memory = []
    for size in sizes:
        forget_peak()
        for name, seconds in _work(make(size)).items():
            times.setdefault(name, []).append(seconds)
        memory.append(f"{size}: {peak_bytes() / 2**30:.2f} GiB")
    for name, values in times.items():
        note = f"; peak of the process {', '.join(memory)}" if name == "iteration" else ""
        yield _line(f"{what}, {name}", sizes, values, note)


def _work(problem: Any) -> Mapping[str, float]:
    """Processor time of what an iteration of the solver is made of, and of an iteration as the solver runs it: with its
    trials, and with the step solved anew for what met a bound."""
    from zeroshot_hoi.optimization.engines import make_engine
    from zeroshot_hoi.optimization.schedule import smoothness
    from zeroshot_hoi.optimization.solver import Settings, coupled_step, solve

    engine, x = make_engine("jax", problem), problem.initial()
    free, damping = np.zeros(x.shape, bool), np.array([DAMPING])
    between = smoothness(problem, 1.0)
    step = coupled_step(between, len(x), problem.blocks)
    matrix, gradient, _ = engine.normal_equations(x)
    settings = Settings(iterations=ITERATIONS, tolerance=0.0)
    return {
        "normal equations": least_cpu(partial(engine.normal_equations, x), 4),
        "energies": least_cpu(partial(engine.energies, x), 6),
        "linear solve": least_cpu(partial(step, matrix, gradient, free, damping), 4),
        "iteration": least_cpu(partial(solve, engine, x, between, settings), 2) / ITERATIONS,
    }


def _line(what: str, sizes: Sequence[int], times: Sequence[float], more: str = "") -> Line:
    note = "processor time " + ", ".join(f"{n}: {1e3 * t:.3g} ms" for n, t in zip(sizes, times, strict=True))
    return Line("scaling", what, exponent(sizes, times), "exponent", note + more)
