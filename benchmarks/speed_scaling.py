"""How the cost of one step grows in frames, vertices, objects, restarts and people.

Problems are small, so that all of it takes minutes: growth is in question here, not size. Times are processor time on
one core, in a process of its own, the least of several repeats, so that other programs on the machine count little.
People come in two ways: each with objects of their own, and all with a hand on one free object, which couples them in
every frame.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np

from benchmarks.clock import exponent, forget_peak, least_cpu, peak_bytes
from benchmarks.speed_report import Line, Options

FRAMES = 14
"""Of the problems whose frames do not change in the preset's loop."""

CLIP = 49
"""Frames of the problems whose people change."""

LENGTHS = (14, 28, 56)
PEOPLE = (1, 2, 4)
PRESET: Mapping[str, Sequence[int]] = {
    "frames": LENGTHS, "vertices": (1024, 4096, 16384), "objects": (1, 2, 4), "restarts": (1, 2, 4),
}  # fmt: skip
"""What grows in the preset's loop, and its sizes."""

SOLVER: Mapping[str, Sequence[int]] = {"frames": LENGTHS, "people": PEOPLE, "people, on one object": PEOPLE}
"""What grows for the default solver."""

DAMPING = 1e-2

ITERATIONS = 6
"""Of the solver, from the problem's start."""


def scaling(options: Options) -> Iterator[Line]:
    """Exponents of the power laws that fit best, one after another."""
    del options  # the sizes are those of this module
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_on_one_core) as alone:
        for measure in (*(partial(_preset, what) for what in PRESET), *(partial(_solver, what) for what in SOLVER)):
            yield from alone.submit(measure).result()


def _on_one_core() -> None:
    """Before anything starts threads: those that wait for work cost processor time too, and not in proportion."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _preset(what: str) -> list[Line]:
    """Steps of the `hoi_page` preset."""
    from benchmarks.speed_problems import more_frames, more_objects, skin_vertices, still_fitting

    fitting = still_fitting(FRAMES)
    make: Mapping[str, Callable[[int], float]] = {
        "frames": lambda n: _step(more_frames(fitting, n)),
        "vertices": lambda n: _step(skin_vertices(fitting, n)),
        "objects": lambda n: _step(more_objects(fitting, n)),
        "restarts": lambda n: _step(fitting, n),
    }
    return [_line(f"{what}, hoi_page step", PRESET[what], [make[what](n) for n in PRESET[what]])]


def _step(problem: Any, starts: int = 1) -> float:
    from zeroshot_hoi.optimization.hoi_page import Preset
    from zeroshot_hoi.optimization.hoi_page_loop import jax_loop

    loop = jax_loop(problem, Preset(starts=starts))
    state = [loop.state]

    def once() -> None:
        state[0] = loop.step(state[0], 1)
        loop.read(state[0])

    return least_cpu(once, 8)


def _solver(what: str) -> list[Line]:
    """The default solver's work on problems of each size."""
    from benchmarks.solver import all_frames
    from benchmarks.speed_problems import people_together, with_people

    clip = all_frames()

    def frames(count: int) -> Any:
        return clip.take(np.arange(count) % clip.length)

    make: Mapping[str, Callable[[int], Any]] = {
        "frames": frames,
        "people": lambda n: with_people(frames(CLIP), n),
        "people, on one object": lambda n: people_together(n, CLIP),
    }
    sizes = SOLVER[what]
    times: dict[str, list[float]] = {}
    memory = []
    for size in sizes:
        forget_peak()
        for name, seconds in _work(make[what](size)).items():
            times.setdefault(name, []).append(seconds)
        memory.append(f"{size}: {peak_bytes() / 2**30:.2f} GiB")
    notes = {"iteration": f"; peak of the process {', '.join(memory)}"}
    return [_line(f"{what}, {name}", sizes, values, notes.get(name, "")) for name, values in times.items()]


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
