"""Who rides goes where the thing goes that carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.errors import RecipeError, nearest_name
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.reference import ObjectReference, PersonReference, Placement, Travel
from zeroshot_hoi.reference.feet import flat_track, foot_shape, foot_track
from zeroshot_hoi.reference.footsteps import Stance
from zeroshot_hoi.reference.hands import owner_of
from zeroshot_hoi.reference.verbs import complete, number

PUSH_LENGTH, LANDS_AHEAD = 0.5, 0.16
"""Metres that a foot stays behind while it pushes, and that it lands ahead of the hips."""

PUSH_PHASE, PUSH_DIP = 0.3, 0.02
"""Share of a period after which a push begins; metres that the hips go down with it."""

SIDES = ("left", "right")


STANCE_SHARE = 0.62
"""Of a stride that a walking foot is on the ground (Perry 1992, Gait Analysis): a push is timed like a step."""


def ridden(
    person: PersonReference,
    name: str,
    plan: Plan,
    body: SkinnedBody,
    placement: Placement,
    tracks: Mapping[str, ObjectReference],
) -> PersonReference:
    """The reference of a person who rides, as a phrase `ride` says; unchanged without one."""
    phrases = [p for p in plan.script if (p.subject, p.verb) == (name, "ride")]
    if not phrases:
        return person
    given = complete("ride", phrases[0].parameters, True)
    thing, pushes = owner_of(given), round(number(given, "pushes"))
    if thing not in tracks:
        raise RecipeError(f"'{name}' rides '{thing}', which does not move. {nearest_name(thing, tracks)}")
    if person.travel is not None:
        raise RecipeError(f"'{name}' both walks and rides. Leave one of them out.")
    touching = {e.first.part for e in plan.graph.edges_of(name) if e.second.owner == thing}
    travel = _along(placement, tracks[thing], {s: f"{s} foot" in touching for s in SIDES}, body)
    if pushes > 0:
        travel = _pushed(travel, pushes, plan.frames / plan.fps, body, name)
    return replace(person, travel=travel, planted={side: np.zeros(plan.frames) for side in SIDES})


def _pushed(travel: Travel, pushes: int, seconds: float, body: SkinnedBody, name: str) -> Travel:
    """The same way with `pushes` of the foot that does not ride: it lands ahead, stays behind, and swings through."""
    speed = float(np.linalg.norm(travel.root[-1, :2] - travel.root[0, :2])) / seconds
    free = [side for side in SIDES if not travel.feet[side].rides]
    if len(free) != 1 or speed * seconds / pushes < PUSH_LENGTH:
        raise RecipeError(
            f"'{name}' pushes {pushes} times over {speed * seconds:.2f} m with {len(free)} free feet. One foot rides "
            f"and the other pushes, {PUSH_LENGTH:g} m or more each time."
        )
    side, shape = free[0], foot_shape(body, free[0])
    period, stay = seconds / pushes, PUSH_LENGTH / speed
    beside, yaw = float(travel.feet[side].pose[0, 1, 3]), 0.0
    ankle = float(travel.feet[side].pose[0, 0, 3])
    stances = []
    for k in range(-1, pushes + 1):
        contact = (k + PUSH_PHASE) * period
        stances.append(Stance(side, (ankle + speed * contact + LANDS_AHEAD, beside, yaw), contact, contact + stay))
    times = np.linspace(0.0, seconds, len(travel.heading))
    track = foot_track(shape, stances, 0.5 * stay / STANCE_SHARE, 1.0, times)
    down = np.maximum(track.heel_down, track.toe_down)
    dip = gaussian_filter1d(down, 0.12 * len(times) / seconds, mode="nearest")
    root = travel.root - [0.0, 0.0, PUSH_DIP] * dip[:, None]
    return replace(travel, root=root, feet=dict(travel.feet) | {side: track})


def _along(placement: Placement, track: ObjectReference, rides: Mapping[str, bool], body: SkinnedBody) -> Travel:
    """Root, heading and feet as rigid children of the moving thing, in the frame of the placement."""
    turn = Rotation.from_matrix(track.rotation) * Rotation.from_matrix(track.rotation[0]).inv()
    yaw = np.unwrap(np.arctan2(turn.as_matrix()[:, 1, 0], turn.as_matrix()[:, 0, 0]))
    begin = np.array([*np.mean([f[:2] for f in placement.feet.values()], axis=0), 0.0])
    back = Rotation.from_euler("z", -placement.heading)

    def moved(point: np.ndarray) -> np.ndarray:
        """(T, 3) of a world point (3,) that goes along, in the frame of the placement."""
        return back.apply(turn.apply(point - track.translation[0]) + track.translation - begin)

    feet = {}
    for side, (x, y, angle) in placement.feet.items():
        places, yaws = moved(np.array([x, y, 0.0])), yaw + angle - placement.heading
        feet[side] = flat_track(foot_shape(body, side), places, yaws, stands=False, rides=rides[side])
    return Travel(moved(placement.root), yaw, feet)
