"""The embedded reference: the plan's motion script, played with eased timing in place of a video.

Each object's phrases add up to a path and a turn from where it rests (`person.py` does the same for people); what a
walking person holds or pushes goes along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.errors import RecipeError, nearest_name
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.reference import (
    InitialScene,
    ObjectReference,
    Placement,
    ReferenceMotion,
    Travel,
)
from zeroshot_hoi.core.scene import ObjectParts, PartRegion, SceneObject
from zeroshot_hoi.core.variation import Variation
from zeroshot_hoi.reference.hands import hand_overs
from zeroshot_hoi.reference.holding import LEANING, ON, STANDING_SPIN, hold_between_hands, hold_in_hand, hold_toward
from zeroshot_hoi.reference.person import person_reference
from zeroshot_hoi.reference.riding import ridden
from zeroshot_hoi.reference.timing import minimum_jerk, phrase_time
from zeroshot_hoi.reference.variety import varied_script, work_shift
from zeroshot_hoi.reference.verbs import OBJECT_VERBS, Parameters, Workspace, beside, complete, number
from zeroshot_hoi.reference.workspace import front_of, top_of, workspace_of

COMFORTABLE_REACH = 0.38
"""Metres in front of the pelvis where work is done with a bent elbow."""

POLE_REACH = 0.22
"""The same of two hands on a pole that stands on the ground: their elbows stay beside the trunk."""

STANDING_HEIGHT = 8.0
"""How much more firmly than its path what stands on the ground keeps its height: arms would rather lift a broom."""

HANGING_TURN, PASSING, WIDEST = np.radians(20.0), 0.02, 0.2
"""Radians by which a grip may leave turned what hangs beside a person, the metres from it to the thigh at the least,
and how far out an arm brings it for that."""

WORN_SPIN = 0.05
"""Radians of standard deviation of the turn of what lies against the trunk: its back stays flat on it."""

BROUGHT_SPIN = 0.15
"""The same of what has a part of it somewhere."""

RESTING_SPIN = 3.0
"""The same of what is taken from where it rests: a hand may turn it as it likes."""

HELD_ZONE, STILL_ZONE = 0.02, 0.004
"""Metres around its path within which a held thing may be for nothing: one that moves, and one that stands on the
ground or stays where it is by the graph."""

END = 0.01
"""Metres within which points are an end of a part."""

ALMOST_FLAT = 0.5
"""Vertical share of a stick's direction below which hands do not take it at a height."""


def script_motion(
    plan: Plan,
    bodies: Mapping[str, SkinnedBody],
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
    scene: InitialScene,
) -> ReferenceMotion:
    """The reference motion of every object that moves and of every person."""
    for phrase in plan.script:
        complete(phrase.verb, phrase.parameters, phrase.subject in plan.people)
    plan = varied_script(plan)
    moving = [n for n in plan.objects if any(p.subject == n for p in plan.script)]
    held = [n for n in plan.objects if plan.objects[n].rests_on == "hand" and n not in moving]
    people = {n: person_reference(n, plan, body, scene.people[n][0]) for n, body in bodies.items()}
    tracks = {n: _object_reference(n, plan, bodies, objects, parts, scene) for n in moving + held}
    for name, track in tracks.items():
        worker, _ = _worker(name, plan)
        travel = people[worker].travel
        if travel is not None and _goes_along(name, plan):
            in_hand = plan.objects[name].rests_on == "hand"
            tracks[name] = _carried(track, travel.placed(scene.people[worker][0]), in_hand)
    people = {n: ridden(person, n, plan, bodies[n], scene.people[n][0], tracks) for n, person in people.items()}
    return ReferenceMotion(tracks, people)


def _goes_along(name: str, plan: Plan) -> bool:
    """Whether an object travels with the person who holds it."""
    verbs = [OBJECT_VERBS[p.verb] for p in plan.script if p.subject == name]
    return plan.objects[name].rests_on == "hand" or any(verb.follows for verb in verbs)


