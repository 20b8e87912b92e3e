"""Depth Pro (Bochkovskii et al. 2024): metric depth and the field of view from one picture. Resizing is done here,
because the stock processor needs torchvision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from transformers import DepthProForDepthEstimation

from zeroshot_hoi.models.base import DepthMap, ModelError, check_image
from zeroshot_hoi.models.images import Normalization, resize_and_normalize
from zeroshot_hoi.models.loading import at_work, load_module, prepare
from zeroshot_hoi.models.settings import ModelSettings

INVERSE_RANGE = (1e-4, 1e4)
"""1 / m within which inverse depth is believed (the authors' clamp)."""


@dataclass(frozen=True)
class DepthPro:
    """A depth estimator; `from_pretrained` makes it."""

    module: Any
    normalization: Normalization
    settings: ModelSettings

    @classmethod
    def from_pretrained(cls, source: str, settings: ModelSettings | None = None) -> DepthPro:
        """The depth estimator in a folder, or of a hub id."""
        settings = settings or ModelSettings()
        folder = prepare(source, settings)
        module = load_module(DepthProForDepthEstimation, folder, settings)
        if not module.config.use_fov_model:
            raise ModelError(f"{folder} has no field-of-view head, so its depth has no unit. Use apple/DepthPro-hf.")
        side = int(module.config.patch_size / min(module.config.scaled_images_ratios))
        return cls(module, Normalization.read(folder, (side, side)), settings)

    def depth(self, image: np.ndarray) -> DepthMap:
        """The depth in metres of every pixel of `image (H, W, 3)`.

        The network answers with canonical inverse depth C; depth is f / (W C) with the focal length f in pixels from
        the estimated field of view (equation 2 of the paper).
        """
        image = check_image(image)
        pixels = resize_and_normalize(image, self.normalization, antialias=False)
        with at_work(self.module, self.settings) as (device, dtype):
            answer = self.module(pixels.to(device, dtype))
            half = 0.5 * torch.deg2rad(answer.field_of_view.float().reshape(()))
            inverse = answer.predicted_depth.float()[:, None] * (2.0 * torch.tan(half))
            full = F.interpolate(inverse, image.shape[:2], mode="bilinear", align_corners=False)
        return DepthMap((1.0 / full[0, 0].clamp(*INVERSE_RANGE)).cpu().numpy(), metric=True)
