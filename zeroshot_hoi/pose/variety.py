"""What seeds change about how a person stands or sits before anything moves; seed 0 changes nothing.

Bounds are what people do without thinking of it: feet a little apart, ahead or turned out, trunk and free arms held in
their own way. Nothing here may take a contact out of reach: the optimization still tries every placement.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zeroshot_hoi.core.body import DegreesOfFreedom
from zeroshot_hoi.core.variation import Variation

HALF_HIPS = 0.20
"""Metres from a sitter's middle to the side of the hips."""

STYLES: dict[str, tuple[float, float]] = {
    "lumbar flexion": (-3.0, 4.0),
    "lumbar bending": (-2.5, 2.5),
    "thorax rotation": (-4.0, 4.0),
    "neck flexion": (-4.0, 4.0),
    "head rotation": (-6.0, 6.0),
    "left shoulder abduction": (-3.0, 9.0),
    "right shoulder abduction": (-3.0, 9.0),
    "left shoulder flexion": (-6.0, 9.0),
    "right shoulder flexion": (-6.0, 9.0),
    "left elbow flexion": (-6.0, 22.0),
    "right elbow flexion": (-6.0, 22.0),
    "left forearm pronation": (-10.0, 15.0),
    "right forearm pronation": (-10.0, 15.0),
}
"""Freedom -> least and largest change of a posture, degrees. Contacts overrule them."""


def standing_shift(draws: Variation, person: str) -> tuple[float, float]:
    """Metres that a stander is farther from an object, and farther to its side."""
    return draws.offset(-0.03, 0.05, person, "distance"), draws.offset(-0.07, 0.07, person, "aside")


def seat_shift(draws: Variation, person: str, half_width: float) -> tuple[float, float, float]:
    """Metres that a sitter is farther forward and to the side of a seat so wide, and the feet ahead of that."""
    room = float(np.clip(half_width - HALF_HIPS, 0.0, 0.35))
    return (
        draws.offset(-0.01, 0.02, person, "forward"),
        draws.offset(-0.6, 0.6, person, "aside") * room,
        draws.offset(-0.05, 0.08, person, "feet"),
    )


def stance_shift(
    feet: Mapping[str, tuple[float, float, float]], heading: float, draws: Variation, person: str, thigh: float = 0.0
) -> dict[str, tuple[float, float, float]]:
    """Feet `(x, y, yaw)` wider apart, one ahead of the other and turned out, around the same middle.

    A foot looks where its knee does: a sitter's, whose knees are `thigh` metres ahead, goes aside as it turns out.
    """
    apart, stagger = draws.offset(-0.01, 0.03, person, "apart"), draws.offset(-0.045, 0.045, person, "stagger")
    moved = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        x, y, yaw = feet[side]
        turn = sign * np.radians(draws.offset(-5.0, 9.0, person, side, "toes"))
        ahead, left = sign * stagger, sign * apart + thigh * np.sin(turn)
        moved[side] = (
            float(x + ahead * np.cos(heading) - left * np.sin(heading)),
            float(y + ahead * np.sin(heading) + left * np.cos(heading)),
            float(yaw + turn),
        )
    return moved


def restyled(q: np.ndarray, freedoms: DegreesOfFreedom, draws: Variation, person: str) -> np.ndarray:
    """The posture `q (D,)` with trunk, head and arms held a little differently, within the limits."""
    if draws.seed == 0:
        return q
    q = q.copy()
    for name, (low, high) in STYLES.items():
        d = freedoms.index(name)
        q[d] = np.clip(q[d] + np.radians(draws.offset(low, high, person, name)), *freedoms.limits[d])
    return q
