"""Footsteps: where and when each foot stands, along a path and in turn.

The body passes over the middle of every step when the foot ahead lands, so that footprint k lies at k step lengths and
is reached when half a step less has been walked. The first step leaves a stand with both feet side by side, the last
one brings the other foot beside the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroshot_hoi.reference.gait import STEP_WIDTH, TOE_OUT, Gait
from zeroshot_hoi.reference.path import Path

FIRST_LIFT = 0.30
"""Share of the first step's time in which the weight shifts before the foot leaves the ground."""

FIRST_PUSH = 0.5
"""Share of a full push-off of the foot that leaves the stand first: it does not trail yet."""

SIDE_PUSH = 0.6
"""The same of a foot that is left behind sideways."""

LAST_CONTACT = 0.90
"""Share of the closing step's time after which its foot stands."""

TURN_IN = 1.5
"""Steps within which a walker turns from where they faced to where the path begins."""

SIDE_GAP = 0.14
"""Metres between the ankles when a side step closes."""

Foot = tuple[float, float, float]
"""x, y of the ankle and the foot's yaw: metres and radians."""


@dataclass(frozen=True)
class Stance:
    """One foot on the ground."""

    side: str
    foot: Foot
    contact: float
    """Seconds; -inf where it stood there from the beginning."""
    lift: float
    """Seconds at which the toe leaves; inf where it stays."""
    strike: float = 0.0
    """How much the heel comes first when the foot lands: 1 walking ahead, 0 flat, -1 where the toes come first."""
    push: float = 1.0
    """How much the heel rises before the foot leaves; negative where the toes do, walking backward."""


@dataclass(frozen=True)
class Walk:
    """A path, the gait on it and the footprints that they make."""

    path: Path
    gait: Gait
    facing: float
    """Radians from the direction of travel to where the body faces: 0 ahead, pi backward."""
    initial: float
    """Radians of the body's heading before the first step."""
    stances: tuple[Stance, ...]
    """In the order of contact, both feet's first stand included."""

    def heading(self, distance: np.ndarray) -> np.ndarray:
        """(*batch,) radians that the body faces after so many metres."""
        return _heading(self.path, self.gait, self.facing, self.initial, distance)

    def of(self, side: str) -> list[Stance]:
        return [stance for stance in self.stances if stance.side == side]


def plan_walk(
    path: Path, gait: Gait, leg: float, feet: dict[str, Foot], *, initial: float = 0.0, facing: float = 0.0
) -> Walk:
    """Footprints of a walk that begins with both `feet` on the ground, for a leg of `leg` metres.

    The foot on the inner side of a turn or of a side step goes first, the right one otherwise.
    """
    turn = path.bearing[-1] - path.bearing[0]
    aside = np.sin(-facing)  # how far the path leads to the body's left
    first = "left" if aside > 0.5 or (abs(aside) <= 0.5 and turn > 0.2) else "right"
    order = [first, "left" if first == "right" else "right"]
    half = 0.5 * max(STEP_WIDTH * leg, abs(aside) * (SIDE_GAP + gait.length))
    stand = {side: float(abs(_lateral(feet, initial)[side])) for side in feet}
    prints: dict[str, list[tuple[Foot, float, float]]] = {side: [(feet[side], -np.inf, np.inf)] for side in feet}
    for k in range(1, gait.count + 2):
        side = order[(k - 1) % 2]
        lift = gait.seconds * FIRST_LIFT if k == 1 else (k - 1) * gait.seconds + gait.overlap
        contact = (k if k <= gait.count else gait.count + LAST_CONTACT) * gait.seconds
        before, since, _ = prints[side][-1]
        prints[side][-1] = (before, since, lift)
        width = half if k < gait.count else min(max(half, stand[side]), 1.6 * half)
        prints[side].append((_print(path, gait, side, k, width, facing, initial), contact, np.inf))
    ahead = float(np.cos(facing))
    stances = []
    for side, entries in prints.items():
        for i, entry in enumerate(entries):
            strike = ahead if 0 < i < len(entries) - 1 else 0.0
            push = ahead if ahead < -0.5 else max(ahead, SIDE_PUSH)
            push *= FIRST_PUSH if i == 0 and side == first else 1.0
            stances.append(Stance(side, *entry, strike, push))
    return Walk(path, gait, facing, initial, tuple(sorted(stances, key=lambda s: s.contact)))


def _heading(path: Path, gait: Gait, facing: float, initial: float, distance: np.ndarray) -> np.ndarray:
    bearing = path.bearing_at(distance) + facing
    start = float(path.bearing[0]) + facing - initial
    start = float(np.arctan2(np.sin(start), np.cos(start)))
    u = np.clip(np.asarray(distance) / (TURN_IN * gait.length), 0.0, 1.0)
    whole = float(path.bearing[0]) + facing - start - initial  # turns of 2 pi that the path's bearing may carry
    return bearing - whole - start * (1.0 - u**3 * (10.0 - 15.0 * u + 6.0 * u**2))


def _print(path: Path, gait: Gait, side: str, k: int, half: float, facing: float, initial: float) -> Foot:
    along = min(k * gait.length, path.length)
    heading = float(_heading(path, gait, facing, initial, np.array(along)))
    sign = 1.0 if side == "left" else -1.0
    x, y = path.at(np.array(along)) + sign * half * np.array([-np.sin(heading), np.cos(heading)])
    return float(x), float(y), heading + sign * TOE_OUT


def _lateral(feet: dict[str, Foot], heading: float) -> dict[str, float]:
    """Metres of each foot to the left of the middle between them."""
    middle = np.mean([foot[:2] for foot in feet.values()], axis=0)
    across = np.array([-np.sin(heading), np.cos(heading)])
    return {side: float((np.array(foot[:2]) - middle) @ across) for side, foot in feet.items()}
