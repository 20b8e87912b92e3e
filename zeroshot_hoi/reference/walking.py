"""Walking: from footsteps to the whole body's reference.

The pelvis rides over the feet: forward with the path, to the side of the foot in stance, highest in mid-stance and
lowest when both feet are down (the six determinants of gait, Saunders, Inman & Eberhart 1953). It turns with the
leading leg and the trunk turns against it; free arms swing against the legs. Legs follow by inverse kinematics from
feet and pelvis, so that soles stand exactly where the footprints are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from zeroshot_hoi.body.postures import PostureShape, posture_shape
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.reference import FootTrack, Travel
from zeroshot_hoi.reference.feet import FootShape, foot_shape, foot_track
from zeroshot_hoi.reference.footsteps import Foot, Stance, Walk
from zeroshot_hoi.reference.gait import (
    ELBOW_SWING,
    LATERAL_SHARE,
    PELVIS_LIST,
    PELVIS_TURN,
    ROCKER,
    SHOULDER_MIDDLE,
    SHOULDER_SWING,
    TRUNK_LEAN,
)
from zeroshot_hoi.reference.legs import joint_in_world, solve_legs

SIDES = ("left", "right")

NATURAL_STEP = 0.75
"""Leg lengths of a step at comfortable speed; arms, pelvis and feet move in proportion below it."""

REACH = 0.995
"""Share of a straight leg that a walker uses."""

LEAD = 0.02
"""Metres that the pelvis runs ahead of the ankles' middle at full speed: feet stand ahead of the ankles."""

STRIKE_BACK = 0.04
"""Metres that the leading ankle is nearer to the pelvis at heel strike: the foot is tipped, the pelvis turned."""

SMOOTHING = 0.07
"""Seconds, standard deviation: arms and pelvis swing as pendulums, smoother than the feet that drive them."""

SQUAT_BACK = 0.55
"""Metres back for each metre down: the hips sit back while the shanks tip forward with flat feet."""

SQUAT_LEAN = np.radians(125.0)
"""Radians of the trunk's lean for each metre down: 40 degrees at a half squat (Schoenfeld 2010, J. Strength Cond. Res.
24: trunk and shanks stay about parallel)."""

SAMPLES_PER_SECOND = 120.0
"""At which a walk is laid out before frames are taken from it."""


@dataclass(frozen=True)
class Walker:
    """What of a body decides how it walks."""

    body: SkinnedBody
    standing: PostureShape
    feet: Mapping[str, FootShape]
    leg: float
    """Metres from hip to ankle along the straight leg, and on to the sole."""
    reach: float
    """Metres from hip to ankle."""
    height: float
    """Metres of the root above the ground in a relaxed stand."""
    ahead: float
    """Metres of the root ahead of the ankles' middle in a relaxed stand."""

    @property
    def stand(self) -> dict[str, Foot]:
        """Both feet of a relaxed stand, with the origin midway between them."""
        ankles = {side: self.standing.joints[f"{side}_ankle"] for side in SIDES}
        middle = np.mean(list(ankles.values()), axis=0)
        signs = {"left": 1.0, "right": -1.0}
        return {
            side: (float(at[0] - middle[0]), float(at[1] - middle[1]), signs[side] * np.radians(9.0))
            for side, at in ankles.items()
        }


def walker(body: SkinnedBody) -> Walker:
    """Measures a body once."""
    shape = posture_shape(body, "stand")
    at = dict(zip(body.joint_names, body.rest_joints, strict=True))
    reach = float(np.linalg.norm(at["left_knee"] - at["left_hip"]) + np.linalg.norm(at["left_ankle"] - at["left_knee"]))
    feet = {side: foot_shape(body, side) for side in SIDES}
    ankles = np.mean([shape.joints[f"{side}_ankle"] for side in SIDES], axis=0)
    return Walker(body, shape, feet, reach + feet["left"].ankle, reach, -shape.lowest, -float(ankles[0]))


@dataclass(frozen=True)
class WalkMotion:
    """A walk in frames."""

    q: np.ndarray
    """(T, D) the body's freedoms."""
    travel: Travel
    missed: float
    """Metres by which an ankle misses its footprint where that is farthest; 0 where all are reached."""


