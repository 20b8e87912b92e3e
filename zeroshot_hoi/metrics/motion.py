"""Does it move as the graph says, within the joints' limits, without trembling?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist

from zeroshot_hoi.metrics.clip import Clip, ObjectClip, PersonClip, read_clip
from zeroshot_hoi.metrics.metric import HIGHER, LOWER, Metric

LIMIT_TOLERANCE = 1e-3
"""rad"""
TRAVEL, STILL_TRAVEL = 10.0, 1.0
"""cm: what a translational object travels at least, what any other travels at most."""
TURN, STILL_TURN = 15.0, 2.0
"""Degrees."""
JOINT_SPEED = 5.0
"""cm/s"""
JITTER_CUTOFF = 5.0
"""Hz"""
JITTER_PADDING = 15
"""Frames of odd extension at each end: three times the filter's five coefficients."""
JITTER_BAR = 2.0
"""mm"""
SMOOTHNESS_FPS = 8.0


def limit_excess(person: PersonClip) -> float:
    """Radians by which the worst joint leaves its box of rotation vectors; the root has no limit."""
    jointed = person.joint_parents >= 0
    pose, limits = person.pose[:, jointed], person.joint_limits[jointed]
    excess = np.maximum(limits[..., 0] - pose, pose - limits[..., 1])
    return max(0.0, float(excess.max(initial=0.0)))


def box_corners(thing: ObjectClip) -> np.ndarray:
    """(T, 8, 3) world positions of the corners of the object's bounding box."""
    low, high = thing.vertices.min(axis=0), thing.vertices.max(axis=0)
    picks = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    return thing.to_world(np.where(picks == 0, low, high))


def travel(thing: ObjectClip) -> float:
    """Centimetres between the two frames in which a point of the object is furthest apart.

    The point is the middle of the bounding box. An object that may turn but not travel is judged by the point that its
    motion moves least (a door's hinge), found by least squares.
    """
    middle = 0.5 * (thing.vertices.min(axis=0) + thing.vertices.max(axis=0))
    if thing.rotational and not thing.translational:
        middle = middle + _fixed_point(thing, middle)
    return 100.0 * _diameter(thing.to_world(middle[None])[:, 0])


def _fixed_point(thing: ObjectClip, start: np.ndarray) -> np.ndarray:
    """Shortest offset from `start` to an object point that strays least from its own mean position."""
    path = thing.to_world(start[None])[:, 0]
    matrix = (thing.rotation - thing.rotation.mean(axis=0)).reshape(-1, 3)
    target = -(path - path.mean(axis=0)).reshape(-1)
    return np.linalg.lstsq(matrix, target, rcond=1e-6)[0]


def _diameter(points: np.ndarray) -> float:
    """Largest distance between two of `points (T, 3)`."""
    return float(pdist(points).max(initial=0.0))


def turn(thing: ObjectClip) -> float:
    """Degrees between the two frames in which the object is turned furthest apart."""
    traces = np.einsum("sij,tij->st", thing.rotation, thing.rotation)
    cosine = np.clip(0.5 * (traces - 1.0), -1.0, 1.0)
    return float(np.degrees(np.arccos(cosine)).max())


def joint_speed(person: PersonClip, fps: float) -> float:
    """Mean over joints and frames, cm/s."""
    if len(person.joints) < 2:
        return 0.0
    return 100.0 * fps * float(np.linalg.norm(np.diff(person.joints, axis=0), axis=-1).mean())


def jitter(points: np.ndarray, fps: float) -> float:
    """Root mean square, in mm, of what `points (T, N, 3)` do faster than 5 Hz.

    4th-order Butterworth high-pass, run forward and backward. Below twice the cut-off no such motion can be told.
    """
    if fps <= 2.0 * JITTER_CUTOFF or len(points) < 4:
        return 0.0
    from scipy.signal import butter, sosfiltfilt  # half a second of every import otherwise

    sections = butter(4, JITTER_CUTOFF, btype="highpass", fs=fps, output="sos")
    fast = sosfiltfilt(sections, points, axis=0, padlen=min(JITTER_PADDING, len(points) - 1))
    return 1000.0 * float(np.sqrt(np.mean(np.sum(fast**2, axis=-1))))


