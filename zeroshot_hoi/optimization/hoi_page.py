"""HOI-PAGE's own objective: the people are frozen, and only the objects' rotations and translations are fitted.

What a video shows of each object and of its parts (points lifted to 3D, and their pixels) pulls the object, the graph's
edges decide which contacts hold and which may slide, its states which smoothness counts. Terms, weights and their
linear schedules are the paper's (section 3.4 and its re-implementations); nearest neighbors are found pair by pair.
Counts of points, squared distances in L_cc and means instead of sums are not published and are our reading.

The default solver (schedule.py) goes past this: it also moves the people. This objective is the published baseline, and
shows with known poses what each of the paper's ablations costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from zeroshot_hoi.core.arrays import Array, Namespace
from zeroshot_hoi.core.camera import Camera
from zeroshot_hoi.core.errors import EngineError
from zeroshot_hoi.core.scene import DistanceGrid
from zeroshot_hoi.optimization.hoi_page_terms import (
    Choose,
    cell_distance,
    change,
    chosen,
    grid_cells,
    mean_depth,
    placed,
    project,
    squared,
    turning,
    uneven,
    uneven_turn,
    unit_vector,
)

ROBUST = 0.2
"""Metres: Geman-McClure's scale on 3D distances [HOI-PAGE]."""

STILL = 10.0
"""Factor on the motion of an object whose flag says that it does not travel or turn [HOI-PAGE]."""

MEAN_PARTS = ("hand", "foot")
"""Body parts that touch with all of their points; others touch with the nearest one [HOI-PAGE]."""

WEIGHTS: Mapping[str, tuple[float, float]] = {
    "object 3D": (1e3, 1e3), "object 2D": (1e-4, 1e-4), "part 3D": (1e2, 1e2), "part 2D": (1e-4, 1e-4),
    "smooth translation": (1e3, 1e3), "smooth rotation": (1e3, 1e3), "penetration": (0.0, 10.0),
    "contact": (1e3, 1e3), "drift": (10.0, 1e3),
}  # fmt: skip
"""Term -> weight at the first and at the last step; pixel terms in 1 / px^2, the others in 1 / m^2 or 1 / rad^2."""


@dataclass(frozen=True)
class Seen:
    """What a video shows of one surface."""

    points: np.ndarray
    """(T, M, 3) lifted to the world, metres."""
    pixels: np.ndarray
    """(T, M, 2) where they are in the picture."""


@dataclass(frozen=True)
class SeenPart:
    """A named part: points on the model, and what the video shows of it."""

    samples: np.ndarray
    """(K, 3) object frame."""
    seen: Seen


@dataclass(frozen=True)
class FittedObject:
    """One object whose poses are unknown."""

    name: str
    samples: np.ndarray
    """(N, 3) points of its surface, object frame."""
    seen: Seen
    parts: Mapping[str, SeenPart]
    grid: DistanceGrid
    """Signed distances, object frame."""
    is_translational: bool = True
    is_rotational: bool = True


@dataclass(frozen=True)
class Side:
    """One side of a contact: a part of a frozen body, or of an object."""

    part: str
    object: int | None
    """Index into the problem's objects; None for a body."""
    points: np.ndarray
    """(T, N, 3) in the world for a body, (N, 3) in the object's frame for an object."""


@dataclass(frozen=True)
class EdgeContact:
    """One edge of the graph."""

    name: str
    first: Side
    second: Side
    """Always of an object."""
    is_rel_static: bool
    is_continuous: bool


@dataclass(frozen=True)
class FittingProblem:
    """Everything that the objective reads."""

    objects: tuple[FittedObject, ...]
    contacts: tuple[EdgeContact, ...]
    skin: np.ndarray
    """(T, V, 3) vertices of all people in the world, frozen."""
    camera: Camera

    def __post_init__(self) -> None:
        lengths = {len(self.skin), *(len(o.seen.points) for o in self.objects)}
        if not self.objects or len(lengths) != 1 or min(lengths) < 3:
            raise EngineError(f"Objects and people need one number of frames, at least 3; they have {sorted(lengths)}.")
        if any(edge.second.object is None for edge in self.contacts):
            raise EngineError("The second side of a contact is a part of an object; a body comes first.")

    @property
    def frames(self) -> int:
        return len(self.skin)


@dataclass(frozen=True)
class Preset:
    """The paper's settings; the three switches are its ablations."""

    steps: int = 600
    starts: int = 4
    """Turns about the vertical axis, spread evenly."""
    rate: float = 1e-2
    """Of Adam."""
    part_fitting: bool = True
    part_contact: bool = True
    motion_states: bool = True
    weights: Mapping[str, tuple[float, float]] = field(default_factory=lambda: dict(WEIGHTS))


class Poses(NamedTuple):
    """Of every object in every frame."""

    rotations: Array
    """(O, T, 3, 3)"""
    translations: Array
    """(O, T, 3)"""


def initial_unknowns(problem: FittingProblem, starts: int) -> np.ndarray:
    """(S, O, T, 9): upright, turned about the vertical axis by start, in the middle of what is seen.

    Two columns of the rotation, then the translation: the 6D form of Zhou et al. 2019.
    """
    x = np.zeros((starts, len(problem.objects), problem.frames, 9))
    for s in range(starts):
        yaw = 2.0 * np.pi * s / starts
        turn = np.array([[np.cos(yaw), -np.sin(yaw), 0.0], [np.sin(yaw), np.cos(yaw), 0.0], [0.0, 0.0, 1.0]])
        for o, thing in enumerate(problem.objects):
            x[s, o, :, :3], x[s, o, :, 3:6] = turn[:, 0], turn[:, 1]
            x[s, o, :, 6:] = thing.seen.points.mean(1) - turn @ thing.samples.mean(0)
    return x


