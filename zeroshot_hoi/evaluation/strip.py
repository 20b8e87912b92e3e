"""Pictures of an evaluation: a strip of moments for each run, and all strips on one sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zeroshot_hoi.results.archive import replacing
from zeroshot_hoi.results.result import Result

MOMENTS = 4
PICTURE = (168, 224)
"""Width and height of one picture, pixels."""

SIZE = (MOMENTS * PICTURE[0], PICTURE[1])
GAP, HEADER, TITLE = 6, 40, 40
INK, PAPER, GREY = (52, 56, 62), (250, 250, 249), (205, 205, 203)
GOOD, BAD = (22, 135, 107), (190, 50, 40)


def write_strip(result: Result, path: Path) -> None:
    """Four moments of a result beside one another, from the three-quarter view."""
    from zeroshot_hoi.render.shot import Shot
    from zeroshot_hoi.results.views import SceneSurfaces, front_camera, spread_frames

    surfaces = SceneSurfaces.of(result)
    camera = front_camera(result, width=PICTURE[0], height=PICTURE[1], surfaces=surfaces)
    studio = surfaces.studio()
    shot = Shot(studio, camera)
    strip = Image.new("RGB", SIZE, PAPER)
    for index, moment in enumerate(spread_frames(result, MOMENTS)):
        picture = np.asarray(shot.draw(studio.arrange(surfaces.placements(moment))))
        strip.paste(Image.fromarray(picture), (index * PICTURE[0], 0))
    with replacing(path) as temporary:
        strip.save(temporary, format="PNG")


def contact_sheet(entries: Sequence[tuple[str, str, bool, Path]], title: str, columns: int = 0) -> Image.Image:
    """All runs on one picture; an entry is a title, a second line, whether all bars hold, and the strip's file.

    A run without a strip keeps its place, empty. `columns` 0 makes the sheet about as wide as it is high.
    """
    count = max(len(entries), 1)
    across, down = SIZE[0] + GAP, SIZE[1] + HEADER + GAP
    columns = columns or max(1, min(count, round(math.sqrt(count * down / across))))
    rows = math.ceil(count / columns)
    sheet = Image.new("RGB", (GAP + columns * across, TITLE + rows * down), PAPER)
    draw = ImageDraw.Draw(sheet)
    small, large = ImageFont.load_default(13), ImageFont.load_default(16)
    draw.text((GAP, 12), title, fill=INK, font=large)
    for index, (name, words, holds, path) in enumerate(entries):
        x, y = GAP + index % columns * across, TITLE + index // columns * down
        draw.text((x, y), name, fill=INK, font=large)
        draw.text((x, y + 20), _cut(words, SIZE[0] // 7), fill=GOOD if holds else BAD, font=small)
        box = (x, y + HEADER, x + SIZE[0], y + HEADER + SIZE[1])
        if path.is_file():
            with Image.open(path) as strip:
                sheet.paste(strip.convert("RGB").resize(SIZE), box[:2])
        else:
            draw.rectangle(box, fill=GREY)
        draw.line((x, y + HEADER - 2, x + SIZE[0], y + HEADER - 2), fill=GOOD if holds else BAD, width=3)
    return sheet


def _cut(words: str, room: int) -> str:
    return words if len(words) <= room else words[: room - 1].rstrip() + "…"
