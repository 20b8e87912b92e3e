"""Language models: what a caller asks, what comes back, how it fails, and a client for OpenAI-compatible servers.

`OpenAILanguageModel` speaks to OpenAI, DeepSeek, vLLM, Ollama, llama.cpp and whatever else serves
`/chat/completions`. Every failure is a `LanguageModelError` that says what happened and what to do; the key of the
server never reaches a text of ours.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from zeroshot_hoi.core.errors import HoiError

Format = Literal["json_schema", "json_object", "plain"]
"""How strictly the server is asked to keep to a schema."""

MAX_ANSWER_CHARACTERS = 200_000
"""A plan is a few kilobytes; a longer answer is refused."""

SHORTEST_KEY = 8
"""Characters; what is shorter (`EMPTY`, `ollama`) is a placeholder for local servers and no secret."""

OPENAI_URL = "https://api.openai.com/v1"

ADVICE = {
    "no client": "Install it: pip install 'zeroshot-hoi[llm]'",
    "no model": "Name one: --model NAME, model=..., or the environment variable ZEROSHOT_HOI_MODEL. "
    "Without a model, --planner lexicon plans from the built-in vocabulary.",
    "no key": "Set ZEROSHOT_HOI_API_KEY, or OPENAI_API_KEY for OpenAI itself. A local server needs no key: give its "
    "address with --base-url.",
    "bad address": "Give the server's address as http(s)://HOST[:PORT]/v1, without a user name or password in it.",
    "key refused": "Check ZEROSHOT_HOI_API_KEY (or OPENAI_API_KEY for OpenAI), and that it may use this model.",
    "unknown model": "Check the model's name and the base URL, which usually ends in /v1.",
    "request refused": "The server does not accept the request as it is; its words above say why. Try another model.",
    "too many requests": "Wait a minute and run again (what was already answered is cached), or use another model.",
    "quota": "The account has no credit left, or its limit is reached: top it up, or use another key or model.",
    "server error": "The fault is on the server's side. Run again later; what was already answered is cached.",
    "no answer in time": "Raise --timeout, or use a faster model; what was already answered is cached.",
    "no connection": "Check the base URL, that the server is running, and the network.",
    "not an API answer": "This address does not answer like a chat API: check the base URL, which usually ends in /v1, "
    "and that no proxy or login page is in between.",
    "no choices": "The server returned no text at all. Run again, or use another model.",
    "refused": "The model declines this request. Rephrase the sentence, or use another model.",
    "blank": "The model answered with nothing, several times. Run again, or use another model.",
    "cut off": "The answer did not fit. Raise --max-tokens, or use a model that answers more briefly.",
    "too long": "Use another model, or a shorter sentence.",
    "invalid answer": "The model does not manage this format. Use a stronger model, or a server that enforces schemas.",
    "not recorded": "Run once without --replay to ask the model and keep its answer.",
}
"""Kind of failure -> what to do."""


class LanguageModelError(HoiError):
    """Whatever goes wrong between a question and a usable answer."""

    def __init__(self, kind: str, what: str) -> None:
        self.kind = kind
        """One of ADVICE's keys."""
        super().__init__(f"{what.rstrip('. ')}. {ADVICE[kind]}")


class UnsupportedFormat(LanguageModelError):
    """The server does not know the requested response format; a weaker one may do."""

    def __init__(self, what: str) -> None:
        super().__init__("request refused", what)


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    text: str
    pictures: tuple[bytes, ...] = field(default=(), repr=False)
    """PNG files, shown after the text."""


@dataclass(frozen=True)
class Request:
    """One call, complete: equal requests to equal models may share an answer."""

    messages: tuple[Message, ...]
    schema: Mapping[str, Any]
    """JSON schema of the answer."""
    schema_name: str
    format: Format = "json_schema"
    temperature: float = 0.0
    max_tokens: int = 4000
    sample: int = 0
    """Tells repetitions of the same question apart."""


@dataclass(frozen=True)
class Completion:
    """One answer, as it came."""

    text: str
    finish: str = "stop"
    """`stop`, `length` (cut off), or the server's word."""
    refusal: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class LanguageModel(Protocol):
    """Anything that answers requests."""

    @property
    def name(self) -> str:
        """Model and server, for caches and provenance; no secrets."""
        ...

    def complete(self, request: Request) -> Completion:
        """The answer; raises `LanguageModelError`, or `UnsupportedFormat` where a weaker format may do."""
        ...


