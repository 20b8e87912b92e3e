"""Last step: the best start's key frames become a clip, in passes over all frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline

from zeroshot_hoi.core.motion import Motion
from zeroshot_hoi.core.solution import Progress, ProgressListener, Solution, silent
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.engines import make_engine
from zeroshot_hoi.optimization.problem import Problem
from zeroshot_hoi.optimization.proximity import watch
from zeroshot_hoi.optimization.schedule import (
    CLIP_SETTINGS,
    FINAL_SETTINGS,
    Candidate,
    grip_cost,
    key_times,
    read_motion,
    smoothness,
    states_of,
)
from zeroshot_hoi.optimization.solver import solve
from zeroshot_hoi.optimization.start import Start

PASSES = 4
"""At most; the clip is done earlier when nothing is deeper than CLEAN where it should not be, or no pass helps."""

WATCHED = 2
"""Every how many frames of a clip somebody looks for what comes near."""

CLEAN = 0.005
"""Metres."""

PROGRESS = 0.9
"""Share of the depth before that must be left at most for another pass to be worth its time."""

SOUND_DEPTH, SOUND_ENERGY = 0.009, 500.0
"""Metres, and energy of one frame, beyond which a start counts as failed and the next one is tried."""

DEAR, UNNATURAL = 2.5, 0.5
"""Times the least energy of a start's clips beyond which a clip is something else than people do, and how much missed
that counts as: who pushed a real door upright was .25 mm too deep in its lever, and who did so bent double (4.7 times)
held every bar."""


@dataclass(frozen=True)
class _Clip:
    """All frames of one start."""

    start: Start
    problem: Problem
    solutions: tuple[Solution, ...]
    """One a pass."""
    sound: bool = False
    """Nothing is deep where it should not be, and no frame stands out in energy: a failed start is not shipped."""
    missed: float = 0.0
    """By how much it misses what is asked of it."""

    @property
    def x(self) -> np.ndarray:
        return self.solutions[-1].value

    @property
    def energy(self) -> float:
        """What is compared between starts."""
        return self.solutions[-1].energy + grip_cost(self.start)


def solve_all_frames(
    compiler: Compiler,
    candidates: Sequence[Candidate],
    listener: ProgressListener = silent,
    *,
    misses: Callable[[Motion], float] = lambda motion: 0.0,
    others: Callable[[], Sequence[Candidate]] = tuple,
) -> tuple[Motion, Solution]:
    """The motion of every person and object, and the solution it comes from (status, energies by term).

    Every start takes the first pass, since key frames do not see what happens between them (the best of them may lead
    a bag through a leg); the best clip takes the others. One in which something stays deep, or that misses what is
    asked of it (`misses`, 0 where it does not), is not shipped while another start remains: the next one gets its
    turn, and where all of them miss something those whose key frames `others` solves only then. What is DEAR beside
    the others counts as missing something.
    """
    done = _clips(compiler, candidates, listener, misses)
    if _faults(done).min():
        done += _clips(compiler, others(), listener, misses)
    best = min(zip(_faults(done), done, strict=True), key=lambda f: (f[0], not f[1].sound, f[1].energy))[1]
    compiler.shape_hands(best.start)
    solution = _joined(best.solutions)
    status = solution.status if best.sound else f"{solution.status} No start ended clean; this is the best."
    listener(Progress("optimization", 1, 1, solution.energy, status))
    return read_motion(compiler, best.problem, best.x), replace(solution, status=status)


def _clips(
    compiler: Compiler,
    candidates: Sequence[Candidate],
    listener: ProgressListener,
    misses: Callable[[Motion], float],
) -> list[_Clip]:
    """Clips of starts, of least energy first, up to one that serves."""
    done: list[_Clip] = []
    for clip in sorted((_first_pass(compiler, c, listener) for c in candidates), key=lambda c: c.energy):
        made = _more_passes(compiler, clip, listener)
        done.append(replace(made, missed=misses(read_motion(compiler, made.problem, made.x))))
        if done[-1].sound and not _faults(done)[-1]:
            break
    return done


def _faults(clips: Sequence[_Clip]) -> np.ndarray:
    """What every clip misses, and UNNATURAL where it is DEAR."""
    energy = np.array([clip.energy for clip in clips])
    return np.array([clip.missed for clip in clips]) + UNNATURAL * (energy > DEAR * energy.min())


def _first_pass(compiler: Compiler, candidate: Candidate, listener: ProgressListener) -> _Clip:
    """All frames, from a spline through what key frames change of the reference."""
    compiler.shape_hands(candidate.start)
    times = np.arange(compiler.plan.frames)
    keys = key_times(len(times))
    problem = compiler.problem([candidate.start] * len(times), times)
    reference = problem.initial()
    apart = candidate.x - reference[keys]
    x = reference + (CubicSpline(keys, apart, axis=0)(times) if len(keys) > 1 else apart)
    start, _ = _watch(compiler, candidate.start, problem, x)
    return _solve(compiler, _Clip(start, problem, ()), x, listener)


def _more_passes(compiler: Compiler, clip: _Clip, listener: ProgressListener) -> _Clip:
    """The clip, solved again against what came near in the pass before, while that helps; and whether it is sound."""
    compiler.shape_hands(clip.start)
    depth = np.inf
    for taken in range(1, PASSES + 1):
        before = depth
        start, depth = _watch(compiler, clip.start, clip.problem, clip.x)
        if depth < CLEAN or (taken > 1 and depth > PROGRESS * before) or taken == PASSES:
            break
        clip = _solve(compiler, replace(clip, start=start), clip.x, listener)
    sound = depth < SOUND_DEPTH and float(clip.solutions[-1].energies["frame"].max()) < SOUND_ENERGY
    return replace(clip, sound=sound)


def _watch(compiler: Compiler, start: Start, problem: Problem, x: np.ndarray) -> tuple[Start, float]:
    times = np.arange(compiler.plan.frames)
    return watch(compiler, start, states_of(problem, x)[::WATCHED], times[::WATCHED])


def _solve(compiler: Compiler, clip: _Clip, x: np.ndarray, listener: ProgressListener) -> _Clip:
    """One pass."""
    times = np.arange(compiler.plan.frames)
    problem = compiler.problem([clip.start] * len(times), times)
    settings, name = (FINAL_SETTINGS, "polish") if clip.solutions else (CLIP_SETTINGS, "all frames")
    engine = make_engine(compiler.plan.engine, problem)
    solution = solve(engine, x, smoothness(problem, 1.0), settings, listener, name)
    return replace(clip, problem=problem, solutions=(*clip.solutions, solution))


def _joined(solutions: Sequence[Solution]) -> Solution:
    """The last solution with the energies of all passes, by term and step."""
    names = [name for name in solutions[-1].energies if name != "frame"]
    return replace(solutions[-1], energies={n: np.concatenate([s.energies[n] for s in solutions]) for n in names})
