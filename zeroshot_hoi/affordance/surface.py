"""What can be measured on any surface, whatever its tessellation: thickness, medial axis, local shape, exposure.

The surface is sampled evenly, plus a minimum on each small component. At each sample the largest ball that touches
it from inside (shrinking-ball algorithm, Ma, Bae and Choi 2012) gives the local thickness (the diameter of the
largest inscribed ball that contains the point, Hildebrand and Ruegsegger 1997) and a point of the medial axis. How
the medial points spread tells shapes apart: along a line in a bar, over a sheet in a plate, hardly at all in a ball.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from zeroshot_hoi.core.scene import SceneObject
from zeroshot_hoi.geometry.cache import cached_arrays, content_key

SAMPLES = 8000
"""Points on the whole surface; spacing is then about 1/70 of the diagonal of an everyday object."""
SAMPLES_PER_COMPONENT = (120, 500)
"""At least so many on each component that is longer than 2 % of the object's diagonal: the more, the fewer they are."""
EXTRA_SAMPLES = 4000
"""What those may cost together."""
NEIGHBORS = 10
CLOSED = 0.15
"""A component counts as closed when its total vector area is below this share of its area (zero when closed)."""
ALMOST_CLOSED = 0.3
"""The same share up to which a component still has an inside: a tube without its ends."""
COARSE = 8
"""Every so manieth sample is a wall to the balls at first."""
SEPARATION = np.radians(28.0)
"""A ball stops shrinking when its two contacts come this close, as seen from its center: noise, not a wall."""


@dataclass(frozen=True)
class Surface:
    """Samples of an object's surface with everything later steps ask for."""

    points: np.ndarray
    """(N, 3) metres."""
    normals: np.ndarray
    """(N, 3) unit, outward."""
    areas: np.ndarray
    """(N,) m^2"""
    faces: np.ndarray
    """(N,)"""
    components: np.ndarray
    """(N,)"""
    buried: np.ndarray
    """(N,) bool: inside another closed component, so nobody can touch it."""
    thickness: np.ndarray
    """(N,) metres."""
    medial: np.ndarray
    """(N, 3) center of the ball that gives the thickness."""
    linear: np.ndarray
    """(N,) in [0, 1]: how much the surroundings are a bar."""
    sheet: np.ndarray
    """(N,) in [0, 1]: how much they are a plate."""
    direction: np.ndarray
    """(N, 3) unit direction of the local bar."""
    neighbors: np.ndarray
    """(N, K) indices of the nearest samples of the same component and side; padded with the sample itself."""
    spacing: float
    """Mean distance between samples, metres."""
    low: np.ndarray
    """(3,) corner of the bounding box."""
    extent: np.ndarray
    """(3,) size of the bounding box."""

    @property
    def diagonal(self) -> float:
        return float(np.linalg.norm(self.extent))

    @property
    def compact(self) -> np.ndarray:
        """(N,) in [0, 1]: how much the surroundings are a block or a ball."""
        return np.clip(1.0 - self.linear - self.sheet, 0.0, 1.0)


def measure_surface(obj: SceneObject, seed: int = 0) -> Surface:
    """Sample `obj` and measure thickness, medial axis, local shape and buried points.

    The answer is kept in the cache folder under the hash of the mesh, the seed and this file.
    """
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    key = content_key(code, obj.vertices, obj.faces, np.asarray(obj.components), seed)
    kept = cached_arrays("surfaces", key, lambda: vars(_measure(obj, seed)))
    return Surface(**{**kept, "spacing": float(kept["spacing"])})


