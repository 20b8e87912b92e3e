"""Exceptions for mistakes a user can mend. Each message says what came in, what is allowed and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HoiError(Exception):
    """Base of every error this library raises on purpose; the command line prints it without a traceback."""


class MeshError(HoiError):
    """A mesh that cannot be used: missing, empty, NaN, a point cloud, zero area."""


class UnitError(MeshError):
    """A mesh whose size does not fit what its recipe says is plausible."""


class RecipeError(HoiError):
    """A recipe that is unknown, malformed, or has an unknown key."""


class GraphError(HoiError):
    """A Part Affordance Graph that breaks a rule: unknown node, edge inside one object, duplicate, missing flag."""


class BodyError(HoiError):
    """A body-model file that cannot be used."""


class EngineError(HoiError):
    """An engine that is unknown or not installed."""


class ResultError(HoiError):
    """A result file that cannot be read, or a place where nothing can be written."""


def nearest_name(word: str, allowed: Iterable[str]) -> str:
    """A sentence that names the closest allowed word, or lists all of them."""
    names = sorted(allowed)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if close:
        return f"Did you mean '{close[0]}'? Known: {', '.join(names)}."
    return f"Known: {', '.join(names)}."
