"""The client of language models against a real HTTP server on loopback: every failure, formats, cache, keys."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Reply, chat_server, fails, says

from zeroshot_hoi.core.solution import Progress
from zeroshot_hoi.models.language import (
    ADVICE,
    MAX_ANSWER_CHARACTERS,
    Endpoint,
    LanguageModelError,
    Message,
    OpenAILanguageModel,
    Request,
)
from zeroshot_hoi.models.language_answers import CachedLanguageModel, answers_folder
from zeroshot_hoi.models.language_interview import Interview, Question
from zeroshot_hoi.models.language_schema import AnswerError, check, read_json

pytest.importorskip("openai", reason="the extra 'llm' is not installed")

KEY = "sk-secret-0123456789abcdef"
SCHEMA = {
    "type": "object",
    "properties": {
        "side": {"type": "string", "enum": ["front", "back"]},
        "size": {"type": "number", "minimum": 0, "maximum": 10},
    },
    "required": ["side", "size"],
    "additionalProperties": False,
}
GOOD = '{"side": "front", "size": 1.5}'
QUESTION = Question("relation", (Message("system", "You plan."), Message("user", "Which side?")), SCHEMA)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEROSHOT_HOI_CACHE", str(tmp_path / "cache"))
    for name in ("MODEL", "BASE_URL", "API_KEY"):
        monkeypatch.delenv(f"ZEROSHOT_HOI_{name}", raising=False)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def client(server: ChatServer, timeout: float = 20.0, retries: int = 0) -> OpenAILanguageModel:
    return OpenAILanguageModel(Endpoint("tiny", server.url, KEY, timeout, retries))


def ask(server: ChatServer, retries: int = 2, **settings: Any) -> dict[str, Any]:
    return Interview(client(server, **settings), retries=retries).ask(QUESTION, lambda value: value)


def test_a_good_answer_comes_back_checked(server: ChatServer) -> None:
    server.replies(says(GOOD))
    assert ask(server) == {"side": "front", "size": 1.5}
    request = server.requests[0]
    assert server.paths == ["/v1/chat/completions"]
    assert server.keys == [f"Bearer {KEY}"]
    assert request["model"] == "tiny"
    assert request["response_format"]["type"] == "json_schema"
    assert request["response_format"]["json_schema"]["strict"] is True
    assert [m["role"] for m in request["messages"]] == ["system", "user"]
    assert '"enum": ["front", "back"]' in request["messages"][0]["content"]


FAILURES = [
    ("refused", says(None, refusal="I can't help with that."), "I can't help with that"),
    ("refused", says("", finish="content_filter"), "content filter"),
    ("cut off", says('{"side": "fr', finish="length"), "did not end 'relation'"),
    ("no choices", Reply('{"id": "1", "choices": []}'), "without choices"),
    ("no choices", Reply("{}"), "without choices"),
    ("not an API answer", Reply("<html><body>Log in</body></html>", kind="text/html"), "a web page"),
    ("not an API answer", Reply("<html>Log in</html>"), "no chat API"),
    ("not an API answer", Reply('"hello"'), "instead of a completion"),
    ("not an API answer", Reply('{"choices": [{"message": null}]}'), "no text"),
    ("not an API answer", Reply('{"choices": [{"message": {"content": [1]}}]}'), "no text"),
    ("request refused", fails(400, "prompt is too odd"), "prompt is too odd"),
    ("key refused", fails(401, f"Incorrect API key provided: {KEY}"), "answered 401"),
    ("key refused", fails(403, "no access to this model"), "answered 403"),
    ("unknown model", fails(404, "The model `tiny` does not exist"), "does not exist"),
    ("too long", fails(413, "Request too large"), "413"),
    ("too many requests", fails(429, "Rate limit reached"), "429"),
    ("quota", fails(429, "You exceeded your current quota", code="insufficient_quota"), "quota"),
    ("server error", fails(500, "internal"), "500"),
    ("server error", Reply("<html>Bad gateway</html>", 502, "text/html"), "a web page"),
    ("no answer in time", Reply("{}", delay=1.0), "within 0.2 seconds"),
    ("blank", says("  \n"), "with nothing"),
    ("blank", says(None), "with nothing"),
    ("invalid answer", says("Sure! The chair is nice."), "cannot be read"),
    ("invalid answer", says('{"side": "front"'), "not valid JSON"),
    ("invalid answer", says('{"side": "above", "size": 1}'), 'the answer.side is "above"; allowed: "front", "back"'),
    ("invalid answer", says('{"side": "front", "size": NaN}'), "NaN is no JSON number"),
    ("invalid answer", says('{"side": "front", "size": 1, "x": 2}'), "unknown key"),
    ("too long", says("x" * (MAX_ANSWER_CHARACTERS + 1)), "characters"),
]


@pytest.mark.parametrize(("kind", "reply", "words"), FAILURES, ids=[f"{i} {row[0]}" for i, row in enumerate(FAILURES)])
def test_every_failure_ends_in_one_exception_that_helps(
    server: ChatServer, kind: str, reply: Reply, words: str
) -> None:
    server.replies(reply)
    with pytest.raises(LanguageModelError) as caught:
        ask(server, timeout=0.2 if kind == "no answer in time" else 20.0)
    text = str(caught.value)
    assert caught.value.kind == kind
    assert words in text
    assert text.endswith(ADVICE[kind])
    assert KEY not in text
    assert "tiny" in text


def test_a_server_that_is_not_there() -> None:
    with chat_server() as gone:
        pass
    with pytest.raises(LanguageModelError, match="cannot be reached") as caught:
        ask(gone)
    assert caught.value.kind == "no connection"


@pytest.mark.parametrize("passing", [fails(429, "slow down"), fails(503, "busy"), fails(500, "oops")])
def test_passing_faults_are_tried_again(server: ChatServer, passing: Reply) -> None:
    server.replies(passing, says(GOOD))
    assert Interview(client(server, retries=1)).ask(QUESTION, dict)["side"] == "front"
    assert len(server.requests) == 2


def test_the_error_is_sent_back_and_mended(server: ChatServer) -> None:
    server.replies(says('{"side": "above", "size": 1}'), says("```json\n" + GOOD + "\n```"))
    assert ask(server)["side"] == "front"
    told = server.requests[1]["messages"]
    assert told[-2] == {"role": "assistant", "content": '{"side": "above", "size": 1}'}
    assert 'allowed: "front", "back"' in told[-1]["content"]


def test_it_is_asked_only_as_often_as_agreed(server: ChatServer) -> None:
    server.replies(says("no"))
    with pytest.raises(LanguageModelError, match="in 2 tries"):
        ask(server, retries=1)
    assert len(server.requests) == 2


def test_a_cut_off_answer_gets_more_room(server: ChatServer) -> None:
    server.replies(says('{"side"', finish="length"), says(GOOD))
    assert ask(server)["side"] == "front"
    assert server.requests[1]["max_tokens"] == 2 * server.requests[0]["max_tokens"]


@pytest.mark.parametrize(("known", "expected"), [("json_object", 2), ("plain", 3)])
def test_formats_go_down_step_by_step_and_are_remembered(server: ChatServer, known: str, expected: int) -> None:
    def answer(request: dict[str, Any]) -> Reply:
        asked = request.get("response_format", {"type": "plain"})["type"]
        order = ("json_schema", "json_object", "plain")
        if order.index(asked) < order.index(known):
            return fails(400, f"response_format {asked} is not supported by this model", param="response_format")
        return says(GOOD)

    server.answer = answer
    interview = Interview(client(server))
    assert interview.ask(QUESTION, dict)["side"] == "front"
    assert len(server.requests) == expected
    interview.ask(QUESTION, dict)
    assert len(server.requests) == expected + 1


@pytest.mark.parametrize("word", ["max_tokens", "temperature"])
def test_parameters_that_a_model_does_not_take_are_left_out(server: ChatServer, word: str) -> None:
    def answer(request: dict[str, Any]) -> Reply:
        if word in request:
            return fails(400, f"Unsupported parameter: '{word}' is not supported with this model.", param=word)
        return says(GOOD)

    server.answer = answer
    assert ask(server)["side"] == "front"
    assert word not in server.requests[-1]
    assert ("max_completion_tokens" in server.requests[-1]) == (word == "max_tokens")


def test_pictures_are_sent(server: ChatServer) -> None:
    server.replies(says(GOOD))
    message = Message("user", "Which?", (b"\x89PNG...",))
    client(server).complete(Request((message,), SCHEMA, "pick"))
    parts = server.requests[0]["messages"][0]["content"]
    assert parts[0] == {"type": "text", "text": "Which?"}
    assert parts[1]["image_url"]["url"] == "data:image/png;base64,iVBORy4uLg=="


def test_progress_tells_calls_and_tokens(server: ChatServer) -> None:
    server.replies(says("?"), says(GOOD))
    events: list[Progress] = []
    interview = Interview(client(server), listener=events.append)
    interview.ask(QUESTION, dict)
    assert (interview.calls, interview.tokens) == (2, 240)
    assert [(e.stage, e.step, e.note) for e in events][-1] == ("language model", 2, "relation, 240 tokens")


# -- the docs --


def documented(checkout: Path) -> list[tuple[str, str]]:
    """(Kind, beginning of the message) of every row of the table of failures that ends in an error."""
    text = (checkout / "docs" / "language.md").read_text(encoding="utf-8").partition("### What can go wrong")[2]
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")]
    return [(row[1].strip().strip("`"), row[2].strip()) for row in rows if row[1].strip().startswith("`")]


def test_the_docs_have_every_kind_of_failure_once(checkout: Path) -> None:
    kinds = [kind for kind, _ in documented(checkout)]
    assert sorted(kinds) == sorted(ADVICE)


def test_messages_begin_as_the_docs_say(checkout: Path, server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(kind: str) -> None:
        if kind == "no client":
            with monkeypatch.context() as patch:
                patch.setattr("zeroshot_hoi.models.language.find_spec", lambda name: None)
                client(server)
        elif kind == "no connection":
            with chat_server() as gone:
                pass
            ask(gone)
        elif kind == "not recorded":
            Interview(cached(server, "replay")).ask(QUESTION, dict)
        else:
            addresses = {
                "no model": ("", server.url),
                "no key": ("m", "https://api.openai.com/v1"),
                "bad address": ("m", "x"),
            }
            OpenAILanguageModel(Endpoint(*addresses[kind]))

    replies = {kind: reply for kind, reply, _ in reversed(FAILURES)}

    def fail(kind: str) -> None:
        if kind in replies:
            server.replies(replies[kind])
            ask(server, timeout=0.2 if kind == "no answer in time" else 20.0)
        else:
            elsewhere(kind)

    for kind, beginning in documented(checkout):
        with pytest.raises(LanguageModelError) as caught:
            fail(kind)
        pattern = re.escape(beginning).replace(r"MODEL\ at\ URL", r"(tiny|m) at \S+").replace(r"\.\.\.", ".*")
        pattern = re.sub(r"\d+", r"[\\d.]+", pattern).replace("'graph'", "'relation'")
        assert re.match(pattern, str(caught.value)), f"{kind}: {caught.value} is not as documented: {beginning}"
        assert caught.value.kind == kind


def test_a_key_is_in_no_log_no_cache_and_no_error(
    server: ChatServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server.replies(fails(401, f"Incorrect API key provided: {KEY}"), says(f"{KEY} ?"), says(GOOD))
    with pytest.raises(LanguageModelError) as caught:
        Interview(cached(server)).ask(QUESTION, dict)
    events: list[Progress] = []
    Interview(cached(server), listener=events.append).ask(QUESTION, dict)
    assert len(server.keys) == 3
    written = [file.read_text() for file in answers_folder().iterdir()]
    printed = capfd.readouterr()
    for text in (str(caught.value), repr(caught.value), caplog.text, repr(events), *written, printed.out, printed.err):
        assert KEY not in text


# -- the cache --


def cached(server: ChatServer, mode: Any = "use") -> CachedLanguageModel:
    return CachedLanguageModel(client(server), "tiny at loopback", mode)


def test_nothing_is_paid_twice_and_a_replay_needs_no_server(server: ChatServer) -> None:
    server.replies(fails(400, "response_format: unknown", param="response_format"), says("?"), says(GOOD))
    first = Interview(cached(server)).ask(QUESTION, dict)
    calls = len(server.requests)
    assert Interview(cached(server)).ask(QUESTION, dict) == first
    assert len(server.requests) == calls == 3
    replay = CachedLanguageModel(None, "tiny at loopback", "replay")
    assert Interview(replay).ask(QUESTION, dict) == first


def test_other_questions_models_samples_and_parameters_are_other_answers(server: ChatServer) -> None:
    server.replies(says(GOOD))
    Interview(cached(server)).ask(QUESTION, dict)
    other = Question("relation", (*QUESTION.messages[:1], Message("user", "Which size?")), SCHEMA)
    Interview(cached(server)).ask(other, dict)
    Interview(cached(server)).ask(QUESTION, dict, sample=1)
    Interview(cached(server), max_tokens=9).ask(QUESTION, dict)
    Interview(CachedLanguageModel(client(server), "large", "use")).ask(QUESTION, dict)
    assert len(server.requests) == 5


def test_off_asks_every_time_and_keeps_nothing(server: ChatServer) -> None:
    server.replies(says(GOOD))
    for _ in range(2):
        Interview(cached(server, "off")).ask(QUESTION, dict)
    assert len(server.requests) == 2
    assert not answers_folder().exists()


def test_replaying_what_was_never_asked_says_so(server: ChatServer) -> None:
    with pytest.raises(LanguageModelError, match="without --replay") as caught:
        Interview(cached(server, "replay")).ask(QUESTION, dict)
    assert caught.value.kind == "not recorded"
    assert not server.requests


def test_records_can_be_read_and_hold_no_key(server: ChatServer) -> None:
    server.replies(says(json.dumps({"side": "front", "size": 1, "note": KEY})), says(GOOD))
    Interview(cached(server)).ask(QUESTION, dict)
    files = list(answers_folder().iterdir())
    assert len(files) == 2
    assert all(KEY not in file.read_text() for file in files)
    record = json.loads(files[0].read_text())
    assert record["request"]["messages"][1]["text"] == "Which side?"
    assert {"text", "finish", "prompt_tokens"} <= record["answer"].keys()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"answer": {"text": 3}}', '{"answer": []}'])
def test_a_damaged_record_is_asked_anew(server: ChatServer, damage: str) -> None:
    server.replies(says(GOOD))
    Interview(cached(server)).ask(QUESTION, dict)
    for file in answers_folder().iterdir():
        file.write_text(damage)
    Interview(cached(server)).ask(QUESTION, dict)
    assert len(server.requests) == 2


def test_answers_that_led_nowhere_are_asked_anew(server: ChatServer) -> None:
    server.replies(says("?"), says("?"), says("?"), says(GOOD))
    with pytest.raises(LanguageModelError):
        Interview(cached(server)).ask(QUESTION, dict)
    assert Interview(cached(server)).ask(QUESTION, dict)["side"] == "front"


# -- where the model is --


def test_openais_key_goes_to_openai_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "for-openai")
    assert Endpoint.from_environment("m").key == "for-openai"
    assert Endpoint.from_environment("m", "http://localhost:8000/v1").key == ""
    monkeypatch.setenv("OPENAI_BASE_URL", "https://eu.example/v1")
    assert Endpoint.from_environment("m") == Endpoint("m", "https://eu.example/v1", "for-openai")
    monkeypatch.setenv("ZEROSHOT_HOI_API_KEY", "ours")
    assert Endpoint.from_environment("m", "http://localhost:8000/v1").key == "ours"


def test_model_and_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEROSHOT_HOI_MODEL", "qwen3")
    monkeypatch.setenv("ZEROSHOT_HOI_BASE_URL", "http://localhost:11434/v1")
    endpoint = Endpoint.from_environment()
    assert (endpoint.model, endpoint.base_url) == ("qwen3", "http://localhost:11434/v1")
    assert "secret" not in repr(Endpoint("m", "http://localhost/v1", "secret"))


@pytest.mark.parametrize(
    ("model", "url", "kind"),
    [
        ("", "http://localhost/v1", "no model"),
        ("m", "https://api.openai.com/v1", "no key"),
        ("m", "localhost:8000", "bad address"),
        ("m", "file:///etc/passwd", "bad address"),
        ("m", "http://user:hunter2@host/v1", "bad address"),
        ("m", "http://host:99999999/v1", "bad address"),
    ],
)
def test_what_is_wrong_with_an_endpoint_is_said_at_once(model: str, url: str, kind: str) -> None:
    with pytest.raises(LanguageModelError) as caught:
        OpenAILanguageModel(Endpoint(model, url))
    assert caught.value.kind == kind
    assert "hunter2" not in str(caught.value)


# -- reading and checking answers --


@pytest.mark.parametrize(
    "text",
    [GOOD, f"```json\n{GOOD}\n```", f"```\n{GOOD}```", f"Here it is:\n{GOOD}\nDone.", f"<think>{{x}}</think>{GOOD}"],
)
def test_json_is_found_in_what_models_write(text: str) -> None:
    assert read_json(text) == {"side": "front", "size": 1.5}


@pytest.mark.parametrize(
    "text",
    ["", "no", "{", "[" * 100_000, '{"a": NaN}', '{"a": Infinity}', '{"a": 1e999}', f'{{"a": {"9" * 5000}}}', "<html>"],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(AnswerError):
        read_json(text)


@pytest.mark.parametrize(
    ("value", "schema", "words"),
    [
        (True, {"type": "number"}, "type number"),
        (1, {"type": "boolean"}, "type boolean"),
        ([1, 2, 3], {"type": "array", "maxItems": 2}, "at most 2"),
        ([], {"type": "array", "minItems": 1}, "at least 1"),
        (["a", 1], {"type": "array", "items": {"type": "string"}}, r"the answer\[1\] must be of type string"),
        ("x" * 9, {"type": "string", "maxLength": 8}, "at most 8"),
        (-1, {"type": "number", "minimum": 0}, "at least 0"),
        ({}, {"type": "object", "required": ["a"]}, "lacks the key 'a'"),
    ],
)
def test_the_schema_is_enforced_here_too(value: Any, schema: dict[str, Any], words: str) -> None:
    with pytest.raises(AnswerError, match=words):
        check(value, schema)
