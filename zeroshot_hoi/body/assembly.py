"""From a model's raw arrays to the skinned-body record: shape applied, axes, freedoms, limits, labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from zeroshot_hoi.body.anatomy import joint_axes, rest_angles
from zeroshot_hoi.body.freedoms import build_freedoms, joint_limits
from zeroshot_hoi.body.labels import fingertips, part_labels, regions
from zeroshot_hoi.core.body import SkinnedBody, TwistBone
from zeroshot_hoi.core.errors import BodyError


@dataclass(frozen=True)
class RawBody:
    """What a body file holds, in our axes and metres, before a shape is applied."""

    name: str
    model: str
    template: np.ndarray
    """(V, 3)"""
    joints: np.ndarray
    """(J, 3) of the template."""
    faces: np.ndarray
    weights: np.ndarray
    joint_names: tuple[str, ...]
    joint_parents: np.ndarray
    twist_bones: tuple[TwistBone, ...]
    """At the shape below."""
    shape: np.ndarray
    shape_names: tuple[str, ...]
    vertex_directions: np.ndarray
    joint_directions: np.ndarray
    anatomical_frames: bool
    """Joints turn in their anatomical axes; otherwise in the model's own, which are the world's."""
    pose_directions: np.ndarray | None = None
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)


def assemble(**arrays: Any) -> SkinnedBody:
    """The record of a body, from the fields of `RawBody`."""
    raw = RawBody(**arrays)
    if raw.shape.shape != (len(raw.shape_names),):
        raise BodyError(
            f"The shape has {raw.shape.size} coefficients; the body '{raw.name}' takes {len(raw.shape_names)}: "
            f"{', '.join(raw.shape_names)}."
        )
    if not np.isfinite(raw.shape).all():
        raise BodyError(f"The shape of the body '{raw.name}' has NaN or infinite coefficients; give finite numbers.")
    vertices = raw.template + np.tensordot(raw.shape, raw.vertex_directions, 1)
    rest_joints = raw.joints + np.tensordot(raw.shape, raw.joint_directions, 1)
    points = dict(zip(raw.joint_names, rest_joints, strict=True))
    points |= fingertips(vertices, raw.weights, raw.joint_names, rest_joints)
    axes = joint_axes(points)
    frames = np.tile(np.eye(3), (len(raw.joint_names), 1, 1))
    if raw.anatomical_frames:
        frames = np.stack([axes.get(joint, np.eye(3)) for joint in raw.joint_names])
    freedoms = build_freedoms(raw.joint_names, frames, axes, rest_angles(points))
    same = {f.name: getattr(raw, f.name) for f in fields(RawBody) if f.name in {g.name for g in fields(SkinnedBody)}}
    body = SkinnedBody(
        **same, rest_vertices=vertices, rest_joints=rest_joints, joint_frames=frames, freedoms=freedoms,
        joint_limits=joint_limits(freedoms), part_labels=(), regions=(),
    )  # fmt: skip
    labels = part_labels(body)
    return replace(body, part_labels=labels, regions=regions(body, labels, axes))


def reassemble(body: SkinnedBody, shape: np.ndarray) -> SkinnedBody:
    """The body at another shape, for models whose twist bones do not move with it (SMPL files have none)."""
    raw = {f.name: getattr(body, f.name) for f in fields(RawBody) if hasattr(body, f.name)}
    template = body.rest_vertices - np.tensordot(body.shape, body.vertex_directions, 1)
    joints = body.rest_joints - np.tensordot(body.shape, body.joint_directions, 1)
    return assemble(**raw | {"template": template, "joints": joints, "shape": shape, "anatomical_frames": False})
