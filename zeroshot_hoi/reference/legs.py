"""Joint angles of legs whose feet are given: damped least squares on six freedoms a leg, all frames at once.

A foot has six coordinates and a leg six freedoms (hip 3, knee 1, ankle 2), so that the solution is unique near a bent
knee; limits hold by projection. Buss 2009, Introduction to Inverse Kinematics, eq. 11, with the damping that Levenberg
and Marquardt choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.reference import FootTrack
from zeroshot_hoi.reference.feet import FootShape

LEG = ("hip flexion", "hip abduction", "hip rotation", "knee flexion", "ankle flexion", "ankle inversion")

ITERATIONS = 20
RADIUS = 0.12
"""Metres that a radian of the foot's turn counts as."""

COMFORT = 1e-3
"""Pull toward the given angles, relative to a metre of error: decides where a straight leg leaves freedom."""

NUDGE = 1e-5
"""Radians for derivatives by differences."""


def solve_legs(
    body: SkinnedBody,
    q: np.ndarray,
    root: np.ndarray,
    heading: np.ndarray,
    feet: Mapping[str, FootTrack],
    shapes: Mapping[str, FootShape],
) -> tuple[np.ndarray, np.ndarray]:
    """`q (T, D)` with legs and toes that bring the feet to their tracks, and how far each ankle misses, (T, 2) metres.

    `root (T, 3)` is the root joint's place and `heading (T,)` its turn about z, in the frame of the tracks.
    """
    q = q.copy()
    missed = np.zeros((len(q), 2))
    for k, side in enumerate(("left", "right")):
        index = [body.freedoms.index(f"{side} {name}") for name in LEG]
        _bend_toes(body, q, side, feet[side].toe)
        target = _ankle_targets(feet[side], shapes[side])
        missed[:, k] = _solve(body, q, root, heading, f"{side}_ankle", index, target, shapes[side].yaw)
    return q, missed


def _bend_toes(body: SkinnedBody, q: np.ndarray, side: str, toe: np.ndarray) -> None:
    name = f"{side} toe flexion"
    if name in body.freedoms.names:
        d = body.freedoms.index(name)
        q[:, d] = np.clip(-toe, *body.freedoms.limits[d])


def _ankle_targets(track: FootTrack, shape: FootShape) -> np.ndarray:
    """(T, 4, 4) poses of the ankle."""
    lift = np.eye(4)
    lift[2, 3] = shape.ankle
    return track.pose @ lift


def _solve(
    body: SkinnedBody,
    q: np.ndarray,
    root: np.ndarray,
    heading: np.ndarray,
    joint: str,
    index: list[int],
    target: np.ndarray,
    yaw: float,
) -> np.ndarray:
    """Changes the columns `index` of `q` in place; the ankle's distance from its target (T,)."""
    wanted = q[:, index].copy()
    low, high = body.freedoms.limits[index].T
    count, frames = len(index), len(q)
    damping = np.full(frames, 1e-3)
    error = _error(body, q, root, heading, joint, target, yaw)
    for _ in range(ITERATIONS):
        jacobian = np.zeros((frames, 6, count))
        for c, d in enumerate(index):
            moved = q.copy()
            moved[:, d] += NUDGE
            jacobian[:, :, c] = (_error(body, moved, root, heading, joint, target, yaw) - error) / NUDGE
        pull = q[:, index] - wanted
        gradient = np.einsum("tec,te->tc", jacobian, error) + COMFORT**2 * pull
        normal = np.einsum("tec,ted->tcd", jacobian, jacobian) + COMFORT**2 * np.eye(count)
        free = ~(((q[:, index] <= low) & (gradient > 0)) | ((q[:, index] >= high) & (gradient < 0)))
        normal = normal * free[:, :, None] * free[:, None, :]
        normal[:, np.arange(count), np.arange(count)] += np.where(free, damping[:, None] * 0.1, 1.0)
        step = np.linalg.solve(normal, (gradient * free)[..., None])[..., 0]
        trial = q.copy()
        trial[:, index] = np.clip(q[:, index] - step, low, high)
        new = _error(body, trial, root, heading, joint, target, yaw)
        better = _cost(new, trial[:, index] - wanted) < _cost(error, pull)
        q[better] = trial[better]
        error[better] = new[better]
        damping = np.where(better, damping * 0.2, damping * 6.0)
    return np.linalg.norm(error[:, :3], axis=1)


def _cost(error: np.ndarray, pull: np.ndarray) -> np.ndarray:
    return (error**2).sum(1) + COMFORT**2 * (pull**2).sum(1)


def _error(
    body: SkinnedBody,
    q: np.ndarray,
    root: np.ndarray,
    heading: np.ndarray,
    joint: str,
    target: np.ndarray,
    yaw: float,
) -> np.ndarray:
    """(T, 6): the ankle's offset in metres, and its turn from the target in metres at `RADIUS`."""
    turn, place = joint_in_world(body, q, root, heading, joint)
    is_turn = turn * Rotation.from_euler("z", yaw)  # the rest mesh's foot points there, the track's along x
    away = (Rotation.from_matrix(target[:, :3, :3]).inv() * is_turn).as_rotvec()
    return np.concatenate([place - target[:, :3, 3], RADIUS * away], axis=1)


def joint_in_world(
    body: SkinnedBody, q: np.ndarray, root: np.ndarray, heading: np.ndarray, joint: str
) -> tuple[Rotation, np.ndarray]:
    """Turn from the rest mesh (T) and place (T, 3) of one joint: only the joints above it are composed."""
    chain = [body.joint_names.index(joint)]
    while body.joint_parents[chain[-1]] >= 0:
        chain.append(int(body.joint_parents[chain[-1]]))
    turn, place = Rotation.from_euler("z", heading[:, None]), root
    for before, j in pairwise([None, *reversed(chain)]):
        if before is not None:
            place = place + turn.apply(body.rest_joints[j] - body.rest_joints[before])
        frame = Rotation.from_matrix(body.joint_frames[j])
        turn = turn * (frame * Rotation.from_rotvec(q @ body.freedoms.basis[:, j]) * frame.inv())
    return turn, place
