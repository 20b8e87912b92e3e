"""The body by itself: natural pose, planted feet, balance, trunk, arms, gaze."""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.optimization.energies.shared import body_points, object_points, outside_ball, positive
from zeroshot_hoi.optimization.problem import Arrays, State, Term

GAZE_COMFORT = float(np.cos(np.radians(27.0)))
"""The eyes reach this far without the head."""

UPRIGHT = float(np.sin(np.radians(10.0)))
"""Sine of the angle up to which a trunk leans back or aside for nothing; chosen, not measured."""
STOOPED = float(np.cos(np.radians(45.0)))
"""Cosine of the inclination from which on the trunk resists; chosen, not measured."""

BEHIND = 0.05
"""Metres that a wrist may be farther behind the trunk than below the shoulders: hands reach back low, by the hips."""

EASILY = 0.15
"""Metres below its shoulder up to which an elbow may be above its wrist: half an upper arm, which is raised by 60
degrees then, as people reach ahead. Higher elbows are for higher hands."""

LEVEL = (-0.5, 0.0)
"""Sines of the elevations between which a head is carried when it looks at nothing: from 30 degrees down to level."""


def natural_pose(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(D,) rad: distance of every degree of freedom from the reference posture, by the root of its stiffness."""
    return (state.q[term.person] - data["reference"]) * data["stiffness"]


def root_position(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(3,) m: the root joint's distance from the reference beyond a dead zone."""
    return outside_ball(xp, body_points(xp, state, term.person, data["rows"])[0] - data["reference"], data["radius"])


def planted(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N, 3) m: sole points held on their spot of the ground while the foot is in stance."""
    return (body_points(xp, state, term.person, data["rows"]) - data["anchor"]) * data["gate"]


def balance(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(2,) m: center of mass of body and held things outside a dead zone over the feet."""
    center = body_points(xp, state, term.person, data["rows"])[0]
    load = object_points(xp, state, term.object, data["load_center"][None])[0]
    center = center * (1.0 - data["load_share"]) + load * data["load_share"]
    offset = center - data["over"]
    flat = xp.stack([offset[0], offset[1], xp.zeros_like(offset[0])])
    return outside_ball(xp, flat, 0.04)[:2] * data["gate"]


def trunk(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(3,): how far the trunk leans back, and aside, beyond UPRIGHT (sines), and how far it is inclined beyond STOOPED
    (cosine): ahead it may lean as the work wants up to there.

    `rows`: between the hips, between the shoulders, and the direction of the hips to the left.
    """
    low, high, left = body_points(xp, state, term.person, data["rows"])
    along = high - low
    along = along / xp.sqrt(xp.sum(along * along) + 1e-12)
    level = xp.sqrt(left[0] * left[0] + left[1] * left[1] + 1e-12)
    aside = (along[0] * left[0] + along[1] * left[1]) / level
    back = (along[1] * left[0] - along[0] * left[1]) / level
    sideways = positive(xp, aside - UPRIGHT) - positive(xp, -aside - UPRIGHT)
    return xp.stack([positive(xp, back - UPRIGHT), sideways, positive(xp, STOOPED - along[2])]) * data["gate"]


def arms(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(4,) m: of the left and the right arm, how far the elbow is above both the wrist and EASILY below the shoulder,
    and how far the wrist is behind the trunk, beyond BEHIND and what it is below the shoulders.

    `rows`: shoulder, elbow and wrist of either arm, between the hips, the direction of the shoulders to the left.
    """
    points = body_points(xp, state, term.person, data["rows"])
    middle = 0.5 * (points[0] + points[3])
    up, left = middle - points[6], points[7]
    up = up / xp.sqrt(xp.sum(up * up) + 1e-12)
    ahead = xp.cross(left, up)
    ahead = ahead / xp.sqrt(xp.sum(ahead * ahead) + 1e-12)
    residuals = []
    for shoulder, elbow, wrist in (points[0:3], points[3:6]):
        residuals.append(positive(xp, elbow[2] - xp.maximum(shoulder[2] - EASILY, wrist[2])))
        hand = wrist - middle
        residuals.append(positive(xp, -xp.sum(hand * ahead) - positive(xp, -xp.sum(hand * up)) - BEHIND))
    return xp.stack(residuals)


def level_head(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(2,): how far the head looks above or below LEVEL (sine of elevation), where nothing else is looked at."""
    ahead = body_points(xp, state, term.person, data["rows"])[1]
    up = ahead[2] / xp.sqrt(xp.sum(ahead * ahead) + 1e-12)
    return xp.stack([positive(xp, up - LEVEL[1]), positive(xp, LEVEL[0] - up)])


def gaze(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(1,): how much the thing worked on lies outside the eyes' comfortable cone (cosine)."""
    points = body_points(xp, state, term.person, data["rows"])
    eyes, ahead = points[0], points[1]
    target = object_points(xp, state, term.object, data["target"][None])[0] - eyes
    cosine = xp.sum(ahead * target) / xp.sqrt(xp.sum(ahead * ahead) * xp.sum(target * target) + 1e-12)
    return positive(xp, GAZE_COMFORT - cosine)[None]
