"""Morph targets for what linear skinning leaves out: the pose correctives of SMPL bodies, as a few animated shapes.

The difference between the true vertices and the skinned ones, brought back to the rest pose, is a low-rank matrix over
frames; its leading singular vectors are the shapes, their amounts the animation.
"""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.results.result import Rig

TOLERANCE = 5e-5
"""Metres: largest error left at any vertex in any frame."""


def pose_morphs(rig: Rig, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shapes `(M, V, 3)`, metres in the rest pose, and their amounts `(T, M)`; M is zero for a purely linear body."""
    if _worst(vertices - skinned_vertices(rig)) <= TOLERANCE:
        return np.zeros((0, len(rig.rest_vertices), 3)), np.zeros((len(vertices), 0))
    flat = rest_offsets(rig, vertices).reshape(len(vertices), -1)
    left, values, right = np.linalg.svd(flat, full_matrices=False)
    amounts, shapes = left * values, right
    count = 1
    while count < len(values) and _worst(flat - amounts[:, :count] @ shapes[:count]) > TOLERANCE:
        count += 1
    scale = np.abs(amounts[:, :count]).max(axis=0)
    return (shapes[:count] * scale[:, None]).reshape(count, -1, 3), amounts[:, :count] / scale


def _worst(offsets: np.ndarray) -> float:
    return float(np.linalg.norm(offsets.reshape(len(offsets), -1, 3), axis=-1).max(initial=0.0))


def skinned_vertices(rig: Rig) -> np.ndarray:
    """(T, V, 3) float32, metres: the rest mesh under linear skinning alone."""
    share = np.zeros((len(rig.rest_vertices), len(rig.bone_names)), np.float32)
    values = rig.weight_values / rig.weight_values.sum(axis=1, keepdims=True)
    np.add.at(share, (np.arange(len(share))[:, None], rig.weight_bones), values)
    moving = rig.bone_motion.astype(float)
    moving[..., 3] -= np.einsum("tgij,gj->tgi", moving[..., :3], rig.bone_rest[..., 3])
    moving = moving.astype(np.float32).reshape(len(moving), len(rig.bone_names), 12)
    rest = np.concatenate([rig.rest_vertices, np.ones((len(share), 1))], axis=1).astype(np.float32)
    return np.stack([np.einsum("vij,vj->vi", (share @ bones).reshape(-1, 3, 4), rest) for bones in moving])


def rest_offsets(rig: Rig, vertices: np.ndarray) -> np.ndarray:
    """(T, V, 3) how far each rest vertex must move so that skinning puts it where it was; exact, frame by frame."""
    offsets = np.empty(vertices.shape)
    values = rig.weight_values / rig.weight_values.sum(axis=1, keepdims=True)
    for frame, bones in enumerate(rig.bone_motion.astype(float)):
        shift = bones[..., 3] - np.einsum("gij,gj->gi", bones[..., :3], rig.bone_rest[..., 3])
        turn = np.einsum("vk,vkij->vij", values, bones[rig.weight_bones, :, :3])
        moved = np.einsum("vk,vki->vi", values, shift[rig.weight_bones])
        rest = np.linalg.solve(turn, (vertices[frame] - moved)[..., None])[..., 0]
        offsets[frame] = rest - rig.rest_vertices
    return offsets
