"""Read a distance grid on any array namespace: trilinear inside, continued by the distance to the box outside.

A grid's arrays are traced arguments. Its values are one flat array whose length is one of a few sizes, and its shape is
data, so that a new object of a known size compiles nothing; several objects' grids stack and `vmap`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.core.scene import DistanceGrid

BUCKETS = (1 << 20, 1 << 22)
"""Lengths of the flat values; larger grids take the next power of four."""


class GridArrays(NamedTuple):
    """A distance grid as plain arrays; a pytree to JAX."""

    origin: Array
    """(3,) metres."""
    spacing: Array
    """() metres."""
    shape: Array
    """(3,) nodes along each axis, as floats."""
    values: Array
    """(bucket,) metres, the grid in C order, then zeros."""


def grid_arrays(grid: DistanceGrid, dtype: type = np.float32) -> GridArrays:
    """`grid` as arrays of its own length."""
    return GridArrays(
        np.asarray(grid.origin, dtype),
        np.asarray(grid.spacing, dtype),
        np.asarray(grid.values.shape, dtype),
        np.asarray(grid.values, dtype).reshape(-1),
    )


def bucket_of(count: int, buckets: tuple[int, ...] = BUCKETS) -> int:
    """The smallest bucket that holds `count` values."""
    for size in buckets:
        if count <= size:
            return size
    return 4 ** int(np.ceil(np.log(count) / np.log(4) - 1e-9))


def pad_grid(grid: DistanceGrid, buckets: tuple[int, ...] = BUCKETS, dtype: type = np.float32) -> GridArrays:
    """`grid` as arrays whose length is one of `buckets`; it reads the same."""
    arrays = grid_arrays(grid, dtype)
    missing = bucket_of(len(arrays.values), buckets) - len(arrays.values)
    return arrays._replace(values=np.pad(arrays.values, (0, missing)))


def grid_distance(xp: Namespace, grid: GridArrays, points: Array) -> Array:
    """Signed distance (*batch,) in metres, negative inside, of `points (*batch, 3)` in the grid's frame.

    Its derivative is the cell's slope, read once: many tangents (every degree of freedom of a body) then cost a product
    of three numbers each, where differentiating the interpolation would repeat all of it for each. There is no second
    derivative.
    """
    still = xp.stop(points)
    distance, slope = _distance_and_slope(xp, grid, still)
    return distance + xp.sum(slope * (points - still), axis=-1)


def grid_distance_and_normal(xp: Namespace, grid: GridArrays, points: Array) -> tuple[Array, Array]:
    """Signed distance (*batch,) and the unit direction (*batch, 3) in which it grows: the trilinear cell's derivative.

    Where the derivative vanishes (the middle of a solid) the direction is zero.
    """
    distance, slope = _distance_and_slope(xp, grid, points)
    return distance, slope / xp.maximum(_safe_norm(xp, slope), 1e-9)[..., None]


def _distance_and_slope(xp: Namespace, grid: GridArrays, points: Array) -> tuple[Array, Array]:
    """Signed distance (*batch,) and its derivative (*batch, 3)."""
    corners, fraction, outside = _cell(xp, grid, points)
    beyond = _safe_norm(xp, outside)
    x, y, z = fraction[..., 0], fraction[..., 1], fraction[..., 2]
    edges = [_mix(corners[k], corners[k + 1], z) for k in (0, 2, 4, 6)]
    low, high = _mix(edges[0], edges[1], y), _mix(edges[2], edges[3], y)
    slope_y = _mix(edges[1] - edges[0], edges[3] - edges[2], x)
    slope_z = _mix(
        _mix(corners[1] - corners[0], corners[3] - corners[2], y),
        _mix(corners[5] - corners[4], corners[7] - corners[6], y),
        x,
    )
    slope = xp.stack([high - low, slope_y, slope_z], -1) / grid.spacing
    slope = xp.where(outside != 0.0, outside / xp.maximum(beyond, 1e-12)[..., None], slope)
    return _mix(low, high, x) + beyond, slope


def _cell(xp: Namespace, grid: GridArrays, points: Array) -> tuple[list[Array], Array, Array]:
    """Values at the 8 corners of each point's cell (x slowest), its position in the cell, and how far it is outside."""
    raw = (points - grid.origin) / grid.spacing
    position = xp.minimum(xp.maximum(raw, 0.0 * grid.shape), grid.shape - 1.0)
    base = xp.minimum(xp.floor(position), grid.shape - 2.0)
    nodes, size = xp.index(base), xp.index(grid.shape)
    step_y = size[..., 2]
    step_x = size[..., 1] * size[..., 2]
    first = nodes[..., 0] * step_x + nodes[..., 1] * step_y + nodes[..., 2]
    offsets = [i * step_x + j * step_y + k for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    corners = [xp.take(grid.values, first + offset) for offset in offsets]
    return corners, position - base, (raw - position) * grid.spacing


def _mix(low: Array, high: Array, t: Array) -> Array:
    return low + (high - low) * t


def _safe_norm(xp: Namespace, v: Array) -> Array:
    """Length (*batch,) of `v (*batch, 3)`, with a zero gradient at zero."""
    squared = xp.sum(v * v, axis=-1)
    zero = squared <= 0.0
    return xp.where(zero, 0.0 * squared, xp.sqrt(xp.where(zero, xp.ones_like(squared), squared)))
