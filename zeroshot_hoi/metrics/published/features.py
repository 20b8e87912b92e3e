"""What turns motion, pictures, videos and sentences into features: a kinematic default, and any torch module.

Distances between distributions mean what their features mean. The kinematic default needs no weights and compares how
bodies move; its numbers compare with each other only, never with a paper's, whose networks are their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zeroshot_hoi.metrics.published.measure import MetricError, require_shape

Features = Callable[[Any], np.ndarray]
"""One sample in, one vector (D,) out; for pictures `(N, H, W, 3)` in, `(N, D)` out."""


def kinematic_features(joints: np.ndarray, fps: float) -> np.ndarray:
    """(6 J,) what a motion is like, without a network; `joints (T, J, 3)` metres, z up.

    For every joint: mean and standard deviation over time of its distance from the root (m), of its height (m) and of
    its speed (m/s). It does not change with place, heading or which way the clip is turned. NaN below two frames.
    """
    joints = require_shape("kinematic_features", joints, None, None, 3)
    if len(joints) < 2:
        return np.full(6 * joints.shape[1], np.nan)
    reach = np.linalg.norm(joints - joints[:, :1], axis=-1)
    speed = fps * np.linalg.norm(np.diff(joints, axis=0), axis=-1)
    return np.concatenate([f(x, axis=0) for x in (reach, joints[..., 2], speed) for f in (np.mean, np.std)])


def torch_features(module: Any, device: str = "cpu", channels_first: bool = True) -> Features:
    """A torch module as a feature function: arrays become float tensors, uint8 becomes 0 to 1, no gradient is kept.

    Pictures `(N, H, W, 3)` and videos `(N, T, H, W, 3)` are given to it as `(N, 3, H, W)` and `(N, 3, T, H, W)`; other
    arrays as they are. Its answer must be a tensor (N, D) or (D,). Resizing and normalizing are the module's.
    """
    import torch

    module = module.to(device).eval()

    def extract(samples: Any) -> np.ndarray:
        array = np.asarray(samples)
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(device)
        tensor = tensor.float() / 255.0 if array.dtype == np.uint8 else tensor.float()
        if channels_first and array.ndim in (4, 5) and array.shape[-1] == 3:
            tensor = tensor.movedim(-1, 1)
        with torch.inference_mode():
            answer = module(tensor)
        if not isinstance(answer, torch.Tensor):
            raise MetricError(
                f"The feature module answered with {type(answer).__name__}; it must be one tensor (N, D)."
            )
        return answer.cpu().numpy().astype(np.float64)

    return extract


def clip_features(folder: str, device: str = "cpu") -> tuple[Features, Features]:
    """Picture and sentence features of a CLIP checkpoint in a local folder, by transformers; nothing is downloaded.

    Raises MetricError where transformers is missing or the folder holds no CLIP.
    """
    import torch

    model, processor = _load("CLIPModel", "CLIPProcessor", folder)
    model = model.to(device).eval()

    def pictures(images: Sequence[np.ndarray]) -> np.ndarray:
        inputs = processor(images=list(images), return_tensors="pt").to(device)
        with torch.inference_mode():
            return _tensor(model.get_image_features(**inputs))

    def sentences(texts: Sequence[str]) -> np.ndarray:
        inputs = processor(text=list(texts), return_tensors="pt", padding=True, truncation=True).to(device)
        with torch.inference_mode():
            return _tensor(model.get_text_features(**inputs))

    return pictures, sentences


def xclip_features(folder: str, device: str = "cpu") -> tuple[Features, Features]:
    """Video and sentence features of an X-CLIP checkpoint in a local folder, by transformers; nothing is downloaded.

    A video `(T, H, W, 3)` must have, or is thinned evenly to, the frames that the checkpoint was made for.
    """
    import torch

    model, processor = _load("XCLIPModel", "XCLIPProcessor", folder)
    model = model.to(device).eval()
    frames = model.config.vision_config.num_frames

    def video(clip: np.ndarray) -> np.ndarray:
        chosen = np.linspace(0, len(clip) - 1, frames).round().astype(int)
        inputs = processor(videos=[list(clip[chosen])], return_tensors="pt").to(device)
        with torch.inference_mode():
            return _tensor(model.get_video_features(**inputs))[0]

    def sentences(texts: Sequence[str]) -> np.ndarray:
        inputs = processor(text=list(texts), return_tensors="pt", padding=True, truncation=True).to(device)
        with torch.inference_mode():
            return _tensor(model.get_text_features(**inputs))

    return video, sentences


def _load(model: str, processor: str, folder: str) -> tuple[Any, Any]:
    try:
        import transformers
    except ImportError:
        raise MetricError(f"{model} needs transformers: pip install 'zeroshot-hoi[models]'.") from None
    try:
        kinds = getattr(transformers, model), getattr(transformers, processor)
        return tuple(kind.from_pretrained(folder, local_files_only=True) for kind in kinds)  # type: ignore[return-value]
    except (OSError, ValueError, KeyError) as error:
        raise MetricError(f"'{folder}' holds no {model} that transformers can load: {error}") from error


def _tensor(answer: Any) -> np.ndarray:
    """Newer versions of transformers wrap the features in an output record."""
    answer = getattr(answer, "pooler_output", answer)
    return answer.cpu().numpy().astype(np.float64)
