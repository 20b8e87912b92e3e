"""What HOI-PAGE's terms are made of: nearest points, projection, distances by cells, and how motion changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.core.rotations import exp_so3
from zeroshot_hoi.core.scene import DistanceGrid

Choose = Callable[[Array, Array], Array]
"""Queries (T, M, D) and targets (T, N, D) in, index (T, M) of the nearest target out; no derivative is wanted of it."""


def project(xp: Namespace, camera: Mapping[str, Array], points: Array) -> Array:
    """Pixels (*batch, 2), y down, of world `points (*batch, 3)`; what is behind the camera lands far outside."""
    local = xp.matmul(points - camera["eye"], camera["turn"])
    depth = xp.maximum(-local[..., 2], 1e-2 * xp.ones_like(local[..., 2]))
    return xp.stack([local[..., 0], -local[..., 1]], -1) / depth[..., None] * camera["focal"] + camera["middle"]


def pairwise(xp: Namespace) -> Choose:
    """The nearest of all pairs by a matrix product, as chamfer distances are usually written."""

    def choose(queries: Array, targets: Array) -> Array:
        cross = xp.matmul(queries, xp.swapaxes(targets, -1, -2))
        return xp.argmax(2.0 * cross - squared(xp, targets)[:, None], axis=2)

    return choose


def placed(xp: Namespace, points: Array, turn: Array, shift: Array) -> Array:
    """(T, N, 3) in the world, of `points (N, 3)` or (T, N, 3)."""
    return xp.matmul(points, xp.swapaxes(turn, -1, -2)) + shift[:, None]


def chosen(xp: Namespace, points: Array, index: Array) -> Array:
    """(T, M, 3) of `points (N, 3)`, by `index (T, M)`: chosen before they move, so that nothing is scattered back."""
    return xp.take(points, xp.index(index), 0)


def squared(xp: Namespace, v: Array) -> Array:
    return xp.sum(v * v, axis=-1)


class Cells(NamedTuple):
    """A distance grid by cells: the 8 corners of one lie side by side, so that a point reads memory once."""

    origin: Array
    """(3,) metres."""
    spacing: Array
    counts: Array
    """(3,) cells along each axis, as floats."""
    corners: Array
    """(cells, 8) metres, x slowest."""


def grid_cells(grid: DistanceGrid) -> Cells:
    """The cells of a grid, eight times its size."""
    v = np.asarray(grid.values)
    x, y, z = v.shape
    corners = [v[i : x - 1 + i, j : y - 1 + j, k : z - 1 + k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    counts = np.array([x - 1, y - 1, z - 1], float)
    return Cells(np.asarray(grid.origin), np.float64(grid.spacing), counts, np.stack(corners, -1).reshape(-1, 8))


def cell_distance(xp: Namespace, cells: Cells, points: Array, turn: Array, shift: Array) -> Array:
    """Signed distance (T, V) in metres of world `points (T, V, 3)` in an object's frame; outside the grid, that of its
    border, which is positive.

    Coordinates are kept apart: with only 3 columns a compiler does better without matrices.
    """
    x, y, z = (points[..., k] - shift[:, None, k] for k in range(3))
    base, fraction = [], []
    for k in range(3):
        local = x * turn[:, None, 0, k] + y * turn[:, None, 1, k] + z * turn[:, None, 2, k]
        raw = (local - cells.origin[k]) / cells.spacing
        inside = xp.minimum(xp.maximum(raw, xp.zeros_like(raw)), (cells.counts[k] - 1e-3) * xp.ones_like(raw))
        base.append(xp.floor(xp.stop(inside)))
        fraction.append(inside - base[-1])
    row = (xp.index(base[0]) * xp.index(cells.counts[1]) + xp.index(base[1])) * xp.index(cells.counts[2])
    corner = xp.take(cells.corners, row + xp.index(base[2]), 0)
    fx, fy, fz = fraction
    edges = [corner[..., k] + (corner[..., k + 1] - corner[..., k]) * fz for k in (0, 2, 4, 6)]
    low, high = edges[0] + (edges[1] - edges[0]) * fy, edges[2] + (edges[3] - edges[2]) * fy
    return low + (high - low) * fx


def mean_depth(xp: Namespace, distance: Array) -> Array:
    """Mean depth in metres over the points that are inside, of `distance (T, V)`."""
    inside = distance < 0.0
    zero, one = xp.zeros_like(distance), xp.ones_like(distance)
    count = xp.sum(xp.where(inside, one, zero))
    return xp.sum(xp.where(inside, -distance, zero)) / xp.maximum(count, xp.ones_like(count))


def uneven(xp: Namespace, x: Array) -> Array:
    """Mean squared distance of `x (T, ..., 3)` from the middle of its neighbors in time."""
    return xp.mean(xp.sum((x[1:-1] - 0.5 * (x[:-2] + x[2:])) ** 2, axis=-1))


def change(xp: Namespace, x: Array) -> Array:
    """Mean squared step of `x (T, ..., 3)`."""
    return xp.mean(xp.sum((x[1:] - x[:-1]) ** 2, axis=-1))


def uneven_turn(xp: Namespace, turn: Array) -> Array:
    """Mean squared angle between `turn (T, 3, 3)` and the middle of its neighbors on the geodesic."""
    half = exp_so3(xp, 0.5 * log_so3(xp, xp.matmul(xp.swapaxes(turn[:-2], -1, -2), turn[2:])))
    middle = xp.matmul(turn[:-2], half)
    offset = log_so3(xp, xp.matmul(xp.swapaxes(middle, -1, -2), turn[1:-1]))
    return xp.mean(xp.sum(offset * offset, axis=-1))


def turning(xp: Namespace, turn: Array) -> Array:
    """Mean squared angle of a step of `turn (T, 3, 3)`."""
    offset = log_so3(xp, xp.matmul(xp.swapaxes(turn[:-1], -1, -2), turn[1:]))
    return xp.mean(xp.sum(offset * offset, axis=-1))


def log_so3(xp: Namespace, turn: Array) -> Array:
    """Rotation vectors `(*batch, 3)` of matrices `(*batch, 3, 3)`, finite in value and gradient at zero.

    At half a turn the axis is not defined; the vector there is short.
    """
    skew = 0.5 * (turn - xp.swapaxes(turn, -1, -2))
    axis = xp.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], -1)
    square = xp.sum(axis * axis, axis=-1)
    cosine = 0.5 * (turn[..., 0, 0] + turn[..., 1, 1] + turn[..., 2, 2] - 1.0)
    small = square < 1e-10
    sine = xp.sqrt(xp.where(small, xp.ones_like(square), square))
    angle = xp.arctan2(sine, cosine)
    return axis * xp.where(small, xp.ones_like(square), angle / sine)[..., None]


def unit_vector(xp: Namespace, v: Array) -> Array:
    return v / xp.sqrt(xp.sum(v * v, axis=-1) + 1e-12)[..., None]
