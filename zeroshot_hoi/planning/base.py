"""What planning from text takes and gives: the objects that a user has, and recipes with notes on their origin."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.core.graph_nodes import check_name, is_person
from zeroshot_hoi.core.plan import ObjectPlan
from zeroshot_hoi.core.scene import ObjectParts
from zeroshot_hoi.recipe import Recipe

MAX_CHARACTERS = 4000
"""Longest text that is planned; a recipe's own limit."""

MAX_OBJECTS = 16

RESERVED = ("ground", "hand", "nothing", "ahead")
"""Words that stand for places in recipes and questions."""

PartFinder = Callable[[ObjectPlan], ObjectParts]
"""Finds the parts that a plan names on one mesh; raises a HoiError where nothing fits."""


class TextError(HoiError):
    """A sentence that cannot be planned: empty, too long, or with words that nothing is known about."""


@dataclass(frozen=True)
class GivenObject:
    """One of the user's objects, as far as planning needs to know it."""

    name: str
    extent: tuple[float, float, float] | None = None
    """Metres along x, y and z (up); None while no mesh is known."""
    pieces: tuple[str, ...] = ()
    """Names of the mesh's pieces, where its file has any."""
    find: PartFinder | None = None
    """None where no mesh is known, and descriptions are taken as they are."""
    builtin: str = ""
    """The built-in mesh that stands for it."""


@dataclass(frozen=True)
class PlannedText:
    """What a sentence became."""

    recipes: tuple[Recipe, ...]
    """One for each sub-task, in order."""
    notes: tuple[str, ...] = ()
    """What was understood, assumed and left aside, one sentence each."""
    planner: str = "lexicon"
    """Which planner, and for a language model its name."""
    prompts: dict[str, str] = field(default_factory=dict)
    """Prompt -> version and hash; empty where none was used."""


def check_sentence(text: str) -> str:
    """The sentence with single spaces; raises where there is nothing to plan."""
    if not isinstance(text, str) or not text.strip():
        raise TextError('There is no sentence. Say what happens, as in "a person sits on the chair".')
    if len(text) > MAX_CHARACTERS:
        raise TextError(f"The sentence has {len(text)} characters; at most {MAX_CHARACTERS} are planned. Shorten it.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise TextError("The sentence has broken characters that are no Unicode text. Type it again.") from None
    cleaned = " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in text).split())
    if not any(c.isalpha() for c in cleaned):
        raise TextError(f"There is no word in {text!r}. Say what happens.")
    return cleaned


def check_objects(objects: Sequence[GivenObject]) -> None:
    """At least one object, valid and different names, none of them a person's."""
    if not objects:
        raise TextError('Name at least one object and its mesh, as in objects={"chair": "chair.glb"}.')
    if len(objects) > MAX_OBJECTS:
        raise TextError(f"There are {len(objects)} objects; at most {MAX_OBJECTS} are planned.")
    names = [check_name(thing.name, "An object") for thing in objects]
    for name in names:
        if is_person(name):
            raise TextError(f"'{name}' is a person's name. Call the object what it is.")
        if name in RESERVED:
            raise TextError(f"An object cannot be called '{name}': recipes use that word. Call it what it is.")
        if names.count(name) > 1:
            raise TextError(f"The object '{name}' is given more than once. Keep one.")


def recipe_name(text: str) -> str:
    """A file name's worth of a sentence: `a_person_sits_on_the_chair`."""
    words = re.findall(r"[^\W_]+", text.lower())
    name = ""
    for word in words:
        if len(name) + len(word) > 48:
            break
        name = f"{name}_{word}" if name else word
    return name or "interaction"
