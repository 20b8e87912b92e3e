"""The points with which a person touches: palmar pads of the hand, soles of the feet."""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.body.labels import palm_normal
from zeroshot_hoi.body.skeleton import FINGERS
from zeroshot_hoi.body.surface import (
    barycentric_points,
    concatenate,
    face_areas,
    face_joints,
    face_normals,
    points_on_faces,
)
from zeroshot_hoi.core.body import BodyPoints, SkinnedBody
from zeroshot_hoi.core.errors import BodyError

PHALANGES = ("proximal", "middle", "distal")
PALMAR_COSINE = 0.5
"""A face belongs to a pad where its normal is within 60 degrees of the palmar direction."""
CONTACT_BAND = 0.006
"""Metres above the lowest point of a sole that flesh closes under a person's weight."""


def _require_hand(body: SkinnedBody, side: str) -> None:
    if side not in ("left", "right"):
        raise BodyError(f"A side is 'left' or 'right', not '{side}'.")
    if f"{side}_index1" not in body.joint_names:
        raise BodyError(f"The body '{body.name}' ({body.model}) has no {side} hand with fingers.")


def flexion_direction(body: SkinnedBody, joint: str) -> np.ndarray:
    """(3,) unit rest direction into which a finger's bone moves when its joint flexes: its palmar side."""
    index = body.joint_names.index(joint)
    side = joint.split("_")[0]
    name = f"{side} {joint.split('_')[1]} flexion"
    axis = body.joint_frames[index] @ body.freedoms.basis[body.freedoms.index(name), index]
    following = [k for k, parent in enumerate(body.joint_parents) if parent == index]
    previous = body.joint_parents[index]
    ends = (index, following[0]) if following else (previous, index)
    moved = np.cross(axis, body.rest_joints[ends[1]] - body.rest_joints[ends[0]])
    return moved / np.linalg.norm(moved)


def _pad_faces(body: SkinnedBody, joint: str, owner: np.ndarray, normals: np.ndarray) -> np.ndarray:
    mine = np.flatnonzero(owner == body.joint_names.index(joint))
    facing = normals[mine] @ flexion_direction(body, joint)
    return mine[facing > min(PALMAR_COSINE, float(facing.max()) - 0.05)]


def _palm_patches(body: SkinnedBody, side: str, owner: np.ndarray, normals: np.ndarray) -> dict[str, np.ndarray]:
    """Faces of the four patches: below the knuckles and at the heel, on the thumb's and the little finger's side."""
    at = {name: body.rest_joints[k] for k, name in enumerate(body.joint_names)}
    wrist, index, pinky = (at[f"{side}_{name}"] for name in ("wrist", "index1", "pinky1"))
    knuckles = (index + pinky) / 2.0
    along, across = knuckles - wrist, index - pinky
    centers = body.rest_vertices[body.faces].mean(1)
    share = (centers - wrist) @ along / (along @ along)
    radial = (centers - knuckles) @ across / (across @ across)
    hand = np.isin(owner, [body.joint_names.index(f"{side}_{name}") for name in ("wrist", "thumb1")])
    palm = hand & (normals @ palm_normal(body, side) > PALMAR_COSINE) & (share > 0.15) & (share < 1.1)
    split = float(np.median(share[palm])) if palm.any() else 0.6
    return {
        f"{side} palm index": np.flatnonzero(palm & (share >= split) & (radial >= 0)),
        f"{side} palm pinky": np.flatnonzero(palm & (share >= split) & (radial < 0)),
        f"{side} palm thumb": np.flatnonzero(palm & (share < split) & (radial >= 0)),
        f"{side} palm heel": np.flatnonzero(palm & (share < split) & (radial < 0)),
    }


def hand_pads(body: SkinnedBody, side: str, count: int = 5, seed: int = 0) -> dict[str, BodyPoints]:
    """18 palmar pads of a hand with `count` points each: 12 phalanges, 2 of the thumb, 4 patches of the palm.

    Named `right index distal`, `right thumb proximal`, `right palm heel`, ...
    """
    _require_hand(body, side)
    owner, normals = face_joints(body), face_normals(body)
    faces: dict[str, np.ndarray] = {}
    for finger in FINGERS:
        numbers = (2, 3) if finger == "thumb" else (1, 2, 3)
        names = ("proximal", "distal") if finger == "thumb" else PHALANGES
        for number, name in zip(numbers, names, strict=True):
            faces[f"{side} {finger} {name}"] = _pad_faces(body, f"{side}_{finger}{number}", owner, normals)
    faces |= _palm_patches(body, side, owner, normals)
    empty = [name for name, chosen in faces.items() if not len(chosen)]
    if empty:
        raise BodyError(
            f"The body '{body.name}' has no palmar skin for {', '.join(empty)}. Are its faces oriented outward?"
        )
    return {name: points_on_faces(body, chosen, count, seed + k) for k, (name, chosen) in enumerate(faces.items())}


_SOLE_PLACES = np.array(
    [[0.03, 0.5], [0.1, 0.25], [0.1, 0.75], [0.2, 0.5], [0.42, 0.85], [0.7, 0.2], [0.7, 0.5], [0.7, 0.8], [0.78, 0.35],
     [0.95, 0.2], [0.93, 0.5], [0.87, 0.8]]
)  # fmt: skip
"""(12, 2) along the foot from the heel, and across it from the big toe's side: heel 4, outer edge 1, ball 4, toes 3."""


def sole_points(body: SkinnedBody, side: str) -> BodyPoints:
    """12 points of a foot where it meets the ground: four at the heel, one on the outer edge, four ball, three toes."""
    if f"{side} sole" not in body.regions:
        raise BodyError(f"The body '{body.name}' has no {side} sole.")
    mask = np.array(body.regions) == f"{side} sole"
    faces = np.flatnonzero(mask[body.faces].all(1))
    centers = body.rest_vertices[body.faces[faces]].mean(1)
    faces = faces[centers[:, 2] < centers[:, 2].min() + 2.0 * CONTACT_BAND]
    centers = body.rest_vertices[body.faces[faces]].mean(1)
    ankle, toes = (body.rest_joints[body.joint_names.index(f"{side}_{name}")] for name in ("ankle", "foot"))
    ahead = (toes - ankle)[:2] / np.linalg.norm((toes - ankle)[:2])
    outward = np.array([-ahead[1], ahead[0]]) * (1.0 if side == "left" else -1.0)
    flat = (centers - ankle)[:, :2] @ np.stack([ahead, outward], axis=1)
    low, high = flat.min(0), flat.max(0)
    wanted = low + _SOLE_PLACES * (high - low)
    cost = np.linalg.norm(wanted[:, None] - flat, axis=2) + 3.0 * (centers[:, 2] - centers[:, 2].min())
    chosen = faces[cost.argmin(1)]
    area = face_areas(body)[faces].sum() / len(chosen)
    return barycentric_points(body, chosen, np.full((len(chosen), 3), 1.0 / 3.0), np.full(len(chosen), area))


def all_pads(pads: dict[str, BodyPoints]) -> BodyPoints:
    """The points of every pad, one after the other."""
    return concatenate(list(pads.values()))
