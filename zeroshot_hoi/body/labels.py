"""Which body part and which contact region every vertex belongs to, from skinning weights and rest geometry."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zeroshot_hoi.body.skeleton import FINGERS, SIDES
from zeroshot_hoi.core.body import SkinnedBody

SHOULDER_SHARE = 0.3
"""Of the upper arm, from the shoulder joint, that counts as shoulder (the deltoid)."""
HIP_SHARE, BUTTOCK_SHARE = 0.08, 0.3
"""Of the thigh that counts as hips, in front and behind: the gluteal fold is well below the joint."""
WAIST_SHARE = 0.35
"""Of the way from the pelvis to the first spine joint's child up to which the trunk counts as hips."""
SOLE_HEIGHT = 0.02
"""Metres above the ground within which a downward facing part of the foot is sole."""

_PART_OF = {
    "hip": "leg", "knee": "leg", "ankle": "foot", "foot": "foot", "collar": "torso", "shoulder": "arm", "elbow": "arm",
    "wrist": "hand",
}  # fmt: skip
_CENTRAL_PART = {"pelvis": "hips", "spine1": "torso", "spine2": "torso", "spine3": "torso", "neck": "neck"}


def joint_weights(weights: np.ndarray, joints: int, twist_joints: list[int]) -> np.ndarray:
    """(V, J) weights with each twist bone's added to the joint it belongs to."""
    result = weights[:, :joints].copy()
    for bone, joint in enumerate(twist_joints):
        result[:, joint] += weights[:, joints + bone]
    return result


def dominant_joints(body: SkinnedBody) -> np.ndarray:
    """(V,) the joint that moves each vertex most, twist bones counted with the joint whose limb they skin."""
    return joint_weights(body.weights, len(body.joint_names), [bone.parent for bone in body.twist_bones]).argmax(1)