def _carried(track: ObjectReference, travel: Travel, in_hand: bool) -> ObjectReference:
    """The track seen from a standing person, taken along on their way; what rolls on the floor keeps its height."""
    turn = Rotation.from_euler("z", (travel.heading - travel.heading[0])[:, None])
    root = travel.root * [1.0, 1.0, float(in_hand)]
    return replace(
        track,
        translation=root + turn.apply(track.translation - root[0]),
        rotation=turn.as_matrix() @ track.rotation,
    )


def _worker(name: str, plan: Plan) -> tuple[str, str]:
    """The person and the side of the hand that holds an object; the first person's right hand if nobody does."""
    for edge in plan.graph.edges_of(name):
        if edge.first.owner in plan.people and edge.first.part.endswith("hand"):
            return edge.first.owner, edge.first.part.split()[0]
    return next(iter(plan.people)), "right"


def _object_reference(
    name: str,
    plan: Plan,
    bodies: Mapping[str, SkinnedBody],
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
    scene: InitialScene,
) -> ObjectReference:
    person, side = _worker(name, plan)
    placement, pose = scene.people[person][0], scene.objects[name]
    support = plan.objects[name].rests_on
    on = _support_region(name, support, plan, objects, parts, scene) if support not in ("ground", "hand") else None
    workspace = workspace_of(bodies[person], placement, side, on[1] if on else None)
    seconds = plan.frames / plan.fps
    fronts = {n: front_of(bodies[n], scene.people[n][0]) for n in bodies}
    others = {n: front for n, front in fronts.items() if n != person}
    tops = {n: top_of(objects[n], scene.objects[n]) for n in objects if n != name}
    workspace = replace(workspace, face={**tops, **workspace.face, **others})
    shift = work_shift(Variation(plan.seed), name)
    base = pose.translation if on is None else _work_center(on[0], placement, workspace, side, objects[name], shift)
    both = _both_hands(name, person, plan)
    if support == "hand":
        how = _holding(name, plan)
        at = "belly" if _worn(name, plan) else str(how["at"])
        if at not in workspace.face:
            raise RecipeError(f"Nothing is held at '{at}'. {nearest_name(at, workspace.face)}")
        base = workspace.face[at] + beside(workspace, how) + _shifted(workspace, shift)
        if both:
            base = base + (number(how, "aside") - (base - placement.root) @ workspace.left) * workspace.left
    path, turn = np.repeat(base[None], plan.frames, 0), Rotation.from_rotvec(np.zeros((plan.frames, 3)))
    verbs = [OBJECT_VERBS[p.verb] for p in plan.script if p.subject == name]
    for phrase in (p for p in plan.script if p.subject == name):
        verb, workspace = OBJECT_VERBS[phrase.verb], replace(workspace, begin=path[-1])
        given = complete(phrase.verb, phrase.parameters, False)
        duration = (phrase.end - phrase.start) * seconds
        moved, turned = verb.move(workspace, phrase_time(plan.frames, phrase.start, phrase.end), given, duration)
        path = moved if verb.absolute else path + moved
        turn = Rotation.from_rotvec(turned) * turn
    path = path + _between_people(name, plan, path, fronts)
    workspace = replace(workspace, begin=base)
    if support == "hand":
        if both and str(_holding(name, plan)["on"]) == "ground":
            farther = POLE_REACH - float((base - placement.root) @ workspace.forward)
            path = path + farther * workspace.forward
        held = _held_reference(name, plan, parts, objects[name], workspace, both, path, turn)
        return replace(held, thrown=any(verb.flies for verb in verbs))
    heading = Rotation.from_matrix(pose.rotation)
    if any(verb.hinged for verb in verbs):
        ways = {str(p.parameters.get("way", "pull")) for p in plan.script if p.subject == name}
        hinged = _held_part(name, plan, parts)
        path, turn = _about_hinge(path, turn, heading, objects[name], hinged, workspace, "push" in ways)
    guided = any(verb.hinged or verb.follows or verb.rolls for verb in verbs)
    up, rotation = heading.inv().apply([0.0, 0.0, 1.0]), (turn * heading).as_matrix()
    lever = _lever(name, plan, parts[name], objects[name], np.zeros(3))
    path, spin = path - np.einsum("tij,tj->ti", rotation, lever), BROUGHT_SPIN if lever.any() else RESTING_SPIN
    return ObjectReference(rotation, path, np.zeros(3), up, STILL_ZONE if on else HELD_ZONE, spin, guided=guided)


