"""Named anatomical degrees of freedom with limits, rest angles and stiffness, for any body with SMPL-X's joints.

Limits are anatomical angles. Large joints: Boone & Azen 1979 (J. Bone Joint Surg. 61-A, means of 109 male subjects),
rounded; a shoulder's reach includes what its collar does not already give. Trunk and neck: the regional totals of
White & Panjabi, Clinical Biomechanics of the Spine, 1990. Fingers and thumb: Kapandji, The Physiology of the Joints 1.
The stiffness of the natural-pose prior follows the mass that a joint moves, so that a body lifts with its arm and
does not lean: trunk 12, hips 3, arm .05-.15.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.core.body import DegreesOfFreedom

# name, joints that share it, axis (0 sideways, 1 flexion, 2 long) with sign, low, high (degrees), stiffness
_Row = tuple[str, tuple[str, ...], tuple[int, int], float, float, float]
_CENTRAL: tuple[_Row, ...] = (
    ("root x-rotation", ("pelvis",), (0, 1), -180.0, 180.0, 1.0),
    ("root y-rotation", ("pelvis",), (1, 1), -180.0, 180.0, 1.0),
    ("root z-rotation", ("pelvis",), (2, 1), -180.0, 180.0, 0.0),
    ("lumbar bending", ("spine1", "spine2"), (0, 1), -25.0, 25.0, 12.0),
    ("lumbar flexion", ("spine1", "spine2"), (1, 1), -25.0, 55.0, 12.0),
    ("lumbar rotation", ("spine1", "spine2"), (2, 1), -20.0, 20.0, 12.0),
    ("thorax bending", ("spine3",), (0, 1), -20.0, 20.0, 8.0),
    ("thorax flexion", ("spine3",), (1, 1), -15.0, 25.0, 8.0),
    ("thorax rotation", ("spine3",), (2, 1), -25.0, 25.0, 8.0),
    ("neck bending", ("neck",), (0, 1), -20.0, 20.0, 1.0),
    ("neck flexion", ("neck",), (1, 1), -30.0, 30.0, 1.0),
    ("neck rotation", ("neck",), (2, 1), -35.0, 35.0, 1.0),
    ("head bending", ("head",), (0, 1), -15.0, 15.0, 0.8),
    ("head flexion", ("head",), (1, 1), -25.0, 25.0, 0.8),
    ("head rotation", ("head",), (2, 1), -35.0, 35.0, 0.8),
)
_LIMBS: tuple[tuple[str, str, tuple[int, int], float, float, float], ...] = (
    ("collar elevation", "collar", (0, 1), -10.0, 35.0, 1.0),
    ("collar protraction", "collar", (1, 1), -15.0, 25.0, 1.0),
    ("shoulder abduction", "shoulder", (0, 1), -35.0, 165.0, 0.15),
    ("shoulder flexion", "shoulder", (1, 1), -55.0, 125.0, 0.15),
    ("shoulder rotation", "shoulder", (2, 1), -75.0, 85.0, 0.1),
    ("elbow flexion", "elbow", (1, 1), 3.0, 146.0, 0.08),
    ("forearm pronation", "wrist", (2, 1), -85.0, 85.0, 0.08),
    ("wrist flexion", "wrist", (1, 1), -65.0, 65.0, 0.2),
    ("wrist deviation", "wrist", (0, 1), -33.0, 24.0, 0.2),
    ("thumb1 opposition", "thumb1", (1, 1), -25.0, 50.0, 0.05),
    ("thumb1 abduction", "thumb1", (0, 1), -35.0, 30.0, 0.05),
    ("thumb1 rotation", "thumb1", (2, 1), -25.0, 45.0, 0.05),
    ("thumb2 flexion", "thumb2", (1, 1), -10.0, 65.0, 0.05),
    ("thumb3 flexion", "thumb3", (1, 1), -15.0, 80.0, 0.05),
    *(
        row
        for finger in ("index", "middle", "ring", "pinky")
        for row in (
            (f"{finger}1 flexion", f"{finger}1", (1, 1), -17.0, 92.0, 0.05),
            (f"{finger}1 abduction", f"{finger}1", (0, 1 if finger in ("index", "middle") else -1), -15.0, 15.0, 0.1),
            (f"{finger}2 flexion", f"{finger}2", (1, 1), 0.0, 106.0, 0.05),
            (f"{finger}3 flexion", f"{finger}3", (1, 1), -3.0, 72.0, 0.05),
        )
    ),
    ("hip abduction", "hip", (0, 1), -25.0, 45.0, 3.0),
    ("hip flexion", "hip", (1, 1), -28.0, 122.0, 3.0),
    ("hip rotation", "hip", (2, 1), -45.0, 45.0, 3.0),
    ("knee flexion", "knee", (1, 1), 0.0, 142.0, 1.0),
    ("ankle flexion", "ankle", (1, 1), -50.0, 25.0, 0.3),
    ("ankle inversion", "ankle", (0, -1), -20.0, 35.0, 0.3),
    ("toe flexion", "foot", (1, 1), -60.0, 30.0, 0.1),
)


def _rows(joints: tuple[str, ...]) -> list[_Row]:
    """The table's rows for a body that has these joints; the root turns by its own three rotations."""
    rows = [row for row in _CENTRAL if set(row[1]) <= set(joints)]
    if joints[0] != "pelvis":
        rows = [(row[0], (joints[0],), *row[2:]) for row in _CENTRAL[:3]]
    for side in ("left", "right"):
        for name, joint, axis, low, high, stiffness in _LIMBS:
            if f"{side}_{joint}" in joints[1:]:
                rows.append((f"{side} {name}", (f"{side}_{joint}",), axis, low, high, stiffness))
    return rows


