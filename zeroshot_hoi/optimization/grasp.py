"""The hand alone first: how one hand closes around one part, from many starts at once.

Everything happens in the body's rest space, so that a found grip is the object's pose relative to the resting wrist and
rides on the wrist whatever the arm does. Every start is open, outside and axis-aligned: the part's axis lies across the
palm, in either direction, turned by any angle about itself, at the smallest distance at which the open hand is
clear of the object. The starts are the frames of one uncoupled problem; the best are solved again against all
vertices of the hand that came near.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.scene import DistanceGrid, PartRegion, SceneObject
from zeroshot_hoi.core.solution import ProgressListener, silent
from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.geometry.query import GridArrays, grid_distance, pad_grid
from zeroshot_hoi.geometry.sampling import farthest_points
from zeroshot_hoi.optimization.energies import contact, penetration, posture
from zeroshot_hoi.optimization.engines import make_engine
from zeroshot_hoi.optimization.hand import FINGERS, SKIN_POINTS, Hand, below_skin, measure_hand
from zeroshot_hoi.optimization.problem import ObjectUnknowns, PersonUnknowns, Problem, State, Term, frame_state
from zeroshot_hoi.optimization.solver import Settings, solve

STARTS = 28
"""Solved at once; aligned starts still fail one time in six."""

KEEP = 7
"""Grips solved to the end."""

SPINS = 24
"""Turns about the part's axis that are looked at before the solve."""

CLEARANCE = 0.004
"""Metres between the open hand and the object at the start."""

SURPLUS = 0.025
"""Metres by which a start's distance may exceed the smallest one: more means that something is in the palm's way."""

BESIDE_TURN, BESIDE_SHIFT = np.radians(14.0), 0.01
"""Radians and metres of standard deviation of starts beside one that is free."""

MARGIN = 0.001
"""Metres that skin keeps from the object: takes the deepest penetration from 1.6 to .2 mm."""

PRESSED_POINTS = 64
"""Object vertices, chosen anew for every grip, that are held outside the skin."""

PRESSES = (0.0002, 0.0005)
"""Metres that pads are drawn into the object in the end, the first after which a grip is sound: skin gives way to what
it carries. Grips are looked for with MARGIN, because what starts pressed ends deep."""

TOUCH = 0.0045
"""Metres within which skin counts as touching."""

DEEP = 0.0025
"""Metres that a grip may be in its object to be shown to anybody."""

TOO_DEEP = 1e6
"""Energy for every metre beyond that. Grips of one handle differ by tens, so that a tenth of a millimetre counts."""

FIRM = 0.003
"""Metres within which thumb and fingers must be to count as around the part: with room for what a clip changes."""

OPPOSITE = -0.5
"""Cosine between directions from the part's axis beyond which two contacts oppose each other."""

PAD_WEIGHTS = {"palm": 0.7, "thumb": 1.5}
"""Relative weights of pads whose name contains the key; the fingers' are 1."""

ABDUCTION_STIFFNESS = 3.0
"""Of spreading the fingers, against 1 of bending them."""

CLOSING = Settings(iterations=20, tolerance=3e-3, clips=(0.3, 0.1))
SETTLING = Settings(iterations=20, tolerance=3e-3, clips=(0.3, 0.1))
"""The better half of the starts goes on: in four measured cases the best grip of all was in it."""

POLISH = Settings(iterations=15, tolerance=2e-3, clips=(0.3, 0.1))

PRESSING = Settings(iterations=8, tolerance=2e-3, clips=(0.05, 0.01))

POLISHES, TRIES, OTHER_SEED = 2, 3, 1000
"""At most, while no grip serves. For a bag's strap and a book's two rims one hand's first 28 starts have a sound
grip in one case of three, its first 84 in all three."""


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
    opposed: bool
    """Whether the thumb touches against at least two fingers: from the other side of the part's axis."""
    depth: float
    """How far hand and object are in each other where that is farthest, by the vertices of both, metres."""

    @property
    def sound(self) -> bool:
        """Around its part and hardly in it."""
        return self.opposed and self.depth < DEEP

    @property
    def cost(self) -> float:
        """Its energy, and what being too deep costs beyond that: a clip shows it."""
        return self.energy + TOO_DEEP * max(self.depth - DEEP, 0.0)


