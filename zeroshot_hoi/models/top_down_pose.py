"""What top-down keypoint detectors share: one person is cut out, scaled, and read off a heat map for each joint."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch

from zeroshot_hoi.models.base import Keypoints, check_corners, check_image
from zeroshot_hoi.models.images import Normalization, PersonCrop, read_peaks
from zeroshot_hoi.models.keypoint_names import keypoint_names
from zeroshot_hoi.models.loading import at_work, load_module, prepare
from zeroshot_hoi.models.settings import ModelSettings


@dataclass(frozen=True)
class TopDownPose(ABC):
    """A pose model that looks at one person at a time and answers with a heat map for each keypoint; a subclass says
    which class of transformers it is, and where its configuration keeps the size of its input."""

    module: Any
    normalization: Normalization
    settings: ModelSettings
    experts: int = 1
    """Of a mixture (ViTPose++); the first is COCO's."""

    architecture: ClassVar[Any]

    @classmethod
    def from_pretrained(cls, source: str, settings: ModelSettings | None = None) -> Self:
        """The keypoint detector in a folder, or of a hub id; raises `ModelError` where it is missing, damaged or too
        large."""
        settings = settings or ModelSettings()
        folder = prepare(source, settings)
        module = load_module(cls.architecture, folder, settings)
        size, experts = cls.read_input(module.config)
        return cls(module, Normalization.read(folder, size), settings, experts)

    @classmethod
    @abstractmethod
    def read_input(cls, config: Any) -> tuple[tuple[int, int], int]:
        """Height and width of the picture that the network reads, and its number of experts."""

    def keypoints(self, image: np.ndarray, corners: np.ndarray) -> tuple[Keypoints, ...]:
        """The joints of the person in each of the boxes `corners (B, 4)` of `image (H, W, 3)`."""
        image = check_image(image)
        return tuple(self._one(image, box) for box in check_corners(corners))

    def _one(self, image: np.ndarray, box: np.ndarray) -> Keypoints:
        size = self.normalization.size
        window = PersonCrop.around(box, size)
        pixels = self.normalization.apply(window.cut(image, size))
        with at_work(self.module, self.settings) as (device, dtype):
            chosen = {"dataset_index": torch.zeros(1, dtype=torch.long, device=device)} if self.experts > 1 else {}
            heatmaps = self.module(pixels.to(device, dtype), **chosen).heatmaps[0].float().cpu().numpy()
        points, scores = read_peaks(heatmaps)
        shape = (heatmaps.shape[1], heatmaps.shape[2])
        names = keypoint_names(len(heatmaps), self.module.config.id2label)
        return Keypoints(names, window.to_picture(points, shape), np.clip(scores, 0.0, 1.0))
