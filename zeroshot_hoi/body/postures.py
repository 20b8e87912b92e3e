"""Natural postures as anatomical angles in degrees; what a posture leaves out stays as in the body's rest mesh.

Angles follow the body's degrees of freedom: elbow straight = 0, arm hanging = 0, flexion, abduction, internal rotation
and pronation positive. `side` entries hold for both sides. Values: relaxed standing and sitting as in Kendall et al.,
Muscles: Testing and Function, 5th ed., ch. 2; the relaxed finger cascade as in Lee & Jung 2015 (J Hand Surg).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.kinematics import bone_transforms, joint_positions, pose_vertices
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.errors import HoiError, nearest_name

_HANDS = {
    f"side {finger}{joint} flexion": angle
    for finger, angles in {
        "index": (20.0, 30.0, 12.0),
        "middle": (25.0, 34.0, 14.0),
        "ring": (28.0, 37.0, 16.0),
        "pinky": (30.0, 38.0, 18.0),
    }.items()
    for joint, angle in zip((1, 2, 3), angles, strict=True)
}

_FLAT_HANDS = {
    f"side {finger}{joint} flexion": angle
    for finger in ("index", "middle", "ring", "pinky")
    for joint, angle in ((1, 6.0), (2, 14.0), (3, 6.0))
}

_ARMS = {
    "side shoulder abduction": 9.0,
    "side shoulder flexion": 4.0,
    "side shoulder rotation": 15.0,
    "side elbow flexion": 16.0,
    "side forearm pronation": 10.0,
    "side wrist flexion": 0.0,
    "side wrist deviation": 0.0,
}

POSTURES: dict[str, dict[str, float]] = {
    "stand": {
        **_HANDS,
        **_ARMS,
        "side hip flexion": 3.0,
        "side hip abduction": 5.0,
        "side hip rotation": -4.0,
        "side knee flexion": 6.0,
        "side ankle flexion": 3.0,
    },
    "sit": {
        **_FLAT_HANDS,
        **_ARMS,
        "side shoulder flexion": 22.0,
        "side shoulder abduction": 9.0,
        "side shoulder rotation": 22.0,
        "side elbow flexion": 62.0,
        "side forearm pronation": 75.0,
        "side hip flexion": 82.0,
        "side hip abduction": 8.0,
        "side knee flexion": 85.0,
        "side ankle flexion": 2.0,
        "lumbar flexion": 6.0,
    },
    "ride": {
        **_HANDS,
        **_ARMS,
        "root y-rotation": 14.0,
        "lumbar flexion": 10.0,
        "neck flexion": -10.0,
        "head flexion": -8.0,
        "side shoulder flexion": 52.0,
        "side elbow flexion": 30.0,
        "side forearm pronation": 60.0,
        "side hip flexion": 68.0,
        "side hip abduction": 4.0,
        "side knee flexion": 72.0,
        "side ankle flexion": 4.0,
    },
}
"""Posture name -> degree of freedom -> degrees."""


def posture(body: SkinnedBody, name: str) -> np.ndarray:
    """(D,) values of the body's degrees of freedom in the posture `name`, within its limits."""
    if name not in POSTURES:
        raise HoiError(f"Unknown posture '{name}'. {nearest_name(name, POSTURES)}")
    return angles(body, POSTURES[name])


def angles(body: SkinnedBody, degrees: dict[str, float]) -> np.ndarray:
    """(D,) values where the named degrees of freedom have these anatomical angles and all others are at rest."""
    freedoms = body.freedoms
    q = np.zeros(len(freedoms.names))
    for key, value in degrees.items():
        for name in [key] if not key.startswith("side ") else [key.replace("side", s, 1) for s in ("left", "right")]:
            index = freedoms.index(name)
            q[index] = np.radians(value) - freedoms.rest[index]
    return np.clip(q, freedoms.limits[:, 0], freedoms.limits[:, 1])


BEARING = 0.03
"""Metres above the lowest of the buttocks that a seat presses flat."""


@dataclass(frozen=True)
class PostureShape:
    """What a posture looks like with the root at the origin and heading 0."""

    q: np.ndarray
    """(D,)"""
    joints: dict[str, np.ndarray]
    """Joint -> (3,) metres."""
    lowest_buttock: float
    rearmost: float
    """Least x of the back and the buttocks, metres."""
    lowest: float
    """Least z of the skin, metres."""
    bearing: np.ndarray
    """(N, 2) x and y of the buttocks' skin within BEARING of its lowest, metres: what carries a sitter."""


def posture_shape(body: SkinnedBody, name: str) -> PostureShape:
    """Measures one posture of one body."""
    xp, q = numpy_namespace(), posture(body, name)
    pose = to_pose(xp, body.freedoms, q)
    vertices = pose_vertices(xp, body, pose, np.zeros(3))
    joints = dict(
        zip(body.joint_names, joint_positions(xp, body, bone_transforms(xp, body, pose, np.zeros(3))), strict=True)
    )
    buttock = np.array(["buttock" in r for r in body.regions])
    back = np.array([r == "back" or "buttock" in r for r in body.regions])
    lowest = float(vertices[buttock, 2].min())
    bearing = vertices[buttock & (vertices[:, 2] < lowest + BEARING), :2]
    return PostureShape(q, joints, lowest, float(vertices[back, 0].min()), float(vertices[:, 2].min()), bearing)
