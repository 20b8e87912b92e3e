"""A mesh that moves from frame to frame."""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.geometry.exact import ExactMesh


class MovingMesh:
    """Exact questions to a mesh in one frame after another."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        self._vertices, self._faces = vertices, faces
        self._frame = -1
        self._mesh: ExactMesh | None = None
        self._box: tuple[int, np.ndarray, np.ndarray] | None = None

    def at(self, frame: int) -> ExactMesh:
        """The mesh as it is in `frame`; valid until the next call."""
        if self._mesh is None:
            self._mesh = ExactMesh(self._vertices[frame], self._faces)
        elif frame != self._frame:
            self._mesh.move(self._vertices[frame])
        self._frame = frame
        return self._mesh

    def near_box(self, frame: int, points: np.ndarray, margin: np.ndarray | float) -> np.ndarray:
        """(N,) whether `points (N, 3)` are within `margin` metres, a number or (N, 1), of the frame's bounding box."""
        if self._box is None or self._box[0] != frame:
            vertices = self._vertices[frame]
            self._box = frame, vertices.min(axis=0), vertices.max(axis=0)
        _, low, high = self._box
        return np.all((points >= low - margin) & (points <= high + margin), axis=-1)
