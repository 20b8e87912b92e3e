"""Bake signed-distance grids: exact near the surface, interpolated between exact coarse nodes elsewhere.

An exact distance costs a few microseconds of CPU and a winding number 10 to 100, so not every node gets them. First
every fourth node along each axis is measured; then, halving the step twice, the nodes of the cells that the surface may
pass through, that come near it, or whose corners disagree in sign. The other nodes are interpolated, so that the field
keeps falling towards the object from afar. Where no surface can be between a node and a corner of its coarse cell, the
sign is that corner's. Grids are cached by content.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.errors import MeshError
from zeroshot_hoi.core.scene import DistanceGrid, SceneObject
from zeroshot_hoi.geometry.cache import cached_arrays, content_key
from zeroshot_hoi.geometry.exact import ExactMesh, local_thickness
from zeroshot_hoi.geometry.query import grid_arrays, grid_distance
from zeroshot_hoi.geometry.sampling import scatter

VERSION = 3
"""Part of the cache key; raise it when the same input gives other values."""

STRIDE = 4
"""Fine nodes per coarse node along each axis; a power of two."""

MAX_NODES = 3_000_000
"""Of one grid, 12 MB in float32; the spacing grows until it fits."""

FINEST = 0.0015
"""Metres between nodes."""

NODES_ALONG = 150.0
"""At least so many along the longest extent, unless nodes are FINEST apart."""

NODES_ACROSS = 5.0
"""Nodes across the thinnest part that matters; 3 mm around a 15 mm handle is wrong by .1 mm."""

THIN_SHARE = 0.05
"""Of the area may be thinner than the part that the spacing follows: screws and strings do not set it."""

PART_SPACING = (0.002, 0.003)
"""Metres, for parts up to 10 cm and from 30 cm; larger ones grow to fit PART_NODES."""

PART_NODES = 1_000_000

LEVELS = 12
"""Steps of a contact weight; 4 mm of the value with a spread of 2 cm."""

LEAST_WEIGHT = 0.02
"""Places less likely than this share of the likeliest count as this likely."""

NEAR = 0.01
"""Metres from the surface within which every node is measured."""


@dataclass(frozen=True)
class _Field:
    """What to measure at points (N, 3): (N,) metres, and (N,) whether they are inside."""

    unsigned: Callable[[np.ndarray], np.ndarray]
    inside: Callable[[np.ndarray], np.ndarray]
    """By winding number; it costs several times the distance, and more on meshes with many faces."""
    zero_at_sign_change: bool
    """Whether the distance vanishes wherever the sign changes; not so for one part of an object."""


def default_margin(vertices: np.ndarray) -> float:
    """Metres of room around an object: a quarter of its longest extent, between 2 and 5 cm."""
    return float(np.clip(0.25 * np.ptp(vertices, axis=0).max(), 0.02, 0.05))


def choose_spacing(vertices: np.ndarray, faces: np.ndarray, margin: float, seed: int = 0) -> float:
    """Metres between nodes: from the thinnest part that matters, coarser where MAX_NODES would be exceeded."""
    candidates = scatter(vertices, faces, 2000, seed)
    thickness = local_thickness(ExactMesh(vertices, faces), candidates.points, candidates.normals)
    thin = np.quantile(np.where(np.isfinite(thickness), thickness, np.inf), THIN_SHARE, method="lower")
    extents = np.ptp(vertices, axis=0)
    wanted = max(FINEST, min(float(thin) / NODES_ACROSS, float(extents.max()) / NODES_ALONG))
    return fit_spacing(extents + 2.0 * margin, wanted, MAX_NODES)


def fit_spacing(extents: np.ndarray, wanted: float, nodes: int) -> float:
    """The spacing `wanted`, or as much larger by steps of 2 % as a box of `extents (3,)` with at most `nodes` needs."""
    while np.prod(_node_counts(extents, wanted).astype(float)) > nodes:
        wanted *= 1.02
    return wanted


def bake_grid(
    vertices: np.ndarray, faces: np.ndarray, spacing: float, band: float = NEAR, margin: float | None = None
) -> DistanceGrid:
    """Signed distance to the mesh `vertices (V, 3)`, `faces (F, 3)` on nodes `spacing` metres apart.

    Exact at nodes within about `band` metres of the surface, interpolated from exact nodes two or four times as far
    apart elsewhere. The grid reaches `margin` metres beyond the bounding box.
    """
    margin = default_margin(vertices) if margin is None else margin
    box = np.stack([np.min(vertices, axis=0) - margin, np.max(vertices, axis=0) + margin])

    def field() -> _Field:
        mesh = ExactMesh(vertices, faces)
        return _Field(mesh.distances, mesh.inside, True)

    return _cached("whole", [vertices, faces], box, spacing, band, field)


def bake_part_grid(
    obj: SceneObject, face_indices: np.ndarray, spacing: float | None = None, margin: float = 0.05
) -> DistanceGrid:
    """Distance to the faces `face_indices` of `obj` only, negative inside the whole object, on the part's padded box.

    Without `spacing`: 2 mm for parts of 10 cm, 3 mm for 30 cm, and whatever fits PART_NODES for larger ones. Where the
    part is cut off, the sign changes at the object's own surface although the distance there is not zero.
    """
    faces = obj.faces[face_indices]
    if len(faces) == 0:
        raise MeshError(f"A part of '{obj.name}' has no faces, so it has no distance field. Check the part's region.")
    corners = obj.vertices[np.unique(faces)]
    extents = np.ptp(corners, axis=0)
    if spacing is None:
        spacing = fit_spacing(
            extents + 2 * margin, float(np.interp(extents.max(), (0.1, 0.3), PART_SPACING)), PART_NODES
        )
    box = np.stack([corners.min(axis=0) - margin, corners.max(axis=0) + margin])

    def field() -> _Field:
        return _Field(ExactMesh(obj.vertices, faces).distances, lambda points: _inside_object(obj, points), False)

    return _cached("part", [obj.vertices, obj.faces, np.asarray(faces)], box, spacing, NEAR, field)


def bake_place_grid(
    obj: SceneObject, face_indices: np.ndarray, weight: np.ndarray, spread: float, margin: float = 0.1
) -> DistanceGrid:
    """How far points are from where contact is likely among the faces `face_indices` of `obj`, metres, never negative.

    With `weight (F,)` of each face and a Gaussian kernel of width `spread`, a point x touches there with likelihood
    max_j W_j exp(-d_j(x)^2 / 2 spread^2): InteractAnything's weighted chamfer distance (equation 7) with the weight
    inside the minimum over the object's points, where it decides which of them is meant. Its negative logarithm is
    g^2 / 2 spread^2 of the value g = sqrt(min_j d_j^2 - 2 spread^2 log W_j) that the grid holds. Weights count against
    the largest of them, in LEVELS steps.
    """
    chosen = np.asarray(weight, float)[face_indices]
    if len(chosen) == 0 or not chosen.max() > 0.0:
        raise MeshError(f"No face of '{obj.name}' has a weight above zero, so contact is likely nowhere on it.")
    cost = spread * np.sqrt(-2.0 * np.log(np.clip(chosen / chosen.max(), LEAST_WEIGHT, 1.0)))
    steps = np.linspace(0.0, spread * np.sqrt(-2.0 * np.log(LEAST_WEIGHT)), LEVELS)
    level = np.searchsorted(steps, cost - 1e-9)
    corners = obj.vertices[np.unique(obj.faces[face_indices])]
    box = np.stack([corners.min(axis=0) - margin, corners.max(axis=0) + margin])
    spacing = fit_spacing(box[1] - box[0], 0.25 * spread, PART_NODES)

    def field() -> _Field:
        meshes = [(steps[k], ExactMesh(obj.vertices, obj.faces[face_indices[level <= k]])) for k in np.unique(level)]

        def distance(points: np.ndarray) -> np.ndarray:
            return np.sqrt(np.min([mesh.distances(points) ** 2 + step**2 for step, mesh in meshes], axis=0))

        return _Field(distance, lambda points: np.zeros(len(points), bool), False)

    content = [obj.vertices, np.asarray(obj.faces[face_indices]), level]
    return _cached("place", content, box, spacing, NEAR, field)


def _inside_object(obj: SceneObject, points: np.ndarray) -> np.ndarray:
    """(N,) whether `points (N, 3)` are inside `obj`: by its grid, and by winding number near the surface."""
    distance = grid_distance(numpy_namespace(), grid_arrays(obj.grid, np.float64), points)
    inside, close = distance < 0.0, np.abs(distance) < np.sqrt(3.0) * obj.grid.spacing
    if close.any():
        inside[close] = ExactMesh(obj.vertices, obj.faces).inside(points[close])
    return inside


def _cached(
    kind: str,
    content: list[np.ndarray],
    box: np.ndarray,
    spacing: float,
    band: float,
    field: Callable[[], _Field],
) -> DistanceGrid:
    """The grid from the cache, or baked; `field` builds the distance functions only when they are needed."""
    if not (np.isfinite(spacing) and spacing > 0.0):
        raise MeshError(f"A distance grid needs a positive spacing in metres, not {spacing!r}.")
    counts = _node_counts(box[1] - box[0], spacing)
    if np.prod(counts.astype(float)) > 20 * MAX_NODES:
        raise MeshError(
            f"Nodes {spacing:g} m apart would make {np.prod(counts.astype(float)):.3g} of them; the limit is "
            f"{20 * MAX_NODES:,}. Give a larger spacing."
        )
    key = content_key(VERSION, kind, *content, box, float(spacing), float(band))
    values = cached_arrays("grids", key, lambda: {"values": _bake(field(), box[0], counts, spacing, band)})["values"]
    return DistanceGrid(box[0].copy(), float(spacing), values)


def _node_counts(extents: np.ndarray, spacing: float) -> np.ndarray:
    """(3,) nodes along each axis: whole coarse cells that cover `extents`."""
    return np.ceil(extents / (STRIDE * spacing)).astype(np.int64) * STRIDE + 1


def _bake(field: _Field, origin: np.ndarray, counts: np.ndarray, spacing: float, band: float) -> np.ndarray:
    """(X, Y, Z) float32 distances: coarse nodes first, then twice as many along each axis, where it matters."""
    stride = STRIDE
    nodes = np.indices(tuple((counts - 1) // stride + 1)).reshape(3, -1).T
    points = origin + nodes * (stride * spacing)
    signed = np.where(field.inside(points), -1.0, 1.0) * field.unsigned(points)
    values = signed.reshape((counts - 1) // stride + 1).astype(np.float32)
    exact = np.ones(values.shape, dtype=bool)
    while stride > 1:
        nearest, mixed = _cell_summary(values)
        wanted = _touched_nodes(mixed | (nearest < max(0.5 * np.sqrt(3.0) * stride * spacing, band)))
        coarse, values, exact = values, _refined(values), _spread(exact)
        stride //= 2
        nodes = np.argwhere(wanted & ~exact)
        values[tuple(nodes.T)] = _measure(field, nodes, coarse, origin, stride * spacing)
        exact |= wanted
    return values


def _measure(field: _Field, nodes: np.ndarray, coarse: np.ndarray, origin: np.ndarray, step: float) -> np.ndarray:
    """Signed distance at `nodes (N, 3)`, `step` metres apart; `coarse` holds the values on every second of them.

    If a surface lay between two points, their distances to it would sum to at most the distance between them. So where
    the sum with some corner of the coarse cell is larger, that corner's sign holds; the others ask the winding number.
    """
    points = origin + nodes * step
    distance = field.unsigned(points)
    if not field.zero_at_sign_change:
        return np.where(field.inside(points), -distance, distance)
    best, sign = np.full(len(nodes), -np.inf), np.ones(len(nodes))
    for shift in np.ndindex(2, 2, 2):
        corner = nodes // 2 + np.array(shift) * (nodes % 2)
        value = coarse[tuple(corner.T)]
        slack = np.abs(value) - step * np.linalg.norm(nodes - 2 * corner, axis=1)
        sign = np.where(slack > best, np.where(value < 0.0, -1.0, 1.0), sign)
        best = np.maximum(best, slack)
    doubtful = best + distance < 0.05 * step
    sign[doubtful] = np.where(field.inside(points[doubtful]), -1.0, 1.0)
    return sign * distance


def _cell_summary(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each cell: the smallest distance at its corners, and whether they lie on both sides."""
    corners = [values[tuple(slice(d, n - 1 + d) for d, n in zip(c, values.shape))] for c in np.ndindex(2, 2, 2)]
    low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
    return np.minimum.reduce([np.abs(corner) for corner in corners]), (low < 0.0) & (high >= 0.0)


def _touched_nodes(cells: np.ndarray) -> np.ndarray:
    """Nodes, twice as fine, in or on the border of the chosen `cells`."""
    block = cells.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    nodes = np.zeros(tuple(n + 1 for n in block.shape), dtype=bool)
    for shift in np.ndindex(2, 2, 2):
        nodes[tuple(slice(s, s + n) for s, n in zip(shift, block.shape))] |= block
    return nodes


def _refined(values: np.ndarray) -> np.ndarray:
    """`values` with one interpolated node between any two along each axis."""
    for axis in range(3):
        values = np.moveaxis(values, axis, 0)
        finer = np.empty((2 * len(values) - 1, *values.shape[1:]), dtype=values.dtype)
        finer[::2] = values
        finer[1::2] = 0.5 * (values[:-1] + values[1:])
        values = np.moveaxis(finer, 0, axis)
    return np.ascontiguousarray(values)


def _spread(exact: np.ndarray) -> np.ndarray:
    """The mask `exact` on the nodes of a grid twice as fine."""
    finer = np.zeros(tuple(2 * n - 1 for n in exact.shape), dtype=bool)
    finer[::2, ::2, ::2] = exact
    return finer
