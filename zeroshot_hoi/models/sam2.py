"""SAM 2 (Ravi et al. 2024): masks from boxes. The stock processor needs torchvision; resizing is done here instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from transformers import Sam2Model

from zeroshot_hoi.models.base import check_corners, check_image
from zeroshot_hoi.models.images import Normalization, resize_and_normalize
from zeroshot_hoi.models.loading import at_work, load_module, prepare
from zeroshot_hoi.models.settings import ModelSettings


@dataclass(frozen=True)
class Sam2:
    """A segmenter; `from_pretrained` makes it."""

    module: Any
    normalization: Normalization
    settings: ModelSettings

    @classmethod
    def from_pretrained(cls, source: str, settings: ModelSettings | None = None) -> Sam2:
        """The segmenter in a folder, or of a hub id."""
        settings = settings or ModelSettings()
        folder = prepare(source, settings)
        module = load_module(Sam2Model, folder, settings)
        side = int(module.config.prompt_encoder_config.image_size)
        return cls(module, Normalization.read(folder, (side, side)), settings)

    def segment(self, image: np.ndarray, corners: np.ndarray) -> np.ndarray:
        """Masks `(B, H, W)` of what the boxes `corners (B, 4)` of `image (H, W, 3)` contain."""
        image, corners = check_image(image), check_corners(corners)
        height, width = image.shape[:2]
        if not len(corners):
            return np.zeros((0, height, width), bool)
        size = self.normalization.size
        stretch = np.array([size[1] / width, size[0] / height] * 2)
        boxes = torch.from_numpy(corners * stretch)[None].float()
        pixels = resize_and_normalize(image, self.normalization)
        with at_work(self.module, self.settings) as (device, dtype):
            answer = self.module(
                pixel_values=pixels.to(device, dtype), input_boxes=boxes.to(device, dtype), multimask_output=False
            )
            logits = answer.pred_masks[0, :, :1].float()
            full = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
        return (full[:, 0] > 0.0).cpu().numpy()
