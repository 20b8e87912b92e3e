"""Assemble a result from what the stages made: bodies in motion, objects, parts, contacts, energies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zeroshot_hoi.body.kinematics import bone_pivots, bone_transforms, pose_vertices
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.motion import BodyMotion, Motion, ObjectMotion
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.scene import ObjectParts, SceneObject
from zeroshot_hoi.render.appearance import read_appearance
from zeroshot_hoi.results.result import META_KEYS, SCHEMA, ObjectTrack, PersonTrack, Result, Rig

OURS_FROM_SMPLX = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""SMPL-X's (x, y, z), y up, is our (z, x, y)."""


def build_result(
    plan: Plan,
    bodies: Mapping[str, SkinnedBody],
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
    motion: Motion,
    *,
    contacts: Mapping[str, np.ndarray] | None = None,
    energies: Mapping[str, np.ndarray] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Result:
    """The result of a run; `meta` may set models, prompts, seeds, timings and metrics, the plan says the rest."""
    people = {name: person_track(bodies[name], moved, motion.fps) for name, moved in motion.people.items()}
    things = {
        name: object_track(objects[name], parts.get(name), moved, index)
        for index, (name, moved) in enumerate(motion.objects.items())
    }
    return Result(
        _meta(plan, objects, motion.fps, meta or {}), people, things, dict(contacts or {}), dict(energies or {})
    )


def _meta(plan: Plan, objects: Mapping[str, SceneObject], fps: float, given: Mapping[str, Any]) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "schema": SCHEMA,
        "recipe": plan.name,
        "text": plan.text,
        "pag": plan.graph.to_json(),
        "models": {},
        "prompts": {},
        "seeds": {"plan": plan.seed},
        "timings": {},
        "fps": fps,
        "metrics": {},
        "objects": {name: _provenance(thing) for name, thing in objects.items()},
        "edges": {c.edge: [c.kind, c.kind == "support", c.upholstery] for c in plan.contacts.values()},
    }
    assert set(given) <= set(META_KEYS), set(given) - set(META_KEYS)
    return meta | dict(given)


def _provenance(thing: SceneObject) -> dict[str, Any]:
    return {
        "source_sha256": thing.source_sha256,
        "unit": thing.unit,
        "up": thing.up,
        "front": thing.front,
        "mass": float(thing.mass),
        "T_object_file": np.asarray(thing.T_object_file, float).tolist(),
        "simplified": thing.report.simplified,
    }


def person_track(body: SkinnedBody, motion: BodyMotion, fps: float) -> PersonTrack:
    """One person's surface, joints and rig in every frame."""
    xp = numpy_namespace()
    pose, translation = np.asarray(motion.pose, float), np.asarray(motion.translation, float)
    bones = np.asarray(bone_transforms(xp, body, pose, translation))
    return PersonTrack(
        vertices=np.asarray(pose_vertices(xp, body, pose, translation), np.float32),
        faces=np.asarray(body.faces),
        joints=bones[:, : len(body.joint_names), :, 3].astype(np.float32),
        joint_names=tuple(body.joint_names),
        joint_parents=np.asarray(body.joint_parents),
        joint_limits=np.asarray(body.joint_limits),
        pose=pose,
        translation=translation,
        shape=np.asarray(body.shape),
        body_model=f"{body.model} {body.name}",
        part_labels=np.asarray(body.part_labels, np.str_),
        regions=np.asarray(body.regions, np.str_),
        rig=_rig(body, bones),
        amass=amass_fields(body, motion, fps) if body.model == "smplx" else {},
    )


def _rig(body: SkinnedBody, bones: np.ndarray) -> Rig:
    twists = body.twist_bones
    frames = np.concatenate([body.joint_frames, body.joint_frames[[bone.parent for bone in twists]]])
    weights = np.asarray(body.weights)
    count = max(int((weights > 0.0).sum(axis=1).max()), 1)
    heaviest = np.argsort(-weights, axis=1, kind="stable")[:, :count]
    return Rig(
        rest_vertices=np.asarray(body.rest_vertices),
        bone_names=(*body.joint_names, *(bone.name for bone in twists)),
        bone_parents=np.concatenate([body.joint_parents, [bone.parent for bone in twists]]).astype(int),
        bone_rest=np.concatenate([frames, bone_pivots(body)[..., None]], axis=2),
        bone_motion=bones,
        weight_bones=heaviest,
        weight_values=np.take_along_axis(weights, heaviest, axis=1),
    )


def object_track(thing: SceneObject, parts: ObjectParts | None, motion: ObjectMotion, index: int = 0) -> ObjectTrack:
    """One object's mesh, parts and placement in every frame; `index` picks the color of a plain one."""
    regions = parts.parts if parts is not None else {}
    probability = np.stack([r.probability for r in regions.values()]) if regions else np.zeros((0, len(thing.faces)))
    return ObjectTrack(
        vertices=np.asarray(thing.vertices),
        faces=np.asarray(thing.faces),
        rotation=np.asarray(motion.rotation),
        translation=np.asarray(motion.translation),
        scale=float(thing.scale),
        part_names=tuple(regions),
        part_probability=probability,
        look=read_appearance(thing.visual, index),
    )


def amass_fields(body: SkinnedBody, motion: BodyMotion, fps: float) -> dict[str, np.ndarray]:
    """SMPL-X's own parameters as AMASS files name them: world z up, model y up, so the root turn holds the change."""
    from scipy.spatial.transform import Rotation

    root = Rotation.from_rotvec(motion.pose[:, 0]).as_matrix() @ OURS_FROM_SMPLX
    poses = np.asarray(motion.pose) @ OURS_FROM_SMPLX
    poses[:, 0] = Rotation.from_matrix(root).as_rotvec()
    pelvis = body.rest_joints[0] @ OURS_FROM_SMPLX
    return {
        "trans": np.asarray(motion.translation) - pelvis,
        "poses": poses.reshape(len(poses), -1),
        "betas": np.asarray(body.shape),
        "gender": np.array(str(np.asarray(body.extra.get("gender", "neutral")))),
        "mocap_framerate": np.array(float(fps)),
    }
