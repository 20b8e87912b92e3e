"""A recipe as TOML that a person can read and edit; `Recipe.load` reads the same recipe back."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zeroshot_hoi.core.errors import RecipeError
from zeroshot_hoi.recipe import MAX_BYTES, Recipe

_BARE = re.compile(r"[A-Za-z0-9_-]+")
RECIPE_KEY = "recipe.toml"
"""Key of a result's `meta["prompts"]` that holds the whole recipe."""

LINE = 110
"""A list that needs more characters is written over several lines."""


def recipe_to_toml(recipe: Recipe, comment: str = "") -> str:
    """The file's text: keys at their defaults are left out; `comment` goes on top."""
    data = {"schema": recipe.format, **recipe.model_dump(by_alias=True, exclude_defaults=True)}
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    return "\n".join([*lines, *([""] if lines else []), *_table(data, "")]).rstrip("\n") + "\n"


def recipe_from_toml(text: str, origin: str) -> Recipe:
    """The recipe that a text describes; `origin` names it in errors."""
    if len(text) > MAX_BYTES:
        raise RecipeError(f"{origin} has {len(text)} characters; a recipe has at most {MAX_BYTES}.")
    try:
        return Recipe.from_mapping(tomllib.loads(text), origin)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{origin} is not valid TOML: {error}") from None


def _table(data: Mapping[str, Any], path: str) -> Iterator[str]:
    """Plain keys first, then the tables below them."""
    for key, value in data.items():
        if not _holds_tables(value):
            yield f"{_key(key)} = {_value(value, len(key))}"
    for key, value in data.items():
        below = f"{path}.{_key(key)}" if path else _key(key)
        if isinstance(value, Mapping):
            yield from ("", f"[{below}]", *_table(value, below))
        elif _holds_tables(value):
            for entry in value:
                yield from ("", f"[[{below}]]", *_table(entry, below))


def _holds_tables(value: Any) -> bool:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return isinstance(value, Mapping) or (is_list and bool(value) and all(isinstance(v, Mapping) for v in value))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: Any, indent: int = 0) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, Sequence):
        entries = [_value(entry) for entry in value]
        line = f"[{', '.join(entries)}]"
        return line if len(line) + indent < LINE else "[\n" + "".join(f"    {entry},\n" for entry in entries) + "]"
    raise RecipeError(f"A recipe holds numbers, texts, true and false, and lists of them; got {value!r}.")


def _text(text: str) -> str:
    """A basic string; JSON's escapes are TOML's, but for DEL."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise RecipeError(f"{text!r} cannot be written as UTF-8. Replace its broken characters.") from None
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
