"""The embedded prior: relations and natural postures become placements.

Objects stand where their plan says: on the ground, or on the part of another object that they touch. A person gets
several candidate placements around each relation (InteractAnything's initial relation, made metric); the
optimization tries them and keeps what fits. Seeds place people a little nearer, farther or aside, on other feet and
with another bearing (`variety.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.postures import PostureShape, posture_shape
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.errors import HoiError, nearest_name
from zeroshot_hoi.core.plan import Plan, Relation
from zeroshot_hoi.core.reference import InitialScene, Placement, RigidPose
from zeroshot_hoi.core.scene import ObjectParts, PartRegion, SceneObject
from zeroshot_hoi.core.variation import Variation
from zeroshot_hoi.geometry.sampling import scatter
from zeroshot_hoi.pose.standing import (
    FACINGS,
    SIDES,
    TALKING_DISTANCE,
    before_hands,
    before_person,
    before_seat,
    feet_below,
    standing,
    standing_on,
    worked_on,
)
from zeroshot_hoi.pose.variety import restyled, seat_shift, stance_shift, standing_shift

STANDOFF = (0.16, 0.21, 0.27)
"""Metres from the pelvis to the edge of what the person stands at."""

SEATED_STANDOFF = 0.24
"""Metres from a sitting person's pelvis to the edge of a table."""

WORKED_ON, ON_TABLE = 0.22, 0.03
"""Metres from a table's edge to the middle of what a person works on there, and that are left before it."""

CLOSE = 0.7
"""Of STANDOFF: the belly all but touches the edge."""

STEP = 0.75
"""Of the leg's length: a comfortable step (Winter 1991, The Biomechanics and Motor Control of Human Gait)."""

STEPS_AWAY = {"arm": 0.0, "step": 1.0, "far": 3.0}
"""Class of distance -> steps beyond an outstretched arm."""

SPREAD = (0.0, 0.05, -0.05)
"""Metres nearer or farther that are tried where a class says more than an arm's length."""

LATERAL = (0.0, 0.12, -0.12)
"""Metres to the side, toward the left hand."""

SEAT_OFFSETS = (-0.06, -0.03, 0.0, 0.03, 0.06)
"""Metres forward of the deepest sitting position."""

BACK_HEIGHTS, BACK_HALF_WIDTH = (0.08, 0.35), 0.16
"""Metres above a seat, and to either side of its middle, in which what stands behind keeps a sitter from it."""

BEYOND = np.arange(0.0, 0.15, 0.01)
"""Metres that are tried behind the end of a seat without a backrest."""

SEAT_SAMPLES, SEAT_SPACING, SEAT_SURPLUS = 2000, 0.01, 0.02
"""Points of a seat, the metres from one within which skin is over it, and the share of skin that is worth no shift."""

FEET_FORWARD = (0.0, 0.06, -0.06)
"""Metres of the ankles in front of the knees when seated."""


def place(
    plan: Plan,
    bodies: Mapping[str, SkinnedBody],
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
) -> InitialScene:
    """Initial poses of all objects and candidate placements of all people."""
    poses: dict[str, RigidPose] = {}
    for name in plan.objects:
        if plan.objects[name].rests_on in ("ground", "hand"):
            poses[name] = _object_pose(name, plan, objects, parts, poses)
    people = {}
    for name, body in bodies.items():
        shape, draws = posture_shape(body, plan.people[name].posture), Variation(plan.seed)
        relations = [r for r in plan.relations if r.person == name]
        relation = relations[0] if relations else None
        if relation is None:
            placements = (standing(shape, np.zeros(2), 0.0),)
        elif relation.object in bodies:
            away = TALKING_DISTANCE if relation.distance == "reach" else _usual(relation.distance, shape)
            placements = (before_person(relation, away, shape, people, draws),)
        elif relation.side == "on":
            placements = _sitting(relation, plan, shape, objects, parts, poses, draws)
        else:
            spot = worked_on(relation, plan, parts)
            placements = _beside(relation, _is_second(relation, plan), spot, shape, objects, parts, poses, draws)
        hip, knee = shape.joints["left_hip"], shape.joints["left_knee"]
        thigh = float(np.linalg.norm((knee - hip)[:2])) if plan.people[name].posture == "sit" else 0.0
        people[name] = tuple(_varied(placement, body, draws, name, thigh) for placement in placements)
        if relation is not None and relation.side == "on" and thigh:
            people[name] = _before_seat(people[name], objects[relation.object], poses[relation.object])
        for other in (r for r in relations[1:] if r.object in objects):
            seated = relation is not None and relation.side == "on"
            distance = SEATED_STANDOFF if seated and other.distance == "reach" else _usual(other.distance, shape)
            poses[other.object] = _before(other, people[name][0], distance, objects, parts)
    for name in plan.objects:
        if name not in poses:
            pose = _object_pose(name, plan, objects, parts, poses)
            poses[name] = _within_reach(name, pose, plan, objects, parts, poses, people)
    return InitialScene(poses, people)


