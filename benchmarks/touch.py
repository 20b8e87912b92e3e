"""Contact, grip, seat and drift from scattered points on both surfaces, and the object's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from benchmarks.clips import File, Samples, scatter
from benchmarks.rays import RayMesh

SPACING = 0.002
"""m between scattered points of a touched part."""
MOST_POINTS = 40_000
BODY_POINTS = 6000
NEAR = 0.011
"""m; slightly more than the widest reach, as scattered points are never exactly opposite."""
NEIGHBORHOOD = 0.06
"""m of a part around a grip's middle that gives the grip's axis."""
AROUND = np.radians(240.0)
"""Contacts are on both sides where no gap between their angles about the part is larger."""
THUMB_ROOM = 0.018
"""m of free way straight out of the part."""


@dataclass(frozen=True)
class Touch:
    """Scattered points of the touching side against the touched side, in every frame."""

    distance: np.ndarray
    """(T, N) metres, inf beyond NEAR."""
    nearest: np.ndarray
    """(T, N) index of the touched side's nearest point."""
    local: np.ndarray
    """(T, N, 3) in the touched side's frame."""
    samples: Samples
    target: np.ndarray
    """(M, 3) points of the touched part, object frame."""
    target_normals: np.ndarray


def measure_touch(file: File, first: tuple[str, str], second: tuple[str, str]) -> Touch:
    """Distances of one side of an edge to an object's part."""
    vertices, faces = file.thing(second[0], "vertices"), file.part_faces(*second)
    area = scatter(vertices, faces, 1).area
    target = scatter(vertices, faces, int(np.clip(2 * area / SPACING**2, 200, MOST_POINTS)), seed=1)
    points = target.at(vertices)
    own = file.part_faces(*first)
    if first[0] in file.names("people"):
        moving = file.person(first[0], "vertices")
        samples = scatter(moving[0], own, BODY_POINTS, seed=2)
        world = samples.at(moving)
    else:
        samples = scatter(file.thing(first[0], "vertices"), own, BODY_POINTS, seed=2)
        world = file.world(first[0], samples.at(file.thing(first[0], "vertices")))
    local = file.local(second[0], world)
    distance, nearest = KDTree(points).query(local, distance_upper_bound=NEAR)
    return Touch(distance, np.asarray(nearest), local, samples, points, target.normals(vertices))


def seat_area(file: File, touch: Touch, thing: str) -> np.ndarray:
    """(T,) m^2 of the body within 1 cm of the seat or pressed into it."""
    solid = RayMesh(file.thing(thing, "vertices"), file.thing(thing, "faces"))
    pressed = solid.depth(touch.local.reshape(-1, 3)).reshape(touch.distance.shape) > 0.0
    return touch.samples.area * ((touch.distance <= 0.01) | pressed).sum(axis=1)


def grip_around(file: File, touch: Touch, person: str, thing: str) -> np.ndarray:
    """(T,) whether a hand's contacts go around the part, two fingers and (where it has room) the thumb among them."""
    regions = file.person(person, "regions")[touch.samples.corners]
    region = np.where(regions[:, 1] == regions[:, 2], regions[:, 1], regions[:, 0])
    names = np.array([name.split(" ")[-1] for name in region.tolist()])
    solid = RayMesh(file.thing(thing, "vertices"), file.thing(thing, "faces"))
    free = solid.clearance(touch.target + 1e-4 * touch.target_normals, touch.target_normals) >= THUMB_ROOM
    return np.array([_around(touch, t, names, free) for t in range(len(touch.distance))])


def _around(touch: Touch, frame: int, names: np.ndarray, free: np.ndarray) -> bool:
    contact = touch.distance[frame] <= 0.005
    if not contact.any():
        return False
    spots = touch.target[touch.nearest[frame, contact]]
    near = np.linalg.norm(touch.target - spots.mean(axis=0), axis=1) <= NEIGHBORHOOD
    patch = touch.target[near] if near.sum() > 10 else touch.target
    middle = 0.5 * (patch.min(axis=0) + patch.max(axis=0))
    axes = np.linalg.svd(patch - patch.mean(axis=0), full_matrices=False)[2]

    def span(points: np.ndarray) -> bool:
        angles = np.sort(np.arctan2((points - middle) @ axes[1], (points - middle) @ axes[2]))
        gaps = np.diff(np.append(angles, angles[:1] + 2.0 * np.pi))
        return bool(len(points) > 1 and gaps.max() <= AROUND)

    touching = set(names[contact].tolist())
    thumb_fits = span(touch.target[near & free]) if (near & free).any() else False
    fingers = len(touching & {"index", "middle", "ring", "pinky"})
    return span(spots) and fingers >= 2 and ("thumb" in touching or not thumb_fits)


def drift(touch: Touch, frames: np.ndarray, soft: bool = False) -> float:
    """mm that the middle of the points that touch in most frames strays from its mean, over the given frames.

    What is `soft` gives way along its normal, which is a matter of depth: only what slides along it counts.
    """
    share = (touch.distance <= 0.01).mean(axis=0)
    chosen = share >= 0.5 if (share >= 0.5).any() else share >= share.max()
    middle = touch.local[frames][:, chosen].mean(axis=1)
    if soft:
        near = touch.nearest[frames][:, chosen][touch.distance[frames][:, chosen] <= 0.01]
        normal = touch.target_normals[near].sum(axis=0)
        normal /= max(float(np.linalg.norm(normal)), 1e-12)
        middle = middle - np.outer(middle @ normal, normal)
    return 1000.0 * float(np.linalg.norm(middle - middle.mean(axis=0), axis=1).max())
