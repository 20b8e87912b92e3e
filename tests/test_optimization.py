"""From graph to terms: flags decide gates, anchors and who carries what; and what comes near is found exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.plain_scene import SCENES
from zeroshot_hoi.body import load_body
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.solution import Solution
from zeroshot_hoi.geometry.query import grid_distance
from zeroshot_hoi.optimization import clip, key_frames
from zeroshot_hoi.optimization.clearance_terms import allowed_depth, watched
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.grasp import Grasp
from zeroshot_hoi.optimization.interaction import SINK
from zeroshot_hoi.optimization.problem import Problem, State, Term, frame_state
from zeroshot_hoi.optimization.proximity import watch
from zeroshot_hoi.optimization.schedule import read_motion, smoothness
from zeroshot_hoi.optimization.start import Start
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.pose.prior import place
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.reference.scripted import script_motion

XP = numpy_namespace()
PERSON = "person 1"
FRAMES = 17
TIMES = np.arange(FRAMES)
GRIP = "person 1.right hand->dumbbell.handle"
SEAT, BACK = "person 1.hips->chair.seat", "person 1.torso->chair.backrest"


@pytest.fixture(scope="module")
def body() -> SkinnedBody:
    return load_body("neutral")


def _compiler(body: SkinnedBody, recipe: str, flags: dict[int, dict[str, Any]] | None = None) -> Compiler:
    """The compiler of a recipe on plain objects, some of whose edges have other flags."""
    data = Recipe.load(recipe).model_dump(by_alias=True)
    for index, changed in (flags or {}).items():
        data["edges"][index].update(changed)
    plan = plan_from_recipe(Recipe.from_mapping(data), frames=FRAMES)
    (objects, parts), bodies = SCENES[recipe](), {PERSON: body}
    initial = place(plan, bodies, objects, parts)
    return Compiler(plan, bodies, objects, parts, initial, script_motion(plan, bodies, objects, parts, initial))


@pytest.fixture(scope="module")
def sitting(body: SkinnedBody) -> Compiler:
    return _shaped(_compiler(body, "sit_on_chair"))


@pytest.fixture(scope="module")
def lifting(body: SkinnedBody) -> Compiler:
    return _shaped(_compiler(body, "lift_dumbbell"))


def _start(compiler: Compiler) -> Start:
    """The most natural placement; what is carried lies in the right palm, turned somehow."""
    grasps = {}
    for edge in compiler.holds.grips.values():
        body = compiler.bodies[edge.first.owner]
        at = body.rest_joints[body.joint_names.index("right_middle1")]
        turn = Rotation.from_euler("xyz", [0.4, -0.2, 0.9]).as_matrix()
        q = np.zeros(len(body.freedoms.names))
        q[list(compiler.rows[edge.first.owner].fingers["right"])] = 0.2
        grasps[edge.name] = Grasp(np.clip(q, *body.freedoms.limits.T), turn, at, 0.0, 0, True, 0.0)
    return Start({name: placed[0] for name, placed in compiler.initial.people.items()}, grasps)


def _shaped(compiler: Compiler) -> Compiler:
    compiler.shape_hands(_start(compiler))
    return compiler


def _problem(compiler: Compiler, **found: Any) -> Problem:
    return compiler.problem([replace(_start(compiler), **found)] * FRAMES, TIMES)


def _term(problem: Problem, name: str) -> Term:
    return next(term for term in problem.terms if term.name == name)


def _names(problem: Problem) -> set[str]:
    return {term.name for term in problem.terms}


def _states(problem: Problem, x: np.ndarray) -> list[State]:
    return [frame_state(XP, problem, x[k], {n: np.asarray(v)[k] for n, v in problem.base.items()}) for k in TIMES]


# -- flags ------------------------------------------------------------------------------------------------------------


def test_a_contact_that_is_not_continuous_is_gated_by_the_script(sitting: Compiler) -> None:
    gate = sitting.reference.people[PERSON].gates[SEAT]
    assert gate.min() == 0.0, "nobody sits all the time"
    assert gate.max() == 1.0
    weight = _term(_problem(sitting), f"contact:{SEAT}").frames["weight"]
    assert weight.shape == (FRAMES, len(sitting.rows[PERSON].support("hips")))
    assert np.allclose(weight, gate[:, None])


def test_a_continuous_contact_is_wanted_in_every_frame(body: SkinnedBody) -> None:
    compiler = _shaped(_compiler(body, "sit_on_chair", {0: {"is_continuous": True}}))
    problem = _problem(compiler)
    assert (_term(problem, f"contact:{SEAT}").frames["weight"] == 1.0).all()
    assert _term(problem, f"contact:{BACK}").frames["weight"].min() == 0.0, "the other edge keeps its flag"


def test_static_contacts_are_anchored_once_they_are_known(sitting: Compiler) -> None:
    assert (_term(_problem(sitting), f"drift:{SEAT}").frames["gate"] == 0.0).all(), "no anchor is known yet"
    anchor = np.array([[0.05, -0.01, 0.45]])
    drift = _term(_problem(sitting, anchors={SEAT: anchor}), f"drift:{SEAT}")
    gate = sitting.reference.people[PERSON].gates[SEAT]
    assert np.allclose(drift.frames["gate"].ravel(), gate)
    assert np.allclose(drift.frames["anchor"], anchor)
    assert f"drift:{BACK}" not in _names(_problem(sitting)), "the back may slide"


def test_points_that_carry_no_weight_are_let_go(sitting: Compiler) -> None:
    touching = np.zeros(len(sitting.rows[PERSON].support("hips")))
    touching[:5] = 1.0
    weight = _term(_problem(sitting, touching={SEAT: touching}), f"contact:{SEAT}").frames["weight"]
    assert (weight[:, 5:] == 0.0).all()
    assert weight[:, :5].max() == 1.0


def test_upholstery_lets_a_body_sink_deeper(body: SkinnedBody, sitting: Compiler) -> None:
    soft = _shaped(_compiler(body, "sit_on_chair", {0: {"upholstery": True}}))
    depths = [_term(_problem(c), f"contact:{SEAT}").frames["depth"][0] for c in (sitting, soft)]
    assert depths == [SINK[False], SINK[True]]
    skin = sitting.rows[PERSON].skin
    hard, deep = (allowed_depth(c, PERSON, "chair", skin, np.arange(1))[0] for c in (sitting, soft))
    assert (deep >= hard).all()
    assert deep.max() > hard.max()
    assert (hard[np.array(sitting.bodies[PERSON].part_labels)[skin.vertices] == "head"] < 0.0).all()


def test_a_static_grip_carries_and_a_sliding_one_touches(body: SkinnedBody, lifting: Compiler) -> None:
    assert {name: edge.name for name, edge in lifting.holds.carriers.items()} == {"dumbbell": GRIP}
    held = _problem(lifting)
    assert [thing.kind for thing in held.objects] == ["ride"]
    assert f"contact:{GRIP}" not in _names(held), "the grip was solved before; here it rides"
    assert "path:dumbbell" in _names(held)
    sliding = _shaped(_compiler(body, "lift_dumbbell", {0: {"is_rel_static": False}}))
    assert sliding.holds.carriers == {}
    assert f"contact:{GRIP}" in _names(_problem(sliding))


def test_an_object_on_an_object_rests_there(body: SkinnedBody) -> None:
    problem = _problem(_shaped(_compiler(body, "ironing")))
    rest = _term(problem, "contact:iron.soleplate->ironing board.top")
    assert (rest.object, rest.other) == (0, 1)
    assert (rest.frames["gate"] == 1.0).all()
    assert np.abs(rest.constants["points"][:, 2]).max() < 1e-9, "the sole of the block"
    assert "penetration:iron->ironing board" in _names(problem)


def test_what_rests_does_so_by_the_lowest_of_its_part(body: SkinnedBody) -> None:
    """A part found as the underside may have the sides with it: a mug's bottom has the inside of the mug."""
    compiler = _compiler(body, "ironing")
    found = compiler.parts["iron"].parts["soleplate"]
    block = np.zeros(len(found.probability))
    block[:12] = 1.0  # every face of the block, the top 5 cm up among them
    compiler.parts["iron"].parts["soleplate"] = replace(found, probability=block)
    rest = _term(_problem(_shaped(compiler)), "contact:iron.soleplate->ironing board.top")
    assert np.abs(rest.constants["points"][:, 2]).max() < 0.003


