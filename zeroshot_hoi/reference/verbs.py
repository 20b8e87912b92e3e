"""The closed vocabulary of motion: every verb turns eased time into displacements of an object or of a posture.

A language model picks from these names and cannot invent a motion that the library does not know. Lengths are metres,
angles degrees in recipes and radians here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.errors import HoiError, RecipeError, nearest_name
from zeroshot_hoi.reference.timing import back_and_forth, minimum_jerk

Parameters = Mapping[str, float | str]

GRAVITY = 9.81
"""m/s^2"""

SHORTEST_SWING = 0.3
"""Seconds in which a thing is swung before it is thrown."""

THROWING_REACH = 0.25
"""Metres from where a thing is held at rest to where the hands let go of it, or meet it."""


@dataclass(frozen=True)
class Workspace:
    """What a verb may know of the person who moves the object, in the world frame."""

    forward: np.ndarray
    """(3,) unit, where the person looks."""
    left: np.ndarray
    """(3,) unit."""
    shoulder: np.ndarray
    """(3,) shoulder of the hand that works, metres."""
    elbow: np.ndarray
    """(3,) elbow of that arm while it hangs."""
    forearm: float
    """Elbow to the middle of the palm, metres."""
    along: np.ndarray
    """(3,) unit, the long direction of what the object rests on; the person's left where it rests on nothing."""
    face: Mapping[str, np.ndarray]
    """Places that things are held at or brought to: `mouth`, `eyes`, `chest`, `belly`, `front`, `side`, the other
    people, in front of whom they work, and the tops of other objects -> (3,) metres."""
    begin: np.ndarray
    """(3,) where the object's anchor is before the phrase."""
    flank: np.ndarray
    """(3,) outermost of the thigh on the side of the hand that works, metres."""
    outward: np.ndarray
    """(3,) unit, to that side."""


@dataclass(frozen=True)
class ObjectVerb:
    """Displacements of one object: `(workspace, u (T,), parameters, seconds) -> (T, 3) metres, (T, 3) rotation vector`.

    `absolute` verbs give the anchor's world path instead of an offset from where the object rests.
    """

    move: Callable[[Workspace, np.ndarray, Parameters, float], tuple[np.ndarray, np.ndarray]]
    parameters: Mapping[str, float | str]
    """Allowed parameters and their defaults."""
    absolute: bool = False
    follows: bool = False
    """Whether the object goes along with a person who walks. What is held in a hand always does."""
    hinged: bool = False
    """Whether the object turns about an edge of its own, far from where it is held, instead of its origin."""
    flies: bool = False
    """Whether hands let go of it for a while."""
    rolls: bool = False
    """Whether the object goes its way whoever is on it."""


def number(parameters: Parameters, key: str) -> float:
    value = parameters[key]
    if isinstance(value, str):
        raise RecipeError(f"The parameter '{key}' must be a number; got '{value}'.")
    return float(value)


DIRECTIONS = ("along", "forward", "back", "left", "right", "up", "down")


def _direction(workspace: Workspace, word: float | str) -> np.ndarray:
    table = {
        "along": workspace.along,
        "forward": workspace.forward,
        "back": -workspace.forward,
        "left": workspace.left,
        "right": -workspace.left,
        "up": np.array([0.0, 0.0, 1.0]),
        "down": np.array([0.0, 0.0, -1.0]),
    }
    if word not in table:
        raise RecipeError(f"Unknown direction '{word}'. {nearest_name(str(word), DIRECTIONS)}")
    return table[str(word)]


def _outer(amount: np.ndarray, direction: np.ndarray) -> np.ndarray:
    return amount[:, None] * direction[None]


