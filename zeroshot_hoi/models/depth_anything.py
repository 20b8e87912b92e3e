"""Depth Anything V2 (Yang et al. 2024): relative or metric depth from one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from transformers import DepthAnythingForDepthEstimation, DPTImageProcessorPil

from zeroshot_hoi.models.base import DepthMap, check_image
from zeroshot_hoi.models.loading import at_work, load_module, prepare
from zeroshot_hoi.models.settings import ModelSettings


@dataclass(frozen=True)
class DepthAnything:
    """A depth estimator; `from_pretrained` makes it."""

    module: Any
    processor: Any
    settings: ModelSettings

    @classmethod
    def from_pretrained(cls, source: str, settings: ModelSettings | None = None) -> DepthAnything:
        """The depth estimator in a folder, or of a hub id."""
        settings = settings or ModelSettings()
        folder = prepare(source, settings)
        return cls(
            load_module(DepthAnythingForDepthEstimation, folder, settings),
            DPTImageProcessorPil.from_pretrained(folder, local_files_only=True),
            settings,
        )

    def depth(self, image: np.ndarray) -> DepthMap:
        """The depth of every pixel of `image (H, W, 3)`; metres for a metric checkpoint."""
        image = check_image(image)
        pixels = self.processor(images=image, return_tensors="pt")["pixel_values"]
        with at_work(self.module, self.settings) as (device, dtype):
            answer = self.module(pixels.to(device, dtype)).predicted_depth.float()[:, None]
            full = F.interpolate(answer, image.shape[:2], mode="bilinear", align_corners=False)
        return DepthMap(full[0, 0].cpu().numpy(), self.module.config.depth_estimation_type == "metric")
