"""Tiny result files made by hand, for measures whose answer is known in closed form."""

from __future__ import annotations

import json

import numpy as np
import trimesh

FRAMES = 8


def ball(center, radius=0.1, subdivisions=3):
    """An icosphere: vertices (V, 3), faces (F, 3)."""
    mesh = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return np.asarray(mesh.vertices) + center, np.asarray(mesh.faces)


def box(center, extents, edge=0.02):
    """A box with no edge longer than `edge` metres."""
    mesh = trimesh.creation.box(extents=extents)
    vertices, faces = trimesh.remesh.subdivide_to_size(mesh.vertices, mesh.faces, edge)
    merged = trimesh.Trimesh(vertices, faces)
    return np.asarray(merged.vertices) + center, np.asarray(merged.faces)


def bar(radius=0.015, length=0.12):
    """A closed cylinder along y."""
    mesh = trimesh.creation.cylinder(radius=radius, height=length, sections=48)
    mesh.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0]))
    vertices, faces = trimesh.remesh.subdivide_to_size(mesh.vertices, mesh.faces, 0.01)
    merged = trimesh.Trimesh(vertices, faces)
    return np.asarray(merged.vertices), np.asarray(merged.faces)


def join(*pieces):
    """One mesh and the number of the piece each vertex came from."""
    offsets = np.cumsum([0] + [len(v) for v, _ in pieces[:-1]])
    vertices = np.concatenate([v for v, _ in pieces])
    faces = np.concatenate([f + offset for (_, f), offset in zip(pieces, offsets, strict=True)])
    return vertices, faces, np.repeat(np.arange(len(pieces)), [len(v) for v, _ in pieces])


def person(vertices, faces, labels, regions="", *, pose=None, joints=None, frames=FRAMES):
    """Arrays of one person; `vertices` is (V, 3) or (T, V, 3), labels and regions one word or (V,)."""
    vertices = np.asarray(vertices, dtype=np.float32)
    if vertices.ndim == 2:
        vertices = np.repeat(vertices[None], frames, axis=0)
    count = vertices.shape[1]
    joints = np.zeros((len(vertices), 2, 3)) if joints is None else joints
    return {
        "vertices": vertices,
        "faces": np.asarray(faces),
        "joints": joints,
        "joint_names": np.array(["pelvis", "spine1"]),
        "joint_parents": np.array([-1, 0]),
        "joint_limits": np.broadcast_to([-0.5, 0.5], (2, 3, 2)),
        "pose": np.zeros((len(vertices), 2, 3)) if pose is None else pose,
        "part_labels": np.broadcast_to(np.asarray(labels, dtype="U32"), (count,)),
        "regions": np.broadcast_to(np.asarray(regions, dtype="U32"), (count,)),
    }


def trunk(ahead, aside, heading=0.0, frames=FRAMES):
    """Joints of a person whose hips look along `heading` (rad); shoulders are a metre above, `ahead` and `aside`."""
    cos, sin = np.cos(heading), np.sin(heading)
    points = np.array([[0, 0.1, 0.9], [0, -0.1, 0.9], [ahead, aside + 0.2, 1.9], [ahead, aside - 0.2, 1.9]])
    points = points @ np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return {
        "joints": np.repeat(points[None], frames, axis=0),
        "joint_names": np.array(["left_hip", "right_hip", "left_shoulder", "right_shoulder"]),
        "joint_parents": np.array([-1, 0, 0, 0]),
        "joint_limits": np.broadcast_to([-0.5, 0.5], (4, 3, 2)),
        "pose": np.zeros((frames, 4, 3)),
    }


def arms(left, right, frames=FRAMES):
    """Joints of a person whose arms have shoulder, elbow and wrist at these heights, metres."""
    names = [f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist")]
    points = np.array([[0.1 * k, 0.0, z] for k, z in enumerate((*left, *right))])
    return {
        "joints": np.repeat(points[None], frames, axis=0),
        "joint_names": np.array(names),
        "joint_parents": np.array([-1, 0, 1, 0, 3, 4]),
        "joint_limits": np.broadcast_to([-0.5, 0.5], (6, 3, 2)),
        "pose": np.zeros((frames, 6, 3)),
    }


def reaching(left, right, turn=None, frames=FRAMES):
    """Joints of a person who looks along x, hips at 0.9 m, shoulders at 1.4, wrists at these points; then turned."""
    points = np.array([[0, 0.1, 0.9], [0, -0.1, 0.9], [0, 0.2, 1.4], [0, -0.2, 1.4], left, right])
    sides = [f"{side}_{joint}" for joint in ("hip", "shoulder", "wrist") for side in ("left", "right")]
    elbows = 0.5 * (points[2:4] + points[4:6])
    points = np.concatenate([points, elbows]) @ (np.eye(3) if turn is None else turn).T
    return {
        "joints": np.repeat(points[None], frames, axis=0),
        "joint_names": np.array([*sides, "left_elbow", "right_elbow"]),
        "joint_parents": np.array([-1, 0, 0, 0, 6, 7, 2, 3]),
        "joint_limits": np.broadcast_to([-0.5, 0.5], (8, 3, 2)),
        "pose": np.zeros((frames, 8, 3)),
    }


def thing(vertices, faces, *, part="top", chosen=None, rotation=None, translation=None, frames=FRAMES):
    """Arrays of one object with one named part (all faces, or those `chosen`)."""
    probability = np.zeros((1, len(faces)))
    probability[0, slice(None) if chosen is None else chosen] = 1.0
    frames = frames if translation is None else len(translation)
    return {
        "vertices": np.asarray(vertices),
        "faces": np.asarray(faces),
        "rotation": np.repeat(np.eye(3)[None], frames, axis=0) if rotation is None else rotation,
        "translation": np.zeros((frames, 3)) if translation is None else translation,
        "part_names": np.array([part]),
        "part_probability": probability,
    }


def edge(first, second, *, static=False, continuous=True, kind="touch", support=False, upholstery=False):
    """One edge between `owner.part` and `owner.part`."""
    return first, second, static, continuous, kind, support, upholstery


def result(people=None, objects=None, edges=(), states=None, fps=16.0):
    """The flat mapping of arrays of a result file."""
    pag = {
        "interaction edges": [
            {"nodes": [a.replace(".", ", "), b.replace(".", ", ")], "is_rel_static": s, "is_continuous": c}
            for a, b, s, c, *_ in edges
        ],
        "object states": [
            {"name": name, "is_translational": t, "is_rotational": r} for name, (t, r) in (states or {}).items()
        ],
    }
    meta = {"pag": pag, "fps": fps, "edges": {f"{a}->{b}": [k, s, u] for a, b, _, _, k, s, u in edges}}
    arrays = {"meta": np.array(json.dumps(meta))}
    for folder, tracks in (("people", people or {}), ("objects", objects or {})):
        for name, track in tracks.items():
            arrays.update({f"{folder}/{name}/{key}": value for key, value in track.items()})
    return arrays
