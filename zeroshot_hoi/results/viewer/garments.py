"""A person's surface cut along its hems, because a deforming mesh of viser has one color.

Faces that a hem crosses are cut where the two garments' shares are equal, so that hems are as smooth as in pictures.
Every vertex of a piece lies on an edge of the body, and moves with its two ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Piece:
    """One garment's surface."""

    first: np.ndarray
    """(N,) the body's vertex at one end of the edge on which each vertex lies."""
    second: np.ndarray
    """(N,) and at the other end."""
    way: np.ndarray
    """(N, 1) how far it is from the first to the second, 0..1."""
    faces: np.ndarray
    """(M, 3)"""

    def vertices(self, body: np.ndarray) -> np.ndarray:
        """Positions (N, 3) on a body with vertices (V, 3)."""
        return body[self.first] * (1.0 - self.way) + body[self.second] * self.way


def cut(faces: np.ndarray, shares: np.ndarray) -> dict[int, Piece]:
    """The pieces by garment, for `faces (F, 3)` and each vertex's `shares (V, G)`."""
    worn = shares.argmax(axis=1)
    corners = {garment: [_whole(faces[(worn[faces] == garment).all(axis=1)])] for garment in np.unique(worn).tolist()}
    for face in faces[(worn[faces] != worn[faces[:, :1]]).any(axis=1)]:
        for garment, triangle in _split(face, worn[face], shares):
            corners[garment].append(triangle)
    return {garment: _weld(np.concatenate(pieces)) for garment, pieces in corners.items()}


def _whole(faces: np.ndarray) -> np.ndarray:
    """Corners (M, 3, 3) of uncut faces: first, second, way."""
    return np.stack([faces, faces, np.zeros(faces.shape)], axis=-1)


def _split(face: np.ndarray, worn: np.ndarray, shares: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Triangles (1, 3, 3) of a face whose corners wear different things; three different ones stay whole."""
    names, counts = np.unique(worn, return_counts=True)
    if len(names) == 3:
        return [(int(worn[0]), _whole(face[None]))]
    odd = int(np.flatnonzero(worn == names[counts.argmin()])[0])
    a, b, c = (int(v) for v in np.roll(face, -odd))
    lone, other = int(worn[odd]), int(worn[(odd + 1) % 3])
    gap = shares[:, lone] - shares[:, other]
    on_b, on_c = ([a, end, gap[a] / (gap[a] - gap[end])] for end in (b, c))
    at_a, at_b, at_c = ([v, v, 0.0] for v in (a, b, c))
    return [
        (lone, np.array([[at_a, on_b, on_c]])),
        (other, np.array([[on_b, at_b, at_c]])),
        (other, np.array([[on_b, at_c, on_c]])),
    ]


def _weld(corners: np.ndarray) -> Piece:
    """A piece from corners (M, 3, 3), equal ones made one."""
    rows, index = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    return Piece(rows[:, 0].astype(int), rows[:, 1].astype(int), rows[:, 2:], index.reshape(-1, 3))
