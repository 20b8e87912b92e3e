"""Second step: one frame of every start, which leaves the few starts that may go on.

A static pose is reached before it minds obstacles, as InteractAnything's global stage comes before its fine one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.freedoms import named_values
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.solution import ProgressListener, silent
from zeroshot_hoi.geometry.query import grid_distance
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.edge_terms import anchored
from zeroshot_hoi.optimization.energies import contact, penetration, tracking
from zeroshot_hoi.optimization.energies.shared import body_in_frame
from zeroshot_hoi.optimization.engines import make_engine
from zeroshot_hoi.optimization.grasp import Grasp
from zeroshot_hoi.optimization.grips import joint_choices
from zeroshot_hoi.optimization.problem import Energy, Problem
from zeroshot_hoi.optimization.proximity import watch
from zeroshot_hoi.optimization.schedule import (
    Candidate,
    busiest_frame,
    frame_of,
    grip_cost,
    read_motion,
    state_at,
    states_of,
)
from zeroshot_hoi.optimization.solver import Settings, solve
from zeroshot_hoi.optimization.start import Start

MAX_STARTS = 21
"""Static poses tried at once: three placements of every grip."""

BEST_OF_EACH, RECOMBINED = 3, 7
"""Of several people's own choices, and the starts that are made of them."""

SEMIFINALISTS = 7
"""Static poses that are solved to the end."""

OBSTACLES = (*penetration.EVERY, contact.rest)
"""What somebody who holds a thing may pass through on the way to a start. From a hanging arm an iron is not turned
level where the board is in its way: 28 of 35 starts ended above energy 10,000. Reached first and kept clear then, all
but two ended below 120."""

REACHING = Settings(iterations=7, tolerance=1e-2)

CHAINED = (contact.anchored, tracking.path)
LOOSELY = (30.0, 5.0)
"""What holds a chain of two arms and a thing together, and how much looser it is at first: along a stiff chain steps
are short. Of 21 starts with a broom the best had energy 638 after one step at 8, 351 after these two."""
BENT = {"elbow flexion": np.radians(80.0), "shoulder flexion": np.radians(20.0)}
"""Of an arm that is about to hold something."""

SCREENING = Settings(iterations=4, tolerance=1e-2)
SETTLING = Settings(iterations=20, tolerance=3e-3)

CARRIES = 0.025
"""Metres from its support within which skin is taken to carry weight."""


def solve_static_poses(
    compiler: Compiler, grips: Mapping[str, tuple[Grasp, ...]], listener: ProgressListener = silent
) -> tuple[Candidate, ...]:
    """Solves one frame of every start, the one in which most contacts are wanted, and keeps the best, best first.

    What the static pose settles becomes part of the start: the turn of objects that must not turn, and the places of
    contacts that must not slide.
    """
    starts = _starts(compiler, grips)
    compiler.shape_hands(starts[0])
    time = busiest_frame(compiler)
    x, energy = _reach(compiler, starts, time, listener)
    if len(compiler.people) > 1:
        more = _recombined(compiler, starts, time, x)
        more_x, more_energy = _reach(compiler, more, time, listener)
        starts, x, energy = [*starts, *more], np.concatenate([x, more_x]), np.concatenate([energy, more_energy])
    order = np.argsort(energy + [grip_cost(s) for s in starts], kind="stable")[:SEMIFINALISTS]
    starts, x = [starts[k] for k in order], x[order]
    states = states_of(compiler.problem(starts, [time] * len(starts)), x)
    watched = [watch(compiler, s, [state], np.array([time]))[0] for s, state in zip(starts, states, strict=True)]
    x, energy = _settle(compiler, watched, time, x, SETTLING, listener)
    problem = compiler.problem(starts, [time] * len(starts))  # what one frame watches is no matter of the others
    order = np.argsort(energy + [grip_cost(s) for s in starts], kind="stable")
    motion = read_motion(compiler, problem, x)
    return tuple(
        Candidate(_settled(compiler, starts[k], problem, x[k], k), x[k : k + 1], float(energy[k]), frame_of(motion, k))
        for k in order
    )


