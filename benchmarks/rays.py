"""Inside or outside by counting what rays leave and enter, and distance without a sign.

The library's own metrics take the sign from Warp's winding-number sum. This is another way to the same number: along a
ray, crossings out of the surface minus crossings into it are the winding number of a closed mesh, and their mean over
directions is the generalized winding number of an open one.
"""

# pyright: reportInvalidTypeForm=false
# ruff: noqa: UP018, RUF046 - in a Warp kernel `float(0.0)` declares a variable and `0.0` a constant

from __future__ import annotations

import numpy as np

from zeroshot_hoi.geometry.cache import start_warp

wp = start_warp()
wp.set_module_options({"enable_backward": False})

DIRECTIONS = 13
AGREED = 3
"""Rays after which a point is decided where all of them agree."""
MOST_CROSSINGS = 2.0
"""Of one ray: along an edge it may meet the same face again and again, and one such ray would outvote all others."""
INSIDE = 0.6
"""Mean crossings above which a point is inside; a flat open sheet gives one half."""


class RayMesh:
    """A mesh whose vertices may move from frame to frame."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        self.center = vertices.mean(axis=0)
        indices = wp.array(np.ascontiguousarray(faces, dtype=np.int32).reshape(-1), dtype=wp.int32)
        self.mesh = wp.Mesh(points=wp.array(_float32(vertices - self.center), dtype=wp.vec3), indices=indices)
        self.low, self.high = vertices.min(axis=0), vertices.max(axis=0)
        directions = np.random.default_rng(7).standard_normal((DIRECTIONS, 3))
        unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        self.directions = wp.array(_float32(unit), dtype=wp.vec3)

    def move(self, vertices: np.ndarray) -> None:
        """Put the vertices elsewhere; faces stay."""
        self.center = vertices.mean(axis=0)
        self.mesh.points.assign(self._upload(vertices))
        self.mesh.refit()
        self.low, self.high = vertices.min(axis=0), vertices.max(axis=0)

    def crossings(self, points: np.ndarray) -> np.ndarray:
        """(N,) mean of exits minus entries over the directions."""
        result = wp.zeros(len(points), dtype=float)
        inputs = [self.mesh.id, self._upload(points), self.directions, DIRECTIONS, AGREED, MOST_CROSSINGS]
        wp.launch(_crossing_kernel, dim=len(points), inputs=inputs, outputs=[result])
        return result.numpy()

    def distance(self, points: np.ndarray) -> np.ndarray:
        """(N,) metres to the surface, without a sign."""
        result = wp.zeros(len(points), dtype=float)
        wp.launch(_distance_kernel, dim=len(points), inputs=[self.mesh.id, self._upload(points)], outputs=[result])
        return result.numpy()

    def clearance(self, points: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """(N,) metres that a ray from each point runs free; inf where it meets nothing."""
        result = wp.zeros(len(points), dtype=float)
        rays = [self._upload(points), wp.array(_float32(directions), dtype=wp.vec3)]
        wp.launch(_clearance_kernel, dim=len(points), inputs=[self.mesh.id, *rays], outputs=[result])
        reach = result.numpy()
        return np.where(reach < 0.0, np.inf, reach)

    def exits(self, points: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Metres (N, K) along the unit `directions (K, 3)` to where a ray first leaves the surface (inf where it never
        does), the face (N, K) there, and whether the ray got there without entering the surface on its way."""
        shape = (len(points), len(directions))
        reach, face, direct = wp.zeros(shape, dtype=float), wp.zeros(shape, dtype=int), wp.zeros(shape, dtype=int)
        rays = [self._upload(points), wp.array(_float32(directions), dtype=wp.vec3)]
        wp.launch(_exit_kernel, dim=shape, inputs=[self.mesh.id, *rays], outputs=[reach, face, direct])
        distance = reach.numpy()
        return np.where(distance < 0.0, np.inf, distance), face.numpy(), direct.numpy() > 0

    def depth(self, points: np.ndarray) -> np.ndarray:
        """(N,) metres below the surface; 0 outside."""
        depth = np.zeros(len(points))
        near = np.flatnonzero(np.all((points >= self.low) & (points <= self.high), axis=1))
        if len(near):
            inner = near[self.crossings(points[near]) > INSIDE]
            if len(inner):
                depth[inner] = self.distance(points[inner])
        return depth

    def _upload(self, points: np.ndarray) -> object:
        return wp.array(_float32(points - self.center), dtype=wp.vec3)


def _float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)


@wp.kernel
def _crossing_kernel(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    count: int,
    agreed: int,
    most: float,
    result: wp.array(dtype=float),
):
    i = wp.tid()
    total = float(0.0)
    first = float(0.0)
    same = int(1)
    used = int(0)
    for k in range(count):
        if used < agreed or same == 0:
            direction = directions[k]
            origin = points[i]
            along = float(0.0)
            for _ in range(64):
                query = wp.mesh_query_ray(mesh, origin, direction, 1.0e3)
                if not query.result:
                    break
                along += wp.sign(wp.dot(query.normal, direction))
                origin = origin + (query.t + 2.0e-6) * direction
            if used == 0:
                first = along
            if along != first:
                same = 0
            total += wp.clamp(along, -most, most)
            used += 1
    result[i] = total / float(used)


@wp.kernel
def _distance_kernel(mesh: wp.uint64, points: wp.array(dtype=wp.vec3), result: wp.array(dtype=float)):
    i = wp.tid()
    query = wp.mesh_query_point_no_sign(mesh, points[i], 1.0e3)
    result[i] = wp.length(points[i] - wp.mesh_eval_position(mesh, query.face, query.u, query.v))


@wp.kernel
def _clearance_kernel(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    result: wp.array(dtype=float),
):
    i = wp.tid()
    query = wp.mesh_query_ray(mesh, points[i], directions[i], 1.0e3)
    result[i] = -1.0
    if query.result:
        result[i] = query.t


@wp.kernel
def _exit_kernel(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    reach: wp.array2d(dtype=float),
    face: wp.array2d(dtype=int),
    direct: wp.array2d(dtype=int),
):
    i, k = wp.tid()
    origin = points[i]
    way = float(0.0)
    reach[i, k] = -1.0
    direct[i, k] = 1
    for _ in range(16):
        query = wp.mesh_query_ray(mesh, origin, directions[k], 1.0e3)
        if not query.result:
            break
        way += query.t
        if wp.dot(query.normal, directions[k]) > 0.0:
            reach[i, k] = way
            face[i, k] = query.face
            break
        direct[i, k] = 0
        way += 2.0e-6
        origin = points[i] + way * directions[k]
