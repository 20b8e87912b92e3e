"""Recipes: an interaction written down as data.

A recipe is a TOML file with the Part Affordance Graph, how each edge is carried out, descriptions of the parts, and a
motion script. It holds data only: no expressions, class paths or inheritance. Recipes that come with the package are
found by name, a user's own by path. An unknown key is an error that names the file and the nearest valid key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationError

from zeroshot_hoi.core.errors import RecipeError, nearest_name
from zeroshot_hoi.recipe_tables import RecipeTable, describe_first_error

MAX_BYTES = 262_144
"""A recipe is a few kilobytes; a larger file is refused unread."""

OVERRIDES = ("seed", "engine", "frames", "fps", "affordance", "missing_parts", "models")
"""Keys of a recipe that a single run may change."""


class Recipe(RecipeTable):
    """One checked recipe; the keys of the file are its attributes. Read one with `Recipe.load`."""

    _origin: str = PrivateAttr(default="recipe")

    @property
    def origin(self) -> str:
        """The file that the recipe was read from."""
        return self._origin

    @classmethod
    def load(cls, name_or_path: str | Path) -> Recipe:
        """The bundled recipe of that name, or the one in the `.toml` file at that path."""
        path = _find(str(name_or_path))
        return cls.from_mapping(_read_toml(path), str(path))

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any], origin: str = "recipe") -> Recipe:
        """The recipe that decoded TOML describes; `origin` names it in errors."""
        try:
            recipe = cls.model_validate(dict(data))
        except ValidationError as error:
            raise RecipeError(f"{origin}: {describe_first_error(error)}") from None
        recipe._origin = origin
        return recipe

    def with_overrides(self, **overrides: Any) -> Recipe:
        """The same recipe with other values of keys in OVERRIDES; None leaves a key as it is."""
        for key in overrides:
            if key not in OVERRIDES:
                raise RecipeError(f"'{key}' cannot be overridden. {nearest_name(key, OVERRIDES)}")
        given = {key: value for key, value in overrides.items() if value is not None}
        if not given:
            return self
        words = ", ".join(f"{key} = {value!r}" for key, value in given.items())
        changed = Recipe.from_mapping({**self.model_dump(by_alias=True), **given}, f"{self.name} with {words}")
        changed._origin = self.origin
        return changed


def list_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the package."""
    return tuple(sorted(path.stem for path in recipes_folder().glob("*.toml")))


@cache
def recipes_folder() -> Path:
    """Where the bundled recipes are: inside an installed wheel, or beside the package in a checkout."""
    package = Path(__file__).parent
    for folder in (package / "_bundled" / "recipes", package.parent / "recipes"):
        if folder.is_dir():
            return folder
    raise RecipeError(
        f"The bundled recipes are missing from {package}. Reinstall: pip install --force-reinstall zeroshot-hoi"
    )


def _find(name_or_path: str) -> Path:
    looks_like_path = name_or_path.endswith(".toml") or "/" in name_or_path or "\\" in name_or_path
    if looks_like_path:
        path = Path(name_or_path).expanduser()
        if not path.is_file():
            raise RecipeError(
                f"There is no recipe file {path}. Give a .toml file, or one of: {', '.join(list_recipes())}."
            )
        return path
    if name_or_path not in list_recipes():
        if len(name_or_path.split()) > 2:
            raise RecipeError(
                f"There is no recipe called '{name_or_path}'. Is it a sentence? "
                "Then use Pipeline.from_text(...), or zeroshot-hoi run --text '...'."
            )
        raise RecipeError(
            f"There is no recipe called '{name_or_path}'. {nearest_name(name_or_path, list_recipes())} "
            "Your own recipe is given by its path, ending in .toml."
        )
    return recipes_folder() / f"{name_or_path}.toml"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecipeError(f"{path} has {path.stat().st_size} bytes; a recipe has at most {MAX_BYTES}.")
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecipeError(f"{path} is not valid TOML: {error}") from None
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}.") from None