def _hold(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((len(u), 3)), np.zeros((len(u), 3))


def _stroke(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    amount = (back_and_forth(u, number(p, "cycles")) - 0.5) * number(p, "distance")
    return _outer(amount, _direction(w, p["direction"])), np.zeros((len(u), 3))


def _lift(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    return _outer(minimum_jerk(u) * number(p, "height"), np.array([0.0, 0.0, 1.0])), np.zeros((len(u), 3))


def _carry(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    path = _outer(minimum_jerk(u) * number(p, "distance"), _direction(w, p["direction"]))
    arc = _outer(4.0 * number(p, "arc") * minimum_jerk(u) * (1.0 - minimum_jerk(u)), np.array([0.0, 0.0, 1.0]))
    return path + arc, np.zeros((len(u), 3))


def _press(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    amount = back_and_forth(u, number(p, "cycles")) * number(p, "distance")
    return _outer(amount, _direction(w, p["direction"])), np.zeros((len(u), 3))


def _tilt(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    amount = np.radians(number(p, "angle")) * (
        back_and_forth(u, number(p, "cycles")) if number(p, "cycles") else minimum_jerk(u)
    )
    return np.zeros((len(u), 3)), _outer(amount, _direction(w, p["about"]))


def _swing(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """A pendulum below a pivot: the object travels on an arc and turns with it."""
    angle = np.radians(number(p, "angle")) * (back_and_forth(u, number(p, "cycles")) - 0.5)
    axis, radius = _direction(w, p["about"]), number(p, "radius")
    turn = Rotation.from_rotvec(_outer(angle, axis))
    down = np.array([0.0, 0.0, -radius])
    return turn.apply(down) - down, turn.as_rotvec()


def _toss(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """A ballistic flight up to `height` and down again, turned by `spin` degrees about the person's left."""
    height = number(p, "height")
    flight = 2.0 * np.sqrt(2.0 * height / GRAVITY)
    share = min(1.0, flight / max(seconds, 1e-6))
    v = np.clip((u - 0.5 + share / 2.0) / share, 0.0, 1.0)
    turn = np.radians(number(p, "spin")) * v
    return _outer(4.0 * height * v * (1.0 - v), np.array([0.0, 0.0, 1.0])), _outer(turn, w.left)


def times_of_flight(p: Parameters, seconds: float) -> tuple[float, float]:
    """Seconds of a throw's phrase after which the thing is let go of and is caught: what is left is half swing, half
    catch; raises RecipeError where that is too short."""
    height = number(p, "height")
    flight = 2.0 * np.sqrt(2.0 * max(height, 0.0) / GRAVITY)
    swing = 0.5 * (seconds - flight)
    if swing < SHORTEST_SWING or flight <= 0.0:
        raise RecipeError(
            f"A throw {height:g} m high flies {flight:.2f} s, and needs {2.0 * SHORTEST_SWING:g} s more to be swung "
            f"and caught; the phrase lasts {seconds:.2f} s. Give it more time, or a height above 0 that is less."
        )
    return swing, swing + flight


def _throw(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Swung from rest to a ballistic flight of `height` metres, caught and brought to rest as it was thrown.

    Swing and catch are cubics between rest and the speed of the flight, which draw back first where that speed is high.
    `spin` turns it about the person's left in the air.
    """
    if p["to"] not in w.face:
        raise RecipeError(f"Nothing is thrown to '{p['to']}'. {nearest_name(str(p['to']), w.face)}")
    swing, arrives = times_of_flight(p, seconds)
    flight = arrives - swing
    way = w.face[str(p["to"])] - w.begin
    flat = way * [1.0, 1.0, 0.0]
    reach = min(THROWING_REACH, 0.3 * float(np.linalg.norm(flat)))
    ahead = flat / max(float(np.linalg.norm(flat)), 1e-9)
    first = reach * ahead + np.array([0.0, 0.0, 0.6 * reach])
    last = way - reach * ahead + np.array([0.0, 0.0, 0.6 * reach])
    up = np.array([0.0, 0.0, 0.5 * GRAVITY * flight])
    release, arrival = (last - first) / flight + up, (last - first) / flight - up
    clock = u * seconds
    before, air = np.clip(clock / swing, 0.0, 1.0), np.clip((clock - swing) / flight, 0.0, 1.0)
    after = np.clip((clock - swing - flight) / swing, 0.0, 1.0)
    path = _from_rest(before, first, swing * release)
    flying = air > 0.0
    t = (air * flight)[:, None]
    path[flying] = (first + release * t - 0.5 * GRAVITY * t**2 * [0.0, 0.0, 1.0])[flying]
    caught = after > 0.0
    path[caught] = (way + _from_rest(1.0 - after, last - way, -swing * arrival))[caught]
    return path, _outer(np.radians(number(p, "spin")) * air, w.left)


def _from_rest(s: np.ndarray, way: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """(T, 3) a cubic from rest at the origin (s = 0) to `way (3,)` with the derivative `speed (3,)` there (s = 1)."""
    return _outer(s**2 * (3.0 - 2.0 * s), way) + _outer(s**2 * (s - 1.0), speed)


def _roll(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Along the floor at an even speed: it was rolling before the clip began."""
    return _outer(u * number(p, "distance"), _direction(w, p["direction"])), np.zeros((len(u), 3))


def _open(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    amount = np.radians(number(p, "angle")) * minimum_jerk(u)
    return np.zeros((len(u), 3)), _outer(amount, np.array([0.0, 0.0, 1.0]))


def _close(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """From `angle` degrees open to how the object rests."""
    amount = np.radians(number(p, "angle")) * (1.0 - minimum_jerk(u))
    return np.zeros((len(u), 3)), _outer(amount, np.array([0.0, 0.0, 1.0]))


def _curl(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Around the elbow, from a hanging forearm to near the shoulder and back."""
    low, high = np.radians(number(p, "from")), np.radians(number(p, "to"))
    angle = low + (high - low) * back_and_forth(u, number(p, "cycles"))
    turn = Rotation.from_rotvec(_outer(-angle, w.left))
    return w.elbow + turn.apply(np.array([0.0, 0.0, -w.forearm])), turn.as_rotvec()


def _bring(w: Workspace, u: np.ndarray, p: Parameters, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """The held part, or what `part` names, goes to the person's mouth, eyes or another place, such as the top of
    another object, or as far beside it as the object needs."""
    if p["to"] not in w.face:
        raise RecipeError(f"Nothing is brought to '{p['to']}'. {nearest_name(str(p['to']), w.face)}")
    return _outer(minimum_jerk(u), w.face[str(p["to"])] + beside(w, p) - w.begin), np.zeros((len(u), 3))


def beside(w: Workspace, p: Parameters) -> np.ndarray:
    """(3,) metres in the world from a place to beside it, as `ahead`, `aside` (to the left) and `above` say."""
    return number(p, "ahead") * w.forward + number(p, "aside") * w.left + number(p, "above") * np.array([0.0, 0.0, 1.0])


HOLDING: Mapping[str, float | str] = {
    "keep": "", "toward": "", "at": "front", "ahead": 0.0, "aside": 0.0, "above": 0.0, "on": "", "lean": 0.0,
    "front": "",
}  # fmt: skip
"""How and where a thing is held."""

OBJECT_VERBS: dict[str, ObjectVerb] = {
    "hold": ObjectVerb(_hold, HOLDING),
    "push": ObjectVerb(_hold, {}, follows=True),
    "stroke": ObjectVerb(_stroke, {"over": "", "distance": 0.3, "cycles": 2.0, "direction": "along"}),
    "lift": ObjectVerb(_lift, {"height": 0.3}),
    "carry": ObjectVerb(_carry, {"distance": 0.5, "direction": "left", "arc": 0.05}),
    "press": ObjectVerb(_press, {"distance": 0.03, "cycles": 1.0, "direction": "down"}),
    "tilt": ObjectVerb(_tilt, {"angle": 60.0, "cycles": 0.0, "about": "forward"}),
    "swing": ObjectVerb(_swing, {"angle": 60.0, "cycles": 1.0, "about": "left", "radius": 0.6}),
    "toss": ObjectVerb(_toss, {"height": 0.3, "spin": 0.0}),
    "bring": ObjectVerb(_bring, {"to": "mouth", "part": "", "ahead": 0.06, "aside": 0.0, "above": -0.03}),
    "throw": ObjectVerb(_throw, {"to": "person 2", "height": 0.4, "spin": 0.0}, flies=True),
    "roll": ObjectVerb(_roll, {"distance": 2.0, "direction": "forward"}, rolls=True),
    "open": ObjectVerb(_open, {"angle": 35.0, "way": "pull"}, hinged=True),
    "close": ObjectVerb(_close, {"angle": 35.0, "way": "pull"}, hinged=True),
    "curl": ObjectVerb(_curl, {"from": 18.0, "to": 118.0, "cycles": 1.0}, absolute=True),
}

PERSON_VERBS: dict[str, dict[str, float | str]] = {
    "stand": {},
    "sit": {},
    "sit_down": {"lean": 34.0},
    "lean_back": {"angle": 9.0},
    "lean_forward": {"angle": 20.0},
    "squat": {"depth": 0.3, "cycles": 1.0},
    "bounce": {"height": 0.02, "cycles": 3.0},
    "grasp": {"object": "", "hand": "both"},
    "move_hand": {"hand": "right", "direction": "down", "distance": 0.1, "cycles": 4.0},
    "ride": {"object": "", "pushes": 0.0},
    "walk": {"distance": 0.0, "speed": 0.0, "turn": 0.0, "direction": "forward", "path": ""},
}
"""Verb -> allowed parameters and their defaults."""

VERBS = tuple(OBJECT_VERBS) + tuple(PERSON_VERBS)


def complete(verb: str, given: Parameters, is_person: bool) -> Parameters:
    """The verb's defaults updated by `given`; unknown verbs and parameters are refused."""
    table: Mapping[str, Mapping[str, float | str]] = (
        PERSON_VERBS if is_person else {k: v.parameters for k, v in OBJECT_VERBS.items()}
    )
    if verb not in table:
        kind = "person" if is_person else "object"
        raise HoiError(f"Unknown verb '{verb}' for a {kind}. {nearest_name(verb, table)}")
    unknown = set(given) - set(table[verb])
    if unknown:
        word = sorted(unknown)[0]
        raise RecipeError(f"The verb '{verb}' has no parameter '{word}'. {nearest_name(word, table[verb])}")
    return {**table[verb], **given}
