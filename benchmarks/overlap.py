"""How deep bodies and objects are in each other and in themselves, by counting ray crossings."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from benchmarks.clips import File, scatter
from benchmarks.rays import INSIDE, RayMesh

OBJECT_POINTS = 6000
OUTSIDE_STEP = 0.001
"""m off the skin, from where a body is asked whether it is inside itself."""
FOLD, HAND_FOLD = 0.30, 0.06
"""m along the skin within which two places may be pressed together by a natural fold."""
EXIT_RAYS = 96
"""Directions in which the shortest way out is looked for."""


def body_and_object(file: File, person: str, thing: str) -> np.ndarray:
    """(T,) mm of the deepest point, both ways."""
    vertices, corners = file.person(person, "vertices"), file.thing(thing, "vertices")
    solid = RayMesh(corners, file.thing(thing, "faces"))
    local = file.local(thing, vertices)
    into_object = solid.depth(local.reshape(-1, 3)).reshape(local.shape[:2]).max(axis=1)
    points = file.world(thing, scatter(corners, file.thing(thing, "faces"), OBJECT_POINTS).at(corners))
    return 1000.0 * np.maximum(into_object, _in_body(file, person, points))


def _in_body(file: File, person: str, points: np.ndarray) -> np.ndarray:
    """(T,) metres of the deepest of world `points (T, N, 3)` in a body."""
    vertices = file.person(person, "vertices")
    body, deepest = RayMesh(vertices[0], file.person(person, "faces")), []
    for frame, inner in zip(vertices, points, strict=True):
        body.move(frame)
        deepest.append(body.depth(inner).max())
    return np.array(deepest)


def two_people(file: File, first: str, second: str) -> np.ndarray:
    """(T,) mm"""
    one = _in_body(file, first, file.person(second, "vertices"))
    return 1000.0 * np.maximum(one, _in_body(file, second, file.person(first, "vertices")))


def two_objects(file: File, first: str, second: str) -> np.ndarray:
    """(T,) mm"""
    deepest = []
    for inner, outer in ((first, second), (second, first)):
        vertices, faces = file.thing(inner, "vertices"), file.thing(inner, "faces")
        points = np.concatenate([vertices, scatter(vertices, faces, OBJECT_POINTS).at(vertices)])
        local = file.local(outer, file.world(inner, points))
        solid = RayMesh(file.thing(outer, "vertices"), file.thing(outer, "faces"))
        deepest.append(solid.depth(local.reshape(-1, 3)).reshape(local.shape[:2]).max(axis=1))
    return 1000.0 * np.maximum(*deepest)


def with_itself(file: File, person: str) -> np.ndarray:
    """(T,) mm that a body is in itself.

    A vertex a millimetre off its own skin must be outside the whole body. Where it is inside another part of it, the
    shortest ray out tells how deep; where that ray comes out within a fold's length along the skin, it is a crease.
    """
    vertices, faces = file.person(person, "vertices"), file.person(person, "faces")
    labels = file.person(person, "part_labels")
    asked = np.flatnonzero(~np.isin(labels, ["head", "neck"]))
    hands = np.char.endswith(labels, "hand")
    graph, directions = _skin_graph(vertices[0], faces), _directions(EXIT_RAYS)
    body, deepest = RayMesh(vertices[0], faces), []
    for frame in vertices:
        body.move(frame)
        lifted = frame + OUTSIDE_STEP * _vertex_normals(frame, faces)
        inner = asked[body.crossings(lifted[asked]) > INSIDE]
        if not len(inner):
            deepest.append(0.0)
            continue
        along = dijkstra(graph, directed=False, indices=inner, limit=FOLD)
        deepest.append(_way_out(body.exits(lifted[inner], directions), along, faces, hands, inner))
    return 1000.0 * np.array(deepest)


def _way_out(
    exits: tuple[np.ndarray, np.ndarray, np.ndarray],
    along: np.ndarray,
    faces: np.ndarray,
    hands: np.ndarray,
    inner: np.ndarray,
) -> float:
    """Metres of the longest of the shortest ways out of the `inner (N,)` vertices; `along (N, V)` metres of skin.

    A ray may go back through the vertex's own limb, but then it must come out on skin that is no fold of its own.
    """
    distance, face, direct = exits
    corner = faces[face, 0]
    fold = np.where(hands[inner][:, None] & hands[corner], HAND_FOLD, FOLD)
    far = np.take_along_axis(along, corner, axis=1) > fold
    first = np.where(direct, distance, np.inf)
    crease = ~np.take_along_axis(far, first.argmin(axis=1)[:, None], axis=1)[:, 0] & np.isfinite(first.min(axis=1))
    depth = np.where(direct | far, distance, np.inf).min(axis=1)
    return float(depth[~crease & np.isfinite(depth)].max(initial=0.0))


def _directions(count: int) -> np.ndarray:
    """(count, 3) unit directions, evenly around (a Fibonacci lattice)."""
    z = 1.0 - (2.0 * np.arange(count) + 1.0) / count
    angle = np.pi * (1.0 + 5.0**0.5) * np.arange(count)
    ring = np.sqrt(1.0 - z**2)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1)


def _skin_graph(vertices: np.ndarray, faces: np.ndarray) -> Any:
    pairs = np.unique(np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1), axis=0)
    lengths = np.linalg.norm(np.diff(vertices[pairs], axis=1)[:, 0], axis=1) + 1e-9
    return coo_matrix((lengths, (pairs[:, 0], pairs[:, 1])), shape=(len(vertices),) * 2).tocsr()


def _vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.stack(
        [np.bincount(faces.reshape(-1), np.repeat(cross[:, k], 3), minlength=len(vertices)) for k in range(3)], axis=1
    )
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-18)
