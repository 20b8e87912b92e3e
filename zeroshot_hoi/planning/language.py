"""Text to recipes by a language model, in small questions with checked answers.

1. An instruction is split into sub-tasks (OpenHOI).
2. The Part Affordance Graph is sampled several times, and a majority votes over edges and flags (HOI-PAGE).
3. Each contact gets a kind; placements are picked step by step among closed options (InteractAnything 3.2) and turned
   into numbers here, from the size of a person and of the object.
4. Parts are described, and looked for on the mesh at once: what cannot be found is sent back to be described anew.
5. The motion script is picked from the closed vocabulary.

What the model says is data: it is checked against schemas, names and rules, and becomes a recipe, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from zeroshot_hoi.core.errors import GraphError
from zeroshot_hoi.core.graph import PartAffordanceGraph, is_person
from zeroshot_hoi.core.plan import ObjectPlan, PartDescription
from zeroshot_hoi.core.vocabulary import Vocabulary
from zeroshot_hoi.models.language_interview import Interview
from zeroshot_hoi.models.language_prompts import load_prompt
from zeroshot_hoi.models.language_schema import AnswerError
from zeroshot_hoi.planning.base import GivenObject, PlannedText, check_objects, check_sentence, recipe_name
from zeroshot_hoi.planning.recipe import OUT_OF_REACH, plan_from_recipe
from zeroshot_hoi.planning.voting import vote
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.recipe_tables import EdgeTable

SAMPLES = 5
"""Graphs that vote."""

STATURE = 1.7
"""Metres; the person against whom objects are scaled."""

SCALES = {"hand": (0.01, 0.2), "arm": (0.05, 0.9), "furniture": (0.2, 1.4), "person": (0.45, 6.0)}
"""Scale class -> plausible longest extent as a share of the person's stature; neighbors overlap on purpose."""

PROMPTS = ("subtasks", "graph", "contacts", "relations", "parts", "script")


