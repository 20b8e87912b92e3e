"""Third step: the key frames of the few best starts, each frame alone, then coupled by smoothness."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count, pairwise, product
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

FINALISTS = 3
"""Candidates whose key frames are solved at once."""

ALONE = Settings(iterations=20, tolerance=5e-3)
TOGETHER = Settings(iterations=36, tolerance=2.5e-3)
"""Of key frames: each alone, then coupled. Most converge sooner; an arm that is brought to the mouth does not: with 6
and 14 a toothbrush ended at 685 with the person leaning back, with 14 and 40 at 137 (by the former solver)."""

LOOKS, UNSOLVED = 3, 1e9
"""Frames that are looked at on the way between two key frames, and the energy of one that is not finite."""


def solve_key_frames(
    compiler: Compiler, candidates: Sequence[Candidate], listener: ProgressListener = silent
) -> tuple[Candidate, ...]:
    """Key frames of the first FINALISTS candidates, the best by energy first; they are solved beside one another,
    because each is too small to fill the cores. Those left over are for when no clip of these serves.

    Frame by frame first, which brings every frame near its contacts with its own damping: from the static pose, from
    the frame before and from the one after, and of these what meets least on the way from one key frame to the next.
    Then smoothly together.
    """
    keys, candidates = key_times(compiler.plan.frames), candidates[:FINALISTS]
    step = float(keys[1] - keys[0]) if len(keys) > 1 else 1.0
    settled = int(np.argmin(np.abs(keys - busiest_frame(compiler))))
    shared = _shared_listener(listener, "key frames", len(candidates) * TOGETHER.iterations)

    def problem_of(start: Start) -> Problem:
        compiler.shape_hands(start)
        return compiler.problem([start] * len(keys), keys)

    def alone(candidate: Candidate, problem: Problem) -> _Options:
        reference, engine = problem.initial(), make_engine(compiler.plan.engine, problem)
        own = solve(engine, reference + (candidate.x - reference[settled]), None, ALONE)
        apart = own.value - reference
        before, after = np.concatenate([apart[:1], apart[:-1]]), np.concatenate([apart[1:], apart[-1:]])
        found = [own] + [solve(engine, reference + begun, None, ALONE) for begun in (before, after)]
        return _Options(np.stack([s.value for s in found]), np.stack([s.energies["frame"] for s in found]), reference)

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
        for candidate, problem, options in zip(candidates, problems, solved, strict=True):
            compiler.shape_hands(candidate.start)
            x = _most_direct(compiler, candidate.start, options, keys)
            watched.append(
                replace(candidate, start=watch(compiler, candidate.start, states_of(problem, x), keys)[0], x=x)
            )
        coupled = list(pool.map(together, watched, [problem_of(c.start) for c in watched]))
    return tuple(sorted(coupled, key=lambda c: c.energy + grip_cost(c.start)))


@dataclass(frozen=True)
class _Options:
    """Solutions of every key frame by itself, O from different beginnings."""

    x: np.ndarray
    """(O, K, n) unknowns."""
    energy: np.ndarray
    """(O, K); what is not finite is not taken."""
    reference: np.ndarray
    """(K, n)"""


def _most_direct(compiler: Compiler, start: Start, options: _Options, keys: np.ndarray) -> np.ndarray:
    """Unknowns (K, n), one option for every key frame, by dynamic programming: those of least energy in the key frames
    and on the way between them. A free hand may rest above a table's edge in one key frame and below it in the next;
    every frame by itself does not see the table between."""
    energy = np.where(np.isfinite(options.energy), options.energy, UNSOLVED)
    between = _energy_between(compiler, start, options, keys)
    total, came = energy[:, 0], []
    for k in range(1, len(keys)):
        through = total[:, None] + between[k - 1]
        came.append(through.argmin(axis=0))
        total = through.min(axis=0) + energy[:, k]
    picks = [int(total.argmin())]
    for before in reversed(came):
        picks.append(int(before[picks[-1]]))
    return options.x[picks[::-1], np.arange(len(keys))]


def _energy_between(compiler: Compiler, start: Start, options: _Options, keys: np.ndarray) -> np.ndarray:
    """(K - 1, O, O) energy of frames between two key frames on the straight way from each option of the first to each
    of the second."""
    many, apart = len(options.x), options.x - options.reference
    times, shares, spans = [], [], []
    for k, (first, last) in enumerate(pairwise(keys)):
        inner = np.unique(np.linspace(first, last, LOOKS + 2).round().astype(int)[1:-1])
        inner = inner[(inner > first) & (inner < last)]
        times += inner.tolist()
        shares += ((inner - first) / (last - first)).tolist()
        spans += [k] * len(inner)
    found = np.zeros((len(keys) - 1, many, many))
    if not times:
        return found
    share, span = np.array(shares)[:, None], np.array(spans)
    problem = compiler.problem([start] * len(times), np.array(times))
    engine, reference = make_engine(compiler.plan.engine, problem), problem.initial()
    for a, b in product(range(many), repeat=2):
        x = reference + (1.0 - share) * apart[a, span] + share * apart[b, span + 1]
        energy = engine.energies(x).sum(axis=1)
        np.add.at(found[:, a, b], span, np.where(np.isfinite(energy), energy, UNSOLVED))
    return found


def _shared_listener(listener: ProgressListener, stage: str, total: int) -> ProgressListener:
    """One bar for solvers that run beside one another: their steps add up, and the lowest energy counts."""
    lock, steps, lowest = Lock(), count(1), [np.inf]

    def listen(event: Progress) -> None:
        with lock:
            energy = np.inf if event.energy is None else event.energy
            lowest[0] = float(np.fmin(lowest[0], energy))
            listener(Progress(stage, min(next(steps), total), total, lowest[0]))

    return listen
