"""Coarse to fine: grips of each hand alone, static poses from every start, key frames from the best, then all frames.

The basin decides the quality (eight starts of one motion ended between energy 10 and 99), so every choice is made as
late as possible: placements and grips multiply into starts, starts are pruned by the energy of a static pose, key
frames are solved for the few best, and only the best of those becomes a clip.

Each step is a stage of the pipeline: `grips.py`, `static_poses.py`, `key_frames.py`, `clip.py`. This is what they
share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.motion import BodyMotion, Motion, ObjectMotion
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.problem import Problem, State, frame_state
from zeroshot_hoi.optimization.solver import Settings, Smoothness
from zeroshot_hoi.optimization.start import Start

KEY_STEP = 8
"""Frames between key frames."""

LOOSE = 3000.0
"""Energy that a grip costs which does not go around its part, or is in it."""

GRIP = 0.3
"""Share of a grip's own cost that counts beside the pose's."""

CLIP_SETTINGS = Settings(iterations=24, tolerance=2e-3)
FINAL_SETTINGS = Settings(iterations=12, tolerance=2e-3)
"""The clip is solved again against the vertices that came near things in the pass before."""

ACCELERATION = 0.012
"""Radians per frame^2: standard deviation of a joint's second difference; the root's is a tenth of it, in metres."""

VELOCITY = 0.5
"""Radians per frame: standard deviation of a joint's first difference."""


@dataclass(frozen=True)
class Candidate:
    """A start with what has been solved for it so far."""

    start: Start
    x: np.ndarray
    """(T, n) unknowns of its frames: one for a static pose, then the key frames."""
    energy: float
    motion: Motion
    """The same frames as poses and places, to look at."""


def smoothness(problem: Problem, step: float) -> Smoothness:
    """Weights of differences between frames `step` apart that cost what they would cost frame by frame.

    The differences of the reference motion itself cost nothing: who sits down may meet the seat.
    """
    unit = []
    for person in problem.people:
        unit += [np.ones(len(person.active)), np.full(3 * person.moves, 0.1)]
    for moved in problem.objects:
        if moved.kind == "free":
            unit += [np.ones(3), np.full(3, 0.1)]
    scale = np.concatenate(unit)
    return Smoothness((VELOCITY * scale) ** -2 / step**2, (ACCELERATION * scale) ** -2 / step**4, problem.initial())


def key_times(frames: int) -> np.ndarray:
    """Key frames of a clip: about every KEY_STEP frames, the first and the last among them."""
    count = max(2, int(np.ceil((frames - 1) / KEY_STEP)) + 1)
    return np.unique(np.linspace(0, frames - 1, count).round().astype(int))


def grip_cost(start: Start) -> float:
    """What a start's grips cost in every comparison of starts."""
    return sum(GRIP * g.cost + LOOSE * (not g.sound) for g in start.grasps.values())


def busiest_frame(compiler: Compiler) -> int:
    """The frame with the most contacts; of several, the one in which what moves is nearest to the middle of its way."""
    total = np.zeros(compiler.plan.frames)
    for reference in compiler.reference.people.values():
        for gate in reference.gates.values():
            total += gate
    best = np.flatnonzero(total > total.max() - 1e-3)
    away = np.zeros(len(best))
    for name in (*compiler.holds.carriers, *compiler.holds.free):
        path = compiler.reference.objects[name].translation
        away += np.linalg.norm(path[best] - 0.5 * (path.min(0) + path.max(0)), axis=1)
    nearest = np.flatnonzero(away < away.min() + 1e-3)
    return int(best[nearest[len(nearest) // 2]])


def state_at(problem: Problem, x: np.ndarray, k: int) -> State:
    """The state of a problem's `k`-th frame with unknowns `x (n,)`."""
    return frame_state(numpy_namespace(), problem, x, {name: np.asarray(v)[k] for name, v in problem.base.items()})


def states_of(problem: Problem, x: np.ndarray) -> list[State]:
    """The states of all frames, with unknowns `x (T, n)`."""
    return [state_at(problem, x[k], k) for k in range(len(x))]


def read_motion(compiler: Compiler, problem: Problem, x: np.ndarray) -> Motion:
    """People's poses and objects' transforms from the unknowns `x (T, n)`; headings become part of the root's turn."""
    states = states_of(problem, x)
    people = {}
    for p, name in enumerate(compiler.people):
        body = compiler.bodies[name]
        pose = to_pose(numpy_namespace(), body.freedoms, np.stack([s.q[p] for s in states]))
        frame = body.joint_frames[0]
        heading = Rotation.from_matrix(np.einsum("ji,tjk,kl->til", frame, problem.base[f"heading{p}"], frame))
        pose[:, 0] = (heading * Rotation.from_rotvec(pose[:, 0])).as_rotvec()
        people[name] = BodyMotion(pose, np.stack([s.bones[p][3] for s in states]))
    objects = {
        name: ObjectMotion(np.stack([s.rotations[o] for s in states]), np.stack([s.translations[o] for s in states]))
        for o, name in enumerate(compiler.names)
    }
    return Motion(people, objects, compiler.plan.fps)


def frame_of(motion: Motion, k: int) -> Motion:
    """One frame of a motion as a motion."""
    people = {n: BodyMotion(m.pose[k : k + 1], m.translation[k : k + 1]) for n, m in motion.people.items()}
    objects = {n: ObjectMotion(m.rotation[k : k + 1], m.translation[k : k + 1]) for n, m in motion.objects.items()}
    return replace(motion, people=people, objects=objects)
