"""The closed vocabulary of motion as data: what a planner may pick from, and how a pick is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zeroshot_hoi.core.errors import RecipeError, nearest_name

Parameters = Mapping[str, float | str]


@dataclass(frozen=True)
class Vocabulary:
    """Verbs with their parameters' defaults, postures, and the words that a direction may be."""

    object_verbs: Mapping[str, Parameters]
    person_verbs: Mapping[str, Parameters]
    postures: tuple[str, ...]
    directions: tuple[str, ...]
    two_handed: bool = True
    """Whether both hands of a person may grip one object."""

    def verbs(self, is_person: bool) -> Mapping[str, Parameters]:
        """Verb -> defaults, for people or for objects."""
        return self.person_verbs if is_person else self.object_verbs

    def check(self, verb: str, parameters: Mapping[str, float | str], is_person: bool) -> dict[str, float | str]:
        """The parameters in the types of their defaults; unknown verbs, parameters and directions are refused."""
        table = self.verbs(is_person)
        if verb not in table:
            kind = "person" if is_person else "object"
            raise RecipeError(f"There is no motion '{verb}' for a {kind}. {nearest_name(verb, table)}")
        checked: dict[str, float | str] = {}
        for name, value in parameters.items():
            if name not in table[verb]:
                known = nearest_name(name, table[verb]) if table[verb] else "It takes none."
                raise RecipeError(f"The motion '{verb}' has no parameter '{name}'. {known}")
            checked[name] = self._typed(verb, name, value, table[verb][name])
        return checked

    def _typed(self, verb: str, name: str, value: float | str, default: float | str) -> float | str:
        if isinstance(default, str):
            if default in self.directions and value not in self.directions:
                raise RecipeError(f"'{name}' of '{verb}' is '{value}'. {nearest_name(str(value), self.directions)}")
            return str(value)
        try:
            number = float(value)
        except ValueError:
            raise RecipeError(f"'{name}' of '{verb}' must be a number; got '{value}'.") from None
        if not -1e4 < number < 1e4:
            raise RecipeError(f"'{name}' of '{verb}' is {number:g}; at most four digits make sense.")
        return number
