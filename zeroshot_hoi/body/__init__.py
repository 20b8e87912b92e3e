"""Bodies: the embedded one and SMPL-family files, as one skinned-body record with named freedoms.

`load_body` and `reshape` make a record; `kinematics` moves it on any array library; `surface`, `pads`, `volume`
give the points and spheres that energies ask about.
"""

from __future__ import annotations

from zeroshot_hoi.body.freedoms import from_pose, joint_limits, named_values, to_pose
from zeroshot_hoi.body.kinematics import (
    apply_rows,
    bone_transforms,
    joint_pose,
    joint_positions,
    joint_rotations,
    point_positions,
    pose_vertices,
    stack_transforms,
    vertex_rows,
)
from zeroshot_hoi.body.load import BODIES, load_body, reshape

__all__ = [
    "BODIES",
    "apply_rows",
    "bone_transforms",
    "from_pose",
    "joint_limits",
    "joint_pose",
    "joint_positions",
    "joint_rotations",
    "load_body",
    "named_values",
    "point_positions",
    "pose_vertices",
    "reshape",
    "stack_transforms",
    "to_pose",
    "vertex_rows",
]
