"""Forward kinematics and linear skinning on the array namespace.

Everything a stage asks of a body in motion is linear in the stacked bone transforms T (4G, 3): a vertex, a region's
centroid, the center of mass. So the transforms are computed once per frame, and each question is a constant row.
The tree is composed by doubling (every joint takes its ancestor's transform, then looks twice as far up), which is
four gathers and products for a tree of eleven levels and compiles in a fraction of a joint-by-joint loop.
"""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.core.body import BodyPoints, SkinnedBody
from zeroshot_hoi.core.rotations import exp_so3, twist_angle


def bone_pivots(body: SkinnedBody) -> np.ndarray:
    """(G, 3) rest positions about which the bones turn: joints, then twist bones, metres."""
    if not body.twist_bones:
        return np.asarray(body.rest_joints)
    return np.concatenate([body.rest_joints, np.stack([bone.pivot for bone in body.twist_bones])])


def _product(xp: Namespace, a: Array, b: Array) -> Array:
    """a @ b for stacks of 3 x 3 matrices, written out: XLA fuses this, and calls a matrix library for each product."""
    return xp.sum(a[..., :, :, None] * b[..., None, :, :], axis=-2)


def _turned(xp: Namespace, a: Array, v: Array) -> Array:
    """a @ v for stacks of 3 x 3 matrices and vectors."""
    return xp.sum(a * v[..., None, :], axis=-1)


def _local_rotations(xp: Namespace, body: SkinnedBody, pose: Array) -> Array:
    """(*batch, J, 3, 3) parent-relative rotations in the axes of the rest mesh."""
    frames = xp.asarray(body.joint_frames, dtype=pose.dtype)
    return _product(xp, _product(xp, frames, exp_so3(xp, pose)), xp.swapaxes(frames, -1, -2))


def _ancestor_tables(parents: np.ndarray) -> list[np.ndarray]:
    """Indices (J + 1,) of the ancestors 1, 2, 4, ... levels up; index J stands for the world."""
    table = np.append(np.where(parents < 0, len(parents), parents), len(parents))
    tables = []
    while (table < len(parents)).any():
        tables.append(table)
        table = table[table]
    return tables


def _joint_transforms(xp: Namespace, body: SkinnedBody, pose: Array, translation: Array) -> tuple[Array, Array]:
    """Rotations (*batch, J, 3, 3) from rest to world, and positions (*batch, J, 3)."""
    rotation = _local_rotations(xp, body, pose)
    offsets = body.rest_joints - body.rest_joints[np.maximum(body.joint_parents, 0)]
    batch, count = tuple(pose.shape[:-2]), len(body.joint_names)
    steps = xp.broadcast_to(xp.asarray(offsets[1:], dtype=pose.dtype), (*batch, count - 1, 3))
    zero = xp.zeros_like(translation[..., None, :])
    position = xp.concatenate([translation[..., None, :] + zero, steps, zero], axis=-2)
    identity = xp.asarray(np.eye(3), dtype=pose.dtype)
    world = xp.broadcast_to(identity, (*batch, 1, 3, 3))
    rotation = xp.concatenate([rotation, world], axis=-3)
    for table in _ancestor_tables(body.joint_parents):
        up = xp.index(table)
        before = xp.take(rotation, up, axis=-3)
        position = xp.take(position, up, axis=-2) + _turned(xp, before, position)
        rotation = _product(xp, before, rotation)
    return rotation[..., :count, :, :], position[..., :count, :]


def _twist_transforms(
    xp: Namespace, body: SkinnedBody, pose: Array, rotation: Array, position: Array
) -> tuple[Array, Array]:
    """Rotations (*batch, B, 3, 3) and pivot positions (*batch, B, 3) of the twist bones."""
    bones = body.twist_bones
    joints, parents = [bone.joint for bone in bones], [bone.parent for bone in bones]
    axes = np.stack([bone.axis for bone in bones])
    own = np.array([bone.joint == bone.parent for bone in bones])
    shares = np.array([bone.share for bone in bones]) - own
    angle = twist_angle(xp, xp.take(pose, xp.index(joints), axis=-2), xp.asarray(axes, dtype=pose.dtype))
    rest_axes = np.einsum("bij,bj->bi", body.joint_frames[joints], axes) * shares[:, None]
    twist = exp_so3(xp, angle[..., None] * xp.asarray(rest_axes, dtype=pose.dtype))
    parent = xp.take(rotation, xp.index(parents), axis=-3)
    arm = np.stack([bone.pivot for bone in bones]) - body.rest_joints[parents]
    moved = _turned(xp, parent, xp.asarray(arm, dtype=pose.dtype))
    return _product(xp, parent, twist), xp.take(position, xp.index(parents), axis=-2) + moved


