"""Coarse to fine: grips of each hand alone, static poses from every start, key frames from the best, then all frames.

A static pose is reached before it minds obstacles, as InteractAnything's global stage comes before its fine one.

The basin decides the quality (eight starts of one motion ended between energy 10 and 99), so every choice is made as
late as possible: placements and grips multiply into starts, starts are pruned by the energy of a static pose, key
frames are solved for the few best, and only the best of those becomes a clip.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count, product
from threading import Lock

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.motion import BodyMotion, Motion, ObjectMotion
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.reference import InitialScene, ReferenceMotion
from zeroshot_hoi.core.scene import ObjectParts, SceneObject
from zeroshot_hoi.core.solution import Progress, ProgressListener, Solution, silent
from zeroshot_hoi.geometry.grid import bake_part_grid
from zeroshot_hoi.geometry.query import grid_distance
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.energies import contact, penetration
from zeroshot_hoi.optimization.energies.shared import body_in_frame
from zeroshot_hoi.optimization.engines import make_engine
from zeroshot_hoi.optimization.grasp import Grasp, find_grasps
from zeroshot_hoi.optimization.palm import palm_grasps
from zeroshot_hoi.optimization.problem import Energy, Problem, State, frame_state
from zeroshot_hoi.optimization.proximity import watch
from zeroshot_hoi.optimization.solver import Settings, Smoothness, solve
from zeroshot_hoi.optimization.start import Start

KEY_STEP = 8
"""Frames between key frames."""

MAX_STARTS = 21
"""Static poses tried at once: three placements of every grip."""

SEMIFINALISTS = 7
"""Static poses that are solved to the end."""

OBSTACLES = (*penetration.EVERY, contact.rest)
"""What somebody who holds a thing may pass through on the way to a start. From a hanging arm an iron is not turned
level where the board is in its way: 28 of 35 starts ended above energy 10,000. Reached first and kept clear then, all
but two ended below 120."""

REACHING = Settings(iterations=7, tolerance=1e-2)
SCREENING = Settings(iterations=4, tolerance=1e-2)
SETTLING = Settings(iterations=20, tolerance=3e-3)

LOOSE = 3000.0
"""Energy that a grip costs which does not go around its part, or is in it."""

GRIP = 0.3
"""Share of a grip's own energy that counts beside the pose's."""

FINALISTS = 3
"""Starts whose key frames are solved."""

ALONE = Settings(iterations=6, tolerance=1e-2)
TOGETHER = Settings(iterations=14, tolerance=5e-3)
"""Of key frames: each alone, then coupled."""

CLIP_SETTINGS = Settings(iterations=16, tolerance=4e-3)
FINAL_SETTINGS = Settings(iterations=8, tolerance=4e-3)
"""The clip is solved again against the vertices that came near things in the pass before."""

PASSES = 4
"""At most; the clip is done earlier when nothing is deeper than CLEAN where it should not be, or no pass helps."""

WATCHED = 2
"""Every how many frames of a clip somebody looks for what comes near."""

CLEAN = 0.005
"""Metres."""

PROGRESS = 0.9
"""Share of the depth before that must be left at most for another pass to be worth its time."""

SOUND_DEPTH, SOUND_ENERGY = 0.009, 500.0
"""Metres, and energy of one frame, beyond which a start counts as failed and the next one is tried."""

CARRIES = 0.025
"""Metres from its support within which skin is taken to carry weight."""

ACCELERATION = 0.012
"""Radians per frame^2: standard deviation of a joint's second difference; the root's is a tenth of it, in metres."""

VELOCITY = 0.5
"""Radians per frame: standard deviation of a joint's first difference."""


@dataclass(frozen=True)
class _Candidate:
    """A start with what has been solved for it so far."""

    start: Start
    x: np.ndarray
    """(T, n)"""
    energy: float


def optimize(
    plan: Plan,
    bodies: Mapping[str, SkinnedBody],
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
    initial: InitialScene,
    reference: ReferenceMotion,
    listener: ProgressListener = silent,
) -> tuple[Motion, Solution]:
    """The motion of every person and object, and the solution it comes from (status, energies by term)."""
    compiler = Compiler(plan, bodies, objects, parts, initial, reference)
    grasps = _grasps(compiler, listener)
    candidates = _static(compiler, _starts(compiler, grasps), listener)
    keys = _key_frames(plan.frames)
    ranked = sorted(_solve_keys(compiler, candidates, keys, listener), key=lambda c: c.energy + _grip_cost(c.start))
    clips: list[_Clip] = []
    for candidate in ranked:
        clips.append(_solve_clip(compiler, candidate, keys, listener))
        if clips[-1].sound:
            break
    best = min(clips, key=lambda c: (not c.sound, c.solution.energy))
    compiler.shape_hands(best.start)
    status = best.solution.status if best.sound else f"{best.solution.status} No start ended clean; this is the best."
    listener(Progress("optimization", 1, 1, best.solution.energy, status))
    return read_motion(compiler, best.problem, best.solution.value), replace(best.solution, status=status)