def fingertips(
    vertices: np.ndarray, weights: np.ndarray, joint_names: tuple[str, ...], joints: np.ndarray
) -> dict[str, np.ndarray]:
    """`left_index tip` -> (3,) the farthest point of each finger's last bone, on the bone's line."""
    owner, tips = weights.argmax(1), {}
    for side in SIDES:
        for finger in FINGERS:
            if f"{side}_{finger}3" not in joint_names:
                continue
            last, before = joint_names.index(f"{side}_{finger}3"), joint_names.index(f"{side}_{finger}2")
            mine = vertices[owner == last] - joints[last]
            along = joints[last] - joints[before]
            if len(mine) and np.linalg.norm(mine.mean(0)) > 0.003:
                along = mine.mean(0)
            along = along / np.linalg.norm(along)
            length = (mine @ along).max() if len(mine) else 0.02
            tips[f"{side}_{finger} tip"] = joints[last] + along * max(length, 0.005)
    return tips


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3) unit outward normals, weighted by face area."""
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], cross)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _share_along(body: SkinnedBody, start: str, end: str, chosen: np.ndarray) -> np.ndarray:
    """How far along the segment between two joints the chosen vertices lie: 0 at its start, 1 at its end."""
    a, b = (body.rest_joints[body.joint_names.index(joint)] for joint in (start, end))
    return (body.rest_vertices[chosen] - a) @ (b - a) / ((b - a) @ (b - a))


def _side_labels(body: SkinnedBody, owner: np.ndarray, labels: np.ndarray) -> None:
    """Move what the joints alone get wrong: deltoid and acromion to the shoulder, buttocks and groin to the hips."""
    for side in SIDES:
        if f"{side}_shoulder" in body.joint_names:
            arm = np.flatnonzero(owner == body.joint_names.index(f"{side}_shoulder"))
            labels[arm[_share_along(body, f"{side}_shoulder", f"{side}_elbow", arm) < SHOULDER_SHARE]] = (
                f"{side} shoulder"
            )
            collar = np.flatnonzero(owner == body.joint_names.index(f"{side}_collar"))
            labels[collar[_share_along(body, f"{side}_collar", f"{side}_shoulder", collar) > 0.6]] = f"{side} shoulder"
        if f"{side}_hip" in body.joint_names:
            thigh = np.flatnonzero(owner == body.joint_names.index(f"{side}_hip"))
            share = _share_along(body, f"{side}_hip", f"{side}_knee", thigh)
            behind = body.rest_vertices[thigh, 0] < body.rest_joints[body.joint_names.index(f"{side}_hip"), 0] - 0.02
            labels[thigh[share < np.where(behind, BUTTOCK_SHARE, HIP_SHARE)]] = "hips"


def part_labels(body: SkinnedBody) -> tuple[str, ...]:
    """(V,) the body part of every vertex: BODY_PARTS, `torso` or `neck`."""
    owner = dominant_joints(body)
    by_joint = []
    for joint in body.joint_names:
        side, _, limb = joint.partition("_")
        if side not in SIDES:
            by_joint.append(_CENTRAL_PART.get(joint, "head"))
        elif limb.startswith("eye"):
            by_joint.append("head")
        else:
            part = _PART_OF.get(limb, "hand")
            by_joint.append("torso" if part == "torso" else f"{side} {part}")
    labels = np.array(by_joint, dtype="U16")[owner]
    if "spine1" in body.joint_names:
        low = np.flatnonzero(owner == body.joint_names.index("spine1"))
        labels[low[_share_along(body, "pelvis", "spine2", low) < WAIST_SHARE]] = "hips"
    _side_labels(body, owner, labels)
    return tuple(labels.tolist())


def regions(body: SkinnedBody, labels: tuple[str, ...], axes: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """(V,) the contact region of every vertex, or an empty string."""
    owner, parts = dominant_joints(body), np.array(labels)
    normals, result = vertex_normals(body.rest_vertices, body.faces), np.full(len(labels), "", dtype="U16")
    for side in SIDES:
        for finger in FINGERS:
            mine = [k for k, joint in enumerate(body.joint_names) if joint[:-1] == f"{side}_{finger}"]
            result[np.isin(owner, mine)] = f"{side} {finger}"
        if f"{side}_wrist" in axes and f"{side}_index1" in axes:
            share = _share_along(body, f"{side}_wrist", f"{side}_middle1", np.arange(len(labels)))
            wrist = owner == body.joint_names.index(f"{side}_wrist")
            result[wrist & (normals @ palm_normal(body, side) > 0.3) & (share > 0.12)] = f"{side} palm"
        if f"{side} foot" in labels:
            foot = parts == f"{side} foot"
            ground = body.rest_vertices[foot, 2].min()
            low = body.rest_vertices[:, 2] < ground + SOLE_HEIGHT
            result[foot & low & (normals[:, 2] < -0.5)] = f"{side} sole"
            hip = body.rest_joints[body.joint_names.index(f"{side}_hip")]
            lateral = (body.rest_vertices[:, 1] > 0) == (side == "left")
            height = body.rest_vertices[:, 2] - hip[2]
            seat = (parts == "hips") & lateral & (normals @ [-1.0, 0.0, -0.5] > 0.1) & (height < 0.1)
            result[seat & (body.rest_vertices[:, 0] < hip[0])] = f"{side} buttock"
    result[(parts == "torso") & (normals[:, 0] < -0.4)] = "back"
    return tuple(result.tolist())


def palm_normal(body: SkinnedBody, side: str) -> np.ndarray:
    """(3,) unit outward normal of a palm in the rest mesh."""
    at = {name: body.rest_joints[k] for k, name in enumerate(body.joint_names)}
    wrist = at[f"{side}_wrist"]
    normal = np.cross(at[f"{side}_index1"] - wrist, at[f"{side}_pinky1"] - wrist)
    return normal / np.linalg.norm(normal) * (1.0 if side == "right" else -1.0)
