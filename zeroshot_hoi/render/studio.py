"""A clip's pictures: what stays the same between them is prepared once.

`Studio` holds surfaces whose faces, colors and textures never change; `Studio.arrange` puts them where they are at one
moment, under a sky that all cameras share; a `Shot` is a camera with its empty floor and backdrop painted beforehand,
and draws arrangements. All of it may be used from several threads: Warp's kernels run outside Python's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from zeroshot_hoi.core.camera import Camera
from zeroshot_hoi.core.errors import MeshError
from zeroshot_hoi.geometry.cache import start_warp
from zeroshot_hoi.render.palette import to_srgb
from zeroshot_hoi.render.proxy import coarse_faces, solid_faces
from zeroshot_hoi.render.style import Style, key_direction, light_frames, penumbra_taps, sky_directions
from zeroshot_hoi.render.surface import Surface

CPU_RUN = 32
"""Pixels of a row that one thread shades on a CPU."""

FLOOR_MAP = 144
"""Nodes along each side of the floor's map of visible sky."""

FLOOR_BLUR = 0.03
"""Standard deviation in metres of that map's smoothing; hides that the sky is a few directions."""

FLOOR_REACH = 1.9
"""Half the side of that map in radii of the scene's ball: as far as the key light can cast a shadow from 52 degrees."""

Placement = np.ndarray | tuple[np.ndarray, np.ndarray]
"""Where a surface is: new vertices (V, 3) of a smooth one, or a rotation (3, 3) and a translation (3,) in metres."""


@dataclass(frozen=True)
class Arrangement:
    """Surfaces at one moment, on the device, with the sky's light."""

    points: np.ndarray
    """(V, 3) float32, metres."""
    vertices: Any
    normals: Any
    sky: Any
    """Share of the sky that vertices of smooth surfaces see."""
    light: Any
    """`records.Light` without the key light."""
    floor_map: Any
    """`records.FloorMap` without shadows."""


