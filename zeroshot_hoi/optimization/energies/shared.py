"""What several energies need: points of bodies and objects, distances in an object's grid, robust forms."""

from __future__ import annotations

import numpy as np

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


def object_distance(xp: Namespace, state: State, index: int, other: int, data: Arrays, points: Array) -> Array:
    """Signed distance (N,) in metres of an object's `points (N, 3)` to the surface in `data["grid"]` of another one."""
    turn = xp.matmul(xp.swapaxes(state.rotations[index], 0, 1), state.rotations[other])
    shift = xp.matmul(state.translations[index] - state.translations[other], state.rotations[other])
    return grid_distance(xp, data["grid"], xp.matmul(points, turn) + shift)


def body_in_frame(xp: Namespace, state: State, person: int, index: int, rows: Array) -> Array:
    """Object-frame coordinates (N, 3) of body points given by `rows (N, 4G)`.

    The few bones are taken into the object's frame, not the many points.
    """
    bones = state.bones[person]
    homogeneous = np.zeros((len(bones), 1))
    homogeneous[3::4] = 1.0
    moved = bones - xp.asarray(homogeneous, dtype=bones.dtype) * state.translations[index]
    return apply_rows(xp, rows, xp.matmul(moved, state.rotations[index]))


def body_distance(xp: Namespace, state: State, person: int, index: int, data: Arrays, rows: Array) -> Array:
    """Signed distance (N,) in metres of body points to the surface in `data["grid"]`, fixed to an object."""
    return grid_distance(xp, data["grid"], body_in_frame(xp, state, person, index, rows))


def positive(xp: Namespace, value: Array) -> Array:
    """max(value, 0)."""
    return xp.where(value > 0.0, value, xp.zeros_like(value))


def robust(xp: Namespace, value: Array, scale: float | Array) -> Array:
    """Geman-McClure as a residual: grows like `value`, saturates at `scale`, so that what is far pulls weakly."""
    return value / xp.sqrt(1.0 + (value / scale) ** 2)


def outside_ball(xp: Namespace, offset: Array, radius: float | Array) -> Array:
    """The part of `offset (..., 3)` beyond `radius`: a dead zone with a continuous derivative outside it."""
    length = xp.sqrt(xp.sum(offset * offset, axis=-1) + 1e-12)
    return offset * (positive(xp, length - radius) / length)[..., None]
