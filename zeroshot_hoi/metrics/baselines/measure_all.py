"""Every published measure that one interaction has the data for."""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.metrics.baselines.interaction import PALMS, SMPL_JOINTS, Interaction
from zeroshot_hoi.metrics.blocks import SkinTrack, inner_points
from zeroshot_hoi.metrics.metric import Metric
from zeroshot_hoi.metrics.published import contact, feet, penetration, smoothness
from zeroshot_hoi.metrics.published.measure import Measure

WRISTS = ("left_wrist", "right_wrist")
ANKLES, TOES = ("left_ankle", "right_ankle"), ("left_foot", "right_foot")


def measure_interaction(one: Interaction) -> list[Metric]:
    """What can be measured, named `measure:subject` with the subjects body, object and both.

    A measure whose data the method does not write is left out: it is not zero. Measures of the joints are taken of the
    22 that all body models share.
    """
    values = [*_body_motion(one), *_object_motion(one), *_hands(one), *_overlap(one)]
    return [Metric(f"{m.name}:{subject}", value, m.unit, m.direction) for m, subject, value in values]


def _body_motion(one: Interaction) -> list[tuple[Measure, str, float]]:
    found = []
    body, ankles, toes = one.tracks(*SMPL_JOINTS), one.tracks(*ANKLES), one.tracks(*TOES)
    if body is not None:
        found += _motion(body, "body", one.fps)
    if ankles is not None and toes is not None:
        found += [
            (feet.weighted_foot_sliding, "body", feet.weighted_foot_sliding(ankles, toes)),
            (feet.skating_ratio, "body", feet.skating_ratio(toes, one.fps)),
        ]
    if one.body_vertices is not None:
        found.append((feet.ground_depth, "body", feet.ground_depth(one.body_vertices)))
    return found


def _object_motion(one: Interaction) -> list[tuple[Measure, str, float]]:
    corners = one.box_corners()
    return [] if corners is None else _motion(corners, "object", one.fps)


def _motion(points: np.ndarray, subject: str, fps: float) -> list[tuple[Measure, str, float]]:
    return [
        (smoothness.midpoint_smoothness, subject, smoothness.midpoint_smoothness(points)),
        (smoothness.midpoint_smoothness_8fps, subject, smoothness.midpoint_smoothness_8fps(points, fps)),
        (smoothness.acceleration, subject, smoothness.acceleration(points, fps)),
    ]


def _hands(one: Interaction) -> list[tuple[Measure, str, float]]:
    if one.object_vertices is None:
        return []
    found = []
    for measure, names in ((contact.palm_contact, PALMS), (contact.wrist_contact, WRISTS)):
        joints = one.tracks(*names)
        if joints is not None:
            # In the object's frame the vertices rest, so that one search tree serves every frame.
            still = np.broadcast_to(one.object_vertices, (1, *one.object_vertices.shape))
            flat = one.to_local(joints).reshape(1, -1, 3)
            distance = contact.palm_distance(flat, still).reshape(len(joints), len(names))
            found.append((measure, "both", measure(distance)))
    return found


def _overlap(one: Interaction) -> list[tuple[Measure, str, float]]:
    if one.body_vertices is None or one.object_vertices is None or one.object_faces is None:
        return []
    signed = _signed(one, one.body_vertices, ExactMesh(one.object_vertices, one.object_faces))
    measures = (
        contact.penetrating_contact, penetration.non_collision, penetration.collision_frames,
        penetration.collision_depth, penetration.maximum_depth,
    )  # fmt: skip
    return [(measure, "both", measure(signed)) for measure in measures]


def _signed(one: Interaction, vertices: np.ndarray, mesh: ExactMesh) -> np.ndarray:
    """(T, V) metres, minus the depth inside; 1 outside, where none of these measures asks how far."""
    signed = np.ones(vertices.shape[:2])
    frame, point, depth = inner_points(SkinTrack(vertices), mesh, np.arange(len(vertices)), one)
    signed[frame, point] = -depth
    return signed
