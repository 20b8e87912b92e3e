"""Does it show what was asked for? CLIP over four views, video and text in one space, and a model's choice.

Networks are passed in as feature functions (`features.clip_features`, `features.xclip_features`, or any other).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zeroshot_hoi.metrics.metric import HIGHER
from zeroshot_hoi.metrics.published.features import Features
from zeroshot_hoi.metrics.published.measure import MetricError, measure, require_shape

OVERALL = (
    "Each picture shows a person and an object for the sentence below. Choose the most reasonable one: a full human "
    "body, a complete object, and a correct physical interaction. Answer with its index only."
)
CONTACT = (
    "Each picture shows a person and an object for the sentence below. Choose the one in which the right parts of the "
    "body touch the right parts of the object, without gaps and without passing through it. Answer with its index only."
)
"""Our wording of InteractAnything's criteria; theirs is not published."""

Chooser = Callable[[str, Sequence[np.ndarray]], int]
"""Question and pictures in, index of the chosen picture out: a vision-language model behind any door."""


@measure(
    "CLIP score", "cosine", HIGHER, "mean over views of cos(picture, sentence)", "InteractAnything (4 views)",
    "4 views around; object textures kept, the person's texture random",
)  # fmt: skip
def clip_score(pictures: np.ndarray, sentence: str, picture_features: Features, text_features: Features) -> float:
    """Agreement of pictures `(N, H, W, 3)` of one result with its sentence."""
    return float(_cosine(picture_features(pictures), text_features([sentence])).mean())


@measure(
    "X-CLIP score", "cosine", HIGHER, "cos(video, sentence)", "HOI-PAGE 'VideoCLIP' (0.25); the network is passed in"
)
def video_text_score(video: np.ndarray, sentence: str, video_features: Features, text_features: Features) -> float:
    """Agreement of a video `(T, H, W, 3)` with its sentence."""
    return float(_cosine(np.atleast_2d(video_features(video)), text_features([sentence])).mean())


@dataclass(frozen=True)
class Choice:
    """What a model chose among methods."""

    share: Mapping[str, float]
    """Method -> share of the valid answers; all NaN without one."""
    answers: int
    invalid: int
    """Answers that name no picture; they count for nobody."""


def model_choice(
    trials: Sequence[tuple[str, Mapping[str, np.ndarray]]], choose: Chooser, question: str = OVERALL, seed: int = 0
) -> Choice:
    """InteractAnything's vision-language choice: each trial is a sentence and one picture a method, shown in an order
    drawn anew, so that a model that always answers 0 prefers nobody.

    Raises MetricError where trials show different methods.
    """
    methods = sorted(trials[0][1]) if trials else []
    rng, chosen, invalid = np.random.default_rng(seed), Counter[str](), 0
    for sentence, pictures in trials:
        if sorted(pictures) != methods:
            raise MetricError(f"Every trial must show {', '.join(methods)}; one shows {', '.join(sorted(pictures))}.")
        order = [methods[k] for k in rng.permutation(len(methods))]
        answer = choose(f"{question}\nSentence: {sentence}", [pictures[name] for name in order])
        if isinstance(answer, int | np.integer) and 0 <= answer < len(order):
            chosen[order[answer]] += 1
        else:
            invalid += 1
    total = sum(chosen.values())
    return Choice({name: chosen[name] / total if total else float("nan") for name in methods}, total, invalid)


def _cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N, M); NaN where a vector is zero."""
    first, second = require_shape("CLIP score", first, None, None), require_shape("CLIP score", second, None, None)
    with np.errstate(invalid="ignore"):
        first = first / np.linalg.norm(first, axis=1, keepdims=True)
        second = second / np.linalg.norm(second, axis=1, keepdims=True)
    return first @ second.T
