"""Distances to a recording: joints, vertices, surfaces and object poses."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.metrics.metric import HIGHER, LOWER
from zeroshot_hoi.metrics.published.measure import measure, require_same, require_shape


@measure(
    "MPJPE", "mm", LOWER, "mean_tj |(p_tj - p_t,root) - (q_tj - q_t,root)|",
    "OpenHOI and PAM (21 hand joints), CHOIS", "the root joint aligned in every frame",
)  # fmt: skip
def mpjpe(predicted: np.ndarray, recorded: np.ndarray, root: int = 0) -> float:
    """Mean joint distance after the root is put in place; both `(T, J, 3)` metres."""
    predicted, recorded = _pair("MPJPE", predicted, recorded)
    return _millimetres((predicted - predicted[:, root : root + 1]) - (recorded - recorded[:, root : root + 1]))


@measure("global MPJPE", "mm", LOWER, "mean_tj |p_tj - q_tj|", "CHOIS 'Hand JPE' (hands only), OMOMO")
def global_mpjpe(predicted: np.ndarray, recorded: np.ndarray) -> float:
    """Mean joint distance where they are; both `(T, J, 3)` metres."""
    predicted, recorded = _pair("global MPJPE", predicted, recorded)
    return _millimetres(predicted - recorded)


@measure(
    "PA-MPJPE", "mm", LOWER, "min over similarities S of each frame of mean_j |S p_j - q_j|",
    "PAM (table 4), FreiHAND", "similarity (scale, rotation, translation) by least squares in every frame",
)  # fmt: skip
def pa_mpjpe(predicted: np.ndarray, recorded: np.ndarray) -> float:
    """Mean joint distance after Procrustes alignment; both `(T, J, 3)` metres."""
    predicted, recorded = _pair("PA-MPJPE", predicted, recorded)
    return _millimetres(procrustes_align(predicted, recorded) - recorded)


@measure(
    "PA-MPVPE", "mm", LOWER, "the same over mesh vertices", "PAM (table 4), FreiHAND",
    "similarity by least squares in every frame",
)  # fmt: skip
def pa_mpvpe(predicted: np.ndarray, recorded: np.ndarray) -> float:
    """Mean vertex distance after Procrustes alignment; both `(T, V, 3)` metres."""
    predicted, recorded = _pair("PA-MPVPE", predicted, recorded)
    return _millimetres(procrustes_align(predicted, recorded) - recorded)


@measure(
    "F-score at 5 mm", "0 to 1", HIGHER, "mean_t 2 P R / (P + R), P and R shares with a nearest neighbor within 5 mm",
    "PAM 'F@05', FreiHAND", "0.005 m",
)  # fmt: skip
def f_score_5(predicted: np.ndarray, recorded: np.ndarray) -> float:
    """Agreement of two point sets `(T, V, 3)` and `(T, W, 3)`; align them first where the paper does."""
    return _f_score(predicted, recorded, 0.005)


@measure(
    "F-score at 15 mm", "0 to 1", HIGHER, "mean_t 2 P R / (P + R), P and R shares with a nearest neighbor within 15 mm",
    "PAM 'F@15', FreiHAND", "0.015 m",
)  # fmt: skip
def f_score_15(predicted: np.ndarray, recorded: np.ndarray) -> float:
    """Agreement of two point sets `(T, V, 3)` and `(T, W, 3)`; align them first where the paper does."""
    return _f_score(predicted, recorded, 0.015)


@measure(
    "final object location error", "m", LOWER, "|o_T - o*_T|", "OpenHOI 'FOL' (unit not stated; metres is our reading)"
)
def final_object_location(predicted: np.ndarray, recorded: np.ndarray) -> float:
    """Distance of the object's place in the last frame; both `(T, 3)` metres."""
    predicted, recorded = _pair("final object location error", predicted, recorded, frame_shape=(3,))
    return float(np.linalg.norm(predicted[-1] - recorded[-1]))


@measure("object translation error", "mm", LOWER, "mean_t |o_t - o*_t|", "CHOIS 'T_obj', OMOMO")
def object_translation_error(predicted: np.ndarray, recorded: np.ndarray) -> float:
    """Mean distance of the object's place; both `(T, 3)` metres."""
    predicted, recorded = _pair("object translation error", predicted, recorded, frame_shape=(3,))
    return _millimetres(predicted - recorded)


@measure(
    "object rotation error", "Frobenius norm, 0 to 2.83", LOWER, "mean_t |R_t R*_t^T - I|_F", "CHOIS 'O_obj', OMOMO"
)
def object_rotation_error(predicted: np.ndarray, recorded: np.ndarray) -> float:
    """Mean Frobenius distance of the relative rotation from none; both `(T, 3, 3)`. It is 2 sqrt(2) sin(angle / 2)."""
    predicted, recorded = _pair("object rotation error", predicted, recorded, frame_shape=(3, 3))
    relative = predicted @ np.swapaxes(recorded, 1, 2)
    return float(np.linalg.norm(relative - np.eye(3), axis=(1, 2)).mean())


def procrustes_align(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """`source (*batch, N, 3)` moved, turned (never mirrored) and scaled onto `target` by least squares.

    Umeyama 1991. Points that coincide keep the scale 1.
    """
    source_mean, target_mean = source.mean(axis=-2, keepdims=True), target.mean(axis=-2, keepdims=True)
    x, y = source - source_mean, target - target_mean
    u, strength, vt = np.linalg.svd(np.swapaxes(y, -1, -2) @ x)
    flip = np.ones(strength.shape)
    flip[..., -1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * flip[..., None, :]) @ vt
    spread = np.sum(x**2, axis=(-1, -2))
    scale = np.where(spread > 0.0, np.sum(strength * flip, axis=-1) / np.where(spread > 0.0, spread, 1.0), 1.0)
    return scale[..., None, None] * x @ np.swapaxes(rotation, -1, -2) + target_mean


def _pair(
    where: str, predicted: np.ndarray, recorded: np.ndarray, frame_shape: tuple[int | None, ...] = (None, 3)
) -> tuple[np.ndarray, np.ndarray]:
    predicted = require_shape(where, predicted, None, *frame_shape)
    recorded = require_shape(where, recorded, None, *frame_shape)
    require_same(where, predicted, recorded)
    return predicted, recorded


def _millimetres(difference: np.ndarray) -> float:
    return 1000.0 * float(np.linalg.norm(difference, axis=-1).mean())


def _f_score(predicted: np.ndarray, recorded: np.ndarray, reach: float) -> float:
    predicted = require_shape("F-score", predicted, None, None, 3)
    recorded = require_shape("F-score", recorded, len(predicted), None, 3)
    scores = []
    for ours, truth in zip(predicted, recorded, strict=True):
        precision = float((KDTree(truth).query(ours)[0] <= reach).mean())
        recall = float((KDTree(ours).query(truth)[0] <= reach).mean())
        scores.append(2.0 * precision * recall / (precision + recall) if precision + recall else 0.0)
    return float(np.mean(scores))