@dataclass(frozen=True)
class _Clip:
    """All frames of one start, solved."""

    start: Start
    problem: Problem
    solution: Solution
    sound: bool
    """Nothing is deep where it should not be, and no frame stands out in energy: a failed start is not shipped."""


def _solve_clip(compiler: Compiler, candidate: _Candidate, keys: np.ndarray, listener: ProgressListener) -> _Clip:
    """Spline through what key frames change of the reference, then passes over all frames, each against what came near
    in the one before."""
    frames = compiler.plan.frames
    compiler.shape_hands(candidate.start)
    times = np.arange(frames)
    problem, solutions, depth = compiler.problem([candidate.start] * frames, times), [], np.inf
    reference = problem.initial()
    apart = candidate.x - reference[keys]
    x = reference + (CubicSpline(keys, apart, axis=0)(times) if len(keys) > 1 else apart)
    for passing in range(PASSES):
        before = depth
        start, depth = watch(compiler, candidate.start, _states(problem, x)[::WATCHED], times[::WATCHED])
        if (passing and depth < CLEAN) or (passing > 1 and depth > PROGRESS * before):
            break
        problem = compiler.problem([start] * frames, times)
        engine = make_engine(compiler.plan.engine, problem)
        settings = FINAL_SETTINGS if passing else CLIP_SETTINGS
        name = "polish" if passing else "all frames"
        solutions.append(solve(engine, x, smoothness(problem, 1.0), settings, listener, name))
        x = solutions[-1].value
    else:
        depth = watch(compiler, candidate.start, _states(problem, x)[::WATCHED], times[::WATCHED])[1]
    sound = depth < SOUND_DEPTH and float(solutions[-1].energies["frame"].max()) < SOUND_ENERGY
    return _Clip(candidate.start, problem, _joined(solutions), sound)


def _joined(solutions: list[Solution]) -> Solution:
    """The last solution with the energies of all passes, by term and step."""
    names = [name for name in solutions[-1].energies if name != "frame"]
    return replace(solutions[-1], energies={n: np.concatenate([s.energies[n] for s in solutions]) for n in names})


def smoothness(problem: Problem, step: float) -> Smoothness:
    """Weights of differences between frames `step` apart that cost what they would cost frame by frame.

    The differences of the reference motion itself cost nothing: who sits down may meet the seat.
    """
    unit = []
    for person in problem.people:
        unit += [np.ones(len(person.active)), np.full(3 * person.moves, 0.1)]
    for moved in problem.objects:
        if moved.kind == "free":
            unit += [np.ones(3), np.full(3, 0.1)]
    scale = np.concatenate(unit)
    return Smoothness((VELOCITY * scale) ** -2 / step**2, (ACCELERATION * scale) ** -2 / step**4, problem.initial())


def _key_frames(frames: int) -> np.ndarray:
    count = max(2, int(np.ceil((frames - 1) / KEY_STEP)) + 1)
    return np.unique(np.linspace(0, frames - 1, count).round().astype(int))


def _grasps(compiler: Compiler, listener: ProgressListener) -> dict[str, tuple[Grasp, ...]]:
    """Edge name -> grips of every hand that closes around something."""
    plan, found = compiler.plan, {}
    for edge in compiler.holds.grips.values():
        body, side = compiler.bodies[edge.first.owner], edge.first.part.split()[0]
        thing, part = compiler.objects[edge.second.owner], compiler.holds.region(edge)
        if plan.contacts[edge.name].kind != "grip":
            found[edge.name] = palm_grasps(body, side, thing, part, compiler.holds.ahead(edge))
            continue
        found[edge.name] = find_grasps(
            body, side, thing, part, bake_part_grid(thing, part.faces), engine=plan.engine, seed=plan.seed,
            listener=listener,
        )  # fmt: skip
    return found