def _between_people(name: str, plan: Plan, path: np.ndarray, fronts: Mapping[str, np.ndarray]) -> np.ndarray:
    """(T, 3) metres by which a thing's path is bent so that it is handed over halfway between the places in front of
    which both people work, whatever their script says of the way there. Who walks meets where the script says."""
    shift, parted = np.zeros_like(path), 0.0
    walking = {p.subject for p in plan.script if p.verb == "walk"}
    for giver, taker, begin, end in hand_overs(name, plan):
        if not walking & {giver, taker}:
            at = round(0.5 * (begin + end) * (plan.frames - 1))
            middle = 0.5 * (fronts[giver] + fronts[taker])
            u = phrase_time(plan.frames, parted, begin)
            shift, parted = shift + minimum_jerk(u)[:, None] * (middle - path[at] - shift[at]), end
    return shift


def _held_reference(
    name: str,
    plan: Plan,
    parts: Mapping[str, ObjectParts],
    thing: SceneObject,
    workspace: Workspace,
    both: Mapping[str, str],
    path: np.ndarray,
    turn: Rotation,
) -> ObjectReference:
    """The reference of what is in one hand or in both; what stands on the ground begins there, whoever leads it, and
    leans so that both hands have it before the person.

    What two hands hold at two places is upright between them, unless it is kept up or down, as a pole is, or a part
    of it is turned toward the person.
    """
    how, part = _holding(name, plan), _held_part(name, plan, parts)
    keep, on, lean = str(how["keep"]), str(how["on"]), np.radians(number(how, "lean"))
    if on not in ON:
        raise RecipeError(f"Nothing held stands on '{on}'. {nearest_name(on, ON[1:])}")
    held_parts = set(both.values())
    apart = len(held_parts) > 1 or any(len(np.unique(parts[name].parts[p].instances)) > 2 for p in held_parts)
    center = np.mean([parts[name].parts[p].center for p in held_parts], axis=0) if apart else part.center
    if how["toward"]:
        toward = _part_of(str(how["toward"]), parts[name], name).center - center
        held = hold_toward(workspace, toward, _across(parts[name], both, thing), len(held_parts) < 2)
    elif (apart and keep not in LEANING) or (both and keep == "upright"):
        held = hold_between_hands(workspace, _between(parts[name], both))
    else:
        held = hold_in_hand(keep, replace(part, center=center), thing, workspace, lean, str(how["front"]))
    rotation, height = (turn * Rotation.from_matrix(held.rotation)).as_matrix(), 1.0
    dead_zone = HELD_ZONE if plan.graph.state(name).is_translational else STILL_ZONE
    if on == "ground":
        lowest = ((thing.vertices - center) @ held.rotation[2]).min()
        above = workspace.begin[2] + lowest  # how far the hands are above the held part's middle, once it stands
        stick = held.rotation @ held.axis
        along = stick / stick[2] if both and abs(stick[2]) > ALMOST_FLAT else np.array([0.0, 0.0, 1.0])
        path, dead_zone, height = path - above * along, STILL_ZONE, STANDING_HEIGHT
        held = replace(held, spin=STANDING_SPIN)
    worn = _worn(name, plan)
    if worn:
        held = replace(held, spin=min(held.spin, WORN_SPIN))
        path = path - held.rotation @ (parts[name].parts[worn].center - center)
    lever = _lever(name, plan, parts[name], thing, center)
    path = path - np.einsum("tij,tj->ti", rotation, lever)
    held = replace(held, spin=min(held.spin, BROUGHT_SPIN) if lever.any() else held.spin)
    if how["at"] == "side":
        path = path + _clear_of_thigh(workspace, path[0], (thing.vertices - center) @ held.rotation.T)
    return ObjectReference(rotation, path, center, held.axis, dead_zone, held.spin, held.symmetric, height=height)