def _measure(obj: SceneObject, seed: int) -> Surface:
    triangles = obj.vertices[obj.faces]
    points, normals, areas, faces = _sample(triangles, np.asarray(obj.components), np.random.default_rng(seed))
    components = np.asarray(obj.components)[faces]
    low = triangles.min(axis=(0, 1))
    extent = triangles.max(axis=(0, 1)) - low
    spacing = float(np.sqrt(areas.sum() / SAMPLES))
    closed = _closed_components(points, normals, areas, components)
    pitch = np.sqrt(areas)
    neighbors = _neighbors(points, normals, components, pitch)
    group = np.where(closed[components], components, -1)
    largest = 0.25 * float(np.linalg.norm(extent))
    radius, center = _balls(points, normals, group, pitch, largest)
    inverted = _inverted(points, normals, areas, radius, components)
    if inverted.any():
        normals = np.where(inverted[components, None], -normals, normals)
        neighbors = _neighbors(points, normals, components, pitch)
        radius, center = _balls(points, normals, group, pitch, largest)
    radius, center = _grow(points, radius, center, neighbors, pitch)
    linear, sheet, direction = _local_shape(center, radius, group, pitch)
    return Surface(
        points=points, normals=normals, areas=areas, faces=faces, components=components,
        buried=_buried(points, normals, components, closed), thickness=2.0 * radius, medial=center,
        linear=linear, sheet=sheet, direction=direction, neighbors=neighbors, spacing=spacing,
        low=low, extent=extent,
    )  # fmt: skip


def connected(surface: Surface, mask: np.ndarray, pairs: np.ndarray | None = None) -> list[np.ndarray]:
    """Index arrays of the connected pieces of `mask (N,)`, largest area first, over the neighbor graph or `pairs`."""
    inside = np.flatnonzero(mask)
    if not len(inside):
        return []
    local = np.cumsum(mask, dtype=np.int32) - 1
    if pairs is None:
        near = surface.neighbors[inside]
        kept = mask[near]
        graph = _rows(kept.sum(axis=1), local[near[kept]])
    else:
        ends = local[pairs[mask[pairs[:, 0]] & mask[pairs[:, 1]]]]
        graph = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(inside),) * 2)
    _, label = connected_components(graph, directed=False)
    rank = np.argsort(label, kind="stable")
    pieces = np.split(inside[rank], np.flatnonzero(np.diff(label[rank])) + 1)
    return sorted(pieces, key=lambda piece: -surface.areas[piece].sum())


def _rows(counts: np.ndarray, columns: np.ndarray) -> csr_matrix:
    """Adjacency whose row i has `counts[i]` of `columns`, made without sorting."""
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return csr_matrix((np.ones(len(columns)), columns, starts), shape=(len(counts),) * 2)


def exposed(surface: Surface, direction: np.ndarray) -> np.ndarray:
    """(N,) bool: nothing lies above the sample when one looks at the object against `direction` (a depth buffer)."""
    away = np.eye(3)[int(np.argmin(np.abs(direction)))]
    side = np.cross(direction, away)
    side /= np.linalg.norm(side)
    plane = np.stack([surface.points @ side, surface.points @ np.cross(direction, side)], -1)
    cell = np.floor((plane - plane.min(axis=0)) / (2.5 * surface.spacing)).astype(np.int64)
    key = cell[:, 0] * (cell[:, 1].max() + 1) + cell[:, 1]
    height = surface.points @ direction
    top = np.full(key.max() + 1, -np.inf)
    np.maximum.at(top, key, height)
    return height > top[key] - 3.5 * surface.spacing


