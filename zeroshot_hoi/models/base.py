"""What stages ask of frozen models: protocols over plain arrays, and the records that pass through them.

Pictures are `(H, W, 3)` uint8 sRGB. Pixel coordinates are (x, y) with the origin at the upper left corner of the
picture, so that the middle of pixel (row 0, column 0) is at (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from zeroshot_hoi.core.errors import HoiError

MAX_SIDE = 4096
"""Pixels; longer pictures are refused, because attention over them would exhaust memory."""

MaskRefiner = Callable[[np.ndarray, float], np.ndarray]
"""(the picture predicted so far `(H, W, 3)` uint8, share of the denoising done in [0, 1]) -> new mask `(H, W)` bool."""


class ModelError(HoiError):
    """A frozen model that cannot be loaded or used: weights missing, memory too small, an answer without sense."""


@dataclass(frozen=True)
class Boxes:
    """What a detector found in one picture."""

    corners: np.ndarray
    """(B, 4) left, top, right, bottom in pixels."""
    scores: np.ndarray
    """(B,) in [0, 1]."""
    phrases: np.ndarray
    """(B,) index of the phrase that each box answers."""

    def __len__(self) -> int:
        return len(self.corners)

    def of(self, chosen: np.ndarray) -> Boxes:
        """The boxes `chosen` (mask or indices)."""
        return Boxes(self.corners[chosen], self.scores[chosen], self.phrases[chosen])


@dataclass(frozen=True)
class Keypoints:
    """The joints of one person in one picture."""

    names: tuple[str, ...]
    """Lower case with underscores: `left_wrist`, `right_index_tip`."""
    points: np.ndarray
    """(K, 2) pixels."""
    scores: np.ndarray
    """(K,) in [0, 1]."""


@dataclass(frozen=True)
class DepthMap:
    """How far everything in a picture is."""

    values: np.ndarray
    """(H, W) metres where `metric`; otherwise relative inverse depth, larger is nearer."""
    metric: bool


class Detector(Protocol):
    """Finds boxes for phrases of an open vocabulary."""

    def detect(self, image: np.ndarray, phrases: Sequence[str]) -> Boxes:
        """Boxes in `image` for each of the `phrases`; empty where nothing answers."""
        ...


class Segmenter(Protocol):
    """Cuts out what a box contains."""

    def segment(self, image: np.ndarray, corners: np.ndarray) -> np.ndarray:
        """Masks `(B, H, W)` bool of the things in the boxes `corners (B, 4)`."""
        ...


class Inpainter(Protocol):
    """Fills a masked region of a picture as a text says."""

    adaptive: bool
    """Whether `refine` can change the mask while the picture is being denoised."""

    def inpaint(
        self, image: np.ndarray, mask: np.ndarray, prompt: str, *, seed: int = 0, refine: MaskRefiner | None = None
    ) -> np.ndarray:
        """The picture `(H, W, 3)` with the True pixels of `mask (H, W)` made anew."""
        ...


class KeypointDetector(Protocol):
    """Finds the joints of people whose boxes are known."""

    def keypoints(self, image: np.ndarray, corners: np.ndarray) -> tuple[Keypoints, ...]:
        """The joints of the person in each of the boxes `corners (B, 4)`."""
        ...


class DepthEstimator(Protocol):
    """Estimates depth from one picture."""

    def depth(self, image: np.ndarray) -> DepthMap:
        """The depth of every pixel of `image`."""
        ...


def check_image(image: Any) -> np.ndarray:
    """`image` as a contiguous `(H, W, 3)` uint8 array, or an error that says what came instead."""
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or 0 in array.shape:
        raise ModelError(f"A picture is (H, W, 3) of uint8; got {array.shape} of {array.dtype}.")
    if max(array.shape[:2]) > MAX_SIDE:
        raise ModelError(f"A picture has sides of at most {MAX_SIDE} pixels; got {array.shape[1]}x{array.shape[0]}.")
    return np.ascontiguousarray(array)


def check_corners(corners: Any) -> np.ndarray:
    """`corners` as a float `(B, 4)` array of finite boxes."""
    array = np.asarray(corners, float).reshape(-1, 4) if np.size(corners) else np.zeros((0, 4))
    if not np.isfinite(array).all() or (array[:, 2:] <= array[:, :2]).any():
        raise ModelError("A box is left, top, right, bottom in pixels with right > left and bottom > top.")
    return array


def clean_boxes(corners: np.ndarray, scores: np.ndarray, phrases: np.ndarray, size: tuple[int, int]) -> Boxes:
    """Boxes cut at the picture's `size` (height, width), without those that vanish or are not finite."""
    limit = np.array([size[1], size[0], size[1], size[0]], float)
    finite = np.isfinite(corners).all(axis=1) & np.isfinite(scores)
    corners = np.clip(np.where(finite[:, None], corners, 0.0), 0.0, limit)
    kept = finite & (corners[:, 2] - corners[:, 0] >= 1.0) & (corners[:, 3] - corners[:, 1] >= 1.0)
    return Boxes(corners, scores, phrases).of(kept)


def suppress_repeats(boxes: Boxes, overlap: float = 0.5) -> Boxes:
    """Boxes of one phrase that overlap a better one of it by more than `overlap` (intersection over union) dropped."""
    kept: list[int] = []
    for index in np.argsort(-boxes.scores, kind="stable"):
        same = [k for k in kept if boxes.phrases[k] == boxes.phrases[index]]
        if not same or _overlap(boxes.corners[index], boxes.corners[same]).max() <= overlap:
            kept.append(int(index))
    return boxes.of(np.array(kept, dtype=int))


def _overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union (N,) of one box (4,) with `others (N, 4)`."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    return shared / np.maximum(areas - shared, 1e-9)