def _starts(compiler: Compiler, grasps: Mapping[str, tuple[Grasp, ...]]) -> list[Start]:
    """Placements times grips, the most natural and the best first, at most MAX_STARTS."""
    people, edges = list(compiler.people), list(grasps)
    choices = [range(len(compiler.initial.people[n])) for n in people] + [range(len(grasps[e])) for e in edges]
    order = sorted(product(*choices), key=lambda c: (sum(c), c))
    starts = []
    for choice in order[:MAX_STARTS]:
        placements = {n: compiler.initial.people[n][k] for n, k in zip(people, choice, strict=False)}
        held = {e: grasps[e][k] for e, k in zip(edges, choice[len(people) :], strict=True)}
        starts.append(Start(placements, held))
    return starts


def _static(compiler: Compiler, starts: list[Start], listener: ProgressListener) -> list[_Candidate]:
    """Solves one frame of every start, the one in which most contacts are wanted, and keeps the finalists.

    What the static pose settles becomes part of the start: the turn of objects that must not turn, and the places of
    contacts that must not slide.
    """
    compiler.shape_hands(starts[0])
    time = _busiest_frame(compiler)
    obstacles = OBSTACLES if compiler.holds.grips else ()  # who sits down comes to the seat from outside
    x, _ = _settle(compiler, starts, time, None, REACHING, listener, obstacles)
    x, energy = _settle(compiler, starts, time, x, SCREENING, listener)
    order = np.argsort(energy + [_grip_cost(s) for s in starts], kind="stable")[:SEMIFINALISTS]
    starts, x = [starts[k] for k in order], x[order]
    states = _states(compiler.problem(starts, [time] * len(starts)), x)
    watched = [watch(compiler, s, [state], np.array([time]))[0] for s, state in zip(starts, states, strict=True)]
    x, energy = _settle(compiler, watched, time, x, SETTLING, listener)
    problem = compiler.problem(starts, [time] * len(starts))  # what one frame watches is no matter of the others
    order = np.argsort(energy + [_grip_cost(s) for s in starts], kind="stable")[:FINALISTS]
    return [_Candidate(_settled(compiler, starts[k], problem, x[k], k), x[k : k + 1], float(energy[k])) for k in order]


def _grip_cost(start: Start) -> float:
    """What a start's grips cost in every comparison of starts."""
    return sum(GRIP * g.energy + LOOSE * (not g.sound) for g in start.grasps.values())


