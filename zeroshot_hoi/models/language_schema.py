"""From a model's text to checked JSON: fences and thinking are stripped, and the schema is enforced on our side too."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_FENCE = re.compile(r"```(?:\w+)?\s*\n?(.*?)```", re.DOTALL)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "number": (int, float),
    "integer": (int,),
}  # fmt: skip
MAX_DIGITS = 40
"""A number with more digits is refused before it is read."""


class AnswerError(ValueError):
    """What is wrong with an answer, in words that help the model to mend it."""


def read_json(text: str) -> Any:
    """The JSON value in a model's answer; raises `AnswerError`."""
    text = text.rpartition("</think>")[2].strip()
    fenced = _FENCE.search(text)
    candidates = [text, *([fenced.group(1)] if fenced else []), text[text.find("{") : text.rfind("}") + 1]]
    problem = "there is no JSON in it"
    for candidate in candidates:
        if not candidate.strip():
            continue
        try:
            return json.loads(candidate, parse_constant=_refuse_constant, parse_int=_read_int, parse_float=_read_float)
        except AnswerError:
            raise
        except (ValueError, RecursionError) as error:
            problem = f"it is not valid JSON ({error})" if isinstance(error, ValueError) else "it is nested too deeply"
    raise AnswerError(f"The answer cannot be read: {problem}. Answer with one JSON object and nothing else.")


def _refuse_constant(word: str) -> Any:
    raise AnswerError(f"{word} is no JSON number. Give a finite number.")


def _read_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise AnswerError(f"A number has {len(digits)} digits. Give a plain number.")
    return int(digits)


def _read_float(digits: str) -> float:
    value = float(digits)
    if len(digits) > MAX_DIGITS or value in (float("inf"), float("-inf")):
        raise AnswerError(f"The number {digits[:MAX_DIGITS]} is out of range. Give a plain number.")
    return value


def check(value: Any, schema: Mapping[str, Any], where: str = "the answer") -> None:
    """Raises `AnswerError` at the first place where `value` does not fit `schema`.

    Knows the keywords of our prompts: type, properties, required, additionalProperties, items, enum, minItems,
    maxItems, minimum, maximum, minLength, maxLength.
    """
    kind = schema.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        raise AnswerError(f"{where} must be of type {kind}; got {_short(value)}.")
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(json.dumps(word, ensure_ascii=False) for word in schema["enum"])
        raise AnswerError(f"{where} is {_short(value)}; allowed: {allowed}.")
    if isinstance(value, dict):
        _check_object(value, schema, where)
    elif isinstance(value, list):
        _within(len(value), schema, "minItems", "maxItems", f"{where} has {len(value)} entries")
        for index, entry in enumerate(value):
            check(entry, schema.get("items", {}), f"{where}[{index}]")
    elif isinstance(value, str):
        _within(len(value), schema, "minLength", "maxLength", f"{where} has {len(value)} characters")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _within(value, schema, "minimum", "maximum", f"{where} is {value}")


def _check_object(value: dict[str, Any], schema: Mapping[str, Any], where: str) -> None:
    known = schema.get("properties", {})
    for key in schema.get("required", ()):
        if key not in value:
            raise AnswerError(f"{where} lacks the key '{key}'.")
    for key, entry in value.items():
        if key in known:
            check(entry, known[key], f"{where}.{key}")
        elif schema.get("additionalProperties") is False:
            raise AnswerError(f"{where} has the unknown key {_short(key)}; allowed: {', '.join(known)}.")


def _within(value: float, schema: Mapping[str, Any], low: str, high: str, what: str) -> None:
    if low in schema and value < schema[low]:
        raise AnswerError(f"{what}; at least {schema[low]}.")
    if high in schema and value > schema[high]:
        raise AnswerError(f"{what}; at most {schema[high]}.")


def _short(value: Any) -> str:
    words = json.dumps(value, ensure_ascii=False, default=str)
    return words if len(words) <= 80 else words[:77] + "..."
