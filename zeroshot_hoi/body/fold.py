"""Fold the bones that do not move into those that do: fewer bones, fewer columns, the same points.

While fingers keep their shape they ride on the wrist, so their transforms are linear in the wrist's:
T = F T', with T (4G, 3) of all bones, T' (4G', 3) of the moving ones and F constant for given finger angles. Rows fold
the same way, `rows @ F`. Whole bodies solve with 27 bones instead of 62, and a hand alone with 16.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.kinematics import bone_pivots, bone_transforms
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import BodyPoints, SkinnedBody
from zeroshot_hoi.core.errors import BodyError


@dataclass(frozen=True)
class FoldedBody:
    """A body and the part of its skeleton that moves."""

    full: SkinnedBody
    body: SkinnedBody
    """The moving joints and twist bones; its freedoms keep the full body's names and order."""
    joints: tuple[int, ...]
    """Indices of the moving joints in the full body."""
    carriers: np.ndarray
    """(G,) moving bone that carries each bone of the full body."""

    def matrix(self, q: np.ndarray) -> np.ndarray:
        """F (4G, 4G') for the values `q (D,)` of the folded joints' freedoms; those of moving joints do not matter."""
        xp, full = numpy_namespace(), self.full
        pose = to_pose(xp, full.freedoms, np.asarray(q, float))
        pose[list(self.joints)] = 0.0
        posed = bone_transforms(xp, full, pose, full.rest_joints[0])
        pivots = bone_pivots(self.body)
        fold = np.zeros((4 * full.bones, 4 * self.body.bones))
        for bone, carrier in enumerate(self.carriers):
            fold[4 * bone : 4 * bone + 3, 4 * carrier : 4 * carrier + 3] = posed[bone, :, :3].T
            fold[4 * bone + 3, 4 * carrier : 4 * carrier + 3] = posed[bone, :, 3] - pivots[carrier]
            fold[4 * bone + 3, 4 * carrier + 3] = 1.0
        return fold


def fold_body(body: SkinnedBody, moving: tuple[str, ...]) -> FoldedBody:
    """The body with only the joints named `moving`; the first of them is the new root, the others follow from it."""
    joints = [body.joint_names.index(name) for name in moving]
    order = sorted(joints)
    place = {joint: k for k, joint in enumerate(order)}
    parents = np.array([place.get(int(body.joint_parents[j]), -1) for j in order])
    if (parents[1:] < 0).any():
        orphan = body.joint_names[order[1 + int(np.argmax(parents[1:] < 0))]]
        raise BodyError(f"The joint '{orphan}' moves but the joint before it does not; name that one too.")
    kept = [k for k, bone in enumerate(body.twist_bones) if bone.joint in place and bone.parent in place]
    twists = tuple(
        replace(body.twist_bones[k], joint=place[body.twist_bones[k].joint], parent=place[body.twist_bones[k].parent])
        for k in kept
    )
    carriers = []
    for joint in range(len(body.joint_names)):
        while joint >= 0 and joint not in place:
            joint = int(body.joint_parents[joint])
        carriers.append(place.get(joint, 0))
    for k, bone in enumerate(body.twist_bones):
        carriers.append(len(order) + kept.index(k) if k in kept else carriers[bone.parent])
    reduced = replace(
        body,
        joint_names=tuple(body.joint_names[j] for j in order),
        joint_parents=parents,
        rest_joints=body.rest_joints[order],
        joint_frames=body.joint_frames[order],
        twist_bones=twists,
        freedoms=replace(body.freedoms, basis=body.freedoms.basis[:, order]),
    )
    return FoldedBody(body, reduced, tuple(order), np.array(carriers))


def fold_points(points: BodyPoints, fold: np.ndarray) -> BodyPoints:
    """The same points on the moving bones."""
    matrix = fold.astype(points.rows.dtype)
    return replace(points, rows=points.rows @ matrix, normal_rows=points.normal_rows @ matrix)