def _starts(compiler: Compiler, grips: Mapping[str, tuple[Grasp, ...]]) -> list[Start]:
    """Everybody's placements times grips, the most natural and the best first: the first of each person together, then
    the second of each, at most MAX_STARTS however many people there are."""
    held = joint_choices(compiler, grips)
    own = [_own_choices(compiler, name, held) for name in compiler.people]
    count = min(max(len(choices) for choices in own), MAX_STARTS)
    return [_joined([choices[k % len(choices)] for choices in own]) for k in range(count)]


def _own_choices(compiler: Compiler, name: str, held: Sequence[Sequence[Mapping[str, Grasp]]]) -> list[Start]:
    """One person's part of starts, the most natural and the best first."""
    grips = {edge.name for edge in compiler.holds.grips_of(name)}
    groups = [choice for choice in held if grips & set(choice[0])]
    placements = compiler.initial.people[name]
    ranges = [range(len(placements)), *(range(len(choice)) for choice in groups)]
    order = sorted(product(*ranges), key=lambda c: (sum(c), c))[:MAX_STARTS]
    return [
        Start(
            {name: placements[picks[0]]},
            {e: g for group, k in zip(groups, picks[1:], strict=True) for e, g in group[k].items()},
        )
        for picks in order
    ]


def _joined(parts: Sequence[Start]) -> Start:
    """One start from what everybody does in it."""
    return Start(
        {name: placement for part in parts for name, placement in part.placements.items()},
        {edge: grasp for part in parts for edge, grasp in part.grasps.items()},
    )


def _recombined(compiler: Compiler, starts: Sequence[Start], time: int, x: np.ndarray) -> list[Start]:
    """Starts in which everybody does what cost them least in any of the given ones, or next to least.

    Of two people who carry a table each had nine places and a dozen pairs of grips; whoever tried every pair of people
    would have left both at their first place. So the cost adds up over people, and does not multiply.
    """
    problem = compiler.problem(starts, [time] * len(starts))
    energies = make_engine(compiler.plan.engine, problem).energies(x)
    ranked = []
    for name in compiler.people:
        mine = [
            k for k, term in enumerate(problem.terms) if re.split(r"[.|]|->", term.name.split(":", 1)[1])[0] == name
        ]
        edges = {edge.name for edge in compiler.holds.grips_of(name)}
        parts = [
            Start({name: s.placements[name]}, {e: g for e, g in s.grasps.items() if e in edges}) for s in starts
        ]  # fmt: skip
        cost = np.nan_to_num(energies[:, mine].sum(1), nan=np.inf) + [grip_cost(part) for part in parts]
        ranked.append([parts[k] for k in np.argsort(cost, kind="stable")[:BEST_OF_EACH]])
    picks = sorted(product(range(BEST_OF_EACH), repeat=len(ranked)), key=lambda c: (sum(c), c))[:RECOMBINED]
    return [_joined([parts[min(k, len(parts) - 1)] for parts, k in zip(ranked, pick, strict=True)]) for pick in picks]


def _reach(
    compiler: Compiler, starts: list[Start], time: int, listener: ProgressListener
) -> tuple[np.ndarray, np.ndarray]:
    """Every start before it minds obstacles and then with them: unknowns (S, n) and energies (S,).

    Hands come from where the reference has them and from bent elbows, and what ends lower is kept. A straight arm is
    singular, bending it brings a hand no nearer at first, so that people leaned back from what they held: a brush at
    the mouth had energy 75 so, and has 8.
    """
    problem = compiler.problem(starts, [time] * len(starts))
    begins = [problem.initial()] + [_elbows_bent(compiler, problem)] * bool(compiler.holds.grips)
    chained = any(len(names) > 1 for names in compiler.holds.together())
    obstacles = OBSTACLES if compiler.holds.grips else ()
    found = []
    for x in begins:
        for loosely in (*LOOSELY, 1.0) if chained else (1.0,):
            x, _ = _settle(compiler, starts, time, x, REACHING, listener, obstacles, loosely)
        found.append(_settle(compiler, starts, time, x, SCREENING, listener))
    best = np.argmin([energy for _, energy in found], axis=0)
    every = np.arange(len(starts))
    return np.stack([x for x, _ in found])[best, every], np.stack([energy for _, energy in found])[best, every]


