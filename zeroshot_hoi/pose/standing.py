"""Standing: beside another person, on a deck, before what the hands work on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.postures import PostureShape
from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.core.plan import Plan, Relation
from zeroshot_hoi.core.reference import Placement, RigidPose
from zeroshot_hoi.core.scene import ObjectParts, PartRegion, SceneObject
from zeroshot_hoi.core.variation import Variation
from zeroshot_hoi.pose.variety import standing_shift

SIDES = {"front": 0.0, "left": np.pi / 2, "back": np.pi, "right": -np.pi / 2}
"""Bearing, radians from where the other person looks, or from an object's front."""

FACINGS = {"toward": np.pi, "away": 0.0, "along": np.pi / 2}
"""Where one looks who stands there, radians from that bearing."""

TALKING_DISTANCE = 1.0
"""Metres between people who deal with each other (Hall 1966, The Hidden Dimension: personal distance, .45-1.2 m)."""

DECK_OFFSETS = (0.0, 0.08, -0.08)
"""Metres of the feet ahead of a deck's middle."""

KNEE_BEND = 0.03
"""Metres that one is lower on a deck, with one foot on the ground, than in a stand."""


BEHIND_ANKLE, SOLE_HALF, MOST = 0.065, 0.05, 0.12
"""Metres that a heel and a calf are behind the ankle, that a foot is wide to either side, and that a sitter's foot is
moved ahead at most."""

SHANK = 0.8
"""Share of a seat's height below which what is under it may be in the way of shanks: the rest is behind the knees."""


def before_seat(
    feet: Mapping[str, tuple[float, float, float]], heading: float, points: np.ndarray, seat: float
) -> dict[str, tuple[float, float, float]]:
    """A sitter's feet `(x, y, yaw)`, ahead of what is under a seat so high, as a sofa's front: `points (N, 3)` on it,
    world. Who can't get ahead of that keeps the feet."""
    ahead, left = (np.array([np.cos(heading + turn), np.sin(heading + turn)]) for turn in (0.0, np.pi / 2))
    low = points[points[:, 2] < SHANK * seat][:, :2]
    moved = {}
    for side, (x, y, yaw) in feet.items():
        away = low - [x, y]
        before = away[np.abs(away @ left) < SOLE_HALF] @ ahead + BEHIND_ANKLE
        more = float(np.clip(before.max(initial=0.0), 0.0, None))
        x, y = np.array([x, y]) + (more if more < MOST else 0.0) * ahead
        moved[side] = (float(x), float(y), yaw)
    return moved


def feet_below(shape: PostureShape, root: np.ndarray, heading: float) -> dict[str, tuple[float, float, float]]:
    feet = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        x, y = (Rotation.from_euler("z", heading).apply(shape.joints[f"{side}_ankle"]) + root)[:2]
        feet[side] = (float(x), float(y), heading + sign * np.radians(9.0))
    return feet


def standing(shape: PostureShape, xy: np.ndarray, heading: float) -> Placement:
    root = np.array([*xy, -shape.lowest])
    return Placement(root, heading, shape.q, feet_below(shape, root, heading))


def worked_on(relation: Relation, plan: Plan, parts: Mapping[str, ObjectParts]) -> np.ndarray | None:
    """(3,) middle of what a person's hands touch of the object that they stand at; None where they touch none of it."""
    if relation.person not in plan.graph.people:
        return None
    touched = [e.second.part for e in plan.graph.edges_of(relation.person)
               if e.second.owner == relation.object and e.first.part.endswith("hand")]  # fmt: skip
    return np.mean([parts[relation.object].parts[p].center for p in touched], axis=0) if touched else None


def before_person(
    relation: Relation,
    distance: float,
    shape: PostureShape,
    people: Mapping[str, tuple[Placement, ...]],
    draws: Variation,
) -> Placement:
    """Standing at one side of another person, who is placed already, pelvis from pelvis `distance` metres."""
    if relation.object not in people:
        raise HoiError(
            f"'{relation.person}' is placed beside '{relation.object}', who comes later. "
            f"List '{relation.object}' first."
        )
    if relation.side not in SIDES:
        raise HoiError(f"Nobody is placed '{relation.side}' a person. Allowed: {', '.join(SIDES)}.")
    other = people[relation.object][0]
    bearing = other.heading + SIDES[relation.side]
    back, beside = standing_shift(draws, relation.person)
    away = distance + back
    turn = FACINGS[relation.facing]
    out, across = np.array([np.cos(bearing), np.sin(bearing)]), np.array([-np.sin(bearing), np.cos(bearing)])
    heading = float(np.arctan2(np.sin(bearing + turn), np.cos(bearing + turn)))
    return standing(shape, other.root[:2] + away * out + beside * across, heading)


def standing_on(
    relation: Relation,
    sides: list[str],
    shape: PostureShape,
    deck: PartRegion,
    front: np.ndarray,
    thing: SceneObject,
    poses: Mapping[str, RigidPose],
) -> tuple[Placement, ...]:
    """Standing on a part with one foot or both, along its length; a foot beside it is on the ground, so knees bend."""
    pose = poses[relation.object]
    low, high = thing.vertices[:, :2].min(0), thing.vertices[:, :2].max(0)
    along = front if np.any(front) else np.eye(3)[int(np.argmax(high - low))]
    ahead = pose.rotation @ (along if relation.facing != "toward" else -along)
    heading = float(np.arctan2(ahead[1], ahead[0]))
    middle = pose.rotation @ deck.center + pose.translation
    placements = []
    for forward in DECK_OFFSETS:
        ankles = {s: Rotation.from_euler("z", heading).apply(shape.joints[f"{s}_ankle"]) for s in ("left", "right")}
        over = ankles[sides[0]] if len(sides) == 1 else 0.5 * (ankles["left"] + ankles["right"])
        rise = deck.center[2] if len(sides) == 2 else -KNEE_BEND
        root = middle + forward * ahead - over
        root[2] = rise - shape.lowest
        placements.append(Placement(root, heading, shape.q, feet_below(shape, root, heading)))
    return tuple(placements)


def before_hands(relation: Relation, plan: Plan, parts: Mapping[str, ObjectParts], seat: np.ndarray) -> np.ndarray:
    """(3,) where one looks who sits on an object whose front nothing tells: to what the hands hold of it, else 0."""
    held = worked_on(relation, plan, parts)
    away = np.zeros(3) if held is None else held - seat
    return np.where(np.abs(away) == np.abs(away[:2]).max(), np.sign(away), 0.0) * [1.0, 1.0, 0.0]