def _sample(triangles: np.ndarray, components: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Stratified samples: points, normals, areas and faces."""
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    area = 0.5 * np.linalg.norm(cross, axis=1)
    density = np.full(len(area), SAMPLES / area.sum())
    low = np.full((components.max() + 1, 3), np.inf)
    high = -low
    np.minimum.at(low, components, triangles.min(axis=1))
    np.maximum.at(high, components, triangles.max(axis=1))
    size = np.linalg.norm(np.where(high > low, high - low, 0.0), axis=1)
    total = np.bincount(components, weights=area)
    small = (size > 0.02 * size.max()) & (total > 0)
    wished = float(np.clip(EXTRA_SAMPLES / max(int(small.sum()), 1), *SAMPLES_PER_COMPONENT))
    least = np.where(small, wished / np.maximum(total, 1e-12), 0.0)
    density = np.maximum(density, least[components])
    expected = np.concatenate([[0.0], np.cumsum(area * density)])
    ticks = np.arange(int(expected[-1])) + rng.random(int(expected[-1]))
    faces = np.clip(np.searchsorted(expected, ticks, side="right") - 1, 0, len(area) - 1)
    u, v = rng.random((2, len(faces)))
    u, v = np.where(u + v > 1, 1 - u, u)[:, None], np.where(u + v > 1, 1 - v, v)[:, None]
    chosen = triangles[faces]
    points = chosen[:, 0] + u * (chosen[:, 1] - chosen[:, 0]) + v * (chosen[:, 2] - chosen[:, 0])
    normals = cross[faces] / np.maximum(2 * area[faces, None], 1e-30)
    return points, normals, 1.0 / density[faces], faces


def _closed_components(
    points: np.ndarray, normals: np.ndarray, areas: np.ndarray, components: np.ndarray
) -> np.ndarray:
    count = int(components.max()) + 1
    total = np.bincount(components, weights=areas, minlength=count)
    vector = [np.bincount(components, weights=areas * normals[:, i], minlength=count) for i in range(3)]
    return np.linalg.norm(vector, axis=0) < CLOSED * np.maximum(total, 1e-12)


def _neighbors(points: np.ndarray, normals: np.ndarray, components: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Same component, within three times its `pitch (N,)`, and not beyond a thin wall; a square edge is passed."""
    lifted = np.column_stack([points, components * 1e3])
    distance, index = KDTree(lifted).query(lifted, k=2 * NEIGHBORS + 1)
    own = np.arange(len(points))[:, None]
    index = np.where(distance > 3.0 * pitch[:, None], own, index)
    same_side = np.einsum("ni,nki->nk", normals, normals[index]) > -0.2
    return np.where(same_side, index, own)[:, 1:]


def _balls(
    points: np.ndarray, normals: np.ndarray, group: np.ndarray, pitch: np.ndarray, largest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Radius and center of the largest ball inside the surface at each point; radius 0 where none is clear.

    Balls shrink among every eighth sample first: what those leave is little larger than the answer.
    """
    lifted = np.column_stack([points, group * 1e3]) if np.ptp(group) else points
    some = np.arange(0, len(points), COARSE)
    radius = _shrink(points, normals, lifted, some, pitch, np.full(len(points), largest))
    tree = KDTree(lifted)
    radius = _shrink(points, normals, lifted, np.arange(len(points)), pitch, radius, tree)
    center = points - radius[:, None] * normals
    clear, _ = tree.query(_lift(center, lifted), k=1)
    return np.where((clear > 0.85 * radius) & (radius < largest), radius, 0.0), center


def _lift(at: np.ndarray, lifted: np.ndarray) -> np.ndarray:
    """`at (N, 3)` with the further columns of `lifted (N, 3 or 4)`."""
    return np.column_stack([at, lifted[:, 3:]])


def _shrink(
    points: np.ndarray, normals: np.ndarray, lifted: np.ndarray, walls: np.ndarray, pitch: np.ndarray,
    radius: np.ndarray, tree: KDTree | None = None,
) -> np.ndarray:  # fmt: skip
    """`radius (N,)` of each point's ball, shrunk until none of the samples `walls` is inside."""
    tree = tree or KDTree(lifted[walls])
    radius = radius.copy()
    active = np.arange(len(points))
    for _ in range(25):
        center = points[active] - radius[active, None] * normals[active]
        found = walls[tree.query(_lift(center, lifted[active]), k=1)[1]]
        gap = points[active] - points[found]
        depth = np.einsum("ni,ni->n", gap, normals[active])
        smaller = np.einsum("ni,ni->n", gap, gap) / np.maximum(2.0 * depth, 1e-12)
        to_point, to_found = points[active] - center, points[found] - center
        cosine = np.einsum("ni,ni->n", to_point, to_found)
        cosine /= np.maximum(np.linalg.norm(to_point, axis=1) * np.linalg.norm(to_found, axis=1), 1e-12)
        length = np.linalg.norm(gap, axis=1)
        noise = (cosine > np.cos(SEPARATION)) & (length < 2.5 * pitch[active]) & (depth < 0.5 * length)
        shrinks = (depth > 1e-9) & (smaller < radius[active] * 0.995) & ~noise
        active = active[shrinks]
        radius[active] = smaller[shrinks]
        if not len(active):
            break
    return radius


def _inverted(
    points: np.ndarray, normals: np.ndarray, areas: np.ndarray, radius: np.ndarray, components: np.ndarray
) -> np.ndarray:
    """(C,) bool: components whose normals look inward: on their inner side most points see nothing, or, where they are
    almost closed, the volume they enclose is negative."""
    count = np.bincount(components)
    blind = np.bincount(components, weights=radius == 0) > 0.6 * np.maximum(count, 1)
    total = np.maximum(np.bincount(components, weights=areas), 1e-12)
    average = lambda values: np.bincount(components, weights=areas * values) / total  # noqa: E731
    offset = points - np.stack([average(points[:, i]) for i in range(3)], -1)[components]
    flux = average(np.einsum("ni,ni->n", offset, normals)) / np.maximum(average(np.linalg.norm(offset, axis=1)), 1e-12)
    opening = np.linalg.norm([average(normals[:, i]) for i in range(3)], axis=0)
    return blind | ((flux < -0.1) & (opening < ALMOST_CLOSED))


def _grow(
    points: np.ndarray, radius: np.ndarray, center: np.ndarray, neighbors: np.ndarray, pitch: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give each point the largest ball of its surroundings that still contains it; mends the small balls at edges."""
    for _ in range(12):
        theirs, at = radius[neighbors], center[neighbors]
        reach = np.linalg.norm(points[:, None] - at, axis=2)
        theirs = np.where(reach < theirs + np.minimum(0.15 * theirs, 0.8 * pitch[:, None]), theirs, 0.0)
        best = theirs.argmax(axis=1)
        row = np.arange(len(points))
        better = theirs[row, best] > radius * 1.02
        if not better.any():
            break
        radius = np.where(better, theirs[row, best], radius)
        center = np.where(better[:, None], at[row, best], center)
    return np.where(radius > 0, radius, 0.5 * pitch), center


def _local_shape(
    center: np.ndarray, radius: np.ndarray, group: np.ndarray, pitch: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Linearity, sheetness and direction from how medial points spread within about a thickness, one per small cell."""
    lifted = np.column_stack([center, group * 1e3])
    cells = np.column_stack([np.floor(center / pitch[:, None]), group]).astype(np.int64)
    _, first, cell = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    cell, lifted = cell.ravel(), lifted[first]
    pitch = pitch[first]
    widest = np.zeros(len(first))
    np.maximum.at(widest, cell, radius)
    reach = np.minimum(1.8 * widest + 3.0 * pitch, 25 * pitch)
    near = KDTree(lifted).query_ball_point(lifted, reach)
    count = np.array([len(found) for found in near])
    at = lifted[np.concatenate([np.asarray(found, np.int64) for found in near]), :3]
    owner = np.repeat(np.arange(len(first)), count)
    mean = np.stack([np.bincount(owner, at[:, i], len(first)) for i in range(3)], -1) / count[:, None]
    offset = at - mean[owner]
    spread = np.empty((len(first), 3, 3))
    for i, j in np.ndindex(3, 3):
        spread[:, i, j] = np.bincount(owner, offset[:, i] * offset[:, j], len(first)) / count
    values, vectors = np.linalg.eigh(spread)
    sizes = np.sqrt(np.maximum(values, 0.0))
    length = np.clip(sizes[:, 2] / (0.4 * reach), 0.0, 1.0) * (count > 3)
    ratio = sizes[:, 1] / np.maximum(sizes[:, 2], 1e-12)
    linear = length * np.clip(1.25 - 1.7 * ratio, 0.0, 1.0)
    sheet = length * np.clip((ratio - 0.25) / 0.35, 0.0, 1.0)
    return linear[cell], np.minimum(sheet, 1.0 - linear)[cell], vectors[cell, :, 2]


def _buried(points: np.ndarray, normals: np.ndarray, components: np.ndarray, closed: np.ndarray) -> np.ndarray:
    """Points inside another closed component, judged by its three nearest samples."""
    buried = np.zeros(len(points), bool)
    for component in np.flatnonzero(closed):
        own = components == component
        if own.sum() < 40:
            continue
        low, high = points[own].min(axis=0), points[own].max(axis=0)
        inside = np.flatnonzero(~own & ((points > low) & (points < high)).all(axis=1))
        if not len(inside):
            continue
        base, outward = points[own], normals[own]
        _, nearest = KDTree(base).query(points[inside], k=3)
        above = np.einsum("nki,nki->nk", points[inside][:, None] - base[nearest], outward[nearest])
        buried[inside] |= (above < 0).all(axis=1)
    return buried
