"""The hand alone first: how one hand closes around one part, from many starts at once.

Everything happens in the body's rest space, so that a found grip is the object's pose relative to the resting wrist and
rides on the wrist whatever the arm does. Every start is open, outside and axis-aligned: the part's axis lies across the
palm, in either direction, turned by any angle about itself, at the smallest distance at which the open hand is
clear of the object. Only a plate's rim may lie aslant in the palm: between thumb and fingers it may be turned. The
starts are the frames of one uncoupled problem; the best are solved again against all vertices of the hand that came
near.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.scene import DistanceGrid, PartRegion, SceneObject
from zeroshot_hoi.core.solution import ProgressListener, Solution, silent
from zeroshot_hoi.geometry.query import grid_distance
from zeroshot_hoi.optimization.engines import make_engine
from zeroshot_hoi.optimization.grasp_problem import (
    HeldPart,
    grasp_problem,
    grasp_states,
    in_object,
    measure_part,
    sunk,
    turned_normals,
    watched,
)
from zeroshot_hoi.optimization.hand import FINGERS, Hand, below_skin, measure_hand
from zeroshot_hoi.optimization.problem import Problem, State
from zeroshot_hoi.optimization.solver import Settings, solve

STARTS = 28
"""Solved at once; aligned starts still fail one time in six."""

EASY = 30.0
"""Strain up to which a grip is easy for its arm: of ten handles' best grips nine need at most 14, a bag's strap 62."""

KEEP = 7
"""Grips solved to the end."""

SPINS = 24
"""Turns about the part's axis that are looked at before the solve."""

ASLANT = tuple(np.radians((0.0, -35.0, 35.0, -70.0, 70.0)))
"""Radians about the palm's normal by which a rim lies aslant in a hand."""

CLEARANCE = 0.004
"""Metres between the open hand and the object at the start."""

BLOCKED = 0.06
"""Metres at which a hand starts that nowhere is clear."""

SURPLUS = 0.025
"""Metres by which a start's distance may exceed the smallest one: more means that something is in the palm's way."""

BESIDE_TURN, BESIDE_SHIFT = np.radians(14.0), 0.01
"""Radians and metres of standard deviation of starts beside one that is free."""

PRESSES = (0.0002, 0.0005)
"""Metres that pads are drawn into the object in the end, the first after which a grip is sound: skin gives way to what
it carries. Grips are looked for with MARGIN, because what starts pressed ends deep."""

TOUCH = 0.0045
"""Metres within which skin counts as touching."""

DEEP = 0.0025
"""Metres that a grip may be in its object to be shown to anybody."""

ROUGH = 0.005
"""Metres that a grip may be in its object before it is solved again against the vertices that came near: sticks are 2
to 4 mm deep then and less than 2 mm in the end."""

TOO_DEEP = 1e6
"""Energy for every metre beyond that. Grips of one handle differ by tens, so that a tenth of a millimetre counts."""

FIRM = 0.003
"""Metres within which thumb and fingers must be to count as around the part: with room for what a clip changes."""

OPPOSITE = -0.5
"""Cosine between directions from the part's axis beyond which two contacts oppose each other."""

CLOSING = Settings(iterations=20, tolerance=3e-3, clips=(0.3, 0.1))
SETTLING = Settings(iterations=20, tolerance=3e-3, clips=(0.3, 0.1))
"""The better half of the starts goes on: in four measured cases the best grip of all was in it."""

POLISH = Settings(iterations=15, tolerance=2e-3, clips=(0.3, 0.1))

PRESSING = Settings(iterations=8, tolerance=2e-3, clips=(0.05, 0.01))

POLISHES, TRIES, OTHER_SEED = 3, 3, 1000
"""At most, while a grip is not sound and while none serves. For a bag's strap and a book's two rims one hand's first 28
starts have a sound grip in one case of three, its first 84 in all three."""


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
    strain: float = 0.0
    """Energy of the arm that holds it so, as far as it can be told without solving for the arm."""

    @property
    def serves(self) -> bool:
        """Sound, and easy for the arm."""
        return self.sound and self.strain < EASY

    @property
    def sound(self) -> bool:
        """Around its part and hardly in it."""
        return self.opposed and self.depth < DEEP

    @property
    def cost(self) -> float:
        """Its energy, and what being too deep costs beyond that: a clip shows it."""
        return self.cost_beyond(DEEP)

    def cost_beyond(self, deep: float) -> float:
        """The same where only more than `deep` metres are too deep."""
        return self.energy + TOO_DEEP * max(self.depth - deep, 0.0)


Strain = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Of grips `rotation (G, 3, 3)` and `translation (G, 3)`, object to the body's rest space: energy (G,) of the arm."""


