"""The lexicon's data, checked, and the forms that English words take."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from zeroshot_hoi.core.plan import PartDescription

Manner = Literal["held", "slid", "seat", "saddle", "board", "bed", "floor", "pushed", "part", "worn", "place"]
Role = Literal[
    "grip", "handle", "sides", "seat", "back", "bottom", "top", "deck", "bar", "pedals", "touched", "strap", "plucked",
    "rear", "outlet",
]  # fmt: skip
Words = Annotated[tuple[str, ...], Field(strict=False)]
VOWELS = frozenset("aeiou")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reach(_Entry):
    """One contact of a verb that says its own: which body part is where, and how."""

    body: str
    role: Role
    kind: Literal["grip", "touch", "support"]
    static: bool = True
    continuous: bool = True


class Verb(_Entry):
    """How a thing is handled and how it moves."""

    name: str
    manner: Manner
    script: tuple[Mapping[str, Any], ...]
    contacts: tuple[Reach, ...] = ()
    """Where more of the body than a hand or a seat's worth takes part."""
    words: Words = ()
    forms: Words = ()
    phrases: Words = ()
    theme_after: Words = ()
    """Prepositions after which the thing that is handled may be named: "drinks from the mug"."""
    implies: Words = ()
    """Things that the verb names without saying so: to hammer is to use a hammer."""
    location_first: bool = False
    """What follows directly is what is worked on: "wipes the table with the sponge"."""
    otherwise: str = ""
    """The verb it means where nothing is named to move over, or where the thing has not the parts it needs."""
    hands: int = 1
    people: int = 1
    """How many it takes; this planner has one."""
    travels: bool = False
    turns: bool = False
    leans: bool = False
    """The back comes to rest against a backrest."""
    seated: bool = False
    """The person sits from the first frame on."""
    sitting: tuple[Mapping[str, Any], ...] = ()
    """The motion of somebody who sits while doing it, where it is another one."""
    into: tuple[Mapping[str, Any], ...] = ()
    """The motion where another thing is named into which it goes, and that one is within reach."""
    looks: bool = True
    """The eyes follow the thing."""
    sometimes: bool = False
    """Hands touch again and again, here and there, not all the time in one place."""
    lies: bool = False
    """The thing lies on another meanwhile."""
    distance: str = ""
    """How far from the thing the person stands where no word says it: a door needs room to turn."""


class Noun(_Entry):
    """What a thing of that name is like."""

    words: Words
    size: tuple[float, float]
    mass: float
    builtin: str = ""
    keep: str = ""
    """How a hand keeps it, as the motion `hold` says: upright, or where it reaches from the hand; empty is free."""
    upholstery: bool = False
    hands: int = 1
    """How many hands hold it where nothing else is said."""
    parts: Mapping[Role, tuple[PartDescription, ...]] = Field(default_factory=dict)


class _Data(_Entry):
    verbs: tuple[Verb, ...]
    roles: Mapping[Role, tuple[PartDescription, ...]]
    nouns: tuple[Noun, ...]


@dataclass(frozen=True)
class Lexicon:
    """Everything that is known of words."""

    verbs: Mapping[str, Verb]
    roles: Mapping[Role, tuple[PartDescription, ...]]
    nouns: tuple[Noun, ...]

    @cached_property
    def starts(self) -> Mapping[str, tuple[tuple[Verb, tuple[str, ...]], ...]]:
        """Form -> verbs that begin with it, each with the particles that must follow; most particles first."""
        table: dict[str, list[tuple[Verb, tuple[str, ...]]]] = {}
        for verb in self.verbs.values():
            for form in _verb_forms(verb):
                table.setdefault(form, []).append((verb, ()))
            for phrase in verb.phrases:
                head, *particles = phrase.split()
                for form in {*inflections(head), *_IRREGULAR.get(head, ())}:
                    table.setdefault(form, []).append((verb, tuple(particles)))
        return {form: tuple(sorted(found, key=lambda f: -len(f[1]))) for form, found in table.items()}

    def noun(self, name: str) -> Noun | None:
        """The noun that a name ends with: `vintage sofa` is a sofa."""
        words = name.lower().replace("_", " ").replace("-", " ").split()
        for start in range(len(words)):
            tail = " ".join(words[start:])
            for noun in self.nouns:
                if any(tail in (word, plural(word)) for word in noun.words):
                    return noun
        return None


def _verb_forms(verb: Verb) -> set[str]:
    return {form for word in verb.words for form in inflections(word)} | set(verb.forms)


_IRREGULAR = {
    "take": ("took", "taken"), "be": ("is", "are", "was", "been"), "hold": ("held",), "put": ("put", "putting"),
    "throw": ("threw", "thrown"), "sit": ("sat", "sitting"), "lie": ("lay", "lying", "lain"), "go": ("went", "gone"),
    "stand": ("stood",), "swing": ("swung",), "lay": ("laid",), "give": ("gave",), "bend": ("bent",), "cut": ("cut",),
    "drink": ("drank", "drunk"), "sweep": ("swept",), "dig": ("dug",), "kneel": ("knelt",), "sleep": ("slept",),
    "get": ("got", "getting"), "hang": ("hung",), "shake": ("shook",), "do": ("does", "did"), "ride": ("rode",),
    "spin": ("spun",), "lean": ("leant",), "let": ("letting",), "slide": ("slid",), "sink": ("sank",),
    "beat": ("beaten",), "wheel": ("wheeling",), "set": ("setting",), "spread": ("spread",), "bring": ("brought",),
}  # fmt: skip


def inflections(base: str) -> set[str]:
    """A regular verb's forms: base, third person, participle, past."""
    if not base:
        return set()
    forms = {base, base + "ing", base + "ed", plural(base)}
    if base.endswith("ie"):
        forms |= {base[:-2] + "ying", base + "d"}
    elif base.endswith("e"):
        forms |= {base[:-1] + "ing", base + "d"}
    if base.endswith("y") and base[-2:-1] not in VOWELS:
        forms.add(base[:-1] + "ied")
    if len(base) > 2 and base[-1] not in VOWELS | set("wxy") and base[-2] in VOWELS and base[-3] not in VOWELS:
        forms |= {base + base[-1] + "ing", base + base[-1] + "ed"}
    return forms


def plural(word: str) -> str:
    """Third person of a verb, plural of a noun."""
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in VOWELS:
        return word[:-1] + "ies"
    if word.endswith("o") and len(word) < 4:
        return word + "es"
    return word + "s"


@cache
def load_lexicon() -> Lexicon:
    """The lexicon that comes with the package."""
    text = files("zeroshot_hoi.planning").joinpath("lexicon.toml").read_text(encoding="utf-8")
    data = _Data.model_validate(tomllib.loads(text))
    return Lexicon({verb.name: verb for verb in data.verbs}, data.roles, data.nouns)


def all_verb_words(lexicon: Lexicon) -> Iterator[str]:
    """Base forms of all verbs, for suggestions."""
    for verb in lexicon.verbs.values():
        yield from verb.words or (verb.name,)