class Studio:
    """Surfaces that are drawn many times.

    `bounds` is the lowest and the highest point of everything over all pictures, metres; the floor fades around it.
    With `coarse`, finely meshed surfaces shade the sky as simpler ones: worth it from a few pictures on.
    """

    def __init__(
        self,
        surfaces: Sequence[Surface],
        style: Style | None = None,
        *,
        bounds: tuple[np.ndarray, np.ndarray] | None = None,
        coarse: bool = False,
        device: str | None = None,
    ) -> None:
        if not surfaces:
            raise MeshError("There is no surface to draw; pass at least one.")
        self.wp = start_warp()
        self.surfaces, self.style = tuple(surfaces), style or Style()
        self.device = device or ("cuda:0" if self.wp.is_cuda_available() else "cpu")
        self._starts = np.cumsum([0] + [len(s.vertices) for s in surfaces]).tolist()
        self._normal_starts = np.cumsum([0] + [len(s.normals) for s in surfaces]).tolist()
        if bounds is None:
            points = np.concatenate([s.vertices for s in surfaces])
            bounds = points.min(axis=0), points.max(axis=0)
        self.bounds = bounds
        self._rest = [np.ascontiguousarray(s.vertices, np.float32) for s in surfaces]
        self._rest_normals = [np.ascontiguousarray(s.normals, np.float32) for s in surfaces]
        self._neighbors: dict[int, tuple[Any, Any, Any]] = {}
        self.face_surface = np.repeat(np.arange(len(surfaces), dtype=np.int32), [len(s.faces) for s in surfaces])
        self.faces = self.send(self._joined([s.faces for s in surfaces], self._starts), int)
        self.shapes = self._shapes()
        self.encoding = self.send(to_srgb(np.linspace(0.0, 1.0, 4096)), self.wp.uint8)
        self._every_vertex = self.send(np.arange(self._starts[-1], dtype=np.int32), int)
        solid = [solid_faces(s.vertices, s.faces) for s in surfaces]
        self._solid = self.send(np.concatenate(solid).astype(np.uint8), self.wp.uint8)
        self._shading_vertices, self._shading_faces, self._shading_solid = self._every_vertex, self.faces, self._solid
        if coarse:
            kept = [coarse_faces(s.vertices, s.faces) for s in surfaces]
            starts = np.cumsum([0] + [len(k) for k, _ in kept]).tolist()
            self._shading_vertices = self.send(self._joined([k for k, _ in kept], self._starts), int)
            self._shading_faces = self.send(self._joined([f for _, f in kept], starts), int)
            whole = [np.full(len(f), s.all(), np.uint8) for (_, f), s in zip(kept, solid, strict=True)]
            self._shading_solid = self.send(np.concatenate(whole), self.wp.uint8)

    def send(self, array: np.ndarray, dtype: Any) -> Any:
        """The array on the device."""
        return self.wp.from_numpy(np.ascontiguousarray(array), dtype=dtype, device=self.device)

    def launch(self, kernel: Any, dim: Any, inputs: Sequence[Any]) -> None:
        """Run a kernel on the device."""
        self.wp.launch(kernel, dim=dim, inputs=inputs, device=self.device)

    @staticmethod
    def _joined(parts: Sequence[np.ndarray], starts: Sequence[int]) -> np.ndarray:
        """Index arrays of the surfaces, counted through."""
        return np.concatenate([part + start for part, start in zip(parts, starts, strict=False)]).astype(np.int32)

    def _shapes(self) -> Any:
        """`records.Shapes` without what changes from picture to picture."""
        from zeroshot_hoi.render import kernels

        wp, surfaces, shapes = self.wp, self.surfaces, kernels.Shapes()
        uv = np.zeros((len(self.face_surface), 3, 2), np.float32)
        entries, texels, start, face = [], [np.zeros((1, 3), np.float32)], 1, 0
        for surface in surfaces:
            entry = (0, 0, 0, 0)
            if surface.texture is not None and surface.uv is not None:
                uv[face : face + len(surface.faces)] = surface.uv
                texture = surface.texture
                entry = (start, texture.width, texture.height, texture.levels)
                texels.append(texture.texels)
                start += len(texture.texels)
            entries.append(entry)
            face += len(surface.faces)
        shapes.faces = self.faces
        shapes.normal_faces = self.send(self._joined([s.normal_faces for s in surfaces], self._normal_starts), int)
        shapes.colors = self.send(np.concatenate([s.colors for s in surfaces]).astype(np.float32), wp.vec3)
        shapes.uv = self.send(uv, wp.vec2)
        shapes.face_surface = self.send(self.face_surface, int)
        shapes.materials = self.send(np.array([(s.specular, s.shininess) for s in surfaces], np.float32), wp.vec2)
        shapes.textures = self.send(np.array(entries, np.int32), wp.vec4i)
        shapes.texels = self.send(np.concatenate(texels), wp.vec3)
        return shapes

    def shapes_at(self, arrangement: Arrangement, screen: Any) -> Any:
        """`records.Shapes` of one picture."""
        from zeroshot_hoi.render import kernels

        shapes = kernels.Shapes()
        for name in ("faces", "normal_faces", "colors", "uv", "face_surface", "materials", "textures", "texels"):
            setattr(shapes, name, getattr(self.shapes, name))
        shapes.vertices, shapes.normals, shapes.screen = arrangement.vertices, arrangement.normals, screen
        shapes.sky = arrangement.sky
        return shapes

    def arrange(self, placements: Sequence[Placement] | None = None, *, lit: bool = True) -> Arrangement:
        """The surfaces where `placements` puts them, one each, or where they were given; only `lit` ones are drawn."""
        from zeroshot_hoi.render import kernels

        points = np.empty((self._starts[-1], 3), np.float32)
        normals = np.empty((self._normal_starts[-1], 3), np.float32)
        reshaped = []
        for index in range(len(self.surfaces)):
            place = points[self._starts[index] : self._starts[index + 1]]
            side = normals[self._normal_starts[index] : self._normal_starts[index + 1]]
            placement = None if placements is None else placements[index]
            if isinstance(placement, tuple):
                turn, shift = (np.asarray(part, np.float32) for part in placement)
                np.dot(self._rest[index], turn.T, out=place)
                place += shift
                np.dot(self._rest_normals[index], turn.T, out=side)
            elif placement is not None:
                place[:] = placement
                reshaped.append(index)
            else:
                place[:], side[:] = self._rest[index], self._rest_normals[index]
        vertices, sides = self.send(points, self.wp.vec3), self.send(normals, self.wp.vec3)
        for index in reshaped:
            self._average_normals(index, vertices, sides)
        if not lit:
            return Arrangement(points, vertices, sides, None, None, None)
        light = self._sky_light(points, vertices)
        sky = self.wp.full(len(points), -1.0, dtype=float, device=self.device)
        for index in reshaped:
            starts = self._starts[index], self._normal_starts[index]
            inputs = [vertices, sides, *starts, light, sky]
            self.launch(kernels.fill_vertex_sky, len(self.surfaces[index].vertices), inputs)
        return Arrangement(points, vertices, sides, sky, light, self._floor_map(light))

    def _average_normals(self, index: int, vertices: Any, normals: Any) -> None:
        """Normals of a smooth surface from its vertices."""
        from zeroshot_hoi.render import kernels

        surface = self.surfaces[index]
        if index not in self._neighbors:
            flat = surface.faces.reshape(-1)
            around = (np.argsort(flat, kind="stable") // 3).astype(np.int32)
            first = np.concatenate([[0], np.cumsum(np.bincount(flat, minlength=len(surface.vertices)))])
            arrays = (surface.faces.astype(np.int32), first.astype(np.int32), around)
            faces, first, around = (self.send(array, int) for array in arrays)
            self._neighbors[index] = faces, first, around
        inputs = [vertices, *self._neighbors[index], self._starts[index], self._normal_starts[index], normals]
        self.launch(kernels.average_normals, len(surface.vertices), inputs)

    def nearest_faces(self, view: Any, arrangement: Arrangement) -> tuple[Any, Any, Any]:
        """Vertices on the picture of a `records.View`, the window around them, and its z-buffer."""
        from zeroshot_hoi.render import kernels

        wp, s = self.wp, view.supersampling
        screen = wp.empty(len(arrangement.points), dtype=wp.vec3, device=self.device)
        self.launch(kernels.project_to_picture, len(screen), [view, arrangement.vertices, screen])
        window = _window(view, screen.numpy(), s)
        keys = wp.zeros((window.height * s, window.width * s), dtype=wp.uint64, device=self.device)
        self.launch(kernels.fill_zbuffer, len(self.faces), [screen, self.faces, self._solid, window, s, keys])
        return screen, window, keys

    def visible_pixels(self, arrangement: Arrangement, camera: Camera) -> np.ndarray:
        """How many pixels each surface covers, `(surfaces,)`, one sample each."""
        keys = self.nearest_faces(make_view(self.wp, camera, 1), arrangement)[2].numpy()
        seen = (keys[keys != 0] & np.uint64(0xFFFFFFFF)).astype(np.int64)
        return np.bincount(self.face_surface[seen], minlength=len(self.surfaces))

    def depth_maps(self, directions: np.ndarray, size: int, points: np.ndarray, vertices: Any, coarse: bool) -> Any:
        """`records.DepthMaps` seen from `directions (L, 3)` around all points."""
        from zeroshot_hoi.render import kernels

        wp, maps, count = self.wp, kernels.DepthMaps(), len(directions)
        low, high = points.min(axis=0), points.max(axis=0)
        blocks = -(-size // int(kernels.BLOCK))
        center, radius = 0.5 * (low + high), 0.5 * float(np.linalg.norm(high - low)) + 0.05
        maps.center, maps.radius, maps.size = wp.vec3(*center.tolist()), radius, size
        scale = 0.5 * size / radius
        turns = light_frames(directions) * np.array([scale, scale, -1.0])[:, None]
        shifts = np.array([0.5 * size, 0.5 * size, radius]) - turns @ center
        maps.turns = self.send(turns.astype(np.float32), wp.mat33)
        maps.shifts = self.send(shifts.astype(np.float32), wp.vec3)
        maps.depth = wp.full(count * size * size, float(kernels.NOTHING), dtype=float, device=self.device)
        maps.touched = wp.zeros((count, blocks, blocks), dtype=wp.uint8, device=self.device)
        chosen = self._shading_vertices if coarse else self._every_vertex
        faces = self._shading_faces if coarse else self.faces
        projected = wp.empty((count, len(chosen)), dtype=wp.vec3, device=self.device)
        self.launch(kernels.project_to_lights, projected.shape, [maps, vertices, chosen, projected])
        solid = self._shading_solid if coarse else self._solid
        self.launch(kernels.fill_depth_maps, (count, len(faces)), [projected, faces, solid, maps])
        return maps

    def _sky_light(self, points: np.ndarray, vertices: Any) -> Any:
        from zeroshot_hoi.render import kernels

        wp, style, light = self.wp, self.style, kernels.Light()
        sky = sky_directions(style.sky_directions)
        light.key_color, light.sky_color = wp.vec3(*style.key_color), wp.vec3(*style.sky_color)
        light.bounce_color = wp.vec3(*style.bounce_color)
        light.softness, light.sky_total = style.softness, float(sky[:, 2].sum())
        light.taps = self.send(penumbra_taps().astype(np.float32), wp.vec2)
        light.sky_directions = self.send(sky.astype(np.float32), wp.vec3)
        light.sky = self.depth_maps(sky, style.sky_map, points, vertices, coarse=True)
        return light

    def _floor_map(self, light: Any) -> Any:
        """How much sky the floor sees around the scene, smoothed."""
        from zeroshot_hoi.render import kernels

        wp, where, size = self.wp, kernels.FloorMap(), FLOOR_MAP
        half = FLOOR_REACH * light.sky.radius
        where.low = wp.vec2(light.sky.center[0] - half, light.sky.center[1] - half)
        where.spacing, where.size = 2.0 * half / (size - 1), size
        where.sky = wp.ones((size, size), dtype=float, device=self.device)
        if self.style.ground:
            self.launch(kernels.fill_floor_sky, (size, size), [light, where])
            smooth = gaussian_filter(where.sky.numpy(), FLOOR_BLUR / where.spacing, mode="nearest")
            where.sky = self.send(smooth, float)
        return where


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
        floor = _window(self.view, np.stack([across, down, nearness], axis=1), 1)
        return _union(window, floor)

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


def _union(first: Any, second: Any) -> Any:
    from zeroshot_hoi.render import kernels

    union = kernels.Window()
    union.left, union.top = min(first.left, second.left), min(first.top, second.top)
    union.width = max(first.left + first.width, second.left + second.width) - union.left
    union.height = max(first.top + first.height, second.top + second.height) - union.top
    return union


def _window(view: Any, screen: np.ndarray, supersampling: int) -> Any:
    """The pixels around all points (x, y in samples, 1 / depth); the whole picture where one is behind the camera."""
    from zeroshot_hoi.render import kernels

    size = np.array([view.width, view.height])
    low, high = np.zeros(2, int), size
    if screen[:, 2].min() > 0.0:
        bounds = [np.clip(f(axis=0)[:2] / supersampling, -1, size + 1) for f in (screen.min, screen.max)]
        low = np.clip(np.floor(bounds[0]).astype(int), 0, size - 1)
        high = np.clip(np.ceil(bounds[1]).astype(int), low + 1, size)
    window = kernels.Window()
    window.left, window.top = (int(x) for x in low)
    window.width, window.height = (int(x) for x in high - low)
    return window


def make_view(wp: Any, camera: Camera, supersampling: int) -> Any:
    """`records.View` of a camera."""
    from zeroshot_hoi.render import kernels

    view, pose = kernels.View(), camera.T_world_camera
    view.eye, view.right, view.up, view.back = (wp.vec3(*pose[:3, k].tolist()) for k in (3, 0, 1, 2))
    view.focal = 0.5 / float(np.tan(0.5 * camera.vertical_fov))
    view.width, view.height, view.supersampling = camera.width, camera.height, supersampling
    return view
