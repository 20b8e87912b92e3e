"""Bone transforms with their derivative written down: the joints' angular velocities, summed along the tree.

Differentiating forward kinematics forward, tangent by tangent, was a quarter of the whole energy's cost. The first
derivative of a chain of rotations is known (the geometric Jacobian of robotics): a bone turns with the sum of the
angular velocities of the joints above it, and moves as a point of each of them. So the transforms are computed without
derivatives, and a linear part is added whose value is zero.
"""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.body.kinematics import bone_transforms, stack_transforms
from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.rotations import left_jacobian, twist_angle


def stacked_bones(xp: Namespace, body: SkinnedBody, pose: Array, translation: Array) -> Array:
    """`stack_transforms(bone_transforms(...))`, (4G, 3), of one `pose (J, 3)` and `translation (3,)`.

    Value and first derivatives are the same; second derivatives are not.
    """
    still = xp.stop(pose)
    transforms = bone_transforms(xp, body, still, xp.stop(translation))
    stacked = stack_transforms(xp, transforms)
    spins = _joint_spins(xp, body, still, pose - still, transforms)
    if body.twist_bones:
        spins = xp.concatenate([spins, _twist_spins(xp, body, pose, transforms)], axis=0)
    above = xp.asarray(_above(body), dtype=pose.dtype)
    turning = xp.matmul(above, spins)
    moments = xp.matmul(above, xp.cross(spins, transforms[:, :, 3]))
    last = xp.asarray(np.tile([0.0, 0.0, 0.0, 1.0], body.bones)[:, None], dtype=pose.dtype)
    four = xp.index(np.repeat(np.arange(body.bones), 4))
    moved = xp.take(translation - xp.stop(translation) - moments, four, axis=0)
    return stacked + xp.cross(xp.take(turning, four, axis=0), stacked) + last * moved


def _joint_spins(xp: Namespace, body: SkinnedBody, still: Array, change: Array, transforms: Array) -> Array:
    """(J, 3) angular velocities in the world, of the joints against what they hang on, for a `change (J, 3)`."""
    count = len(body.joint_names)
    world = xp.asarray(np.eye(3)[None], dtype=still.dtype)
    parents = np.where(body.joint_parents < 0, count, body.joint_parents)
    parent = xp.take(xp.concatenate([transforms[:count, :, :3], world], axis=0), xp.index(parents), axis=0)
    frames = xp.asarray(body.joint_frames, dtype=still.dtype)
    turn = xp.matmul(xp.matmul(parent, frames), left_jacobian(xp, still))
    return xp.sum(turn * change[:, None, :], axis=-1)


def _twist_spins(xp: Namespace, body: SkinnedBody, pose: Array, transforms: Array) -> Array:
    """(B, 3) angular velocities in the world of the twist bones against the joints that they follow."""
    bones = body.twist_bones
    joints, axes = [bone.joint for bone in bones], np.stack([bone.axis for bone in bones])
    shares = np.array([bone.share - (bone.joint == bone.parent) for bone in bones])
    rest_axes = np.einsum("bij,bj->bi", body.joint_frames[joints], axes) * shares[:, None]
    angle = twist_angle(xp, xp.take(pose, xp.index(joints), axis=0), xp.asarray(axes, dtype=pose.dtype))
    parent = xp.take(transforms[:, :, :3], xp.index([bone.parent for bone in bones]), axis=0)
    axis = xp.sum(parent * xp.asarray(rest_axes[:, None, :], dtype=pose.dtype), axis=-1)
    return (angle - xp.stop(angle))[:, None] * axis


def _above(body: SkinnedBody) -> np.ndarray:
    """(G, G) 1 where the bone of the column is the bone of the row or above it."""
    above = np.eye(body.bones)
    for joint, parent in enumerate(body.joint_parents):
        if parent >= 0:
            above[joint] += above[parent]
    for bone, twist in enumerate(body.twist_bones, start=len(body.joint_names)):
        above[bone] += above[twist.parent]
    return above