def _settle(
    compiler: Compiler,
    starts: list[Start],
    time: int,
    x: np.ndarray,
    settings: Settings,
    listener: ProgressListener,
    without: tuple[Energy, ...] = (),
    loosely: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """One frame of every start at once: unknowns (S, n) and energies (S,), infinite where a start failed."""
    seats = [compiler.names.index(name) for name in _seats(compiler)]  # who sits comes to a seat from outside
    problem = compiler.problem(starts, [time] * len(starts)).without(without, seats).softened(CHAINED, loosely)
    engine = make_engine(compiler.plan.engine, problem)
    solution = solve(engine, x, None, settings, listener, "static poses")
    return solution.value, np.nan_to_num(solution.energies["frame"], nan=np.inf, posinf=np.inf)


def _elbows_bent(compiler: Compiler, problem: Problem) -> np.ndarray:
    """Unknowns (S, n) of the reference, but for the arms of hands that hold or touch something."""
    x, column = problem.initial(), 0
    for name, person in zip(compiler.people, problem.people, strict=True):
        freedoms, active = person.body.freedoms, list(person.active)
        edges = [e for e in compiler.plan.graph.edges if e.first.owner == name and e.first.part.endswith("hand")]
        for side in {e.first.part.split()[0] for e in edges}:
            bent = named_values(freedoms, {f"{side} {joint}": angle for joint, angle in BENT.items()})
            for k in {freedoms.index(f"{side} {joint}") for joint in BENT} & set(active):
                x[:, column + active.index(k)] = bent[k]
        column += len(active) + 3 * person.moves
    return x


def _seats(compiler: Compiler) -> list[str]:
    """Objects that carry somebody."""
    return [e.second.owner for e in compiler.plan.graph.edges if compiler.plan.contacts[e.name].kind == "support"]


def _settled(compiler: Compiler, start: Start, problem: Problem, x: np.ndarray, k: int) -> Start:
    state = state_at(problem, x, k)
    rotations, anchors, touching = {}, {}, {}
    for o, name in enumerate(compiler.names):
        if compiler.holds.moves(name) and not compiler.plan.graph.state(name).is_rotational:
            rotations[name] = _upright(state.rotations[o], compiler.reference.objects[name].rotation[0], compiler, name)
    xp = numpy_namespace()
    for edge in compiler.plan.graph.edges:
        kind = compiler.plan.contacts[edge.name].kind
        if kind in ("support", "touch") and edge.first.owner in compiler.bodies:
            person, o = edge.first.owner, compiler.names.index(edge.second.owner)
            p = compiler.people.index(person)
            anchors[edge.name] = body_in_frame(xp, state, p, o, anchored(compiler, edge))
            if kind == "support":
                points = body_in_frame(xp, state, p, o, compiler.rows[person].support(edge.first.part).rows)
                distance = grid_distance(xp, compiler.part_grid(edge), points)
                touching[edge.name] = (distance < CARRIES).astype(float)
    return replace(start, rotations=rotations, anchors=anchors, touching=touching)


def _upright(found: np.ndarray, reference: np.ndarray, compiler: Compiler, name: str) -> np.ndarray:
    """The found turn about the reference axis, without the small tilt that the static pose left."""
    axis = np.asarray(compiler.reference.objects[name].axis, float)
    tilt = Rotation.align_vectors([reference @ axis], [found @ axis])[0].as_matrix()
    return tilt @ found
