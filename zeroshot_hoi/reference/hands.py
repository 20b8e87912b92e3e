"""What a person's hands and face do to things in a part of the time: take hold and let go, stroke, be brought to."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from zeroshot_hoi.core.errors import RecipeError, nearest_name
from zeroshot_hoi.core.graph import Edge
from zeroshot_hoi.core.plan import MotionPhrase, Plan
from zeroshot_hoi.reference.timing import back_and_forth, minimum_jerk, phrase_time
from zeroshot_hoi.reference.verbs import Parameters, complete, number, times_of_flight

HANDS = ("left", "right", "both")

PERSON_DIRECTIONS = {
    "forward": (1.0, 0.0, 0.0),
    "back": (-1.0, 0.0, 0.0),
    "left": (0.0, 1.0, 0.0),
    "along": (0.0, 1.0, 0.0),
    "right": (0.0, -1.0, 0.0),
    "up": (0.0, 0.0, 1.0),
    "down": (0.0, 0.0, -1.0),
}
"""Word -> ahead, left and up of a person."""

ARRIVING = 0.9
"""Share of a thing's way to the face from which on the face is drawn to it."""

BLEND = 0.15
"""Share of a phrase in which a hand's stroke grows to its extent, and in which it dies away."""


def _phrases(name: str, verb: str, plan: Plan, person: bool = True) -> list[tuple[MotionPhrase, Parameters]]:
    return [(p, complete(verb, p.parameters, person)) for p in plan.script if (p.subject, p.verb) == (name, verb)]


def _hands(given: Parameters) -> tuple[str, ...]:
    """The body parts that a phrase means."""
    word = str(given["hand"])
    if word not in HANDS:
        raise RecipeError(f"There is no hand '{word}'. {nearest_name(word, HANDS)}")
    return tuple(f"{side} hand" for side in (("left", "right") if word == "both" else (word,)))


def owner_of(given: Parameters) -> str:
    """The object that a phrase names, with or without one of its parts: `mug`, or `mug, handle`."""
    return str(given["object"]).partition(",")[0].strip()


def hold_times(name: str, plan: Plan) -> dict[str, np.ndarray]:
    """Edge name -> (T,) seconds from each frame to the nearest one in which the hand holds, as phrases `grasp` say.

    Who throws a thing holds it until it flies, and who catches it from when it comes.
    """
    windows: dict[str, list[tuple[float, float]]] = {}
    for phrase, given in _phrases(name, "grasp", plan):
        thing = owner_of(given)
        if thing not in plan.objects:
            raise RecipeError(f"'{name}' cannot grasp '{thing}'. {nearest_name(thing, plan.objects)}")
        edges = [e for e in _hand_edges(name, plan, _hands(given)) if e.second.owner == thing]
        if not edges:
            raise RecipeError(f"'{name}' grasps '{thing}', but no edge joins that hand to it. Add one.")
        for edge in edges:
            if edge.is_continuous:
                raise RecipeError(f"The edge {edge.name} is continuous, so it is held all the time. Leave 'grasp' out.")
            windows.setdefault(edge.name, []).append(_beside_flights(phrase, thing, plan))
    clock = np.linspace(0.0, 1.0, plan.frames)
    seconds = plan.frames / plan.fps
    return {
        edge: seconds * np.min([np.maximum(np.maximum(a - clock, clock - b), 0.0) for a, b in spans], axis=0)
        for edge, spans in windows.items()
    }


def hand_overs(thing: str, plan: Plan) -> list[tuple[str, str, float, float]]:
    """Who gives a thing, who takes it, and from when to when both have it, as shares of the clip.

    Nobody hands over what is thrown: their grasps do not meet.
    """
    grasps = sorted(
        (*_beside_flights(phrase, thing, plan), name)
        for name in plan.people
        for phrase, given in _phrases(name, "grasp", plan)
        if owner_of(given) == thing
    )
    return [
        (giver, taker, begin, end)
        for (_, end, giver), (begin, last, taker) in pairwise(grasps)
        if giver != taker and begin <= end < last
    ]


def _beside_flights(grasp: MotionPhrase, thing: str, plan: Plan) -> tuple[float, float]:
    """When a grasp begins and ends, as shares of the clip: one that ends while its thing is swung lasts until that
    flies, and one that begins while it is caught begins as it comes."""
    begin, end = grasp.start, grasp.end
    for phrase, given in _phrases(thing, "throw", plan, person=False):
        whole = phrase.end - phrase.start
        seconds = whole * plan.frames / plan.fps
        leaves, comes = (phrase.start + whole * at / seconds for at in times_of_flight(given, seconds))
        if phrase.start <= end < comes:
            end = leaves
        if leaves < begin <= phrase.end:
            begin = comes
    return begin, end


def _hand_edges(name: str, plan: Plan, hands: tuple[str, ...]) -> list[Edge]:
    return [e for e in plan.graph.edges_of(name) if e.first.owner == name and e.first.part in hands]


def hand_strokes(name: str, plan: Plan) -> dict[str, np.ndarray]:
    """Edge name -> (T, 3) metres by which phrases `move_hand` shift a hand over what it slides on."""
    strokes: dict[str, np.ndarray] = {}
    for phrase, given in _phrases(name, "move_hand", plan):
        word = str(given["direction"])
        if word not in PERSON_DIRECTIONS:
            raise RecipeError(f"Unknown direction '{word}'. {nearest_name(word, PERSON_DIRECTIONS)}")
        edges = [e for e in _hand_edges(name, plan, _hands(given)) if not e.is_rel_static]
        if not edges:
            raise RecipeError(f"'{name}' moves a hand, but it touches nothing that it may slide on. Add such an edge.")
        u = phrase_time(plan.frames, phrase.start, phrase.end)
        extent = minimum_jerk(u / BLEND) * minimum_jerk((1.0 - u) / BLEND)
        amount = number(given, "distance") * extent * (back_and_forth(u, number(given, "cycles")) - 0.5)
        for edge in edges:
            moved = amount[:, None] * np.array(PERSON_DIRECTIONS[word])
            strokes[edge.name] = strokes.get(edge.name, 0.0) + moved
    return strokes


def brought_to_face(name: str, plan: Plan) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Edge name -> `eyes` or `mouth`, and -> (T,) how strongly the face is drawn to what `bring` brings there."""
    faces: dict[str, str] = {}
    gates: dict[str, np.ndarray] = {}
    heads: Mapping[str, Edge] = {
        e.second.owner: e for e in plan.graph.edges_of(name) if (e.first.owner, e.first.part) == (name, "head")
    }
    for phrase in plan.script:
        if phrase.verb == "bring" and phrase.subject in heads:
            edge, to = heads[phrase.subject], str(complete("bring", phrase.parameters, False)["to"])
            if to in ("eyes", "mouth"):
                u = phrase_time(plan.frames, phrase.start, phrase.end)
                faces[edge.name] = to
                gates[edge.name] = np.clip((minimum_jerk(u) - ARRIVING) / (1.0 - ARRIVING), 0.0, 1.0)
    return faces, gates
