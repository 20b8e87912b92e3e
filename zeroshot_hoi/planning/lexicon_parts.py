"""Which part of a thing plays a role: the noun's own description first, then general ones, the best there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.core.plan import ObjectPlan, PartDescription
from zeroshot_hoi.planning.base import GivenObject, TextError
from zeroshot_hoi.planning.lexicon_words import Lexicon, Noun, Role

SURE = 0.3
"""Confidence with which a part's description is taken without trying the next, which is a more general one."""

HAND_SPAN = 0.11
"""Metres that a hand closes around: what is thicker in every direction, and has no handle, is carried between palms."""

DENSITY = 100.0
"""kg per cubic metre of bounding box, for things that no noun describes (furniture and tools are 50 to 300)."""

PLAIN = Noun(words=(), size=(0.0, 0.0), mass=1.0)
"""What is known of a thing without a noun."""


@dataclass
class PartBook:
    """The parts that one sub-task needs of its things, as they are found."""

    things: Mapping[str, GivenObject]
    lexicon: Lexicon
    notes: list[str]
    parts: dict[str, dict[str, PartDescription]] = field(default_factory=dict)
    """Thing -> part name -> description."""

    def noun(self, thing: str) -> Noun:
        """What the lexicon knows of things of that name."""
        return self.lexicon.noun(thing) or PLAIN

    def name_of(self, thing: str, *roles: Role) -> str:
        """The name of the part that plays the first of `roles` that the mesh has; raises `TextError` without any."""
        problem = ""
        for role in roles:
            found, why = self._search(thing, role)
            if found is not None:
                self.parts.setdefault(thing, {})[found.name] = found
                return found.name
            problem = problem or why
        raise TextError(
            f"No part of the {thing} fits what the sentence needs ({roles[0]}). {problem} Or write the parts into a "
            "recipe by hand: zeroshot-hoi plan ... --out my.toml."
        )

    def optional(self, thing: str, role: Role) -> str | None:
        """The same, or None."""
        found, _ = self._search(thing, role)
        if found is not None:
            self.parts.setdefault(thing, {})[found.name] = found
        return None if found is None else found.name

    def between_palms(self, thing: str) -> bool:
        """Whether a thing is carried between two palms: no handle, and too thick for a hand everywhere."""
        noun, given = self.noun(thing), self.things[thing]
        if noun.parts.get("sides"):
            return True
        if noun.parts.get("grip") or given.extent is None or min(given.extent) <= HAND_SPAN:
            return False
        found, _ = self._search(thing, "handle")
        return found is None

    def mass(self, thing: str) -> float:
        """kg: the noun's, or a guess from the bounding box."""
        noun, extent = self.lexicon.noun(thing), self.things[thing].extent
        if noun is not None or extent is None:
            return noun.mass if noun else 1.0
        x, y, z = extent
        return round(min(max(DENSITY * x * y * z, 0.05), 100.0), 3)

    def _search(self, thing: str, role: Role) -> tuple[PartDescription | None, str]:
        """The best of the noun's and the general descriptions, and why none fits where none does."""
        given = self.things[thing]
        candidates = [*self.noun(thing).parts.get(role, ()), *self.lexicon.roles[role]]
        if given.find is None:
            return candidates[0], ""
        best, best_fit, problem = None, 0.0, ""
        for candidate in candidates:
            others = tuple(part for name, part in self.parts.get(thing, {}).items() if name != candidate.name)
            try:
                found = given.find(ObjectPlan(thing, parts=(*others, candidate)))
            except HoiError as error:
                problem = problem or str(error)
                continue
            fit = found.parts[candidate.name].confidence
            if fit > best_fit:
                best, best_fit = candidate, fit
            if fit >= SURE:
                break
        if best is not None:
            self.notes.append(f"the {thing}'s {best.name} was found with confidence {best_fit:.2f}")
        return best, problem
