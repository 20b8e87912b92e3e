"""Flat hands on what they carry: how a palm lies against a part, as grips that ride or hold like any other."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.kinematics import bone_transforms, stack_transforms
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.scene import PartRegion, SceneObject
from zeroshot_hoi.geometry.query import grid_distance, pad_grid
from zeroshot_hoi.geometry.sampling import farthest_points
from zeroshot_hoi.optimization.grasp import Grasp
from zeroshot_hoi.optimization.hand import Hand, below_skin, flat_hand, measure_hand

TURNS = np.radians([0.0, -30.0, 30.0, -60.0, 60.0, -90.0, 90.0])
"""In the palm's plane, from fingers ahead; the most natural first."""

CLEAR = 0.0005
"""Metres between the skin and the part, as a place for the hand is looked for: less would miss walls of cardboard."""

PRESS = 0.0002
"""Metres that the skin gives way in the end."""

SPOTS = 12
"""Places on the part that are tried where its middle is out of a palm's reach, as under a box's flap."""

REACHED = 0.0015
"""Metres farther off than from a plane that count as touching."""

ASIDE = 0.15
"""Metres of gap that a metre away from the middle is worth."""

TURN_COST = 8.0
"""Energy of a right angle between the fingers and where the person looks."""


def palm_grasps(
    body: SkinnedBody, side: str, thing: SceneObject, region: PartRegion, ahead: np.ndarray
) -> tuple[Grasp, ...]:
    """A flat hand on the middle of `region`, fingers toward `ahead (3,)`, object frame, and turned from there.

    Where something else of the object keeps the hand off the middle, it lies on the nearest place that it reaches.
    """
    hand = measure_hand(body, side)
    q = flat_hand(body, side)
    skin, normals = _skin(hand, q)
    normal = hand.frame.normal
    outward = _outward(thing, region)
    fingers = ahead - (ahead @ outward) * outward
    if np.linalg.norm(fingers) < 1e-3:
        fingers = np.linalg.svd(outward[None])[2][1]
    grid = pad_grid(thing.grid)
    grasps, spots = [], _spots(thing, region)
    for turn in TURNS:
        along = Rotation.from_rotvec(turn * outward).apply(fingers / np.linalg.norm(fingers))
        rotation = Rotation.align_vectors([-normal, hand.frame.distal], [outward, along])[0].as_matrix()
        place, depth = _reached(skin, hand.frame.palm, normal, rotation, spots, grid)
        translation = hand.frame.palm + (depth - CLEAR - PRESS) * normal - rotation @ place
        distance = grid_distance(numpy_namespace(), grid, (skin - translation) @ rotation)
        sunk, _ = below_skin(skin, normals, thing.vertices @ rotation.T + translation)
        grasps.append(
            Grasp(
                q, rotation, translation, TURN_COST * float(np.abs(turn) / np.radians(90.0)),
                int((distance < 0.005).sum()), True, max(-float(distance.min()), float(sunk.max()), 0.0),
            )
        )  # fmt: skip
    return tuple(grasps)


def _skin(hand: Hand, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3) the hand's skin in rest space, fingers at `q (D,)`, and its unit normals."""
    xp, body = numpy_namespace(), hand.folded.body
    stack = stack_transforms(xp, bone_transforms(xp, body, to_pose(xp, body.freedoms, q), body.rest_joints[0]))
    normals = hand.vertices.normal_rows @ stack
    return hand.vertices.rows @ stack, normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def _outward(thing: SceneObject, region: PartRegion) -> np.ndarray:
    """(3,) unit mean outward normal of the region near its middle."""
    corners = thing.vertices[thing.faces[region.faces]]
    crosses = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    away = np.linalg.norm(corners.mean(1) - region.center, axis=1)
    near = away <= np.quantile(away, 0.25)
    total = crosses[near].sum(0)
    if np.linalg.norm(total) < 0.1 * np.linalg.norm(crosses[near], axis=1).sum():
        return region.normal
    return total / np.linalg.norm(total)


def _spots(thing: SceneObject, region: PartRegion) -> np.ndarray:
    """(S, 3) the region's middle, and places spread over it."""
    centers = thing.vertices[thing.faces[region.faces]].mean(1)
    return np.vstack([region.center, centers[farthest_points(centers, min(SPOTS, len(centers)))]])


def _reached(
    skin: np.ndarray, palm: np.ndarray, normal: np.ndarray, rotation: np.ndarray, spots: np.ndarray, grid
) -> tuple[np.ndarray, float]:
    """The first of `spots (S, 3)` if the palm reaches it, else the best of all, and how far the palm stays off it."""
    depth = _standoff(skin, palm, normal, rotation, spots[0], grid)
    if depth <= float(((skin - palm) @ normal).max()) + REACHED:
        return spots[0], depth
    depths = np.array([depth] + [_standoff(skin, palm, normal, rotation, spot, grid) for spot in spots[1:]])
    best = int(np.argmin(np.maximum(depths, 0.0) + ASIDE * np.linalg.norm(spots - spots[0], axis=1)))
    return spots[best], float(depths[best])


def _standoff(
    skin: np.ndarray, palm: np.ndarray, normal: np.ndarray, rotation: np.ndarray, center: np.ndarray, grid
) -> float:
    """Smallest distance of the region's middle before the palm at which no skin is in the object, metres."""
    low, high = -0.05, 0.12
    for _ in range(24):
        middle = 0.5 * (low + high)
        translation = palm + middle * normal - rotation @ center
        clear = grid_distance(numpy_namespace(), grid, (skin - translation) @ rotation).min() >= CLEAR
        low, high = (low, middle) if clear else (middle, high)
    return high
