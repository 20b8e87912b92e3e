"""A result as a video would show it: points of each object seen by one camera, with the errors of monocular depth.

No video model is at hand here, so HOI-PAGE's optimization gets observations of known poses: the person of a result is
frozen, its objects are seen from a slight three-quarter view at shoulder height, and everything is moved along its
viewing ray by one wrong scale a frame. What the optimization makes of that can be compared with the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.camera import Camera, look_at
from zeroshot_hoi.core.graph import PartAffordanceGraph
from zeroshot_hoi.geometry.grid import bake_grid
from zeroshot_hoi.geometry.sampling import sample_surface
from zeroshot_hoi.optimization.hoi_page import EdgeContact, FittedObject, FittingProblem, Seen, SeenPart, Side
from zeroshot_hoi.optimization.hoi_page_terms import project
from zeroshot_hoi.results.result import ObjectTrack, Result

SHOULDER = 1.4
"""Metres above the ground of HOI-PAGE's camera."""

DISTANCE = 3.2
"""Metres from the middle of the scene to the camera."""

SPACING = 0.006
"""Metres between nodes of the distance grids; larger objects take more."""


@dataclass(frozen=True)
class Sight:
    """How well the camera sees, and how many points it gives."""

    model_points: int = 256
    """Of each object's surface."""
    seen_points: int = 256
    """Of each object in each frame; a part has a quarter of both."""
    skin_points: int = 2048
    """Vertices of all people together."""
    depth_error: float = 0.01
    """Standard deviation of a frame's scale."""
    point_error: float = 0.004
    """Metres: standard deviation of every coordinate."""
    pixel_error: float = 1.0
    bad_frames: float = 0.15
    """Share of the frames in which an object is seen somewhere else, as when a hand hides it."""
    bad_offset: float = 0.08
    """Metres: standard deviation of that."""
    seed: int = 0


def observe(result: Result, sight: Sight | None = None, frames: int | None = None) -> FittingProblem:
    """The first `frames` frames of a result as HOI-PAGE's problem: people frozen, objects to be found."""
    sight = sight or Sight()
    count = min(frames or result.frames, result.frames)
    graph = PartAffordanceGraph.from_json(result.meta["pag"])
    camera = _camera(result)
    rng = np.random.default_rng(sight.seed)
    objects = tuple(
        _object(name, track, graph, camera, sight, count, rng)
        for name, track in result.objects.items() if name in graph.objects
    )  # fmt: skip
    skin = np.concatenate([person.vertices[:count] for person in result.people.values()], axis=1)
    chosen = rng.choice(skin.shape[1], min(sight.skin_points, skin.shape[1]), replace=False)
    contacts = tuple(_contacts(graph, result, objects, count, sight, rng))
    return FittingProblem(objects, contacts, skin[:, np.sort(chosen)].astype(np.float64), camera)


def _camera(result: Result) -> Camera:
    people = np.concatenate([p.vertices.reshape(-1, 3) for p in result.people.values()])
    middle = 0.5 * (people.min(0) + people.max(0))
    eye = middle + DISTANCE * np.array([np.cos(0.4), np.sin(0.4), 0.0])
    return look_at(np.array([eye[0], eye[1], SHOULDER]), middle, np.radians(45.0), 720, 480)


