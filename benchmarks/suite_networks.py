"""The networks that a suite's options name: checkpoints on disk, and a vision-language model behind a server."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from benchmarks.suite_measures import Networks
from zeroshot_hoi.metrics.published.features import clip_features, xclip_features
from zeroshot_hoi.metrics.published.semantics import CONTACT, Chooser
from zeroshot_hoi.models.language import Endpoint, LanguageModel, OpenAILanguageModel
from zeroshot_hoi.models.language_interview import Interview
from zeroshot_hoi.models.language_pictures import judge


def load_networks(
    clip: str | None = None, xclip: str | None = None, model: str | None = None, base_url: str | None = None
) -> Networks:
    """What is named; raises HoiError where a folder holds no such checkpoint, or no server or key is known."""
    chooser = None
    if model is not None:
        chooser = model_chooser(OpenAILanguageModel(Endpoint.from_environment(model, base_url, None)))
    return Networks(clip_features(clip) if clip else None, xclip_features(xclip) if xclip else None, chooser)


def model_chooser(model: LanguageModel) -> Chooser:
    """A vision-language model as the chooser of `semantics.model_choice`: one round, in the order it is given."""
    interview = Interview(model)

    def choose(question: str, pictures: Sequence[np.ndarray]) -> int:
        sentence = question.rsplit("Sentence: ", 1)[-1]
        aspect = "contact" if question.startswith(CONTACT) else "overall"
        return judge(interview, [_png(picture) for picture in pictures], sentence, aspect, rounds=1)[0]

    return choose


def _png(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()
