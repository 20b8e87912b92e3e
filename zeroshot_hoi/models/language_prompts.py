"""Prompts as files: one TOML file each in `prompts/`, with system text, question, JSON schema and examples.

`{{name}}` in a question is replaced by a value as JSON, so that quotes, braces and newlines of a user's words stay
inside their string; a value is never looked through for further names. In a schema, an `enum` of `"{{name}}"` becomes
the list of that name.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from zeroshot_hoi.core.errors import HoiError, nearest_name
from zeroshot_hoi.models.language import Message
from zeroshot_hoi.models.language_interview import Question

_PLACE = re.compile(r"\{\{(\w+)\}\}")
_KEYS = {"version", "system", "question", "schema", "examples", "temperature"}


@dataclass(frozen=True)
class Prompt:
    """One file."""

    name: str
    version: int
    system: str
    question: str
    schema: Mapping[str, Any]
    examples: tuple[tuple[str, str], ...]
    """(question, answer) pairs, shown as earlier turns."""
    temperature: float
    sha256: str

    def ask(self, values: Mapping[str, Any], pictures: tuple[bytes, ...] = ()) -> Question:
        """The question about `values`; every place must have one."""
        messages = [Message("system", self.system.strip())]
        for question, answer in self.examples:
            messages += [Message("user", question.strip()), Message("assistant", answer.strip())]
        messages.append(Message("user", _filled(self.question.strip(), values, self.name), pictures))
        return Question(self.name, tuple(messages), _listed(self.schema, values, self.name), self.temperature)


def list_prompts() -> tuple[str, ...]:
    """Names of all prompts."""
    return tuple(sorted(path.stem for path in prompts_folder().glob("*.toml")))


@cache
def load_prompt(name: str) -> Prompt:
    """The prompt of that name."""
    if name not in list_prompts():
        raise HoiError(f"There is no prompt '{name}'. {nearest_name(name, list_prompts())}")
    content = (prompts_folder() / f"{name}.toml").read_bytes()
    data = tomllib.loads(content.decode("utf-8"))
    assert data.keys() <= _KEYS, data.keys() - _KEYS
    examples = tuple((example["question"], example["answer"]) for example in data.get("examples", ()))
    return Prompt(
        name, data["version"], data["system"], data["question"], json.loads(data["schema"]), examples,
        float(data.get("temperature", 0.0)), hashlib.sha256(content).hexdigest(),
    )  # fmt: skip


@cache
def prompts_folder() -> Path:
    """Where the prompts are: inside an installed wheel, or beside the package in a checkout."""
    package = Path(__file__).parent.parent
    for folder in (package / "_bundled" / "prompts", package.parent / "prompts"):
        if folder.is_dir():
            return folder
    raise HoiError(f"The prompts are missing from {package}. Reinstall: pip install --force-reinstall zeroshot-hoi")


def _filled(template: str, values: Mapping[str, Any], where: str) -> str:
    return _PLACE.sub(lambda place: json.dumps(_value(values, place[1], where), ensure_ascii=False), template)


def _value(values: Mapping[str, Any], name: str, where: str) -> Any:
    assert name in values, f"prompt '{where}' needs '{name}'"
    return values[name]


def _listed(schema: Any, values: Mapping[str, Any], where: str) -> Any:
    if isinstance(schema, Mapping):
        return {key: _listed(value, values, where) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_listed(value, values, where) for value in schema]
    place = _PLACE.fullmatch(schema) if isinstance(schema, str) else None
    return list(_value(values, place[1], where)) if place else schema
