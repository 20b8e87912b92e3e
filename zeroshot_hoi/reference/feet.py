"""What feet do in a walk: flat in stance, rolling over the heel at first and over the ball at last.

A stance has four phases [Perry & Burnfield 2010]: the heel is down and the foot turns about it until it is flat; it
stays flat; the heel rises while ball and toes stay; the toe leaves. In the swing the foot follows a smooth way from
one footprint to the next, and its lowest point a hump above the ground, so that nothing scrapes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.reference import FootTrack
from zeroshot_hoi.reference.footsteps import Stance
from zeroshot_hoi.reference.gait import (
    CLEARANCE,
    FLAT_SHARE,
    HEEL_OFF_SHARE,
    PUSH_PITCH,
    STRIKE_PITCH,
)

ROLL = np.linspace(0.0, -np.radians(40.0), 81)
"""Pitches, radians, at which rolling over the heel is tabulated."""

FLAT = 1e-6
"""Radians of pitch up to which both ends of the foot stand."""

BALL_ROLL = 0.3
"""How far the foot goes ahead while it turns about the ball, as a share of how far the skin below the joint would go
back: toes and ball share the slip that two rigid pieces cannot avoid and that soft soles do not have."""

BALL_FREE = np.radians(36.0)
"""Pitch at which the skin below the joint has left the ground by some 5 mm: rolling ends there."""

ANKLE_START = 0.35
"""Share of the mean swing speed that the ankle already has when the toe leaves: the heel has long been rising."""

ANKLE_END = 0.10
"""Share of it that is left at heel strike."""


@dataclass(frozen=True)
class FootShape:
    """One foot in its own frame: origin on the sole's plane below the ankle, x ahead to the ball, z up, metres."""

    sole: np.ndarray
    """(N, 3) points of the sole."""
    ankle: float
    """Height of the ankle joint."""
    hinge: tuple[float, float]
    """(x, z) of the joint at the ball."""
    roll: np.ndarray
    """(S, 2) x and z of the origin while the foot rolls over its heel without slipping, at the pitches `ROLL`."""
    yaw: float
    """Radians of the foot's direction in the body's rest mesh."""


def foot_shape(body: SkinnedBody, side: str) -> FootShape:
    """Measures one foot of the rest mesh."""
    at = dict(zip(body.joint_names, body.rest_joints, strict=True))
    ankle, ball = at[f"{side}_ankle"], at[f"{side}_foot"]
    yaw = float(np.arctan2(ball[1] - ankle[1], ball[0] - ankle[0]))
    sole = body.rest_vertices[np.array(body.regions) == f"{side} sole"]
    floor = float(sole[:, 2].min())
    turn = Rotation.from_euler("z", -yaw)
    points = turn.apply(sole - [ankle[0], ankle[1], floor])
    hinge = turn.apply(ball - ankle)
    return FootShape(
        points, float(ankle[2] - floor), (float(hinge[0]), float(ball[2] - floor)), _heel_roll(points), yaw
    )


def _heel_roll(sole: np.ndarray) -> np.ndarray:
    """(S, 2): each small turn is about the point that is lowest, so that it stays where it touches the floor."""
    place, places = np.zeros(2), [np.zeros(2)]
    for before, after in pairwise(ROLL):
        now, then = ((np.cos(a), np.sin(a)) for a in (before, after))
        turned = [
            np.stack([sole[:, 0] * c + sole[:, 2] * s, sole[:, 2] * c - sole[:, 0] * s], axis=-1)
            for c, s in (now, then)
        ]
        lowest = int(turned[1][:, 1].argmin())
        place = place + turned[0][lowest] - turned[1][lowest]
        place[1] = -turned[1][lowest, 1]
        places.append(place)
    return np.stack(places)


def flat_track(
    shape: FootShape, places: np.ndarray, yaws: np.ndarray, stands: bool = True, rides: bool = False
) -> FootTrack:
    """A flat foot at `places (T, 3)`, turned by `yaws (T,)` radians; it `stands` on its spot or goes along."""
    pose = np.repeat(np.eye(4)[None], len(yaws), axis=0)
    pose[:, :3, :3] = Rotation.from_euler("z", yaws[:, None]).as_matrix()
    pose[:, :3, 3] = places
    down = np.full(len(yaws), float(stands))
    return FootTrack(pose, np.zeros(len(yaws)), shape.hinge, down, down, rides)


def foot_track(shape: FootShape, stances: list[Stance], step: float, vigor: float, times: np.ndarray) -> FootTrack:
    """The way of one foot through its `stances`, in order, for steps of `step` seconds.

    `vigor` scales heel strike and push-off: 1 for natural walking, less for short steps. `times (T,)` seconds.
    """
    frames = len(times)
    pose, toe = np.repeat(np.eye(4)[None], frames, 0), np.zeros(frames)
    heel_down, toe_down = np.zeros(frames), np.zeros(frames)
    for k, stance in enumerate(stances):
        here = (times >= stance.contact) & (times <= stance.lift)
        pitch = _pitch(stance, step, vigor, times[here])
        pose[here], toe[here] = _stance_pose(shape, stance, pitch), np.maximum(pitch, 0.0)
        heel_down[here], toe_down[here] = pitch <= FLAT, pitch >= -FLAT
        if k + 1 < len(stances):
            air = (times > stance.lift) & (times < stances[k + 1].contact)
            pose[air], toe[air] = _swing(shape, stance, stances[k + 1], vigor, times[air])
    return FootTrack(pose, toe, shape.hinge, heel_down, toe_down)