@dataclass(frozen=True)
class _Part:
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


def find_grasps(
    body: SkinnedBody,
    side: str,
    scene_object: SceneObject,
    part: PartRegion,
    part_grid: DistanceGrid,
    *,
    engine: str,
    seed: int,
    easy: Callable[[Grasp], bool] = lambda grasp: True,
    listener: ProgressListener = silent,
) -> tuple[Grasp, ...]:
    """The best and most different grips of `part`, best first, at most KEEP; at least one, whatever its energy.

    Where no grip is sound and `easy` it is tried again from other starts: a strap or a plate that lies in a finger to
    begin with is pushed out of it on the wrong side as easily as on the right one, and a hand that is right on its
    object may be wrong on its arm.
    """
    hand, held = measure_hand(body, side), _measure_part(scene_object, part, part_grid)
    found: list[tuple[Grasp, bool]] = []
    for attempt in range(TRIES):
        grasps = _try(hand, held, engine, seed + attempt * OTHER_SEED, listener)
        found += [(grasp, grasp.sound and easy(grasp)) for grasp in grasps]
        if any(serves for _, serves in found):
            break
    best = sorted(found, key=lambda pair: (not pair[1], *_rank(pair[0])))
    return tuple(grasp for grasp, _ in best[:KEEP])


def _try(hand: Hand, held: _Part, engine: str, seed: int, listener: ProgressListener) -> list[Grasp]:
    """Different grips from one set of starts."""
    problem = _problem(hand, held, *_starts(hand, held, seed))
    solution = solve(make_engine(engine, problem), problem.initial(), None, CLOSING, listener, "grasp")
    half = np.argsort(solution.energies["frame"], kind="stable")[: STARTS // 2]
    problem = problem.take(half)
    solution = solve(make_engine(engine, problem), solution.value[half], None, SETTLING, listener, "grasp")
    best = _different(_read(hand, held, problem, solution.value, solution.energies["frame"]))
    problem, x = problem.take(np.resize(best, KEEP)), solution.value[np.resize(best, KEEP)]
    for _ in range(POLISHES):  # other vertices come near on the way
        problem = _watched(hand, held, problem, x)
        solution = solve(make_engine(engine, problem), x, None, POLISH, listener, "grasp")
        grasps, x = _read(hand, held, problem, solution.value, solution.energies["frame"]), solution.value
        if any(grasp.sound for grasp in grasps):
            break
    return _press(hand, held, grasps[: len(best)], engine, listener)


def _press(hand: Hand, held: _Part, grasps: list[Grasp], engine: str, listener: ProgressListener) -> list[Grasp]:
    """The same grips pressed by one of PRESSES, at the cost of the ones that they were; as they were where none of the
    pressed is sound."""
    chosen = [grasps[k] for k in np.resize(np.arange(len(grasps)), KEEP)]
    problem = _problem(hand, held, np.stack([g.rotation for g in chosen]), np.stack([g.translation for g in chosen]))
    problem = replace(problem, base={**problem.base, "q0": np.stack([g.q for g in chosen])})
    problem, firm = _watched(hand, held, problem, problem.initial()), list(grasps)
    for press in reversed(PRESSES):
        sunk = _sunk(problem, press)
        solution = solve(make_engine(engine, sunk), sunk.initial(), None, PRESSING, listener, "grasp")
        pressed = _read(hand, held, sunk, solution.value, solution.energies["frame"])
        firm = [
            replace(new, energy=old.energy) if new.sound else kept
            for new, old, kept in zip(pressed, grasps, firm, strict=False)
        ]
    return firm


def _sunk(problem: Problem, press: float) -> Problem:
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


def _rank(grasp: Grasp) -> tuple[bool, float]:
    """Sound grips come first, then those of low cost."""
    return not grasp.sound, grasp.cost if np.isfinite(grasp.cost) else np.inf


def _measure_part(thing: SceneObject, part: PartRegion, grid: DistanceGrid) -> _Part:
    along = thing.vertices[np.unique(thing.faces[part.faces])] @ part.axis
    center, free = part.center, max(0.5 * float(np.ptp(along)) - 0.055, 0.0)
    if part.weight is None:
        center = center + (0.5 * (along.min() + along.max()) - center @ part.axis) * part.axis
    else:
        places = thing.vertices[thing.faces[part.faces]].mean(axis=1) @ part.axis - center @ part.axis
        free = min(free, float(np.sqrt(np.average(places**2, weights=part.weight[part.faces] + 1e-9))))
    surface = ExactMesh(thing.vertices, thing.faces[part.faces])
    return _Part(thing, pad_grid(thing.grid), pad_grid(grid), surface, part.axis, center, float(np.ptp(along)), free)


def _starts(hand: Hand, held: _Part, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (S, 3, 3) and translations (S, 3) of the object around the open resting hand."""
    xp, frame, points = numpy_namespace(), hand.frame, hand.open_points()
    perpendicular = np.linalg.svd(held.axis[None])[2][1]
    object_axes = np.stack([held.axis, perpendicular, np.cross(held.axis, perpendicular)], axis=1)
    phase = np.random.default_rng(seed).uniform(0.0, 1.0)
    offsets, rotations, distances = np.arange(0.0, 0.14, 0.003), [], []
    for sign in (1.0, -1.0):
        across = sign * frame.radial
        hand_axes = np.stack([across, frame.normal, np.cross(across, frame.normal)], axis=1)
        for spin in 2.0 * np.pi * (np.arange(SPINS) + phase) / SPINS:
            rotation = Rotation.from_rotvec(spin * across).as_matrix() @ hand_axes @ object_axes.T
            centers = frame.palm + offsets[:, None] * frame.normal
            local = (points[None] - centers[:, None]) @ rotation + held.center
            blocked = np.flatnonzero(grid_distance(xp, held.whole, local).min(1) <= CLEARANCE)
            first = blocked.max() + 1 if len(blocked) else 0
            rotations.append(rotation)
            distances.append(offsets[first] if first < len(offsets) else np.inf)
    rotation, distance = np.stack(rotations), np.array(distances)
    order = np.lexsort((np.arange(len(distance)), np.round(distance / 0.006)))
    near = order[distance[order] <= distance.min() + SURPLUS]
    if not np.isfinite(distance.min()):
        near, distance = order, np.full(len(order), 0.06)
    spread = near[np.unique(np.linspace(0, len(near) - 1, STARTS).round().astype(int))]
    chosen = np.resize(spread, STARTS)
    rotations, centers = rotation[chosen], frame.palm + distance[chosen][:, None] * frame.normal
    # Where few turns are free, the others start beside them: turned and shifted a little.
    again, rng = np.arange(STARTS) >= len(spread), np.random.default_rng(seed + 1)
    turned = Rotation.from_rotvec(again[:, None] * rng.normal(0.0, BESIDE_TURN, (STARTS, 3))).as_matrix() @ rotations
    aside = rng.normal(0.0, BESIDE_SHIFT, (STARTS, 2)) @ np.stack([frame.radial, frame.distal])
    centers = centers + again[:, None] * aside
    return turned, centers - np.einsum("sij,j->si", turned, held.center)


def _problem(hand: Hand, held: _Part, rotations: np.ndarray, translations: np.ndarray) -> Problem:
    body, count = hand.folded.body, len(rotations)
    base = {
        "q0": np.repeat(hand.opened[None], count, 0),
        "root0": np.repeat(body.rest_joints[:1], count, 0),
        "heading0": np.repeat(np.eye(3)[None], count, 0),
        "rotation0": rotations,
        "translation0": translations,
    }
    terms = (*_contact_terms(hand, held), *_clearance_terms(hand, held, count), *_hand_terms(hand))
    return Problem((PersonUnknowns(body, hand.active, moves=False),), (ObjectUnknowns("free"),), base, terms)


def _contact_terms(hand: Hand, held: _Part) -> tuple[Term, ...]:
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


def _clearance_terms(hand: Hand, held: _Part, count: int) -> tuple[Term, ...]:
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


def _states(problem: Problem, x: np.ndarray) -> list[State]:
    xp = numpy_namespace()
    return [frame_state(xp, problem, x[k], {n: v[k] for n, v in problem.base.items()}) for k in range(len(x))]


def _in_object(state: State, points: np.ndarray) -> np.ndarray:
    return (points - state.translations[0]) @ state.rotations[0]


def _watched(hand: Hand, held: _Part, problem: Problem, x: np.ndarray) -> Problem:
    """The same problem, watching the vertices of hand and object that are near each other in every grip."""
    rows, pressed = [], []
    for state in _states(problem, x):
        skin = _in_object(state, hand.vertices.rows @ state.bones[0])
        outside = grid_distance(numpy_namespace(), held.whole, skin)
        close = np.argsort(outside, kind="stable")[: 2 * SKIN_POINTS]
        nearest = close[farthest_points(skin[close], SKIN_POINTS)]
        rows.append(np.concatenate([hand.vertices.rows[nearest], hand.skin.rows[SKIN_POINTS:]]))
        pressed.append(_pressed(hand, held, skin, _turned_normals(hand, state)))
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


def _turned_normals(hand: Hand, state: State) -> np.ndarray:
    normals = hand.vertices.normal_rows @ state.bones[0] @ state.rotations[0]
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)


def _pressed(hand: Hand, held: _Part, skin: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Object vertices (PRESSED_POINTS, 3) deepest below the skin, and the hand vertex nearest to each, -1 for none."""
    vertices = held.thing.vertices
    depth, index = below_skin(skin, normals, vertices)
    deepest = np.argsort(-depth, kind="stable")[: 5 * PRESSED_POINTS]
    chosen = np.resize(deepest[farthest_points(vertices[deepest], PRESSED_POINTS)], PRESSED_POINTS)
    return vertices[chosen], np.where(np.isfinite(depth[chosen]), index[chosen], -1)


def _read(hand: Hand, held: _Part, problem: Problem, x: np.ndarray, energy: np.ndarray) -> list[Grasp]:
    """Grasps from solved unknowns, with what each achieves."""
    xp, grasps = numpy_namespace(), []
    pads = np.stack([p.rows for p in hand.pads.values()])
    for k, state in enumerate(_states(problem, x)):
        distance = grid_distance(xp, held.grid, _in_object(state, pads @ state.bones[0])).min(1)
        skin = _in_object(state, hand.vertices.rows @ state.bones[0])
        sunk = float(below_skin(skin, _turned_normals(hand, state), held.thing.vertices)[0].max())
        q = np.zeros(len(hand.opened))
        q[list(hand.active)] = x[k][: len(hand.active)]
        touching, depth = (
            int((distance < TOUCH).sum()),
            max(-float(grid_distance(xp, held.whole, skin).min()), sunk, 0.0),
        )
        opposed = _opposed(hand, held, state)
        grasps.append(Grasp(q, state.rotations[0], state.translations[0], float(energy[k]), touching, opposed, depth))
    return grasps


def _opposed(hand: Hand, held: _Part, state: State) -> bool:
    """Whether the thumb's touching skin and that of two fingers lie on opposite sides of the part's axis."""
    local = _in_object(state, hand.vertices.rows @ state.bones[0])
    touches = held.surface.nearest(local, 2.0 * FIRM)[0] < FIRM  # nan where nothing is near
    regions = np.array(hand.folded.full.regions)[hand.vertices.vertices]
    sides = {}
    for finger in (*FINGERS, "thumb"):
        mine = local[touches & (regions == f"{hand.side} {finger}")] - held.center
        radial = mine - np.outer(mine @ held.axis, held.axis)
        if len(mine):
            sides[finger] = radial / np.maximum(np.linalg.norm(radial, axis=1, keepdims=True), 1e-9)
    thumb = sides.pop("thumb", np.zeros((0, 3)))
    return bool(len(thumb)) and sum(float((side @ thumb.T).min()) < OPPOSITE for side in sides.values()) >= 2


def _different(grasps: list[Grasp]) -> list[int]:
    """Indices of the best of each kind: a grip turned by less than 20 degrees from a better one is left out."""
    order = sorted(range(len(grasps)), key=lambda k: _rank(grasps[k]))
    kept: list[int] = []
    for k in order:
        if len(kept) == KEEP or (kept and grasps[k].energy > 3.0 * grasps[kept[0]].energy + 30.0):
            continue
        turns = [Rotation.from_matrix(grasps[k].rotation @ grasps[o].rotation.T).magnitude() for o in kept]
        if all(turn > np.radians(20.0) for turn in turns):
            kept.append(k)
    return kept
