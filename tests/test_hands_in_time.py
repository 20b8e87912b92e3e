"""Hands that hold in a part of the time, slide on their own, or take a stretch of a part; people who ride."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import trimesh

from tests.plain_scene import box, part_of, plain_object
from zeroshot_hoi.body import load_body
from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.kinematics import bone_transforms, stack_transforms
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.errors import HoiError, RecipeError
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.reference import InitialScene, ReferenceMotion
from zeroshot_hoi.core.scene import ObjectParts, PartRegion, SceneObject
from zeroshot_hoi.geometry.builtin import builtin_mesh
from zeroshot_hoi.geometry.query import pad_grid
from zeroshot_hoi.optimization import reaching
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.grasp import Grasp
from zeroshot_hoi.optimization.person import person_rows
from zeroshot_hoi.optimization.start import Start
from zeroshot_hoi.optimization.stretches import (
    HANDS_ON_RIM,
    RIM_REACH,
    across_hand,
    near_side_of,
    nearest_of,
    rim_of,
    side_of,
    top_of,
)
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.pose.prior import place
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.reference.hands import hand_overs
from zeroshot_hoi.reference.scripted import script_motion
from zeroshot_hoi.reference.verbs import GRAVITY
from zeroshot_hoi.reference.workspace import front_of

FORWARD, LEFT = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
HOLDS = "person 1.right hand->thing.slab"
TAKES = "person 2.right hand->thing.slab"


@pytest.fixture(scope="module")
def body() -> SkinnedBody:
    return load_body("neutral")


def _slab(size: tuple[float, float, float], spacing: float = 0.02) -> tuple[SceneObject, PartRegion]:
    """A box of this size on z = 0, subdivided, with one part that is all of it."""
    mesh = trimesh.creation.box(extents=size)
    mesh = mesh.subdivide_to_size(0.03)
    mesh.apply_translation([0.0, 0.0, 0.5 * size[2]])
    low, high = (-0.5 * size[0], -0.5 * size[1], 0.0), (0.5 * size[0], 0.5 * size[1], size[2])
    thing = plain_object("thing", mesh, box(low, high), spacing)
    return thing, part_of(thing, "slab", np.arange(len(mesh.faces)), np.array([0.0, 0.0, 1.0]))


def _recipe(script: list[dict[str, Any]], people: int = 2, **edge: Any) -> Recipe:
    names = [f"person {k + 1}" for k in range(people)]
    flags = {"is_rel_static": True, "is_continuous": False, "kind": "grip"} | edge
    relations = [{"person": n, "object": "person 1"} for n in names[1:]]
    return Recipe.from_mapping({
        "schema": 1, "name": "handing", "text": "Hands take turns.",
        "people": [{"name": n} for n in names],
        "objects": [{"name": "thing", "builtin": "book", "rests_on": "hand", "parts": [{"name": "slab"}]}],
        "edges": [{"nodes": [f"{n}, right hand", "thing, slab"], **flags} for n in names],
        "object_states": [{"name": "thing", "is_translational": True, "is_rotational": False}],
        "relations": relations, "script": script,
    })  # fmt: skip


def _played(recipe: Recipe, body: SkinnedBody) -> tuple[Plan, InitialScene, ReferenceMotion]:
    plan = plan_from_recipe(recipe)
    thing, part = _slab((0.2, 0.05, 0.03))
    bodies, objects = dict.fromkeys(plan.people, body), {"thing": thing}
    parts = {"thing": ObjectParts("thing", {"slab": part}, FORWARD)}
    scene = place(plan, bodies, objects, parts)
    return plan, scene, script_motion(plan, bodies, objects, parts, scene)


def _compiled(recipe: Recipe, body: SkinnedBody) -> tuple[Plan, InitialScene, ReferenceMotion, Compiler]:
    plan, scene, reference = _played(recipe, body)
    thing, part = _slab((0.2, 0.05, 0.03))
    parts = {"thing": ObjectParts("thing", {"slab": part}, FORWARD)}
    bodies = dict.fromkeys(plan.people, body)
    return plan, scene, reference, Compiler(plan, bodies, {"thing": thing}, parts, scene, reference)


def _grasp(person: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    return {"subject": person, "verb": "grasp", "start": start, "end": end, "object": "thing", **more}


# -- people -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "bearing"), [("front", 0.0), ("left", 90.0), ("back", 180.0)])
def test_people_stand_before_one_another(side: str, bearing: float, body: SkinnedBody) -> None:
    recipe = _recipe([_grasp("person 1", 0.0, 1.0)])
    plan = plan_from_recipe(recipe)
    plan = replace(plan, relations=(replace(plan.relations[0], side=side),))
    thing, part = _slab((0.2, 0.05, 0.03))
    people = place(
        plan,
        dict.fromkeys(plan.people, body),
        {"thing": thing},
        {"thing": ObjectParts("thing", {"slab": part}, FORWARD)},
    ).people
    first, second = people["person 1"][0], people["person 2"][0]
    away = (second.root - first.root)[:2]
    assert np.linalg.norm(away) == pytest.approx(1.0)
    assert np.degrees(np.arctan2(away[1], away[0])) == pytest.approx(bearing, abs=1e-6)
    looks = np.array([np.cos(second.heading), np.sin(second.heading)])
    assert looks @ away == pytest.approx(-1.0), "toward the other"


def test_nobody_stands_before_who_comes_later_or_on_somebody(body: SkinnedBody) -> None:
    recipe = _recipe([_grasp("person 1", 0.0, 1.0)])
    plan = plan_from_recipe(recipe)
    thing, part = _slab((0.2, 0.05, 0.03))
    scene = ({"thing": thing}, {"thing": ObjectParts("thing", {"slab": part}, FORWARD)})
    for change, message in (
        ({"person": "person 1", "object": "person 2"}, "List 'person 2' first"),
        ({"side": "on"}, "Nobody is placed 'on' a person"),
    ):
        wrong = replace(plan, relations=(replace(plan.relations[0], **change),))
        with pytest.raises(HoiError, match=message):
            place(wrong, dict.fromkeys(plan.people, body), *scene)


# -- hands in time ----------------------------------------------------------------------------------------------------


def test_hands_hold_while_the_script_says_so(body: SkinnedBody) -> None:
    script = [_grasp("person 1", 0.0, 0.5), _grasp("person 2", 0.4, 1.0, object="thing, slab")]
    plan, _, reference = _played(_recipe(script), body)
    clock = np.linspace(0.0, 1.0, plan.frames)
    seconds = plan.frames / plan.fps
    first, second = (reference.people[f"person {k}"] for k in (1, 2))
    assert first.gates[HOLDS] == pytest.approx((clock <= 0.5).astype(float))
    assert second.gates[TAKES] == pytest.approx((clock >= 0.4).astype(float))
    assert first.away[HOLDS] == pytest.approx(seconds * np.maximum(clock - 0.5, 0.0))
    assert second.away[TAKES] == pytest.approx(seconds * np.maximum(0.4 - clock, 0.0))
    assert (np.maximum(first.gates[HOLDS], second.gates[TAKES]) == 1.0).all(), "nobody drops it"
    assert not reference.objects["thing"].thrown


@pytest.mark.parametrize("direction", ["forward", "left"])
def test_a_thing_is_handed_over_halfway_between_two_people(direction: str, body: SkinnedBody) -> None:
    """Whatever the script says of the way there; who only holds it keeps the script's way."""
    grasps = [_grasp("person 1", 0.0, 0.6, hand="right"), _grasp("person 2", 0.5, 1.0, hand="right")]
    way = [
        {"subject": "thing", "verb": "carry", "start": 0.1, "end": 0.4, "direction": direction, "distance": 0.2},
        {"subject": "thing", "verb": "carry", "start": 0.6, "end": 1.0, "direction": "forward", "distance": 0.1},
    ]
    plan, initial, reference = _played(_recipe([*grasps, *way]), body)
    assert hand_overs("thing", plan) == [("person 1", "person 2", 0.5, 0.6)]
    fronts = [front_of(body, initial.people[name][0]) for name in ("person 1", "person 2")]
    path = reference.objects["thing"].translation
    both = path[round(0.55 * (plan.frames - 1))]
    assert both == pytest.approx(0.5 * (fronts[0] + fronts[1]), abs=0.01)
    ahead = fronts[1] - fronts[0]
    assert (path[-1] - both) @ ahead > 0.05 * np.linalg.norm(ahead), "what the script does next goes on from there"

    later = [dict(grasp, start=0.7) if grasp["start"] else grasp for grasp in grasps]
    plan, _, alone = _played(_recipe([*later, *way]), body)
    assert not hand_overs("thing", plan), "nobody has it from .6 to .7"
    assert np.abs(alone.objects["thing"].translation - path).max() > 0.02
    walking = [*grasps, *way, {"subject": "person 1", "verb": "walk", "start": 0.0, "end": 0.4, "distance": 0.6}]
    assert np.ptp(_played(_recipe(walking), body)[2].objects["thing"].translation[:, 0]) > 0.6


