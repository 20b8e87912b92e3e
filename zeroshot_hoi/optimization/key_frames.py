"""Third step: the key frames of the few best starts, each frame alone, then coupled by smoothness."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from threading import Lock

import numpy as np

from zeroshot_hoi.core.solution import Progress, ProgressListener, silent
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.engines import make_engine
from zeroshot_hoi.optimization.problem import Problem
from zeroshot_hoi.optimization.proximity import watch
from zeroshot_hoi.optimization.schedule import (
    Candidate,
    busiest_frame,
    grip_cost,
    key_times,
    read_motion,
    smoothness,
    states_of,
)
from zeroshot_hoi.optimization.solver import Settings, solve
from zeroshot_hoi.optimization.start import Start

ALONE = Settings(iterations=20, tolerance=5e-3)
TOGETHER = Settings(iterations=36, tolerance=2.5e-3)
"""Of key frames: each alone, then coupled. Most converge sooner; an arm that is brought to the mouth does not: with 6
and 14 a toothbrush ended at 685 with the person leaning back, with 14 and 40 at 137 (by the former solver)."""


def solve_key_frames(
    compiler: Compiler, candidates: Sequence[Candidate], listener: ProgressListener = silent
) -> tuple[Candidate, ...]:
    """Every candidate's key frames, the best by energy first; candidates are solved beside one another, because each is
    too small to fill the cores.

    Frame by frame first, which brings every frame near its contacts with its own damping; then smoothly together.
    """
    keys = key_times(compiler.plan.frames)
    step = float(keys[1] - keys[0]) if len(keys) > 1 else 1.0
    settled = int(np.argmin(np.abs(keys - busiest_frame(compiler))))
    shared = _shared_listener(listener, "key frames", len(candidates) * TOGETHER.iterations)

    def problem_of(start: Start) -> Problem:
        compiler.shape_hands(start)
        return compiler.problem([start] * len(keys), keys)

    def alone(candidate: Candidate, problem: Problem) -> np.ndarray:
        reference = problem.initial()
        x = reference + (candidate.x - reference[settled])
        return solve(make_engine(compiler.plan.engine, problem), x, None, ALONE).value

    def together(candidate: Candidate, problem: Problem) -> Candidate:
        engine = make_engine(compiler.plan.engine, problem)
        solution = solve(engine, candidate.x, smoothness(problem, step), TOGETHER, shared)
        energy = solution.energy if np.isfinite(solution.energy) else np.inf
        motion = read_motion(compiler, problem, solution.value)
        return Candidate(candidate.start, solution.value, energy, motion)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [problem_of(c.start) for c in candidates]
        solved = list(pool.map(alone, candidates, problems))
        watched = []
        for candidate, problem, x in zip(candidates, problems, solved, strict=True):
            compiler.shape_hands(candidate.start)
            watched.append(
                replace(candidate, start=watch(compiler, candidate.start, states_of(problem, x), keys)[0], x=x)
            )
        coupled = list(pool.map(together, watched, [problem_of(c.start) for c in watched]))
    return tuple(sorted(coupled, key=lambda c: c.energy + grip_cost(c.start)))


def _shared_listener(listener: ProgressListener, stage: str, total: int) -> ProgressListener:
    """One bar for solvers that run beside one another: their steps add up, and the lowest energy counts."""
    lock, steps, lowest = Lock(), count(1), [np.inf]

    def listen(event: Progress) -> None:
        with lock:
            energy = np.inf if event.energy is None else event.energy
            lowest[0] = float(np.fmin(lowest[0], energy))
            listener(Progress(stage, min(next(steps), total), total, lowest[0]))

    return listen