def at_ease(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """The strain of an arm that nobody asks."""
    return np.zeros(len(rotation))


@dataclass(frozen=True)
class _Search:
    """What is held by which hand, and how hard it is for the arm."""

    hand: Hand
    held: HeldPart
    engine: str
    strain: Strain
    listener: ProgressListener
    aslant: tuple[float, ...] = (0.0,)

    def solve(self, problem: Problem, x: np.ndarray, settings: Settings) -> Solution:
        return solve(make_engine(self.engine, problem), x, None, settings, self.listener, "grasp")


def find_grasps(
    body: SkinnedBody,
    side: str,
    scene_object: SceneObject,
    part: PartRegion,
    part_grid: DistanceGrid,
    *,
    engine: str,
    seed: int,
    strain: Strain = at_ease,
    rim: bool = False,
    listener: ProgressListener = silent,
) -> tuple[Grasp, ...]:
    """The best and most different grips of `part`, best first, at most KEEP; at least one, whatever its energy.

    Half of the starts are those that `strain` finds easiest, and it counts like energy wherever grips are compared: a
    hand that is right on its object may be wrong on its arm. Where no grip is sound and easy it is tried again from
    other starts: a strap or a plate that lies in a finger to begin with is pushed out of it on the wrong side as easily
    as on the right one. The `rim` of a plate is taken ASLANT as well.
    """
    hand, held = measure_hand(body, side), measure_part(scene_object, part, part_grid)
    search = _Search(hand, held, engine, strain, listener, ASLANT if rim else (0.0,))
    found: list[Grasp] = []
    for attempt in range(TRIES):
        found += _try(search, seed + attempt * OTHER_SEED)
        if any(grasp.serves for grasp in found):
            break
    return tuple(sorted(found, key=lambda grasp: (not grasp.serves, *_rank(grasp)))[:KEEP])


def _try(search: _Search, seed: int) -> list[Grasp]:
    """Different grips from one set of starts."""
    hand, held = search.hand, search.held
    problem = grasp_problem(hand, held, np.repeat(hand.opened[None], STARTS, 0), *_starts(search, seed))
    solution = search.solve(problem, problem.initial(), CLOSING)
    states = grasp_states(problem, solution.value)
    strain = search.strain(np.stack([s.rotations[0] for s in states]), np.stack([s.translations[0] for s in states]))
    half = _better(solution.energies["frame"], strain)
    problem = problem.take(half)
    solution = search.solve(problem, solution.value[half], SETTLING)
    best = _different(_read(search, problem, solution.value, solution.energies["frame"]))
    problem, x = problem.take(np.resize(best, KEEP)), solution.value[np.resize(best, KEEP)]
    for _ in range(POLISHES):  # other vertices come near on the way
        problem = watched(hand, held, problem, x)
        solution = search.solve(problem, x, POLISH)
        grasps, x = _read(search, problem, solution.value, solution.energies["frame"]), solution.value
        if all(grasp.sound for grasp in grasps[: len(best)]):
            break
    return _press(search, grasps[: len(best)])


def _better(energy: np.ndarray, strain: np.ndarray) -> np.ndarray:
    """(S/2,) indices: of the starts that go on one half is best for hand and arm, the other best for the hand alone."""
    both, alone = (np.argsort(cost, kind="stable") for cost in (energy + strain, energy))
    first = both[: STARTS // 4]
    return np.concatenate([first, alone[~np.isin(alone, first)][: STARTS // 2 - len(first)]])


def _press(search: _Search, grasps: list[Grasp]) -> list[Grasp]:
    """The same grips pressed by one of PRESSES, at the cost of the ones that they were; as they were where none of the
    pressed is sound."""
    hand, held = search.hand, search.held
    chosen = [grasps[k] for k in np.resize(np.arange(len(grasps)), KEEP)]
    begun = (np.stack([getattr(grasp, name) for grasp in chosen]) for name in ("q", "rotation", "translation"))
    problem = grasp_problem(hand, held, *begun)
    problem, firm = watched(hand, held, problem, problem.initial()), list(grasps)
    for press in reversed(PRESSES):
        lower = sunk(problem, press)
        solution = search.solve(lower, lower.initial(), PRESSING)
        pressed = _read(search, lower, solution.value, solution.energies["frame"])
        firm = [
            replace(new, energy=old.energy) if new.sound else kept
            for new, old, kept in zip(pressed, grasps, firm, strict=False)
        ]
    return firm


def _rank(grasp: Grasp, deep: float = DEEP) -> tuple[bool, float]:
    """Grips that are sound where `deep` metres are not too deep come first, then those of low cost that are easy for
    the arm."""
    cost = grasp.cost_beyond(deep) + grasp.strain
    return not (grasp.opposed and grasp.depth < deep), cost if np.isfinite(cost) else np.inf


def _starts(search: _Search, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (S, 3, 3) and translations (S, 3) of the object around the open resting hand."""
    hand, held = search.hand, search.held
    xp, frame, points = numpy_namespace(), hand.frame, hand.open_points()
    perpendicular = np.linalg.svd(held.axis[None])[2][1]
    object_axes = np.stack([held.axis, perpendicular, np.cross(held.axis, perpendicular)], axis=1)
    phase = np.random.default_rng(seed).uniform(0.0, 1.0)
    offsets, rotations, distances = np.arange(0.0, 0.14, 0.003), [], []
    for sign, aslant in product((1.0, -1.0), search.aslant):
        across = Rotation.from_rotvec(aslant * frame.normal).apply(sign * frame.radial)
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
    centers = frame.palm + np.where(np.isfinite(distance), distance, BLOCKED)[:, None] * frame.normal
    strain = search.strain(rotation, centers - rotation @ held.center)
    easy = strain <= strain.min() + EASY
    share = STARTS if easy.all() else STARTS // 2
    chosen = np.concatenate([_nearest(distance, easy, share), _nearest(distance, easy | True, STARTS - share)])
    # Where few turns are free, the others start beside them: turned and shifted a little.
    again, rng = np.array([k in chosen[:i] for i, k in enumerate(chosen)]), np.random.default_rng(seed + 1)
    turned = (
        Rotation.from_rotvec(again[:, None] * rng.normal(0.0, BESIDE_TURN, (STARTS, 3))).as_matrix() @ rotation[chosen]
    )
    aside = rng.normal(0.0, BESIDE_SHIFT, (STARTS, 2)) @ np.stack([frame.radial, frame.distal])
    centers = centers[chosen] + again[:, None] * aside
    return turned, centers - np.einsum("sij,j->si", turned, held.center)


def _nearest(distance: np.ndarray, among: np.ndarray, count: int) -> np.ndarray:
    """(count,) indices of starts spread over those `among` which nothing is in the way of, again where they are few."""
    order = np.lexsort((np.arange(len(distance)), np.round(distance / 0.006)))
    order = order[among[order]]
    near = order[distance[order] <= distance[order].min() + SURPLUS]
    if not np.isfinite(distance[order].min()):
        near = order
    return np.resize(near[np.unique(np.linspace(0, len(near) - 1, count).round().astype(int))], count)


def _read(search: _Search, problem: Problem, x: np.ndarray, energy: np.ndarray) -> list[Grasp]:
    """Grips from solved unknowns, with what each achieves."""
    xp, grasps, hand, held = numpy_namespace(), [], search.hand, search.held
    pads = np.stack([p.rows for p in hand.pads.values()])
    for k, state in enumerate(grasp_states(problem, x)):
        distance = grid_distance(xp, held.grid, in_object(state, pads @ state.bones[0])).min(1)
        skin = in_object(state, hand.vertices.rows @ state.bones[0])
        sunk = float(below_skin(skin, turned_normals(hand, state), held.points)[0].max())
        q = np.zeros(len(hand.opened))
        q[list(hand.active)] = x[k][: len(hand.active)]
        grasps.append(
            Grasp(
                q,
                state.rotations[0],
                state.translations[0],
                float(energy[k]),
                touching=int((distance < TOUCH).sum()),
                opposed=_opposed(hand, held, state),
                depth=max(-float(grid_distance(xp, held.whole, skin).min()), sunk, 0.0),
                strain=float(search.strain(np.stack(state.rotations[:1]), np.stack(state.translations[:1]))[0]),
            )
        )
    return grasps


def _opposed(hand: Hand, held: HeldPart, state: State) -> bool:
    """Whether the thumb's touching skin and that of two fingers lie on opposite sides of the part's axis."""
    local = in_object(state, hand.vertices.rows @ state.bones[0])
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
    """Indices of the best of each kind, ROUGH as they are: a grip turned by less than 20 degrees from a better one is
    left out."""
    ranks = [_rank(grasp, ROUGH) for grasp in grasps]
    order = sorted(range(len(grasps)), key=lambda k: ranks[k])
    kept: list[int] = []
    for k in order:
        if len(kept) == KEEP or (kept and ranks[k][1] > 3.0 * ranks[kept[0]][1] + 30.0):
            continue
        turns = [Rotation.from_matrix(grasps[k].rotation @ grasps[o].rotation.T).magnitude() for o in kept]
        if all(turn > np.radians(20.0) for turn in turns):
            kept.append(k)
    return kept