def _lever(name: str, plan: Plan, parts: ObjectParts, thing: SceneObject, center: np.ndarray) -> np.ndarray:
    """(T, 3) from the place where a thing is held to what is brought somewhere, object frame.

    Zero but while and after a phrase `bring` names a part: then the way goes over to that part's end, the one away from
    the held place, and the thing turns about it, as a teapot about its spout.
    """
    lever = np.zeros((plan.frames, 3))
    for phrase in (p for p in plan.script if (p.subject, p.verb) == (name, "bring")):
        part = str(complete("bring", phrase.parameters, False)["part"])
        brought = _far_end(_part_of(part, parts, name), thing, center) - center if part else np.zeros(3)
        lever += minimum_jerk(phrase_time(plan.frames, phrase.start, phrase.end))[:, None] * (brought - lever)
    return lever


def _far_end(part: PartRegion, thing: SceneObject, place: np.ndarray) -> np.ndarray:
    """(3,) the end of a part that is away from a place (3,) of its object."""
    points = thing.vertices[np.unique(thing.faces[part.faces])]
    along = (points - place) @ (part.center - place) / max(float(np.linalg.norm(part.center - place)), 1e-9)
    return points[along >= along.max() - END].mean(axis=0)


def _worn(name: str, plan: Plan) -> str:
    """The part by which a held object lies against somebody's trunk, as a guitar's back does; empty without one."""
    return next((e.second.part for e in plan.graph.edges_of(name) if e.first.part == "torso"), "")


def _clear_of_thigh(workspace: Workspace, place: np.ndarray, hanging: np.ndarray) -> np.ndarray:
    """(3,) metres outward by which what hangs at `place (3,)` beside a person, its points `hanging (N, 3)` from there,
    passes the thigh as they walk, though its grip leaves it turned a little."""
    outward = workspace.outward
    turns = [Rotation.from_euler("z", angle) for angle in (-HANGING_TURN, 0.0, HANGING_TURN)]
    inward = max(float((turn.apply(hanging) @ -outward).max()) for turn in turns)
    room = float((place - workspace.flank) @ outward)
    return np.clip(inward + PASSING - room, 0.0, WIDEST) * outward


def _part_of(part: str, thing: ObjectParts, name: str) -> PartRegion:
    if part not in thing.parts:
        raise RecipeError(f"'{name}' has no part '{part}' to bring or to turn. {nearest_name(part, thing.parts)}")
    return thing.parts[part]


def _shifted(workspace: Workspace, shift: tuple[float, float, float]) -> np.ndarray:
    """(3,) metres in the world of a shift ahead, to the left and up."""
    return shift[0] * workspace.forward + shift[1] * workspace.left + np.array([0.0, 0.0, shift[2]])


def _about_hinge(
    path: np.ndarray,
    turn: Rotation,
    heading: Rotation,
    thing: SceneObject,
    held: PartRegion,
    workspace: Workspace,
    away: bool,
) -> tuple[np.ndarray, Rotation]:
    """Path and turn of an object that opens or closes about the upright edge farthest from the hand: to the person, or
    `away` from them."""
    low, high = thing.vertices[:, :2].min(0), thing.vertices[:, :2].max(0)
    wide = int(np.argmax(high - low))
    pivot = np.array([*(0.5 * (low + high)), 0.0])
    pivot[wide] = low[wide] if held.center[wide] > pivot[wide] else high[wide]
    arm = heading.apply(held.center - pivot)
    widest = turn[int(np.argmax(turn.magnitude()))]
    if (widest.apply(arm) @ workspace.forward > arm @ workspace.forward) != away:
        turn = turn.inv()
    fixed = heading.apply(pivot)
    return path + fixed - turn.apply(fixed), turn


