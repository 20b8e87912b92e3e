"""One sub-task's scene: how the things of its clauses are handled, which parts touch, and what moves.

A verb's *manner* says how the thing is handled. Each contact's part is resolved on the mesh (`lexicon_parts`). The
person is at the first thing that stands on the ground, as far away as the words around it say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from zeroshot_hoi.core.vocabulary import Vocabulary
from zeroshot_hoi.planning.base import GivenObject, TextError, recipe_name
from zeroshot_hoi.planning.lexicon_grammar import CONFIGURE, Clause, Mention, Parsed
from zeroshot_hoi.planning.lexicon_parts import PartBook
from zeroshot_hoi.planning.lexicon_tables import POSTURES, UPON, check_motion, edge_table, merged, mirrored
from zeroshot_hoi.planning.lexicon_words import Lexicon, Verb
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.recipe import Recipe

PERSON = "person 1"

CARRYING = ("seat", "saddle", "bed", "floor", "board")
"""Manners in which the thing carries the person."""

CARRIED = {"bed": ("hips", "torso", "left leg", "right leg"), "floor": ("left leg", "right leg")}
"""Manner -> what of the body lies on the thing; the hips where nothing else is said."""

WITH = ("with", "using")
INTO = ("in", "into", "onto", "over")

ON_FOOT = ("walk", "squat")
"""Motions that nobody makes while sitting."""


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
    edges: list[dict[str, Any]] = field(default_factory=list)
    script: list[dict[str, Any]] = field(default_factory=list)
    states: dict[str, Verb] = field(default_factory=dict)
    """Moving object -> the verb that moves it."""
    rests: dict[str, str] = field(default_factory=dict)
    relations: dict[str, dict[str, str]] = field(default_factory=dict)
    """Object -> side, facing and distance of the person; the first is where the person is."""
    posture: str = "stand"
    gaze: str = ""

    def __post_init__(self) -> None:
        self.book = PartBook(self.things, self.lexicon, self.notes)

    def recipe(self) -> Recipe:
        """The sub-task's recipe, checked."""
        clauses = [self._settled(clause) for clause in self.task.clauses]
        for clause in clauses:
            check_motion(clause.verb, self.vocabulary)
        places = [clause for clause in clauses if clause.verb.manner == "place"]
        carried = [clause for clause in clauses if clause.verb.manner in CARRYING]
        others = [clause for clause in clauses if clause not in places and clause not in carried]
        if not carried and not others:
            raise TextError(
                f"'{places[0].words}' touches nothing. Say what is done there, as in \"a person stands at the table "
                'and lifts the mug".'
            )
        for clause in merged(carried):
            self._carry(clause, bool(others))
        for clause in places:
            self._stand(clause)
        for clause in others:
            self._handle(clause)
        for mention in (m for clause in places for m in clause.mentions):
            self._stand_beside(mention)
        if self.task.unknown:
            self.notes.append(f"left aside: {', '.join(self.task.unknown)}")
        recipe = Recipe.from_mapping(self._tables(), f'the plan of "{self.task.text}"')
        plan_from_recipe(recipe)
        return recipe

    # -- what is meant --

    def _settled(self, clause: Clause) -> Clause:
        """The clause with the verb it means here."""
        if clause.verb.manner == "slid" and clause.verb.otherwise and len(self._objects_of(clause)) < 2:
            return replace(clause, verb=self.lexicon.verbs[clause.verb.otherwise])
        carrier = {"saddle": "deck", "board": "seat"}.get(clause.verb.manner, "")
        if clause.verb.otherwise and any(carrier in self.book.noun(name).parts for name in self._objects_of(clause)):
            return replace(clause, verb=self.lexicon.verbs[clause.verb.otherwise])
        return clause

    def _objects_of(self, clause: Clause) -> list[str]:
        return list(dict.fromkeys(mention.thing for mention in clause.mentions))

    def _theme(self, clause: Clause) -> tuple[str, list[str]]:
        """The thing that is handled, and the other things of the clause."""
        verb, mentions = clause.verb, list(clause.mentions)
        named = self._objects_of(clause)
        with_word = [m.thing for m in mentions if m.preposition in WITH]
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
        if clause.mentions:
            upon = [m.thing for m in clause.mentions if m.preposition in UPON]
            seats = [name for name in self.silent if self.book.noun(name).parts.get("seat")]
            theme = [*upon, *seats, *(m.thing for m in clause.mentions)][0]
            self.notes.append(f"'{clause.words}' is understood as {verb.name}, on the {theme}")
        else:
            theme = self._theme(clause)[0]
        self._use(theme)
        already = also_handles or verb.seated
        soft = self.book.noun(theme).upholstery
        self._reach(theme, verb)
        for body in () if verb.contacts else CARRIED.get(verb.manner, ("hips",)):
            seat = self.book.name_of(theme, "seat" if verb.manner != "floor" else "top")
            self._edge(f"{PERSON}, {body}", theme, seat, True, already, "support", soft)
        script = [dict(phrase) for phrase in verb.script]
        if already and not verb.seated and not verb.contacts:
            script = [{"subject": "person", "verb": POSTURES.get(verb.manner, "stand")}]
        elif verb.leans:
            back = self.book.optional(theme, "back")
            if back is None:
                script = [phrase for phrase in script if phrase["verb"] != "lean_back"]
                self.notes.append(f"the {theme} has no backrest, so nobody leans back")
            else:
                self._edge(f"{PERSON}, torso", theme, back, False, False, "support", soft)
        self._say(script, theme, "")
        if verb.travels or verb.turns:
            self.states[theme] = verb
        self.posture = POSTURES.get(verb.manner, "stand")
        self.relations[theme] = {"side": "on", "facing": "away"}
        for mention in clause.mentions:
            self._stand_beside(mention)

    def _stand(self, clause: Clause) -> None:
        """Where the person stands, in words of its own."""
        for mention in clause.mentions:
            if mention.preposition not in WITH:
                self._stand_at(mention.thing, mention.distance)
        self.notes.append(f"'{clause.words}' says where the person is")

    def _stand_beside(self, mention: Mention, otherwise: str = "") -> None:
        """At a thing that is only named for where it is; who walks starts `otherwise`, far from it."""
        if mention.thing not in self.used:
            self._use(mention.thing)
            self.book.name_of(mention.thing, "top", "seat", "grip")
            self._stand_at(mention.thing, mention.distance or otherwise)

    def _handle(self, clause: Clause) -> None:
        """A hand holds a thing, moves it over another, or touches a part of it."""
        theme, others = self._theme(clause)
        verb = clause.verb
        self._use(theme)
        distances = {mention.thing: mention.distance for mention in clause.mentions}
        location = others[0] if others else ""
        received = self._stand_things(clause, theme, location, distances)
        if verb.manner == "part":
            self._touch(clause, theme)
        elif verb.manner == "pushed":
            self._push(theme)
        elif verb.contacts:
            self._reach(theme, verb)
            self.rests.setdefault(theme, "hand")
        else:
            self._grip(clause, theme)
        if verb.manner == "slid" or (verb.lies and theme not in self.rests):
            location = self._lay(clause, theme, location, distances)
        elif verb.manner == "part":
            self._stand_at(theme, distances.get(theme, "") or verb.distance)
        walks = any(phrase["verb"] == "walk" for phrase in verb.script)
        for mention in clause.mentions:
            self._stand_beside(mention, "far" if walks else "")
        self._say(self._script_of(verb, theme, received), theme, location)
        if verb.travels or verb.turns:
            self.states[theme] = verb
        if verb.looks:
            self.gaze = self.gaze or theme

    def _stand_things(self, clause: Clause, theme: str, location: str, distances: Mapping[str, str]) -> bool:
        """Puts things onto what they stand on; whether one takes in what comes out of the theme, within reach."""
        on = {mention.thing: mention.on for mention in clause.mentions if mention.on and mention.thing != theme}
        prepositions = {mention.preposition for mention in clause.mentions if mention.thing == location}
        into = bool(clause.verb.into) and not prepositions.isdisjoint(INTO)
        rest = [name for name in self.silent if name != theme]
        if into and location not in on and len(rest) == 1:
            on[location] = rest[0]
        for thing, support in on.items():
            self._rest(thing, support, True, distances)
        if into and location not in on:
            need = "say on what it stands, and give its mesh too"
            self.notes.append(f"the {location} stands on the floor, out of reach: {need}")
        return into and location in on

    def _script_of(self, verb: Verb, theme: str, into: bool) -> list[dict[str, Any]]:
        """The verb's motion as this thing, this hand, this posture and the thing that it goes into need it."""
        script = [dict(phrase) for phrase in (verb.into if into else verb.script)]
        if self.posture == "sit":
            script = [dict(phrase) for phrase in (() if into else verb.sitting)] or script
            on_foot = [phrase["verb"] for phrase in script if phrase["verb"] in ON_FOOT]
            if on_foot:
                raise TextError(f"'{verb.name}' needs '{on_foot[0]}', which no sitter does. Join them with 'then'.")
        keep = self.book.noun(theme).keep
        if verb.manner == "held" and keep and "keep" in self.vocabulary.object_verbs.get("hold", {}):
            walks = any(phrase["verb"] == "walk" for phrase in script)
            hangs = {"at": "side"} if walks and keep == "down" and len(self._hands_on(theme)) == 1 else {}
            own = next((phrase for phrase in script if phrase["verb"] == "hold"), {})
            script = [phrase for phrase in script if phrase["verb"] != "hold"]
            script.insert(0, {"subject": "theme", "verb": "hold", "keep": keep, **hangs, **own})
        left = self._hands_on(theme) == ["left"]
        return [mirrored(phrase) for phrase in script] if left else script

    def _hands_on(self, theme: str) -> list[str]:
        """Sides of the hands that have an edge to a thing."""
        edges = [edge["nodes"] for edge in self.edges if edge["nodes"][1].split(",")[0] == theme]
        return [body.split(", ")[1].split()[0] for body, _ in edges if body.endswith(" hand")]

    def _lay(self, clause: Clause, theme: str, location: str, distances: Mapping[str, str]) -> str:
        """What the theme lies or slides on, with the contact between the two."""
        if not location:
            rest = [name for name in self.silent if name != theme]
            if len(rest) != 1:
                sliding = clause.verb.manner == "slid"
                need = f"'{clause.words}' moves the {theme} over something: say over what"
                need = need if sliding else f"'{clause.words}' needs the {theme} to lie on something: say on what"
                example = "slides the mug over the table" if sliding else "types on the keyboard on the table"
                raise TextError(f'{need}, and give its mesh too, as in "a person {example}".')
            location = rest[0]
        self._rest(theme, location, clause.verb.manner != "slid", distances)
        return location

    def _rest(self, thing: str, location: str, still: bool, distances: Mapping[str, str]) -> None:
        """A thing on another one, with the contact between the two, said once; the person is at what carries."""
        if self.rests.get(thing) == location:
            return
        self._use(thing)
        self._use(location)
        below, above = self.book.name_of(thing, "bottom"), self.book.name_of(location, "top")
        self.edges.append(edge_table(f"{thing}, {below}", f"{location}, {above}", still, True, "rest"))
        self.rests[thing] = location
        self._stand_at(location, distances.get(location, ""))

    def _touch(self, clause: Clause, theme: str) -> None:
        verb, part = clause.verb, self.book.name_of(theme, "touched")
        for hand in self._hands(clause, theme):
            kind = "grip" if verb.turns else "touch"
            self._edge(f"{PERSON}, {hand} hand", theme, part, not verb.sometimes, not verb.sometimes, kind)

    def _reach(self, theme: str, verb: Verb) -> None:
        """The contacts that the verb itself lists."""
        soft = self.book.noun(theme).upholstery
        for reach in verb.contacts:
            part = self.book.name_of(theme, reach.role)
            whole = reach.static, reach.continuous, reach.kind
            self._edge(f"{PERSON}, {reach.body}", theme, part, *whole, soft and reach.kind == "support")

    def _push(self, theme: str) -> None:
        bar = self.book.name_of(theme, "bar")
        for hand in ("right", "left"):
            self._edge(f"{PERSON}, {hand} hand", theme, bar, True, True, "grip")
        self.relations.setdefault(theme, {"side": "back", "facing": "toward"})

    def _grip(self, clause: Clause, theme: str) -> None:
        palms = clause.verb.manner == "held" and self.vocabulary.two_handed and self.book.between_palms(theme)
        hands = ["right", "left"] if palms else self._hands(clause, theme)
        part = self.book.name_of(theme, "sides" if palms else "grip")
        for hand in hands:
            self._edge(f"{PERSON}, {hand} hand", theme, part, True, True, "touch" if palms else "grip")
        self.rests.setdefault(theme, "hand")

    def _hands(self, clause: Clause, theme: str) -> list[str]:
        free = clause.verb.manner == "held" and not clause.hand and self.book.noun(theme).hands == 2
        both = clause.hand == "both" or clause.verb.hands == 2 or (free and self.vocabulary.two_handed)
        if both and not self.vocabulary.two_handed and clause.verb.manner != "part":
            raise TextError("Both hands on one object cannot be planned: say one hand, or write a recipe.")
        busy = {edge["nodes"][0] for edge in self.edges}
        wanted = ["right", "left"] if both else [clause.hand or "right"]
        if not both and f"{PERSON}, {wanted[0]} hand" in busy:
            wanted = ["left" if wanted[0] == "right" else "right"]
        return wanted

    def _stand_at(self, thing: str, distance: str) -> None:
        """The person's place; for a sitter, also where a second thing stands before the seat."""
        if thing not in self.relations and (not self.relations or self.posture == "sit"):
            self.relations[thing] = {"side": "near", "facing": "toward"}
        where = self.relations.get(thing, {"side": "on"})
        if distance and where["side"] != "on":
            where.setdefault("distance", distance)

    # -- pieces --

    def _use(self, name: str) -> None:
        self.used[name] = None

    def _edge(
        self, body: str, thing: str, part: str, static: bool, continuous: bool, kind: str, soft: bool = False
    ) -> None:
        table = edge_table(body, f"{thing}, {part}", static, continuous, kind)
        if table["nodes"] not in [edge["nodes"] for edge in self.edges]:
            self.edges.append({**table, "upholstery": soft})

    def _say(self, script: Iterable[dict[str, Any]], theme: str, location: str) -> None:
        """Phrases with their subjects and places filled in; a phrase that is there already is not repeated."""
        for phrase in script:
            phrase["subject"] = PERSON if phrase["subject"] == "person" else theme
            phrase |= {"object": theme} if phrase.get("object") == "theme" else {}
            phrase |= {"to": location} if phrase.get("to") == "location" else {}
            if phrase.get("part") in self.lexicon.roles:
                phrase["part"] = self.book.optional(theme, phrase["part"]) or ""
            if phrase.get("over") == "location":
                phrase["over"] = f"{location}, {next(iter(self.book.parts[location]))}"
            if phrase not in self.script:
                self.script.append(phrase)

    # -- tables --

    def _tables(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "name": recipe_name(self.task.text),
            "text": self.task.text,
            "people": [{"name": PERSON, "posture": self.posture, "gaze": self.gaze}],
            "objects": [self._object(name) for name in self._ordered()],
            "edges": self.edges,
            "object_states": [self._state(name) for name in self._ordered()],
            "human_states": [{"name": PERSON, "description": self.task.text}],
            "relations": [
                {"person": PERSON, "object": thing, **where}
                for thing, where in self.relations.items()
                if self.rests.get(thing) != "hand"
            ],
            "script": self.script,
        }

    def _ordered(self) -> list[str]:
        """Used objects in the order they were given."""
        return [name for name in self.things if name in self.used]

    def _object(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "builtin": self.things[name].builtin,
            "size": list(self.book.noun(name).size),
            "mass": self.book.mass(name),
            "rests_on": self.rests.get(name, "ground"),
            "parts": [vars(part) for part in self.book.parts[name].values()],
        }

    def _state(self, name: str) -> dict[str, Any]:
        verb = self.states.get(name)
        travels, turns = (verb.travels, verb.turns) if verb else (False, False)
        words = f"moves as one does to {verb.name}" if verb else "stays where it is"
        return {"name": name, "is_translational": travels, "is_rotational": turns, "description": words}