class LanguagePlanner:
    """Plans text with one language model."""

    def __init__(self, interview: Interview, vocabulary: Vocabulary, samples: int = SAMPLES) -> None:
        self._interview, self._vocabulary, self._samples = interview, vocabulary, max(1, samples)

    def plan(self, text: str, objects: Sequence[GivenObject]) -> PlannedText:
        """One recipe for each sub-task of `text`; raises `LanguageModelError` where the model gives nothing usable."""
        text = check_sentence(text)
        check_objects(objects)
        known = {thing.name: thing for thing in objects}
        self._interview.planned = self._interview.calls + 5 + self._samples
        subtasks = self._subtasks(text, known)
        self._interview.planned += (4 + self._samples) * (len(subtasks) - 1)
        recipes, notes = [], []
        for subtask in subtasks:
            sentence = subtask["sentence"] if len(subtasks) > 1 else text
            recipe, agreement = self._recipe(sentence, [known[name] for name in dict.fromkeys(subtask["objects"])])
            recipes.append(recipe)
            notes.append(f"'{sentence}': {subtask['affordance']}; {100 * agreement:.0f} % agreement between samples")
        prompts = {name: load_prompt(name) for name in PROMPTS}
        versions = {name: f"version {p.version}, sha256 {p.sha256[:16]}" for name, p in prompts.items()}
        return PlannedText(tuple(recipes), tuple(notes), f"language model {self._interview.model.name}", versions)

    def _ask(self, name: str, values: Mapping[str, Any], accept: Any, sample: int = 0) -> Any:
        return self._interview.ask(load_prompt(name).ask(values), accept, sample)

    def _subtasks(self, text: str, known: Mapping[str, GivenObject]) -> list[dict[str, Any]]:
        def accept(answer: Any) -> list[dict[str, Any]]:
            used = {name for subtask in answer["subtasks"] for name in subtask["objects"]}
            unused = [name for name in known if name not in used]
            if unused:
                raise AnswerError(f"No sub-task uses {', '.join(unused)}. Every listed object takes part.")
            return answer["subtasks"]

        return self._ask("subtasks", {"text": text, "objects": list(known)}, accept)

    def _recipe(self, text: str, objects: Sequence[GivenObject]) -> tuple[Recipe, float]:
        graph, agreement = self._graph(text, objects)
        contacts = self._contacts(graph)
        places = self._relations(text, graph, contacts)
        described = self._parts(graph, objects, places)
        script = self._script(text, graph)
        recipe = Recipe.from_mapping(_tables(text, graph, contacts, places, described, script), f'the plan of "{text}"')
        plan_from_recipe(recipe)
        return recipe, agreement

    # -- the graph --

    def _graph(self, text: str, objects: Sequence[GivenObject]) -> tuple[PartAffordanceGraph, float]:
        names = [thing.name for thing in objects]
        values = {"text": text, "objects": {t.name: list(t.pieces) for t in objects}, "names": names}
        count = self._samples
        return vote([self._ask("graph", values, _GraphReader(names), sample) for sample in range(count)])

    def _contacts(self, graph: PartAffordanceGraph) -> list[EdgeTable]:
        def accept(answer: Any) -> list[EdgeTable]:
            chosen = {entry["edge"]: entry for entry in answer["contacts"]}
            missing = [edge.name for edge in graph.edges if edge.name not in chosen]
            if missing:
                raise AnswerError(f"There is no answer for {', '.join(missing)}.")
            tables = []
            for edge in graph.edges:
                entry = chosen[edge.name]
                flags = {key: getattr(edge, key) for key in ("is_rel_static", "is_continuous")}
                how = {"kind": entry["kind"], "upholstery": entry["upholstery"]}
                try:
                    tables.append(EdgeTable(nodes=(str(edge.first), str(edge.second)), **flags, **how))
                except ValidationError as error:
                    problem = error.errors()[0]["msg"].removeprefix("Value error, ")
                    raise AnswerError(f"{edge.name}: {problem}.") from None
            return tables

        names = [edge.name for edge in graph.edges]
        return self._ask("contacts", {"interaction": graph.interaction, "edges": names}, accept)

    # -- placements --

    def _relations(self, text: str, graph: PartAffordanceGraph, contacts: Sequence[EdgeTable]) -> dict[str, Any]:
        objects, people = list(graph.objects), list(graph.people)

        def accept(answer: Any) -> dict[str, Any]:
            places = {kind: {entry["name"]: entry for entry in answer[kind]} for kind in ("objects", "people")}
            for kind, names in (("objects", objects), ("people", people)):
                missing = [name for name in names if name not in places[kind]]
                if missing:
                    raise AnswerError(f"There is no answer for {', '.join(missing)}.")
            for name, entry in places["objects"].items():
                _check_place(name, entry["place"], objects, graph, contacts)
            _check_stacks({name: entry["place"] for name, entry in places["objects"].items()})
            for name, entry in places["people"].items():
                _check_station(name, entry, places["objects"], contacts)
            return places

        values = {
            "text": text, "edges": [edge.name for edge in graph.edges], "objects": objects, "people": people,
            "places": ["ground", "hand", *objects], "postures": list(self._vocabulary.postures),
            "stations": ["nothing", *objects], "gazes": ["ahead", *objects],
        }  # fmt: skip
        return self._ask("relations", values, accept)

    # -- parts --

    def _parts(
        self, graph: PartAffordanceGraph, objects: Sequence[GivenObject], places: Mapping[str, Any]
    ) -> dict[str, ObjectPlan]:
        nodes = [node for node in graph.nodes if not node.is_body]

        def accept(answer: Any) -> dict[str, ObjectPlan]:
            told = {entry["part"]: entry for entry in answer["parts"]}
            sizes = {entry["name"]: (entry["smallest"], entry["largest"]) for entry in answer["objects"]}
            missing = [str(node) for node in nodes if str(node) not in told]
            missing += [thing.name for thing in objects if thing.name not in sizes]
            if missing:
                raise AnswerError(f"There is no answer for {', '.join(missing)}.")
            plans = {}
            for thing in objects:
                parts = [_part(n.part, told[str(n)]) for n in nodes if n.owner == thing.name]
                size = plausible_size(thing.name, sizes[thing.name], places["objects"][thing.name]["scale"])
                mass = float(places["objects"][thing.name]["kilograms"])
                plan = ObjectPlan(thing.name, thing.builtin, size, mass, parts=tuple(parts))
                if thing.find is not None:
                    thing.find(plan)
                plans[thing.name] = plan
            return plans

        values = {
            "interaction": graph.interaction, "parts": [str(node) for node in nodes],
            "objects": [thing.name for thing in objects],
            "proportions": {thing.name: _proportions(thing) for thing in objects},
        }  # fmt: skip
        return self._ask("parts", values, accept)

    # -- motion --

    def _script(self, text: str, graph: PartAffordanceGraph) -> list[dict[str, Any]]:
        states = [graph.state(name) for name in graph.objects]
        moving = [state.name for state in states if state.is_translational or state.is_rotational]
        people = list(graph.people)

        def accept(answer: Any) -> list[dict[str, Any]]:
            script = [self._phrase(entry, set(people)) for entry in answer["script"]]
            idle = [name for name in moving if not any(phrase["subject"] == name for phrase in script)]
            if idle:
                raise AnswerError(f"{', '.join(idle)} should move but no phrase moves it.")
            return script

        vocabulary = self._vocabulary
        values = {
            "text": text, "moving": moving, "people": people, "subjects": [*moving, *people],
            "object_verbs": vocabulary.object_verbs, "person_verbs": vocabulary.person_verbs,
            "directions": list(vocabulary.directions),
            "verbs": list(dict.fromkeys([*vocabulary.object_verbs, *vocabulary.person_verbs])),
            "parts": [str(node) for node in graph.nodes if not node.is_body],
        }  # fmt: skip
        return self._ask("script", values, accept)

    def _phrase(self, entry: Mapping[str, Any], people: set[str]) -> dict[str, Any]:
        given = {parameter["name"]: parameter["value"] for parameter in entry["parameters"]}
        checked = self._vocabulary.check(entry["verb"], given, entry["subject"] in people)
        if entry["end"] <= entry["start"]:
            raise AnswerError(f"'{entry['verb']}' ends at {entry['end']}, not after its start at {entry['start']}.")
        times = {"start": float(entry["start"]), "end": float(entry["end"])}
        return {"subject": entry["subject"], "verb": entry["verb"], **times, **checked}


