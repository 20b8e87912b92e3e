"""Feet that slide, a body that sinks, and a hold that drifts. Heights are over the floor z = 0 unless it is given."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from zeroshot_hoi.metrics.metric import LOWER
from zeroshot_hoi.metrics.published.measure import measure, require_shape

ANKLE_HEIGHT, TOE_HEIGHT = 0.08, 0.04
"""m, below which CHOIS counts an ankle or a toe as standing (after NeMF)."""
SKATE_HEIGHT, SKATE_SPEED, SKATE_WINDOW = 0.05, 0.5, 5
"""m, m/s, frames: HOI-Diff's `calculate_skating_ratio`."""


@measure(
    "weighted foot sliding", "mm per frame", LOWER,
    "mean over ankles and toes of 1000/T sum_{t<T, h_t<H} |dxy_t| (2 - 2^(h_t/H))",
    "CHOIS 'FS', OMOMO, NeMF", "H = 0.08 m for ankles, 0.04 m for toes",
)  # fmt: skip
def weighted_foot_sliding(ankles: np.ndarray, toes: np.ndarray, floor: float = 0.0) -> float:
    """How far feet near the floor move sideways, weighted by how near; `ankles` and `toes (T, F, 3)` metres, z up.

    CHOIS estimates `floor` from the lowest resting toes less 1 cm; pass it where the floor is not z = 0. One frame has
    no step: NaN.
    """
    ankles = require_shape("weighted foot sliding", ankles, None, None, 3)
    toes = require_shape("weighted foot sliding", toes, len(ankles), None, 3)
    if len(ankles) < 2:
        return float("nan")
    slides = [_weighted_slide(joints, floor, height) for joints, height in ((ankles, ANKLE_HEIGHT), (toes, TOE_HEIGHT))]
    return 1000.0 * float(np.concatenate(slides).mean())


def _weighted_slide(joints: np.ndarray, floor: float, standing: float) -> np.ndarray:
    """(F,) metres per frame."""
    height = joints[:-1, :, 2] - floor
    step = np.linalg.norm(np.diff(joints[..., :2], axis=0), axis=-1)
    weighted = np.where(height < standing, np.abs(step * (2.0 - 2.0 ** (height / standing))), 0.0)
    return weighted.sum(axis=0) / len(joints)


@measure(
    "skating ratio", "share of steps", LOWER,
    "mean_t [any foot: h_t < .05, h_t+1 < .05, v_t > .5 and 5-frame mean of v_t > .5]",
    "HOI-Diff 'Foot skating', GMD, OmniControl (at 20 fps)", "0.05 m, 0.5 m/s, window of 5 frames",
)  # fmt: skip
def skating_ratio(toes: np.ndarray, fps: float = 20.0) -> float:
    """Share of steps in which a toe near the floor is fast; `toes (T, F, 3)` metres, z up; NaN below 2 frames."""
    toes = require_shape("skating ratio", toes, None, None, 3)
    if len(toes) < 2:
        return float("nan")
    speed = fps * np.linalg.norm(np.diff(toes[..., :2], axis=0), axis=-1)
    # Beyond the ends the published code counts zeros, which makes the first and last two steps look slower.
    average = uniform_filter1d(speed, SKATE_WINDOW, axis=0, mode="constant")
    low = toes[..., 2] < SKATE_HEIGHT
    skates = low[:-1] & low[1:] & (speed > SKATE_SPEED) & (average > SKATE_SPEED)
    return float(skates.any(axis=1).mean())


@measure("ground depth", "mm", LOWER, "max_tv max(0, floor - z_tv)", "ground penetration, worst vertex")
def ground_depth(points: np.ndarray, floor: float = 0.0) -> float:
    """How deep the deepest of `points (T, N, 3)` is below the floor."""
    return 1000.0 * max(0.0, floor - float(require_shape("ground depth", points, None, None, 3)[..., 2].min()))


@measure(
    "floating",
    "mm",
    LOWER,
    "mean_t max(0, min_v z_tv - floor)",
    "physically-guided motion works 'Float', mean over frames",
)
def floating(points: np.ndarray, floor: float = 0.0) -> float:
    """How high the lowest of `points (T, N, 3)` is above the floor, on average; a seated or jumping body floats."""
    lowest = require_shape("floating", points, None, None, 3)[..., 2].min(axis=1)
    return 1000.0 * float(np.maximum(0.0, lowest - floor).mean())


@measure(
    "contact drift", "mm", LOWER, "max_t |c_t - mean_t c|, c the contact region's centroid in the object's frame",
    "ours, after HOI-PAGE's loss L_cd",
)  # fmt: skip
def contact_drift(centroid: np.ndarray) -> float:
    """How far a hold strays from its mean place; `centroid (T, 3)` metres in the object's frame."""
    centroid = require_shape("contact drift", centroid, None, 3)
    return 1000.0 * float(np.linalg.norm(centroid - centroid.mean(axis=0), axis=1).max())