@dataclass(frozen=True)
class Endpoint:
    """Where a model is served."""

    model: str
    base_url: str = OPENAI_URL
    key: str = field(default="", repr=False)
    timeout: float = 120.0
    """Seconds for one answer."""
    retries: int = 2
    """Further tries after 429, 5xx and broken connections, with growing pauses."""

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise LanguageModelError("no model", "No language model is named")
        address = _split_address(self.base_url)
        if address is None:
            raise LanguageModelError("bad address", f"'{_without_user(self.base_url)}' is no address of a server")

    @classmethod
    def from_environment(
        cls, model: str | None = None, base_url: str | None = None, timeout: float | None = None
    ) -> Endpoint:
        """What was given, completed by ZEROSHOT_HOI_MODEL, ZEROSHOT_HOI_BASE_URL and the keys.

        OPENAI_API_KEY is sent to OpenAI and to OPENAI_BASE_URL only, never to an address named otherwise.
        """
        ours = base_url or os.environ.get("ZEROSHOT_HOI_BASE_URL", "")
        key = os.environ.get("ZEROSHOT_HOI_API_KEY", "")
        if not ours or ours.rstrip("/") == OPENAI_URL:
            key = key or os.environ.get("OPENAI_API_KEY", "")
            ours = ours or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
        model = model or os.environ.get("ZEROSHOT_HOI_MODEL", "")
        return cls(model, ours, key, timeout or cls.timeout)


class OpenAILanguageModel:
    """A model behind an OpenAI-compatible server."""

    def __init__(self, endpoint: Endpoint) -> None:
        if find_spec("openai") is None:
            raise LanguageModelError("no client", "Language models need the package openai, which is not installed")
        if not endpoint.key and urlsplit(endpoint.base_url).hostname == urlsplit(OPENAI_URL).hostname:
            raise LanguageModelError("no key", f"There is no key for {endpoint.base_url}")
        import openai

        self._endpoint = endpoint
        self._client = openai.OpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.key or "none",
            timeout=endpoint.timeout,
            max_retries=endpoint.retries,
        )
        self._dropped: set[str] = set()
        """Parameters that the server has refused; reasoning models take no temperature and count tokens otherwise."""

    @property
    def name(self) -> str:
        return f"{self._endpoint.model} at {self._endpoint.base_url}"

    def complete(self, request: Request) -> Completion:
        """One answer from the server; its refusal of optional parameters is learned and not repeated."""
        for _ in range(3):
            try:
                return self._read(self._client.chat.completions.create(**self._arguments(request)))
            except Exception as error:
                refused = self._refused_parameter(error)
                if refused is None:
                    raise self._explain(error, request) from None
                self._dropped.add(refused)
        raise LanguageModelError("request refused", f"{self.name} keeps refusing parameters of the request")

    def _arguments(self, request: Request) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self._endpoint.model,
            "messages": [_message(message) for message in request.messages],
        }
        tokens = "max_completion_tokens" if "max_tokens" in self._dropped else "max_tokens"
        arguments[tokens] = request.max_tokens
        if "temperature" not in self._dropped:
            arguments["temperature"] = request.temperature
        if request.format == "json_schema":
            schema = {"name": request.schema_name, "strict": True, "schema": _structure(request.schema)}
            arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif request.format == "json_object":
            arguments["response_format"] = {"type": "json_object"}
        return arguments

    def _refused_parameter(self, error: Exception) -> str | None:
        """`temperature` or `max_tokens`, where a 400 is about one of them and it can still be dropped."""
        import openai

        if not isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
            return None
        named = _error_parameter(error) or _first_mentioned(str(error), ("max_tokens", "temperature"))
        return named if named in ("max_tokens", "temperature") and named not in self._dropped else None

    def _explain(self, error: Exception, request: Request) -> LanguageModelError:
        """The one exception type, whatever the client raised."""
        import openai

        if isinstance(error, LanguageModelError):
            return error
        words, name = self._words(error), self.name
        if isinstance(error, openai.APITimeoutError):
            seconds = f"{self._endpoint.timeout:g} seconds"
            return LanguageModelError("no answer in time", f"{name} did not answer within {seconds}")
        if isinstance(error, openai.APIConnectionError):
            return LanguageModelError("no connection", f"{name} cannot be reached: {words}")
        if isinstance(error, openai.APIStatusError):
            status = error.status_code
            what = f"{name} answered {status}: {words}"
            if status in (400, 422) and request.format != "plain" and _about_format(error):
                return UnsupportedFormat(what)
            if status == 429 and "quota" in f"{getattr(error, 'code', '')} {words}".lower():
                return LanguageModelError("quota", what)
            return LanguageModelError(_STATUS.get(status, "server error" if status >= 500 else "request refused"), what)
        if isinstance(error, openai.OpenAIError | ValueError | TypeError | AttributeError | RecursionError):
            return LanguageModelError("not an API answer", f"{name} answered what no chat API answers: {words}")
        raise error

    def _read(self, answer: Any) -> Completion:
        """The first choice of an answer whose shape nothing guarantees."""
        if isinstance(answer, str) or not hasattr(answer, "choices"):
            page = "a web page" if str(answer).lstrip()[:1] == "<" else f"{type(answer).__name__}"
            raise LanguageModelError("not an API answer", f"{self.name} answered with {page} instead of a completion")
        if not isinstance(answer.choices, list) or not answer.choices:
            raise LanguageModelError("no choices", f"{self.name} answered without choices")
        choice = answer.choices[0]
        message = getattr(choice, "message", None)
        text = getattr(message, "content", None) or ""
        if message is None or not isinstance(text, str):
            raise LanguageModelError("not an API answer", f"{self.name} answered with a choice that has no text")
        if len(text) > MAX_ANSWER_CHARACTERS:
            size = f"{len(text)} characters; at most {MAX_ANSWER_CHARACTERS} are read"
            raise LanguageModelError("too long", f"{self.name} answered with {size}")
        refusal = self._scrub(str(getattr(message, "refusal", None) or ""))
        finish = str(getattr(choice, "finish_reason", None) or "stop")
        if finish == "content_filter" and not refusal:
            refusal = "its content filter stopped the answer"
        usage = getattr(answer, "usage", None)
        sizes = [_count(getattr(usage, key, 0)) for key in ("prompt_tokens", "completion_tokens")]
        return Completion(self._scrub(text), finish, refusal, *sizes)

    def _words(self, error: Exception) -> str:
        """The server's own words, short, on one line, without the key."""
        body = getattr(error, "body", None)
        words = body.get("message") if isinstance(body, Mapping) else body
        words = str(words or (getattr(error, "message", None) or error or type(error).__name__))
        if "<html" in words.lower() or "<!doctype" in words.lower():
            words = "a web page"
        return self._scrub(" ".join(words.split())[:300])

    def _scrub(self, text: str) -> str:
        secret = self._endpoint.key
        return text.replace(secret, "[key]") if len(secret) >= SHORTEST_KEY else text


