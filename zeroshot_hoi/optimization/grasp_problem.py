"""One hand and the part it closes around, as a problem: pads are pulled onto the part, skin is kept out of it.

Its frames are grips that know nothing of each other. Which skin and which object vertices are looked at is chosen
anew for every grip (`watched`); at the end the part is sunk into the hand (`sunk`), so that skin gives way to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.scene import DistanceGrid, PartRegion, SceneObject
from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.geometry.query import GridArrays, grid_distance, pad_grid
from zeroshot_hoi.geometry.sampling import dense_points, farthest_points
from zeroshot_hoi.optimization.energies import contact, penetration, posture
from zeroshot_hoi.optimization.hand import SKIN_POINTS, Hand, below_skin
from zeroshot_hoi.optimization.problem import ObjectUnknowns, PersonUnknowns, Problem, State, Term, frame_state

MARGIN = 0.001
"""Metres that skin keeps from the object: takes the deepest penetration from 1.6 to .2 mm."""

PRESSED_POINTS = 64
"""Points of the object, chosen anew for every grip, that are held outside the skin."""

PAD_WEIGHTS = {"palm": 0.7, "thumb": 1.5}
"""Relative weights of pads whose name contains the key; the fingers' are 1."""

ABDUCTION_STIFFNESS = 3.0
"""Of spreading the fingers, against 1 of bending them."""


@dataclass(frozen=True)
class HeldPart:
    """What a grasp needs of one part of one object."""

    thing: SceneObject
    whole: GridArrays
    grid: GridArrays
    surface: ExactMesh
    """Of the part alone."""
    axis: np.ndarray
    center: np.ndarray
    """(3,) middle of the part along its axis, or of where a contact map has the contact."""
    length: float
    free: float
    """Metres from the center along the axis within which a grip is as good as at the center."""
    points: np.ndarray
    """(N, 3) of the whole surface: what of it may be below the skin."""


def measure_part(thing: SceneObject, part: PartRegion, grid: DistanceGrid) -> HeldPart:
    """A part as a hand finds it; `grid` is the distance to the part alone."""
    along = thing.vertices[np.unique(thing.faces[part.faces])] @ part.axis
    center, free = part.center, max(0.5 * float(np.ptp(along)) - 0.055, 0.0)
    if part.weight is None:
        center = center + (0.5 * (along.min() + along.max()) - center @ part.axis) * part.axis
    else:
        places = thing.vertices[thing.faces[part.faces]].mean(axis=1) @ part.axis - center @ part.axis
        free = min(free, float(np.sqrt(np.average(places**2, weights=part.weight[part.faces] + 1e-9))))
    surface = ExactMesh(thing.vertices, thing.faces[part.faces])
    whole, points = pad_grid(thing.grid), dense_points(thing.vertices, thing.faces)
    return HeldPart(thing, whole, pad_grid(grid), surface, part.axis, center, float(np.ptp(along)), free, points)


def grasp_problem(
    hand: Hand, held: HeldPart, fingers: np.ndarray, rotations: np.ndarray, translations: np.ndarray
) -> Problem:
    """Grips that begin with freedoms `fingers (S, D)` and the object at `rotations`, `translations`, as of `Grasp`."""
    body, count = hand.folded.body, len(rotations)
    base = {
        "q0": fingers,
        "root0": np.repeat(body.rest_joints[:1], count, 0),
        "heading0": np.repeat(np.eye(3)[None], count, 0),
        "rotation0": rotations,
        "translation0": translations,
    }
    terms = (*_contact_terms(hand, held), *_clearance_terms(hand, held, count), *_hand_terms(hand))
    return Problem((PersonUnknowns(body, hand.active, moves=False),), (ObjectUnknowns("free"),), base, terms)


def _contact_terms(hand: Hand, held: HeldPart) -> tuple[Term, ...]:
    """Every pad on the part, opposing forces, near the part's middle."""
    weight = [next((w for k, w in PAD_WEIGHTS.items() if k in name), 1.0) for name in hand.pads]
    return (
        Term("contact", contact.pads, 0.0025, constants={
            "rows": np.stack([p.rows for p in hand.pads.values()]), "weight": np.array(weight), "grid": held.grid,
            "reach": np.full(len(weight), contact.CONTACT_REACH)}),
        Term("force closure", contact.wrench, 0.15, constants={
            "rows": hand.inside.rows, "normal_rows": hand.inside.normal_rows, "grid": held.grid,
            "center": held.center, "radius": np.float64(max(held.length / 2.0, 0.02))}),
        Term("centered", contact.centered, 0.006, constants={
            "rows": hand.palm, "center": held.center, "axis": held.axis,
            "half_length": np.float64(held.free)}),
    )  # fmt: skip


