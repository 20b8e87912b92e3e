"""Load a frozen model: where it computes, in what precision, and whether it fits, decided before a byte is read.

Offload says where weights stay between calls: `none` on the device; `model` on the host, each model or component moved
to the device for its turn; `sequential` on the host, layer by layer (slowest, least memory). Both need a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zeroshot_hoi.core.errors import nearest_name
from zeroshot_hoi.models.base import ModelError
from zeroshot_hoi.models.files import choose_variant, component_bytes, locate
from zeroshot_hoi.models.settings import ModelSettings

WORKING_SHARE = 1.2
"""Memory of inference over that of the weights alone (accelerate's memory estimator: up to 20 % more)."""

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def choose_device(settings: ModelSettings) -> torch.device:
    """The device that `settings` ask for; `auto` takes a GPU where there is one."""
    word = settings.device
    if word == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(word)
    except RuntimeError:
        raise ModelError(f"'{word}' is no device. Use auto, cpu, cuda, cuda:1 or mps.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"device = '{word}' was asked for, but PyTorch sees no CUDA GPU here. Use device = 'cpu'.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ModelError(f"device = '{word}' was asked for, but PyTorch sees no Apple GPU here. Use device = 'cpu'.")
    return device


def choose_dtype(settings: ModelSettings, device: torch.device) -> torch.dtype:
    """The precision that `settings` ask for; `auto` is half on a GPU and single on a CPU."""
    if settings.dtype == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if settings.dtype not in DTYPES:
        raise ModelError(f"'{settings.dtype}' is no precision. {nearest_name(settings.dtype, (*DTYPES, 'auto'))}")
    return DTYPES[settings.dtype]


@dataclass(frozen=True)
class MemoryEstimate:
    """What a checkpoint needs, bytes."""

    weights: int
    largest: int
    """Weights of the largest component."""
    host: int
    """Needed in the host's memory."""
    device: int
    """Needed in the device's memory; 0 where the device is the host."""


def estimate_memory(folder: Path, settings: ModelSettings) -> MemoryEstimate:
    """What loading and running the checkpoint in `folder` needs, read from the headers of its weights."""
    device = choose_device(settings)
    sizes = component_bytes(folder, choose_dtype(settings, device).itemsize, choose_variant(folder, settings.variant))
    weights, largest = sum(sizes.values()), max(sizes.values(), default=0)
    if device.type == "cpu":
        return MemoryEstimate(weights, largest, int(WORKING_SHARE * weights), 0)
    turn = {"none": weights, "model": largest, "sequential": largest // 4}[settings.offload]
    host = 0 if settings.offload == "none" else weights
    return MemoryEstimate(weights, largest, max(host, largest), int(WORKING_SHARE * turn))


def prepare(source: str, settings: ModelSettings) -> Path:
    """The folder of a checkpoint that is complete, in a readable format, and fits into memory."""
    if settings.offload not in ("none", "model", "sequential"):
        raise ModelError(
            f"offload = '{settings.offload}' is unknown. "
            f"{nearest_name(settings.offload, ('none', 'model', 'sequential'))}"
        )
    device = choose_device(settings)
    if settings.offload != "none" and device.type == "cpu":
        raise ModelError(f"offload = '{settings.offload}' moves weights to a GPU in turn, but the device is the CPU.")
    folder = locate(source, settings.revision, settings.download)
    estimate = estimate_memory(folder, settings)
    for place, needed, free in (
        (str(device), estimate.device, _free_device(device)),
        ("the host", estimate.host, _free_host()),
    ):
        if needed > free:
            raise ModelError(
                f"'{source}' needs about {needed / 1e9:.3g} GB on {place} ({estimate.weights / 1e9:.3g} GB of weights) "
                f"but {free / 1e9:.3g} GB are free. Try dtype = 'float16', offload = 'model' or 'sequential' with a "
                "GPU, or a smaller checkpoint."
            )
    return folder


def _free_host() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


def _free_device(device: torch.device) -> int:
    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else 2**62


def load_module(kind: Any, folder: Path, settings: ModelSettings) -> Any:
    """A transformers model of class `kind`, frozen, whose every weight came from the checkpoint."""
    device = choose_device(settings)
    try:
        with quietly():
            module, report = kind.from_pretrained(
                folder,
                dtype=choose_dtype(settings, device),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                variant=choose_variant(folder, settings.variant),
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ModelError(f"{folder} cannot be loaded as {kind.__name__}: {_first_line(error)}") from error
    lacking = sorted(report.get("missing_keys", ()))
    if lacking:
        raise ModelError(
            f"{folder} lacks {len(lacking)} of the weights of {kind.__name__} ({lacking[0]}, ...), which would be "
            "random numbers. Fetch the checkpoint again, or check that it is of this architecture."
        )
    module.eval().requires_grad_(False)
    if settings.offload == "sequential":
        from accelerate import cpu_offload

        return cpu_offload(module, execution_device=device)
    return module.to("cpu" if settings.offload == "model" else device)


@contextmanager
def quietly() -> Iterator[None]:
    """Without the loading bars of transformers and diffusers, which would cut through the progress drawn here."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    shown = [log for log in (diffusers_logging, transformers_logging) if log.is_progress_bar_enabled()]
    for log in shown:
        log.disable_progress_bar()
    try:
        yield
    finally:
        for log in shown:
            log.enable_progress_bar()


@contextmanager
def at_work(module: Any, settings: ModelSettings) -> Iterator[tuple[torch.device, torch.dtype]]:
    """Device and precision of the inputs while `module` computes; with offload `model` it goes there and back."""
    device = choose_device(settings)
    if settings.offload == "model":
        module.to(device)
    try:
        with torch.inference_mode():
            yield device, choose_dtype(settings, device)
    finally:
        if settings.offload == "model":
            module.to("cpu")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
