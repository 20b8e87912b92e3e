"""A still camera: its empty floor and backdrop are painted once, and every picture starts from them."""

from __future__ import annotations

from typing import Any

import numpy as np

from zeroshot_hoi.core.camera import Camera
from zeroshot_hoi.render.studio import Arrangement, Studio
from zeroshot_hoi.render.style import key_direction
from zeroshot_hoi.render.view import make_view, union, window_around

CPU_RUN = 32
"""Pixels of a row that one thread shades on a CPU."""


class Shot:
    """A still camera on a studio."""

    def __init__(self, studio: Studio, camera: Camera) -> None:
        from zeroshot_hoi.render import kernels

        wp, style = studio.wp, studio.style
        self.studio, self.camera = studio, camera
        self.run = CPU_RUN if studio.device == "cpu" else 1
        self.key = key_direction(style, camera.T_world_camera[:3, 2])
        self.view, self.floor = make_view(wp, camera, style.supersampling), self._floor()
        shape = (camera.height, camera.width)
        self.behind = wp.empty(shape, dtype=wp.vec4, device=studio.device)
        self.empty = wp.empty((*shape, 3), dtype=wp.uint8, device=studio.device)
        diffuse = np.array(style.key_color) * self.key[2] + style.sky_color
        inputs = [self.view, wp.vec3(*diffuse.tolist()), self.floor, studio.encoding, self.run, self.behind, self.empty]
        studio.launch(kernels.paint_backdrop, self._threads(camera.width, camera.height), inputs)

    def draw(self, arrangement: Arrangement) -> np.ndarray:
        """The picture `(H, W, 3)` uint8."""
        from zeroshot_hoi.render import kernels

        studio = self.studio
        screen, window, keys = studio.nearest_faces(self.view, arrangement)
        shapes, (light, floor_map) = studio.shapes_at(arrangement, screen), self._light(arrangement)
        painted = self._painted(window, floor_map)
        image = studio.wp.clone(self.empty)
        inputs = [
            self.view,
            painted,
            window,
            keys,
            shapes,
            light,
            self.floor,
            floor_map,
            self.behind,
            studio.encoding,
            self.run,
        ]
        studio.launch(kernels.shade, self._threads(painted.width, painted.height), [*inputs, image])
        return image.numpy()

    def _threads(self, width: int, height: int) -> tuple[int, int]:
        return height, -(-width // self.run)

    def _painted(self, window: Any, floor_map: Any) -> Any:
        """The pixels around the z-buffer's window and around every shadow on the floor."""
        from zeroshot_hoi.render import kernels

        if not self.studio.style.ground:
            return window
        low, spacing = np.array(floor_map.low), floor_map.spacing
        shaded = (floor_map.shadow.numpy() != 0) | (floor_map.sky.numpy() < float(kernels.OPEN_SKY))
        rows, columns = np.flatnonzero(shaded.any(axis=1)), np.flatnonzero(shaded.any(axis=0))
        if len(rows) == 0:
            return window
        x = low[0] + spacing * np.array([columns[0] - 1, columns[-1] + 1])
        y = low[1] + spacing * np.array([rows[0] - 1, rows[-1] + 1])
        corners = np.array([[a, b, 0.0] for a in x for b in y])
        pose = self.camera.T_world_camera
        local = (corners - pose[:3, 3]) @ pose[:3, :3]
        scale = self.view.focal * self.camera.height / np.maximum(-local[:, 2], 1e-6)
        across = 0.5 * self.camera.width + local[:, 0] * scale
        down = 0.5 * self.camera.height - local[:, 1] * scale
        nearness = np.where(local[:, 2] < -1e-3, 1.0, 0.0)
        floor = window_around(self.view, np.stack([across, down, nearness], axis=1), 1)
        return union(window, floor)

    def _light(self, arrangement: Arrangement) -> tuple[Any, Any]:
        """The light and the floor's map with the key light that this camera brings."""
        from zeroshot_hoi.render import kernels

        studio, sky, open_floor = self.studio, arrangement.light, arrangement.floor_map
        light, floor_map = kernels.Light(), kernels.FloorMap()
        for name in (
            "key_color",
            "sky_color",
            "bounce_color",
            "softness",
            "sky_total",
            "sky_directions",
            "taps",
            "sky",
        ):
            setattr(light, name, getattr(sky, name))
        light.key_direction = studio.wp.vec3(*self.key.tolist())
        light.key = studio.depth_maps(
            self.key[None], studio.style.key_map, arrangement.points, arrangement.vertices, coarse=False
        )
        for name in ("low", "spacing", "size", "sky"):
            setattr(floor_map, name, getattr(open_floor, name))
        shape = (floor_map.size, floor_map.size)
        floor_map.shadow = studio.wp.zeros(shape, dtype=studio.wp.uint8, device=studio.device)
        if studio.style.ground:
            studio.launch(kernels.fill_floor_shadow, shape, [light, floor_map])
        return light, floor_map

    def _floor(self) -> Any:
        from zeroshot_hoi.render import kernels

        wp, style, floor = self.studio.wp, self.studio.style, kernels.Floor()
        low, high = self.studio.bounds
        extent = float((high - low)[:2].max())
        floor.shown = int(style.ground)
        floor.color, floor.line = wp.vec3(*style.ground_color), wp.vec3(*style.line_color)
        floor.spacing, floor.center = style.line_spacing, wp.vec2(*(0.5 * (low + high))[:2].tolist())
        floor.fade_start, floor.fade_end = extent + 1.0, 2.0 * extent + 5.0
        floor.low, floor.high = wp.vec3(*style.backdrop_low), wp.vec3(*style.backdrop_high)
        return floor
