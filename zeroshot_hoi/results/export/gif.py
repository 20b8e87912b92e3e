"""A result as an animated GIF: for pages and messages that show no video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from zeroshot_hoi.core.camera import Camera
from zeroshot_hoi.render.shot import Shot
from zeroshot_hoi.render.style import Style
from zeroshot_hoi.results.archive import replacing
from zeroshot_hoi.results.result import Result
from zeroshot_hoi.results.views import SceneSurfaces, draw_all, front_camera, portrait

LONG_SIDE, SHORT_SIDE = 480, 320
"""Pixels; a GIF grows fast."""

SHADE = 4
"""Levels of a channel that count as one shade when the palette is chosen."""

COLORS = 192
"""Of one palette for all frames, so that nothing flickers."""

UNIT = 0.01
"""Seconds: the resolution of a GIF's clock."""


def write_gif(
    result: Result, path: Path, *, camera: Camera | None = None, every: int = 1, style: Style | None = None
) -> None:
    """Write every `every`-th frame, looping, at the speed of the result."""
    surfaces = SceneSurfaces.of(result)
    width, height = (SHORT_SIDE, LONG_SIDE) if portrait(result) else (LONG_SIDE, SHORT_SIDE)
    seen = camera or front_camera(result, width=width, height=height, surfaces=surfaces)
    frames = list(range(0, result.frames, max(every, 1)))
    shot = Shot(surfaces.studio(style), seen)
    pictures = draw_all(lambda frame: shot.draw(shot.studio.arrange(surfaces.placements(frame))), frames)
    drawn = [Image.fromarray(picture) for picture in pictures]
    palette = _palette(drawn)
    images = [image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for image in drawn]
    with replacing(path) as temporary:
        images[0].save(temporary, format="GIF", save_all=True, append_images=images[1:], loop=0, disposal=1,
                       duration=durations(len(frames), result.fps / max(every, 1)))  # fmt: skip


def durations(count: int, fps: float) -> list[int]:
    """Milliseconds of each frame, whole hundredths of a second that never run away from the true time."""
    ends = np.round(np.arange(count + 1) / fps / UNIT)
    return (np.diff(ends) * 10).astype(int).tolist()


def _palette(images: list[Image.Image]) -> Image.Image:
    """One palette from the first, the middle and the last picture. Every shade counts once, however much of the
    picture it fills: a gray floor would otherwise leave no colors for the skin."""
    chosen = np.concatenate([np.asarray(images[k]).reshape(-1, 3) for k in (0, len(images) // 2, -1)])
    shades = np.unique(chosen // SHADE, axis=0) * SHADE + SHADE // 2
    return Image.fromarray(shades[None].astype(np.uint8)).quantize(COLORS, method=Image.Quantize.MEDIANCUT)
