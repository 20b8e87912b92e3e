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
    shoes: tuple[int, int, int]


OUTFITS = (
    Outfit((222, 176, 146), (92, 136, 168), (70, 76, 92), (58, 52, 50)),
    Outfit((150, 104, 78), (214, 168, 92), (88, 96, 84), (62, 56, 54)),
    Outfit((236, 196, 168), (156, 92, 98), (104, 96, 90), (46, 48, 56)),
    Outfit((186, 138, 106), (110, 152, 120), (62, 72, 100), (70, 62, 56)),
)
"""One for each person of a scene, in turn."""

OBJECT_COLORS = ((201, 120, 74), (122, 148, 160), (196, 170, 112), (126, 110, 150), (120, 150, 110))
"""sRGB of objects that bring no color, in turn."""

_GARMENT = {
    "shirt": ("torso", "left arm", "right arm", "left shoulder", "right shoulder"),
    "trousers": ("hips", "left leg", "right leg"),
    "shoes": ("left foot", "right foot"),
}


def dress(part_labels: Sequence[str] | np.ndarray, person: int = 0) -> np.ndarray:
    """sRGB colors `(V, 3)` uint8 of a body's vertices: skin, and neutral clothes where a garment covers the part."""
    outfit = OUTFITS[person % len(OUTFITS)]
    labels = np.asarray(part_labels)
    colors = np.tile(np.array(outfit.skin, np.uint8), (len(labels), 1))
    for garment, parts in _GARMENT.items():
        colors[np.isin(labels, parts)] = getattr(outfit, garment)
    return colors


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
