"""Pictures and videos against those they should equal: PSNR, SSIM, LPIPS, FVD. Networks are passed in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import correlate1d

from zeroshot_hoi.metrics.metric import HIGHER, LOWER
from zeroshot_hoi.metrics.published.distribution import frechet_distance
from zeroshot_hoi.metrics.published.features import Features
from zeroshot_hoi.metrics.published.measure import MetricError, measure, require_same

PEAK = 255.0
"""The largest value of a uint8 picture."""
WINDOW, SIGMA = 11, 1.5
"""Pixels of Wang et al. 2004's Gaussian window and its standard deviation."""
STABILITY = (0.01, 0.03)
"""K1 and K2 of Wang et al. 2004."""


@measure(
    "PSNR", "dB", HIGHER, "mean over frames of 10 log10(255^2 / mean squared difference)", "PAM", "infinite where equal"
)
def psnr(generated: np.ndarray, real: np.ndarray) -> float:
    """Peak signal-to-noise ratio of videos `(T, H, W, 3)` uint8, frame by frame, then averaged."""
    ours, truth = _videos("PSNR", generated, real)
    error = np.mean((ours - truth) ** 2, axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return float(np.mean(10.0 * np.log10(PEAK**2 / error)))


@measure(
    "SSIM", "-1 to 1", HIGHER, "mean of (2 m1 m2 + C1)(2 s12 + C2) / ((m1^2 + m2^2 + C1)(s1^2 + s2^2 + C2))",
    "PAM; Wang et al. 2004", "Gaussian window 11x11, sigma 1.5; K1 = .01, K2 = .03; only whole windows",
)  # fmt: skip
def ssim(generated: np.ndarray, real: np.ndarray) -> float:
    """Structural similarity of videos `(T, H, W, 3)` uint8: each frame and channel, then averaged.

    Raises MetricError where a picture is smaller than the window.
    """
    ours, truth = _videos("SSIM", generated, real)
    if min(ours.shape[1:3]) < WINDOW:
        raise MetricError(f"SSIM needs pictures of at least {WINDOW}x{WINDOW}; it got {ours.shape[2]}x{ours.shape[1]}.")
    return float(np.mean([_frame_ssim(x, y) for x, y in zip(ours, truth, strict=True)]))


def _frame_ssim(x: np.ndarray, y: np.ndarray) -> float:
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x, variance_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = ((k * PEAK) ** 2 for k in STABILITY)
    alike = (2.0 * mean_x * mean_y + c1) * (2.0 * covariance + c2)
    return float((alike / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))).mean())


def _blur(picture: np.ndarray) -> np.ndarray:
    """Gaussian means of every whole window of a picture (H, W, C)."""
    offset = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-0.5 * (offset / SIGMA) ** 2)
    weights /= weights.sum()
    edge = WINDOW // 2
    blurred = correlate1d(correlate1d(picture, weights, axis=0), weights, axis=1)
    return blurred[edge:-edge, edge:-edge]


@measure("LPIPS", "network distance", LOWER, "mean over frames of the network's distance", "PAM; Zhang et al. 2018")
def lpips(generated: np.ndarray, real: np.ndarray, distance: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float:
    """Learned perceptual distance of videos `(T, H, W, 3)` uint8. `distance` takes both as floats from -1 to 1 and
    answers (T,): the published network is AlexNet's with linear heads, from the package `lpips` or torchmetrics."""
    ours, truth = _videos("LPIPS", generated, real)
    answer = np.asarray(distance(ours / (0.5 * PEAK) - 1.0, truth / (0.5 * PEAK) - 1.0), dtype=np.float64)
    if answer.reshape(-1).shape != (len(ours),):
        raise MetricError(f"LPIPS got distances of shape {answer.shape} for {len(ours)} frames; it takes one a frame.")
    return float(answer.mean())


@measure(
    "FVD", "squared feature distance", LOWER, "FID of one feature vector a video", "PAM; Unterthiner et al. 2018",
    "features of I3D as published; any other network's are a different number",
)  # fmt: skip
def frechet_video_distance(generated: np.ndarray, real: np.ndarray, features: Features) -> float:
    """Frechet distance of two sets of videos, `(N, T, H, W, 3)` and `(M, T, H, W, 3)` uint8, under `features`, which
    answers (N, D)."""
    return frechet_distance(np.asarray(features(generated)), np.asarray(features(real)))


def _videos(where: str, generated: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    require_same(where, generated, real)
    for video in (generated, real):
        if video.dtype != np.uint8 or video.ndim != 4 or video.shape[-1] != 3:
            raise MetricError(f"{where} takes videos (T, H, W, 3) of uint8; it got {video.shape} of {video.dtype}.")
    return generated.astype(np.float64), real.astype(np.float64)
