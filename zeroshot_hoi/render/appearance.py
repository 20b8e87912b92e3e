"""How an object looks, as plain arrays: read from a trimesh visual, kept in a result, drawn and exported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zeroshot_hoi.render.palette import OBJECT_COLORS, to_srgb
from zeroshot_hoi.render.surface import Surface, make_surface, make_texture

MAX_STORED_TEXTURE = 2048
"""Longest side in pixels of a texture that is kept; larger ones are scaled down with an antialiasing filter."""

UNSET_COLORS = ((255, 255, 255, 255), (102, 102, 102, 255), (100, 100, 100, 255), (204, 204, 204, 255))
"""Defaults of glTF, trimesh and modelling programs: an object in one of these was never colored."""


@dataclass(frozen=True)
class Appearance:
    """Colors and texture of one mesh. At most one of `colors`, `face_colors` and `uv` with `texture` is given."""

    base_color: tuple[int, int, int, int] = (*OBJECT_COLORS[0], 255)
    """sRGB and opacity in 0..255; the color of a plain object, and a factor on a texture."""
    metallic: float = 0.0
    roughness: float = 0.7
    colors: np.ndarray | None = None
    """(V, 4) uint8 sRGB per vertex."""
    face_colors: np.ndarray | None = None
    """(F, 4) uint8 sRGB per face."""
    uv: np.ndarray | None = None
    """(V, 2) texture coordinates, origin at the lower left; or (F, 3, 2) per corner."""
    texture: np.ndarray | None = None
    """(H, W, 4) uint8 sRGB."""

    def surface(self, vertices: np.ndarray, faces: np.ndarray) -> Surface:
        """What the renderer draws."""
        specular = 0.03 + 0.12 * (1.0 - self.roughness) + 0.15 * self.metallic
        shininess = 8.0 + 60.0 * (1.0 - self.roughness)
        colors: np.ndarray | tuple[int, ...] = self.base_color[:3]
        if self.colors is not None:
            colors = self.colors[:, :3]
        uv = texture = None
        if self.uv is not None and self.texture is not None:
            uv = self.corner_uv(faces)
            texture = make_texture(self.texture)
        if self.face_colors is not None:
            surface = make_surface(vertices, faces, specular=specular, shininess=shininess)
            split = make_surface(
                vertices[faces].reshape(-1, 3),
                np.arange(3 * len(faces)).reshape(-1, 3),
                np.repeat(self.face_colors[:, :3], 3, axis=0),
                specular=specular,
                shininess=shininess,
            )
            return Surface(
                split.vertices, split.faces, surface.normals, surface.normal_faces, split.colors, None, None,
                specular, shininess,
            )  # fmt: skip
        return make_surface(vertices, faces, colors, uv=uv, texture=texture, specular=specular, shininess=shininess)

    def corner_uv(self, faces: np.ndarray) -> np.ndarray:
        """Texture coordinates `(F, 3, 2)` of the corners."""
        assert self.uv is not None
        return self.uv if self.uv.ndim == 3 else self.uv[faces]


def read_appearance(visual: Any, index: int = 0) -> Appearance:
    """The appearance that a trimesh visual holds; plain objects get a color from the palette by `index`."""
    plain = Appearance(base_color=(*OBJECT_COLORS[index % len(OBJECT_COLORS)], 255))
    if visual is None or not getattr(visual, "defined", False):
        return plain
    if visual.kind == "vertex":
        return Appearance(colors=np.asarray(visual.vertex_colors, np.uint8).reshape(-1, 4))
    if visual.kind == "face":
        return Appearance(face_colors=np.asarray(visual.face_colors, np.uint8).reshape(-1, 4))
    return _read_material(visual, plain)


def _read_material(visual: Any, plain: Appearance) -> Appearance:
    material = visual.material
    image = getattr(material, "baseColorTexture", None)
    factor = getattr(material, "baseColorFactor", None)
    linear = hasattr(material, "baseColorFactor")
    if not linear:
        image, factor = getattr(material, "image", None), getattr(material, "diffuse", None)
    metallic = _number(getattr(material, "metallicFactor", None), 0.0)
    roughness = _number(getattr(material, "roughnessFactor", None), 0.7)
    if image is None or visual.uv is None or len(visual.uv) == 0:
        unset = factor is None or _color(factor) in UNSET_COLORS
        return Appearance(plain.base_color if unset else _color(factor, linear), metallic, roughness)
    base = (255, 255, 255, 255) if factor is None or not linear else _color(factor, linear)
    return Appearance(base, metallic, roughness, uv=np.asarray(visual.uv, np.float32), texture=_pixels(image))


def _number(value: Any, default: float) -> float:
    return default if value is None else float(value)


def _color(value: Any, linear: bool = False) -> tuple[int, int, int, int]:
    """Four sRGB numbers in 0..255 from three or four in 0..1 (floats) or 0..255; glTF's factors are `linear` light."""
    color = np.asarray(value).reshape(-1)
    if color.dtype.kind == "f" and color.max(initial=0.0) <= 1.0:
        color = np.round(color * 255.0)
    color = np.concatenate([color, [255] * (4 - len(color))])[:4].astype(int)
    if linear:
        color[:3] = to_srgb(color[:3] / 255.0)
    return (int(color[0]), int(color[1]), int(color[2]), int(color[3]))


def _pixels(image: Any) -> np.ndarray:
    """(H, W, 4) uint8 of a PIL picture, not larger than MAX_STORED_TEXTURE."""
    from PIL import Image

    ratio = MAX_STORED_TEXTURE / max(image.size)
    if ratio < 1.0:
        size = (max(int(image.width * ratio), 1), max(int(image.height * ratio), 1))
        image = image.convert("RGBA").resize(size, Image.Resampling.LANCZOS)
    return np.asarray(image.convert("RGBA"), np.uint8)
