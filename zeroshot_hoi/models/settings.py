"""How frozen models are loaded; plain data, so that recipes and plans can carry it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSettings:
    """Where and how one checkpoint is loaded."""

    device: str = "auto"
    """`auto` (a GPU where there is one), `cpu`, `cuda`, `cuda:1`, `mps`."""
    dtype: str = "auto"
    """`auto` (half on a GPU, single on a CPU), `float32`, `float16`, `bfloat16`."""
    revision: str | None = None
    """Branch, tag or commit of a hub id."""
    variant: str | None = None
    """Suffix of the weight files, as in `model.fp16.safetensors`; None takes the plain ones, or those where there are
    no others."""
    offload: str = "none"
    """`none`, `model` (each component on the GPU for its turn) or `sequential` (layer by layer)."""
    download: bool = False
    """Whether a hub id that is not on this machine may be downloaded."""
