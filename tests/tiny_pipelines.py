"""Tiny random diffusion pipelines, written with save_pretrained: SD and SDXL with nine input channels, FLUX Fill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import diffusers as df
import torch
import transformers as tf
from tiny_models import clip_tokenizer


def _vae(channels: int = 4, **more: Any) -> df.AutoencoderKL:
    return df.AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels, norm_num_groups=2, layers_per_block=1, **more,
    )  # fmt: skip


def _clip_text(tokens: int, projection: bool = False) -> Any:
    config = tf.CLIPTextConfig(
        vocab_size=tokens, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=16, projection_dim=16, bos_token_id=tokens - 2, eos_token_id=tokens - 1,
    )  # fmt: skip
    return (tf.CLIPTextModelWithProjection if projection else tf.CLIPTextModel)(config)


def _unet(channels: int, cross: int, **more: Any) -> df.UNet2DConditionModel:
    return df.UNet2DConditionModel(
        sample_size=16, in_channels=channels, out_channels=4, block_out_channels=(8, 16), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=cross, attention_head_dim=4, norm_num_groups=2, **more,
    )  # fmt: skip


def _noise() -> df.DDIMScheduler:
    return df.DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1,
    )  # fmt: skip


def stable_diffusion(folder: Path, tokenizer: tf.CLIPTokenizer, channels: int = 9) -> None:
    df.StableDiffusionInpaintPipeline(
        vae=_vae(), text_encoder=_clip_text(len(tokenizer)), tokenizer=tokenizer, unet=_unet(channels, 16),
        scheduler=_noise(), safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip


def stable_diffusion_four_channels(folder: Path, tokenizer: tf.CLIPTokenizer) -> None:
    df.StableDiffusionPipeline(
        vae=_vae(), text_encoder=_clip_text(len(tokenizer)), tokenizer=tokenizer, unet=_unet(4, 16),
        scheduler=_noise(), safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip


def stable_diffusion_xl(folder: Path, tokenizer: tf.CLIPTokenizer) -> None:
    unet = _unet(
        9, 32, addition_embed_type="text_time", addition_time_embed_dim=8, transformer_layers_per_block=1,
        use_linear_projection=True, projection_class_embeddings_input_dim=6 * 8 + 16,
    )  # fmt: skip
    df.StableDiffusionXLInpaintPipeline(
        vae=_vae(), text_encoder=_clip_text(len(tokenizer)), text_encoder_2=_clip_text(len(tokenizer), True),
        tokenizer=tokenizer, tokenizer_2=tokenizer, unet=unet, scheduler=df.EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
    ).save_pretrained(folder)  # fmt: skip


def flux_fill(folder: Path, tokenizer: tf.CLIPTokenizer) -> None:
    t5 = tf.T5Config(
        vocab_size=len(tokenizer),
        d_model=16,
        d_kv=8,
        d_ff=16,
        num_layers=1,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    transformer = df.FluxTransformer2DModel(
        patch_size=1, in_channels=4 * 4 + 4 * 4 + 4 * 4, out_channels=16, num_layers=1, num_single_layers=1,
        attention_head_dim=16, num_attention_heads=2, joint_attention_dim=16, pooled_projection_dim=16,
        axes_dims_rope=(4, 4, 8), guidance_embeds=True,
    )  # fmt: skip
    df.FluxFillPipeline(
        scheduler=df.FlowMatchEulerDiscreteScheduler(),
        vae=_vae(use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.1, scaling_factor=0.4),
        text_encoder=_clip_text(len(tokenizer)), tokenizer=tokenizer, text_encoder_2=tf.T5EncoderModel(t5),
        tokenizer_2=tokenizer, transformer=transformer,
    ).save_pretrained(folder)  # fmt: skip


PIPELINES: dict[str, Callable[[Path, tf.CLIPTokenizer], None]] = {
    "sd": stable_diffusion,
    "sd4": stable_diffusion_four_channels,
    "sdxl": stable_diffusion_xl,
    "flux_fill": flux_fill,
}


def write_pipeline(kind: str, folder: Path, seed: int = 0) -> Path:
    """A tiny pipeline of that kind in `folder`; the same seed writes the same weights."""
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    try:
        with TemporaryDirectory() as scratch:
            PIPELINES[kind](folder, clip_tokenizer(Path(scratch)))
    finally:
        torch.random.set_rng_state(state)
    return folder
