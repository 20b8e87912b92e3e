"""Four things that are called contact, and what CHOIS reports of it against a recording.

HOI-PAGE's reading asks whether a vertex is *inside*, which a hand that hovers one millimetre off fails and a hand
buried in the object passes: read it beside the depth of penetration.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.metrics.metric import HIGHER
from zeroshot_hoi.metrics.published.measure import MetricError, measure, require_shape

PALM_REACH = 0.05
"""m, CHOIS and OMOMO: `contact_threh` of their evaluation code."""
WRIST_REACH = 0.1
"""m, the same code where a method has no hands (`use_joints24` off)."""
VERTEX_REACH = 0.005
"""m, DiffH2O and GRAB."""
ARTICULATED_REACH = 0.02
"""m, ARCTIC and Text2HOI."""


def palm_distance(palms: np.ndarray, object_vertices: np.ndarray) -> np.ndarray:
    """(T, H) metres from palm joints (T, H, 3) to the nearest object vertex (T, V, 3), as CHOIS measures it.

    Raises MetricError where the arrays have other shapes.
    """
    palms = require_shape("palm_distance", palms, None, None, 3)
    vertices = require_shape("palm_distance", object_vertices, len(palms), None, 3)
    return np.stack([KDTree(vertices[t]).query(palms[t])[0] for t in range(len(palms))])


@measure(
    "penetrating contact", "share of frames", HIGHER, "mean_t [min_v sdf_tv <= 0]",
    "HOI-PAGE 'Contact'; GenZI and COINS", "sdf <= 0 m",
)  # fmt: skip
def penetrating_contact(signed_distance: np.ndarray) -> float:
    """Share of frames in which any body vertex is on or in the object; `signed_distance (T, V)`, negative inside."""
    return float((require_shape("penetrating contact", signed_distance, None, None) <= 0.0).any(axis=1).mean())


@measure(
    "palm contact", "share of frames", HIGHER, "mean_t [min_h d_th < 0.05]", "CHOIS 'C%', OMOMO 'Contact percentage'",
    "palm joint within 0.05 m of an object vertex",
)  # fmt: skip
def palm_contact(distance: np.ndarray) -> float:
    """Share of frames in which either palm joint is within 5 cm; `distance (T, H)` from `palm_distance`."""
    return float(_palm_touches("palm contact", distance).mean())


@measure(
    "wrist contact", "share of frames", HIGHER, "mean_t [min_h d_th < 0.1]", "CHOIS's code for bodies without hands",
    "wrist joint within 0.1 m of an object vertex",
)  # fmt: skip
def wrist_contact(distance: np.ndarray) -> float:
    """Share of frames in which either wrist is within 10 cm; `distance (T, H)` from `palm_distance` of wrists."""
    return float(np.any(require_shape("wrist contact", distance, None, None) < WRIST_REACH, axis=1).mean())


@measure(
    "hand vertex contact", "share of hand vertices", HIGHER, "mean_tv [d_tv <= 0.005]", "DiffH2O, GRAB",
    "|d| <= 0.005 m",
)  # fmt: skip
def hand_vertex_contact(distance: np.ndarray) -> float:
    """Share of hand vertices, over all frames, within 5 mm of the surface; `distance (T, V)`, signs do not matter."""
    return float((np.abs(require_shape("hand vertex contact", distance, None, None)) <= VERTEX_REACH).mean())


@measure(
    "wide vertex contact", "share of hand vertices", HIGHER, "mean_tv [d_tv <= 0.02]",
    "ARCTIC and Text2HOI's contact maps; that the share is taken over vertices is our reading", "|d| <= 0.02 m",
)  # fmt: skip
def wide_vertex_contact(distance: np.ndarray) -> float:
    """Share of hand vertices within 2 cm; `distance (T, V)`, signs do not matter."""
    return float((np.abs(require_shape("wide vertex contact", distance, None, None)) <= ARTICULATED_REACH).mean())


@measure(
    "palm contact precision", "share of predicted contact frames", HIGHER, "TP / (TP + FP)",
    "CHOIS 'C_prec', OMOMO", "palm joint within 0.05 m; NaN where nothing is predicted (theirs: 0)",
)  # fmt: skip
def contact_precision(predicted: np.ndarray, recorded: np.ndarray) -> float:
    """Of the frames in which the predicted palms `distance (T, H)` touch, the share in which the recorded ones do."""
    ours, truth = _both("palm contact precision", predicted, recorded)
    return _ratio(int(np.sum(ours & truth)), int(np.sum(ours)))


@measure(
    "palm contact recall", "share of recorded contact frames", HIGHER, "TP / (TP + FN)",
    "CHOIS 'C_rec', OMOMO", "palm joint within 0.05 m; NaN where nothing was recorded (theirs: 0)",
)  # fmt: skip
def contact_recall(predicted: np.ndarray, recorded: np.ndarray) -> float:
    """Of the frames in which the recorded palms `distance (T, H)` touch, the share in which the predicted ones do."""
    ours, truth = _both("palm contact recall", predicted, recorded)
    return _ratio(int(np.sum(ours & truth)), int(np.sum(truth)))


@measure(
    "palm contact F1", "0 to 1", HIGHER, "2 TP / (2 TP + FP + FN)", "CHOIS 'C_F1', OMOMO",
    "palm joint within 0.05 m; NaN where neither touches (theirs: 0)",
)  # fmt: skip
def contact_f1(predicted: np.ndarray, recorded: np.ndarray) -> float:
    """Harmonic mean of precision and recall of palm contact; both `(T, H)` metres."""
    ours, truth = _both("palm contact F1", predicted, recorded)
    return _ratio(2 * int(np.sum(ours & truth)), int(np.sum(ours)) + int(np.sum(truth)))


def _palm_touches(where: str, distance: np.ndarray) -> np.ndarray:
    return np.any(require_shape(where, distance, None, None) < PALM_REACH, axis=1)


def _both(where: str, predicted: np.ndarray, recorded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(predicted) != len(recorded):
        raise MetricError(f"{where} compares frame by frame; it got {len(predicted)} and {len(recorded)} frames.")
    return _palm_touches(where, predicted), _palm_touches(where, recorded)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
