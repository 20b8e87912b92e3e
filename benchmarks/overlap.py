"""How deep bodies and objects are in each other and in themselves, by counting ray crossings."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from benchmarks.clips import File, scatter
from benchmarks.rays import INSIDE, RayMesh

OBJECT_POINTS = 6000
OUTSIDE_STEP = 0.001
"""m off the skin, from where a body is asked whether it is inside itself."""
FOLD, HAND_FOLD = 0.24, 0.06
"""m along the skin within which two places may be pressed together by a natural fold."""
NEIGHBORS = 96


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

    A vertex a millimetre off its own skin must be outside the whole body. Where it is inside, the nearest skin it is
    behind (not its own sheet) tells the depth; skin within a fold's length of it is a natural crease.
    """
    vertices, faces = file.person(person, "vertices"), file.person(person, "faces")
    labels = file.person(person, "part_labels")
    asked = np.flatnonzero(~np.isin(labels, ["head", "neck"]))
    graph = _skin_graph(vertices[0], faces)
    body, deepest = RayMesh(vertices[0], faces), []
    for frame in vertices:
        body.move(frame)
        normals = _vertex_normals(frame, faces)
        inside = body.crossings((frame + OUTSIDE_STEP * normals)[asked]) > INSIDE
        deepest.append(_exit_depth(frame, normals, asked[inside], graph, labels))
    return 1000.0 * np.array(deepest)


def _exit_depth(vertices: np.ndarray, normals: np.ndarray, inner: np.ndarray, graph: Any, labels: np.ndarray) -> float:
    """Metres of the deepest of the `inner` vertices that no crease explains."""
    if not len(inner):
        return 0.0
    found = np.asarray(KDTree(vertices).query(vertices[inner], k=min(NEIGHBORS, len(vertices)))[1])
    along = dijkstra(graph, directed=False, indices=inner, limit=FOLD)
    worst = 0.0
    for row, vertex in enumerate(inner):
        others = found[row]
        offset = vertices[vertex] - vertices[others]
        straight = np.linalg.norm(offset, axis=1)
        behind = np.einsum("nk,nk->n", offset, normals[others]) < 0.0
        candidates = np.flatnonzero(behind & (along[row, others] > 2.5 * straight + 0.005))
        if not len(candidates):
            continue
        nearest = candidates[straight[candidates].argmin()]
        fold = HAND_FOLD if "hand" in labels[vertex] and "hand" in labels[others[nearest]] else FOLD
        if along[row, others[nearest]] > fold:
            worst = max(worst, -float(offset[nearest] @ normals[others[nearest]]))
    return worst


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
