"""One hand by itself, as the grasp sees it: where it looks, its pads, skin and spheres, on the bones that it moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.body.fold import FoldedBody, fold_body, fold_points
from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.kinematics import bone_transforms, direction_rows, stack_transforms, vertex_rows
from zeroshot_hoi.body.labels import vertex_normals
from zeroshot_hoi.body.pads import hand_pads
from zeroshot_hoi.body.skeleton import hand_joints
from zeroshot_hoi.body.surface import surface_points
from zeroshot_hoi.body.volume import body_spheres
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import BodyPoints, SkinnedBody

FINGERS = ("index", "middle", "ring", "pinky")

OPEN_FINGER = {"1 flexion": 12.0, "2 flexion": 18.0, "3 flexion": 8.0}
CLOSED_FINGER = {"1 flexion": 50.0, "2 flexion": 55.0, "3 flexion": 25.0}
"""Degrees, by the end of the freedoms' names: how a grasp starts, and what its prior leans to."""

OPEN_THUMB = {"thumb1 opposition": 25.0, "thumb1 abduction": 10.0, "thumb2 flexion": 5.0, "thumb3 flexion": 5.0}
CLOSED_THUMB = {"thumb1 opposition": 35.0, "thumb1 abduction": 0.0, "thumb2 flexion": 20.0, "thumb3 flexion": 20.0}

FLAT_FINGER = {"1 flexion": 6.0, "2 flexion": 6.0, "3 flexion": 3.0}
FLAT_THUMB = {"thumb1 opposition": 5.0, "thumb1 abduction": 15.0, "thumb2 flexion": 5.0, "thumb3 flexion": 5.0}
"""A hand that lies on something."""

REACH = 0.03
"""Metres from the skin beyond which an object's vertices are not looked at."""

SKIN_POINTS = 420
FOREARM_POINTS = 80


@dataclass(frozen=True)
class HandFrame:
    """The resting hand: where the palm is, where it looks, where the fingers point, where the thumb is."""

    palm: np.ndarray
    normal: np.ndarray
    distal: np.ndarray
    radial: np.ndarray


@dataclass(frozen=True)
class Hand:
    """One hand of a body; rows are on the bones of `folded.body`, the wrist and the fingers."""

    side: str
    folded: FoldedBody
    active: tuple[int, ...]
    """Freedoms of the fingers."""
    frame: HandFrame
    opened: np.ndarray
    """(D,) the open hand with which a grasp starts."""
    closed: np.ndarray
    """(D,) the half-closed hand to which the prior leans."""
    pads: Mapping[str, BodyPoints]
    skin: BodyPoints
    """SKIN_POINTS of the hand, then FOREARM_POINTS of the forearm."""
    vertices: BodyPoints
    """Every vertex of the hand."""
    palm: np.ndarray
    """(1, 4G') the middle of the palm's skin."""
    inside: BodyPoints
    """Points of the hand whose contacts make the wrench."""
    sphere_rows: np.ndarray
    sphere_radii: np.ndarray
    sphere_pairs: np.ndarray
    """(P, 2) spheres that may not meet."""

    def open_points(self) -> np.ndarray:
        """Rest-space positions (N, 3) of the open hand's skin and the forearm."""
        xp, body = numpy_namespace(), self.folded.body
        pose = to_pose(xp, body.freedoms, self.opened)
        return self.skin.rows @ stack_transforms(xp, bone_transforms(xp, body, pose, body.rest_joints[0]))


def finger_freedoms(body: SkinnedBody, side: str) -> tuple[int, ...]:
    """Indices of one hand's finger freedoms."""
    words = tuple(f"{side} {finger}" for finger in (*FINGERS, "thumb"))
    return tuple(i for i, name in enumerate(body.freedoms.names) if name.startswith(words))


def preshape(body: SkinnedBody, side: str, finger: Mapping[str, float], thumb: Mapping[str, float]) -> np.ndarray:
    """(D,) values of a hand whose fingers all have these angles in degrees; zeros elsewhere."""
    freedoms, q = body.freedoms, np.zeros(len(body.freedoms.names))
    named = {f"{side} {name}{end}": angle for name in FINGERS for end, angle in finger.items()}
    named.update({f"{side} {name}": angle for name, angle in thumb.items()})
    for name, angle in named.items():
        index = freedoms.index(name)
        q[index] = np.clip(np.radians(angle) - freedoms.rest[index], *freedoms.limits[index])
    return q


