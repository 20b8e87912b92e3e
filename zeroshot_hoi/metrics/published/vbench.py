"""SCAR's video scores: VBench's image-to-video dimensions (Huang et al. 2024) over features that are passed in.

As published the features are DINO's for subjects, DreamSim's for the background, ViCLIP's for the text, and MUSIQ
rates the pictures. The total reproduces all ten rows of SCAR's table 1 to their last digit (a test).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zeroshot_hoi.metrics.metric import HIGHER
from zeroshot_hoi.metrics.published.measure import measure, require_shape

LOWEST = {"SC": 0.1462, "IQ": 0.0, "ISC": 0.1462, "IBC": 0.2615, "VCS": 0.0}
HIGHEST = {"SC": 1.0, "IQ": 1.0, "ISC": 1.0, "IBC": 1.0, "VCS": 0.364}
"""What VBench maps to 0 and to 1 (`NORMALIZE_DIC` of its scripts; VCS by that of overall consistency)."""
WEIGHTS = {"SC": 4.0, "IQ": 4.0, "ISC": 1.0, "IBC": 1.0, "VCS": 1.0}
"""VBench's four parts quality to one part semantics, per dimension; found from SCAR's table."""


@measure(
    "subject consistency", "0 to 1", HIGHER, "mean_{t>0} (max(0, cos(f_t, f_0)) + max(0, cos(f_t, f_t-1))) / 2",
    "SCAR 'SC'; VBench, features of DINO",
)  # fmt: skip
def subject_consistency(frames: np.ndarray) -> float:
    """Does the subject stay the same? Features of every frame `(T, D)`; NaN below two frames."""
    frames = _unit(require_shape("subject consistency", frames, None, None))
    if len(frames) < 2:
        return float("nan")
    first, former = frames[1:] @ frames[0], np.sum(frames[1:] * frames[:-1], axis=1)
    return float((0.5 * (np.maximum(0.0, first) + np.maximum(0.0, former))).mean())


@measure("imaging quality", "0 to 1", HIGHER, "mean_t rating_t / 100", "SCAR 'IQ'; VBench, ratings of MUSIQ (0 to 100)")
def imaging_quality(video: np.ndarray, rate: Callable[[np.ndarray], np.ndarray]) -> float:
    """How clean are the pictures of a video `(T, H, W, 3)`? `rate` answers (T,) from 0 to 100."""
    return float(np.asarray(rate(video), dtype=np.float64).mean() / 100.0)


@measure(
    "i2v subject consistency", "0 to 1", HIGHER,
    "max_t max(0, cos(image, f_t)) / 2 + mean_{t>0} max(0, cos(f_t, f_t-1)) / 2",
    "SCAR 'ISC'; VBench-I2V `i2v_subject`, features of DINO",
)  # fmt: skip
def i2v_subject_consistency(frames: np.ndarray, image: np.ndarray) -> float:
    """Does the subject of the given image appear and last? Features `(T, D)` and `(D,)`; NaN below two frames."""
    return _image_agreement("i2v subject consistency", frames, image)


@measure(
    "i2v background consistency", "0 to 1", HIGHER, "the same over features of backgrounds",
    "SCAR 'IBC'; VBench-I2V `i2v_background`, features of DreamSim",
)  # fmt: skip
def i2v_background_consistency(frames: np.ndarray, image: np.ndarray) -> float:
    """Does the background of the given image appear and last? Features `(T, D)` and `(D,)`; NaN below two frames."""
    return _image_agreement("i2v background consistency", frames, image)


@measure("ViCLIP score", "cosine", HIGHER, "cos(video, sentence)", "SCAR 'VCS'; VBench overall consistency, ViCLIP")
def viclip_score(video: np.ndarray, sentence: np.ndarray) -> float:
    """Agreement of a video's features `(D,)` with a sentence's `(D,)`."""
    video, sentence = require_shape("ViCLIP score", video, None), require_shape("ViCLIP score", sentence, len(video))
    return float(_unit(video[None])[0] @ _unit(sentence[None])[0])


@measure(
    "VBench total", "0 to 11", HIGHER, "4 SC' + 4 IQ' + ISC' + IBC' + VCS', x' = (x - lowest) / (highest - lowest)",
    "SCAR 'TS'", "lowest .1462 SC and ISC, .2615 IBC, else 0; highest .364 VCS, else 1",
)  # fmt: skip
def vbench_total(sc: float, iq: float, isc: float, ibc: float, vcs: float) -> float:
    """The weighted sum of the five scores."""
    scores = {"SC": sc, "IQ": iq, "ISC": isc, "IBC": ibc, "VCS": vcs}
    return sum(WEIGHTS[k] * (score - LOWEST[k]) / (HIGHEST[k] - LOWEST[k]) for k, score in scores.items())


def _image_agreement(where: str, frames: np.ndarray, image: np.ndarray) -> float:
    frames = _unit(require_shape(where, frames, None, None))
    image = _unit(require_shape(where, image, frames.shape[1])[None])[0]
    if len(frames) < 2:
        return float("nan")
    former = np.maximum(0.0, np.sum(frames[1:] * frames[:-1], axis=1))
    return float(0.5 * np.maximum(0.0, frames @ image).max() + 0.5 * former.mean())


def _unit(vectors: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