def _object(
    name: str, track: ObjectTrack, graph: PartAffordanceGraph, camera: Camera, sight: Sight, count: int,
    rng: np.random.Generator,
) -> FittedObject:  # fmt: skip
    vertices, faces = track.vertices.astype(np.float64), track.faces
    offset, errors = _errors(count, sight, rng)
    samples = sample_surface(vertices, faces, sight.model_points, sight.seed)
    seen = _seen(track, samples.points, samples.normals, sight.seen_points, camera, sight, offset, errors, rng)
    parts = {}
    for part in graph.parts(name):
        chosen = faces[track.part_probability[list(track.part_names).index(part)] > 0.5]
        if len(chosen):
            own = sample_surface(vertices, chosen, sight.model_points // 4, sight.seed)
            shown = _seen(track, own.points, own.normals, sight.seen_points // 4, camera, sight, offset, errors, rng)
            parts[part] = SeenPart(own.points, shown)
    spacing = max(SPACING, float(np.ptp(vertices, axis=0).max()) / 120.0)
    state = graph.state(name)
    grid = bake_grid(vertices, faces, spacing)
    return FittedObject(name, samples.points, seen, parts, grid, state.is_translational, state.is_rotational)


def _errors(count: int, sight: Sight, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Of an object in every frame: metres (T, 3) by which it is seen elsewhere, and the scale (T,) of its depth."""
    bad = rng.random(count) < sight.bad_frames
    return bad[:, None] * rng.normal(0.0, sight.bad_offset, (count, 3)), 1.0 + rng.normal(0.0, sight.depth_error, count)


def _seen(
    track: ObjectTrack, points: np.ndarray, normals: np.ndarray, number: int, camera: Camera, sight: Sight,
    offset: np.ndarray, scale: np.ndarray, rng: np.random.Generator,
) -> Seen:  # fmt: skip
    """`number` of the points that face the camera, in every frame; all sides where none does."""
    eye = camera.T_world_camera[:3, 3]
    lifted, pixels = [], []
    for t in range(len(offset)):
        world = points @ track.rotation[t].T + track.translation[t]
        facing = np.sum((normals @ track.rotation[t].T) * (eye - world), axis=1) > 0.0
        chosen = rng.choice(np.flatnonzero(facing) if facing.any() else np.arange(len(points)), number)
        wrong = world[chosen] + offset[t] + rng.normal(0.0, sight.point_error, (number, 3))
        lifted.append(eye + scale[t] * (wrong - eye))
        pixels.append(pixels_of(camera, wrong) + rng.normal(0.0, sight.pixel_error, (number, 2)))
    return Seen(np.stack(lifted), np.stack(pixels))


def pixels_of(camera: Camera, points: np.ndarray) -> np.ndarray:
    """(N, 2) pixels of world points."""
    pose = camera.T_world_camera
    focal = 0.5 * camera.height / np.tan(0.5 * camera.vertical_fov)
    view = {"turn": pose[:3, :3], "eye": pose[:3, 3], "focal": focal,
            "middle": np.array([0.5 * camera.width, 0.5 * camera.height])}  # fmt: skip
    return np.asarray(project(numpy_namespace(), view, points))


def _contacts(
    graph: PartAffordanceGraph, result: Result, objects: tuple[FittedObject, ...], count: int, sight: Sight,
    rng: np.random.Generator,
) -> list[EdgeContact]:  # fmt: skip
    index: Mapping[str, int] = {thing.name: k for k, thing in enumerate(objects)}
    found = []
    for edge in graph.edges:
        if edge.second.owner not in index or edge.second.part not in objects[index[edge.second.owner]].parts:
            continue
        second = Side(edge.second.part, index[edge.second.owner],
                      objects[index[edge.second.owner]].parts[edge.second.part].samples)  # fmt: skip
        if edge.first.owner in result.people:
            person = result.people[edge.first.owner]
            own = np.flatnonzero(person.part_labels == edge.first.part)
            if not len(own):
                continue
            own = rng.choice(own, min(len(own), sight.model_points // 4), replace=False)
            first = Side(edge.first.part, None, person.vertices[:count, own].astype(np.float64))
        elif edge.first.owner in index and edge.first.part in objects[index[edge.first.owner]].parts:
            first = Side(edge.first.part, index[edge.first.owner],
                         objects[index[edge.first.owner]].parts[edge.first.part].samples)  # fmt: skip
        else:
            continue
        found.append(EdgeContact(edge.name, first, second, edge.is_rel_static, edge.is_continuous))
    return found
