"""Anatomical axes of every joint, and the anatomical angles of the rest mesh, from the rest geometry alone.

Each joint gets an orthonormal right-handed triple (columns): 0 sideways (abduction), 1 flexion, 2 the limb's long axis
toward the body (internal rotation, pronation). The axes are built for the right side; the left side is the same
construction on mirrored points, mapped back as axial vectors, so equal values are mirrored postures. Because only
rest joints and fingertips enter, the same few lines serve an A-pose, a T-pose and any shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from zeroshot_hoi.body.skeleton import FINGERS

Points = Mapping[str, np.ndarray]

FORWARD, UP = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
MIRROR = np.array([1.0, -1.0, 1.0])
"""Of positions; axial vectors take its negative."""
CLEAR_BEND = 0.15
"""sin of the rest flexion beyond which the bend itself tells the hinge axis (about 9 degrees)."""


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _triple(flexion: np.ndarray, proximal: np.ndarray, exact: str = "flexion") -> np.ndarray:
    """(3, 3) columns sideways, flexion, long axis; the `exact` one of the two is kept as given."""
    flexion, proximal = unit(flexion), unit(proximal)
    if exact == "flexion":
        proximal = unit(proximal - flexion * (flexion @ proximal))
    else:
        flexion = unit(flexion - proximal * (flexion @ proximal))
    return np.stack([np.cross(flexion, proximal), flexion, proximal], axis=1)


def signed_angle(start: np.ndarray, end: np.ndarray, axis: np.ndarray) -> float:
    """Radians that turn `start` to `end` about `axis`, their components along it aside."""
    axis = unit(axis)
    start, end = start - axis * (axis @ start), end - axis * (axis @ end)
    return float(np.arctan2(axis @ np.cross(start, end), start @ end))


def _palm(p: Points) -> tuple[np.ndarray, np.ndarray]:
    """Direction of the fingers and outward normal of the palm."""
    index, pinky = p["index1"] - p["wrist"], p["pinky1"] - p["wrist"]
    return unit(p["middle1"] - p["wrist"]), unit(np.cross(index, pinky))


def _arm(p: Points) -> dict[str, np.ndarray]:
    upper, fore, clavicle = p["elbow"] - p["shoulder"], p["wrist"] - p["elbow"], p["shoulder"] - p["collar"]
    bend = np.cross(unit(upper), unit(fore))
    hinge = bend if np.linalg.norm(bend) > CLEAR_BEND else np.cross(fore, FORWARD)
    lift = np.cross(clavicle, UP)
    sideways = -FORWARD - unit(upper) * (-FORWARD @ unit(upper))
    return {
        "collar": _triple(np.cross(-clavicle, lift), -clavicle, "proximal"),
        "shoulder": _triple(np.cross(-upper, sideways), -upper, "proximal"),
        "elbow": _triple(hinge, -fore),
    }


def _hand(p: Points, fore: np.ndarray) -> dict[str, np.ndarray]:
    along, normal = _palm(p)
    across = np.cross(along, normal)
    axes = {"wrist": _triple(across, -fore, "proximal")}
    for finger in FINGERS[:4]:
        chain = [p[f"{finger}{k}"] for k in (1, 2, 3)] + [p[f"{finger} tip"]]
        bones = [unit(b - a) for a, b in pairwise(chain)]
        bend = np.cross(bones[0], bones[1]) + np.cross(bones[1], bones[2])
        hinge = unit(bend + 0.3 * unit(np.cross(bones[0], normal)))
        axes.update({f"{finger}{k}": _triple(hinge, -bones[k - 1]) for k in (1, 2, 3)})
    chain = [p[f"thumb{k}"] for k in (1, 2, 3)] + [p["thumb tip"]]
    bones = [unit(b - a) for a, b in pairwise(chain)]
    inward = unit(normal - across)
    bend = np.cross(bones[0], bones[1]) + np.cross(bones[1], bones[2])
    hinge = unit(bend + 0.3 * unit(np.cross(bones[1], inward)))
    axes["thumb1"] = _triple(np.cross(bones[0], normal), -bones[0], "proximal")
    axes.update({f"thumb{k}": _triple(hinge, -bones[k - 1]) for k in (2, 3)})
    return axes


def _leg(p: Points) -> dict[str, np.ndarray]:
    thigh, shank, foot = p["knee"] - p["hip"], p["ankle"] - p["knee"], p["foot"] - p["ankle"]
    sideways = -FORWARD - unit(thigh) * (-FORWARD @ unit(thigh))
    ahead = unit(foot * [1.0, 1.0, 0.0])
    lift = np.cross(ahead, UP)
    return {
        "hip": _triple(np.cross(-thigh, sideways), -thigh, "proximal"),
        "knee": _triple(np.cross(shank, -ahead), -shank),
        "ankle": _triple(lift, UP),
        "foot": _triple(-lift, -ahead),
    }


def right_axes(p: Points) -> dict[str, np.ndarray]:
    """Joint -> (3, 3) axes of the right side, for the limbs whose points are there."""
    axes = {}
    if "shoulder" in p:
        axes.update(_arm(p))
    if "index1" in p:
        along, _ = _palm(p)
        axes.update(_hand(p, p["wrist"] - p["elbow"] if "elbow" in p else along))
    if "hip" in p:
        axes.update(_leg(p))
    return axes


def _hand_angles(p: Points, axes: Mapping[str, np.ndarray]) -> dict[str, float]:
    angles = {}
    for finger in FINGERS:
        chain = [p[f"{finger}{k}"] for k in (1, 2, 3)] + [p[f"{finger} tip"]]
        before = [p["wrist"], *chain] if finger != "thumb" else [None, *chain]
        for k in (1, 2, 3):
            if before[k - 1] is None:
                continue
            incoming, outgoing = chain[k - 1] - before[k - 1], chain[k] - chain[k - 1]
            angles[f"{finger}{k} flexion"] = signed_angle(incoming, outgoing, axes[f"{finger}{k}"][:, 1])
    return angles


def right_angles(p: Points, axes: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Anatomical angles in radians that the rest mesh already has; what is not listed is zero."""
    angles: dict[str, float] = {}
    if "shoulder" in p:
        upper, fore = p["elbow"] - p["shoulder"], p["wrist"] - p["elbow"]
        bending = np.cross(axes["elbow"][:, 1], fore)
        angles["shoulder abduction"] = signed_angle(-UP, upper, -FORWARD)
        angles["shoulder rotation"] = signed_angle(FORWARD, bending, axes["shoulder"][:, 2])
        angles["elbow flexion"] = signed_angle(upper, fore, axes["elbow"][:, 1])
        if "index1" in p:
            along, normal = _palm(p)
            angles["forearm pronation"] = signed_angle(bending, np.cross(along, normal), axes["wrist"][:, 2])
            angles["wrist flexion"] = signed_angle(fore, along, axes["wrist"][:, 1])
            angles["wrist deviation"] = signed_angle(fore, along, axes["wrist"][:, 0])
    if "index1" in p:
        angles.update(_hand_angles(p, axes))
    if "hip" in p:
        thigh, shank, foot = p["knee"] - p["hip"], p["ankle"] - p["knee"], p["foot"] - p["ankle"]
        angles["hip flexion"] = signed_angle(-UP, thigh, axes["hip"][:, 1])
        angles["hip abduction"] = signed_angle(-UP, thigh, -FORWARD)
        angles["knee flexion"] = signed_angle(thigh, shank, axes["knee"][:, 1])
        angles["hip rotation"] = signed_angle(FORWARD, foot, UP)
    return angles


