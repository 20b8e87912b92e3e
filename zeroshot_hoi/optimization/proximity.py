"""What comes near what in a solved stage: the points that the next stage watches.

A few hundred points cannot cover a body and a chair at once. After each stage the vertices that came near the other
side are found exactly, and the next stage watches those: an active set, chosen from the whole meshes.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import BodyPoints, SkinnedBody
from zeroshot_hoi.geometry.query import grid_distance
from zeroshot_hoi.geometry.sampling import farthest_points
from zeroshot_hoi.optimization.clearance_terms import allowed_depth, watched
from zeroshot_hoi.optimization.interaction import Interaction
from zeroshot_hoi.optimization.problem import State
from zeroshot_hoi.optimization.start import CORNERS, FOLDED_POINTS, NEAR_POINTS, PRESSED_POINTS, Pressed, Start

NEAR = 0.03
"""Metres within which vertices are watched in the next stage."""

REACH = 0.06
"""Metres beyond which vertices of an object are not looked at."""

FOLD, DEEP_FOLD = 0.11, 0.13
"""Metres apart in the rest mesh beyond which skin of a limb must not enter other skin, and other skin a limb: an arm
that reaches across lies in a crease that the chest makes, not in one of its own."""

LIMBS = (("left hand", "left arm"), ("right hand", "right arm"), ("left leg", "left foot"))
"""Sets of body parts that are held outside all others; the right leg is outside the left one by symmetry."""


def watch(scene: Interaction, start: Start, states: list[State], times: np.ndarray) -> tuple[Start, float]:
    """`start` with the near vertices of every person and object over `states`, those of the clip's frames `times`.

    Frames between them watch what the nearest of them does. Also the deepest that anything is where it should not be,
    in metres, beyond what supports may sink.
    """
    near, corners, pressed, folded = {}, {}, {}, {}
    deepest = 0.0
    of_frame = np.abs(np.arange(scene.plan.frames)[:, None] - np.asarray(times)).argmin(1)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for p, person in enumerate(scene.people):
            vertices = scene.rows[person].vertices
            folds = list(pool.map(_Folds(scene.bodies[person], vertices), (s.bones[p] for s in states)))
            folded[person] = np.stack([f.inner for f in folds])[of_frame], np.stack([f.outer for f in folds])[of_frame]
            deepest = max(deepest, *(f.depth for f in folds))
            for o, name in enumerate(scene.names):
                pair = _Pair(scene, person, name)
                meetings = list(pool.map(pair.meet, ((s.bones[p], s.rotations[o], s.translations[o]) for s in states)))
                to_object = np.min([m.to_object for m in meetings], axis=0)
                to_body = np.min([m.to_body for m in meetings], axis=0)
                near[person, name] = pair.watched[_spread(vertices.rest[pair.watched], to_object, NEAR_POINTS)]
                corners[person, name] = _spread(scene.objects[name].vertices, to_body, CORNERS)
                points, nearest = np.stack([m.points for m in meetings]), np.stack([m.nearest for m in meetings])
                pressed[person, name] = Pressed(points[of_frame], nearest[of_frame])
                deepest = max(deepest, *(m.depth for m in meetings))
    return replace(start, near=near, corners=corners, pressed=pressed, folded=folded), deepest


class _Meeting(NamedTuple):
    """One person's skin and one object in one frame."""

    to_object: np.ndarray
    """(W,) from watched vertices to the object, metres."""
    to_body: np.ndarray
    """(N,) from the object's vertices to the skin, metres, infinite beyond REACH."""
    points: np.ndarray
    nearest: np.ndarray
    """(PRESSED_POINTS, 3) and (PRESSED_POINTS,), as in `Pressed`."""
    depth: float


class _Pair:
    """One person and one object, whatever the frame."""

    def __init__(self, scene: Interaction, person: str, name: str) -> None:
        self._skin = scene.rows[person].vertices
        self._is_watched = watched(scene, person, name)[self._skin.vertices]
        self.watched = np.flatnonzero(self._is_watched)
        deepest = allowed_depth(scene, person, name, self._skin, np.arange(scene.plan.frames)).max(axis=0)
        self._allowed = np.maximum(deepest, 0.0)
        self._vertices, self._grid = scene.objects[name].vertices, scene.grids[name]

    def meet(self, frame: tuple[np.ndarray, np.ndarray, np.ndarray]) -> _Meeting:
        """From the person's bones (4G, 3) and the object's rotation (3, 3) and translation (3,).

        The nearest skin is looked for on the whole body: beside a hand that holds the object, the tangent plane of the
        wrist would count the palm's inside as the arm's.
        """
        bones, rotation, translation = frame[0].astype(np.float32), frame[1], frame[2]
        skin = (self._skin.rows @ bones - translation) @ rotation
        normals = self._skin.normal_rows @ bones @ rotation
        vertices = self._vertices
        to_object = grid_distance(numpy_namespace(), self._grid, skin[self.watched])
        to_body, index = _nearest(skin, vertices)
        unit = normals[index] / np.maximum(np.linalg.norm(normals[index], axis=1, keepdims=True), 1e-9)
        counts = np.isfinite(to_body) & self._is_watched[index]
        depth = np.where(counts, ((skin[index] - vertices) * unit).sum(1), -np.inf)
        deepest = np.argsort(-depth, kind="stable")[: 6 * PRESSED_POINTS]
        chosen = np.resize(deepest[farthest_points(vertices[deepest], PRESSED_POINTS)], PRESSED_POINTS)
        nearest = np.where(np.isfinite(depth[chosen]), index[chosen], -1)
        most = max(float((-to_object - self._allowed[self.watched]).max()), float((depth - self._allowed[index]).max()))
        return _Meeting(to_object, np.where(counts, to_body, np.inf), vertices[chosen], nearest, most)


