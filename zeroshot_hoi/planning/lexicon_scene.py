"""One sub-task's scene: how the things of its clauses are handled, which parts touch, and what moves.

A verb's *manner* says how the thing is handled. Each contact's part is resolved on the mesh: the noun's own description
first, then general ones, and of those tried the best.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.core.plan import ObjectPlan, PartDescription
from zeroshot_hoi.core.vocabulary import Vocabulary
from zeroshot_hoi.planning.base import GivenObject, TextError, recipe_name
from zeroshot_hoi.planning.lexicon_grammar import CONFIGURE, Clause, Mention, Parsed
from zeroshot_hoi.planning.lexicon_words import Lexicon, Noun, Role, Verb
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.recipe import Recipe

PERSON = "person 1"

SURE = 0.3
"""Confidence with which a part's description is taken without trying the next, which is a more general one."""

DENSITY = 100.0
"""kg per cubic metre of bounding box, for things that no noun describes (furniture and tools are 50 to 300)."""

CARRYING = ("seat", "saddle", "bed", "floor", "board")
"""Manners in which the thing carries the person."""

POSTURES = {"seat": "sit", "saddle": "ride", "bed": "lie", "floor": "kneel"}


@dataclass
class Scene:
    """One sub-task while its clauses are turned into tables."""

    task: Parsed
    things: Mapping[str, GivenObject]
    silent: Sequence[str]
    """Objects that the text does not mention."""
    lexicon: Lexicon
    vocabulary: Vocabulary
    notes: list[str] = field(default_factory=list)
    used: dict[str, None] = field(default_factory=dict)
    parts: dict[str, dict[str, PartDescription]] = field(default_factory=dict)
    """Object -> part name -> description."""
    edges: list[dict[str, Any]] = field(default_factory=list)
    script: list[dict[str, Any]] = field(default_factory=list)
    states: dict[str, Verb] = field(default_factory=dict)
    """Moving object -> the verb that moves it."""
    rests: dict[str, str] = field(default_factory=dict)
    station: tuple[str, str, str] | None = None
    """Object, side and facing of the person's place."""
    posture: str = "stand"
    gaze: str = ""

    def recipe(self) -> Recipe:
        """The sub-task's recipe, checked."""
        clauses = [self._settled(clause) for clause in self.task.clauses]
        for clause in clauses:
            self._check_motion(clause.verb)
        carried = [clause for clause in clauses if clause.verb.manner in CARRYING]
        others = [clause for clause in clauses if clause.verb.manner not in CARRYING]
        for clause in _merged(carried):
            self._carry(clause, bool(others))
        for clause in others:
            self._handle(clause)
        if self.task.unknown:
            self.notes.append(f"left aside: {', '.join(self.task.unknown)}")
        recipe = Recipe.from_mapping(self._tables(), f'the plan of "{self.task.text}"')
        plan_from_recipe(recipe)
        return recipe

    # -- what is meant --

    def _settled(self, clause: Clause) -> Clause:
        """The clause with the verb it means here."""
        if clause.verb.manner == "slid" and clause.verb.otherwise and len(self._objects_of(clause)) < 2:
            return Clause(self.lexicon.verbs[clause.verb.otherwise], clause.words, clause.mentions, clause.hand)
        return clause

    def _objects_of(self, clause: Clause) -> list[str]:
        return list(dict.fromkeys(mention.thing for mention in clause.mentions))

    def _check_motion(self, verb: Verb) -> None:
        missing = []
        for phrase in verb.script:
            table = self.vocabulary.verbs(phrase["subject"] == "person")
            if phrase["verb"] not in table:
                missing.append(f"{'person' if phrase['subject'] == 'person' else 'object'} motion '{phrase['verb']}'")
        posture = POSTURES.get(verb.manner, "stand")
        if posture not in self.vocabulary.postures:
            missing.append(f"posture '{posture}'")
        if verb.manner in ("saddle", "board", "pushed", "worn") and not missing:
            missing.append(f"placement '{verb.manner}'")
        if verb.hands == 2 and not self.vocabulary.two_handed:
            missing.append("two-handed grips")
        if missing:
            lacking = " and no ".join(missing)
            raise TextError(
                f"'{verb.name}' is understood, but its motion cannot be made yet: there is no {lacking}. "
                "Use another verb, or write the motion you want as a recipe."
            )

    def _theme(self, clause: Clause) -> tuple[str, list[str]]:
        """The thing that is handled, and the other things of the clause."""
        verb, mentions = clause.verb, list(clause.mentions)
        named = self._objects_of(clause)
        with_word = [m.thing for m in mentions if m.preposition in ("with", "using")]
        direct = [m.thing for m in mentions if not m.preposition]
        after = [m.thing for m in mentions if m.preposition and m.preposition in verb.theme_after]
        implied = [n for n in (*named, *self.silent) if any(self._is(n, word) for word in verb.implies)]
        if verb.location_first and direct and (with_word or implied):
            theme = (with_word or implied)[0]
        else:
            theme = next(iter([*with_word, *direct, *after, *implied]), "")
        if not theme and len(self.silent) == 1:
            theme = self.silent[0]
            self.notes.append(f"assumed that '{clause.words}' is about the {theme}")
        if not theme and verb.manner in CARRYING + ("part",) and named:
            theme = named[-1]
        if not theme:
            raise TextError(
                f"It is not clear what '{clause.words}' is done with. Name one of the objects there: "
                f"{', '.join(self.things)}. {CONFIGURE}"
            )
        self.notes.append(f"'{clause.words}' is understood as {verb.name}, of the {theme}")
        return theme, [name for name in named if name != theme]

    def _is(self, name: str, word: str) -> bool:
        noun = self.lexicon.noun(name)
        return word in name.lower().replace("_", " ").split() or (noun is not None and word in noun.words)

    # -- scenes --

    def _carry(self, clause: Clause, also_handles: bool) -> None:
        """The person is carried by a thing: sits on it, lies on it, kneels on it."""
        verb = clause.verb
        themes = [m.thing for m in clause.mentions] or [self._theme(clause)[0]]
        theme = themes[-1]
        if clause.mentions:
            self.notes.append(f"'{clause.words}' is understood as {verb.name}, on the {theme}")
        self._use(theme)
        already = also_handles or verb.seated
        soft = (self._noun(theme) or _PLAIN).upholstery
        seat = self._part(theme, "seat" if verb.manner != "floor" else "top")
        bodies = {"bed": ("hips", "torso", "left leg", "right leg"), "floor": ("left leg", "right leg")}
        for body in bodies.get(verb.manner, ("hips",)):
            self._edge(f"{PERSON}, {body}", theme, seat, True, already, "support", soft)
        script = [dict(phrase) for phrase in verb.script]
        if already and not verb.seated:
            script = [{"subject": "person", "verb": self.posture_of(verb)}]
        elif verb.leans:
            back = self._optional_part(theme, "back")
            if back is None:
                script = [phrase for phrase in script if phrase["verb"] != "lean_back"]
                self.notes.append(f"the {theme} has no backrest, so nobody leans back")
            else:
                self._edge(f"{PERSON}, torso", theme, back, False, False, "support", soft)
        self._say(script, theme, "")
        self.posture = self.posture_of(verb)
        self.station = (theme, "on", "away")

    @staticmethod
    def posture_of(verb: Verb) -> str:
        """The posture that a manner ends in."""
        return POSTURES.get(verb.manner, "stand")

    def _handle(self, clause: Clause) -> None:
        """A hand holds a thing, moves it over another, or touches a part of it."""
        theme, others = self._theme(clause)
        verb = clause.verb
        self._use(theme)
        hands = self._hands(clause)
        location = others[0] if others else ""
        if verb.manner == "slid" and not location:
            rest = [name for name in self.silent if name != theme]
            if len(rest) != 1:
                raise TextError(
                    f"'{clause.words}' moves the {theme} over something: say over what, and give its mesh too, "
                    'as in "a person slides the mug over the table".'
                )
            location = rest[0]
        if verb.manner == "part":
            part = self._part(theme, "touched")
            for hand in hands:
                self._edge(f"{PERSON}, {hand} hand", theme, part, True, True, "grip" if verb.turns else "touch")
            self._stand_at(theme)
        else:
            self._grip(clause, theme, hands, location)
        for other in others:
            if other not in self.used:
                self._use(other)
                self._part(other, "top")
                self._stand_at(other)
        keep = (self._noun(theme) or _PLAIN).keep
        script = [dict(phrase) for phrase in verb.script]
        if verb.manner == "held" and keep and "keep" in self.vocabulary.object_verbs.get("hold", {}):
            script.insert(0, {"subject": "theme", "verb": "hold", "keep": keep})
        self._say(script if hands != ["left"] else [_mirrored(phrase) for phrase in script], theme, location)
        if verb.travels or verb.turns:
            self.states[theme] = verb
        self.gaze = self.gaze or theme

    def _grip(self, clause: Clause, theme: str, hands: Sequence[str], location: str) -> None:
        grip = self._part(theme, "grip")
        for hand in hands:
            self._edge(f"{PERSON}, {hand} hand", theme, grip, True, True, "grip")
        self.rests[theme] = "hand"
        if clause.verb.manner == "slid":
            self._use(location)
            below, above = self._part(theme, "bottom"), self._part(location, "top")
            self.edges.append(_edge_table(f"{theme}, {below}", f"{location}, {above}", False, True, "rest"))
            self.rests[theme] = location
            self._stand_at(location)

    def _hands(self, clause: Clause) -> list[str]:
        both = clause.hand == "both" or clause.verb.hands == 2
        if both and not self.vocabulary.two_handed and clause.verb.manner != "part":
            raise TextError("Both hands on one object cannot be planned: say one hand, or write a recipe.")
        busy = {edge["nodes"][0] for edge in self.edges}
        wanted = ["right", "left"] if both else [clause.hand]
        if not both and f"{PERSON}, {wanted[0]} hand" in busy:
            wanted = ["left" if wanted[0] == "right" else "right"]
        return wanted

    def _stand_at(self, thing: str) -> None:
        if self.station is None:
            self.station = (thing, "near", "toward")

    # -- pieces --

    def _use(self, name: str) -> None:
        self.used[name] = None
        self.parts.setdefault(name, {})

    def _noun(self, name: str) -> Noun | None:
        return self.lexicon.noun(name)

    def _edge(
        self, body: str, thing: str, part: str, static: bool, continuous: bool, kind: str, soft: bool = False
    ) -> None:
        table = _edge_table(body, f"{thing}, {part}", static, continuous, kind)
        if table["nodes"] not in [edge["nodes"] for edge in self.edges]:
            self.edges.append({**table, "upholstery": soft})

    def _say(self, script: Iterable[dict[str, Any]], theme: str, location: str) -> None:
        """Phrases with their subjects and places filled in; a phrase that is there already is not repeated."""
        for phrase in script:
            phrase["subject"] = PERSON if phrase["subject"] == "person" else theme
            if phrase.get("over") == "location":
                phrase["over"] = f"{location}, {next(iter(self.parts[location]))}"
            if phrase not in self.script:
                self.script.append(phrase)

    def _part(self, thing: str, role: Role) -> str:
        """The name of the part that plays `role`, found on the mesh."""
        found, problem = self._search(thing, role)
        if found is None:
            raise TextError(
                f"No part of the {thing} fits what the sentence needs ({role}). {problem} Or write the parts into a "
                "recipe by hand: zeroshot-hoi plan ... --out my.toml."
            )
        self.parts[thing][found.name] = found
        return found.name

    def _optional_part(self, thing: str, role: Role) -> str | None:
        found, _ = self._search(thing, role)
        if found is not None:
            self.parts[thing][found.name] = found
        return None if found is None else found.name

    def _search(self, thing: str, role: Role) -> tuple[PartDescription | None, str]:
        """The best of the noun's and the general descriptions, and why none fits where none does."""
        noun, given = self._noun(thing), self.things[thing]
        candidates = [*(noun.parts.get(role, ()) if noun else ()), *self.lexicon.roles[role]]
        if given.find is None:
            return candidates[0], ""
        best, best_fit, problem = None, 0.0, ""
        for candidate in candidates:
            others = tuple(part for name, part in self.parts[thing].items() if name != candidate.name)
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

    # -- tables --

    def _tables(self) -> dict[str, Any]:
        tables: dict[str, Any] = {
            "schema": 1,
            "name": recipe_name(self.task.text),
            "text": self.task.text,
            "people": [{"name": PERSON, "posture": self.posture, "gaze": self.gaze}],
            "objects": [self._object(name) for name in self._ordered()],
            "edges": self.edges,
            "object_states": [self._state(name) for name in self._ordered()],
            "human_states": [{"name": PERSON, "description": self.task.text}],
            "script": self.script,
        }
        if self.station is not None:
            thing, side, facing = self.station
            tables["relations"] = [{"person": PERSON, "object": thing, "side": side, "facing": facing}]
        return tables

    def _ordered(self) -> list[str]:
        """Used objects in the order they were given."""
        return [name for name in self.things if name in self.used]

    def _object(self, name: str) -> dict[str, Any]:
        noun, given = self._noun(name), self.things[name]
        size = noun.size if noun else (0.0, 0.0)
        return {
            "name": name,
            "builtin": given.builtin,
            "size": list(size),
            "mass": noun.mass if noun else _guessed_mass(given),
            "rests_on": self.rests.get(name, "ground"),
            "parts": [vars(part) for part in self.parts[name].values()],
        }

    def _state(self, name: str) -> dict[str, Any]:
        verb = self.states.get(name)
        travels, turns = (verb.travels, verb.turns) if verb else (False, False)
        words = f"moves as one does to {verb.name}" if verb else "stays where it is"
        return {"name": name, "is_translational": travels, "is_rotational": turns, "description": words}


