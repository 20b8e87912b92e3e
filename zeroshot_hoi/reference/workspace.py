"""Where somebody works: what a placement says of arms and face, and places that things are held at or brought to."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.kinematics import bone_transforms, joint_positions, pose_vertices
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.reference import Placement, RigidPose
from zeroshot_hoi.core.scene import SceneObject
from zeroshot_hoi.reference.verbs import Workspace

BELLY_BAND = 0.05
"""Metres above and below the elbows within which the trunk's front is looked for."""

TOP = 0.01
"""Metres below an object's uppermost point that are its top."""


def workspace_of(body: SkinnedBody, placement: Placement, side: str, along: np.ndarray | None) -> Workspace:
    xp, turn = numpy_namespace(), Rotation.from_euler("z", placement.heading)
    local = joint_positions(xp, body, bone_transforms(xp, body, to_pose(xp, body.freedoms, placement.q), np.zeros(3)))
    joints = dict(zip(body.joint_names, turn.apply(local) + placement.root, strict=True))
    forward, left = turn.apply([1.0, 0.0, 0.0]), turn.apply([0.0, 1.0, 0.0])
    rest = dict(zip(body.joint_names, body.rest_joints, strict=True))
    forearm = np.linalg.norm(rest[f"{side}_wrist"] - rest[f"{side}_elbow"])
    palm = 0.7 * np.linalg.norm(rest[f"{side}_middle1"] - rest[f"{side}_wrist"])
    track = left if along is None else along
    track = track if track @ left >= 0.0 else -track
    shoulder, elbow = joints[f"{side}_shoulder"], joints[f"{side}_elbow"]
    begin = shoulder + 0.35 * forward - np.array([0.0, 0.0, 0.25])
    outward = left if side == "left" else -left
    hanging = elbow - np.array([0.0, 0.0, float(forearm + palm)]) + 0.04 * outward
    leg = pose_vertices(xp, body, to_pose(xp, body.freedoms, placement.q), np.zeros(3))
    leg = turn.apply(leg[np.array(body.part_labels) == f"{side} leg"]) + placement.root
    flank = leg[(leg @ outward).argmax()]
    face = face_of(body, placement) | {"front": begin, "side": hanging}
    return Workspace(forward, left, shoulder, elbow, float(forearm + palm), track, face, begin, flank, outward)


def face_of(body: SkinnedBody, placement: Placement) -> dict[str, np.ndarray]:
    """Mouth, eyes, chest and belly (3,) in the world: measured from the tip of the nose, between the shoulders, and in
    front of the trunk at the height of hanging elbows."""
    xp, turn = numpy_namespace(), Rotation.from_euler("z", placement.heading)
    pose = to_pose(xp, body.freedoms, placement.q)
    vertices = pose_vertices(xp, body, pose, np.zeros(3))
    head = vertices[np.array(body.part_labels) == "head"]
    nose = head[head[:, 0].argmax()]
    joints = dict(
        zip(body.joint_names, joint_positions(xp, body, bone_transforms(xp, body, pose, np.zeros(3))), strict=True)
    )
    breast = 0.5 * (joints["left_shoulder"] + joints["right_shoulder"]) + [0.12, 0.0, -0.08]
    torso = vertices[np.array(body.part_labels) == "torso"]
    level = torso[np.abs(torso[:, 2] - joints["left_elbow"][2]) < BELLY_BAND]
    local = {
        "belly": np.array([level[:, 0].max(), 0.0, joints["left_elbow"][2]]),
        "mouth": nose + [-0.015, 0.0, -0.035],
        "eyes": nose + [-0.03, 0.0, 0.04],
        "chest": breast,
    }
    return {name: turn.apply(point) + placement.root for name, point in local.items()}


def front_of(body: SkinnedBody, placement: Placement) -> np.ndarray:
    """(3,) where a person works with both hands, in the world."""
    points = [workspace_of(body, placement, side, None).face["front"] for side in ("left", "right")]
    return 0.5 * (points[0] + points[1])


def top_of(thing: SceneObject, pose: RigidPose) -> np.ndarray:
    """(3,) the middle of an object's uppermost points where it stands, as of a mug's rim."""
    points = thing.vertices @ pose.rotation.T + pose.translation
    upper = points[points[:, 2] > points[:, 2].max() - TOP]
    return 0.5 * (upper.min(axis=0) + upper.max(axis=0))
