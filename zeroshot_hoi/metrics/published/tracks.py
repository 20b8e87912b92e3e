"""PAM's motion fidelity: do points of the picture move as they do in the real video?

Tracks come from a tracker, or, where the 3D points are known, from projecting them: `project_tracks`.
"""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.core.camera import Camera
from zeroshot_hoi.metrics.metric import HIGHER
from zeroshot_hoi.metrics.published.measure import MetricError, measure, require_shape

STILL = 1e-6
"""Pixels; a shorter step has no direction."""


def project_tracks(points: np.ndarray, camera: Camera) -> np.ndarray:
    """(N, T, 2) pixels, right and down from the top left corner, of world `points (T, N, 3)` metres.

    Raises MetricError where a point is not in front of the camera.
    """
    points = require_shape("project_tracks", points, None, None, 3)
    local = (points - camera.T_world_camera[:3, 3]) @ camera.T_world_camera[:3, :3]
    depth = -local[..., 2]
    if (depth <= 0.0).any():
        raise MetricError(
            f"project_tracks got {int((depth <= 0).sum())} points behind the camera; all must be in front."
        )
    focal = 0.5 * camera.height / np.tan(0.5 * camera.vertical_fov)
    right = 0.5 * camera.width + focal * local[..., 0] / depth
    down = 0.5 * camera.height - focal * local[..., 1] / depth
    return np.stack([right, down], axis=-1).swapaxes(0, 1)


def track_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N, M) mean cosine between the steps of tracks `(N, T, 2)` and `(M, T, 2)`.

    Two points that both rest in a step agree (1); where only one rests, nothing agrees (0). The paper leaves it open.
    """
    first = require_shape("track_correlation", first, None, None, 2)
    second = require_shape("track_correlation", second, None, first.shape[1], 2)
    (ours, ours_rests), (theirs, theirs_rest) = _directions(first), _directions(second)
    cosine = np.einsum("ntk,mtk->nmt", ours, theirs)
    return (cosine + ours_rests[:, None] * theirs_rest[None]).mean(axis=2)


@measure(
    "motion fidelity", "-2 to 2", HIGHER, "mean_i max_j corr(a_i, b_j) + mean_j max_i corr(a_i, b_j)",
    "PAM eq. 3 as printed: a sum of two means",
)  # fmt: skip
def motion_fidelity(generated: np.ndarray, real: np.ndarray) -> float:
    """Both ways best agreement of two sets of tracks `(N, T, 2)` and `(M, T, 2)`; NaN below two frames."""
    if min(generated.shape[1], real.shape[1]) < 2:
        return float("nan")
    correlation = track_correlation(generated, real)
    return float(correlation.max(axis=1).mean() + correlation.max(axis=0).mean())


@measure(
    "mean motion fidelity", "-1 to 1", HIGHER, "half of motion fidelity",
    "Yatim et al. 2024 as implemented; PAM's values (at most .777) fit this scale",
)  # fmt: skip
def mean_motion_fidelity(generated: np.ndarray, real: np.ndarray) -> float:
    """The mean of both directions instead of their sum; NaN below two frames."""
    return 0.5 * motion_fidelity(generated, real)


def _directions(tracks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit steps (N, T-1, 2), zero where a point rests, and whether it does (N, T-1)."""
    steps = np.diff(tracks, axis=1)
    length = np.linalg.norm(steps, axis=-1, keepdims=True)
    rests = length < STILL
    return np.where(rests, 0.0, steps / np.where(rests, 1.0, length)), rests[..., 0]
