"""Resize and normalize pictures for models whose stock processors need torchvision, and crop people for pose models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from zeroshot_hoi.models.files import read_json

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

PERSON_MARGIN = 1.25
"""A person's crop over the box (the convention of COCO top-down pose models)."""


@dataclass(frozen=True)
class Normalization:
    """How a checkpoint wants its pictures."""

    size: tuple[int, int]
    """Height, width."""
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    @classmethod
    def read(cls, folder: Path, size: tuple[int, int]) -> Normalization:
        """What `preprocessor_config.json` says, or `size` and ImageNet's statistics where there is none."""
        path = folder / "preprocessor_config.json"
        data = read_json(path) if path.is_file() else {}
        entry = data.get("size", {})
        if isinstance(entry, dict) and "height" in entry and "width" in entry:
            size = (int(entry["height"]), int(entry["width"]))
        mean = tuple(float(x) for x in data.get("image_mean", IMAGENET_MEAN))
        return cls(size, mean, tuple(float(x) for x in data.get("image_std", IMAGENET_STD)))

    def apply(self, pixels: torch.Tensor) -> torch.Tensor:
        """Normalized `(..., 3, H, W)` from values in 0..1."""
        mean = torch.tensor(self.mean, device=pixels.device)[:, None, None]
        return (pixels - mean) / torch.tensor(self.std, device=pixels.device)[:, None, None]


def to_unit(image: np.ndarray) -> torch.Tensor:
    """`(1, 3, H, W)` float32 in 0..1 from `(H, W, 3)` uint8."""
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255.0


def resize_and_normalize(image: np.ndarray, wanted: Normalization, antialias: bool = True) -> torch.Tensor:
    """`(1, 3, h, w)` float32: stretched to the wanted size (no padding), then normalized."""
    resized = F.interpolate(to_unit(image), wanted.size, mode="bilinear", align_corners=False, antialias=antialias)
    return wanted.apply(resized)


@dataclass(frozen=True)
class PersonCrop:
    """A window around a person, of the model's aspect ratio; it may reach beyond the picture."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def around(cls, corners: np.ndarray, size: tuple[int, int]) -> PersonCrop:
        """The window around a box (4,), grown by PERSON_MARGIN and to the aspect of `size` (height, width)."""
        x, y = 0.5 * (corners[0] + corners[2]), 0.5 * (corners[1] + corners[3])
        width, height = PERSON_MARGIN * (corners[2] - corners[0]), PERSON_MARGIN * (corners[3] - corners[1])
        aspect = size[1] / size[0]
        width, height = max(width, height * aspect), max(height, width / aspect)
        return cls(float(x - 0.5 * width), float(y - 0.5 * height), float(width), float(height))

    def cut(self, image: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
        """`(1, 3, h, w)` float32 in 0..1, black beyond the picture; pixel middles map to pixel middles."""
        rows = self.top + (torch.arange(size[0]) + 0.5) * self.height / size[0]
        columns = self.left + (torch.arange(size[1]) + 0.5) * self.width / size[1]
        y, x = torch.meshgrid(2.0 * rows / image.shape[0] - 1.0, 2.0 * columns / image.shape[1] - 1.0, indexing="ij")
        grid = torch.stack([x, y], dim=-1)[None].float()
        return F.grid_sample(to_unit(image), grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    def to_picture(self, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Pixels of the picture (..., 2) from pixels (x, y) of a crop or heat map of `size` (height, width)."""
        scale = np.array([self.width / size[1], self.height / size[0]])
        return np.array([self.left, self.top]) + points * scale


def read_peaks(heatmaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Peaks of `heatmaps (K, h, w)`: points (K, 2) with a parabola's sub-pixel offset through the logarithms of the
    neighbors (a Gaussian's exact peak; DARK, Zhang et al. 2020, along each axis), and values (K,)."""
    count, _, width = heatmaps.shape
    flat = heatmaps.reshape(count, -1).argmax(axis=1)
    row, column = flat // width, flat % width
    logs = np.log(np.clip(np.pad(heatmaps, ((0, 0), (1, 1), (1, 1)), mode="edge"), 1e-3, 50.0))
    k = np.arange(count)
    middle = logs[k, row + 1, column + 1]
    x = column + 0.5 + _parabola(logs[k, row + 1, column], middle, logs[k, row + 1, column + 2])
    y = row + 0.5 + _parabola(logs[k, row, column + 1], middle, logs[k, row + 2, column + 1])
    return np.stack([x, y], axis=1), heatmaps[k, row, column]


def _parabola(before: np.ndarray, middle: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Offset in [-.5, .5] of the peak of the parabola through three values."""
    bend = before - 2.0 * middle + after
    return np.clip(np.where(bend < -1e-9, 0.5 * (before - after) / np.where(bend < -1e-9, bend, 1.0), 0.0), -0.5, 0.5)