def smoothness(points: np.ndarray, fps: float) -> float:
    """HOI-PAGE's smoothness in metres: mean distance of each frame from the middle of its neighbors, at 8 fps."""
    times = np.arange(len(points)) / fps
    coarse = np.arange(0.0, times[-1] + 1e-9, 1.0 / SMOOTHNESS_FPS)
    if len(coarse) < 3:
        return 0.0
    flat = points.reshape(len(points), -1)
    sampled = np.stack([np.interp(coarse, times, column) for column in flat.T], axis=1).reshape(-1, *points.shape[1:])
    bend = sampled[1:-1] - 0.5 * (sampled[:-2] + sampled[2:])
    return float(np.linalg.norm(bend, axis=-1).mean())


def diversity(results: Sequence[Any]) -> Metric:
    """Mean distance in metres between the joints of two results of the same recipe, over all pairs of results.

    HOI-PAGE does not publish its definition. Here every person's joints are expressed relative to their root in the
    first frame (position and heading), clips are compared over their common length, and the distances are averaged over
    frames, joints and people.
    """
    aligned = [{name: _aligned_joints(p) for name, p in read_clip(result).people.items()} for result in results]
    distances = []
    for i, first in enumerate(aligned):
        for second in aligned[i + 1 :]:
            for name in first.keys() & second.keys():
                length = min(len(first[name]), len(second[name]))
                gap = first[name][:length] - second[name][:length]
                distances.append(np.linalg.norm(gap, axis=-1).mean())
    value = float(np.mean(distances)) if distances else float("nan")
    return Metric("diversity", value, "m, mean aligned joint distance over pairs", HIGHER)


def _aligned_joints(person: PersonClip) -> np.ndarray:
    """(T, J, 3) joints with the first frame's root at the origin and its left-right hip line along y."""
    joints = person.joints - person.joints[0, 0]
    names = list(person.joint_names)
    if "left_hip" not in names or "right_hip" not in names:
        return joints
    side = joints[0, names.index("left_hip")] - joints[0, names.index("right_hip")]
    heading = np.arctan2(side[0], side[1])
    cosine, sine = np.cos(heading), np.sin(heading)
    return joints @ np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]]).T


def object_motion_metrics(thing: ObjectClip, fps: float) -> list[Metric]:
    """Travel, turn and jitter of one object, with the bars its flags set."""

    def bar(key: str, value: float, unit: str, moves: bool, least: float, most: float) -> Metric:
        direction, threshold = (HIGHER, least) if moves else (LOWER, most)
        return Metric(f"{key}:{thing.name}", value, unit, direction, threshold)

    corners = box_corners(thing)
    return [
        bar("travel", travel(thing), "cm", thing.translational, TRAVEL, STILL_TRAVEL),
        bar("turn", turn(thing), "deg", thing.rotational, TURN, STILL_TURN),
        Metric(f"jitter:{thing.name}", jitter(corners, fps), "mm", LOWER, JITTER_BAR),
        Metric(f"hoi-page smoothness:{thing.name}", smoothness(corners, fps), "m", LOWER),
    ]


def motion_metrics(clip: Clip) -> list[Metric]:
    """Limits, liveliness and jitter of everything that moves."""
    metrics = []
    for person in clip.people.values():
        name = person.name
        metrics += [
            Metric(f"joint limits:{name}", limit_excess(person), "rad beyond", LOWER, LIMIT_TOLERANCE),
            Metric(f"joint speed:{name}", joint_speed(person, clip.fps), "cm/s", HIGHER, JOINT_SPEED),
            Metric(f"jitter:{name}", jitter(person.joints, clip.fps), "mm", LOWER, JITTER_BAR),
            Metric(f"hoi-page smoothness:{name}", smoothness(person.joints, clip.fps), "m", LOWER),
        ]
    for thing in clip.objects.values():
        metrics += object_motion_metrics(thing, clip.fps)
    return metrics