def walk_motion(
    who: Walker,
    walks: Sequence[tuple[float, Walk]],
    times: np.ndarray,
    free: Sequence[str] = SIDES,
    squat: Callable[[np.ndarray], np.ndarray] | None = None,
) -> WalkMotion:
    """The whole body of `who` over `times (T,)` seconds for walks that begin at the given seconds, one after another.

    Between walks the person stands. `free` are the sides whose arms swing. `squat` says by how many metres the hips are
    lower than in a stand at given seconds (T,): they go back as well, and the trunk comes forward over the feet.
    """
    dense = _Clock(times[0], times[-1])
    courses = [_Course.of(who, walk, start, dense.times) for start, walk in walks]
    course = _join(courses, dense.times) if courses else _Course.still(who, dense.times)
    sink = np.zeros(len(dense.times)) if squat is None else squat(dense.times)
    course = course.lowered(sink)
    feet = _feet(who, walks, dense.times)
    ahead = _separation(feet, course.heading)
    q = _upper_body(who, course, gaussian_filter1d(ahead, SMOOTHING * SAMPLES_PER_SECOND, mode="nearest"), free)
    _fold_over(who, q, sink)
    root = course.root - [0.0, 0.0, 1.0] * _out_of_reach(who, course, feet, q)[:, None]
    at = dense.nearest(times)
    tracks = {side: _taken(track, at) for side, track in feet.items()}
    travel = Travel(root[at], course.heading[at], tracks)
    solved, missed = solve_legs(who.body, q[at], travel.root, travel.heading, tracks, who.feet)
    return WalkMotion(solved, travel, float(missed.max()))


class _Clock:
    def __init__(self, first: float, last: float) -> None:
        self.times = np.linspace(first, last, max(2, round((last - first) * SAMPLES_PER_SECOND) + 1))

    def nearest(self, times: np.ndarray) -> np.ndarray:
        share = (times - self.times[0]) / max(self.times[-1] - self.times[0], 1e-9)
        return np.round(share * (len(self.times) - 1)).astype(int)


@dataclass(frozen=True)
class _Course:
    """One walk of the pelvis: how far, how fast, over which foot."""

    root: np.ndarray
    """(T, 3) metres."""
    heading: np.ndarray
    """(T,) radians."""
    vigor: np.ndarray
    """(T,) 0 at rest, 1 in natural walking."""
    over: np.ndarray
    """(T,) -1 to 1: over the right, over the left foot."""
    begins: float
    ends: float

    @classmethod
    def of(cls, who: Walker, walk: Walk, start: float, times: np.ndarray) -> _Course:
        gait, clock = walk.gait, times - start
        distance = gait.travelled(clock)
        pace = gait.share_of_speed(clock)
        heading = walk.heading(distance)
        ahead = np.stack([np.cos(heading), np.sin(heading)], axis=-1)
        across = np.stack([-ahead[:, 1], ahead[:, 0]], axis=-1)
        knots, aside, over = _lateral(walk)
        lead = LEAD * np.cos(walk.facing) * pace
        root = np.zeros((len(times), 3))
        root[:, :2] = walk.path.at(distance) + (who.ahead + lead)[:, None] * ahead
        root[:, :2] += PchipInterpolator(knots, aside)(np.clip(clock, knots[0], knots[-1]))[:, None] * across
        knots_z, heights = _heights(who, walk)
        root[:, 2] = PchipInterpolator(knots_z, heights)(np.clip(clock, knots_z[0], knots_z[-1]))
        vigor = pace * np.clip(gait.length / (NATURAL_STEP * who.leg), 0.0, 1.15)
        swing = PchipInterpolator(knots, over)(np.clip(clock, knots[0], knots[-1]))
        return cls(root, heading, vigor, swing * pace, start, start + gait.duration)

    @classmethod
    def still(cls, who: Walker, times: np.ndarray) -> _Course:
        zero = np.zeros(len(times))
        root = np.repeat([[who.ahead, 0.0, who.height]], len(times), 0)
        return cls(root, zero, zero, zero, times[0], times[0])

    def lowered(self, sink: np.ndarray) -> _Course:
        """Hips lower by `sink (T,)` metres and back by a share of it."""
        back = SQUAT_BACK * sink
        step = np.stack([-back * np.cos(self.heading), -back * np.sin(self.heading), -sink], axis=-1)
        return replace(self, root=self.root + step)


