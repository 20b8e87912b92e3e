"""Colors: what people wear, what plain objects look like, and the conversion between sRGB and linear light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Outfit:
    """sRGB colors of one person, each (r, g, b) in 0..255."""

    skin: tuple[int, int, int]
    shirt: tuple[int, int, int]
    trousers: tuple[int, int, int]


OUTFITS = (
    Outfit((222, 176, 146), (92, 136, 168), (70, 76, 92)),
    Outfit((150, 104, 78), (214, 168, 92), (88, 96, 84)),
    Outfit((236, 196, 168), (156, 92, 98), (104, 96, 90)),
    Outfit((186, 138, 106), (110, 152, 120), (62, 72, 100)),
)
"""One for each person of a scene, in turn."""

OBJECT_COLORS = ((201, 120, 74), (122, 148, 160), (196, 170, 112), (126, 110, 150), (120, 150, 110))
"""sRGB of objects that bring no color, in turn."""

_GARMENTS = {
    "shirt": ("torso", "left arm", "right arm", "left shoulder", "right shoulder"),
    "trousers": ("hips", "left leg", "right leg"),
}

HEM_ROUNDS, HEM_SHARPNESS = 8, 10.0
"""Smoothing of the garments' edges along the mesh, and how sharply one color then ends."""


def dress(part_labels: Sequence[str] | np.ndarray, person: int = 0, faces: np.ndarray | None = None) -> np.ndarray:
    """sRGB colors `(V, 3)` uint8 of a body's vertices: skin, and neutral clothes where a garment covers the part.

    With the body's `faces (F, 3)` hems are straightened, because part labels end at whole vertices.
    """
    outfit = OUTFITS[person % len(OUTFITS)]
    colors = np.array([outfit.skin, *(getattr(outfit, garment) for garment in _GARMENTS)], float)
    return np.round(garment_shares(part_labels, faces) @ colors).astype(np.uint8)


def garment_shares(part_labels: Sequence[str] | np.ndarray, faces: np.ndarray | None = None) -> np.ndarray:
    """How much of skin, shirt and trousers `(V, 3)` each vertex shows; rows sum to 1."""
    labels = np.asarray(part_labels)
    worn = np.stack([np.isin(labels, parts) for parts in _GARMENTS.values()], axis=1).astype(float)
    share = np.concatenate([1.0 - worn.sum(axis=1, keepdims=True), worn], axis=1)
    return share if faces is None else _straighten(share, faces)


def _straighten(share: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Shares `(V, C)` averaged over neighbors a few times and sharpened again."""
    from scipy.sparse import coo_matrix, diags

    rows, columns = faces[:, [0, 1, 2]].reshape(-1), faces[:, [1, 2, 0]].reshape(-1)
    count = len(share)
    near = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count)).tocsr()
    near = near + near.T + diags(np.ones(count))
    near = diags(1.0 / np.asarray(near.sum(axis=1)).reshape(-1)) @ near
    for _ in range(HEM_ROUNDS):
        share = near @ share
    share = share**HEM_SHARPNESS
    return share / share.sum(axis=1, keepdims=True)


def to_linear(srgb: np.ndarray) -> np.ndarray:
    """Linear light in 0..1 (float32) of sRGB values in 0..255 (IEC 61966-2-1)."""
    table = np.arange(256) / 255.0
    table = np.where(table <= 0.04045, table / 12.92, ((table + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table[np.clip(np.asarray(srgb), 0, 255).astype(np.uint8)]


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """sRGB bytes of linear light in 0..1."""
    value = np.clip(linear, 0.0, 1.0)
    encoded = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1.0 / 2.4) - 0.055)
    return np.round(255.0 * encoded).astype(np.uint8)