def _within_reach(
    name: str,
    pose: RigidPose,
    plan: Plan,
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
    placed: Mapping[str, RigidPose],
    people: Mapping[str, tuple[Placement, ...]],
) -> RigidPose:
    """What stays where it lies, nearer to who works on it there: a keyboard lies before the typist, not in the middle
    of the table."""
    support, touched = plan.objects[name].rests_on, plan.graph.edges_of(name)
    by = [r.person for r in plan.relations if r.object == support and any(e.first.owner == r.person for e in touched)]
    if not by or plan.graph.state(name).is_translational:
        return pose
    region = _rests_in(name, plan, parts)
    thing = objects[support].vertices[np.unique(objects[support].faces[region.faces])]
    surface = thing @ placed[support].rotation.T + placed[support].translation
    toward = people[by[0]][0].root[:2] - pose.translation[:2]
    toward = toward / max(float(np.linalg.norm(toward)), 1e-9)
    room = float(((surface[:, :2] - pose.translation[:2]) @ toward).max())
    own = float(((objects[name].vertices @ pose.rotation.T)[:, :2] @ toward).max())
    nearer = max(room - max(WORKED_ON, own + ON_TABLE), 0.0)
    return replace(pose, translation=pose.translation + nearer * np.array([*toward, 0.0]))


def _varied(placement: Placement, body: SkinnedBody, draws: Variation, name: str, thigh: float) -> Placement:
    """The same place on other feet, held in another way, as the seed draws it."""
    feet = stance_shift(placement.feet, placement.heading, draws, name, thigh)
    return replace(placement, q=restyled(placement.q, body.freedoms, draws, name), feet=feet)


def _before_seat(placements: tuple[Placement, ...], thing: SceneObject, pose: RigidPose) -> tuple[Placement, ...]:
    """The same with the feet before what stands under the seat."""
    points = scatter(thing.vertices, thing.faces, SEAT_SAMPLES).points @ pose.rotation.T + pose.translation
    return tuple(replace(p, feet=before_seat(p.feet, p.heading, points, float(p.root[2]))) for p in placements)


def _is_second(relation: Relation, plan: Plan) -> bool:
    """Whether an earlier person has the same relation to the same object: two carry a table from opposite sides."""
    same = [r for r in plan.relations if (r.object, r.side) == (relation.object, relation.side)]
    return [r.person for r in same].index(relation.person) % 2 == 1


def _object_pose(
    name: str,
    plan: Plan,
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
    placed: Mapping[str, RigidPose],
) -> RigidPose:
    support = plan.objects[name].rests_on
    if support == "hand":
        return RigidPose(np.eye(3), np.array([0.35, 0.0, 1.1]))
    if support == "ground":
        offset = sum(np.ptp(objects[o].vertices[:, 1]) + 0.5 for o in placed if plan.objects[o].rests_on == "ground")
        return RigidPose(np.eye(3), np.array([0.0, -offset, 0.0]))
    if support not in placed:
        raise HoiError(f"'{name}' rests on '{support}', which is not an object that stands on the ground.")
    below = placed[support]
    return RigidPose(np.eye(3), below.rotation @ _rests_in(name, plan, parts).center + below.translation)


def _rests_in(name: str, plan: Plan, parts: Mapping[str, ObjectParts]) -> PartRegion:
    """The part of another object that one lies on."""
    support = plan.objects[name].rests_on
    edge = next((e for e in plan.graph.edges if {e.first.owner, e.second.owner} == {name, support}), None)
    if edge is None:
        raise HoiError(f"'{name}' rests on '{support}', but the graph has no edge between their parts.")
    return parts[support].parts[edge.second.part if edge.second.owner == support else edge.first.part]


