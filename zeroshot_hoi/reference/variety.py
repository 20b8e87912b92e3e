"""What seeds change about how a script is played: its pace, its extent, and where the work is done; seed 0 nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeroshot_hoi.core.plan import MotionPhrase, Plan
from zeroshot_hoi.core.variation import Variation
from zeroshot_hoi.reference.verbs import complete, number

WARP = 0.10
"""Share of the clip by which its middle comes earlier or later; the order of phrases stays."""

EXTENTS = {
    "stroke": ("distance", 0.85, 1.12),
    "swing": ("angle", 0.85, 1.12),
    "curl": ("to", 0.86, 1.0),
    "toss": ("height", 0.85, 1.15),
    "sit_down": ("lean", 0.85, 1.1),
    "lean_back": ("angle", 0.8, 1.1),
    "lean_forward": ("angle", 0.8, 1.15),
    "bounce": ("height", 0.8, 1.2),
}
"""Verb -> the parameter that says how far it goes and its least and largest factor, where a little more or less means
the same: the angle of a door or of a spout does not."""

WALK_EXTENT = (0.88, 1.0)
"""Factor of a walk's distance: farther in the same time might be too fast."""

WALK_TURN = 14.0
"""Degrees to either side by which a straight way bends, but of who holds a thing that must not turn."""


def varied_script(plan: Plan) -> Plan:
    """The plan with its phrases played in another pace, and a little farther or less far.

    What a reference motion does not depend on is left out: stages may not read it of the plan that they are given.
    """
    if plan.seed == 0:
        return plan
    draws = Variation(plan.seed)
    bend = draws.offset(-WARP, WARP, "pace")
    return Plan(
        name="", text="", graph=plan.graph, people=plan.people, objects=plan.objects, contacts={}, relations=(),
        script=tuple(_varied(phrase, bend, draws, plan) for phrase in plan.script),
        frames=plan.frames, fps=plan.fps, seed=plan.seed,
    )  # fmt: skip


def _varied(phrase: MotionPhrase, bend: float, draws: Variation, plan: Plan) -> MotionPhrase:
    is_person = phrase.verb in ("walk", "sit_down", "lean_back", "lean_forward", "bounce")
    given, who = dict(phrase.parameters), (phrase.subject, phrase.verb)
    if phrase.verb in EXTENTS:
        key, low, high = EXTENTS[phrase.verb]
        given[key] = number(complete(phrase.verb, given, is_person), key) * draws.factor(low, high, *who, key)
    if phrase.verb == "walk":
        told, who = complete("walk", given, True), (_leader(phrase.subject, plan), phrase.verb)
        if number(told, "distance") > 0.0:
            given["distance"] = number(told, "distance") * draws.factor(*WALK_EXTENT, *who, "distance")
        keeps = any(not plan.graph.state(thing).is_rotational for thing in _held(phrase.subject, plan))
        if not told["path"] and told["direction"] == "forward" and not keeps:
            given["turn"] = number(told, "turn") + draws.offset(-WALK_TURN, WALK_TURN, *who, "turn")
        return replace(phrase, parameters=given)  # its seconds decide whether it can be walked
    return replace(phrase, start=_later(phrase.start, bend), end=_later(phrase.end, bend), parameters=given)


def _held(person: str, plan: Plan) -> list[str]:
    """Objects that a person has their hands on."""
    edges = plan.graph.edges_of(person)
    return [e.second.owner for e in edges if e.first.part.endswith("hand") and e.second.owner in plan.objects]


def _leader(person: str, plan: Plan) -> str:
    """The first of the people who hold something that this one holds: who carry a table walk alike."""
    return next(name for name in plan.people if name == person or set(_held(name, plan)) & set(_held(person, plan)))


def _later(clock: float, bend: float) -> float:
    """A time of the clip, 0 to 1, moved most in its middle and not at its ends."""
    return float(clock + bend * np.sin(np.pi * clock))


def work_shift(draws: Variation, name: str) -> tuple[float, float, float]:
    """Metres ahead, to the left and up by which an object is held or worked with elsewhere."""
    return (
        draws.offset(-0.04, 0.04, name, "ahead"),
        draws.offset(-0.05, 0.05, name, "left"),
        draws.offset(-0.04, 0.06, name, "up"),
    )
