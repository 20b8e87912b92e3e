"""Which of a million points are inside a mesh, asking about few of them.

Points are sorted into a binary tree of blocks, each a ball in every frame. A ball that is further from a surface than
its radius lies wholly on one side, so that one question settles all its points. A side is trusted only where the
winding number is clear: near the hole of an open mesh the points are asked one by one.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np

from zeroshot_hoi.geometry.exact import AMBIGUOUS_WINDING, SOLID_WINDING, ExactMesh
from zeroshot_hoi.metrics.clip import ObjectClip

LEAF = 8
"""Points of the smallest blocks, at least."""
FAN_OUT = 8
"""Blocks of one block of the level above."""
FIRST_ASKED = 16
"""Points of a frame that are asked for their side at once; twice as many each time that is not enough."""


class Placed(Protocol):
    """Whatever has a pose in every frame: world = rotation v + translation."""

    @property
    def rotation(self) -> np.ndarray:
        """(T, 3, 3)"""
        ...

    @property
    def translation(self) -> np.ndarray:
        """(T, 3) metres."""
        ...


class PointTrack:
    """Points that move, sorted into blocks."""

    order: np.ndarray
    """(B, K) indices of the points of each leaf; a few points come twice."""
    leaves: tuple[np.ndarray, np.ndarray]
    """World centers (T, B, 3) and radii (T, B), or (1, B) of what keeps its shape, of the leaves; metres."""

    def at(self, frames: np.ndarray, points: np.ndarray) -> np.ndarray:
        """(M, 3) world positions of points (M,) in frames (M,)."""
        raise NotImplementedError

    @cached_property
    def levels(self) -> tuple[tuple[np.ndarray, np.ndarray, int], ...]:
        """Centers, radii and number of children, from the largest blocks to the leaves."""
        fan = min(FAN_OUT, len(self.order))
        return (*merge_balls(*self.leaves, fan), fan), (*self.leaves, self.order.shape[1])


class SkinTrack(PointTrack):
    """The vertices (T, V, 3) of a person."""

    def __init__(self, vertices: np.ndarray) -> None:
        self.vertices = vertices
        self.order = split_points(vertices[0])
        pairs = [bounding_balls(frame[self.order]) for frame in vertices]
        self.leaves = np.stack([center for center, _ in pairs]), np.stack([radius for _, radius in pairs])

    def at(self, frames: np.ndarray, points: np.ndarray) -> np.ndarray:
        return self.vertices[frames, points]


class RigidTrack(PointTrack):
    """Surface points of an object."""

    def __init__(self, thing: ObjectClip) -> None:
        self.thing, self.local = thing, thing.surface_points()
        self.order = split_points(self.local)
        center, radius = bounding_balls(self.local[self.order])
        self.leaves = thing.to_world(center), radius[None]

    def at(self, frames: np.ndarray, points: np.ndarray) -> np.ndarray:
        return to_world(self.thing, frames, self.local[points])


def to_world(thing: Placed, frames: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(M, 3) world positions of object points (M, 3), each in its frame (M,)."""
    return np.einsum("mij,mj->mi", thing.rotation[frames], points) + thing.translation[frames]


