"""Simple objects made by hand, with exact distance grids: what stages need of a scene without preparing a mesh."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import trimesh

from zeroshot_hoi.core.scene import DistanceGrid, MeshReport, ObjectParts, PartRegion, SceneObject, SurfaceSamples

Distance = Callable[[np.ndarray], np.ndarray]
"""Signed distance (N,) of points (N, 3), metres."""


def capped_cylinder(radius: float, length: float) -> Distance:
    """Around the z axis, from z = 0."""

    def distance(points: np.ndarray) -> np.ndarray:
        aside = np.linalg.norm(points[..., :2], axis=-1) - radius
        along = np.abs(points[..., 2] - 0.5 * length) - 0.5 * length
        outside = np.hypot(np.maximum(aside, 0.0), np.maximum(along, 0.0))
        return outside + np.minimum(np.maximum(aside, along), 0.0)

    return distance


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Distance:
    """An axis-aligned box."""
    center, half = (np.array(low) + np.array(high)) / 2.0, (np.array(high) - np.array(low)) / 2.0

    def distance(points: np.ndarray) -> np.ndarray:
        beyond = np.abs(points - center) - half
        return np.linalg.norm(np.maximum(beyond, 0.0), axis=-1) + np.minimum(beyond.max(-1), 0.0)

    return distance


def plain_object(
    name: str, mesh: trimesh.Trimesh, distance: Distance, spacing: float, mass: float = 1.0
) -> SceneObject:
    """A scene object whose grid is read off `distance`, from a mesh in the object frame."""
    low, high = mesh.bounds[0] - 0.06, mesh.bounds[1] + 0.06
    axes = [np.arange(a, b + spacing, spacing) for a, b in zip(low, high, strict=True)]
    grid = DistanceGrid(low, spacing, distance(np.stack(np.meshgrid(*axes, indexing="ij"), -1)))
    points, faces = trimesh.sample.sample_surface(mesh, 1500, seed=0)
    samples = SurfaceSamples(points, mesh.face_normals[faces], np.full(1500, mesh.area / 1500), faces)
    return SceneObject(
        name=name,
        vertices=np.asarray(mesh.vertices),
        faces=np.asarray(mesh.faces),
        components=np.zeros(len(mesh.faces), int),
        nodes=("",) * len(mesh.faces),
        samples=samples,
        grid=grid,
        mass=mass,
        unit="m",
        up="z",
        front="",
        scale=1.0,
        T_object_file=np.eye(4),
        source_sha256="0" * 64,
        report=MeshReport(),
    )


def part_of(thing: SceneObject, name: str, faces: np.ndarray, normal: np.ndarray) -> PartRegion:
    """The part made of some faces; its axis is its longest extent."""
    triangles = thing.vertices[thing.faces[faces]]
    points = triangles.reshape(-1, 3)
    areas = np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1)
    center = (triangles.mean(1) * areas[:, None]).sum(0) / areas.sum()
    probability = np.zeros(len(thing.faces))
    probability[faces] = 1.0
    instances = np.where(probability > 0.5, 0, -1)
    axis = np.eye(3)[np.ptp(points, axis=0).argmax()]
    return PartRegion(name, probability, instances, 1.0, axis, center, np.asarray(normal, float))


def ironing_scene() -> tuple[dict[str, SceneObject], dict[str, ObjectParts]]:
    """A block with a bar on top, and a table 1.2 x 0.36 m and 0.85 m high."""
    block = trimesh.creation.box(bounds=[[-0.12, -0.06, 0.0], [0.12, 0.06, 0.05]])
    bar = trimesh.creation.box(bounds=[[-0.07, -0.015, 0.09], [0.07, 0.015, 0.12]])
    iron = plain_object("iron", block + bar, box((-0.12, -0.06, 0.0), (0.12, 0.06, 0.05)), 0.02, 1.2)
    slab, foot = ((-0.6, -0.18, 0.81), (0.6, 0.18, 0.85)), ((-0.2, -0.18, 0.0), (0.2, 0.18, 0.02))
    top = trimesh.creation.box(bounds=slab).subdivide().subdivide()
    board = plain_object("ironing board", top + trimesh.creation.box(bounds=foot), box(*slab), 0.03, 6.0)
    up, down = np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, -1.0])
    under = np.flatnonzero(block.face_normals[:, 2] < -0.9)
    over = np.flatnonzero(top.face_normals[:, 2] > 0.9)
    handle = np.arange(len(block.faces), len(iron.faces))
    parts = {
        "iron": {"handle": part_of(iron, "handle", handle, up), "soleplate": part_of(iron, "soleplate", under, down)},
        "ironing board": {"top": part_of(board, "top", over, up)},
    }
    return {"iron": iron, "ironing board": board}, _known(parts, np.zeros(3))


def chair_scene() -> tuple[dict[str, SceneObject], dict[str, ObjectParts]]:
    """A seat 0.45 m high that looks along x, with a backrest behind it."""
    low, high = ((-0.22, -0.22, 0.41), (0.22, 0.22, 0.45)), ((-0.24, -0.22, 0.55), (-0.20, 0.22, 0.95))
    seat, back = (trimesh.creation.box(bounds=b).subdivide().subdivide() for b in (low, high))
    foot = trimesh.creation.box(bounds=((-0.22, -0.22, 0.0), (0.22, 0.22, 0.02)))
    chair = plain_object("chair", seat + back + foot, box(*low), 0.03, 8.0)
    ahead = np.flatnonzero(back.face_normals[:, 0] > 0.9) + len(seat.faces)
    parts = {
        "chair": {
            "seat": part_of(chair, "seat", np.flatnonzero(seat.face_normals[:, 2] > 0.9), np.array([0.0, 0.0, 1.0])),
            "backrest": part_of(chair, "backrest", ahead, np.array([1.0, 0.0, 0.0])),
        }
    }
    return {"chair": chair}, _known(parts, np.array([1.0, 0.0, 0.0]))


def dumbbell_scene() -> tuple[dict[str, SceneObject], dict[str, ObjectParts]]:
    """A bar along x between two blocks."""
    bar = trimesh.creation.box(bounds=[[-0.07, -0.015, 0.04], [0.07, 0.015, 0.07]])
    ends = [
        trimesh.creation.box(bounds=[[a, -0.055, 0.0], [b, 0.055, 0.11]]) for a, b in ((-0.12, -0.07), (0.07, 0.12))
    ]
    thing = plain_object(
        "dumbbell", bar + ends[0] + ends[1], box((-0.07, -0.015, 0.04), (0.07, 0.015, 0.07)), 0.02, 5.0
    )
    handle = part_of(thing, "handle", np.arange(len(bar.faces)), np.array([0.0, 0.0, 1.0]))
    return {"dumbbell": thing}, _known({"dumbbell": {"handle": handle}}, np.zeros(3))


def _known(parts: dict[str, dict[str, PartRegion]], front: np.ndarray) -> dict[str, ObjectParts]:
    return {name: ObjectParts(name, regions, front) for name, regions in parts.items()}


SCENES = {"ironing": ironing_scene, "sit_on_chair": chair_scene, "lift_dumbbell": dumbbell_scene}
"""Recipe -> objects and parts that its plan can be played with."""
