"""A result as an MP4: H.264, yuv420p, playable while it downloads.

Encoded through PyAV. The FFmpeg inside its wheels is built with libx264 and is therefore covered by the GPL; this
library only calls it through PyAV's Python interface (BSD) and ships none of it. H.264 patents may ask for a licence
where videos are sold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot_hoi.core.camera import Camera
from zeroshot_hoi.core.errors import ResultError, nearest_name
from zeroshot_hoi.render.shot import Shot
from zeroshot_hoi.render.style import Style
from zeroshot_hoi.results.archive import replacing
from zeroshot_hoi.results.result import Result
from zeroshot_hoi.results.views import SceneSurfaces, draw_all, front_camera, portrait

LONG_SIDE, SHORT_SIDE = 720, 480
"""Pixels of the picture; upright where the scene is taller than wide."""

SIZES = {"720p": (1280, 720), "1080p": (1920, 1080), "4k": (3840, 2160)}
"""Widths and heights of whole pictures by name."""

MIN_SIDE, MAX_SIDE = 64, 4096
"""Pixels."""

ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox")
"""H.264 encoders in the order of preference."""

BT709 = 1
"""FFmpeg's number for the color space of HD video, which players assume of untagged and tagged files alike."""


def write_video(
    result: Result,
    path: Path,
    *,
    camera: Camera | None = None,
    style: Style | None = None,
    size: tuple[int, int] | str | None = None,
    beside: Sequence[Result] = (),
) -> None:
    """Write the MP4, seen by `camera` (by default from the front, three quarters).

    `size` is (width, height) in pixels or one of SIZES; `beside` puts other results, say other seeds, next to this one
    in the same picture. A shorter one waits in its last frame.
    """
    shown = [result, *beside]
    if camera is not None and (beside or size is not None):
        raise ResultError("A camera has a size of its own and sees one result; leave out `size` and `beside`.")
    scenes = [SceneSurfaces.of(each) for each in shown]
    width, height = _picture_size(result, size, len(shown))
    cameras = [camera] if camera is not None else [_camera(scene, width, height) for scene in scenes]

    shots = [Shot(scene.studio(style), view) for scene, view in zip(scenes, cameras, strict=True)]

    def draw(frame: int) -> np.ndarray:
        pictures = [
            shot.draw(shot.studio.arrange(scene.placements(min(frame, scene.result.frames - 1))))
            for scene, shot in zip(scenes, shots, strict=True)
        ]
        return np.concatenate(pictures, axis=1)

    with replacing(path) as temporary:
        encode_mp4(temporary, draw_all(draw, range(max(each.frames for each in shown))), result.fps)


def default_camera(result: Result, surfaces: SceneSurfaces | None = None) -> Camera:
    """The front camera, upright or wide after the scene."""
    return _camera(surfaces or SceneSurfaces.of(result), *_picture_size(result, None, 1))


def _camera(scene: SceneSurfaces, width: int, height: int) -> Camera:
    return front_camera(scene.result, width=width, height=height, surfaces=scene)


def _picture_size(result: Result, size: tuple[int, int] | str | None, count: int) -> tuple[int, int]:
    """Width and height of one of `count` pictures that share a row."""
    if size is None:
        return (SHORT_SIDE, LONG_SIDE) if portrait(result) else (LONG_SIDE, SHORT_SIDE)
    if isinstance(size, str):
        if size not in SIZES:
            raise ResultError(f"There is no video size '{size}'. {nearest_name(size, SIZES)}")
        size = SIZES[size]
    width, height = size
    if not (MIN_SIDE * count <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise ResultError(f"A video of {width} x {height} pixels for {count} results: each needs {MIN_SIDE} to "
                          f"{MAX_SIDE} a side.")  # fmt: skip
    return width // count // 2 * 2, height // 2 * 2


def encode_mp4(path: Path, images: Iterable[np.ndarray], fps: float) -> None:
    """Write pictures `(H, W, 3)` uint8 as H.264; an odd side loses one row or column, which yuv420p cannot hold."""
    import av

    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: Any = None
        for image in images:
            image = np.ascontiguousarray(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2])
            if stream is None:
                stream = _add_stream(container, image.shape[1], image.shape[0], fps)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=BT709, dst_color_range=BT709)
            container.mux(stream.encode(frame))
        if stream is None:
            raise ResultError("There is no frame to encode; the result is empty.")
        container.mux(stream.encode())


def _add_stream(container: Any, width: int, height: int, fps: float) -> Any:
    import av

    name = next((name for name in ENCODERS if name in av.codecs_available), None)
    if name is None:
        raise ResultError(f"The installed PyAV has none of the H.264 encoders {', '.join(ENCODERS)}. "
                          "Install a wheel that has one: pip install --only-binary av av.")  # fmt: skip
    stream = container.add_stream(name, rate=Fraction(fps).limit_denominator(1001))
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = context.color_range = BT709
    if name == "libx264":
        stream.options = {"crf": "18", "preset": "veryfast"}
    return stream
