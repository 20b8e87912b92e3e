"""Sapiens2 pose (Meta 2026): 308 keypoints of each person, with hands and feet. Cropping is done here, because the
stock processor needs torchvision."""

from __future__ import annotations

from transformers import Sapiens2ForPoseEstimation

from zeroshot_hoi.models.images import Normalization
from zeroshot_hoi.models.loading import load_module, prepare
from zeroshot_hoi.models.settings import ModelSettings
from zeroshot_hoi.models.vitpose import TopDownPose


class Sapiens2Pose(TopDownPose):
    """A keypoint detector; `from_pretrained` makes it."""

    @classmethod
    def from_pretrained(cls, source: str, settings: ModelSettings | None = None) -> Sapiens2Pose:
        """The keypoint detector in a folder, or of a hub id."""
        settings = settings or ModelSettings()
        folder = prepare(source, settings)
        module = load_module(Sapiens2ForPoseEstimation, folder, settings)
        side = module.config.image_size
        height, width = (side, side) if isinstance(side, int) else side
        return cls(module, Normalization.read(folder, (int(height), int(width))), settings)
