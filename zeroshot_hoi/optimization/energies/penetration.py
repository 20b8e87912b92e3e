"""What must not enter what: body in object, object in body or object, body in itself, anything in the ground."""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.optimization.energies.shared import (
    body_distance,
    body_in_frame,
    body_normals,
    body_points,
    object_distance,
    object_points,
    positive,
)
from zeroshot_hoi.optimization.problem import Arrays, State, Term


def body_in_object(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N,) m: depth of body points inside the object beyond what each may sink; a negative allowance is a margin."""
    depth = -body_distance(xp, state, term.person, term.object, data, data["rows"])
    return positive(xp, depth - data["allowed"]) * data["weight"]


def object_in_body(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N,) m: depth of object surface points inside the body's spheres: sees thin things that body points miss."""
    points = object_points(xp, state, term.object, data["points"])
    centers = body_points(xp, state, term.person, data["rows"])
    still, fixed = xp.stop(points), xp.stop(centers)
    squared = (
        xp.sum(still * still, axis=-1)[:, None]
        + xp.sum(fixed * fixed, axis=-1)[None]
        - 2.0 * xp.matmul(still, xp.swapaxes(fixed, 0, 1))
    )
    deepest = xp.argmax(data["radii"][None] - xp.sqrt(xp.maximum(squared, 1e-12)), axis=1)
    offset = points - xp.take(centers, deepest, 0)
    distance = xp.sqrt(xp.sum(offset * offset, axis=-1) + 1e-12)
    return positive(xp, xp.take(data["radii"], deepest, 0) - distance)


def object_in_skin(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N,) m: depth of object points below the tangent plane of the skin vertex that was nearest in the stage before.

    Sees what lies between spheres: a chair's thin edge in a back. Points and vertices are chosen anew for every frame.
    """
    points = object_points(xp, state, term.object, data["points"])
    skin = body_points(xp, state, term.person, data["rows"])
    outward = body_normals(xp, state, term.person, data["normal_rows"])
    depth = xp.sum((skin - points) * outward, axis=-1)
    return positive(xp, depth - data["allowed"]) * data["gate"]


def object_in_object(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N,) m: depth of one object's surface points inside another object."""
    distance = object_distance(xp, state, term.object, term.other, data, data["points"])
    return positive(xp, data["margin"] - distance)


def body_in_itself(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N,) m: deepest overlap of each sphere with any sphere of another limb or finger that it may not meet.

    `apart (N, N)` is zero where two spheres may not meet and minus a large length elsewhere.
    """
    centers, radii = body_points(xp, state, term.person, data["rows"]), data["radii"]
    still = xp.stop(centers)
    squared = xp.sum(still * still, axis=-1)
    squared = squared[:, None] + squared[None] - 2.0 * xp.matmul(still, xp.swapaxes(still, 0, 1))
    overlap = radii[:, None] + radii[None] - xp.sqrt(xp.maximum(squared, 1e-12)) + data["apart"]
    other = xp.argmax(overlap, axis=1)
    offset = centers - xp.take(centers, other, 0)
    distance = xp.sqrt(xp.sum(offset * offset, axis=-1) + 1e-12)
    meets = xp.where(xp.max(data["apart"], axis=1) < 0.0, xp.zeros_like(radii), xp.ones_like(radii))
    return positive(xp, radii + xp.take(radii, other, 0) - distance) * meets


def body_in_body(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N,) m: deepest overlap of each sphere of one person with any sphere of another one."""
    centers, radii = body_points(xp, state, term.person, data["rows"]), data["radii"]
    theirs, other_radii = body_points(xp, state, term.other, data["other_rows"]), data["other_radii"]
    still, fixed = xp.stop(centers), xp.stop(theirs)
    squared = (
        xp.sum(still * still, axis=-1)[:, None]
        + xp.sum(fixed * fixed, axis=-1)[None]
        - 2.0 * xp.matmul(still, xp.swapaxes(fixed, 0, 1))
    )
    deepest = xp.argmax(other_radii[None] - xp.sqrt(xp.maximum(squared, 1e-12)), axis=1)
    offset = centers - xp.take(theirs, deepest, 0)
    distance = xp.sqrt(xp.sum(offset * offset, axis=-1) + 1e-12)
    return positive(xp, radii + xp.take(other_radii, deepest, 0) - distance)


def sphere_pairs(count: int, pairs: np.ndarray) -> np.ndarray:
    """`apart (count, count)` for `body_in_itself` from `pairs (P, 2)` of spheres that may not meet."""
    apart = np.full((count, count), -10.0)
    apart[pairs[:, 0], pairs[:, 1]] = apart[pairs[:, 1], pairs[:, 0]] = 0.0
    return apart


def body_in_skin(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N,) m: depth of skin points of one limb below the tangent plane of the nearest skin elsewhere."""
    points = body_points(xp, state, term.person, data["rows"])
    skin = body_points(xp, state, term.person, data["other_rows"])
    outward = body_normals(xp, state, term.person, data["normal_rows"])
    return positive(xp, xp.sum((skin - points) * outward, axis=-1)) * data["gate"]


def body_behind_plate(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N,) m: depth of body spheres behind a plane of an object, within the plate's outline; gated.

    `axes (3, 3)` are rows along, across and outward, object frame; `half (2,)` m are half the outline's extents.
    """
    points = body_in_frame(xp, state, term.person, term.object, data["rows"])
    placed = xp.matmul(points - data["center"], xp.swapaxes(data["axes"], 0, 1))
    beside = xp.max(xp.abs(placed[:, :2]) - data["half"], axis=1)
    depth = positive(xp, data["radii"] - placed[:, 2])
    return xp.where(beside < 0.0, depth, xp.zeros_like(depth)) * data["gate"]


def body_in_ground(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N,) m: depth of body points below z = 0."""
    return positive(xp, -body_points(xp, state, term.person, data["rows"])[:, 2])


def object_in_ground(xp: Namespace, state: State, term: Term, data: Arrays) -> Array:
    """(N,) m: depth of object points below z = 0."""
    return positive(xp, -object_points(xp, state, term.object, data["points"])[:, 2])


EVERY = (body_in_object, object_in_body, object_in_skin, object_in_object, body_in_itself, body_in_body, body_in_skin,
         body_in_ground, object_in_ground)  # fmt: skip
"""All energies that keep things out of one another. `body_behind_plate` is not one: it says from which side a hand
comes, also where obstacles do not count yet."""
