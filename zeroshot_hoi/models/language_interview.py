"""Questions with checked answers: json_schema, then json_object, then plain text, and the error is sent back.

A server that does not know a response format says so with a 400, and the next weaker format is used from then on. Every
answer is checked against the schema and by the caller; what is wrong is sent back to the model, `retries` times.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, get_args

from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.core.solution import Progress, ProgressListener, silent
from zeroshot_hoi.models.language import Format, LanguageModel, LanguageModelError, Message, Request, UnsupportedFormat
from zeroshot_hoi.models.language_schema import AnswerError, check, read_json

Answer = TypeVar("Answer")

FORMATS: tuple[Format, ...] = get_args(Format)

MOST_TOKENS = 32_000
"""An answer that is cut off is asked for again with twice the room, up to this."""


@dataclass(frozen=True)
class Question:
    """One thing to find out."""

    name: str
    """Letters and underscores; names the schema and the step in the progress."""
    messages: tuple[Message, ...]
    """System, examples, and the question itself last."""
    schema: Mapping[str, Any]
    temperature: float = 0.0


class Interview:
    """Asks one model any number of questions and counts calls and tokens."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        retries: int = 2,
        max_tokens: int = 4000,
        listener: ProgressListener = silent,
    ) -> None:
        self.model, self.retries, self.max_tokens = model, retries, max_tokens
        self.calls = self.tokens = 0
        self.planned = 0
        """Calls expected in all, for the progress."""
        self._listener = listener
        self._format: Format = FORMATS[0]

    def ask(self, question: Question, accept: Callable[[Any], Answer], sample: int = 0) -> Answer:
        """What `accept` makes of the answer; it raises `AnswerError` or a `HoiError` to have the model try again."""
        request = Request(
            (*_with_schema(question),), question.schema, question.name, self._format,
            question.temperature, self.max_tokens, sample,
        )  # fmt: skip
        asked: list[Request] = []
        failure = LanguageModelError("invalid answer", f"{self.model.name} was not asked")
        for _ in range(1 + self.retries):
            request, completion = self._complete(request, asked)
            self._count(question.name, completion)
            if completion.refusal:
                self._forget(asked)
                raise LanguageModelError(
                    "refused", f"{self.model.name} refuses '{question.name}': {completion.refusal}"
                )
            if completion.finish == "length":
                room = f"{request.max_tokens} tokens"
                failure = LanguageModelError("cut off", f"{self.model.name} did not end '{question.name}' in {room}")
                request = replace(request, max_tokens=min(2 * request.max_tokens, MOST_TOKENS))
                continue
            if not completion.text.strip():
                failure = LanguageModelError("blank", f"{self.model.name} answered '{question.name}' with nothing")
                request = _again(request, "", "Your answer was empty. Answer with one JSON object.")
                continue
            try:
                value = read_json(completion.text)
                check(value, question.schema)
                return accept(value)
            except (AnswerError, HoiError) as error:
                if isinstance(error, LanguageModelError):
                    raise
                tries = f"{1 + self.retries} tries"
                what = f"{self.model.name} gave no usable answer to '{question.name}' in {tries}; at last: {error}"
                failure = LanguageModelError("invalid answer", what)
                request = _again(request, completion.text, f"That answer cannot be used. {error} Answer again.")
        self._forget(asked)
        raise failure

    def _complete(self, request: Request, asked: list[Request]) -> tuple[Request, Any]:
        """The answer in the strictest format that the server knows, and the request in that format."""
        for format in FORMATS[FORMATS.index(self._format) :]:
            request = replace(request, format=format)
            try:
                completion = self.model.complete(request)
            except UnsupportedFormat:
                self.calls += 1
                if format == FORMATS[-1]:
                    raise
                continue
            self._format = format
            asked.append(request)
            return request, completion
        raise AssertionError("the last format returns or raises")

    def _count(self, step: str, completion: Any) -> None:
        self.calls += 1
        self.tokens += completion.prompt_tokens + completion.completion_tokens
        note = f"{step}, {self.tokens:,} tokens"
        self._listener(Progress("language model", self.calls, max(self.planned, self.calls), note=note))

    def _forget(self, asked: list[Request]) -> None:
        """Answers that led nowhere are not kept."""
        forget = getattr(self.model, "forget", None)
        if callable(forget):
            for request in asked:
                forget(request)


def _with_schema(question: Question) -> tuple[Message, ...]:
    """The messages with the schema in the first: servers that enforce nothing still tell the model."""
    first, *rest = question.messages
    schema = json.dumps(question.schema, ensure_ascii=False)
    text = f"{first.text}\n\nAnswer with one JSON object and nothing else. It fits this JSON schema:\n{schema}"
    return replace(first, text=text), *rest


def _again(request: Request, answer: str, complaint: str) -> Request:
    """The conversation so far, the answer, and what is wrong with it."""
    said = (Message("assistant", answer or "(nothing)"), Message("user", complaint[:4000]))
    return replace(request, messages=(*request.messages, *said))