def test_a_hand_follows_what_it_throws_and_slows_down() -> None:
    since = np.linspace(-1.0, 1.0, 201)
    way = reaching.follow_through(since)
    assert way == pytest.approx(-way[::-1])
    assert np.diff(way).max() / np.diff(since)[0] == pytest.approx(1.0, abs=0.1), "at first as fast as the thing"
    assert (np.diff(way) > 0.0).all()
    assert way[-1] == pytest.approx(reaching.FOLLOW_SECONDS, rel=1e-4)


def test_a_hand_is_led_to_where_it_takes_and_leaves_what_flies(body: SkinnedBody) -> None:
    throw = {"subject": "thing", "verb": "throw", "start": 0.2, "end": 0.8, "to": "person 2", "height": 0.45}
    recipe = _recipe([throw, _grasp("person 1", 0.0, 0.25), _grasp("person 2", 0.75, 1.0)])
    plan, _scene, reference, compiler = _compiled(recipe, body)
    edge = next(e for e in plan.graph.edges if e.name == HOLDS)
    assert compiler.is_thrown(edge)
    path, t = reference.objects["thing"].translation, np.arange(plan.frames)
    lag = compiler.lag(edge, np.zeros((plan.frames, 1, 3)), np.tile(LEFT, (plan.frames, 1)), t)[:, 0]
    release = np.flatnonzero(reference.people["person 1"].gates[HOLDS])[-1]
    assert lag[: release + 1] == pytest.approx(np.zeros((release + 1, 3)))
    led = path + lag
    velocity = plan.fps * (path[release + 1] - path[release - 1]) / 2.0
    assert np.linalg.norm(velocity) > 1.0
    gone = led[-1] - path[release]
    assert gone @ velocity > 0.0, "it follows"
    assert np.linalg.norm(gone) < 2.0 * reaching.FOLLOW_SECONDS * np.linalg.norm(velocity), "and stays"
    highest = path[np.argmax(path[:, 2])]
    assert np.linalg.norm(highest - path[release]) > 1.5 * np.linalg.norm(gone), "while the thing flies off"


