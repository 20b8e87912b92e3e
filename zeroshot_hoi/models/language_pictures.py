"""What a language model says for and about pictures: prompts for image, video and pose models, and judgments by eye.

Judgments send the pictures in shuffled order and ask several times, so that a liking for the first place cancels out
(InteractAnything 4.2 judges *overall* and *contact* so).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.core.graph import PartAffordanceGraph
from zeroshot_hoi.models.language_interview import Interview
from zeroshot_hoi.models.language_prompts import load_prompt
from zeroshot_hoi.models.language_schema import AnswerError

Aspect = Literal["overall", "contact"]

OVERHEAD = 60.0
"""Degrees of elevation from which a view is called overhead (DreamFusion, threestudio)."""

FRONT = 45.0
"""Degrees of azimuth to either side that count as front, and as back."""

MOST_PICTURES = 64
MOST_BYTES = 4_000_000
"""Of one picture."""

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class PicturePrompt:
    """What a generative model is asked for, and what it shall avoid."""

    prompt: str
    negative: str

    def from_view(self, azimuth: float, elevation: float) -> PicturePrompt:
        """The prompt for one direction of view, degrees; azimuth 0 looks at the front."""
        return PicturePrompt(f"{self.prompt.rstrip('. ')}, {view_words(azimuth, elevation)}", self.negative)


def view_words(azimuth: float, elevation: float) -> str:
    """`overhead view` above 60 degrees, `front view` and `back view` within 45 degrees, else `side view`."""
    if elevation > OVERHEAD:
        return "overhead view"
    turned = abs((azimuth + 180.0) % 360.0 - 180.0)
    if turned <= FRONT:
        return "front view"
    return "back view" if turned >= 180.0 - FRONT else "side view"


def write_prompt(
    interview: Interview, kind: Literal["image", "video", "pose"], text: str, graph: PartAffordanceGraph
) -> PicturePrompt:
    """The prompt for an image model, an image-to-video model, or score distillation of a pose."""
    states = [state for state in graph.to_json()["object states"]]
    values = {"text": text, "edges": [edge.name for edge in graph.edges], "states": states}
    question = load_prompt(f"{kind}_prompt").ask(values)
    return interview.ask(question, lambda answer: PicturePrompt(answer["prompt"], answer["negative"]))


def choose_frame(interview: Interview, pictures: Sequence[bytes], text: str, graph: PartAffordanceGraph) -> int:
    """Index of the picture (PNG) that makes the most plausible first frame."""
    edges = [edge.name for edge in graph.edges]
    return _choose(interview, "choose_frame", pictures, {"text": text, "edges": edges}, np.arange(len(pictures)), 0)


def judge(
    interview: Interview, pictures: Sequence[bytes], text: str, aspect: Aspect, rounds: int = 3, seed: int = 0
) -> tuple[int, tuple[int, ...]]:
    """Index of the picture (PNG) chosen most often, and how often each was; every round shuffles anew by `seed`.

    The earliest of equals wins.
    """
    generator, votes = np.random.default_rng(seed), Counter()
    for sample in range(rounds):
        order = generator.permutation(len(pictures))
        votes[_choose(interview, f"judge_{aspect}", pictures, {"text": text}, order, sample)] += 1
    counts = tuple(votes[i] for i in range(len(pictures)))
    return counts.index(max(counts)), counts


def _choose(
    interview: Interview,
    prompt: str,
    pictures: Sequence[bytes],
    values: dict[str, Any],
    order: np.ndarray,
    sample: int,
) -> int:
    """Index, in the caller's order, of the picture chosen from those shown in `order`."""
    _check_pictures(pictures)

    def accept(answer: Any) -> int:
        if answer["choice"] > len(pictures):
            raise AnswerError(f"There are {len(pictures)} pictures; the choice is {answer['choice']}.")
        return int(order[answer["choice"] - 1])

    shown = tuple(pictures[i] for i in order)
    return interview.ask(load_prompt(prompt).ask({**values, "count": len(pictures)}, shown), accept, sample)


def _check_pictures(pictures: Sequence[bytes]) -> None:
    if not 1 <= len(pictures) <= MOST_PICTURES:
        raise HoiError(f"There are {len(pictures)} pictures to choose from; give 1 to {MOST_PICTURES}.")
    for index, picture in enumerate(pictures):
        if not picture.startswith(PNG) or len(picture) > MOST_BYTES:
            raise HoiError(f"Picture {index + 1} is no PNG file of at most {MOST_BYTES} bytes. Save it as PNG.")
