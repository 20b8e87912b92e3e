"""Are generated motions distributed like real ones? Everything here is about features (N, D), however they were made.

The field's protocol is Guo et al. 2022 (text-to-motion): 300 pairs for diversity, pools of 32 for R-precision. A seed
replaces the published code's global random state.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist

from zeroshot_hoi.metrics.metric import HIGHER, LOWER
from zeroshot_hoi.metrics.published.measure import NEUTRAL, MetricError, measure, require_shape

DIVERSITY_PAIRS, MODALITY_PAIRS, POOL = 300, 20, 32


@measure(
    "FID", "squared feature distance", LOWER, "|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2)",
    "OpenHOI, CHOIS, HOI-Diff; Heusel et al. 2017", "covariances with N - 1; no diagonal is added",
)  # fmt: skip
def frechet_distance(generated: np.ndarray, real: np.ndarray) -> float:
    """Frechet distance of two Gaussians fitted to features (N, D) and (M, D); NaN below two samples of either."""
    generated = require_shape("FID", generated, None, None)
    real = require_shape("FID", real, None, generated.shape[1])
    if min(len(generated), len(real)) < 2:
        return float("nan")
    gap = generated.mean(axis=0) - real.mean(axis=0)
    first, second = (np.cov(x, rowvar=False).reshape(x.shape[1], x.shape[1]) for x in (generated, real))
    root = _symmetric_root(first)
    # (C1 C2)^1/2 and (C1^1/2 C2 C1^1/2)^1/2 have one trace, and the second is symmetric: no imaginary parts arise.
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ second @ root), 0.0, None)).sum()
    return max(0.0, float(gap @ gap + np.trace(first) + np.trace(second) - 2.0 * shared))


@measure(
    "Diversity", "feature distance", NEUTRAL, "mean over 300 random pairs of |f_i - f_j|",
    "OpenHOI, HOI-Diff; Guo et al. 2022", "300 pairs, each side drawn without replacement; fewer samples, fewer pairs",
)  # fmt: skip
def diversity(features: np.ndarray, pairs: int = DIVERSITY_PAIRS, seed: int = 0) -> float:
    """Mean distance between two random lists of samples; `features (N, D)`; NaN below two samples.

    As published, the two lists are drawn independently, so that a sample may meet itself.
    """
    features = require_shape("Diversity", features, None, None)
    if len(features) < 2:
        return float("nan")
    return _random_pairs(features, min(pairs, len(features)), np.random.default_rng(seed))


@measure("all-pairs diversity", "feature distance", NEUTRAL, "mean over i < j of |f_i - f_j|", "ours: without chance")
def all_pairs_diversity(features: np.ndarray) -> float:
    """Mean distance over all pairs of different samples; `features (N, D)`; NaN below two samples."""
    features = require_shape("all-pairs diversity", features, None, None)
    count = len(features)
    return float(cdist(features, features).sum() / (count * (count - 1))) if count > 1 else float("nan")


@measure(
    "MModality", "feature distance", HIGHER, "mean over prompts and 20 random pairs of |f_pi - f_pj|",
    "OpenHOI, HOI-Diff; Guo et al. 2022", "20 pairs for each prompt; fewer repetitions, fewer pairs",
)  # fmt: skip
def multimodality(features: np.ndarray, pairs: int = MODALITY_PAIRS, seed: int = 0) -> float:
    """Mean distance between repetitions of one prompt; `features (P, R, D)`; NaN below two repetitions."""
    features = require_shape("MModality", features, None, None, None)
    if features.shape[1] < 2:
        return float("nan")
    rng, count = np.random.default_rng(seed), min(pairs, features.shape[1])
    first, second = (rng.choice(features.shape[1], count, replace=False) for _ in range(2))
    return float(np.linalg.norm(features[:, first] - features[:, second], axis=-1).mean())


@measure(
    "R-precision", "share of motions", HIGHER, "mean_i [own sentence among the k nearest of its pool]",
    "HOI-Diff, CHOIS; Guo et al. 2022", "pools of 32, k = 3 unless told; an incomplete last pool is left out",
)  # fmt: skip
def r_precision(motions: np.ndarray, sentences: np.ndarray, top: int = 3, pool: int = POOL) -> float:
    """How often a motion finds its own sentence; both `(N, D)`, row i belonging to row i.

    NaN where not one pool is full. Of sentences that are equally near, the own one counts last.
    """
    motions = require_shape("R-precision", motions, None, None)
    sentences = require_shape("R-precision", sentences, len(motions), motions.shape[1])
    hits = []
    for start in range(0, len(motions) - pool + 1, pool):
        distance = cdist(motions[start : start + pool], sentences[start : start + pool])
        own = np.diag(distance)[:, None]
        hits.append((distance <= own).sum(axis=1) <= top)
    return float(np.concatenate(hits).mean()) if hits else float("nan")


@measure("MM-Dist", "feature distance", LOWER, "mean_i |m_i - s_i|", "HOI-Diff; Guo et al. 2022")
def matching_distance(motions: np.ndarray, sentences: np.ndarray) -> float:
    """Mean distance of a motion from its own sentence; both `(N, D)`."""
    motions = require_shape("MM-Dist", motions, None, None)
    sentences = require_shape("MM-Dist", sentences, len(motions), motions.shape[1])
    return float(np.linalg.norm(motions - sentences, axis=1).mean())


@measure(
    "SmoothRate, windowed", "FID per second", LOWER, "mean_k |FID_k+1 - FID_k| / (time between windows)",
    "OpenHOI eq. 28, 'dFID/dt'; windows are not published: this is our reading",
)  # fmt: skip
def smooth_rate(windows: Sequence[np.ndarray], real: np.ndarray, seconds: float) -> float:
    """How fast realism changes along a motion: features `(N, D)` of each of K windows, those of real windows `(M, D)`,
    and the seconds from one window to the next. NaN below two windows or where a FID is."""
    if seconds <= 0.0:
        raise MetricError(f"SmoothRate got windows {seconds} s apart; they must follow one another.")
    distances = [frechet_distance(np.asarray(window), np.asarray(real)) for window in windows]
    return float(np.abs(np.diff(distances)).mean() / seconds) if len(distances) > 1 else float("nan")


@measure(
    "object diversity", "m", NEUTRAL, "mean over pairs of results of mean_tc |x_tc - y_tc|, c the 8 box corners",
    "HOI-PAGE 'Obj. Diversity' (not published; this is our reading, relative to the person's first frame)",
)  # fmt: skip
def object_diversity(corners: np.ndarray) -> float:
    """Mean distance between the object's tracks in several results of one prompt; `corners (R, T, 8, 3)` in the frame
    of the person's first root. NaN below two results."""
    corners = require_shape("object diversity", corners, None, None, None, 3)
    count = len(corners)
    if count < 2:
        return float("nan")
    gaps = [np.linalg.norm(corners[i] - corners[j], axis=-1).mean() for i in range(count) for j in range(i + 1, count)]
    return float(np.mean(gaps))


def _random_pairs(features: np.ndarray, count: int, rng: np.random.Generator) -> float:
    first, second = (rng.choice(len(features), count, replace=False) for _ in range(2))
    return float(np.linalg.norm(features[first] - features[second], axis=1).mean())


def _symmetric_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
