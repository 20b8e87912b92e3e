"""The phrases `walk` and `squat` of a script as one way; every walk begins where the one before it ended."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.errors import RecipeError, nearest_name
from zeroshot_hoi.core.plan import MotionPhrase
from zeroshot_hoi.reference.footsteps import Foot, Walk, plan_walk
from zeroshot_hoi.reference.gait import Gait, choose_gait
from zeroshot_hoi.reference.path import Path, arc_path, read_waypoints, waypoint_path
from zeroshot_hoi.reference.timing import back_and_forth, minimum_jerk
from zeroshot_hoi.reference.verbs import Parameters, complete, number
from zeroshot_hoi.reference.walking import WalkMotion, walk_motion, walker

BEARINGS = {"forward": 0.0, "back": np.pi, "left": 0.5 * np.pi, "right": -0.5 * np.pi}
"""Where a walk leads, radians from where the body faces."""

EASE = {"forward": 1.0, "back": 0.75, "left": 0.35, "right": 0.35}
"""Share of natural steps and speed that is left when one does not look where one goes. Backward: Grasso et al. 1998, J.
Neurophysiol. 80 (strides shorter by a fifth to a third at equal effort); sideward: feet close up and do not cross."""

SHARPEST_START = np.radians(120.0)
"""Largest angle between where a person faces and the first waypoint: feet would cross on the spot."""

MISSED = 0.02
"""Metres by which a leg may miss its footprints; the optimization closes the rest."""


MAX_SQUAT = 0.4
"""Metres: below it heels leave the ground at the ankle's limit."""


def scripted_walk(
    body: SkinnedBody, phrases: Sequence[MotionPhrase], frames: int, seconds: float, free: Sequence[str]
) -> WalkMotion:
    """The motion of a person who walks and squats in `phrases` of a clip of so many `frames` and `seconds`.

    `free` are the sides whose arms swing. Raises `RecipeError` for walks that nobody can do.
    """
    who, walks = walker(body), []
    origin, facing, feet = np.zeros(2), 0.0, who.stand
    for phrase in sorted((p for p in phrases if p.verb == "walk"), key=lambda p: p.start):
        start, time = phrase.start * seconds, (phrase.end - phrase.start) * seconds
        if walks and start < walks[-1][0] + walks[-1][1].gait.duration - 1e-6:
            raise RecipeError(f"A walk that begins at {phrase.start:g} starts before the one before it has ended.")
        walk = _walk(complete("walk", phrase.parameters, True), who.leg, time, origin, facing, feet)
        walks.append((start, walk))
        origin, facing = walk.path.points[-1], float(walk.heading(np.array(walk.path.length)))
        feet = {side: walk.of(side)[-1].foot for side in feet}
    squats = [p for p in phrases if p.verb == "squat"]

    def depth(times: np.ndarray) -> np.ndarray:
        return sum((_depth(p, times / seconds) for p in squats), np.zeros(len(times)))

    motion = walk_motion(who, walks, np.linspace(0.0, 1.0, frames) * seconds, free, depth if squats else None)
    if motion.missed > MISSED:
        raise RecipeError(
            f"This walk's footprints are {100.0 * motion.missed:.0f} cm out of the legs' reach. Give it wider turns, "
            "shorter steps (less speed) or more time."
        )
    return motion


def _depth(phrase: MotionPhrase, clock: np.ndarray) -> np.ndarray:
    """(T,) metres that one phrase `squat` lowers the hips at `clock (T,)`, 0 to 1 through the clip."""
    given = complete("squat", phrase.parameters, True)
    deep, cycles = number(given, "depth"), number(given, "cycles")
    if not 0.0 < deep <= MAX_SQUAT:
        raise RecipeError(f"A squat lowers the hips by up to {MAX_SQUAT:g} m with flat feet; got {deep:g} m.")
    u = np.clip((clock - phrase.start) / (phrase.end - phrase.start), 0.0, 1.0)
    return deep * (back_and_forth(u, cycles) if cycles else minimum_jerk(u))


def _walk(
    given: Parameters, leg: float, seconds: float, origin: np.ndarray, facing: float, feet: dict[str, Foot]
) -> Walk:
    """One walk that begins with the body at `origin (2,)`, facing `facing` radians, on `feet`."""
    word = str(given["direction"])
    if word not in BEARINGS:
        raise RecipeError(f"Unknown direction of a walk '{word}'. {nearest_name(word, BEARINGS)}")
    distance, speed = number(given, "distance"), number(given, "speed")
    if distance < 0.0 or speed < 0.0:
        raise RecipeError(f"Distance and speed of a walk are not negative; got {distance:g} m and {speed:g} m/s.")
    path, gait = _way(given, word, leg, distance, speed, seconds)
    path = path.moved(origin, facing)
    return plan_walk(path, gait, leg, feet, initial=facing, facing=-BEARINGS[word])


def _way(given: Parameters, word: str, leg: float, distance: float, speed: float, seconds: float) -> tuple[Path, Gait]:
    """The path from the origin, facing along x, and the gait on it."""
    if given["path"]:
        if word != "forward" or number(given, "turn") or distance:
            raise RecipeError("A walk with a path has no distance, turn or direction: the path says them.")
        path = waypoint_path(read_waypoints(str(given["path"])))
        if abs(path.bearing[0]) > SHARPEST_START:
            raise RecipeError(
                f"The path begins {abs(np.degrees(path.bearing[0])):.0f} degrees off where the person faces. "
                f"Begin within {np.degrees(SHARPEST_START):.0f}, or walk with direction = 'back'."
            )
        return path, choose_gait(leg, distance=path.length, speed=speed, seconds=seconds)
    gait = choose_gait(leg, distance=distance, speed=speed, seconds=seconds, ease=EASE[word])
    return arc_path(gait.count * gait.length, np.radians(number(given, "turn")), BEARINGS[word]), gait