def test_a_hand_may_enter_what_it_carries_and_nothing_else_may(lifting: Compiler, sitting: Compiler) -> None:
    labels = np.array(lifting.bodies[PERSON].part_labels)
    looked_at = watched(lifting, PERSON, "dumbbell")
    assert (looked_at == (labels != "right hand")).all()
    assert watched(sitting, PERSON, "chair").all()


# -- problems ---------------------------------------------------------------------------------------------------------


def _shaken(problem: Problem, seed: int) -> np.ndarray:
    low, high = problem.bounds()
    x = problem.initial()
    return np.clip(x + np.random.default_rng(seed).normal(0.0, 0.2, x.shape), low, high)


def test_what_is_carried_is_rigid_on_the_wrist(lifting: Compiler) -> None:
    """Whatever the arm does, the object stays where the grip has it in the hand."""
    start, problem = _start(lifting), _problem(lifting)
    body = lifting.rows[PERSON].folded.body
    wrist = body.joint_names.index("right_wrist")
    grip = start.grasps[GRIP]
    motion = read_motion(lifting, problem, _shaken(problem, 0))
    states = _states(problem, _shaken(problem, 0))
    for k, state in enumerate(states):
        bone = state.bones[0][4 * wrist : 4 * wrist + 4]
        turn, place_ = bone[:3].T, bone[3]
        assert np.abs(turn.T @ state.rotations[0] - grip.rotation).max() < 1e-9
        local = turn.T @ (state.translations[0] - place_) + body.rest_joints[wrist]
        assert np.abs(local - grip.translation).max() < 1e-9
        assert np.abs(motion.objects["dumbbell"].rotation[k] - state.rotations[0]).max() < 1e-12
    moved = motion.objects["dumbbell"].translation
    assert np.linalg.norm(np.diff(moved, axis=0), axis=1).max() > 0.01