def to_local(thing: Placed, frames: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(M, 3) object-frame positions of world points (M, 3), each in its frame (M,)."""
    return np.einsum("mji,mj->mi", thing.rotation[frames], points - thing.translation[frames])


def split_points(points: np.ndarray) -> np.ndarray:
    """(B, K) indices of compact groups of `points (N, 3)`, B a power of two: halves along the widest side, repeatedly.

    Neighboring groups are neighbors in the tree, so any aligned run of 2^k groups is compact too.
    """
    count = len(points)
    blocks = 2 ** max(0, int(np.log2(max(count, 1) / LEAF)))
    size = -(-count // blocks)
    order = np.resize(np.arange(count), (1, blocks * size))
    while len(order) < blocks:
        grouped = points[order]
        axis = np.ptp(grouped, axis=1).argmax(axis=1)
        along = np.take_along_axis(grouped, axis[:, None, None], axis=2)[..., 0]
        order = np.take_along_axis(order, along.argsort(axis=1, kind="stable"), axis=1)
        order = order.reshape(2 * len(order), -1)
    return order


def bounding_balls(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Center (*batch, 3) and radius (*batch,) of a ball around each group of `points (*batch, K, 3)`."""
    center = points.mean(axis=-2)
    offset = points - center[..., None, :]
    return center, np.sqrt(np.einsum("...i,...i->...", offset, offset).max(axis=-1))


def merge_balls(center: np.ndarray, radius: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Balls around every `count` neighboring balls (T, B, 3), (T or 1, B)."""
    groups = center.reshape(len(center), -1, count, 3)
    middle = groups.mean(axis=2)
    reach = np.linalg.norm(groups - middle[:, :, None], axis=-1) + radius.reshape(len(radius), -1, count)
    return middle, reach.max(axis=2)


def inner_points(
    track: PointTrack, mesh: ExactMesh, frames: np.ndarray, thing: Placed | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames (M,), points (M,) and depths (M,) in metres of every point of `track` inside `mesh` in `frames (F,)`.

    The mesh is in world coordinates, or in the frame of `thing`.
    """
    frame, point, position, inside = _near_points(track, mesh, frames, thing)
    inside[~inside] = _inside(mesh, position[~inside])
    return frame[inside], point[inside], mesh.nearest(position[inside])[0]


def deepest_points(track: PointTrack, mesh: ExactMesh, frames: np.ndarray, thing: Placed | None = None) -> np.ndarray:
    """(F,) metres that the deepest point of `track` is inside `mesh` in each of `frames (F,)`; 0 where none is.

    Points are asked for their side in the order of their distance, so that most of what lies on a surface is not asked.
    """
    frame, _, position, sure = _near_points(track, mesh, frames, thing)
    distance = mesh.nearest(position)[0]
    row = np.searchsorted(frames, frame)
    deepest = np.zeros(len(frames))
    np.maximum.at(deepest, row[sure], distance[sure])
    order = np.lexsort((-distance, row))
    order = order[~sure[order]]
    asked = FIRST_ASKED
    while len(order):
        order = order[distance[order] > deepest[row[order]]]
        first = np.searchsorted(row[order], np.arange(len(frames)))
        now = np.arange(len(order)) - first[row[order]] < asked
        chosen = order[now]
        inside = chosen[_inside(mesh, position[chosen])]
        np.maximum.at(deepest, row[inside], distance[inside])
        order, asked = order[~now], 2 * asked
    return deepest


def _inside(mesh: ExactMesh, points: np.ndarray, threshold: float = SOLID_WINDING) -> np.ndarray:
    return mesh.inside(points, threshold) if len(points) else np.zeros(0, dtype=bool)


def _near_points(
    track: PointTrack, mesh: ExactMesh, frames: np.ndarray, thing: Placed | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Frames, points, positions in the mesh's frame, and whether they are surely inside, of all that may be inside."""
    count = track.levels[0][0].shape[1]
    frame, block = np.repeat(frames, count), np.tile(np.arange(count), len(frames))
    sure = np.zeros(len(frame), dtype=bool)
    for center, radius, children in track.levels:
        middle = _seen_from(thing, frame, center[frame, block])
        kept, inside = _sides(mesh, middle, radius[frame if len(radius) > 1 else 0, block], sure)
        frame, sure = np.repeat(frame[kept], children), np.repeat(inside[kept], children)
        block = (block[kept, None] * children + np.arange(children)).reshape(-1)
    point = track.order.reshape(-1)[block]
    position = _seen_from(thing, frame, track.at(frame, point))
    kept = mesh.within_box(position)
    return frame[kept], point[kept], position[kept], sure[kept]


def _seen_from(thing: Placed | None, frames: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points if thing is None else to_local(thing, frames, points)


def _sides(mesh: ExactMesh, center: np.ndarray, radius: np.ndarray, sure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(M,) which balls may hold inner points, and (M,) which hold nothing else; `sure` balls are inside already."""
    kept, inside = sure.copy(), sure.copy()
    asked = np.flatnonzero(~sure & mesh.within_box(center, radius[:, None]))
    if len(asked):
        kept[asked] = True
        distance, _, _ = mesh.nearest(center[asked], 1.001 * float(radius[asked].max()))
        clear = asked[~(distance <= radius[asked])]
        low, high = AMBIGUOUS_WINDING
        within = _inside(mesh, center[clear], low)
        kept[clear[~within]] = False
        deep = clear[within]
        inside[deep] = _inside(mesh, center[deep], high)
    return kept, inside