def _clearance_terms(hand: Hand, held: HeldPart, count: int) -> tuple[Term, ...]:
    """Neither in the other. Which skin and which object vertices are watched may differ from grip to grip."""
    near = np.linalg.norm(held.thing.samples.points - held.center, axis=1).argsort()[:500]
    allowed = np.full(len(hand.skin), -MARGIN)
    columns = hand.skin.rows.shape[1]
    return (
        Term("penetration", penetration.body_in_object, 0.0008, constants={
            "grid": held.whole, "allowed": allowed, "weight": np.ones(len(allowed))},
            frames={"rows": np.repeat(hand.skin.rows[None], count, 0)}),
        Term("penetration back", penetration.object_in_body, 0.0015, constants={
            "points": held.thing.samples.points[near], "rows": hand.sphere_rows, "radii": 0.9 * hand.sphere_radii}),
        Term("penetration skin", penetration.object_in_skin, 0.0008, constants={
            "allowed": np.full(PRESSED_POINTS, -0.5 * MARGIN)}, frames={
            "points": np.zeros((count, PRESSED_POINTS, 3)), "rows": np.zeros((count, PRESSED_POINTS, columns)),
            "normal_rows": np.zeros((count, PRESSED_POINTS, columns)), "gate": np.zeros((count, PRESSED_POINTS))}),
    )  # fmt: skip


def _hand_terms(hand: Hand) -> tuple[Term, ...]:
    """A natural hand whose fingers stay out of each other."""
    names = hand.folded.body.freedoms.names
    stiffness = np.zeros(len(names))
    for index in hand.active:
        spreads = "abduction" in names[index] and "thumb" not in names[index]
        stiffness[index] = ABDUCTION_STIFFNESS if spreads else 1.0
    return (
        Term("natural", posture.natural_pose, 0.6, constants={"reference": hand.closed, "stiffness": stiffness}),
        Term("fingers", penetration.body_in_itself, 0.001, constants={
            "rows": hand.sphere_rows, "radii": 1.1 * hand.sphere_radii,
            "apart": penetration.sphere_pairs(len(hand.sphere_radii), hand.sphere_pairs)}),
    )  # fmt: skip


def watched(hand: Hand, held: HeldPart, problem: Problem, x: np.ndarray) -> Problem:
    """The same problem, watching the vertices of hand and object that are near each other in every grip."""
    rows, pressed = [], []
    for state in grasp_states(problem, x):
        skin = in_object(state, hand.vertices.rows @ state.bones[0])
        outside = grid_distance(numpy_namespace(), held.whole, skin)
        close = np.argsort(outside, kind="stable")[: 2 * SKIN_POINTS]
        nearest = close[farthest_points(skin[close], SKIN_POINTS)]
        rows.append(np.concatenate([hand.vertices.rows[nearest], hand.skin.rows[SKIN_POINTS:]]))
        pressed.append(_pressed(hand, held, skin, turned_normals(hand, state)))
    points, vertices = np.stack([p[0] for p in pressed]), np.stack([p[1] for p in pressed])
    arrays = {
        "penetration": {"rows": np.stack(rows)},
        "penetration skin": {
            "points": points,
            "rows": hand.vertices.rows[vertices],
            "normal_rows": hand.vertices.normal_rows[vertices],
            "gate": (vertices >= 0).astype(float),
        },
    }
    return replace(problem, terms=tuple(replace(t, frames=arrays.get(t.name, t.frames)) for t in problem.terms))


def sunk(problem: Problem, press: float) -> Problem:
    """The same problem with the part `press` metres below where it is, and skin allowed that far in."""
    constants = {term.name: term.constants for term in problem.terms}
    grid, allowed = constants["contact"]["grid"], np.full(len(constants["penetration"]["allowed"]), press)
    moved = {
        "contact": {"grid": grid._replace(values=grid.values + np.float32(press))},
        "penetration": {"allowed": allowed},
        "penetration skin": {"allowed": np.full(PRESSED_POINTS, press)},
    }
    return replace(
        problem,
        terms=tuple(replace(t, constants={**t.constants, **moved.get(t.name, {})}) for t in problem.terms),
    )


def grasp_states(problem: Problem, x: np.ndarray) -> list[State]:
    """Hand and part of every grip with unknowns `x (S, n)`."""
    xp = numpy_namespace()
    return [frame_state(xp, problem, x[k], {n: v[k] for n, v in problem.base.items()}) for k in range(len(x))]


def in_object(state: State, points: np.ndarray) -> np.ndarray:
    """`points (N, 3)` of rest space in the object's frame."""
    return (points - state.translations[0]) @ state.rotations[0]


def turned_normals(hand: Hand, state: State) -> np.ndarray:
    """(V, 3) unit normals of the hand's vertices, object frame."""
    normals = hand.vertices.normal_rows @ state.bones[0] @ state.rotations[0]
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def _pressed(hand: Hand, held: HeldPart, skin: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The object's PRESSED_POINTS points deepest below the skin, and the hand vertex nearest to each, -1 for none."""
    depth, index = below_skin(skin, normals, held.points)
    deepest = np.argsort(-depth, kind="stable")[: 5 * PRESSED_POINTS]
    chosen = np.resize(deepest[farthest_points(held.points[deepest], PRESSED_POINTS)], PRESSED_POINTS)
    return held.points[chosen], np.where(np.isfinite(depth[chosen]), index[chosen], -1)