def flat_hand(body: SkinnedBody, side: str) -> np.ndarray:
    """(D,) values of a hand that lies on something; zeros elsewhere."""
    return preshape(body, side, FLAT_FINGER, FLAT_THUMB)


def hand_frame(body: SkinnedBody, side: str) -> HandFrame:
    """Measured on the rest mesh."""
    joints = dict(zip(body.joint_names, body.rest_joints, strict=True))
    wrist, middle = joints[f"{side}_wrist"], joints[f"{side}_middle1"]
    distal = (middle - wrist) / np.linalg.norm(middle - wrist)
    radial = joints[f"{side}_index1"] - joints[f"{side}_pinky1"]
    radial = radial - distal * (radial @ distal)
    radial /= np.linalg.norm(radial)
    palm = surface_points(body, f"{side} palm", 64, 0).rest
    normal = np.cross(distal, radial)
    if (palm.mean(0) - 0.5 * (wrist + middle)) @ normal < 0.0:
        normal = -normal
    return HandFrame(wrist + 0.92 * (middle - wrist), normal, distal, radial)


def measure_hand(body: SkinnedBody, side: str) -> Hand:
    """Everything that a grasp asks of one hand."""
    folded = fold_body(body, (f"{side}_wrist", *hand_joints(side)))
    fold = folded.matrix(np.zeros(len(body.freedoms.names)))
    hand, arm = (
        surface_points(body, f"{side} {part}", n, 1) for part, n in (("hand", SKIN_POINTS), ("arm", FOREARM_POINTS))
    )
    skin = BodyPoints(*(np.concatenate([getattr(p, k) for p in (hand, arm)]) for k in vars(hand)))
    chosen = np.flatnonzero(np.array(body.part_labels) == f"{side} hand")
    normals = vertex_normals(body.rest_vertices, body.faces)[chosen]
    vertices = BodyPoints(
        vertex_rows(body, chosen), direction_rows(normals, body.weights[chosen]), body.rest_vertices[chosen],
        np.zeros(len(chosen)), chosen,
    )  # fmt: skip
    spheres = body_spheres(body)
    labels = tuple(f"{side} {name}" for name in (*FINGERS, "thumb", "hand"))
    own = [i for i, label in enumerate(spheres.parts) if label in labels]
    pairs = [(own.index(a), own.index(b)) for a, b in spheres.pairs if a in own and b in own]
    return Hand(
        side=side,
        folded=folded,
        active=finger_freedoms(body, side),
        frame=hand_frame(body, side),
        opened=preshape(body, side, OPEN_FINGER, OPEN_THUMB),
        closed=preshape(body, side, CLOSED_FINGER, CLOSED_THUMB),
        pads={name: fold_points(points, fold) for name, points in hand_pads(body, side).items()},
        skin=fold_points(skin, fold),
        vertices=fold_points(vertices, fold),
        palm=surface_points(body, f"{side} palm", 24, 2).rows.mean(0, keepdims=True) @ fold,
        inside=fold_points(surface_points(body, f"{side} hand", 160, 3), fold),
        sphere_rows=spheres.centers.rows[own] @ fold,
        sphere_radii=spheres.radii[own],
        sphere_pairs=np.array(pairs, int).reshape(-1, 2),
    )


def below_skin(skin: np.ndarray, normals: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P,) metres that `points (P, 3)` are below the skin nearest to them, -inf beyond REACH; and that vertex (P,).

    Below the tangent plane of `skin (V, 3)` with unit `normals (V, 3)`, but no deeper than the vertex is away.
    """
    distance, index = KDTree(skin).query(points, distance_upper_bound=REACH)
    index = np.minimum(index, len(skin) - 1)
    depth = np.minimum(((skin[index] - points) * normals[index]).sum(1), distance)
    return np.where(np.isfinite(distance), depth, -np.inf), index
