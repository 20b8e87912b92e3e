"""Prompts for picture models and judgments of pictures, over a real HTTP server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from chat_server import ChatServer, Reply, chat_server, says

from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.models.language import Endpoint, LanguageModelError, OpenAILanguageModel
from zeroshot_hoi.models.language_interview import Interview
from zeroshot_hoi.models.language_pictures import PNG, PicturePrompt, choose_frame, judge, view_words, write_prompt
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.recipe import Recipe

pytest.importorskip("openai", reason="the extra 'llm' is not installed")

GRAPH = plan_from_recipe(Recipe.load("ironing")).graph
PICTURES = [PNG + name for name in (b"one", b"two", b"three")]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


def interview(server: ChatServer) -> Interview:
    return Interview(OpenAILanguageModel(Endpoint("tiny", server.url, retries=0)))


def pictures_of(request: dict[str, Any]) -> list[bytes]:
    parts = request["messages"][-1]["content"]
    return [base64.b64decode(p["image_url"]["url"].partition(",")[2]) for p in parts if p["type"] == "image_url"]


def picks(wanted: bytes) -> Any:
    """A model with eyes: it finds `wanted` wherever it is shown."""

    def answer(request: dict[str, Any]) -> Reply:
        return says(json.dumps({"reason": "best", "choice": pictures_of(request).index(wanted) + 1}))

    return answer


@pytest.mark.parametrize(
    ("azimuth", "elevation", "words"),
    [
        (0, 10, "front view"), (45, 0, "front view"), (-45, 0, "front view"), (46, 0, "side view"),
        (90, 60, "side view"), (134, 0, "side view"), (135, 0, "back view"), (180, 0, "back view"),
        (-170, 0, "back view"), (360, 0, "front view"), (270, 0, "side view"), (0, 61, "overhead view"),
    ],
)  # fmt: skip
def test_views_are_named_as_score_distillation_does(azimuth: float, elevation: float, words: str) -> None:
    assert view_words(azimuth, elevation) == words
    prompt = PicturePrompt("a person irons.", "text").from_view(azimuth, elevation)
    assert prompt == PicturePrompt(f"a person irons, {words}", "text")


@pytest.mark.parametrize("kind", ["image", "video", "pose"])
def test_prompts_are_written_from_text_and_contacts(server: ChatServer, kind: Any) -> None:
    server.replies(says(json.dumps({"prompt": "A person irons a shirt.", "negative": "extra limbs"})))
    assert write_prompt(interview(server), kind, "irons", GRAPH).negative == "extra limbs"
    assert "person 1.right hand->iron.handle" in server.requests[0]["messages"][-1]["content"]


def test_the_chosen_picture_is_found_behind_every_shuffle(server: ChatServer) -> None:
    server.answer = picks(PICTURES[1])
    assert judge(interview(server), PICTURES, "irons", "contact", rounds=5) == (1, (0, 5, 0))
    orders = {tuple(pictures_of(request)) for request in server.requests}
    assert len(orders) > 1
    assert all(sorted(order) == sorted(PICTURES) for order in orders)
    assert choose_frame(interview(server), PICTURES, "irons", GRAPH) == 1


def test_a_model_that_likes_the_first_place_decides_nothing(server: ChatServer) -> None:
    server.replies(says('{"reason": "", "choice": 1}'))
    _, counts = judge(interview(server), PICTURES, "irons", "overall", rounds=30)
    assert max(counts) < 20


def test_a_choice_out_of_range_is_sent_back(server: ChatServer) -> None:
    server.replies(says('{"reason": "", "choice": 9}'), says('{"reason": "", "choice": 2}'))
    assert choose_frame(interview(server), PICTURES, "irons", GRAPH) == 1
    assert "There are 3 pictures" in server.requests[1]["messages"][-1]["content"]
    server.replies(says('{"reason": "", "choice": 9}'))
    with pytest.raises(LanguageModelError, match="There are 3 pictures"):
        choose_frame(interview(server), PICTURES, "irons", GRAPH)


@pytest.mark.parametrize("pictures", [[], [b"GIF89a"], [PNG + b"0" * 4_000_001], [PNG] * 65])
def test_what_is_no_picture_is_refused(server: ChatServer, pictures: list[bytes]) -> None:
    with pytest.raises(HoiError):
        judge(interview(server), pictures, "irons", "overall")
    assert not server.requests