def _nearest(points: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance (Q,) to the nearest of the `points (N, 3)`, infinite beyond REACH, and its index (Q,), 0 where none is.

    Only what lies in the box where both are is looked at: most of a body is far from most things.
    """
    low = np.maximum(points.min(0), queries.min(0)) - REACH
    high = np.minimum(points.max(0), queries.max(0)) + REACH
    candidates = np.flatnonzero(((points > low) & (points < high)).all(1))
    asked = np.flatnonzero(((queries > low) & (queries < high)).all(1))
    distance, index = np.full(len(queries), np.inf), np.zeros(len(queries), int)
    if len(candidates) and len(asked):
        tree = KDTree(points[candidates], balanced_tree=False, compact_nodes=False)
        distance[asked], which = tree.query(queries[asked], distance_upper_bound=REACH)
        index[asked] = candidates[np.minimum(which, len(candidates) - 1)]
    return distance, index


class _Fold(NamedTuple):
    """Skin in other skin, in one frame."""

    inner: np.ndarray
    """(FOLDED_POINTS,) vertices that are deepest in skin of another limb, or of the rest of the body."""
    outer: np.ndarray
    """(FOLDED_POINTS,) the vertices nearest to them, -1 where nothing is near."""
    depth: float
    """Metres that a limb is in other skin; the chest's crease before an arm is no failure."""


class _Folds:
    """Where one body enters itself, whatever the frame.

    Only skin that is FOLD or DEEP_FOLD apart in the rest mesh counts: nearer skin folds naturally (armpit, groin).
    Limbs are asked about the rest of the body and the rest about limbs: the chest that an arm is pressed into is
    nearest to the arm's front, while the arm's own skin is nearest to the armpit.
    """

    def __init__(self, body: SkinnedBody, vertices: BodyPoints) -> None:
        labels = np.array(body.part_labels)[vertices.vertices]
        limbs = [np.isin(labels, parts) for parts in LIMBS]
        self._vertices = vertices
        self._sides = [side for limb in limbs for side in ((limb, FOLD), (~limb, DEEP_FOLD))]

    def __call__(self, bones: np.ndarray) -> _Fold:
        bones = bones.astype(np.float32)
        skin, normals = self._vertices.rows @ bones, self._vertices.normal_rows @ bones
        found = [_skin_in_skin(self._vertices.rest, skin, normals, *side) for side in self._sides]
        depth, first, second = (np.concatenate(column) for column in zip(*found, strict=True))
        deepest = np.argsort(-depth, kind="stable")[: 5 * FOLDED_POINTS]
        chosen = np.resize(deepest[farthest_points(skin[first[deepest]], FOLDED_POINTS)], FOLDED_POINTS)
        of_limbs = max(float(of_side.max()) for of_side, _, _ in found[::2])
        return _Fold(first[chosen], np.where(np.isfinite(depth[chosen]), second[chosen], -1), of_limbs)


def _skin_in_skin(
    rest: np.ndarray, skin: np.ndarray, normals: np.ndarray, side: np.ndarray, fold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depths (N,), one side's vertices (N,) and nearest other vertices (N,); depth is -inf where nothing is near."""
    mine, others = np.flatnonzero(side), np.flatnonzero(~side)
    distance, which = _nearest(skin[others], skin[mine])
    nearest = others[which]
    apart = np.linalg.norm(rest[mine] - rest[nearest], axis=1) > fold
    unit = normals[nearest] / np.maximum(np.linalg.norm(normals[nearest], axis=1, keepdims=True), 1e-9)
    depth = ((skin[nearest] - skin[mine]) * unit).sum(1)
    return np.where(np.isfinite(distance) & apart, depth, -np.inf), mine, nearest


def _spread(points: np.ndarray, distance: np.ndarray, count: int) -> np.ndarray:
    """(count,) indices of points nearer than NEAR, spread by farthest points; the next nearest where fewer are."""
    order = np.argsort(distance, kind="stable")
    close = order[: max(int((distance < NEAR).sum()), min(count, len(order)))]
    return np.resize(close[farthest_points(points[close], min(count, len(close)))], count)