_PLAIN = Noun(words=(), size=(0.0, 0.0), mass=1.0)


def _merged(carried: Sequence[Clause]) -> list[Clause]:
    """Sitting and then leaning back are one scene: the verb that says more, with the thing that either names."""
    if len(carried) < 2:
        return list(carried)
    manners = {clause.verb.manner for clause in carried}
    things = {m.thing for clause in carried for m in clause.mentions}
    if len(manners) > 1 or len(things) > 1:
        words = " and ".join(clause.words for clause in carried)
        raise TextError(f"'{words}' cannot happen at the same time. Join them with 'then'.")
    richest = max(carried, key=lambda clause: (clause.verb.leans, len(clause.verb.script)))
    mentions: tuple[Mention, ...] = tuple(m for clause in carried for m in clause.mentions)
    return [Clause(richest.verb, " and ".join(c.words for c in carried), mentions, richest.hand)]


def _mirrored(phrase: dict[str, Any]) -> dict[str, Any]:
    """What the right hand does, for the left: things reach to the other side and are brought to the other side."""
    swapped = dict(phrase)
    if "keep" in phrase:
        words = {"left": "right", "right": "left"}
        swapped["keep"] = " ".join(words.get(word, word) for word in str(phrase["keep"]).split())
    if "aside" in phrase:
        swapped["aside"] = -phrase["aside"]
    return swapped


def _edge_table(first: str, second: str, static: bool, continuous: bool, kind: str) -> dict[str, Any]:
    return {"nodes": [first, second], "is_rel_static": static, "is_continuous": continuous, "kind": kind}


def _guessed_mass(thing: GivenObject) -> float:
    if thing.extent is None:
        return 1.0
    x, y, z = thing.extent
    return round(min(max(DENSITY * x * y * z, 0.05), 100.0), 3)