def read_poses(xp: Namespace, x: Array) -> Poses:
    """Rotations by Gram-Schmidt and translations of unknowns `x (O, T, 9)`."""
    first = unit_vector(xp, x[..., :3])
    second = x[..., 3:6] - xp.sum(first * x[..., 3:6], axis=-1)[..., None] * first
    second = unit_vector(xp, second)
    return Poses(xp.stack([first, second, xp.cross(first, second)], -1), x[..., 6:])


def problem_arrays(problem: FittingProblem) -> dict[str, Any]:
    """The arrays of `energies`, which a compiled function takes as arguments."""
    objects = [
        {
            "samples": thing.samples, "points": thing.seen.points, "pixels": thing.seen.pixels,
            "cells": grid_cells(thing.grid),
            "parts": [{"samples": p.samples, "points": p.seen.points, "pixels": p.seen.pixels}
                      for p in thing.parts.values()],
        }
        for thing in problem.objects
    ]  # fmt: skip
    contacts = [{"first": edge.first.points, "second": edge.second.points} for edge in problem.contacts]
    pose, camera = problem.camera.T_world_camera, problem.camera
    focal = 0.5 * camera.height / np.tan(0.5 * camera.vertical_fov)
    view = {
        "turn": pose[:3, :3], "eye": pose[:3, 3], "focal": np.float64(focal),
        "middle": np.array([0.5 * camera.width, 0.5 * camera.height]),
    }  # fmt: skip
    return {"objects": objects, "contacts": contacts, "skin": problem.skin, "camera": view}


def energies(
    xp: Namespace, problem: FittingProblem, arrays: Mapping[str, Any], x: Array, preset: Preset, choose: Choose
) -> dict[str, Array]:
    """Term -> energy without its weight, of unknowns `x (O, T, 9)`. Only the flags and parts of `problem` are read."""
    poses = read_poses(xp, x)
    found: dict[str, list[Array]] = {name: [] for name in WEIGHTS}
    for o, (thing, data) in enumerate(zip(problem.objects, arrays["objects"], strict=True)):
        turn, shift = poses.rotations[o], poses.translations[o]
        pieces = [("object", data), *(("part", part) for part in data["parts"] if preset.part_fitting)]
        for kind, piece in pieces:
            model = xp.stop(placed(xp, piece["samples"], turn, shift))
            near = placed(xp, chosen(xp, piece["samples"], choose(piece["points"], model)), turn, shift)
            solid = squared(xp, piece["points"] - near)
            found[f"{kind} 3D"].append(xp.mean(ROBUST**2 * solid / (solid + ROBUST**2)))
            picked = choose(piece["pixels"], project(xp, arrays["camera"], model))
            near = project(xp, arrays["camera"], placed(xp, chosen(xp, piece["samples"], picked), turn, shift))
            found[f"{kind} 2D"].append(xp.mean(squared(xp, piece["pixels"] - near)))
        moves = thing.is_translational or not preset.motion_states
        turns = thing.is_rotational or not preset.motion_states
        found["smooth translation"].append(uneven(xp, shift) if moves else STILL * change(xp, shift))
        found["smooth rotation"].append(uneven_turn(xp, turn) if turns else STILL * turning(xp, turn))
        found["penetration"].append(mean_depth(xp, cell_distance(xp, data["cells"], arrays["skin"], turn, shift)))
    for edge, data in zip(problem.contacts, arrays["contacts"], strict=True):
        if preset.part_contact:
            contact, drift = _edge(xp, edge, data, poses, choose)
            found["contact"].append(contact)
            found["drift"].append(drift)
    zero = 0.0 * xp.sum(x)
    return {name: sum(values, start=zero) for name, values in found.items()}


def total_energy(
    xp: Namespace,
    problem: FittingProblem,
    arrays: Mapping[str, Any],
    x: Array,
    preset: Preset,
    choose: Choose,
    progress: Array,
) -> Array:
    """The weighted sum at `progress` (0 at the first step, 1 at the last)."""
    terms = energies(xp, problem, arrays, x, preset, choose)
    return sum(
        (preset.weights[name][0] + (preset.weights[name][1] - preset.weights[name][0]) * progress) * value
        for name, value in terms.items()
    )


def _edge(
    xp: Namespace, edge: EdgeContact, data: Mapping[str, Array], poses: Poses, choose: Choose
) -> tuple[Array, Array]:
    """L_cc (m^2) and L_cd (m^2) of one edge, in the frame of the second side's object."""
    assert edge.second.object is not None
    turn, shift = poses.rotations[edge.second.object], poses.translations[edge.second.object]
    points = data["first"]
    if edge.first.object is not None:
        points = placed(xp, points, poses.rotations[edge.first.object], poses.translations[edge.first.object])
    local = xp.matmul(points - shift[:, None], turn)
    target = xp.broadcast_to(data["second"], (local.shape[0], *data["second"].shape))
    gaps = squared(xp, local - chosen(xp, data["second"], choose(xp.stop(local), target)))
    everywhere = edge.first.object is None and edge.first.part.endswith(MEAN_PARTS)
    apart = xp.mean(gaps, axis=1) if everywhere else xp.min(gaps, axis=1)
    contact = xp.mean(apart) if edge.is_continuous else xp.min(apart, axis=0)
    return contact, change(xp, local) if edge.is_rel_static else uneven(xp, local)