@pytest.mark.parametrize(("release", "catch"), [(0.25, 0.75), (0.2, 0.6), (0.5, 0.8)])
def test_hands_hold_until_what_they_throw_flies(release: float, catch: float, body: SkinnedBody) -> None:
    throw = {"subject": "thing", "verb": "throw", "start": 0.2, "end": 0.8, "to": "person 2", "height": 0.45}
    script = [throw, _grasp("person 1", 0.0, release), _grasp("person 2", catch, 1.0)]
    plan, _, reference = _played(_recipe(script), body)
    rises = reference.objects["thing"].translation[:, 2]
    aloft = np.flatnonzero(np.diff(rises, n=2) * plan.fps**2 < -0.9 * GRAVITY) + 1  # their neighbors are in the air too
    first, second = (reference.people[f"person {k}"].gates[e] for k, e in ((1, HOLDS), (2, TAKES)))
    assert (first[aloft[0] : aloft[-1] + 1] == 0.0).all()
    assert (second[aloft[0] : aloft[-1] + 1] == 0.0).all()
    assert (first[: aloft[0] - 1] == 1.0).all(), "held until it flies"
    assert (second[aloft[-1] + 2 :] == 1.0).all(), "held from when it comes"


@pytest.mark.parametrize(
    ("script", "changes", "message"),
    [
        ([_grasp("person 1", 0.0, 0.5, object="thign")], {}, "Did you mean 'thing'"),
        ([_grasp("person 1", 0.0, 0.5, hand="left")], {}, "no edge joins that hand"),
        ([_grasp("person 1", 0.0, 0.5, hand="rihgt")], {}, "Did you mean 'right'"),
        ([_grasp("person 1", 0.0, 0.5)], {"is_continuous": True}, "held all the time"),
        ([{"subject": "person 1", "verb": "move_hand"}], {}, "nothing that it may slide on"),
        ([{"subject": "person 1", "verb": "ride", "object": "thign"}], {}, "does not move"),
    ],
)
def test_what_hands_cannot_do_is_refused(script: list, changes: dict, message: str, body: SkinnedBody) -> None:
    with pytest.raises(RecipeError, match=message):
        _played(_recipe(script, **changes), body)


