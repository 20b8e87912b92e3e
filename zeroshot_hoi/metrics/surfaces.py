"""Exact questions to a surface, asked only of the points whose bounding box says they may matter."""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.geometry.exact import ExactMesh


class Surface:
    """A triangle mesh that answers which points are inside it and how near they are to it."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        self.vertices, self.faces = vertices, faces
        used = vertices[np.unique(faces)]
        self.low, self.high = used.min(axis=0), used.max(axis=0)
        self._mesh: ExactMesh | None = None

    @property
    def mesh(self) -> ExactMesh:
        """The query structure, built when the first question needs it."""
        if self._mesh is None:
            self._mesh = ExactMesh(self.vertices, self.faces)
        return self._mesh

    def within_box(self, points: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """(N,) whether `points (N, 3)` are inside the bounding box grown by `margin` metres."""
        return np.all((points >= self.low - margin) & (points <= self.high + margin), axis=-1)

    def holds(self, points: np.ndarray) -> np.ndarray:
        """(N,) whether `points (N, 3)` are inside."""
        inside = self.within_box(points)
        if inside.any():
            inside[inside] = self.mesh.inside(points[inside])
        return inside

    def near(self, points: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Unsigned distance (N,) of `points (N, 3)`, inf beyond `reach` metres, nearest point (N, 3) and face (N,)."""
        distance, closest = np.full(len(points), np.inf), np.full((len(points), 3), np.nan)
        face = np.full(len(points), -1)
        candidates = np.flatnonzero(self.within_box(points, reach))
        if len(candidates):
            gap, closest[candidates], face[candidates] = self.mesh.nearest(points[candidates], reach)
            distance[candidates] = np.nan_to_num(gap, nan=np.inf)
        return distance, closest, face


def face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F, 3) unit normals."""
    cross = np.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]])
    return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-18)


def face_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(*batch, F) m^2 of faces over `vertices (*batch, V, 3)`."""
    a, b, c = (vertices[..., faces[:, k], :] for k in range(3))
    return 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=-1)


def vertex_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V,) m^2, a third of every face to each of its corners."""
    areas = np.repeat(face_areas(vertices, faces) / 3.0, 3)
    return np.bincount(faces.reshape(-1), weights=areas, minlength=len(vertices))