def _settle(
    compiler: Compiler,
    starts: list[Start],
    time: int,
    x: np.ndarray | None,
    settings: Settings,
    listener: ProgressListener,
    without: tuple[Energy, ...] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """One frame of every start at once: unknowns (S, n) and energies (S,), infinite where a start failed."""
    problem = compiler.problem(starts, [time] * len(starts)).without(without)
    engine = make_engine(compiler.plan.engine, problem)
    solution = solve(engine, problem.initial() if x is None else x, None, settings, listener, "static poses")
    return solution.value, np.nan_to_num(solution.energies["frame"], nan=np.inf, posinf=np.inf)


def _busiest_frame(compiler: Compiler) -> int:
    """The frame with the most contacts; of several, the one in which what moves is nearest to the middle of its way."""
    total = np.zeros(compiler.plan.frames)
    for reference in compiler.reference.people.values():
        for gate in reference.gates.values():
            total += gate
    best = np.flatnonzero(total > total.max() - 1e-3)
    away = np.zeros(len(best))
    for name in (*compiler.holds.carriers, *compiler.holds.free):
        path = compiler.reference.objects[name].translation
        away += np.linalg.norm(path[best] - 0.5 * (path.min(0) + path.max(0)), axis=1)
    nearest = np.flatnonzero(away < away.min() + 1e-3)
    return int(best[nearest[len(nearest) // 2]])


def _settled(compiler: Compiler, start: Start, problem: Problem, x: np.ndarray, k: int) -> Start:
    state = _state(problem, x, k)
    rotations, anchors, touching = {}, {}, {}
    for o, name in enumerate(compiler.names):
        if name in compiler.holds.carriers and not compiler.plan.graph.state(name).is_rotational:
            rotations[name] = _upright(state.rotations[o], compiler.reference.objects[name].rotation[0], compiler, name)
    xp = numpy_namespace()
    for edge in compiler.plan.graph.edges:
        kind = compiler.plan.contacts[edge.name].kind
        if kind in ("support", "touch") and edge.first.owner in compiler.bodies:
            person, o = edge.first.owner, compiler.names.index(edge.second.owner)
            skin = compiler.rows[person]
            rows = (skin.support if kind == "support" else skin.touching)(edge.first.part).rows
            points = body_in_frame(xp, state, compiler.people.index(person), o, rows)
            anchors[edge.name] = points.mean(0, keepdims=True)
            if kind == "support":
                distance = grid_distance(xp, compiler.part_grid(edge), points)
                touching[edge.name] = (distance < CARRIES).astype(float)
    return replace(start, rotations=rotations, anchors=anchors, touching=touching)


def _upright(found: np.ndarray, reference: np.ndarray, compiler: Compiler, name: str) -> np.ndarray:
    """The found turn about the reference axis, without the small tilt that the static pose left."""
    axis = np.asarray(compiler.reference.objects[name].axis, float)
    tilt = Rotation.align_vectors([reference @ axis], [found @ axis])[0].as_matrix()
    return tilt @ found


def _solve_keys(
    compiler: Compiler, candidates: list[_Candidate], keys: np.ndarray, listener: ProgressListener
) -> list[_Candidate]:
    """Every candidate's key frames, candidates beside one another: each is too small to fill the cores.

    Frame by frame first, which brings every frame near its contacts with its own damping; then smoothly together.
    """
    step = float(keys[1] - keys[0]) if len(keys) > 1 else 1.0
    settled = int(np.argmin(np.abs(keys - _busiest_frame(compiler))))
    shared = _shared_listener(listener, "key frames", len(candidates) * TOGETHER.iterations)

    def problem_of(start: Start) -> Problem:
        compiler.shape_hands(start)
        return compiler.problem([start] * len(keys), keys)

    def alone(candidate: _Candidate, problem: Problem) -> np.ndarray:
        reference = problem.initial()
        x = reference + (candidate.x - reference[settled])
        return solve(make_engine(compiler.plan.engine, problem), x, None, ALONE).value

    def together(candidate: _Candidate, problem: Problem) -> _Candidate:
        engine = make_engine(compiler.plan.engine, problem)
        solution = solve(engine, candidate.x, smoothness(problem, step), TOGETHER, shared)
        return replace(candidate, x=solution.value, energy=solution.energy if np.isfinite(solution.energy) else np.inf)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [problem_of(c.start) for c in candidates]
        solved = list(pool.map(alone, candidates, problems))
        watched = []
        for candidate, problem, x in zip(candidates, problems, solved, strict=True):
            compiler.shape_hands(candidate.start)
            watched.append(
                replace(candidate, start=watch(compiler, candidate.start, _states(problem, x), keys)[0], x=x)
            )
        return list(pool.map(together, watched, [problem_of(c.start) for c in watched]))


def _shared_listener(listener: ProgressListener, stage: str, total: int) -> ProgressListener:
    """One bar for solvers that run beside one another: their steps add up, and the lowest energy counts."""
    lock, steps, lowest = Lock(), count(1), [np.inf]

    def listen(event: Progress) -> None:
        with lock:
            energy = np.inf if event.energy is None else event.energy
            lowest[0] = float(np.fmin(lowest[0], energy))
            listener(Progress(stage, min(next(steps), total), total, lowest[0]))

    return listen


def _state(problem: Problem, x: np.ndarray, k: int) -> State:
    return frame_state(numpy_namespace(), problem, x, {name: np.asarray(v)[k] for name, v in problem.base.items()})


def _states(problem: Problem, x: np.ndarray) -> list[State]:
    return [_state(problem, x[k], k) for k in range(len(x))]


def read_motion(compiler: Compiler, problem: Problem, x: np.ndarray) -> Motion:
    """People's poses and objects' transforms from the unknowns `x (T, n)`; headings become part of the root's turn."""
    states = _states(problem, x)
    people = {}
    for p, name in enumerate(compiler.people):
        body = compiler.bodies[name]
        pose = to_pose(numpy_namespace(), body.freedoms, np.stack([s.q[p] for s in states]))
        frame = body.joint_frames[0]
        heading = Rotation.from_matrix(np.einsum("ji,tjk,kl->til", frame, problem.base[f"heading{p}"], frame))
        pose[:, 0] = (heading * Rotation.from_rotvec(pose[:, 0])).as_rotvec()
        people[name] = BodyMotion(pose, np.stack([s.bones[p][3] for s in states]))
    objects = {
        name: ObjectMotion(np.stack([s.rotations[o] for s in states]), np.stack([s.translations[o] for s in states]))
        for o, name in enumerate(compiler.names)
    }
    return Motion(people, objects, compiler.plan.fps)
