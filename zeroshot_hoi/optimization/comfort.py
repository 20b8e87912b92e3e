"""Which grips an arm reaches: where the forearm would have to be, and whether the upper arm gets there."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.kinematics import bone_transforms, joint_positions
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.reference import Placement
from zeroshot_hoi.optimization.grasp import Grasp
from zeroshot_hoi.optimization.hand import hand_frame

BENDS = ((0.0, 0.0), (0.6, 0.0), (-0.6, 0.0), (0.0, 0.3), (0.0, -0.4))
"""Radians that a wrist bends without effort: toward the back of the hand and the palm, to the thumb and away."""

MISSED = 0.06
"""Metres by which the elbow may miss: what a trunk makes good by itself."""

UNREACHED = 200.0
"""Energy of a grip whose elbow misses by ten times that, and no more."""


def discomfort(
    body: SkinnedBody, side: str, placement: Placement, rotation: np.ndarray, translation: np.ndarray, grasp: Grasp
) -> float:
    """Energy of the way by which an elbow misses, for an object at `rotation (3, 3)` and `translation (3,)`, world."""
    xp, frame = numpy_namespace(), hand_frame(body, side)
    pose = to_pose(xp, body.freedoms, placement.q)
    local = joint_positions(xp, body, bone_transforms(xp, body, pose, np.zeros(3)))
    rest = dict(zip(body.joint_names, body.rest_joints, strict=True))
    turn = Rotation.from_euler("z", placement.heading)
    shoulder = turn.apply(local[body.joint_names.index(f"{side}_shoulder")]) + placement.root
    to_world = rotation @ grasp.rotation.T
    wrist = to_world @ (rest[f"{side}_wrist"] - grasp.translation) + translation
    forearm = float(np.linalg.norm(rest[f"{side}_wrist"] - rest[f"{side}_elbow"]))
    upper = float(np.linalg.norm(rest[f"{side}_elbow"] - rest[f"{side}_shoulder"]))
    misses = []
    for back, thumb in BENDS:
        bend = Rotation.from_rotvec(back * frame.radial) * Rotation.from_rotvec(thumb * frame.normal)
        elbow = wrist - forearm * (to_world @ bend.apply(frame.distal))
        misses.append(abs(float(np.linalg.norm(elbow - shoulder)) - upper))
    return UNREACHED * min((min(misses) / (10.0 * MISSED)) ** 2, 1.0)
