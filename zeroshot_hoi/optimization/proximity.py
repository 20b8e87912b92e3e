"""What comes near what in a solved stage: the points that the next stage watches.

A few hundred points cannot cover a body and a chair at once. After each stage the vertices that came near the other
side are found exactly, and the next stage watches those: an active set, chosen from the whole meshes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import BodyPoints, SkinnedBody
from zeroshot_hoi.core.scene import SceneObject
from zeroshot_hoi.geometry.query import GridArrays, grid_distance
from zeroshot_hoi.geometry.sampling import farthest_points
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.problem import State
from zeroshot_hoi.optimization.start import CORNERS, FOLDED_POINTS, NEAR_POINTS, PRESSED_POINTS, Pressed, Start

NEAR = 0.03
"""Metres within which vertices are watched in the next stage."""

REACH = 0.06
"""Metres beyond which vertices of an object are not looked at."""

FOLD = 0.11
"""Metres apart in the rest mesh beyond which two patches of skin must not enter each other."""

LIMBS = (("left hand", "left arm"), ("right hand", "right arm"), ("left leg", "left foot"))
"""Sets of body parts that are held outside all others; the right leg is outside the left one by symmetry."""


def watch(compiler: Compiler, start: Start, states: list[State]) -> tuple[Start, float]:
    """`start` with the near vertices of every person and object over `states`, one for each frame of the clip.

    Also the deepest that anything is where it should not be, in metres, beyond what supports may sink.
    """
    near, corners, pressed, folded = {}, {}, {}, {}
    deepest = 0.0
    for p, person in enumerate(compiler.people):
        vertices = compiler.rows[person].vertices
        stacks = [s.bones[p].astype(np.float32) for s in states]
        folded[person], depth = _folds(compiler.bodies[person], vertices, stacks)
        deepest = max(deepest, depth)
        for o, name in enumerate(compiler.names):
            watched = np.flatnonzero(compiler.watched(person, name)[vertices.vertices])
            rows, normal_rows = vertices.rows[watched], vertices.normal_rows[watched]
            allowed = compiler.allowed_depth(person, name, vertices)
            meeting = _Meeting(compiler.objects[name], watched, np.maximum(allowed, 0.0))
            for state in states:
                bones = state.bones[p].astype(np.float32)
                skin = (rows @ bones - state.translations[o]) @ state.rotations[o]
                meeting.add(skin, normal_rows @ bones @ state.rotations[o], compiler.grids[name])
            near[person, name] = watched[_spread(vertices.rest[watched], meeting.to_object, NEAR_POINTS)]
            corners[person, name] = _spread(compiler.objects[name].vertices, meeting.to_body, CORNERS)
            pressed[person, name] = Pressed(np.stack(meeting.points), np.stack(meeting.nearest))
            deepest = max(deepest, meeting.deepest)
    return replace(start, near=near, corners=corners, pressed=pressed, folded=folded), deepest


class _Meeting:
    """Distances between one person's skin and one object while frames are added."""

    def __init__(self, thing: SceneObject, watched: np.ndarray, allowed: np.ndarray) -> None:
        self.thing, self.watched, self.allowed = thing, watched, allowed[watched]
        self.deepest = 0.0
        self.to_object = np.full(len(watched), np.inf)
        self.to_body = np.full(len(thing.vertices), np.inf)
        self.points: list[np.ndarray] = []
        self.nearest: list[np.ndarray] = []

    def add(self, skin: np.ndarray, normals: np.ndarray, grid: GridArrays) -> None:
        """One frame: skin (N, 3) and its normals in the object's frame."""
        outside = grid_distance(numpy_namespace(), grid, skin)
        self.to_object = np.minimum(self.to_object, outside)
        self.deepest = max(self.deepest, float((-outside - self.allowed).max()))
        vertices = self.thing.vertices
        low, high = skin.min(0) - REACH, skin.max(0) + REACH
        inside = np.flatnonzero(((vertices > low) & (vertices < high)).all(1))
        distance, index = np.full(len(vertices), np.inf), np.zeros(len(vertices), int)
        if len(inside):
            close, which = KDTree(skin).query(vertices[inside], distance_upper_bound=REACH)
            distance[inside], index[inside] = close, np.minimum(which, len(skin) - 1)
        self.to_body = np.minimum(self.to_body, distance)
        unit = normals[index] / np.maximum(np.linalg.norm(normals[index], axis=1, keepdims=True), 1e-9)
        depth = np.where(np.isfinite(distance), ((skin[index] - vertices) * unit).sum(1), -np.inf)
        self.deepest = max(self.deepest, float((depth - self.allowed[index]).max()))
        deepest = np.argsort(-depth, kind="stable")[: 6 * PRESSED_POINTS]
        chosen = np.resize(deepest[farthest_points(vertices[deepest], PRESSED_POINTS)], PRESSED_POINTS)
        self.points.append(vertices[chosen])
        self.nearest.append(np.where(np.isfinite(depth[chosen]), self.watched[index[chosen]], -1))


def _folds(
    body: SkinnedBody, vertices: BodyPoints, bones: list[np.ndarray]
) -> tuple[tuple[np.ndarray, np.ndarray], float]:
    """(T, FOLDED_POINTS) vertices of each limb deepest in the rest of the body, the vertices nearest, and the depth.

    Only skin that is FOLD apart in the rest mesh counts: nearer skin folds naturally (armpit, groin).
    """
    labels = np.array(body.part_labels)[vertices.vertices]
    limbs = [np.isin(labels, parts) for parts in LIMBS]
    inner, outer, most = [], [], 0.0
    for stack in bones:
        skin = vertices.rows @ stack
        normals = vertices.normal_rows @ stack
        found = [_limb_in_rest(vertices.rest, skin, normals, limb) for limb in limbs]
        depth, first, second = (np.concatenate(column) for column in zip(*found, strict=True))
        most = max(most, float(depth.max()))
        deepest = np.argsort(-depth, kind="stable")[: 5 * FOLDED_POINTS]
        chosen = np.resize(deepest[farthest_points(skin[first[deepest]], FOLDED_POINTS)], FOLDED_POINTS)
        inner.append(first[chosen])
        outer.append(np.where(np.isfinite(depth[chosen]), second[chosen], -1))
    return (np.stack(inner), np.stack(outer)), most


def _limb_in_rest(
    rest: np.ndarray, skin: np.ndarray, normals: np.ndarray, limb: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depths (N,), limb vertices (N,) and nearest other vertices (N,); depth is -inf where nothing is near."""
    mine, others = np.flatnonzero(limb), np.flatnonzero(~limb)
    distance, which = KDTree(skin[others]).query(skin[mine], distance_upper_bound=REACH)
    nearest = others[np.minimum(which, len(others) - 1)]
    apart = np.linalg.norm(rest[mine] - rest[nearest], axis=1) > FOLD
    unit = normals[nearest] / np.maximum(np.linalg.norm(normals[nearest], axis=1, keepdims=True), 1e-9)
    depth = ((skin[nearest] - skin[mine]) * unit).sum(1)
    return np.where(np.isfinite(distance) & apart, depth, -np.inf), mine, nearest


def _spread(points: np.ndarray, distance: np.ndarray, count: int) -> np.ndarray:
    """(count,) indices of points nearer than NEAR, spread by farthest points; the next nearest where fewer are."""
    order = np.argsort(distance, kind="stable")
    close = order[: max(int((distance < NEAR).sum()), min(count, len(order)))]
    return np.resize(close[farthest_points(points[close], min(count, len(close)))], count)
