"""Exact mesh queries by NVIDIA Warp, for baking, metrics and checks; optimization reads a distance grid instead.

The sign comes from the generalized winding number (Jacobson et al. 2013; Barill et al. 2018 for the fast sum), which
stays meaningful on meshes with holes, flipped and duplicated faces. A point counts as inside where the number exceeds
`SOLID_WINDING`. It is a little more than one half because behind an open flat sheet the number is just under one half:
a seat or a bag's wall made of one sheet then has positive distance on both sides, whereas a tube with open ends, a
scan with a hole in its bottom or a filled sack, which enclose most of the view from within, stay solid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroshot_hoi.geometry.cache import start_warp

wp = start_warp()
wp.set_module_options({"enable_backward": False})

SOLID_WINDING = 0.6
"""Winding number above which a point is inside; 1 inside a closed mesh, at most .5 behind a flat open sheet."""

AMBIGUOUS_WINDING = (0.2, 0.8)
"""Between these, or below `NEGATIVE_WINDING`, a point's side is doubtful."""

NEGATIVE_WINDING = -0.1
"""Below this the surface nearby is inside out; the tolerance covers the error of the fast sum (accuracy 2)."""

FAR = 1.0e6
"""Metres; larger than any distance asked for."""


@dataclass(frozen=True)
class SurfaceQuery:
    """Answers for N points."""

    distance: np.ndarray
    """(N,) metres, negative inside; nan where no surface is within the limit."""
    closest: np.ndarray
    """(N, 3) nearest point of the surface."""
    normal: np.ndarray
    """(N, 3) unit direction in which the distance grows; the face's normal on the surface itself."""
    face: np.ndarray
    """(N,) index of the nearest face, -1 where none."""


class ExactMesh:
    """A mesh in Warp's memory with its bounding-volume hierarchy and winding-number moments."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray) -> None:
        self._frame(vertices)
        self._mesh = wp.Mesh(
            points=wp.array(_float32(vertices - self.center), dtype=wp.vec3),
            indices=wp.array(np.ascontiguousarray(faces, dtype=np.int32).reshape(-1), dtype=wp.int32),
            support_winding_number=True,
        )
        assert self._mesh.support_winding_number, "without it Warp answers with ray votes and does not say so"

    def query(self, points: np.ndarray, limit: float = FAR) -> SurfaceQuery:
        """Signed distance, nearest point, normal and face for `points (N, 3)`; surfaces beyond `limit` metres are not
        looked for."""
        count = len(points)
        distance, face = wp.empty(count, dtype=float), wp.empty(count, dtype=int)
        closest, normal = wp.empty(count, dtype=wp.vec3), wp.empty(count, dtype=wp.vec3)
        inputs = [self._mesh.id, self._upload(points), limit, SOLID_WINDING]
        wp.launch(_closest_kernel, dim=count, inputs=inputs, outputs=[distance, closest, normal, face])
        position = closest.numpy().astype(np.float64) + self.center
        return SurfaceQuery(distance.numpy().astype(np.float64), position, normal.numpy().astype(float), face.numpy())

    def move(self, vertices: np.ndarray) -> None:
        """Give the same faces other `vertices (V, 3)`: several times cheaper than another mesh."""
        self._frame(vertices)
        self._mesh.points.assign(_float32(vertices - self.center))
        self._mesh.refit()

    def within_box(self, points: np.ndarray, margin: np.ndarray | float = 0.0) -> np.ndarray:
        """(N,) whether `points (N, 3)` are inside the bounding box grown by `margin` metres, a number or (N, 1)."""
        return np.all(np.abs(points - self.center) <= self.half_size + margin, axis=-1)

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Unsigned distance (N,) in metres of `points (N, 3)`; cheaper than `query`."""
        return self.nearest(points)[0]

    def nearest(self, points: np.ndarray, limit: float = FAR) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Unsigned distance (N,), nearest point (N, 3) and face (N,) of `points (N, 3)`: up to ten times cheaper than
        `query`, which needs winding numbers. Where no surface is within `limit` metres: nan, nan and -1."""
        count = len(points)
        distance, face = wp.empty(count, dtype=float), wp.empty(count, dtype=int)
        closest = wp.empty(count, dtype=wp.vec3)
        inputs = [self._mesh.id, self._upload(points), limit]
        wp.launch(_unsigned_kernel, dim=count, inputs=inputs, outputs=[distance, closest, face])
        return distance.numpy().astype(np.float64), closest.numpy().astype(np.float64) + self.center, face.numpy()

    def inside(self, points: np.ndarray, threshold: float = SOLID_WINDING) -> np.ndarray:
        """(N,) whether the winding number at `points (N, 3)` exceeds `threshold`."""
        flags = wp.empty(len(points), dtype=int)
        inputs = [self._mesh.id, self._upload(points), threshold]
        wp.launch(_inside_kernel, dim=len(points), inputs=inputs, outputs=[flags])
        return flags.numpy() > 0

    def ambiguous(self, points: np.ndarray) -> np.ndarray:
        """(N,) whether the winding number at `points (N, 3)` is in `AMBIGUOUS_WINDING` or negative."""
        low, high = (self.inside(points, threshold) for threshold in AMBIGUOUS_WINDING)
        return (low & ~high) | ~self.inside(points, NEGATIVE_WINDING)

    def ray_hits(self, origins: np.ndarray, directions: np.ndarray, limit: float = FAR) -> tuple[np.ndarray, ...]:
        """First hit of each ray: distance (N,) along the unit `directions (N, 3)`, inf where none, and face (N,), -1
        where none. Both sides of a face are hit."""
        count = len(origins)
        distance, face = wp.empty(count, dtype=float), wp.empty(count, dtype=int)
        rays = [self._upload(origins), wp.array(_float32(directions), dtype=wp.vec3)]
        wp.launch(_ray_kernel, dim=count, inputs=[self._mesh.id, *rays, limit], outputs=[distance, face])
        index, reach = face.numpy(), distance.numpy().astype(np.float64)
        return np.where(index >= 0, reach, np.inf), index

    def _frame(self, vertices: np.ndarray) -> None:
        low, high = np.min(vertices, axis=0), np.max(vertices, axis=0)
        self.center, self.half_size = 0.5 * (low + high), 0.5 * (high - low)

    def _upload(self, points: np.ndarray) -> object:
        return wp.array(_float32(points - self.center), dtype=wp.vec3)


def signed_distance(vertices: np.ndarray, faces: np.ndarray, points: np.ndarray) -> SurfaceQuery:
    """Exact signed distance of `points (N, 3)` to the mesh `vertices (V, 3)`, `faces (F, 3)`, metres.

    For many calls on one mesh keep an `ExactMesh`.
    """
    return ExactMesh(vertices, faces).query(np.asarray(points))


def ray_hits(
    vertices: np.ndarray, faces: np.ndarray, origins: np.ndarray, directions: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Distance (N,) and face (N,) of the first hit of each ray; inf and -1 where none."""
    return ExactMesh(vertices, faces).ray_hits(np.asarray(origins), np.asarray(directions))


