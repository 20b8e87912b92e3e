"""The order of keypoints in published pose models, by name."""

from __future__ import annotations

from collections.abc import Mapping

from zeroshot_hoi.models.base import ModelError

COCO_BODY = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
"""COCO's 17 joints."""

_FEET = ("big_toe", "small_toe", "heel")
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def _coco_hand(side: str) -> tuple[str, ...]:
    """21 points: the wrist, then each finger from knuckle to tip."""
    return (f"{side}_palm", *(f"{side}_{finger}_{k}" for finger in _FINGERS for k in (1, 2, 3, "tip")))


COCO_WHOLE_BODY = (
    *COCO_BODY,
    *(f"{side}_{point}" for side in ("left", "right") for point in _FEET),
    *(f"face_{k}" for k in range(68)),
    *_coco_hand("left"),
    *_coco_hand("right"),
)
"""COCO-WholeBody's 133 keypoints (Jin et al. 2020)."""


def _goliath_hand(side: str) -> tuple[str, ...]:
    """21 points: each finger from tip to knuckle, then the wrist."""
    return (*(f"{side}_{finger}_{k}" for finger in _FINGERS for k in ("tip", 3, 2, 1)), f"{side}_wrist")


GOLIATH = (
    *COCO_BODY[:9],
    *COCO_BODY[11:],
    *(f"{side}_{point}" for side in ("left", "right") for point in _FEET),
    *_goliath_hand("right"),
    *_goliath_hand("left"),
    *(f"{side}_{point}" for point in ("olecranon", "cubital_fossa", "acromion") for side in ("left", "right")),
    "neck",
    *(f"face_{k}" for k in range(238)),
)
"""Sapiens' 308 keypoints (Khirodkar et al. 2024): body, feet, hands, six on the arms, the neck, then the face."""

ORDERS = {len(order): order for order in (COCO_BODY, COCO_WHOLE_BODY, GOLIATH)}


def keypoint_names(count: int, labels: Mapping[int, str] | None = None) -> tuple[str, ...]:
    """Names of a model's `count` keypoints: the known order of that length, or the labels of its own configuration."""
    if count in ORDERS:
        return ORDERS[count]
    named = {int(k): str(v) for k, v in (labels or {}).items() if not str(v).startswith("LABEL_")}
    if len(named) == count:
        return tuple(named[k].strip().lower().replace(" ", "_").replace("-", "_") for k in range(count))
    raise ModelError(
        f"The model finds {count} keypoints, and neither its configuration nor this library names them. "
        f"Known counts: {', '.join(str(n) for n in ORDERS)}."
    )