def build_freedoms(
    joints: tuple[str, ...], frames: np.ndarray, axes: Mapping[str, np.ndarray], angles: Mapping[str, float]
) -> DegreesOfFreedom:
    """Freedoms of a body with rest `frames (J, 3, 3)`, anatomical `axes` by joint name and rest `angles` by freedom.

    Axes default to the world's, angles to zero. A rest mesh slightly beyond a limit widens it to the rest mesh.
    """
    rows = _rows(joints)
    basis = np.zeros((len(rows), len(joints), 3))
    limits, rest = np.zeros((len(rows), 2)), np.zeros(len(rows))
    for d, (name, shared, (column, sign), low, high, _) in enumerate(rows):
        for joint in shared:
            axis = np.eye(3) if joint == joints[0] else axes.get(joint, np.eye(3))
            j = joints.index(joint)
            basis[d, j] = frames[j].T @ (sign * axis[:, column]) / len(shared)
        rest[d] = angles.get(name, 0.0)
        limits[d] = min(np.deg2rad(low) - rest[d], 0.0), max(np.deg2rad(high) - rest[d], 0.0)
    basis[np.abs(basis) < 1e-9] = 0.0
    return DegreesOfFreedom(tuple(row[0] for row in rows), basis, limits, rest, np.array([row[5] for row in rows]))


def joint_limits(freedoms: DegreesOfFreedom) -> np.ndarray:
    """(J, 3, 2) the smallest box, in rotation-vector components, that contains every pose within the limits."""
    ends = freedoms.basis[..., None] * freedoms.limits[:, None, None, :]
    return np.stack([ends.min(-1).sum(0), ends.max(-1).sum(0)], axis=-1)


def to_pose(xp: Namespace, freedoms: DegreesOfFreedom, values: Array) -> Array:
    """Pose `(*batch, J, 3)` in radians of the values `(*batch, D)` of the degrees of freedom."""
    count = freedoms.basis.shape[1]
    flat = xp.asarray(freedoms.basis.reshape(len(freedoms.names), -1), dtype=values.dtype)
    return xp.reshape(xp.matmul(values, flat), (*values.shape[:-1], count, 3))


def from_pose(freedoms: DegreesOfFreedom, pose: np.ndarray) -> np.ndarray:
    """Values `(*batch, D)` whose pose is nearest, in the least-squares sense, to `pose (*batch, J, 3)`."""
    flat = freedoms.basis.reshape(len(freedoms.names), -1)
    return pose.reshape(*pose.shape[:-2], -1) @ np.linalg.pinv(flat)


def named_values(freedoms: DegreesOfFreedom, angles: Mapping[str, float]) -> np.ndarray:
    """Values (D,) that bring the named freedoms to these anatomical angles (radians) and leave the others at rest."""
    values = np.zeros(len(freedoms.names))
    for name, angle in angles.items():
        d = freedoms.index(name)
        values[d] = np.clip(angle - freedoms.rest[d], *freedoms.limits[d])
    return values
