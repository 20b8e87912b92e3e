"""ViTPose (Xu et al. 2022): COCO's 17 body joints of each person."""

from __future__ import annotations

from typing import Any

from transformers import VitPoseForPoseEstimation

from zeroshot_hoi.models.top_down_pose import TopDownPose


class VitPose(TopDownPose):
    """A keypoint detector; `from_pretrained` makes it."""

    architecture = VitPoseForPoseEstimation

    @classmethod
    def read_input(cls, config: Any) -> tuple[tuple[int, int], int]:
        """From the backbone's configuration; ViTPose++ has several experts."""
        height, width = config.backbone_config.image_size
        return (int(height), int(width)), int(getattr(config.backbone_config, "num_experts", 1))
