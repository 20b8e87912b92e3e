"""Contact between body regions and object parts, and between objects."""

from __future__ import annotations

from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.optimization.energies.shared import (
    body_distance,
    body_in_frame,
    body_normals,
    body_points,
    object_distance,
    object_points,
    positive,
    robust,
)
from zeroshot_hoi.optimization.problem import Arrays, State, Term

CONTACT_REACH = 0.02
"""Metres beyond which a region that does not touch pulls no harder (a ring finger beside a short bar)."""

SUPPORT_REACH = 0.008
"""Metres: the same for the skin of a support, which is wide enough that some of it always touches."""

SOFT_MINIMUM = 0.003
"""Metres: temperature of the soft minimum over a pad's points."""


def soft_minimum(xp: Namespace, distance: Array) -> Array:
    """Soft minimum (P,) over the last axis of `distance (P, K)`, metres."""
    lowest = xp.min(distance, axis=-1)
    spread = xp.exp(-(distance - lowest[..., None]) / SOFT_MINIMUM)
    return xp.sum(distance * spread, axis=-1) / xp.sum(spread, axis=-1)


def pads(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(P,) m: nearest point of every finger and palm pad to the part; robust beyond each pad's `reach (P,)`.

    DexGraspNet's E_dis, over 18 pads and a soft minimum instead of 4 fixed points.
    """
    rows = data["rows"]
    flat = xp.reshape(rows, (-1, rows.shape[-1]))
    distance = xp.reshape(body_distance(xp, state, term.person, term.object, data, flat), rows.shape[:2])
    return robust(xp, soft_minimum(xp, distance), data["reach"]) * data["weight"]


def surface(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N,) m: signed distance of a body region to the part, less the depth it may sink; weighted per frame (L_cc)."""
    distance = body_distance(xp, state, term.person, term.object, data, data["rows"])
    return robust(xp, distance + data["depth"], SUPPORT_REACH) * data["weight"]


def carried(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(1,) m: how far the skin nearest to a support is above the depth to which it may sink, from however far; a body
    that reach has drawn off its seat feels `surface` no more."""
    distance = body_distance(xp, state, term.person, term.object, data, data["rows"])
    above = positive(xp, soft_minimum(xp, distance[None]) + data["depth"])
    return robust(xp, above, data["reach"]) * data["weight"]


def bearing_area(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(1,) m^2: how much less skin than the `wanted` area bears on a support; a point of skin counts with its `areas`
    from all to nothing around SUPPORT_REACH above the surface."""
    distance = body_distance(xp, state, term.person, term.object, data, data["rows"])
    share = 1.0 / (1.0 + xp.exp(xp.clip((distance - SUPPORT_REACH) / SOFT_MINIMUM, -30.0, 30.0)))
    return positive(xp, data["wanted"] - xp.sum(data["areas"] * share, keepdims=True)) * data["weight"]


def rest(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N,) m: signed distance of one object's part to another object's part (L_cc between objects)."""
    return object_distance(xp, state, term.object, term.other, data, data["points"]) * data["gate"]


def anchored(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N, 3) m: drift of body points from where they first touched, in the object's frame (L_cd, is_rel_static)."""
    points = body_in_frame(xp, state, term.person, term.object, data["rows"])
    return (points - data["anchor"]) * data["gate"]


def stroked(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N, 3) m: body points away from where they should slide: an `anchor` of the object, moved by a world `offset`."""
    points = body_points(xp, state, term.person, data["rows"])
    return (points - object_points(xp, state, term.object, data["anchor"]) - data["offset"]) * data["gate"]


def facing(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N,): n_body . n_object + 1, zero when surfaces face each other (InteractAnything's L_n)."""
    normals = body_normals(xp, state, term.person, data["normal_rows"])
    target = xp.matmul(data["normal"], xp.swapaxes(state.rotations[term.object], 0, 1))
    return (xp.sum(normals * target, axis=-1) + 1.0) * data["gate"]


def wrench(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(6,): sum of contact normals, and of their torques about the part's center over its radius.

    Force closure in the wrench form (DFC, DexGraspNet): E_fc = |sum n|^2 + |sum x n|^2; contacts count by closeness.
    """
    rows, normal_rows = data["rows"], data["normal_rows"]
    points = body_points(xp, state, term.person, rows)
    normals = body_normals(xp, state, term.person, normal_rows)
    near = xp.exp(-((body_distance(xp, state, term.person, term.object, data, rows) / 0.005) ** 2))
    share = near / (xp.sum(near) + 1.0)
    arm = (points - object_points(xp, state, term.object, data["center"][None])) / data["radius"]
    force = share[:, None] * normals
    return xp.concatenate([xp.sum(force, axis=0), xp.sum(xp.cross(arm, force), axis=0)])


def centered(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(1,) m: how far along the part's axis the grip is from its middle."""
    palm = body_in_frame(xp, state, term.person, term.object, data["rows"])
    along = xp.sum((palm - data["center"]) * data["axis"], axis=-1)
    free = data["half_length"]
    return along - xp.clip(along, -free, free)


def together(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N, 3) m: a body point held at an offset along the normal of another body point (a palm on a thigh)."""
    first = body_points(xp, state, term.person, data["rows"])
    second = body_points(xp, state, term.person, data["other_rows"])
    normal = body_normals(xp, state, term.person, data["other_normal_rows"])
    return (first - second - normal * data["offset"][:, None]) * data["gate"]