def _fold_over(who: Walker, q: np.ndarray, sink: np.ndarray) -> None:
    """Tips the trunk of `q (T, D)` forward over the feet; arms hang down from it and the eyes keep looking ahead."""
    angle = SQUAT_LEAN * sink
    shares = {"root y-rotation": 0.75, "lumbar flexion": 0.25, "neck flexion": -0.4, "head flexion": -0.3}
    shares |= {f"{side} shoulder flexion": 1.0 for side in SIDES}
    for name, share in shares.items():
        d = who.body.freedoms.index(name)
        q[:, d] = np.clip(q[:, d] + share * angle, *who.body.freedoms.limits[d])


def _join(courses: list[_Course], times: np.ndarray) -> _Course:
    """Each walk from its begin until the next one begins."""
    chosen = np.clip(np.searchsorted([c.begins for c in courses], times, side="right") - 1, 0, len(courses) - 1)
    index = np.arange(len(times))

    def pick(name: str) -> np.ndarray:
        return np.stack([getattr(c, name) for c in courses])[chosen, index]

    return _Course(pick("root"), pick("heading"), pick("vigor"), pick("over"), courses[0].begins, courses[-1].ends)


def _aside(walk: Walk, foot: Foot, distance: float) -> float:
    """Metres of a footprint to the left of the path."""
    heading = float(walk.heading(np.array(distance)))
    offset = np.array(foot[:2]) - walk.path.at(np.array(distance))
    return float(offset @ [-np.sin(heading), np.cos(heading)])


