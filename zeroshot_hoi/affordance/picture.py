"""A picture of what was found: each part's probability as color over a gray object, from two sides, with a legend."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.core.scene import ObjectParts, SceneObject

GRAY = np.array([0.72, 0.72, 0.72])
COLORS = np.array([[0.90, 0.24, 0.16], [0.16, 0.38, 0.90], [0.14, 0.66, 0.28], [0.94, 0.66, 0.10], [0.58, 0.26, 0.78],
                   [0.10, 0.70, 0.74], [0.86, 0.36, 0.66], [0.50, 0.42, 0.16]])  # fmt: skip
"""sRGB, one for each part in turn."""


def part_colors(count: int) -> np.ndarray:
    """(count, 3) sRGB in [0, 1]."""
    return COLORS[np.arange(count) % len(COLORS)]


def part_picture(obj: SceneObject, parts: ObjectParts, path: str | Path, height: int = 480) -> Path:
    """Write a PNG with two views, front left from above and back right from below; returns its path."""
    from PIL import Image, ImageDraw

    from zeroshot_hoi.render.cameras import frame_points
    from zeroshot_hoi.render.renderer import Style, render_views
    from zeroshot_hoi.render.surface import make_surface

    corners = obj.vertices[obj.faces].reshape(-1, 3)
    colors = np.repeat(255 * _face_colors(parts, len(obj.faces)), 3, axis=0)
    surface = make_surface(corners, np.arange(len(corners)).reshape(-1, 3), colors)
    front = np.arctan2(parts.front[1], parts.front[0]) if parts.front.any() else 0.0
    views = [(front + np.radians(35), np.radians(22)), (front + np.radians(215), np.radians(-18))]
    cameras = [frame_points(obj.vertices, a, e, width=height, height=height) for a, e in views]
    image = Image.fromarray(render_views([], [surface], cameras, style=Style(ground=False)))
    draw = ImageDraw.Draw(image)
    for i, (name, region) in enumerate(parts.parts.items()):
        color = tuple(int(c) for c in 255 * COLORS[i % len(COLORS)])
        draw.rectangle((10, 10 + 18 * i, 22, 22 + 18 * i), fill=color)
        draw.text((28, 10 + 18 * i), f"{name} ({region.confidence:.2f})", fill=(20, 20, 20))
    try:
        image.save(path, format="PNG")
    except OSError as error:
        raise ResultError(f"Cannot write the picture of parts to '{path}': {error}. Give a writable path.") from error
    return Path(path)


def _face_colors(parts: ObjectParts, count: int) -> np.ndarray:
    """(F, 3) sRGB in [0, 1]: gray blended toward each part's color by its probability."""
    colors = np.tile(GRAY, (count, 1))
    for i, region in enumerate(parts.parts.values()):
        share = region.probability[:, None]
        colors = (1 - share) * colors + share * COLORS[i % len(COLORS)]
    return colors
