"""Draw surfaces from a camera. `render_frame` is the whole interface; `render_views` draws one scene side by side.

Many pictures of the same surfaces are drawn faster by `studio.Studio`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from zeroshot_hoi.core.camera import Camera
from zeroshot_hoi.render.palette import OBJECT_COLORS, OUTFITS
from zeroshot_hoi.render.shot import Shot
from zeroshot_hoi.render.studio import Studio
from zeroshot_hoi.render.style import Style
from zeroshot_hoi.render.surface import Surface, body_surface, make_surface


def render_frame(
    surfaces: Sequence[Surface], camera: Camera, style: Style | None = None, device: str | None = None
) -> np.ndarray:
    """The picture `(H, W, 3)` uint8 of `surfaces` seen by `camera`."""
    studio = Studio(surfaces, style, device=device)
    return Shot(studio, camera).draw(studio.arrange())


def render_views(
    people: Sequence[Any],
    objects: Sequence[Any],
    cameras: Sequence[Camera],
    size: tuple[int, int] | None = None,
    style: Style | None = None,
) -> np.ndarray:
    """One scene from several cameras, side by side: `(H, views W, 3)` uint8.

    People and objects are `Surface`s, `(vertices, faces)` pairs or anything with `.vertices` and `.faces` (a trimesh, a
    `SceneObject`). `size` is (height, width) of one view and replaces the cameras' own.
    """
    surfaces = [_as_person(item, k) for k, item in enumerate(people)]
    surfaces += [_as_object(item, k) for k, item in enumerate(objects)]
    if size is not None:
        cameras = [replace(camera, height=size[0], width=size[1]) for camera in cameras]
    studio = Studio(surfaces, style)
    arrangement = studio.arrange()
    return np.concatenate([Shot(studio, camera).draw(arrangement) for camera in cameras], axis=1)


def _as_person(item: Any, index: int) -> Surface:
    if isinstance(item, Surface):
        return item
    vertices, faces = item if isinstance(item, tuple) else (item.vertices, item.faces)
    return body_surface(vertices, faces, np.array(OUTFITS[index % len(OUTFITS)].skin))


def _as_object(item: Any, index: int) -> Surface:
    if isinstance(item, Surface):
        return item
    if isinstance(item, tuple):
        return make_surface(item[0], item[1], OBJECT_COLORS[index % len(OBJECT_COLORS)])
    from zeroshot_hoi.render.appearance import read_appearance

    appearance = read_appearance(getattr(item, "visual", None), index)
    return appearance.surface(np.asarray(item.vertices), np.asarray(item.faces))


def visible_pixels(surfaces: Sequence[Surface], camera: Camera) -> np.ndarray:
    """How many pixels of the picture each surface covers, `(len(surfaces),)`; nothing is shaded."""
    studio = Studio(surfaces, device="cpu")
    return studio.visible_pixels(studio.arrange(lit=False), camera)
