"""Following an object's reference: its path within a dead zone, one axis firmly, the turn about it loosely."""

from __future__ import annotations

from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.optimization.energies.shared import object_points, outside_ball
from zeroshot_hoi.optimization.problem import Arrays, State, Term


def path(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(3,) m: the anchor's distance from its path beyond the dead zone, along each axis by its weight."""
    anchor = object_points(xp, state, term.object, data["anchor"][None])[0]
    return outside_ball(xp, anchor - data["target"], data["dead_zone"]) * data["weight"]


def axis(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(3,): difference of the object's axis from the reference axis (chord, about radians)."""
    return xp.matmul(state.rotations[term.object], data["axis"]) - data["target"]
