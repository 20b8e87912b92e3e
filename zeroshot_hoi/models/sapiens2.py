"""Sapiens2 pose (Meta 2026): 308 keypoints of each person, with hands and feet. Cropping is done here, because the
stock processor needs torchvision."""

from __future__ import annotations

from typing import Any

from transformers import Sapiens2ForPoseEstimation

from zeroshot_hoi.models.top_down_pose import TopDownPose


class Sapiens2Pose(TopDownPose):
    """A keypoint detector; `from_pretrained` makes it."""

    architecture = Sapiens2ForPoseEstimation

    @classmethod
    def read_input(cls, config: Any) -> tuple[tuple[int, int], int]:
        """A side or (height, width); there is one expert."""
        side = config.image_size
        height, width = (side, side) if isinstance(side, int) else side
        return (int(height), int(width)), 1