def test_a_hand_slides_to_and_fro_where_it_touches(body: SkinnedBody) -> None:
    script = [{"subject": "person 1", "verb": "move_hand", "distance": 0.12, "cycles": 4.0, "direction": "down"}]
    plan, _, reference = _played(_recipe(script, 1, is_rel_static=False, kind="touch"), body)
    stroke = reference.people["person 1"].strokes[HOLDS]
    assert stroke.shape == (plan.frames, 3)
    assert not stroke[:, :2].any()
    assert 0.1 < np.ptp(stroke[:, 2]) <= 0.12
    assert np.abs(stroke[[0, -1]]).max() < 1e-9, "begins and ends where it touched"
    turning = np.diff(np.sign(np.diff(stroke[8:-8, 2])))
    assert 3 <= np.count_nonzero(turning) <= 8


def test_a_hand_strokes_with_its_fingertips_and_rests_with_its_palm(body: SkinnedBody) -> None:
    edge = {"is_rel_static": False, "kind": "touch"}
    stroke = [{"subject": "person 1", "verb": "move_hand", "distance": 0.12}]
    pads = {}
    for name, script in (("strokes", stroke), ("rests", [])):
        _, scene, _, compiler = _compiled(_recipe(script, 1, **edge), body)
        start = Start({"person 1": scene.people["person 1"][0]}, {})
        (term,) = [t for t in compiler.problem([start], [0]).terms if t.name == f"contact:{HOLDS}"]
        pads[name] = len(term.constants["rows"])
        assert len(term.constants["reach"]) == pads[name]
    names = compiler.rows["person 1"].pad_names
    assert pads["strokes"] == sum("distal" in name for name in names) == 5
    assert pads["rests"] == len(names) > 10


def test_a_hand_withdraws_and_opens_and_relaxes() -> None:
    away = np.linspace(0.0, 2.0, 65)
    distance, firm = reaching.distance(away), reaching.firmness(away)
    assert distance[0] == 0.0
    assert distance[-1] == pytest.approx(reaching.REACH_METRES)
    assert (np.diff(distance) >= 0.0).all()
    assert firm[0] == 1.0
    assert firm[-1] == 0.0
    held, opened, relaxed = np.full(3, 1.0), np.zeros(3), np.full(3, 0.4)
    values = [reaching.fingers(seconds, held, opened, relaxed)[0] for seconds in (0.0, 0.3, 0.5, 1.2)]
    assert values == pytest.approx([1.0, 0.0, 0.0, 0.4])


@pytest.mark.parametrize("kind", ["grip", "touch"])
def test_fingers_open_from_a_grip_and_a_flat_hand_stays_flat(kind: str, body: SkinnedBody) -> None:
    recipe = _recipe([_grasp("person 1", 0.0, 0.5)], 1, kind=kind)
    _, scene, reference, compiler = _compiled(recipe, body)
    fingers = list(compiler.rows["person 1"].fingers["right"])
    q = np.zeros(len(body.freedoms.names))
    q[fingers] = 0.2
    start = Start(
        {"person 1": scene.people["person 1"][0]}, {HOLDS: Grasp(q, np.eye(3), np.zeros(3), 0.0, 5, True, 0.0)}
    )
    away = reference.people["person 1"].away[HOLDS]
    times = [0, int(np.flatnonzero(away > reaching.OPENING_SECONDS)[0])]
    assert away[times[1]] < reaching.RELAXING_SECONDS[0]
    held, let_go = compiler.problem([start, start], times).base["q0"][:, fingers]
    assert held == pytest.approx(np.clip(np.full(len(fingers), 0.2), *body.freedoms.limits[fingers].T))
    assert (np.abs(let_go - held).max() < 1e-9) == (kind == "touch")


