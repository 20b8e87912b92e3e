"""The hand alone first: how one hand closes around one part, from many starts at once.

Everything happens in the body's rest space, so that a found grip is the object's pose relative to the resting wrist and
rides on the wrist whatever the arm does. Every start is open, outside and axis-aligned: the part's axis lies across the
palm, in either direction, turned by any angle about itself, at the smallest distance at which the open hand is
clear of the object. The starts are the frames of one uncoupled problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.fold import fold_body
from zeroshot_hoi.body.pads import hand_pads
from zeroshot_hoi.body.skeleton import hand_joints
from zeroshot_hoi.body.surface import surface_points
from zeroshot_hoi.body.volume import body_spheres
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import BodyPoints, SkinnedBody
from zeroshot_hoi.core.scene import DistanceGrid, PartRegion, SceneObject
from zeroshot_hoi.core.solution import ProgressListener, silent
from zeroshot_hoi.geometry.query import GridArrays, grid_distance, pad_grid
from zeroshot_hoi.optimization.energies import contact, penetration, posture
from zeroshot_hoi.optimization.engines import make_engine
from zeroshot_hoi.optimization.problem import ObjectUnknowns, PersonUnknowns, Problem, Term
from zeroshot_hoi.optimization.solver import Settings, solve

STARTS = 28
"""Solved at once; aligned starts still fail one time in six."""

SPINS = 24
"""Turns about the part's axis that are looked at before the solve."""

CLEARANCE = 0.004
"""Metres between the open hand and the object at the start."""

SURPLUS = 0.025
"""Metres by which a start's distance may exceed the smallest one: more means that something is in the palm's way."""

MARGIN = 0.001
"""Metres that skin keeps from the object: takes the deepest penetration from 1.6 to .2 mm."""

PAD_WEIGHTS = {"palm": 0.7, "thumb": 1.5}
"""Relative weights of pads whose name contains the key; the fingers' are 1."""

OPEN_HAND = {"1 flexion": 12.0, "2 flexion": 18.0, "3 flexion": 8.0}
CLOSED_HAND = {"1 flexion": 50.0, "2 flexion": 55.0, "3 flexion": 25.0}
"""Degrees, by the end of the fingers' names: the start, and what the prior leans to."""

OPEN_THUMB = {"thumb1 opposition": 25.0, "thumb1 abduction": 10.0, "thumb2 flexion": 5.0, "thumb3 flexion": 5.0}
CLOSED_THUMB = {"thumb1 opposition": 35.0, "thumb1 abduction": 0.0, "thumb2 flexion": 20.0, "thumb3 flexion": 20.0}

FINGERS = ("index", "middle", "ring", "pinky")


@dataclass(frozen=True)
class Grasp:
    """One way to hold a part."""

    q: np.ndarray
    """(D,) values of the hand's degrees of freedom, zeros elsewhere."""
    rotation: np.ndarray
    """(3, 3) object to the body's rest space."""
    translation: np.ndarray
    """(3,) metres."""
    energy: float
    touching: int
    """Pads within 5 mm of the part."""
    depth: float
    """Deepest penetration of the hand, metres."""


@dataclass(frozen=True)
class HandFrame:
    """The resting hand: where the palm is, where it looks, where the fingers point, where the thumb is."""

    palm: np.ndarray
    normal: np.ndarray
    distal: np.ndarray
    radial: np.ndarray


def finger_freedoms(body: SkinnedBody, side: str) -> tuple[int, ...]:
    """Indices of one hand's finger freedoms."""
    words = tuple(f"{side} {finger}" for finger in (*FINGERS, "thumb"))
    return tuple(i for i, name in enumerate(body.freedoms.names) if name.startswith(words))


def preshape(body: SkinnedBody, side: str, fingers: Mapping[str, float], thumb: Mapping[str, float]) -> np.ndarray:
    """(D,) values of a hand whose fingers all have these angles in degrees; zeros elsewhere."""
    freedoms, q = body.freedoms, np.zeros(len(body.freedoms.names))
    named = {f"{side} {finger}{end}": angle for finger in FINGERS for end, angle in fingers.items()}
    named.update({f"{side} {name}": angle for name, angle in thumb.items()})
    for name, angle in named.items():
        index = freedoms.index(name)
        q[index] = np.clip(np.radians(angle) - freedoms.rest[index], *freedoms.limits[index])
    return q


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
    center = wrist + 0.92 * (middle - wrist)
    if (palm.mean(0) - 0.5 * (wrist + middle)) @ normal < 0.0:
        normal = -normal
    return HandFrame(center, normal, distal, radial)


