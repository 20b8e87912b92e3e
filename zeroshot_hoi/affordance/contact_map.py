"""Where a body part touches an object, from 2D keypoints in several pictures (InteractAnything, section 3.3).

Equation 4 gives every surface point p a probability in view i from its distance in the picture to the body part:
f_i(p) = exp(-|d_i(p)|). The paper leaves the unit of d open; here it is pixels over the picture's diagonal times
`falloff`, so that the answer does not depend on resolution. Equation 5 averages over the views; here over those in
which p is visible and the part was found, because a point behind the object is near every pixel in front of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from zeroshot_hoi.core.camera import Camera
from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.models.base import Keypoints

LEAST_SCORE = 0.25
"""Keypoint score below which a joint counts as not found (GenZI)."""

LEAST_JOINTS = 13
"""Of COCO's 17 that a whole person shows (GenZI)."""

CONSISTENT_VIEWS = 3
"""Views that must agree (GenZI)."""

PALM_FROM, PALM_TO = 0.2, 0.5
"""Where a hand is for models without finger keypoints: from and to these lengths of the forearm beyond the wrist (the
palm of a hand that grips, by usual proportions: a judgement, not a measurement)."""

FINGERS = ("thumb", "index", "middle", "ring", "pinky")

LINES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "arm": (("{side}_elbow", "{side}_wrist"),),
    "shoulder": (("{side}_shoulder",),),
    "leg": (("{side}_hip", "{side}_knee", "{side}_ankle"),),
    "foot": (("{side}_heel", "{side}_big_toe"), ("{side}_ankle",)),
    "head": (("nose",), ("left_ear", "right_ear")),
    "hips": (("left_hip", "right_hip"),),
    "torso": (("left_shoulder", "left_hip"), ("right_shoulder", "right_hip")),
    "neck": (("left_shoulder", "right_shoulder"),),
}
"""Body part -> chains of keypoints that run through it; `hand` is built from fingers or the forearm."""


@dataclass(frozen=True)
class ContactView:
    """One accepted picture: what it says of one body part."""

    camera: Camera
    lines: np.ndarray
    """(L, 2, 2) segments through the body part, pixels."""


def is_whole_person(person: Keypoints, least_joints: int = LEAST_JOINTS) -> bool:
    """Whether enough of COCO's body joints are seen; models with more keypoints are judged by the same ones."""
    from zeroshot_hoi.models.keypoint_names import COCO_BODY

    found = {name for name, score in zip(person.names, person.scores) if score >= LEAST_SCORE}
    return sum(name in found for name in COCO_BODY) >= least_joints


def part_lines(person: Keypoints, part: str) -> np.ndarray:
    """(L, 2, 2) segments in the picture through a body part (`right hand`, `hips`); empty where it is not seen."""
    seen = {n: p for n, p, s in zip(person.names, person.points, person.scores) if s >= LEAST_SCORE}
    side, _, limb = part.rpartition(" ")
    if limb == "hand":
        return _hand_lines(seen, side)
    segments: list[np.ndarray] = []
    for chain in LINES[limb]:
        points = [seen[name.format(side=side)] for name in chain if name.format(side=side) in seen]
        if len(points) == len(chain):
            segments += _chain(points)
    return np.array(segments).reshape(-1, 2, 2)


def _hand_lines(seen: Mapping[str, np.ndarray], side: str) -> np.ndarray:
    fingers = [
        _chain([seen[name] for name in (f"{side}_{finger}_1", f"{side}_{finger}_2") if name in seen])
        for finger in FINGERS
    ]
    segments = [segment for finger in fingers for segment in finger]
    if not segments and {f"{side}_wrist", f"{side}_elbow"} <= seen.keys():
        wrist = seen[f"{side}_wrist"]
        forearm = wrist - seen[f"{side}_elbow"]
        segments = [np.stack([wrist + PALM_FROM * forearm, wrist + PALM_TO * forearm])]
    return np.array(segments).reshape(-1, 2, 2)


def _chain(points: list[np.ndarray]) -> list[np.ndarray]:
    """Segments between neighbors; a single point is a segment without length."""
    if len(points) == 1:
        return [np.stack([points[0], points[0]])]
    return [np.stack([a, b]) for a, b in pairwise(points)]


def line_distances(points: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """(N,) pixels from each of `points (N, 2)` to the nearest of the segments `lines (L, 2, 2)`."""
    start, along = lines[:, 0], lines[:, 1] - lines[:, 0]
    offset = points[:, None] - start
    share = (offset * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-12)
    nearest = offset - np.clip(share, 0.0, 1.0)[..., None] * along
    return np.sqrt((nearest**2).sum(-1).min(axis=1))


def view_probability(pixels: np.ndarray, view: ContactView, falloff: float) -> np.ndarray:
    """Equation 4: exp(-d) (N,) of points that project to `pixels (N, 2)`, d in picture diagonals times `falloff`."""
    unit = falloff * float(np.hypot(view.camera.width, view.camera.height))
    return np.exp(-line_distances(pixels, view.lines) / unit)


def average_views(
    probability: np.ndarray, visible: np.ndarray, least: int = CONSISTENT_VIEWS
) -> tuple[np.ndarray, np.ndarray]:
    """Equation 5 over `probability (n, N)` where `visible (n, N)`: the mean (N,), and how many views saw each point.

    What fewer than `least` views saw is divided by `least`: in one or two pictures any point in front of the body part
    looks touched, and only several from different sides tell depth.
    """
    count = visible.sum(axis=0)
    return (probability * visible).sum(axis=0) / np.maximum(count, least), count


def normalize(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Stretched to [0, 1] over the `known (N,)` part of the surface; zeros where all are alike."""
    low, high = values[known].min(initial=np.inf), values[known].max(initial=-np.inf)
    if not high > low:
        return np.zeros_like(values)
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def visible_points(mesh: ExactMesh, camera: Camera, points: np.ndarray, tolerance: float) -> np.ndarray:
    """(N,) whether nothing of `mesh` lies more than `tolerance` metres before each of `points (N, 3)`."""
    eye = camera.T_world_camera[:3, 3]
    offset = points - eye
    reach = np.linalg.norm(offset, axis=1)
    hit, _ = mesh.ray_hits(np.broadcast_to(eye, points.shape), offset / reach[:, None])
    return hit >= reach - tolerance