def test_an_open_hand_leaves_on_the_free_side(body: SkinnedBody) -> None:
    """A hand whose palm lies flat on a box goes away from it, not into it."""
    thing, _ = _slab((0.3, 0.3, 0.1))
    hand = reaching.measure_hand(body, "right")
    rotation = np.stack(
        [hand.frame.distal, np.cross(-hand.frame.normal, hand.frame.distal), -hand.frame.normal], axis=1
    )
    translation = hand.frame.palm + 0.02 * hand.frame.normal - rotation @ np.array([0.0, 0.0, 0.1])
    grasp = Grasp(np.zeros(len(body.freedoms.names)), rotation, translation, 0.0, 5, True, 0.0)
    way = reaching.withdrawal(body, "right", pad_grid(thing.grid), grasp)
    assert np.linalg.norm(way) == pytest.approx(1.0)
    assert way @ hand.frame.normal < 0.3, "not into the palm's side"
    assert (way @ rotation)[2] > -1e-6, "not down into the box"


def test_a_hand_leaves_what_flies_off_back_first(body: SkinnedBody) -> None:
    """Whatever way is free for a hand that puts the same thing down."""
    throw = {"subject": "thing", "verb": "throw", "start": 0.2, "end": 0.8, "to": "person 2", "height": 0.45}
    recipe = _recipe([throw, _grasp("person 1", 0.0, 0.25), _grasp("person 2", 0.75, 1.0)])
    plan, scene, _reference, compiler = _compiled(recipe, body)
    edge = next(e for e in plan.graph.edges if e.name == HOLDS)
    grasp = Grasp(np.zeros(len(body.freedoms.names)), np.eye(3), np.zeros(3), 0.0, 5, True, 0.0)
    start = Start({"person 1": scene.people["person 1"][0]}, {HOLDS: grasp})
    assert compiler.withdrawal(edge, start) == pytest.approx(-reaching.measure_hand(body, "right").frame.normal)


def test_a_thing_is_where_a_hand_takes_it_and_where_it_has_it_in_the_end(body: SkinnedBody) -> None:
    carry = {"subject": "thing", "verb": "carry", "start": 0.5, "end": 1.0, "direction": "forward", "distance": 0.3}
    recipe = _recipe([carry, _grasp("person 1", 0.0, 0.6), _grasp("person 2", 0.5, 1.0)])
    plan, _, reference, compiler = _compiled(recipe, body)
    holds = compiler.holds
    gives, takes = (next(e for e in plan.graph.edges if e.name == name) for name in (HOLDS, TAKES))
    path = reference.objects["thing"].translation
    middle = path[:, :2] - path[0, :2]
    for edge, share, k in ((gives, 0.0, 0), (takes, 0.0, None), (takes, 1.0, plan.frames - 1)):
        begin = int(np.flatnonzero(reference.people[edge.first.owner].gates[edge.name])[0])
        place_, first = holds.placed(edge, share)[1], holds.placed(gives)[1]
        assert (place_ - first)[:2] == pytest.approx(middle[begin if k is None else k], abs=1e-6)
    begin = int(np.flatnonzero(reference.people["person 2"].away[TAKES] == 0.0)[0])
    half_way = (holds.placed(takes, 0.5)[1] - holds.placed(gives)[1])[:2]
    assert half_way == pytest.approx(middle[round(0.5 * (begin + plan.frames - 1))], abs=1e-6)


# -- stretches --------------------------------------------------------------------------------------------------------


def test_two_hands_take_the_ends_of_what_they_span() -> None:
    thing, part = _slab((0.22, 0.32, 0.02))
    centers = thing.vertices[thing.faces].mean(1)
    for sign in (1.0, -1.0):
        mine = rim_of(thing, part, LEFT, FORWARD, sign, True)
        assert (np.linalg.norm(centers[mine.faces] - mine.center, axis=1) < RIM_REACH).all()
        assert sign * mine.center @ LEFT == pytest.approx(0.145), "inside the rim"
        assert -0.06 < mine.center @ FORWARD < 0.0, "nearer than the middle"
        assert abs(mine.axis @ (FORWARD + 0.7 * sign * LEFT)) > 1.2, "the forearm comes from beside and behind"


