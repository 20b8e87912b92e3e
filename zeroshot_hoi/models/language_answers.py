"""Answers are kept by content, so that nothing is paid twice and a run can be replayed without a server.

One JSON file for each call, below `answers/` in the cache folder, with the whole request and the whole answer: a person
can read it, and delete it. Pictures are kept as their hashes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Literal

from zeroshot_hoi.geometry.cache import cache_root, content_key
from zeroshot_hoi.models.language import Completion, LanguageModel, LanguageModelError, Request, UnsupportedFormat

Mode = Literal["use", "off", "replay"]
"""`use` reads and writes, `off` does neither, `replay` only reads and fails where nothing is recorded."""

MAX_BYTES = 4_000_000
"""A larger file in the cache is none of ours."""


def answers_folder() -> Path:
    """Where answers are kept; it may not exist yet."""
    return cache_root() / "answers"


class CachedLanguageModel:
    """Any model, with its answers kept by content: model, messages, schema, format and parameters."""

    def __init__(self, model: LanguageModel | None, name: str, mode: Mode = "use") -> None:
        """`model` may be None where answers are only replayed; `name` is the model's, and part of every key."""
        self._model, self._name, self._mode = model, name, mode
        self.paid = 0
        """Calls that reached the model."""

    @property
    def name(self) -> str:
        return self._name

    def complete(self, request: Request) -> Completion:
        """The recorded answer, or the model's, which is then recorded."""
        path = self._path(request)
        found = None if self._mode == "off" else _read(path)
        if found is not None:
            return _completion(found)
        if self._mode == "replay" or self._model is None:
            raise LanguageModelError(
                "not recorded", f"There is no recorded answer to '{request.schema_name}' of {self._name} at {path}"
            )
        self.paid += 1
        try:
            answer = self._model.complete(request)
        except UnsupportedFormat as error:
            self._keep(path, request, {"unsupported format": str(error)})
            raise
        self._keep(path, request, asdict(answer))
        return answer

    def forget(self, request: Request) -> None:
        """Drop a recorded answer that led nowhere, so that the next run asks anew."""
        if self._mode == "use":
            with contextlib.suppress(OSError):
                self._path(request).unlink(missing_ok=True)

    def _path(self, request: Request) -> Path:
        return answers_folder() / f"{content_key(self._name, json.dumps(_described(request), sort_keys=True))}.json"

    def _keep(self, path: Path, request: Request, answer: dict[str, Any]) -> None:
        if self._mode != "use":
            return
        record = {"model": self._name, "request": _described(request), "answer": answer}
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                json.dump(record, file, ensure_ascii=False, indent=1)
            os.replace(temporary, path)


def _described(request: Request) -> dict[str, Any]:
    """The request as JSON, with each picture's hash in its place."""
    described = {f.name: getattr(request, f.name) for f in fields(request) if f.name != "messages"}
    described["messages"] = [
        {
            "role": message.role,
            "text": message.text,
            "pictures": [hashlib.sha256(picture).hexdigest() for picture in message.pictures],
        }
        for message in request.messages
    ]
    return described


def _read(path: Path) -> dict[str, Any] | None:
    """The recorded answer; a file that cannot be read is as good as none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        answer = json.loads(path.read_text(encoding="utf-8"))["answer"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    if isinstance(answer.get("unsupported format"), str):
        return answer
    kinds = {"text": str, "finish": str, "refusal": str, "prompt_tokens": int, "completion_tokens": int}
    fits = answer.keys() == kinds.keys() and all(isinstance(answer[key], kind) for key, kind in kinds.items())
    return answer if fits else None


def _completion(found: dict[str, Any]) -> Completion:
    if "unsupported format" in found:
        raise UnsupportedFormat(found["unsupported format"])
    return Completion(**found)
