"""Last step: the best start's key frames become a clip, in passes over all frames."""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True)
class _Clip:
    """All frames of one start, solved."""

    start: Start
    problem: Problem
    solution: Solution
    sound: bool
    """Nothing is deep where it should not be, and no frame stands out in energy: a failed start is not shipped."""


def solve_all_frames(
    compiler: Compiler, candidates: Sequence[Candidate], listener: ProgressListener = silent
) -> tuple[Motion, Solution]:
    """The motion of every person and object, and the solution it comes from (status, energies by term).

    A clip in which something stays deep is not shipped while another candidate remains: the next one gets its turn.
    """
    keys = key_times(compiler.plan.frames)
    clips: list[_Clip] = []
    for candidate in candidates:
        clips.append(_solve_clip(compiler, candidate, keys, listener))
        if clips[-1].sound:
            break
    best = min(clips, key=lambda c: (not c.sound, c.solution.energy))
    compiler.shape_hands(best.start)
    status = best.solution.status if best.sound else f"{best.solution.status} No start ended clean; this is the best."
    listener(Progress("optimization", 1, 1, best.solution.energy, status))
    return read_motion(compiler, best.problem, best.solution.value), replace(best.solution, status=status)


def _solve_clip(compiler: Compiler, candidate: Candidate, keys: np.ndarray, listener: ProgressListener) -> _Clip:
    """Spline through what key frames change of the reference, then passes over all frames, each against what came near
    in the one before."""
    frames = compiler.plan.frames
    compiler.shape_hands(candidate.start)
    times = np.arange(frames)
    problem, solutions, depth = compiler.problem([candidate.start] * frames, times), [], np.inf
    reference = problem.initial()
    apart = candidate.x - reference[keys]
    x = reference + (CubicSpline(keys, apart, axis=0)(times) if len(keys) > 1 else apart)
    for passing in range(PASSES):
        before = depth
        start, depth = watch(compiler, candidate.start, states_of(problem, x)[::WATCHED], times[::WATCHED])
        if (passing and depth < CLEAN) or (passing > 1 and depth > PROGRESS * before):
            break
        problem = compiler.problem([start] * frames, times)
        engine = make_engine(compiler.plan.engine, problem)
        settings = FINAL_SETTINGS if passing else CLIP_SETTINGS
        name = "polish" if passing else "all frames"
        solutions.append(solve(engine, x, smoothness(problem, 1.0), settings, listener, name))
        x = solutions[-1].value
    else:
        depth = watch(compiler, candidate.start, states_of(problem, x)[::WATCHED], times[::WATCHED])[1]
    sound = depth < SOUND_DEPTH and float(solutions[-1].energies["frame"].max()) < SOUND_ENERGY
    return _Clip(candidate.start, problem, _joined(solutions), sound)


def _joined(solutions: list[Solution]) -> Solution:
    """The last solution with the energies of all passes, by term and step."""
    names = [name for name in solutions[-1].energies if name != "frame"]
    return replace(solutions[-1], energies={n: np.concatenate([s.energies[n] for s in solutions]) for n in names})
