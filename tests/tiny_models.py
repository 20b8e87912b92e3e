"""Tiny random checkpoints of every architecture, written with save_pretrained: what frozen-model code is tested on.

Each has the layers and files of the published one with a few channels, so that it loads with the same calls in seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
import transformers as tf

WORDS = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    ".",
    "handle",
    "seat",
    "person",
    "mug",
    "a",
    "photo",
    "of",
    "lid",
)


def _bert_tokenizer(folder: Path) -> None:
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    tf.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)


def clip_tokenizer(folder: Path, length: int = 16) -> tf.CLIPTokenizer:
    """A byte-level tokenizer without merges: every letter is a token."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(c) for c in range(33, 127)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: k for k, token in enumerate(tokens)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    tokenizer = tf.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=length)
    tokenizer.save_pretrained(folder)
    return tokenizer


def grounding_dino(folder: Path) -> None:
    swin = tf.SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    bert = tf.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    config = tf.GroundingDinoConfig(
        backbone_config=swin, text_config=bert, d_model=32, encoder_layers=1, decoder_layers=2, num_queries=12,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_text_len=64,
    )  # fmt: skip
    tf.GroundingDinoForObjectDetection(config).save_pretrained(folder)
    tf.GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96}).save_pretrained(folder)
    _bert_tokenizer(folder)


def owlv2(folder: Path) -> None:
    tokenizer = clip_tokenizer(folder, 16)
    config = tf.Owlv2Config(
        text_config={
            "vocab_size": len(tokenizer), "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "max_position_embeddings": 16,
        },
        vision_config={
            "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": 64, "patch_size": 16,
        },
        projection_dim=16,
    )  # fmt: skip
    tf.Owlv2ForObjectDetection(config).save_pretrained(folder)
    tf.Owlv2ImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)


def sam2(folder: Path) -> None:
    backbone = tf.Sam2HieraDetConfig(
        hidden_size=8, num_attention_heads=1, image_size=[64, 64], blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64], num_attention_heads_per_stage=[1, 1, 1, 1],
        window_size_per_stage=[4, 4, 4, 4], global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )  # fmt: skip
    vision = tf.Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=[64, 32, 16, 8], fpn_hidden_size=32,
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
    )  # fmt: skip
    config = tf.Sam2Config(
        vision_config=vision,
        prompt_encoder_config=tf.Sam2PromptEncoderConfig(hidden_size=32, image_size=64),
        mask_decoder_config=tf.Sam2MaskDecoderConfig(
            hidden_size=32, mlp_dim=16, num_hidden_layers=1, num_attention_heads=2, iou_head_hidden_dim=16
        ),
    )
    tf.Sam2Model(config).save_pretrained(folder)
    data = {
        "size": {"height": 64, "width": 64},
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(data), encoding="utf-8")


def vitpose(folder: Path) -> None:
    backbone = tf.VitPoseBackboneConfig(
        image_size=[64, 48], patch_size=[16, 16], hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        out_indices=[1],
    )  # fmt: skip
    config = tf.VitPoseConfig(backbone_config=backbone, use_simple_decoder=True, num_labels=17)
    tf.VitPoseForPoseEstimation(config).save_pretrained(folder)


def sapiens2(folder: Path) -> None:
    config = tf.Sapiens2Config(
        image_size=[64, 48], patch_size=16, hidden_size=32, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=[2, 2], num_labels=308,
        head_config={"upsample_out_channels": [8, 8], "conv_out_channels": [8], "conv_kernel_sizes": [1]},
    )  # fmt: skip
    tf.Sapiens2ForPoseEstimation(config).save_pretrained(folder)


def depth_anything(folder: Path, kind: str = "relative") -> None:
    backbone = tf.Dinov2Config(
        image_size=56, patch_size=14, hidden_size=16, num_hidden_layers=4, num_attention_heads=2,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False, apply_layernorm=True,
    )  # fmt: skip
    config = tf.DepthAnythingConfig(
        backbone_config=backbone, patch_size=14, reassemble_hidden_size=16, neck_hidden_sizes=[4, 4, 8, 8],
        fusion_hidden_size=8, head_hidden_size=4, depth_estimation_type=kind, max_depth=20,
    )  # fmt: skip
    tf.DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    tf.DPTImageProcessorPil(size={"height": 56, "width": 56}, ensure_multiple_of=14).save_pretrained(folder)


def depth_pro(folder: Path) -> None:
    vit = tf.Dinov2Config(image_size=16, patch_size=4, hidden_size=16, num_hidden_layers=2, num_attention_heads=2)
    config = tf.DepthProConfig(
        image_model_config=vit, patch_model_config=vit, fov_model_config=vit, patch_size=16, fusion_hidden_size=8,
        intermediate_hook_ids=[1, 0], intermediate_feature_dims=[8, 8], scaled_images_ratios=[0.25, 0.5, 1.0],
        scaled_images_overlap_ratios=[0.0, 0.5, 0.25], scaled_images_feature_dims=[8, 8, 8], use_fov_model=True,
        num_fov_head_layers=1,
    )  # fmt: skip
    tf.DepthProForDepthEstimation(config).save_pretrained(folder)


TRANSFORMERS: dict[str, Callable[[Path], None]] = {
    "grounding_dino": grounding_dino,
    "owlv2": owlv2,
    "sam2": sam2,
    "vitpose": vitpose,
    "sapiens2": sapiens2,
    "depth_anything": depth_anything,
    "depth_pro": depth_pro,
}


def write(kind: str, folder: Path, seed: int = 0) -> Path:
    """A tiny checkpoint of that kind in `folder`; the same seed writes the same weights."""
    folder.mkdir(parents=True, exist_ok=True)
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    try:
        TRANSFORMERS[kind](folder)
    finally:
        torch.random.set_rng_state(state)
    return folder