def test_two_hands_take_the_near_rim_of_a_long_table() -> None:
    thing, part = _slab((0.75, 1.2, 0.03))
    middles = [rim_of(thing, part, LEFT, FORWARD, sign, True) for sign in (1.0, -1.0)]
    for mine in middles:
        assert mine.center @ FORWARD == pytest.approx(-0.36)
        assert abs(mine.axis @ LEFT) == pytest.approx(1.0)
        assert len(mine.faces) > 0
    assert (middles[0].center - middles[1].center) @ LEFT == pytest.approx(HANDS_ON_RIM)
    alone = rim_of(thing, part, LEFT, FORWARD, 1.0, False)
    assert alone.center @ LEFT == pytest.approx(0.0)
    assert across_hand(thing, part) == pytest.approx(0.75, rel=0.02)


def test_palms_press_from_both_sides() -> None:
    thing, part = _slab((0.2, 0.2, 0.2))
    for sign in (1.0, -1.0):
        mine = side_of(thing, part, sign * LEFT)
        assert mine.center == pytest.approx(0.1 * sign * LEFT + [0.0, 0.0, 0.1], abs=1e-6)
        assert 0 < len(mine.faces) < len(part.faces) / 4


def test_of_two_handles_the_near_one_is_taken() -> None:
    thing, part = _slab((0.4, 0.1, 0.1))
    x = thing.vertices[thing.faces].mean(1)[:, 0]
    part = replace(part, instances=np.where(x > 0.1, 0, np.where(x < -0.1, 1, -1)), probability=(np.abs(x) > 0.1) * 1.0)
    mine = nearest_of(thing, part, -FORWARD)
    assert mine.center[0] < -0.1
    assert (x[mine.faces] < 0.0).all()


def test_what_hangs_is_held_at_the_top_of_its_loop() -> None:
    mesh = builtin_mesh("bag")
    handle = (
        mesh.geometry["handle"]
        if "handle" in mesh.geometry
        else next(g for name, g in mesh.geometry.items() if "handle" in name)
    )
    thing = plain_object("bag", handle, box((-0.06, -0.06, 0.35), (0.06, 0.06, 0.52)), 0.02)
    part = part_of(thing, "handle", np.arange(len(thing.faces)), np.array([0.0, 0.0, 1.0]))
    mine = top_of(thing, part, np.array([0.0, 0.0, 1.0]))
    assert mine.center[2] > part.center[2] + 0.02
    assert abs(mine.axis @ FORWARD) > 0.95, "along the top, across the hand"
    assert 0 < len(mine.faces) < 0.7 * len(part.faces)


# -- riding -----------------------------------------------------------------------------------------------------------


def _ridden(body: SkinnedBody, pushes: float, distance: float = 4.0) -> tuple[Plan, InitialScene, ReferenceMotion]:
    plan = plan_from_recipe(Recipe.from_mapping({
        "schema": 1, "name": "rolling", "text": "A person rolls.", "people": [{"name": "person 1"}],
        "objects": [{"name": "thing", "builtin": "skateboard", "parts": [{"name": "slab"}]}],
        "edges": [{"nodes": ["person 1, left foot", "thing, slab"], "is_rel_static": True, "is_continuous": True,
                   "kind": "support"}],
        "object_states": [{"name": "thing", "is_translational": True, "is_rotational": False}],
        "relations": [{"person": "person 1", "object": "thing", "side": "on", "facing": "away"}],
        "script": [{"subject": "thing", "verb": "roll", "distance": distance},
                   {"subject": "person 1", "verb": "ride", "object": "thing", "pushes": pushes}],
    }))  # fmt: skip
    thing, part = _slab((0.8, 0.2, 0.1))
    parts = {"thing": ObjectParts("thing", {"slab": part}, np.zeros(3))}
    scene = place(plan, {"person 1": body}, {"thing": thing}, parts)
    return plan, scene, script_motion(plan, {"person 1": body}, {"thing": thing}, parts, scene)


def test_who_rides_goes_along(body: SkinnedBody) -> None:
    _, scene, reference = _ridden(body, 0.0)
    placement = scene.people["person 1"][0]
    travel, track = reference.people["person 1"].travel, reference.objects["thing"]
    assert travel is not None
    assert track.guided
    way = travel.placed(placement)
    assert way.root[0] == pytest.approx(placement.root)
    assert way.root - way.root[0] == pytest.approx(track.translation - track.translation[0])
    assert np.ptp(track.translation[:, 0]) == pytest.approx(4.0)
    assert way.feet["left"].rides
    assert not way.feet["right"].rides
    assert not way.feet["left"].heel_down.any(), "no ground holds it"
    middle = placement.feet["left"][:2]
    assert middle == pytest.approx((0.0, 0.0), abs=0.02), "on the deck"


