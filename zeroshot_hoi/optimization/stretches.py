"""Which stretch of a large part one hand takes: the rim of a plate, one side of a ball, the top of a hanging loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeroshot_hoi.core.scene import PartRegion, SceneObject

HAND_SPAN = 0.13
"""Metres that a hand does not reach around: of a part wider than that it takes the rim."""

ARMS_SPAN = 0.6
"""Metres up to which two hands take the two ends of a thing; of a longer one they take the rim before the person."""

RIM_REACH, RIM_INSET = 0.07, 0.015
"""Metres around its middle that a grip at a rim takes, and from the rim to that middle."""

NEAR_SHARE, ASLANT = 0.35, np.radians(35.0)
"""Of the way from the near to the far side where a hand takes an end; radians between the forearm and across."""

HANDS_ON_RIM = 0.46
"""Metres between two hands on one rim: about the shoulders' width."""

FACING = 0.6
"""Cosine within which a part's surface faces to the side."""

AROUND, STANDS_OUT = 0.03, 0.02
"""Metres beside a part in which the rest of its thing is looked at, and by which a hand finds room behind a lever."""

TOP = 0.035
"""Metres below its highest point that belong to the top of a loop."""


def _centers(thing: SceneObject) -> np.ndarray:
    return thing.vertices[thing.faces].mean(1)


def _points(thing: SceneObject, region: PartRegion) -> np.ndarray:
    return thing.vertices[np.unique(thing.faces[region.faces])]


def _only(region: PartRegion, mine: np.ndarray, center: np.ndarray, axis: np.ndarray) -> PartRegion:
    return replace(region, probability=region.probability * mine, center=center, axis=axis / np.linalg.norm(axis))


def _piece(region: PartRegion, mine: np.ndarray, centers: np.ndarray) -> PartRegion:
    """Only the faces `mine (F,)` with middles `centers (F, 3)`, along their own longest extent."""
    center = centers[mine].mean(0)
    return _only(region, mine, center, np.linalg.svd(centers[mine] - center, full_matrices=False)[2][0])


def across_hand(thing: SceneObject, region: PartRegion) -> float:
    """Metres of the part's second longest extent along its principal axes."""
    points = _points(thing, region)
    axes = np.linalg.svd(points - points.mean(0), full_matrices=False)[2]
    return float(np.sort(np.ptp(points @ axes.T, axis=0))[1])


def rim_of(
    thing: SceneObject, region: PartRegion, left: np.ndarray, ahead: np.ndarray, sign: float, both: bool
) -> PartRegion:
    """A hand's place on a plate's rim, `sign` 1 for the left hand: its own end of what two hands span, nearer to the
    person than its middle and with the forearm aslant, else the rim before the person, beside the other hand."""
    points, centers = _points(thing, region), _centers(thing)
    chosen = region.probability > 0.5
    ends = both and float(np.ptp(points @ left)) <= ARMS_SPAN
    side = sign * left
    outward, along = (side, ahead) if ends else (-ahead, left)
    low, high = float((points @ along).min()), float((points @ along).max())
    spot = 0.5 * (low + high)
    if ends:
        spot = low + NEAR_SHARE * (high - low)
    elif both:
        spot += 0.5 * sign * min(HANDS_ON_RIM, 0.5 * (high - low))
    here = chosen & (np.abs(centers @ along - spot) < RIM_REACH)
    here = here if here.any() else chosen
    edge = float((thing.vertices[np.unique(thing.faces[here])] @ outward).max())
    middle = centers[here & (centers @ outward > edge - RIM_REACH)].mean(0)
    center = middle + (edge - RIM_INSET - middle @ outward) * outward + (spot - middle @ along) * along
    if ends:
        outward = np.cos(ASLANT) * side - np.sin(ASLANT) * ahead
        along = np.cos(ASLANT) * ahead + np.sin(ASLANT) * side
    return _only(region, here & (np.linalg.norm(centers - center, axis=1) < RIM_REACH), center, along)


def nearest_of(thing: SceneObject, region: PartRegion, toward: np.ndarray) -> PartRegion:
    """The instance of a part that lies farthest `toward (3,)`: of a door's two handles the one on the person's side."""
    centers, chosen = _centers(thing), region.probability > 0.5
    known = np.unique(region.instances[chosen & (region.instances >= 0)])
    best = max(known, key=lambda k: float(centers[chosen & (region.instances == k)].mean(0) @ toward))
    return _piece(region, chosen & (region.instances == best), centers)


def near_side_of(thing: SceneObject, region: PartRegion, toward: np.ndarray) -> PartRegion | None:
    """What lies `toward (3,)` the person of a part that goes through its thing, as one piece with a lever on either
    side of a door; None where it stands out on one side only."""
    centers, chosen = _centers(thing), region.probability > 0.5
    points = _points(thing, region)
    rest = thing.samples.points[~chosen[thing.samples.faces]]
    across = np.linalg.svd(toward[None])[2][1:].T
    low, high = (points @ across).min(0) - AROUND, (points @ across).max(0) + AROUND
    rest = rest[((rest @ across > low) & (rest @ across < high)).all(1)]
    if not len(rest):
        return None
    own, between = points @ toward, rest @ toward
    if own.max() < between.max() + STANDS_OUT or own.min() > between.min() - STANDS_OUT:
        return None
    mine = chosen & (centers @ toward > between.max())
    return _piece(region, mine, centers) if mine.any() else None


def side_of(thing: SceneObject, region: PartRegion, outward: np.ndarray) -> PartRegion:
    """What of a part faces `outward (3,)`: where a flat hand presses on it."""
    corners = thing.vertices[thing.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    mine = (region.probability > 0.5) & (normals @ outward > FACING)
    if not mine.any():
        return region
    along = np.cross(outward, [0.0, 0.0, 1.0] if abs(outward[2]) < 0.9 else [1.0, 0.0, 0.0])
    return _only(region, mine, _centers(thing)[mine].mean(0), along)


def top_of(thing: SceneObject, region: PartRegion, up: np.ndarray) -> PartRegion:
    """The top of a loop from which something hangs: where its weight pulls the hand, `up (3,)` in the object frame."""
    centers = _centers(thing)
    chosen = region.probability > 0.5
    mine = chosen & (centers @ up > float((centers[chosen] @ up).max()) - TOP)
    points = centers[mine] - centers[mine].mean(0)
    flat = points - np.outer(points @ up, up)
    return _only(region, mine, centers[mine].mean(0), np.linalg.svd(flat, full_matrices=False)[2][0])