def _landing(stance: Stance, vigor: float) -> float:
    """Pitch at contact, radians: negative for a heel strike, positive where the toes come first."""
    return -STRIKE_PITCH * vigor * stance.strike


def _push(stance: Stance, vigor: float) -> float:
    """Pitch at lift-off, radians: positive where the heel rises, negative where the toes do."""
    return (PUSH_PITCH if stance.push > 0.0 else STRIKE_PITCH) * float(np.sqrt(vigor)) * stance.push


def _pitch(stance: Stance, step: float, vigor: float, t: np.ndarray) -> np.ndarray:
    """(T,) radians of the foot in stance, heel up positive."""
    stride, landing = 2.0 * step, _landing(stance, vigor)
    flat = stance.contact + FLAT_SHARE * stride * (landing != 0.0)
    rise = max(stance.lift - (0.62 - HEEL_OFF_SHARE) * stride, flat)
    down = np.clip((flat - t) / max(flat - stance.contact, 1e-9), 0.0, 1.0) if np.isfinite(flat) else np.zeros(len(t))
    up = np.clip((t - rise) / (stance.lift - rise), 0.0, 1.0) if np.isfinite(rise) else np.zeros(len(t))
    return _push(stance, vigor) * up**1.8 + landing * down**1.5


def _stance_pose(shape: FootShape, stance: Stance, pitch: np.ndarray) -> np.ndarray:
    """(T, 4, 4): rolled over the ball where the heel is up, over the heel where the toes are."""
    turn = Rotation.from_euler("y", pitch[:, None])
    ball = np.array([shape.hinge[0], 0.0, shape.hinge[1]])
    offset = ball - turn.apply(ball)
    offset[:, 0] += BALL_ROLL * shape.hinge[1] * np.sin(np.clip(pitch, 0.0, BALL_FREE))
    rolled = np.stack([np.interp(-pitch, -ROLL, shape.roll[:, i]) for i in range(2)], axis=-1)
    offset[:, [0, 2]] = np.where(pitch[:, None] < 0.0, rolled, offset[:, [0, 2]])
    return _in_place(turn, offset, stance.foot)


def _swing(
    shape: FootShape, before: Stance, after: Stance, vigor: float, t: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Poses (T, 4, 4) and bend of the toes (T,) in the air."""
    u = (t - before.lift) / (after.contact - before.lift)
    push, landing = _push(before, vigor), _landing(after, vigor)
    ends = [_stance_pose(shape, s, np.array([p]))[0] for s, p in ((before, push), (after, landing))]
    pitch = push * (1.0 - _ease(u / 0.72)) + landing * _ease((u - 0.45) / 0.5)
    toe = max(push, 0.0) * (1.0 - _ease(u / 0.45)) + max(landing, 0.0) * _ease((u - 0.55) / 0.45)
    start, end = (_ankle(shape, pose) for pose in ends)
    ankle = start[None, :2] + _travel(u)[:, None] * (end - start)[:2]
    yaw = before.foot[2] + _ease(u) * _turned(after.foot[2] - before.foot[2])
    turn = Rotation.from_euler("z", yaw[:, None]) * Rotation.from_euler("y", pitch[:, None])
    place = np.zeros((len(t), 3))
    place[:, :2] = ankle - turn.apply([0.0, 0.0, shape.ankle])[:, :2]
    hump = CLEARANCE * np.clip(4.0 * u * (1.0 - u), 0.0, 1.0) ** 0.5
    place[:, 2] = hump - _lowest(shape, turn, toe)
    return _matrices(turn, place), toe


def _travel(u: np.ndarray) -> np.ndarray:
    """0 to 1, beginning with `ANKLE_START` and ending with `ANKLE_END` of the mean speed, without a jolt."""
    a, b = ANKLE_START, ANKLE_END
    return a * u + (10 - 6 * a - 4 * b) * u**3 + (-15 + 8 * a + 7 * b) * u**4 + (6 - 3 * a - 3 * b) * u**5


def _ease(u: np.ndarray) -> np.ndarray:
    u = np.clip(u, 0.0, 1.0)
    return u**3 * (10.0 - 15.0 * u + 6.0 * u**2)


def _turned(angle: float) -> float:
    return float(np.arctan2(np.sin(angle), np.cos(angle)))


def _lowest(shape: FootShape, turn: Rotation, toe: np.ndarray) -> np.ndarray:
    """(T,) least height of the sole below the foot's origin after `turn`, its toes bent up by `toe (T,)`."""
    still = np.repeat(np.eye(4)[None], len(toe), 0)
    still[:, :3, :3] = turn.as_matrix()
    zero = np.zeros(len(toe))
    return FootTrack(still, toe, shape.hinge, zero, zero).carry(shape.sole)[..., 2].min(axis=1)


def _ankle(shape: FootShape, pose: np.ndarray) -> np.ndarray:
    return pose[:3, :3] @ np.array([0.0, 0.0, shape.ankle]) + pose[:3, 3]


def _in_place(turn: Rotation, offset: np.ndarray, foot: tuple[float, float, float]) -> np.ndarray:
    x, y, yaw = foot
    outer = Rotation.from_euler("z", yaw)
    return _matrices(outer * turn, outer.apply(offset) + [x, y, 0.0])


def _matrices(turn: Rotation, place: np.ndarray) -> np.ndarray:
    pose = np.repeat(np.eye(4)[None], len(place), 0)
    pose[:, :3, :3], pose[:, :3, 3] = turn.as_matrix(), place
    return pose