def side_points(points: Points, side: str) -> dict[str, np.ndarray]:
    """Points of one side without its name, mirrored to the right where they are the left's."""
    sign = MIRROR if side == "left" else np.ones(3)
    return {name[len(side) + 1 :]: value * sign for name, value in points.items() if name.startswith(side + "_")}


def joint_axes(points: Points) -> dict[str, np.ndarray]:
    """Joint -> (3, 3) anatomical axes (columns) in the axes of the rest mesh, for every limb joint.

    `points` holds rest joints and fingertips (`right_index tip`) by name. Joints of the trunk are left out: their axes
    are the world's (x bends to the right, y flexes forward, z turns to the left).
    """
    axes = {}
    for side in ("left", "right"):
        sign = -MIRROR[:, None] if side == "left" else np.ones((3, 1))
        axes.update({f"{side}_{name}": sign * value for name, value in right_axes(side_points(points, side)).items()})
    return axes


def rest_angles(points: Points) -> dict[str, float]:
    """`right elbow flexion` -> anatomical angle of the rest mesh, radians; absent means zero."""
    angles = {}
    for side in ("left", "right"):
        mirrored = side_points(points, side)
        values = right_angles(mirrored, right_axes(mirrored))
        angles.update({f"{side} {name}": value for name, value in values.items()})
    return angles