def standoffs(distance: str, shape: PostureShape) -> tuple[float, ...]:
    """Metres from the pelvis to the edge of what a person of this size stands at.

    `close`: the belly all but touches it; `reach`: it is worked on with bent elbows; `arm`: an outstretched arm away;
    `step`: a step farther than that; `far`: three steps farther.
    """
    if distance == "reach":
        return STANDOFF
    if distance == "close":
        return tuple(CLOSE * away for away in STANDOFF)
    if distance not in STEPS_AWAY:
        raise HoiError(f"Unknown distance '{distance}'. {nearest_name(distance, ('close', 'reach', *STEPS_AWAY))}")
    arm, leg = _limb(shape, "shoulder", "elbow", "wrist"), _limb(shape, "hip", "knee", "ankle")
    return tuple(arm + STEPS_AWAY[distance] * STEP * leg + more for more in SPREAD)


def _usual(distance: str, shape: PostureShape) -> float:
    """The one of `standoffs` for something that is placed before a person."""
    return standoffs(distance, shape)[0 if distance in STEPS_AWAY else 1]


def _limb(shape: PostureShape, *names: str) -> float:
    """Metres along a chain of joints."""
    joints = [shape.joints[f"left_{name}"] for name in names]
    return sum(float(np.linalg.norm(b - a)) for a, b in pairwise(joints))


def _beside(
    relation: Relation,
    across_from: bool,
    spot: np.ndarray | None,
    shape: PostureShape,
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
    poses: Mapping[str, RigidPose],
    draws: Variation,
) -> tuple[Placement, ...]:
    """Standing at one side of an object's outline, or at the opposite one, a little back and to either side.

    Before the `spot (3,)` of it that the hands work on, object frame, or before its middle.
    """
    pose, scene_object = poses[relation.object], objects[relation.object]
    low, high = scene_object.vertices[:, :2].min(0), scene_object.vertices[:, :2].max(0)
    center, half = (low + high) / 2.0, (high - low) / 2.0
    outward = _side_direction(relation, half, parts[relation.object].front) * (-1.0 if across_from else 1.0)
    reach = float(np.abs(outward) @ half)
    across = np.array([-outward[1], outward[0]])
    if spot is not None:
        center = center + ((spot[:2] - center) @ across) * across
    turn = FACINGS[relation.facing]
    base = np.arctan2(pose.rotation[1, 0], pose.rotation[0, 0])
    heading = float(np.arctan2(outward[1], outward[0]) + turn + base)
    heading = float(np.arctan2(np.sin(heading), np.cos(heading)))
    placements = []
    back, beside = standing_shift(draws, relation.person)
    for distance in standoffs(relation.distance, shape):
        for aside in LATERAL:
            local = center + outward * (reach + distance + back) + across * (aside + beside)
            xy = (pose.rotation @ np.array([*local, 0.0]) + pose.translation)[:2]
            placements.append(standing(shape, xy, heading))
    return tuple(placements)


def _before(
    relation: Relation,
    placement: Placement,
    distance: float,
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
) -> RigidPose:
    """Where an object stands for a person who already has a place: the person at the side that the relation names."""
    low, high = objects[relation.object].vertices[:, :2].min(0), objects[relation.object].vertices[:, :2].max(0)
    center, half = (low + high) / 2.0, (high - low) / 2.0
    outward = _side_direction(relation, half, parts[relation.object].front)
    toward_person = placement.heading + np.pi
    turn = Rotation.from_euler("z", toward_person - float(np.arctan2(outward[1], outward[0])))
    local = np.array([*(center + outward * (float(np.abs(outward) @ half) + distance)), 0.0])
    translation = np.array([*placement.root[:2], 0.0]) - turn.apply(local)
    return RigidPose(turn.as_matrix(), translation)


def _side_direction(relation: Relation, half: np.ndarray, front: np.ndarray) -> np.ndarray:
    """Unit direction (2,) from the object to the person, object frame."""
    if relation.side == "near":
        return np.array([0.0, -1.0]) if half[0] >= half[1] else np.array([-1.0, 0.0])
    if not np.any(front):
        raise HoiError(
            f"'{relation.person}' stands at the {relation.side} of '{relation.object}', whose front is not known. "
            f"Say it with front=x, -x, y or -y on the mesh."
        )
    return Rotation.from_euler("z", SIDES[relation.side]).apply(np.array([front[0], front[1], 0.0]))[:2]


def _open_side(triangles: np.ndarray, seat: PartRegion) -> np.ndarray:
    """(3,) the way out of a seat whose object's front nobody knows: away from most of what stands above it."""
    across = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    rows = np.column_stack([triangles.mean(1), 0.5 * np.linalg.norm(across, axis=1)])

    def closed(front: np.ndarray) -> float:
        return float(_behind(rows, seat, front, np.cross([0.0, 0.0, 1.0], front))[:, 3].sum())

    ways = [np.array(way) for way in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0])]
    return max(ways, key=lambda way: closed(way) - closed(-way))


