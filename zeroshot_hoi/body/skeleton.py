"""SMPL-X's 55 joints: names, tree, and how SMPL-H and MANO files number the same joints."""

from __future__ import annotations

import numpy as np

FINGERS = ("index", "middle", "pinky", "ring", "thumb")
"""In the order of SMPL-H, SMPL-X and MANO files."""
SIDES = ("left", "right")

_BODY = (
    "pelvis left_hip right_hip spine1 left_knee right_knee spine2 left_ankle right_ankle spine3 left_foot right_foot "
    "neck left_collar right_collar head left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist"
).split()


def hand_joints(side: str) -> tuple[str, ...]:
    """The 15 finger joints of one hand."""
    return tuple(f"{side}_{finger}{number}" for finger in FINGERS for number in (1, 2, 3))


SMPLX_JOINTS: tuple[str, ...] = (
    *_BODY, "jaw", "left_eye_smplhf", "right_eye_smplhf", *hand_joints("left"), *hand_joints("right"),
)  # fmt: skip
SMPLH_JOINTS: tuple[str, ...] = (*_BODY, *hand_joints("left"), *hand_joints("right"))

_PARENTS = {
    "pelvis": "", "spine1": "pelvis", "spine2": "spine1", "spine3": "spine2", "neck": "spine3", "head": "neck",
    "jaw": "head",
}  # fmt: skip
_LIMB_PARENTS = {
    "hip": "pelvis", "knee": "hip", "ankle": "knee", "foot": "ankle", "collar": "spine3", "shoulder": "collar",
    "elbow": "shoulder", "wrist": "elbow", "eye_smplhf": "head",
}  # fmt: skip


def mano_joints(side: str) -> tuple[str, ...]:
    """The 16 joints of a MANO file of one side."""
    return (f"{side}_wrist", *hand_joints(side))


def parent_name(joint: str) -> str:
    """The name of the joint before `joint`; empty for the pelvis."""
    if joint in _PARENTS:
        return _PARENTS[joint]
    side, limb = joint.split("_", 1)
    if limb in _LIMB_PARENTS:
        parent = _LIMB_PARENTS[limb]
        return parent if parent in _PARENTS else f"{side}_{parent}"
    return f"{side}_wrist" if limb[-1] == "1" else f"{side}_{limb[:-1]}{int(limb[-1]) - 1}"


def parents_of(joints: tuple[str, ...]) -> np.ndarray:
    """(J,) index of each joint's parent, -1 for the first."""
    return np.array([joints.index(parent_name(joint)) if index else -1 for index, joint in enumerate(joints)])