def _lateral(walk: Walk) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, metres to the left of the path, and the foot over which the body is (1 left, -1 right) at them."""
    gait, steps = walk.gait, [s for s in walk.stances if np.isfinite(s.contact)]
    knots, aside, over = [0.0], [0.0], [0.0]
    previous = {side: next(s for s in walk.of(side)) for side in SIDES}
    for k, step in enumerate(steps, start=1):
        lift = previous[step.side].lift
        stance = previous["left" if step.side == "right" else "right"]
        middle = 0.5 * (lift + step.contact)
        knots.append(middle)
        at = min(float(gait.travelled(np.array(middle))), (k - 1) * gait.length) if k > 1 else 0.0
        aside.append(LATERAL_SHARE * _aside(walk, stance.foot, at))
        over.append(1.0 if stance.side == "left" else -1.0)
        previous[step.side] = step
    knots.append(gait.duration)
    aside.append(float(np.mean([_aside(walk, s.foot, walk.path.length) for s in previous.values()])))
    over.append(0.0)
    return np.array(knots), np.array(aside), np.array(over)


def _heights(who: Walker, walk: Walk) -> tuple[np.ndarray, np.ndarray]:
    """Times and root heights: at rest, lowest in each double support, highest in each swing."""
    gait = walk.gait
    hip = who.standing.joints["left_hip"][2]
    front = max(0.5 * gait.length - LEAD - STRIKE_BACK, 0.0)
    low = np.sqrt((REACH * who.reach) ** 2 - front**2) + who.feet["left"].ankle - hip
    low = min(float(low), who.height - 0.004)
    high = min(low + gait.length**2 / (8.0 * ROCKER * who.leg), who.height)
    knots, heights = [0.0], [who.height]
    lifts = {side: [s.lift for s in walk.of(side)] for side in SIDES}
    steps = [s for s in walk.stances if np.isfinite(s.contact)]
    for k, step in enumerate(steps):
        lift = max(value for value in lifts[step.side] if value < step.contact)
        knots.append(0.5 * (lift + step.contact))
        heights.append(high if k else 0.5 * (high + who.height))
        if k < len(steps) - 1:
            knots.append(step.contact + 0.5 * gait.overlap)
            heights.append(low)
    knots.append(gait.duration)
    heights.append(who.height)
    return np.array(knots), np.array(heights)


def _feet(who: Walker, walks: Sequence[tuple[float, Walk]], times: np.ndarray) -> dict[str, FootTrack]:
    """Both feet through all walks: the last stand of one walk is the first of the next."""
    tracks = {}
    for side in SIDES:
        if not walks:
            tracks[side] = foot_track(who.feet[side], [Stance(side, who.stand[side], -np.inf, np.inf)], 1.0, 0.0, times)
            continue
        pieces = []
        for k, (start, walk) in enumerate(walks):
            until = walks[k + 1][0] if k + 1 < len(walks) else np.inf
            here = (times >= (start if k else -np.inf)) & (times < until)
            stances = [replace(s, contact=s.contact + start, lift=s.lift + start) for s in walk.of(side)]
            vigor = float(np.clip(walk.gait.length / (NATURAL_STEP * who.leg), 0.0, 1.15))
            pieces.append(foot_track(who.feet[side], stances, walk.gait.seconds, vigor, times[here]))
        pose, toe, heel_down, toe_down = (
            np.concatenate([getattr(piece, name) for piece in pieces])
            for name in ("pose", "toe", "heel_down", "toe_down")
        )
        tracks[side] = FootTrack(pose, toe, who.feet[side].hinge, heel_down, toe_down)
    return tracks


def _out_of_reach(who: Walker, course: _Course, feet: Mapping[str, FootTrack], q: np.ndarray) -> np.ndarray:
    """(T,) metres by which the root must be lower for both legs to reach their feet, smooth in time."""
    excess = np.zeros(len(q))
    for side in SIDES:
        _, hip = joint_in_world(who.body, q, course.root, course.heading, f"{side}_hip")
        pose = feet[side].pose
        ankle = pose[:, :3, 3] + who.feet[side].ankle * pose[:, :3, 2]
        apart = np.linalg.norm((hip - ankle)[:, :2], axis=1)
        highest = ankle[:, 2] + np.sqrt(np.maximum((REACH * who.reach) ** 2 - apart**2, 0.01))
        excess = np.maximum(excess, hip[:, 2] - highest)
    width = round(SMOOTHING * SAMPLES_PER_SECOND)
    return gaussian_filter1d(maximum_filter1d(excess, 4 * width + 1, mode="nearest"), width, mode="nearest")


def _taken(track: FootTrack, at: np.ndarray) -> FootTrack:
    return FootTrack(track.pose[at], track.toe[at], track.hinge, track.heel_down[at], track.toe_down[at])


def _separation(feet: Mapping[str, FootTrack], heading: np.ndarray) -> np.ndarray:
    """(T,) metres by which the left foot is ahead of the right."""
    apart = feet["left"].pose[:, :2, 3] - feet["right"].pose[:, :2, 3]
    return apart[:, 0] * np.cos(heading) + apart[:, 1] * np.sin(heading)


def _upper_body(who: Walker, course: _Course, ahead: np.ndarray, free: Sequence[str]) -> np.ndarray:
    """(T, D): the standing posture with pelvis, trunk and free arms in the rhythm of the feet."""
    freedoms = who.body.freedoms
    q = np.repeat(who.standing.q[None], len(ahead), 0)
    rhythm = np.clip(ahead / (NATURAL_STEP * who.leg), -1.1, 1.1)
    turn, tip = -PELVIS_TURN * rhythm, PELVIS_LIST * course.over * np.minimum(course.vigor, 1.0)
    lean = TRUNK_LEAN * course.vigor
    moves = {
        "root z-rotation": turn, "root x-rotation": tip, "root y-rotation": lean,
        "lumbar bending": -0.6 * tip, "thorax bending": -0.4 * tip,
        "lumbar rotation": -0.7 * turn, "thorax rotation": -1.1 * turn, "head rotation": 0.8 * turn,
        "neck flexion": -0.6 * lean,
    }  # fmt: skip
    for side in free:
        swing = rhythm if side == "right" else -rhythm
        moves[f"{side} shoulder flexion"] = SHOULDER_SWING * swing + SHOULDER_MIDDLE * np.minimum(course.vigor, 1.0)
        moves[f"{side} elbow flexion"] = ELBOW_SWING * (swing + np.minimum(course.vigor, 1.0))
    for name, move in moves.items():
        d = freedoms.index(name)
        q[:, d] = np.clip(q[:, d] + move, *freedoms.limits[d])
    return q
