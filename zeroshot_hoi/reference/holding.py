"""How a thing is turned while a hand holds it: across the fist, upright, or reaching in a direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.errors import RecipeError, nearest_name
from zeroshot_hoi.core.scene import PartRegion, SceneObject
from zeroshot_hoi.reference.verbs import Workspace

KEPT = ("upright", "upright left", "upright right", "up", "down", "ahead", "left", "right")
"""What `keep` may say besides nothing: upright, reaching ahead or aside, or where the object reaches from the hand."""

LEANING = ("up", "down")
"""Of these, what may be tilted ahead."""

ON = ("", "ground")
"""What a held thing may stand on besides the hand that leads it."""

FRONTS = ("", "ahead")
"""Where the front of what is held may look."""

FREE_SPIN = 1.0
"""Radians of standard deviation of what the grip may choose."""

AIMED_SPIN = 0.5
"""The same of an upright object that reaches out of the hand: it should roughly reach ahead."""


STANDING_SPIN = 0.1
"""The same of what stands on the ground: turned about itself, a leaning broom would sink a corner into the floor."""

FRONT_SPIN = 0.15
"""The same of what has its front in a direction."""

BETWEEN_SPIN = 0.1
"""The same of what both hands hold at different parts."""


@dataclass(frozen=True)
class Held:
    """The wanted turn of a held object."""

    rotation: np.ndarray
    """(3, 3)"""
    axis: np.ndarray
    """(3,) the object's direction that must follow firmly."""
    spin: float
    """Radians of standard deviation of the turn about it."""
    symmetric: bool
    """Whether the axis may also point the other way."""


def hold_in_hand(
    keep: str, part: PartRegion, thing: SceneObject, workspace: Workspace, lean: float = 0.0, front: str = ""
) -> Held:
    """The turn in which `thing` is held at `part`.

    Without `keep` the part's long axis lies across the person, as in a fist in front of the body. `upright` keeps the
    object's up axis up and lets it reach ahead or, `upright left`, to that side of the person; a direction points there
    what the object has beyond the held part: the head of a hammer, the pan of a pan. What points up or down may `lean`
    so many radians ahead, as a broom's stick does. What reaches aside has its front, +x, up; `front` may be `ahead`: a
    guitar's strings look away from who plays it.
    """
    if front not in FRONTS:
        raise RecipeError(f"The front of what is held does not look '{front}'. {nearest_name(front, FRONTS[1:])}")
    if lean and keep not in LEANING:
        raise RecipeError(f"What is kept '{keep}' does not lean. {nearest_name(keep, LEANING)}")
    if not keep:
        across = Rotation.align_vectors([workspace.left], [part.axis])[0]
        return Held(across.as_matrix(), part.axis, FREE_SPIN, True)
    if keep not in KEPT:
        raise RecipeError(f"Nothing is kept '{keep}' in a hand. {nearest_name(keep, KEPT)}")
    reach = _reach(part, thing)
    if keep.startswith("upright"):
        toward = {"left": workspace.left, "right": -workspace.left}.get(keep[8:], workspace.forward)
        flat = reach * [1.0, 1.0, 0.0]
        up = np.array([0.0, 0.0, 1.0])
        if np.linalg.norm(flat) < 0.3 * np.linalg.norm(reach):
            return Held(np.eye(3), up, FREE_SPIN, False)
        turn = np.arctan2(toward[1], toward[0]) - np.arctan2(flat[1], flat[0])
        return Held(Rotation.from_euler("z", turn).as_matrix(), up, AIMED_SPIN, False)
    vertical = np.array([0.0, 0.0, 1.0])
    where = {"up": vertical, "down": -vertical, "ahead": workspace.forward, "left": workspace.left,
             "right": -workspace.left}[keep]  # fmt: skip
    where = np.cos(lean) * where + np.sin(lean) * workspace.forward
    other = vertical if abs(where[2]) < 0.5 and front != "ahead" else workspace.forward
    own = vertical if abs(reach[2]) < 0.5 else np.array([1.0, 0.0, 0.0])
    aligned = Rotation.align_vectors([where, other], [reach, own - (own @ reach) * reach], weights=[np.inf, 1.0])[0]
    return Held(aligned.as_matrix(), reach, FRONT_SPIN if front else FREE_SPIN, False)


def hold_between_hands(workspace: Workspace, across: np.ndarray) -> Held:
    """The turn of a thing held at two parts, one for each hand: upright, each part before its own hand.

    `across (3,)` goes from the right hand's part to the left hand's, object frame. Where it is upright, or both parts
    are one, the thing's front looks ahead.
    """
    heading = np.arctan2(workspace.forward[1], workspace.forward[0])
    if np.linalg.norm(across[:2]) > 0.5 * np.linalg.norm(across):
        heading = np.arctan2(workspace.left[1], workspace.left[0]) - np.arctan2(across[1], across[0])
    return Held(Rotation.from_euler("z", heading).as_matrix(), np.array([0.0, 0.0, 1.0]), BETWEEN_SPIN, False)


def hold_toward(workspace: Workspace, near: np.ndarray, across: np.ndarray, swaps: bool) -> Held:
    """The turn of a thing that has a side for the person: eyepieces, a screen.

    `near (3,)` goes from where it is held to that side, `across (3,)` from the right hand's place to the left hand's,
    or the reverse where `swaps`, both in the object frame. What no hands decide keeps its up axis up, or its front
    where that side is above or below.
    """
    near = near / max(float(np.linalg.norm(near)), 1e-9)
    own = np.array([0.0, 0.0, 1.0]) if abs(near[2]) < 0.8 else np.array([1.0, 0.0, 0.0])
    sides = across - (across @ near) * near
    other, where = own - (own @ near) * near, np.array([0.0, 0.0, 1.0])
    if np.linalg.norm(sides) > 0.5 * np.linalg.norm(across) > 0.0:
        down = np.cross(near, sides)  # once `near` looks at the person and `sides` to their left
        other, where = -sides if swaps and down @ own > 0.0 else sides, workspace.left
    turn = Rotation.align_vectors([-workspace.forward, where], [near, other], weights=[np.inf, 1.0])[0]
    return Held(turn.as_matrix(), near, BETWEEN_SPIN, False)


def _reach(part: PartRegion, thing: SceneObject) -> np.ndarray:
    """(3,) unit direction from the held part to the middle of the object; along the part where it is a bar's end."""
    low, high = thing.vertices.min(0), thing.vertices.max(0)
    away = 0.5 * (low + high) - part.center
    along = part.axis * np.sign(part.axis @ away or 1.0)
    size = float(np.linalg.norm(away))
    if size < 0.02 * float(np.linalg.norm(high - low)) or along @ away > 0.85 * size:
        return along / np.linalg.norm(along)
    return away / size
