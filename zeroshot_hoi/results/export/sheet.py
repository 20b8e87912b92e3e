"""A result as one PNG: a contact sheet of frames from the front and from the side, each with its time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zeroshot_hoi.render.shot import Shot
from zeroshot_hoi.render.style import Style
from zeroshot_hoi.results.archive import replacing
from zeroshot_hoi.results.result import Result
from zeroshot_hoi.results.views import SceneSurfaces, draw_all, front_camera, portrait, side_camera, spread_frames

FRAMES = 8
LONG_SIDE, SHORT_SIDE = 420, 300
"""Pixels of one picture."""

GAP, HEADER = 4, 34
INK, PAPER = (52, 56, 62), (250, 250, 249)


def write_sheet(result: Result, path: Path, *, frames: int = FRAMES, style: Style | None = None) -> None:
    """Write the contact sheet."""
    image = contact_sheet(result, frames=frames, style=style)
    with replacing(path) as temporary:
        image.save(temporary, format="PNG", optimize=False)


def contact_sheet(result: Result, *, frames: int | Sequence[int] = FRAMES, style: Style | None = None) -> Image.Image:
    """The picture: one row a camera, one column a moment; `frames` says how many moments, or which frames they are."""
    width, height = (SHORT_SIDE, LONG_SIDE) if portrait(result) else (LONG_SIDE, SHORT_SIDE)
    moments = spread_frames(result, frames) if isinstance(frames, int) else list(frames)
    surfaces = SceneSurfaces.of(result)
    cameras = [make(result, width=width, height=height, surfaces=surfaces) for make in (front_camera, side_camera)]
    across, down = width + GAP, height + GAP
    sheet = Image.new("RGB", (GAP + across * len(moments), HEADER + down * len(cameras)), PAPER)
    draw = ImageDraw.Draw(sheet)
    small, large = ImageFont.load_default(13), ImageFont.load_default(16)
    draw.text((2 * GAP, 8), _title(result, sheet.width), fill=INK, font=large)
    studio = surfaces.studio(style)
    shots = [Shot(studio, camera) for camera in cameras]

    def column(moment: int) -> np.ndarray:
        arrangement = studio.arrange(surfaces.placements(moment))
        return np.stack([shot.draw(arrangement) for shot in shots])

    for index, pictures in enumerate(draw_all(column, moments)):
        for row, picture in enumerate(pictures):
            corner = (GAP + index * across, HEADER + row * down)
            sheet.paste(Image.fromarray(picture), corner)
            label = f"{moments[index] / result.fps:.2f} s"
            draw.text((corner[0] + 8, corner[1] + height - 22), label, fill=INK, font=small)
    return sheet


def _title(result: Result, width: int) -> str:
    """The recipe and its sentence, cut to the sheet's width (about 8 pixels a letter)."""
    title = ": ".join(str(part) for part in (result.meta["recipe"], result.meta["text"]) if part)
    room = max(width // 8 - 4, 10)
    return title if len(title) <= room else title[: room - 1].rstrip() + "…"