_STATUS = {401: "key refused", 403: "key refused", 404: "unknown model", 408: "no answer in time", 413: "too long",
           429: "too many requests"}  # fmt: skip

_FORMAT_WORDS = ("response_format", "json_schema", "json_object", "schema", "grammar", "guided", "structured")


def _about_format(error: Any) -> bool:
    text = f"{_error_parameter(error)} {error}".lower()
    return any(word in text for word in _FORMAT_WORDS)


def _error_parameter(error: Any) -> str:
    body = getattr(error, "body", None)
    return str(body.get("param") or "") if isinstance(body, Mapping) else ""


def _first_mentioned(text: str, names: tuple[str, ...]) -> str:
    return next((name for name in names if name in text), "")


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _split_address(url: str) -> Any:
    """The pieces of an http(s) address without credentials, or None."""
    try:
        address = urlsplit(url)
        _ = address.port
    except ValueError:
        return None
    fine = address.scheme in ("http", "https") and address.hostname and not (address.username or address.password)
    return address if fine else None


def _without_user(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://...@{tail}" if at else url


def _message(message: Message) -> dict[str, Any]:
    if not message.pictures:
        return {"role": message.role, "content": message.text}
    content: list[dict[str, Any]] = [{"type": "text", "text": message.text}]
    for picture in message.pictures:
        url = "data:image/png;base64," + base64.b64encode(picture).decode("ascii")
        content.append({"type": "image_url", "image_url": {"url": url}})
    return {"role": message.role, "content": content}


_STRUCTURAL = ("type", "properties", "required", "additionalProperties", "items", "enum", "description")


def _structure(schema: Any) -> Any:
    """The keywords that every schema-enforcing server knows; lengths and ranges are checked on our side."""
    kept = {key: value for key, value in schema.items() if key in _STRUCTURAL}
    if "properties" in kept:
        kept["properties"] = {key: _structure(value) for key, value in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = _structure(kept["items"])
    return json.loads(json.dumps(kept))