def _behind(centers: np.ndarray, seat: PartRegion, front: np.ndarray, side: np.ndarray) -> np.ndarray:
    """(N, ...) what of the faces' middles stands above the seat behind a sitter, whether the plan names it or not."""
    away = centers[:, :3] - seat.center
    above = (away[:, 2] > BACK_HEIGHTS[0]) & (away[:, 2] < BACK_HEIGHTS[1])
    return centers[above & (np.abs(away @ side) < BACK_HALF_WIDTH) & (away @ front < 0.0)]


def _beyond_rear(
    shape: PostureShape, thing: SceneObject, seat: PartRegion, front: np.ndarray, side: np.ndarray, rear: float
) -> float:
    """How far, in metres, a sitter's back is behind the `rear` of a seat without a backrest: least for most of what
    carries them to be on it. A saddle is wide where one sits, at its end, and shorter than a seat."""
    spread = scatter(thing.vertices, thing.faces[seat.faces], SEAT_SAMPLES).points
    across = spread @ side - seat.center @ side
    tree = KDTree(np.column_stack([spread @ front, across]))

    def carried(behind: float) -> float:
        places = shape.bearing + [rear - shape.rearmost - behind, 0.0]
        return float((tree.query(places)[0] < SEAT_SPACING).mean())

    shares = np.array([carried(behind) for behind in BEYOND])
    return float(BEYOND[int(np.argmax(shares >= shares.max() - SEAT_SURPLUS))])


def _sitting(
    relation: Relation,
    plan: Plan,
    shape: PostureShape,
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
    poses: Mapping[str, RigidPose],
    draws: Variation,
) -> tuple[Placement, ...]:
    """Sitting on the part that carries the hips, as far back as the object allows, and a little forward of that."""
    edges = [e for e in plan.graph.edges_of(relation.person) if plan.contacts[e.name].kind == "support"]
    seats = [e for e in edges if e.second.owner == relation.object and e.first.part == "hips"]
    decks = [e for e in edges if e.second.owner == relation.object and e.first.part.endswith("foot")]
    if decks and not seats:
        return standing_on(relation, [e.first.part.split()[0] for e in decks], shape, parts[relation.object].parts[
            decks[0].second.part], parts[relation.object].front, objects[relation.object], poses)  # fmt: skip
    if not seats:
        raise HoiError(
            f"'{relation.person}' is on '{relation.object}', but no edge of kind 'support' joins the hips to a part "
            f"of it. Add one."
        )
    known = parts[relation.object]
    seat = known.parts[seats[0].second.part]
    scene_object = objects[relation.object]
    triangles = scene_object.vertices[scene_object.faces]
    front = known.front if np.any(known.front) else before_hands(relation, plan, parts, seat.center)
    front = front if np.any(front) else _open_side(triangles, seat)
    centers = triangles[seat.faces].mean(1)
    rear = float((centers @ front).min())
    side = np.cross([0.0, 0.0, 1.0], front)
    backs = [known.parts[e.second.part] for e in edges if e not in seats and e.second.owner == relation.object]
    low = float(seat.center[2])
    faces = triangles[backs[0].faces].mean(1) if backs else _behind(triangles.mean(1), seat, front, side)
    near = faces[faces[:, 2] < low + 0.35]
    if len(faces):
        rear = max(rear, float(np.quantile((near if len(near) else faces) @ front, 0.9)))
    else:
        rear -= _beyond_rear(shape, scene_object, seat, front, side, rear)
    pose = poses[relation.object]
    heading_of = pose.rotation @ (front if relation.facing != "toward" else -front)
    heading = float(np.arctan2(heading_of[1], heading_of[0]))
    placements = []
    ahead, beside, advanced = seat_shift(draws, relation.person, 0.5 * float(np.ptp(centers @ side)))
    for forward in SEAT_OFFSETS:
        local = front * (rear - shape.rearmost + forward + ahead) + side * (float(seat.center @ side) + beside)
        local[2] = seat.center[2] - shape.lowest_buttock - 0.01
        root = pose.rotation @ local + pose.translation
        for advance in FEET_FORWARD:
            feet = {
                s: (x + (advance + advanced) * np.cos(heading), y + (advance + advanced) * np.sin(heading), yaw)
                for s, (x, y, yaw) in feet_below(shape, root, heading).items()
            }
            placements.append(Placement(root, heading, shape.q, feet))
    return tuple(sorted(placements, key=lambda p: float(np.linalg.norm(p.root - placements[6].root))))