def find_grasps(
    body: SkinnedBody,
    side: str,
    scene_object: SceneObject,
    part: PartRegion,
    part_grid: DistanceGrid,
    *,
    engine: str,
    seed: int,
    keep: int = 8,
    listener: ProgressListener = silent,
) -> tuple[Grasp, ...]:
    """The best and most different grips of `part`, best first; at least one, whatever its energy."""
    whole = pad_grid(scene_object.grid)
    rotations, translations = _starts(body, side, part, whole, seed)
    problem = _problem(body, side, scene_object, part, whole, pad_grid(part_grid), rotations, translations)
    runner = make_engine(engine, problem)
    solution = solve(
        runner, problem.initial(), None, Settings(iterations=45, tolerance=2e-3, clips=(0.3, 0.1)), listener, "grasp"
    )
    grasps = _read(problem, solution.value, runner.energies(solution.value).sum(1), rotations, side)
    return _different(grasps, keep)


def _starts(
    body: SkinnedBody, side: str, part: PartRegion, grid: GridArrays, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (S, 3, 3) and translations (S, 3) of the object around the open resting hand."""
    xp, frame = numpy_namespace(), hand_frame(body, side)
    points = _open_points(body, side)
    perpendicular = np.linalg.svd(part.axis[None])[2][1]
    object_axes = np.stack([part.axis, perpendicular, np.cross(part.axis, perpendicular)], axis=1)
    phase = np.random.default_rng(seed).uniform(0.0, 1.0)
    rotations, distances = [], []
    offsets = np.arange(0.0, 0.14, 0.003)
    for sign in (1.0, -1.0):
        hand_axes = np.stack([sign * frame.radial, frame.normal, np.cross(sign * frame.radial, frame.normal)], axis=1)
        for spin in 2.0 * np.pi * (np.arange(SPINS) + phase) / SPINS:
            turn = Rotation.from_rotvec(spin * sign * frame.radial).as_matrix()
            rotation = turn @ hand_axes @ object_axes.T
            centers = frame.palm + offsets[:, None] * frame.normal
            local = (points[None] - centers[:, None]) @ rotation + part.center
            clear = grid_distance(xp, grid, local).min(1) > CLEARANCE
            blocked = np.flatnonzero(~clear)
            first = blocked.max() + 1 if len(blocked) else 0
            rotations.append(rotation)
            distances.append(offsets[first] if first < len(offsets) else np.inf)
    rotation, distance = np.stack(rotations), np.array(distances)
    order = np.lexsort((np.arange(len(distance)), np.round(distance / 0.006)))
    near = order[distance[order] <= distance.min() + SURPLUS]
    if not np.isfinite(distance.min()):
        near, distance = order, np.full(len(order), 0.06)
    chosen = near[np.unique(np.linspace(0, len(near) - 1, STARTS).round().astype(int))]
    chosen = np.resize(chosen, STARTS)
    centers = frame.palm + distance[chosen][:, None] * frame.normal
    translation = centers - np.einsum("sij,j->si", rotation[chosen], part.center)
    return rotation[chosen], translation


def _open_points(body: SkinnedBody, side: str) -> np.ndarray:
    """Rest-space points (N, 3) of the open hand and the forearm."""
    from zeroshot_hoi.body.freedoms import to_pose
    from zeroshot_hoi.body.kinematics import bone_transforms, point_positions

    xp = numpy_namespace()
    pose = to_pose(xp, body.freedoms, preshape(body, side, OPEN_HAND, OPEN_THUMB))
    transforms = bone_transforms(xp, body, pose, body.rest_joints[0])
    return np.concatenate([point_positions(xp, points, transforms) for points in _skin(body, side)])


def _skin(body: SkinnedBody, side: str) -> tuple[BodyPoints, BodyPoints]:
    return surface_points(body, f"{side} hand", 420, 1), surface_points(body, f"{side} arm", 80, 1)


def _problem(
    body: SkinnedBody,
    side: str,
    scene_object: SceneObject,
    part: PartRegion,
    whole: GridArrays,
    part_grid: GridArrays,
    rotations: np.ndarray,
    translations: np.ndarray,
) -> Problem:
    freedoms, count = body.freedoms, len(rotations)
    folded = fold_body(body, (f"{side}_wrist", *hand_joints(side)))
    fold = folded.matrix(np.zeros(len(freedoms.names)))
    active = finger_freedoms(body, side)
    start = preshape(body, side, OPEN_HAND, OPEN_THUMB)
    lean = preshape(body, side, CLOSED_HAND, CLOSED_THUMB)
    stiffness = np.zeros(len(freedoms.names))
    stiffness[list(active)] = 1.0
    for index in active:
        if "abduction" in freedoms.names[index] and "thumb" not in freedoms.names[index]:
            stiffness[index] = 3.0
    pads = hand_pads(body, side)
    weight = [next((w for k, w in PAD_WEIGHTS.items() if k in name), 1.0) for name in pads]
    pad_rows = np.stack([p.rows for p in pads.values()])
    skin = _skin(body, side)
    rows = np.concatenate([p.rows for p in skin])
    palm = surface_points(body, f"{side} palm", 24, 2)
    inside = surface_points(body, f"{side} hand", 160, 3)
    spheres = body_spheres(body)
    own = [i for i, label in enumerate(spheres.parts) if label.startswith(side) and label.split()[1] in (*FINGERS, "thumb", "hand", "palm")]
    pairs = np.array([(own.index(a), own.index(b)) for a, b in spheres.pairs if a in own and b in own]).reshape(-1, 2)
    near = np.linalg.norm(scene_object.samples.points - part.center, axis=1).argsort()[:500]
    length = np.ptp(scene_object.vertices[np.unique(scene_object.faces[part.faces])] @ part.axis)
    part_vertices = scene_object.vertices[np.unique(scene_object.faces[part.faces])]
    middle = 0.5 * ((part_vertices @ part.axis).min() + (part_vertices @ part.axis).max())
    terms = (
        Term("contact", contact.pads, 0.0025, constants={
            "rows": pad_rows, "weight": np.array(weight), "grid": part_grid}),
        Term("penetration", penetration.body_in_object, 0.0008, constants={
            "rows": rows, "grid": whole, "allowed": np.full(len(rows), -MARGIN), "weight": np.ones(len(rows))}),
        Term("penetration back", penetration.object_in_body, 0.0015, constants={
            "points": scene_object.samples.points[near], "rows": spheres.centers.rows[own],
            "radii": 0.9 * spheres.radii[own]}),
        Term("force closure", contact.wrench, 0.15, constants={
            "rows": inside.rows, "normal_rows": inside.normal_rows, "grid": part_grid, "center": part.center,
            "radius": np.float64(max(length / 2.0, 0.02))}),
        Term("centered", contact.centered, 0.006, constants={
            "rows": palm.rows.mean(0, keepdims=True), "center": part.center + (middle - part.center @ part.axis) * part.axis,
            "axis": part.axis, "half_length": np.float64(max(length / 2.0 - 0.055, 0.0))}),
        Term("natural", posture.natural_pose, 0.6, constants={"reference": lean, "stiffness": stiffness}),
        Term("fingers", penetration.body_in_itself, 0.001, constants={
            "rows": spheres.centers.rows[own], "radii": 1.1 * spheres.radii[own],
            "apart": penetration.sphere_pairs(len(own), pairs)}),
    )  # fmt: skip
    terms = tuple(replace(t, constants=_folded(t.constants, fold)) for t in terms)
    base = {
        "q0": np.repeat(start[None], count, 0),
        "root0": np.repeat(folded.body.rest_joints[:1], count, 0),
        "heading0": np.repeat(np.eye(3)[None], count, 0),
        "rotation0": rotations,
        "translation0": translations,
    }
    return Problem((PersonUnknowns(folded.body, active, moves=False),), (ObjectUnknowns("free"),), base, terms)


def _folded(constants: Mapping[str, Any], fold: np.ndarray) -> dict[str, Any]:
    """Rows among a term's constants on the moving bones of the hand."""
    return {k: v @ fold if k in ("rows", "normal_rows") else v for k, v in constants.items()}


def _read(problem: Problem, x: np.ndarray, energy: np.ndarray, rotations: np.ndarray, side: str) -> list[Grasp]:
    """Grasps from solved unknowns, with what each achieves."""
    from zeroshot_hoi.optimization.problem import frame_state

    xp, person = numpy_namespace(), problem.people[0]
    constants = {t.name: t.constants for t in problem.terms}
    grasps = []
    for k in range(len(x)):
        state = frame_state(xp, problem, x[k], {name: value[k] for name, value in problem.base.items()})
        rows = constants["contact"]["rows"]
        inverse = lambda points, s=state: (points - s.translations[0]) @ s.rotations[0]  # noqa: E731
        distance = grid_distance(xp, constants["contact"]["grid"], inverse(rows @ state.bones[0])).min(1)
        skin = grid_distance(
            xp, constants["penetration"]["grid"], inverse(constants["penetration"]["rows"] @ state.bones[0])
        )
        q = np.zeros(len(person.body.freedoms.names))
        q[list(person.active)] = x[k][: len(person.active)]
        grasps.append(
            Grasp(q, state.rotations[0], state.translations[0], float(energy[k]), int((distance < 0.005).sum()),
                  float(max(-skin.min(), 0.0)))
        )  # fmt: skip
    return sorted(grasps, key=lambda g: g.energy if np.isfinite(g.energy) else np.inf)


def _different(grasps: list[Grasp], keep: int) -> tuple[Grasp, ...]:
    """The best of each kind: a grip turned by less than 20 degrees from a better one is left out."""
    kept: list[Grasp] = []
    for grasp in grasps:
        if len(kept) == keep or (kept and grasp.energy > 3.0 * kept[0].energy + 30.0):
            break
        turns = [Rotation.from_matrix(grasp.rotation @ other.rotation.T).magnitude() for other in kept]
        if all(turn > np.radians(20.0) for turn in turns):
            kept.append(grasp)
    return tuple(kept)