class _GraphReader:
    """Accepts graphs that obey the rules; advice on names is given once and not insisted on."""

    def __init__(self, objects: Sequence[str]) -> None:
        self._objects, self._advised = list(objects), False

    def __call__(self, answer: Any) -> PartAffordanceGraph:
        graph = _without_idle_nodes(PartAffordanceGraph.from_json(answer))
        for name in self._objects:
            if name not in graph.objects:
                raise GraphError(f"'{name}' takes part in no contact. Every listed object does.")
        for name in graph.objects:
            if name not in self._objects:
                raise GraphError(f"'{name}' is none of the objects {', '.join(self._objects)}. Leave it out.")
        if not graph.people:
            raise GraphError("No person takes part. Add the contact that the action is about.")
        advice = graph.advice()
        if advice and not self._advised:
            self._advised = True
            raise AnswerError(" ".join(advice))
        return graph


def _without_idle_nodes(graph: PartAffordanceGraph) -> PartAffordanceGraph:
    """Parts that nothing touches guide nothing: they are dropped, and with them owners without any contact."""
    used = dict.fromkeys(node for edge in graph.edges for node in (edge.first, edge.second))
    owners = {node.owner for node in used}
    states = tuple(state for state in graph.states if state.name in owners)
    return replace(graph, nodes=tuple(used), states=states)


def _check_place(
    name: str, place: str, objects: Sequence[str], graph: PartAffordanceGraph, contacts: Sequence[EdgeTable]
) -> None:
    """An object lies on another that it touches, and is in a hand that grips it."""
    if place == name:
        raise AnswerError(f"'{name}' cannot lie on itself.")
    if place in objects and not any({e.first.owner, e.second.owner} == {name, place} for e in graph.edges):
        raise AnswerError(f"'{name}' lies on '{place}', but the graph has no contact between them.")
    gripped = any(table.kind == "grip" and f"{name}," in table.nodes[1] for table in contacts)
    if place == "hand" and not gripped:
        raise AnswerError(f"'{name}' is in the hand, but no hand grips it.")


