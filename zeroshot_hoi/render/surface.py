"""What the renderer draws: a triangle mesh with colors, a texture and the normals that make it look smooth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zeroshot_hoi.core.errors import MeshError
from zeroshot_hoi.render.palette import OBJECT_COLORS, OUTFITS, to_linear

CREASE_ANGLE = np.radians(38.0)
"""Faces that meet at more than this keep a hard edge between them."""

MAX_TEXTURE = 2048
"""Longest side of a texture in texels; larger ones are halved until they fit."""


@dataclass(frozen=True)
class Texture:
    """A picture in linear light with its halved copies, all in one array."""

    texels: np.ndarray
    """(N, 3) float32: level after level, row after row."""
    width: int
    height: int
    levels: int


@dataclass(frozen=True)
class Surface:
    """One mesh of a picture, in world coordinates."""

    vertices: np.ndarray
    """(V, 3) metres."""
    faces: np.ndarray
    """(F, 3)"""
    normals: np.ndarray
    """(K, 3) unit."""
    normal_faces: np.ndarray
    """(F, 3) index of each corner's normal."""
    colors: np.ndarray
    """(V, 3) linear light in 0..1; multiplied with the texture."""
    uv: np.ndarray | None = None
    """(F, 3, 2) texture coordinates of each corner, origin at the lower left."""
    texture: Texture | None = None
    specular: float = 0.06
    shininess: float = 28.0

    def moved(self, rotation: np.ndarray, translation: np.ndarray) -> Surface:
        """The same surface under a rigid motion: rotation v + translation."""
        return replace(
            self, vertices=self.vertices @ rotation.T + translation, normals=self.normals @ np.asarray(rotation).T
        )

    def posed(self, vertices: np.ndarray) -> Surface:
        """A smooth surface with other vertex positions `(V, 3)`; its normals follow."""
        return replace(self, vertices=vertices, normals=vertex_normals(vertices, self.faces), normal_faces=self.faces)


def make_surface(
    vertices: np.ndarray,
    faces: np.ndarray,
    colors: np.ndarray | Sequence[int] = OBJECT_COLORS[0],
    *,
    smooth: bool = False,
    uv: np.ndarray | None = None,
    texture: Texture | None = None,
    specular: float = 0.06,
    shininess: float = 28.0,
) -> Surface:
    """A surface from raw arrays; `colors` is one sRGB color or `(V, 3)`, 0..255.

    `smooth` averages normals at every vertex (bodies); otherwise edges above CREASE_ANGLE stay hard.
    """
    vertices, faces = np.asarray(vertices, float), np.asarray(faces, int)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3:
        raise MeshError(f"A surface needs vertices (V, 3) and faces (F, 3); got {vertices.shape} and {faces.shape}.")
    linear = np.broadcast_to(to_linear(np.asarray(colors)[..., :3]), vertices.shape)
    if smooth:
        normals, normal_faces = vertex_normals(vertices, faces), faces
    else:
        normals = crease_normals(vertices, faces).reshape(-1, 3)
        normal_faces = np.arange(len(normals)).reshape(-1, 3)
    return Surface(vertices, faces, normals, normal_faces, linear, uv, texture, specular, shininess)


def body_surface(vertices: np.ndarray, faces: np.ndarray, colors: np.ndarray | None = None) -> Surface:
    """A person's surface, smooth and matte; `colors (V, 3)` sRGB as from `palette.dress`."""
    return make_surface(
        vertices, faces, OUTFITS[0].skin if colors is None else colors, smooth=True, specular=0.035, shininess=14.0
    )


def make_texture(image: np.ndarray) -> Texture:
    """A texture with its mip chain from an sRGB picture `(H, W, 3 or 4)` uint8."""
    level = to_linear(np.asarray(image)[..., :3])
    while max(level.shape[:2]) > MAX_TEXTURE:
        level = _halve(level)
    height, width = level.shape[:2]
    chain = [level]
    while min(chain[-1].shape[:2]) >= 2:
        chain.append(_halve(chain[-1]))
    return Texture(np.concatenate([c.reshape(-1, 3) for c in chain]), width, height, len(chain))


def _halve(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    if height < 2 or width < 2:
        return image[:: 2 if height >= 2 else 1, :: 2 if width >= 2 else 1]
    blocks = image[:height, :width].reshape(height // 2, 2, width // 2, 2, 3)
    return blocks.mean(axis=(1, 3), dtype=np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-12)


def _face_vectors(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F, 3) normals whose length is twice the face's area."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals `(V, 3)`."""
    weighted = _face_vectors(vertices, faces)
    flat = faces.reshape(-1)
    repeated = np.repeat(weighted, 3, axis=0)
    total = [np.bincount(flat, repeated[:, k], minlength=len(vertices)) for k in range(3)]
    return _unit(np.stack(total, axis=1))


def crease_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals `(F, 3, 3)` of the corners: averaged over the faces around the corner's position that lie within
    CREASE_ANGLE of the corner's own face. Seams (vertices split by texture coordinates) don't show."""
    weighted = _face_vectors(vertices, faces)
    unit = _unit(weighted)
    extent = max(float(np.ptp(vertices, axis=0).max(initial=0.0)), 1e-9)
    _, place = np.unique(np.round(vertices / (1e-6 * extent)).astype(np.int64), axis=0, return_inverse=True)
    corner_place = place.reshape(-1)[faces.reshape(-1)]
    order = np.argsort(corner_place, kind="stable")
    start = np.searchsorted(corner_place[order], np.arange(corner_place.max(initial=-1) + 2))
    count = np.diff(start)
    pairs = count[corner_place]
    if pairs.sum() > 2e7:
        return vertex_normals(vertices, faces)[faces]
    first = np.repeat(np.arange(len(corner_place)), pairs)
    offset = np.arange(len(first)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    second = order[start[corner_place[first]] + offset]
    near = np.einsum("ij,ij->i", unit[first // 3], unit[second // 3]) > np.cos(CREASE_ANGLE)
    first, second = first[near], second[near]
    total = [np.bincount(first, weighted[second // 3, k], minlength=3 * len(faces)) for k in range(3)]
    return _unit(np.stack(total, axis=1)).reshape(-1, 3, 3)
