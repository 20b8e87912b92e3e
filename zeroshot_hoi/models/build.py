"""Open the backend that a checkpoint's own configuration names."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from zeroshot_hoi.core.errors import EngineError, nearest_name
from zeroshot_hoi.models.base import ModelError
from zeroshot_hoi.models.files import architecture, locate
from zeroshot_hoi.models.settings import ModelSettings
from zeroshot_hoi.models.weights import DEFAULTS, ROLES

PACKAGES = ("torch", "transformers", "diffusers", "accelerate", "safetensors")

INPAINTER = "zeroshot_hoi.models.diffusion:DiffusionInpainter"

BACKENDS = {
    ("detector", "grounding-dino"): "zeroshot_hoi.models.grounding_dino:GroundingDino",
    ("detector", "owlv2"): "zeroshot_hoi.models.owlv2:Owlv2",
    ("segmenter", "sam2"): "zeroshot_hoi.models.sam2:Sam2",
    ("segmenter", "sam2_video"): "zeroshot_hoi.models.sam2:Sam2",
    ("inpainter", "StableDiffusionInpaintPipeline"): INPAINTER,
    ("inpainter", "StableDiffusionPipeline"): INPAINTER,
    ("inpainter", "StableDiffusionXLInpaintPipeline"): INPAINTER,
    ("inpainter", "StableDiffusionXLPipeline"): INPAINTER,
    ("inpainter", "FluxFillPipeline"): INPAINTER,
    ("inpainter", "FluxPipeline"): INPAINTER,
    ("keypoints", "vitpose"): "zeroshot_hoi.models.vitpose:VitPose",
    ("keypoints", "sapiens2"): "zeroshot_hoi.models.sapiens2:Sapiens2Pose",
    ("depth", "depth_anything"): "zeroshot_hoi.models.depth_anything:DepthAnything",
    ("depth", "depth_pro"): "zeroshot_hoi.models.depth_pro:DepthPro",
}
"""(role, what the configuration says) -> `module:class`; nothing is imported until a model is asked for."""


def load_model(role: str, source: str = "", settings: ModelSettings | None = None) -> Any:
    """The model for `role` in a folder or of a hub id; an empty source takes the default of `models.weights`.

    Raises `EngineError` where packages are missing, `ModelError` where weights are missing, damaged, of another kind,
    or too large.
    """
    if role not in ROLES:
        raise ModelError(f"There is no role '{role}'. {nearest_name(role, ROLES)}")
    require_packages()
    settings = settings or ModelSettings()
    source = source or DEFAULTS[role]
    found = architecture(locate(source, settings.revision, settings.download))
    target = BACKENDS.get((role, found))
    if target is None:
        known = [name for asked, name in BACKENDS if asked == role]
        raise ModelError(
            f"'{source}' is a '{found}', which cannot serve as {role}. Known for that: {', '.join(known)}."
        )
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute).from_pretrained(source, settings)


def require_packages() -> None:
    """Raise `EngineError` with the line that installs them where packages of frozen models are missing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise EngineError(
            f"Frozen models need {', '.join(missing)}, which is not installed. "
            "Install it: pip install 'zeroshot-hoi[models]'"
        )