def _check_stacks(places: Mapping[str, str]) -> None:
    """Nothing lies on what lies on it."""
    for name in places:
        below, seen = places[name], [name]
        while below in places:
            if below in seen:
                raise AnswerError(f"{', '.join(seen)} lie on each other. One of them is on the ground or in a hand.")
            seen.append(below)
            below = places[below]


def _check_station(
    name: str, entry: Mapping[str, Any], objects: Mapping[str, Any], contacts: Sequence[EdgeTable]
) -> None:
    """Who is on something is carried by it; nobody stands at what is in the hand."""
    at = entry["at"]
    if at != "nothing" and objects[at]["place"] == "hand":
        raise AnswerError(f"'{name}' is placed at '{at}', which is in the hand. Say at: nothing.")
    carried = any(
        t.kind == "support" and t.nodes[0].startswith(f"{name},") and t.nodes[1].startswith(f"{at},") for t in contacts
    )
    if entry["side"] == "on" and at != "nothing" and not carried:
        raise AnswerError(f"'{name}' is on '{at}', but no contact of kind support carries the body there.")
    if at == "nothing":
        return
    if entry["side"] == "on" and entry["distance"] != "reach":
        raise AnswerError(f"'{name}' is on '{at}': the distance is \"reach\", not \"{entry['distance']}\".")
    always = [t for t in contacts if t.is_continuous and {node.split(",")[0] for node in t.nodes} == {name, at}]
    if always and entry["distance"] in OUT_OF_REACH:
        raise AnswerError(
            f"'{name}' is {entry['distance']} away from '{at}' but touches it in every frame. Say close, reach or arm."
        )


def plausible_size(name: str, told: tuple[float, float], scale: str) -> tuple[float, float]:
    """(low, high) metres: what was told, within what the scale class allows beside a person of STATURE."""
    low, high = (share * STATURE for share in SCALES[scale])
    if told[1] < told[0]:
        raise AnswerError(f"'{name}': the smallest size {told[0]} is larger than the largest {told[1]}.")
    smallest, largest = max(told[0], low), min(told[1], high)
    if smallest > largest:
        raise AnswerError(
            f"'{name}': {told[0]} to {told[1]} metres contradict the scale '{scale}' ({low:.2f} to {high:.2f} metres)."
        )
    return round(smallest, 4), round(largest, 4)


def _proportions(thing: GivenObject) -> list[float]:
    """Extents as shares of the largest; the absolute size must not sway what is plausible."""
    return [] if thing.extent is None else [round(e / max(max(thing.extent), 1e-9), 2) for e in thing.extent]


def _part(name: str, told: Mapping[str, Any]) -> PartDescription:
    position, aliases = tuple(dict.fromkeys(told["position"])), tuple(dict.fromkeys(told["aliases"]))
    return PartDescription(name, told["shape"], position, told["facing"], aliases, told["count"])


def _tables(
    text: str,
    graph: PartAffordanceGraph,
    contacts: Sequence[EdgeTable],
    places: Mapping[str, Any],
    described: Mapping[str, ObjectPlan],
    script: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The recipe's tables."""
    states = graph.to_json()
    people = places["people"]
    gazes = {name: "" if entry["gaze"] == "ahead" else entry["gaze"] for name, entry in people.items()}
    return {
        "schema": 1,
        "name": recipe_name(text),
        "text": text,
        "people": [{"name": n, "posture": people[n]["posture"], "gaze": gazes[n]} for n in graph.people],
        "objects": [
            {
                "name": name, "builtin": plan.builtin, "size": list(plan.size), "mass": plan.mass,
                "rests_on": places["objects"][name]["place"],
                "parts": [vars(part) for part in plan.parts],
            }
            for name, plan in described.items()
        ],
        "edges": [table.model_dump() for table in contacts],
        "object_states": states["object states"],
        "human_states": [s for s in states["human states"] if is_person(s["name"])],
        "relations": [
            {"person": n, "object": people[n]["at"], **{key: people[n][key] for key in ("side", "facing", "distance")}}
            for n in graph.people
            if people[n]["at"] != "nothing"
        ],
        "script": list(script),
    }  # fmt: skip