def local_thickness(mesh: ExactMesh, points: np.ndarray, normals: np.ndarray, skin: float = 1e-5) -> np.ndarray:
    """(N,) metres from each surface point straight in to the other side; inf where nothing is there.

    The shape-diameter function of Shapira et al. 2008 with one ray. `skin` metres are skipped at the start.
    """
    reach, _ = mesh.ray_hits(points - skin * normals, -normals)
    return reach + skin


def _float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)


# Warp reads the annotations of kernels as types of its own.
# pyright: reportInvalidTypeForm=false


@wp.kernel
def _closest_kernel(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    limit: float,
    threshold: float,
    distance: wp.array(dtype=float),
    closest: wp.array(dtype=wp.vec3),
    normal: wp.array(dtype=wp.vec3),
    face: wp.array(dtype=int),
):
    i = wp.tid()
    p = points[i]
    query = wp.mesh_query_point_sign_winding_number(mesh, p, limit, 2.0, threshold)
    if not query.result:
        distance[i] = wp.nan
        closest[i] = wp.vec3(wp.nan)
        normal[i] = wp.vec3(0.0)
        face[i] = -1
        return
    q = wp.mesh_eval_position(mesh, query.face, query.u, query.v)
    offset = wp.length(p - q)
    distance[i] = query.sign * offset
    closest[i] = q
    face[i] = query.face
    if offset > 1.0e-6:
        normal[i] = (query.sign / offset) * (p - q)
    else:
        normal[i] = wp.mesh_eval_face_normal(mesh, query.face)


@wp.kernel
def _unsigned_kernel(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    limit: float,
    distance: wp.array(dtype=float),
    closest: wp.array(dtype=wp.vec3),
    face: wp.array(dtype=int),
):
    i = wp.tid()
    query = wp.mesh_query_point_no_sign(mesh, points[i], limit)
    distance[i] = wp.nan
    closest[i] = wp.vec3(wp.nan)
    face[i] = -1
    if query.result:
        q = wp.mesh_eval_position(mesh, query.face, query.u, query.v)
        distance[i] = wp.length(points[i] - q)
        closest[i] = q
        face[i] = query.face


@wp.kernel
def _inside_kernel(mesh: wp.uint64, points: wp.array(dtype=wp.vec3), threshold: float, inside: wp.array(dtype=int)):
    i = wp.tid()
    query = wp.mesh_query_point_sign_winding_number(mesh, points[i], 1.0e6, 2.0, threshold)
    inside[i] = wp.where(query.sign < 0.0, 1, 0)


@wp.kernel
def _ray_kernel(
    mesh: wp.uint64,
    origins: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    limit: float,
    distance: wp.array(dtype=float),
    face: wp.array(dtype=int),
):
    i = wp.tid()
    query = wp.mesh_query_ray(mesh, origins[i], directions[i], limit)
    distance[i] = query.t
    face[i] = -1
    if query.result:
        face[i] = query.face
