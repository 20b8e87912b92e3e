"""What several energies need: points of bodies and objects, distances in an object's grid, robust forms."""

from __future__ import annotations

from zeroshot_hoi.body.kinematics import apply_rows
from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.geometry.query import grid_distance
from zeroshot_hoi.optimization.problem import Arrays, State


def body_points(xp: Namespace, state: State, person: int, rows: Array) -> Array:
    """World positions (N, 3) of body points given by `rows (N, 4G)`."""
    return apply_rows(xp, rows, state.bones[person])


def body_normals(xp: Namespace, state: State, person: int, rows: Array) -> Array:
    """Unit world normals (N, 3) of body points given by their normal rows."""
    normals = apply_rows(xp, rows, state.bones[person])
    return normals / xp.sqrt(xp.sum(normals * normals, axis=-1) + 1e-12)[..., None]


def object_points(xp: Namespace, state: State, index: int, points: Array) -> Array:
    """World positions (N, 3) of object-frame `points (N, 3)`."""
    return xp.matmul(points, xp.swapaxes(state.rotations[index], 0, 1)) + state.translations[index]


def into_object(xp: Namespace, state: State, index: int, points: Array) -> Array:
    """Object-frame coordinates (N, 3) of world `points (N, 3)`."""
    return xp.matmul(points - state.translations[index], state.rotations[index])


def distance_to(xp: Namespace, state: State, index: int, data: Arrays, points: Array) -> Array:
    """Signed distance (N,) in metres of world points to the surface in `data["grid"]`, fixed to an object."""
    return grid_distance(xp, data["grid"], into_object(xp, state, index, points))


def positive(xp: Namespace, value: Array) -> Array:
    """max(value, 0)."""
    return xp.where(value > 0.0, value, xp.zeros_like(value))


def robust(xp: Namespace, value: Array, scale: float) -> Array:
    """Geman-McClure as a residual: grows like `value`, saturates at `scale`, so that what is far pulls weakly."""
    return value / xp.sqrt(1.0 + (value / scale) ** 2)


def outside_ball(xp: Namespace, offset: Array, radius: float | Array) -> Array:
    """The part of `offset (..., 3)` beyond `radius`: a dead zone with a continuous derivative outside it."""
    length = xp.sqrt(xp.sum(offset * offset, axis=-1) + 1e-12)
    return offset * (positive(xp, length - radius) / length)[..., None]