def bone_transforms(xp: Namespace, body: SkinnedBody, pose: Array, translation: Array) -> Array:
    """Transforms `(*batch, G, 3, 4)` of joints and twist bones: world = R (rest - pivot) + t, t the pivot's place.

    `pose (*batch, J, 3)` are parent-relative rotation vectors in the joints' own axes, radians; `translation
    (*batch, 3)` is the world position of the root joint, metres.
    """
    rotation, position = _joint_transforms(xp, body, pose, translation)
    if body.twist_bones:
        more, where = _twist_transforms(xp, body, pose, rotation, position)
        rotation = xp.concatenate([rotation, more], axis=-3)
        position = xp.concatenate([position, where], axis=-2)
    return xp.concatenate([rotation, position[..., None]], axis=-1)


def joint_positions(xp: Namespace, body: SkinnedBody, transforms: Array) -> Array:
    """World positions `(*batch, J, 3)` of the joints, from `bone_transforms`."""
    return transforms[..., : len(body.joint_names), :, 3]


def joint_rotations(xp: Namespace, body: SkinnedBody, transforms: Array) -> Array:
    """World orientations `(*batch, J, 3, 3)` of the joints' own axes (columns), from `bone_transforms`."""
    frames = xp.asarray(body.joint_frames, dtype=transforms.dtype)
    return xp.matmul(transforms[..., : len(body.joint_names), :, :3], frames)


def joint_pose(xp: Namespace, body: SkinnedBody, transforms: Array, joint: str) -> tuple[Array, Array]:
    """World orientation `(*batch, 3, 3)` of one joint's own axes, and its world position `(*batch, 3)`."""
    index = body.joint_names.index(joint)
    frame = xp.asarray(body.joint_frames[index], dtype=transforms.dtype)
    return xp.matmul(transforms[..., index, :, :3], frame), transforms[..., index, :, 3]


def stack_transforms(xp: Namespace, transforms: Array) -> Array:
    """`(*batch, 4G, 3)` from `(*batch, G, 3, 4)`: what rows multiply."""
    swapped = xp.swapaxes(transforms, -1, -2)
    return xp.reshape(swapped, (*swapped.shape[:-3], 4 * swapped.shape[-3], 3))


def apply_rows(xp: Namespace, rows: Array, stacked: Array) -> Array:
    """Positions `(*batch, N, 3)` of points with `rows (N, 4G)`, from `stacked (*batch, 4G, 3)`."""
    return xp.matmul(xp.asarray(rows, dtype=stacked.dtype), stacked)


def skinning_rows(body: SkinnedBody, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rows (N, 4G) of rest `points (N, 3)` with skinning `weights (N, G)`."""
    arms = points[:, None] - bone_pivots(body)
    rows = np.concatenate([arms, np.ones_like(arms[..., :1])], axis=-1) * weights[..., None]
    return rows.reshape(len(points), -1)


def direction_rows(directions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rows (N, 4G) that turn rest `directions (N, 3)` with the bones of `weights (N, G)`."""
    rows = np.concatenate([directions, np.zeros_like(directions[:, :1])], axis=-1)
    return (rows[:, None] * weights[..., None]).reshape(len(directions), -1)


def vertex_rows(body: SkinnedBody, indices: np.ndarray | None = None) -> np.ndarray:
    """Rows (n, 4G) of the vertices at `indices (n,)`, all of them by default; pose correctives are not in them."""
    chosen = slice(None) if indices is None else np.asarray(indices)
    return skinning_rows(body, body.rest_vertices[chosen], body.weights[chosen])


def _corrected_rest(xp: Namespace, body: SkinnedBody, pose: Array) -> Array:
    """Rest vertices (*batch, V, 3) with SMPL's pose correctives, linear in the local rotations less the identity."""
    local = _local_rotations(xp, body, pose)[..., 1:, :, :]
    feature = xp.reshape(local - xp.asarray(np.eye(3), dtype=pose.dtype), (*local.shape[:-3], -1))
    directions = np.asarray(body.pose_directions)
    flat = xp.asarray(directions.reshape(len(directions), -1), dtype=pose.dtype)
    moved = xp.reshape(xp.matmul(feature, flat), (*feature.shape[:-1], -1, 3))
    return xp.asarray(body.rest_vertices, dtype=pose.dtype) + moved


def pose_vertices(xp: Namespace, body: SkinnedBody, pose: Array, translation: Array) -> Array:
    """Every vertex in the world, `(*batch, V, 3)`, pose correctives included where the model has them."""
    transforms = bone_transforms(xp, body, pose, translation)
    if body.pose_directions is None:
        return apply_rows(xp, vertex_rows(body), stack_transforms(xp, transforms))
    rotation, position = transforms[..., :3], transforms[..., 3]
    pivots = xp.asarray(bone_pivots(body), dtype=pose.dtype)
    offset = position - xp.matmul(rotation, pivots[..., None])[..., 0]
    weights = xp.asarray(body.weights, dtype=pose.dtype)
    turn = xp.einsum("vg,...gij->...vij", weights, rotation)
    rest = _corrected_rest(xp, body, pose)
    return xp.matmul(turn, rest[..., None])[..., 0] + xp.matmul(weights, offset)


def point_positions(xp: Namespace, points: BodyPoints, transforms: Array) -> Array:
    """World positions `(*batch, N, 3)` of body points, from `bone_transforms`."""
    return apply_rows(xp, points.rows, stack_transforms(xp, transforms))
