"""Inpainting with frozen diffusion pipelines (SD, SDXL, FLUX) through diffusers' auto classes.

Adaptive masks: every few steps the picture that the model is heading for (its predicted x0) is decoded and shown to the
caller, who answers with a new mask, for instance the person segmented in it. The mask and the latents of what it leaves
visible are replaced before the next step. FLUX pipelines offer no door for that; their masks stay as they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.auto_pipeline import AutoPipelineForInpainting
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from PIL import Image

from zeroshot_hoi.models.base import MaskRefiner, ModelError, check_image
from zeroshot_hoi.models.files import architecture, choose_variant, read_json
from zeroshot_hoi.models.loading import choose_device, choose_dtype, prepare, quietly
from zeroshot_hoi.models.settings import ModelSettings

STEPS = 50
"""Denoising steps (GenZI)."""

GUIDANCE = {"FluxFillPipeline": 30.0, "FluxInpaintPipeline": 7.0}
"""Classifier-free guidance of the distilled pipelines (their authors' examples); 7.5 for the rest (GenZI)."""

REFINE_AT = (0.3, 0.45, 0.6, 0.75)
"""Shares of the denoising after which the mask is made anew: before a third a figure is not yet recognizable, after
three quarters it hardly changes."""

NEGATIVE = "cropped, cut off limbs, extra limbs, missing hands, deformed, blurry, low quality, text"

LIBRARIES = (None, "diffusers", "transformers", "stable_diffusion")
"""Where a pipeline's components may come from; anything else would be code of the checkpoint's own."""


class RecordingScheduler(DDIMScheduler):
    """DDIM (Song et al. 2021), deterministic, that keeps the predicted x0 of its last step."""

    predicted: torch.Tensor | None = None

    def step(self, *args: Any, return_dict: bool = True, **kwargs: Any) -> Any:
        answer = super().step(*args, **{**kwargs, "return_dict": True})
        self.predicted = answer.pred_original_sample  # type: ignore[union-attr]
        return answer if return_dict else (answer.prev_sample, answer.pred_original_sample)  # type: ignore[union-attr]


@dataclass(frozen=True)
class DiffusionInpainter:
    """An inpainter; `from_pretrained` makes it."""

    pipe: Any
    steps: int = STEPS
    refine_at: tuple[float, ...] = REFINE_AT

    @classmethod
    def from_pretrained(
        cls, source: str, settings: ModelSettings | None = None, steps: int = STEPS
    ) -> DiffusionInpainter:
        """The inpainting pipeline in a folder, or of a hub id; text-to-image checkpoints of the families serve too."""
        settings = settings or ModelSettings()
        folder = prepare(source, settings)
        _check_components(folder)
        device, name = choose_device(settings), architecture(folder)
        loader = DiffusionPipeline if "Inpaint" in name or "Fill" in name else AutoPipelineForInpainting
        try:
            with quietly():
                pipe = loader.from_pretrained(
                    folder,
                    dtype=choose_dtype(settings, device),
                    use_safetensors=True,
                    local_files_only=True,
                    trust_remote_code=False,
                    variant=choose_variant(folder, settings.variant),
                )
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{folder} cannot be loaded as an inpainting pipeline: {error}") from error
        pipe.set_progress_bar_config(disable=True)
        if "mask" in pipe._callback_tensor_inputs:
            pipe.scheduler = RecordingScheduler.from_config(pipe.scheduler.config)
        if settings.offload == "model":
            pipe.enable_model_cpu_offload(device=device)
        elif settings.offload == "sequential":
            pipe.enable_sequential_cpu_offload(device=device)
        else:
            pipe.to(device)
        return cls(pipe, steps)

    @property
    def adaptive(self) -> bool:
        """Whether masks can change while a picture is being denoised."""
        return isinstance(self.pipe.scheduler, RecordingScheduler)

    @property
    def multiple(self) -> int:
        """What the sides of a picture must be divisible by."""
        return self.pipe.vae_scale_factor * (1 if self.adaptive else 2)

    def inpaint(
        self, image: np.ndarray, mask: np.ndarray, prompt: str, *, seed: int = 0, refine: MaskRefiner | None = None
    ) -> np.ndarray:
        """`image (H, W, 3)` with the True pixels of `mask (H, W)` made anew as `prompt` says; the others stay as is."""
        image, mask = check_image(image), _check_mask(mask, image)
        height, width = image.shape[:2]
        if height % self.multiple or width % self.multiple:
            raise ModelError(f"Sides must be multiples of {self.multiple} pixels for this model; got {width}x{height}.")
        if refine is not None and not self.adaptive:
            raise ModelError(
                f"{type(self.pipe).__name__} cannot change its mask while it works. Use adaptive = false, or a Stable "
                "Diffusion checkpoint."
            )
        name = type(self.pipe).__name__
        options: dict[str, Any] = {"guidance_scale": GUIDANCE.get(name, 7.5)}
        if self.adaptive:
            options |= {"negative_prompt": NEGATIVE, "eta": 0.0}
        if name != "FluxFillPipeline":
            options["strength"] = 1.0
        loop = _AdaptiveMask(self.pipe, image, mask, refine, self.steps, self.refine_at)
        if refine is not None:
            names = ["latents", "mask", "masked_image_latents"]
            options |= {"callback_on_step_end": loop, "callback_on_step_end_tensor_inputs": names}
        answer = self.pipe(
            prompt=prompt, image=Image.fromarray(image), mask_image=Image.fromarray(255 * mask.astype(np.uint8)),
            height=height, width=width, num_inference_steps=self.steps,
            generator=torch.Generator("cpu").manual_seed(seed), output_type="np", **options,
        ).images[0]  # fmt: skip
        if not np.isfinite(answer).all():
            raise ModelError(f"{name} answered with NaN. Use dtype = 'float32' or 'bfloat16'.")
        painted = np.round(255.0 * np.clip(answer, 0.0, 1.0)).astype(np.uint8)
        return np.where(loop.mask[..., None], painted, image)


class _AdaptiveMask:
    """The callback of a diffusers pipeline that asks for a new mask at a few steps; an empty answer changes nothing."""

    def __init__(
        self,
        pipe: Any,
        image: np.ndarray,
        mask: np.ndarray,
        refine: MaskRefiner | None,
        steps: int,
        shares: tuple[float, ...],
    ) -> None:
        self.pipe, self.image, self.mask, self.first, self.refine = pipe, image, mask, mask, refine
        self.due = {min(max(round(share * steps) - 1, 0), steps - 2): share for share in shares}

    def __call__(self, pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if step not in self.due or self.refine is None:
            return {}
        wanted = _check_shape(self.refine(self._predicted(), self.due[step]), self.image) & self.first
        if not wanted.any():
            return {}
        self.mask = wanted
        pipe, shape = self.pipe, self.image.shape[:2]
        pixels = pipe.image_processor.preprocess(Image.fromarray(self.image), height=shape[0], width=shape[1]).float()
        hidden = torch.from_numpy(wanted)[None, None].float()
        latents = tensors["latents"]
        mask, visible = pipe.prepare_mask_latents(
            hidden, pixels * (hidden < 0.5), latents.shape[0], *shape, tensors["mask"].dtype, latents.device,
            torch.Generator("cpu").manual_seed(0), pipe.do_classifier_free_guidance,
        )  # fmt: skip
        return {"mask": mask, "masked_image_latents": visible}

    def _predicted(self) -> np.ndarray:
        """The picture (H, W, 3) that the model is heading for."""
        pipe = self.pipe
        latents = pipe.scheduler.predicted.to(pipe.vae.dtype) / pipe.vae.config.scaling_factor
        decoded = pipe.vae.decode(latents, return_dict=False)[0].float()
        array = pipe.image_processor.postprocess(decoded, output_type="np", do_denormalize=[True])[0]
        return np.round(255.0 * np.nan_to_num(array)).astype(np.uint8)


def _check_mask(mask: Any, image: np.ndarray) -> np.ndarray:
    array = _check_shape(mask, image)
    if not array.any():
        raise ModelError("The mask is empty, so there is nothing to inpaint. Give one with True pixels.")
    return array


def _check_shape(mask: Any, image: np.ndarray) -> np.ndarray:
    array = np.asarray(mask)
    if array.dtype != bool or array.shape != image.shape[:2]:
        raise ModelError(
            f"A mask is (H, W) of bool like its picture {image.shape[:2]}; got {array.shape} of {array.dtype}."
        )
    return array


def _check_components(folder: Path) -> None:
    for name, entry in read_json(folder / "model_index.json").items():
        if isinstance(entry, list) and (len(entry) != 2 or entry[0] not in LIBRARIES):
            raise ModelError(
                f"{folder / 'model_index.json'}: '{name}' comes from {entry[:1]}, and only diffusers and transformers "
                "components are loaded. Code that comes with a checkpoint is never run."
            )