def test_the_motion_is_the_state_in_the_bodys_own_terms(lifting: Compiler) -> None:
    """Poses read back on the whole skeleton put the skin where the folded problem has it."""
    from zeroshot_hoi.body import bone_transforms, stack_transforms, vertex_rows

    problem = _problem(lifting)
    x = _shaken(problem, 1)
    motion, states = read_motion(lifting, problem, x).people[PERSON], _states(problem, x)
    rows = lifting.rows[PERSON].vertices
    chosen = np.arange(0, len(rows), 37)
    full = vertex_rows(lifting.bodies[PERSON], rows.vertices[chosen])
    bones = bone_transforms(XP, lifting.bodies[PERSON], motion.pose, motion.translation)
    for k in (0, FRAMES // 2, FRAMES - 1):
        expected = rows.rows[chosen] @ states[k].bones[0]
        assert np.abs(full @ stack_transforms(XP, bones[k]) - expected).max() < 1e-5, "rows are float32"


def test_fingers_keep_the_shape_of_the_grip(lifting: Compiler) -> None:
    problem = _problem(lifting)
    fingers = list(lifting.rows[PERSON].fingers["right"])
    assert not set(fingers) & set(problem.people[0].active)
    q = np.asarray(problem.base["q0"])
    assert np.allclose(q[:, fingers], _start(lifting).grasps[GRIP].q[fingers])


def test_smoothness_costs_the_same_at_any_step(lifting: Compiler) -> None:
    """A steady drift off the reference costs per second what it costs, whether seen every frame or every eighth."""
    problem = _problem(lifting)
    fine = smoothness(problem, 1.0)
    assert fine.energy(problem.initial()) == 0.0, "the reference itself costs nothing"
    drift = np.zeros((FRAMES, problem.size))
    drift[:, 0] = 0.01 * TIMES
    keys = TIMES[::8]
    coarse = smoothness(lifting.problem([_start(lifting)] * len(keys), keys), 8.0)
    every = fine.energy(problem.initial() + drift) / (FRAMES - 1)
    eighth = coarse.energy(coarse.rest + drift[keys]) / (len(keys) - 1)
    assert eighth == pytest.approx(every, rel=1e-6)


# -- what comes near --------------------------------------------------------------------------------------------------


def _standing(compiler: Compiler, chair: np.ndarray) -> list[State]:
    """The person at rest in every frame, the chair's origin at `chair`."""
    problem = _problem(compiler)
    state = _states(problem, problem.initial())[0]
    return [state._replace(rotations=(np.eye(3),), translations=(chair,))] * FRAMES


def test_a_known_penetration_is_found(sitting: Compiler) -> None:
    """The edge of a slab 12 mm in the knees: the depth is what the slab's own distance says."""
    rows = sitting.rows[PERSON].vertices
    far = _standing(sitting, np.array([9.0, 0.0, 0.0]))
    skin = rows.rows @ far[0].bones[0]
    knee = skin[np.abs(skin[:, 2] - 0.43) < 0.02]
    chair = np.array([knee[:, 0].max() - 0.012 + 0.22, knee[knee[:, 0].argmax(), 1], 0.0])
    _, clear = watch(sitting, _start(sitting), far, TIMES)
    start, depth = watch(sitting, _start(sitting), _standing(sitting, chair), TIMES)
    distance = np.asarray(grid_distance(XP, sitting.grids["chair"], skin - chair))
    allowed = np.maximum(allowed_depth(sitting, PERSON, "chair", rows, np.arange(1))[0], 0.0)
    assert clear < 0.005, "standing free"
    assert (-distance - allowed).max() > 0.005, "the scene of this test"
    assert depth >= (-distance - allowed).max() - 1e-6
    deepest = int(distance.argmin())
    near = start.near[PERSON, "chair"]
    assert deepest in near
    assert 10 < (distance < 0.02).sum() < len(near)
    assert set(np.flatnonzero(distance < 0.02)) <= set(near), "all that is near is watched where there is room for it"


def test_object_points_below_the_skin_are_watched_in_their_frame(sitting: Compiler) -> None:
    rows = sitting.rows[PERSON].vertices
    far = _standing(sitting, np.array([9.0, 0.0, 0.0]))
    inside = _standing(sitting, np.array([0.0, 0.0, 0.0]))
    states = [*far[: FRAMES // 2], *inside[FRAMES // 2 :]]
    pressed = watch(sitting, _start(sitting), states, TIMES)[0].pressed[PERSON, "chair"]
    assert (pressed.vertices[: FRAMES // 2] == -1).all()
    last = pressed.vertices[-1]
    assert (last >= 0).any()
    points = pressed.points[-1][last >= 0] + states[-1].translations[0]
    skin = (rows.rows @ states[-1].bones[0])[last[last >= 0]]
    assert np.linalg.norm(points - skin, axis=1).max() < 0.06 + 1e-6


def test_frames_between_key_frames_watch_what_the_nearest_does(sitting: Compiler) -> None:
    far, inside = (_standing(sitting, np.array([x, 0.0, 0.0]))[0] for x in (9.0, 0.0))
    pressed = watch(sitting, _start(sitting), [far, inside], np.array([0, FRAMES - 1]))[0].pressed[PERSON, "chair"]
    assert pressed.points.shape[0] == FRAMES
    touched = (pressed.vertices >= 0).any(1)
    middle = (FRAMES - 1) / 2
    assert not touched[np.arange(FRAMES) < middle].any()
    assert touched[np.arange(FRAMES) > middle].all()


def test_what_fills_the_palm_is_not_in_the_wrist(lifting: Compiler) -> None:
    """The nearest skin counts, be it the hand's: the wrist's tangent plane passes below everything in the palm."""
    problem = _problem(lifting)
    states = _states(problem, problem.initial())
    start, depth = watch(lifting, _start(lifting), states, TIMES)
    pressed = start.pressed[PERSON, "dumbbell"]
    assert depth < 0.004, "the dumbbell is in the hand alone"
    assert (pressed.vertices == -1).all(), "all of it is nearest to the hand that holds it"


def test_a_hand_in_the_belly_is_a_fold(sitting: Compiler) -> None:
    states = _standing(sitting, np.array([9.0, 0.0, 0.0]))
    rows, body = sitting.rows[PERSON], sitting.rows[PERSON].folded.body
    wrist = body.joint_names.index("left_wrist")
    bones = states[0].bones[0].copy()
    skin = rows.vertices.rows @ bones
    labels = np.array(sitting.bodies[PERSON].part_labels)[rows.vertices.vertices]
    # The front of the belly, 25 mm below the skin.
    belly = skin[(labels == "torso") & (np.abs(skin[:, 1]) < 0.03)]
    front = belly[belly[:, 0].argmax()] - [0.025, 0.0, 0.0]
    bones[4 * wrist + 3] += front - skin[labels == "left hand"].mean(0)
    moved = [state._replace(bones=(bones,)) for state in states]
    start, depth = watch(sitting, _start(sitting), moved, TIMES)
    inner, outer = start.folded[PERSON]
    assert depth > 0.015
    caught = inner[0][outer[0] >= 0]
    assert (labels[caught] == "left hand").mean() > 0.3
    assert not np.isin(labels[outer[0][(outer[0] >= 0) & (labels[inner[0]] == "left hand")]], ("left hand",)).any()


def test_the_chest_that_an_arm_is_pressed_into_is_a_fold(sitting: Compiler) -> None:
    """An arm drawn across: the arm's own skin is nearest to the armpit, which folds naturally, the chest's is not."""
    problem = _problem(sitting)
    rows, person = sitting.rows[PERSON], problem.people[0]
    x = problem.initial()
    names = [person.body.freedoms.names[k] for k in person.active]
    for name, angle in {"left shoulder flexion": 40.0, "left shoulder abduction": -45.0}.items():
        x[:, names.index(name)] = np.radians(angle)
    states = [s._replace(translations=(np.array([9.0, 0.0, 0.0]),)) for s in _states(problem, x)]
    start, _ = watch(sitting, _start(sitting), states, TIMES)
    inner, outer = start.folded[PERSON]
    labels = np.array(sitting.bodies[PERSON].part_labels)[rows.vertices.vertices]
    caught = outer[0] >= 0
    pairs = set(zip(labels[inner[0][caught]].tolist(), labels[outer[0][caught]].tolist(), strict=True))
    assert ("torso", "left arm") in pairs
    apart = np.linalg.norm(rows.vertices.rest[inner[0][caught]] - rows.vertices.rest[outer[0][caught]], axis=1)
    assert apart.min() > 0.11


class _Compiled:
    """What choosing between clips reads of a compiler."""

    def shape_hands(self, start: Start) -> None: ...


def _tried(
    monkeypatch: pytest.MonkeyPatch,
    first: Sequence[float],
    sound: Sequence[bool] = (),
    missed: Sequence[float] = (),
    spare: int = 0,
) -> tuple[Solution, list[int]]:
    """The solution of `solve_all_frames` for starts with these energies, and the starts that took every pass; the last
    `spare` starts are for when the others miss something."""
    taken: list[int] = []

    def solved(energy: float) -> Solution:
        return Solution(
            np.zeros((1, 1)), energy, "Done.", {"term": np.array([energy]), "frame": np.array([energy])}, {}
        )

    def opened(_compiler: object, candidate: int, _listener: object) -> clip._Clip:
        return clip._Clip(Start({}, {}), Any, (solved(first[candidate]),))  # type: ignore[arg-type]

    def polished(_compiler: object, made: clip._Clip, _listener: object) -> clip._Clip:
        taken.append(list(first).index(made.energy))
        return replace(made, sound=sound[taken[-1]] if sound else True)

    monkeypatch.setattr(clip, "_first_pass", opened)
    monkeypatch.setattr(clip, "_more_passes", polished)
    monkeypatch.setattr(clip, "read_motion", lambda *_: None)
    numbers = range(len(first))
    _, solution = clip.solve_all_frames(
        _Compiled(),  # type: ignore[arg-type]
        numbers[: len(first) - spare],  # type: ignore[arg-type]
        misses=lambda _: missed[taken[-1]] if missed else 0.0,
        others=lambda: numbers[len(first) - spare :],  # type: ignore[arg-type, return-value]
    )
    return solution, taken


@pytest.mark.parametrize(
    ("first", "sound", "chosen"),
    [((9.0, 4.0, 6.0), (True, True, True), 1), ((9.0, 4.0, 6.0), (True, False, True), 2), ((3.0,), (False,), 0)],
)
def test_the_best_clip_is_taken_whatever_its_key_frames_promised(
    first: tuple[float, ...], sound: tuple[bool, ...], chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Candidates come ordered by key frames; what happens between those shows in the clip alone."""
    solution, _ = _tried(monkeypatch, first, sound)
    assert solution.energy == first[chosen]
    assert ("No start ended clean" in solution.status) == (not any(sound))


@pytest.mark.parametrize(
    ("missed", "taken", "chosen"),
    [
        ((0.0, 0.0, 0.0, 0.0), [1], 1),
        ((0.0, 0.4, 0.2, 0.0), [1, 2, 0], 0),
        ((0.3, 0.4, 0.2, 0.0), [1, 2, 0, 3], 3),
        ((0.3, 0.4, 0.2, 0.5), [1, 2, 0, 3], 2),
    ],
    ids=["the first serves", "the last of them serves", "only a spare one serves", "the one that misses least"],
)
def test_a_clip_that_misses_a_bar_is_not_taken_while_a_start_remains(
    missed: tuple[float, ...], taken: list[int], chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starts in the order of their energy, then the one that was kept back, which nobody solves without need."""
    first = (9.0, 4.0, 6.0, 3.9)
    solution, tried = _tried(monkeypatch, first, missed=missed, spare=1)
    assert tried == taken
    assert solution.energy == first[chosen]


@pytest.mark.parametrize(
    ("missed", "taken", "chosen"),
    [((0.1, 0.0, 0.3), [0, 1, 2], 0), ((1.2, 0.0, 0.7), [0, 1, 2], 1), ((0.1, 0.0, 0.0), [0, 1, 2], 2)],
    ids=["a little missed is better", "much missed is worse", "a spare start serves"],
)
def test_a_clip_of_far_more_energy_is_no_better_for_holding_every_bar(
    missed: tuple[float, ...], taken: list[int], chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who pushed a door bent double held every bar, and who did so upright was a quarter of a millimetre too deep."""
    first = (9.0, 43.0, 20.0)
    solution, tried = _tried(monkeypatch, first, missed=missed, spare=1)
    assert tried == taken
    assert solution.energy == first[chosen]


def test_an_unsound_clip_that_holds_every_bar_needs_no_spare_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Soundness only orders the starts that are ready: bars are what is asked."""
    solution, tried = _tried(monkeypatch, (9.0, 4.0, 1.0), sound=(False, False, True), spare=1)
    assert (solution.energy, tried) == (4.0, [1, 0])


# -- key frames -------------------------------------------------------------------------------------------------------


class _OnLine:
    """An engine of one unknown whose energy is what stands at its place on a line."""

    def __init__(self, problem: object, wall: tuple[float, float]) -> None:
        self.wall = wall

    def energies(self, x: np.ndarray) -> np.ndarray:
        low, high = self.wall
        return np.where((x > low) & (x < high), 1000.0, 0.0)


class _Line:
    """What looking between key frames reads of a compiler and of its problem."""

    def __init__(self) -> None:
        self.plan, self.count = SimpleNamespace(engine="any"), 0

    def problem(self, starts: list[Start], times: np.ndarray) -> _Line:
        self.count = len(times)
        return self

    def initial(self) -> np.ndarray:
        return np.zeros((self.count, 1))


@pytest.mark.parametrize(
    ("wall", "taken"), [((0.4, 0.6), [0.0, 0.0, 0.0]), ((5.0, 6.0), [0.0, 1.0, 0.0])], ids=["wall", "free"]
)
def test_what_meets_least_between_key_frames_is_taken(
    wall: tuple[float, float], taken: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself the middle frame is better on the far side of a wall, by less than it costs to pass it twice."""
    monkeypatch.setattr(key_frames, "make_engine", lambda _, problem: _OnLine(problem, wall))
    x = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])[:, :, None]
    energy = np.array([[1.0, 1.0, 1.0], [1.0, 20.0, 1.0]])
    options = key_frames._Options(x, energy, np.zeros((3, 1)))
    found = key_frames._most_direct(_Line(), Start({}, {}), options, np.array([0, 8, 16]))  # type: ignore[arg-type]
    assert found[:, 0].tolist() == taken


def test_what_failed_is_not_taken_and_neighboring_frames_have_nothing_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_frames, "make_engine", lambda _, problem: _OnLine(problem, (0.4, 0.6)))
    x = np.array([[0.0, 1.0], [0.0, 0.0]])[:, :, None]
    options = key_frames._Options(x, np.array([[1.0, np.nan], [2.0, 5.0]]), np.zeros((2, 1)))
    found = key_frames._most_direct(_Line(), Start({}, {}), options, np.array([3, 4]))  # type: ignore[arg-type]
    assert found[:, 0].tolist() == [0.0, 0.0]


def test_a_support_asks_for_area_and_from_afar_once_somebody_sits(sitting: Compiler) -> None:
    problem = _problem(sitting)
    carried, bearing = _term(problem, f"carried:{SEAT}"), _term(problem, f"bearing:{SEAT}")
    gates = sitting.reference.people[PERSON].gates.get(SEAT, np.ones(FRAMES))
    for term in (carried, bearing):
        assert np.asarray(term.frames["weight"])[:, 0] == pytest.approx((gates >= 1.0).astype(float))
    areas = np.asarray(bearing.constants["areas"])
    assert 0.01 <= float(np.asarray(bearing.constants["wanted"])[0]) <= 0.5 * areas.sum() + 1e-9
    labels = np.array(sitting.bodies[PERSON].part_labels)[sitting.rows[PERSON].support("hips").vertices]
    assert ((areas > 0.0) == (labels == "hips")).all(), "thighs do not count for the hips"
    assert float(np.asarray(carried.constants["reach"])[0]) > 0.1