def test_a_foot_pushes_from_the_ground_and_swings_through(body: SkinnedBody) -> None:
    _, scene, reference = _ridden(body, 2.0)
    travel = reference.people["person 1"].travel
    assert travel is not None
    foot = travel.placed(scene.people["person 1"][0]).feet["right"]
    flat = (foot.heel_down * foot.toe_down) > 0.5
    assert 2 <= np.count_nonzero(np.diff(flat.astype(int)) == 1) <= 3
    steps = np.linalg.norm(np.diff(foot.pose[:, :2, 3], axis=0), axis=1)
    assert steps[flat[1:] & flat[:-1]].max() < 1e-9, "a foot on the ground stays"
    assert foot.pose[:, 2, 3].max() > 0.03, "and comes off it"
    assert foot.pose[0, 1, 3] < -0.1, "beside the deck"


def test_pushing_needs_a_free_foot_and_a_way(body: SkinnedBody) -> None:
    with pytest.raises(RecipeError, match=r"0\.5 m or more each time"):
        _ridden(body, 4.0, 1.0)


def test_soles_and_faces_have_their_own_pads(body: SkinnedBody) -> None:
    rows = person_rows(body)
    xp = numpy_namespace()
    rest = stack_transforms(
        xp,
        bone_transforms(xp, body, to_pose(xp, body.freedoms, np.zeros(len(body.freedoms.names))), body.rest_joints[0]),
    )
    at = dict(zip(body.joint_names, body.rest_joints, strict=True))
    ball = rows.foot_pads("left", False) @ rest
    whole = rows.foot_pads("left", True) @ rest
    assert len(ball) == 2
    assert len(whole) == 3
    assert (ball[..., 0] > at["left_ankle"][0] + 0.05).all()
    assert (whole[2, :, 0] < at["left_ankle"][0] + 0.02).all(), "the heel"
    assert ball[..., 2].max() < body.rest_vertices[:, 2].min() + 0.03
    eyes, mouth = rows.face("eyes") @ rest, rows.face("mouth") @ rest
    assert sorted(np.sign(eyes.mean(1)[:, 1])) == [-1.0, 1.0]
    assert len(mouth) == 1
    assert 0.04 < eyes[..., 2].mean() - mouth[..., 2].mean() < 0.12
    assert abs(mouth[..., 1].mean()) < 0.01


def _lever(through: bool) -> tuple[SceneObject, PartRegion]:
    """A door's leaf 4 cm thick across x, and a lever on one side of it or, in one piece, on both."""
    leaf = trimesh.creation.box(bounds=((-0.02, -0.4, 0.0), (0.02, 0.4, 2.0))).subdivide_to_size(0.05)
    near = trimesh.creation.box(bounds=((-0.07, -0.35, 0.98), (-0.05, -0.25, 1.0))).subdivide_to_size(0.03)
    far = trimesh.creation.box(bounds=((0.05, -0.35, 0.98), (0.07, -0.25, 1.0))).subdivide_to_size(0.03)
    mesh = leaf + near + far if through else leaf + near
    thing = plain_object("door", mesh, box((-0.02, -0.4, 0.0), (0.02, 0.4, 2.0)), 0.05)
    return thing, part_of(thing, "handle", np.arange(len(leaf.faces), len(mesh.faces)), FORWARD)


def test_of_a_lever_that_goes_through_its_door_a_hand_takes_the_near_side() -> None:
    thing, region = _lever(through=True)
    for toward in (-FORWARD, FORWARD):
        mine = near_side_of(thing, region, toward)
        assert mine is not None
        points = thing.vertices[np.unique(thing.faces[mine.faces])]
        assert (points @ toward).min() == pytest.approx(0.05), "all around the lever, and nothing beyond the leaf"
        assert mine.center == pytest.approx(0.06 * toward + [0.0, -0.3, 0.99], abs=0.005)
        assert abs(mine.axis[1]) > 0.99
    alone, region = _lever(through=False)
    assert near_side_of(alone, region, -FORWARD) is None, "nothing to choose from"
    bar, whole = _slab((0.03, 0.2, 0.03))
    assert near_side_of(bar, whole, -FORWARD) is None, "a bar is taken from both sides"
