"""A mesh with fewer faces on some of the same vertices: enough to shade the sky with, and it moves with the mesh."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

FACES = 5000
"""A person's triangles are then about three texels of the sky's maps in size."""


def coarse_faces(vertices: np.ndarray, faces: np.ndarray, count: int = FACES) -> tuple[np.ndarray, np.ndarray]:
    """Indices `(N,)` of the kept vertices of `vertices (V, 3)`, and `(about count, 3)` faces that count in them.

    Quadric simplification in C++; each new vertex is replaced by the nearest old one.
    """
    if len(faces) <= count:
        return np.arange(len(vertices)), faces
    import fast_simplification

    simple = fast_simplification.simplify(np.asarray(vertices, float), np.asarray(faces, np.int32), target_count=count)
    points, coarse = simple[0], simple[1]
    nearest = np.asarray(KDTree(vertices).query(points)[1])
    kept, place = np.unique(nearest, return_inverse=True)
    coarse = place.reshape(-1)[coarse]
    solid = (coarse[:, 0] != coarse[:, 1]) & (coarse[:, 1] != coarse[:, 2]) & (coarse[:, 2] != coarse[:, 0])
    return kept, coarse[solid]


def solid_faces(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Whether each face `(F,)` belongs to a closed shell that faces outward, so that its back is never seen.

    A surface with any edge that is not shared by exactly two faces, in opposite directions, counts as open.
    """
    if len(faces) == 0:
        return np.zeros(0, bool)
    start, end = faces.reshape(-1).astype(np.int64), np.roll(faces, -1, axis=1).reshape(-1)
    edges = 2 * (np.minimum(start, end) * len(vertices) + np.maximum(start, end)) + (start < end)
    edges.sort()
    first, second = edges[0::2], edges[1::2]
    if len(first) != len(second) or (first + 1 != second).any() or (first % 2).any() or (first[1:] == first[:-1]).any():
        return np.zeros(len(faces), bool)
    links = coo_matrix((np.ones(len(start), bool), (start, end)), shape=(len(vertices),) * 2)
    count, shell = connected_components(links, directed=False)
    shell = shell[faces[:, 0]]
    a, b, c = (vertices[faces[:, k]] - vertices.mean(axis=0) for k in range(3))
    volume = np.bincount(shell, np.einsum("ij,ij->i", a, np.cross(b, c)), minlength=count)
    return volume[shell] > 0.0
