"""Three things that are called smoothness. Only the second is independent of the frame rate: never compare across."""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.metrics import motion
from zeroshot_hoi.metrics.metric import LOWER
from zeroshot_hoi.metrics.published.measure import measure, require_same, require_shape


@measure(
    "midpoint smoothness", "m", LOWER, "mean_tn |x_t - (x_t-1 + x_t+1) / 2|",
    "HOI-PAGE 'Smoothness' on joints or the 8 corners of the object's box; depends on fps",
)  # fmt: skip
def midpoint_smoothness(points: np.ndarray) -> float:
    """Mean distance of each point from the middle of its neighbors in time; `points (T, N, 3)`, NaN below 3 frames."""
    points = require_shape("midpoint smoothness", points, None, None, 3)
    return _mean_length(points[1:-1] - 0.5 * (points[:-2] + points[2:]))


@measure(
    "midpoint smoothness at 8 fps", "m", LOWER, "the same after linear resampling to 8 fps",
    "HOI-PAGE's formula on one clock for all methods, ours", "8 fps",
)  # fmt: skip
def midpoint_smoothness_8fps(points: np.ndarray, fps: float) -> float:
    """HOI-PAGE's smoothness of `points (T, N, 3)` resampled to 8 fps; NaN where that leaves fewer than 3 frames."""
    points = require_shape("midpoint smoothness at 8 fps", points, None, None, 3)
    if int((len(points) - 1) / fps * motion.SMOOTHNESS_FPS + 1e-9) < 2:
        return float("nan")
    return motion.smoothness(points, fps)


@measure("acceleration", "m/s^2", LOWER, "mean_tn |x_t-1 - 2 x_t + x_t+1| fps^2", "ARCTIC's second difference")
def acceleration(points: np.ndarray, fps: float) -> float:
    """Mean size of the acceleration of `points (T, N, 3)`; NaN below 3 frames."""
    points = require_shape("acceleration", points, None, None, 3)
    return fps**2 * _mean_length(np.diff(points, n=2, axis=0))


@measure("acceleration error", "m/s^2", LOWER, "mean_tn |a_pred - a_true|", "ARCTIC 'ACC'")
def acceleration_error(predicted: np.ndarray, recorded: np.ndarray, fps: float) -> float:
    """Mean distance between the accelerations of two tracks `(T, N, 3)`; NaN below 3 frames."""
    predicted = require_shape("acceleration error", predicted, None, None, 3)
    require_same("acceleration error", predicted, np.asarray(recorded))
    return fps**2 * _mean_length(np.diff(predicted - recorded, n=2, axis=0))


@measure(
    "jerk per frame", "m/frame^3", LOWER, "mean_tn |x_t+3 - 3 x_t+2 + 3 x_t+1 - x_t|",
    "DiffH2O 'Jerk': third difference, not divided by the time step; depends on fps",
)  # fmt: skip
def jerk_per_frame(points: np.ndarray) -> float:
    """Mean size of the third difference of `points (T, N, 3)`; NaN below 4 frames."""
    return _mean_length(np.diff(require_shape("jerk per frame", points, None, None, 3), n=3, axis=0))


def _mean_length(vectors: np.ndarray) -> float:
    return float(np.linalg.norm(vectors, axis=-1).mean()) if len(vectors) else float("nan")