def _both_hands(name: str, person: str, plan: Plan) -> dict[str, str]:
    """`left hand` and `right hand` -> the part that it holds; empty where only one hand does.

    A hand that slides over a thing and leaves it, as strings, does not hold it.
    """
    own = [e for e in plan.graph.edges_of(name) if e.first.owner == person]
    held = {e.first.part: e.second.part for e in own if e.is_rel_static or e.is_continuous}
    hands = {hand: part for hand, part in held.items() if hand.endswith("hand")}
    return hands if len(hands) == 2 else {}


def _between(known: ObjectParts, hands: Mapping[str, str]) -> np.ndarray:
    """(3,) from what the right hand holds to what the left one holds, object frame; zero where that is one part."""
    return known.parts[hands["left hand"]].center - known.parts[hands["right hand"]].center


def _across(known: ObjectParts, hands: Mapping[str, str], thing: SceneObject) -> np.ndarray:
    """(3,) like `_between`; where both hands hold one part, from one instance of it to another. Zero for one hand."""
    if not hands:
        return np.zeros(3)
    across = _between(known, hands)
    if across.any():
        return across
    region = known.parts[hands["left hand"]]
    centers = thing.vertices[thing.faces].mean(axis=1)
    middles = [centers[region.instances == k].mean(axis=0) for k in np.unique(region.instances) if k >= 0]
    return middles[-1] - middles[0]


def _holding(name: str, plan: Plan) -> Parameters:
    """How and where a held object is kept, as its first phrase `hold` says."""
    phrases = [p for p in plan.script if p.subject == name and p.verb == "hold"]
    return complete("hold", phrases[0].parameters if phrases else {}, False)


def _held_part(name: str, plan: Plan, parts: Mapping[str, ObjectParts]):
    edge = plan.graph.edges_of(name)[0]
    return parts[name].parts[edge.second.part if edge.second.owner == name else edge.first.part]


def _support_region(
    name: str,
    support: str,
    plan: Plan,
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
    scene: InitialScene,
) -> tuple[np.ndarray, np.ndarray]:
    """World vertices (N, 3) of the part that an object rests on, and its long horizontal direction."""
    edge = next(e for e in plan.graph.edges if {e.first.owner, e.second.owner} == {name, support})
    part = parts[support].parts[edge.second.part if edge.second.owner == support else edge.first.part]
    pose, below = scene.objects[support], objects[support]
    points = below.vertices[np.unique(below.faces[part.faces])] @ pose.rotation.T + pose.translation
    flat = points[:, :2] - points[:, :2].mean(0)
    direction = np.linalg.svd(flat, full_matrices=False)[2][0]
    return points, np.array([*direction, 0.0])


def _work_center(
    region: np.ndarray,
    placement: Placement,
    workspace: Workspace,
    side: str,
    moved: SceneObject,
    shift: tuple[float, float, float],
) -> np.ndarray:
    """The spot of a surface where the hand works comfortably, as far from its rim as the moved object is wide."""
    toward_hand = workspace.left * (0.10 if side == "left" else -0.10)
    wanted = placement.root + COMFORTABLE_REACH * workspace.forward + toward_hand + _shifted(workspace, shift)
    frame = np.stack([workspace.along, np.cross([0.0, 0.0, 1.0], workspace.along)])
    local, target = region @ frame.T, frame @ wanted
    margin = 0.5 * float(np.sort(np.ptp(moved.vertices[:, :2], axis=0))[0]) + 0.01
    low, high = local.min(0) + margin, local.max(0) - margin
    spot = np.where(low < high, np.clip(target, low, np.maximum(low, high)), local.mean(0))
    top = float(np.quantile(region[:, 2], 0.9))
    return np.array([*(spot @ frame)[:2], top])
