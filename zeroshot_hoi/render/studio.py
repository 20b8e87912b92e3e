"""A clip's pictures: what stays the same between them is prepared once.

`Studio` holds surfaces whose faces, colors and textures never change; `Studio.arrange` puts them where they are at one
moment, under a sky that all cameras share; `shot.Shot` draws arrangements. All of it may be used from several threads:
Warp's kernels run outside Python's lock.
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
from zeroshot_hoi.render.style import Style, light_frames, penumbra_taps, sky_directions
from zeroshot_hoi.render.surface import Surface
from zeroshot_hoi.render.view import make_view, window_around

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
        window = window_around(view, screen.numpy(), s)
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
