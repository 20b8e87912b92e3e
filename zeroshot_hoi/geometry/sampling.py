"""Points spread evenly over a surface, and nearest neighbors.

Evenness comes from farthest-point elimination of random candidates in position and normal together, so that the two
sides of a thin board keep their own points. Each point's area is its share of the candidates that lie nearest to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.core.errors import MeshError
from zeroshot_hoi.core.scene import SurfaceSamples
from zeroshot_hoi.geometry.repair import face_normals

CANDIDATES_PER_SAMPLE = 4
"""Random candidates thinned out to one sample."""

SPACING = 0.01
"""Metres; the finest edge to which prepared meshes are subdivided."""


@dataclass(frozen=True)
class Candidates:
    """Random points, all standing for the same `area` (m^2)."""

    points: np.ndarray
    """(N, 3) metres."""
    normals: np.ndarray
    """(N, 3)"""
    faces: np.ndarray
    """(N,)"""
    area: float

    def subset(self, chosen: np.ndarray, normals: np.ndarray | None = None) -> Candidates:
        """The candidates `chosen` (mask or indices), with other normals where given."""
        normals = self.normals if normals is None else normals
        return Candidates(self.points[chosen], normals[chosen], self.faces[chosen], self.area)


def sample_surface(vertices: np.ndarray, faces: np.ndarray, count: int, seed: int = 0) -> SurfaceSamples:
    """`count` points spread evenly over the mesh `vertices (V, 3)`, `faces (F, 3)` by area, normals as the faces'."""
    return thin_out(scatter(vertices, faces, CANDIDATES_PER_SAMPLE * count, seed), count)


def scatter(vertices: np.ndarray, faces: np.ndarray, count: int, seed: int = 0) -> Candidates:
    """`count` random points, uniform by area; stratified over the faces, so that small faces are not missed by luck."""
    rng = np.random.default_rng(seed)
    normals, areas = face_normals(vertices, faces)
    total = areas.sum()
    if not total > 0.0:
        raise MeshError(f"A mesh of {len(faces)} faces without area cannot be sampled. Give a surface.")
    position = (np.arange(count) + rng.random(count)) / count
    chosen = np.minimum(np.searchsorted(np.cumsum(areas) / total, position), len(faces) - 1)
    root, v = np.sqrt(rng.random((count, 1))), rng.random((count, 1))
    a, b, c = (vertices[faces[chosen, k]] for k in range(3))
    points = (1.0 - root) * a + root * ((1.0 - v) * b + v * c)
    return Candidates(points, normals[chosen], chosen, total / count)


def thin_out(candidates: Candidates, count: int) -> SurfaceSamples:
    """The `count` candidates that are farthest apart; all of them where there are fewer."""
    reach = np.sqrt(candidates.area * len(candidates.points) / max(count, 1))
    features = np.concatenate([candidates.points, reach * candidates.normals], axis=1)
    chosen = farthest_points(features, count)
    _, owner = KDTree(features[chosen]).query(features)
    areas = np.bincount(owner, minlength=len(chosen)) * candidates.area
    return SurfaceSamples(candidates.points[chosen], candidates.normals[chosen], areas, candidates.faces[chosen])


def farthest_points(points: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` of the `points (N, K)`, each as far as possible from those before it; the first is point 0."""
    count = min(count, len(points))
    columns = np.ascontiguousarray(points.T, dtype=np.float32)
    nearest = np.full(len(points), np.inf, dtype=np.float32)
    chosen = np.zeros(count, dtype=np.int64)
    for k in range(1, count):
        offset = columns - columns[:, chosen[k - 1], None]
        np.minimum(nearest, np.einsum("kn,kn->n", offset, offset), out=nearest)
        chosen[k] = int(np.argmax(nearest))
    return chosen


def nearest_indices(points: np.ndarray, queries: np.ndarray, neighbors: int = 1) -> np.ndarray:
    """(Q, neighbors) indices of the `points (N, 3)` nearest to each of the `queries (Q, 3)`, nearest first.

    Indices are constants to a gradient; take the values with `gather_offsets`.
    """
    neighbors = min(neighbors, len(points))
    _, indices = KDTree(points).query(queries, k=neighbors)
    return np.asarray(indices, dtype=np.int64).reshape(len(queries), neighbors)


def gather_offsets(xp: Namespace, points: Array, queries: Array, indices: Array) -> Array:
    """(Q, k, 3) from each of the `queries (Q, 3)` to its neighbors among the `points (N, 3)`; differentiable."""
    return xp.take(points, xp.index(indices), axis=0) - queries[:, None, :]


def dense_points(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(N, 3) the vertices, and the middle of every face with an edge longer than SPACING."""
    corners = vertices[faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).max(axis=1)
    return np.concatenate([vertices, corners[longest > SPACING].mean(axis=1)])
