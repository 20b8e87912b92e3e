"""Hands beyond the one that carries: flat palms, two hands on one part, hinges, walkers and several people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import trimesh

from tests.plain_scene import box as box_distance
from tests.plain_scene import plain_object
from zeroshot_hoi.body import load_body
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.scene import ObjectParts, PartRegion, SceneObject
from zeroshot_hoi.geometry.builtin import builtin_mesh
from zeroshot_hoi.geometry.prepare import prepare_object
from zeroshot_hoi.geometry.query import grid_distance, pad_grid
from zeroshot_hoi.optimization.clearance_terms import watched
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.energies import contact, penetration
from zeroshot_hoi.optimization.grasp import Grasp
from zeroshot_hoi.optimization.grips import joint_choices
from zeroshot_hoi.optimization.holds import HANDS_ABOVE_HIPS
from zeroshot_hoi.optimization.palm import palm_grasps
from zeroshot_hoi.optimization.problem import frame_state
from zeroshot_hoi.optimization.start import Start
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.pose.prior import place
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.reference.scripted import script_motion

XP = numpy_namespace()
FRAMES = 17


@pytest.fixture(scope="module")
def body() -> SkinnedBody:
    return load_body("neutral")


@pytest.fixture(scope="module")
def box() -> SceneObject:
    return prepare_object("box", builtin_mesh("cardboard box"))


def _region(thing: SceneObject, name: str, chosen: np.ndarray, axis: Any, instances: np.ndarray | None = None):
    centers = thing.vertices[thing.faces].mean(1)
    labels = np.where(chosen, 0, -1) if instances is None else instances
    normal = np.array([0.0, 0.0, 1.0])
    return PartRegion(name, chosen.astype(float), labels, 1.0, np.asarray(axis, float), centers[chosen].mean(0), normal)


def _side(thing: SceneObject, sign: float) -> np.ndarray:
    """(F,) faces on the left (+) or right (-) side of a box."""
    centers = thing.vertices[thing.faces].mean(1)
    return sign * centers[:, 1] > 0.999 * (sign * thing.vertices[:, 1]).max()


def _recipe(people: int = 1, kind: str = "touch", script: list[dict[str, Any]] | None = None, **thing: Any) -> Recipe:
    names = [f"person {k + 1}" for k in range(people)]
    hands = [(n, s) for n in names for s in ("left", "right")]
    return Recipe.from_mapping({
        "schema": 1, "name": "two_hands", "text": "Hands hold a box.",
        "people": [{"name": n} for n in names],
        "objects": [
            {"name": "box", "builtin": "cardboard box", "parts": [{"name": "side"}], "rests_on": "hand", **thing}
        ],
        "edges": [{"nodes": [f"{n}, {s} hand", "box, side"], "is_rel_static": True, "is_continuous": True, "kind": kind}
                  for n, s in hands],
        "object_states": [{"name": "box", "is_translational": True, "is_rotational": False}],
        "human_states": [{"name": n} for n in names],
        "script": script or [{"subject": "box", "verb": "hold"}],
    })  # fmt: skip


def _compiler(recipe: Recipe, body: SkinnedBody, thing: SceneObject, region: PartRegion) -> Compiler:
    plan = plan_from_recipe(recipe, frames=FRAMES)
    bodies, objects = dict.fromkeys(plan.people, body), {"box": thing}
    parts = {"box": ObjectParts("box", {"side": region}, np.array([1.0, 0.0, 0.0]))}
    initial = place(plan, bodies, objects, parts)
    return Compiler(plan, bodies, objects, parts, initial, script_motion(plan, bodies, objects, parts, initial))


@pytest.fixture(scope="module")
def both_sides(box: SceneObject) -> PartRegion:
    left, right = _side(box, 1.0), _side(box, -1.0)
    return _region(box, "side", left | right, [1, 0, 0], np.where(left, 0, np.where(right, 1, -1)))


@pytest.fixture(scope="module")
def carried(body: SkinnedBody, box: SceneObject, both_sides: PartRegion) -> Compiler:
    return _compiler(_recipe(), body, box, both_sides)


def _grasps(compiler: Compiler) -> dict[str, Grasp]:
    return {
        name: palm_grasps(
            compiler.bodies[e.first.owner], e.first.part.split()[0], compiler.objects["box"], compiler.holds.region(e),
            compiler.holds.ahead(e),
        )[0]
        for name, e in compiler.holds.grips.items()
    }  # fmt: skip


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_palm_lies_flat_on_its_side(body: SkinnedBody, box: SceneObject, side: str) -> None:
    region = _region(box, "side", _side(box, 1.0), [1, 0, 0])
    grasps = palm_grasps(body, side, box, region, np.array([1.0, 0.0, 0.0]))
    skin = body.rest_vertices[np.array(body.part_labels) == f"{side} hand"]
    grid = pad_grid(box.grid)
    for grasp in grasps:
        assert np.allclose(grasp.rotation @ grasp.rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(grasp.rotation) == pytest.approx(1.0)
        assert 1e-4 < grasp.depth < 1e-3, "pressed lightly"
        assert grasp.touching > 10, "skin of the whole hand, not a fingertip"
        away = grid_distance(XP, grid, (skin - grasp.translation) @ grasp.rotation)
        assert away.min() > -0.02, "the open hand of the rest pose is near it too"
    assert [g.energy for g in grasps] == sorted(g.energy for g in grasps)
    turns = {tuple(np.round(g.rotation.ravel(), 3)) for g in grasps}
    assert len(turns) == len(grasps)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_palm_goes_beside_what_keeps_it_off_the_middle(body: SkinnedBody, side: str) -> None:
    wall = trimesh.creation.box((0.02, 0.5, 0.5))
    for _ in range(4):
        wall = wall.subdivide()
    bare = box_distance((-0.01, -0.25, -0.25), (0.01, 0.25, 0.25))
    shelf = box_distance((0.01, -0.25, 0.02), (0.13, 0.25, 0.25))
    thing = plain_object("wall", wall, lambda p: np.minimum(bare(p), shelf(p)), 0.006)
    region = _region(thing, "side", thing.vertices[thing.faces].mean(1)[:, 0] > 0.0099, [0, 1, 0])
    best = palm_grasps(body, side, thing, region, np.array([0.0, 1.0, 0.0]))[0]
    assert best.touching > 10, "the palm lies on the wall"
    assert best.depth < 2e-3
    plain = plain_object("wall", wall, bare, 0.006)
    middle = palm_grasps(body, side, plain, region, np.array([0.0, 1.0, 0.0]))[0]
    hand = body.rest_vertices[np.array(body.part_labels) == f"{side} hand"].mean(0)
    moved = (hand - best.translation) @ best.rotation - (hand - middle.translation) @ middle.rotation
    assert np.linalg.norm(moved[1:]) > 0.05, "only because something is in the way"


def test_each_hand_takes_its_own_instance(carried: Compiler, box: SceneObject) -> None:
    """The box looks ahead as the person does: its left side is the left hand's."""
    for name, edge in carried.holds.grips.items():
        faces = carried.holds.region(edge).faces
        middle = box.vertices[box.faces[faces]].mean((0, 1))
        assert np.sign(middle[1]) == (1.0 if "left" in name else -1.0)
        assert 0 < len(faces) < len(carried.parts["box"].parts["side"].faces)


def test_a_torso_touches_with_its_front_and_leans_on_its_back(carried: Compiler) -> None:
    rows = carried.rows["person 1"]
    chest, back = rows.touching("torso").rest[:, 0], rows.support("torso").rest[:, 0]
    assert chest.min() > back.max()
    assert rows.touching("head").rest == pytest.approx(rows.support("head").rest)


def test_two_hands_share_a_long_part(body: SkinnedBody) -> None:
    stick = prepare_object("box", builtin_mesh("broom"))
    centers = stick.vertices[stick.faces].mean(1)
    region = _region(stick, "side", centers[:, 2] > 0.3, [0, 0, 1])
    compiler = _compiler(_recipe(kind="grip"), body, stick, region)
    spots = {
        name.split(".")[1].split()[0]: compiler.holds.region(edge).center[2]
        for name, edge in compiler.holds.grips.items()
    }
    assert spots["left"] - spots["right"] == pytest.approx(0.36, abs=1e-6), "the right hand is lower where it stands"
    for edge in compiler.holds.grips.values():
        mine = centers[compiler.holds.region(edge).faces][:, 2]
        assert np.ptp(mine) < 0.37


@pytest.mark.parametrize("on", ["ground", ""])
def test_hands_take_a_standing_stick_where_they_work(body: SkinnedBody, on: str) -> None:
    """Hands go up a stick that stands on the ground, and down one that is held in the air."""
    stick = prepare_object("box", builtin_mesh("broom"))
    centers = stick.vertices[stick.faces].mean(1)
    region = _region(stick, "side", centers[:, 2] > 0.3, [0, 0, 1])
    script = [{"subject": "box", "verb": "hold", "keep": "down", "on": on}]
    compiler = _compiler(_recipe(kind="grip", script=script), body, stick, region)
    (track,) = compiler.holds.reference.objects.values()
    turn, place = track.rotation[0], track.translation[0]
    heights = {
        name: float(((compiler.holds.region(edge).center - track.anchor) @ turn.T + place)[2])
        for name, edge in compiler.holds.grips.items()
    }
    hips = compiler.initial.people["person 1"][0].root[2]
    assert max(heights.values()) - min(heights.values()) == pytest.approx(0.36, abs=1e-6)
    middle = np.mean(list(heights.values()))
    assert middle == pytest.approx(hips + HANDS_ABOVE_HIPS, abs=0.02)
    top = float(((stick.vertices - track.anchor) @ turn.T + place)[:, 2].max())
    assert max(heights.values()) < top, "on the stick"


def test_both_hands_on_one_thing_are_chosen_together(carried: Compiler) -> None:
    """The best pair is the best whatever the order in which each hand's grips come; every pair may be chosen."""
    grips = {
        name: palm_grasps(
            carried.bodies[e.first.owner], e.first.part.split()[0], carried.objects["box"], carried.holds.region(e),
            carried.holds.ahead(e),
        )
        for name, e in carried.holds.grips.items()
    }  # fmt: skip
    backward = {name: grasps[::-1] for name, grasps in grips.items()}
    (pairs,), (turned,) = joint_choices(carried, grips), joint_choices(carried, backward)
    assert len(pairs) == np.prod([len(g) for g in grips.values()])
    assert {frozenset(pair) for pair in pairs} == {frozenset(grips)}
    for name in grips:
        assert pairs[0][name] is turned[0][name]
    assert any(pairs[0][name] is not grasps[-1] for name, grasps in grips.items()), "not both turned by 90 degrees"


def test_one_hand_carries_and_the_other_keeps_its_place(carried: Compiler) -> None:
    """The anchors of the second hand are where its own grip has the wrist: zero residual when both grips hold."""
    grasps = _grasps(carried)
    start = Start({n: p[0] for n, p in carried.initial.people.items()}, grasps)
    carried.shape_hands(start)
    problem = carried.problem([start], [0])
    assert [thing.kind for thing in problem.objects] == ["ride"]
    (rider,) = carried.holds.carriers.values()
    (other,) = [e for name, e in carried.holds.grips.items() if name != rider.name]
    term = next(t for t in problem.terms if t.name == f"contact:{other.name}")
    assert term.energy is contact.anchored
    state = frame_state(XP, problem, problem.initial()[0], {n: v[0] for n, v in problem.base.items()})
    side = other.first.part.split()[0]
    grasp, hand = grasps[other.name], carried.open_rows["person 1"].wrists[side].rest
    # Put the object where this hand's grip wants it, with the wrist at rest: every anchor is then met.
    at_rest = (hand - grasp.translation) @ grasp.rotation
    assert np.abs(term.frames["anchor"][0] - at_rest).max() < 1e-9
    data = {**term.constants, **{k: v[0] for k, v in term.frames.items()}}
    assert np.isfinite(contact.anchored(XP, state, term, data)).all()


def test_hands_that_hold_are_not_kept_out(carried: Compiler) -> None:
    labels = np.array(carried.bodies["person 1"].part_labels)
    looked_at = watched(carried, "person 1", "box")
    assert not looked_at[np.isin(labels, ["left hand", "right hand"])].any()
    assert looked_at[labels == "torso"].all()


def test_a_walker_takes_the_box_along(body: SkinnedBody, box: SceneObject, both_sides: PartRegion) -> None:
    script = [{"subject": "box", "verb": "hold"}, {"subject": "person 1", "verb": "walk", "distance": 0.5}]
    compiler = _compiler(_recipe(script=script), body, box, both_sides)
    start = Start({n: p[0] for n, p in compiler.initial.people.items()}, _grasps(compiler))
    compiler.shape_hands(start)
    problem = compiler.problem([start] * FRAMES, np.arange(FRAMES))
    root = problem.base["root0"]
    assert np.linalg.norm(root[-1, :2] - root[0, :2]) == pytest.approx(0.5, abs=0.03)
    planted = next(t for t in problem.terms if t.name == "planted:person 1")
    anchor, gate = planted.frames["anchor"], planted.frames["gate"][..., 0]
    assert set(np.unique(gate).round(6)) <= {0.1, 1.0}, "loose in the air, firm on the ground"
    both_held = (gate[1:] == 1.0) & (gate[:-1] == 1.0)
    slide = np.linalg.norm(np.diff(anchor, axis=0), axis=-1)
    assert slide[both_held].max() < 0.002, "what stands does not slide"
    assert slide[~both_held].max() > 0.02, "what swings moves"
    path = next(t for t in problem.terms if t.name == "path:box").frames["target"]
    assert np.abs((path - path[0])[:, :2] - (root - root[0])[:, :2]).max() < 0.02


def test_people_keep_apart(body: SkinnedBody, box: SceneObject, both_sides: PartRegion) -> None:
    compiler = _compiler(_recipe(people=2), body, box, both_sides)
    start = Start({n: p[0] for n, p in compiler.initial.people.items()}, _grasps(compiler))
    compiler.shape_hands(start)
    problem = compiler.problem([start], [0])
    (term,) = [t for t in problem.terms if t.energy is penetration.body_in_body]
    assert (term.person, term.other) == (1, 0)
    x = problem.initial()[0]
    state = frame_state(XP, problem, x, {n: v[0] for n, v in problem.base.items()})
    data = dict(term.constants)
    assert penetration.body_in_body(XP, state, term, data).max() > 0.05, "both stand on one spot"
    bones = state.bones[1].copy()
    bones[3::4] += [3.0, 0.0, 0.0]
    away = state._replace(bones=(state.bones[0], bones))
    assert penetration.body_in_body(XP, away, term, data).max() == 0.0


def test_a_door_turns_about_its_far_edge(body: SkinnedBody) -> None:
    door = prepare_object("box", builtin_mesh("door"))
    low, high = door.vertices.min(0), door.vertices.max(0)
    wide = int(np.argmax((high - low)[:2]))
    centers = door.vertices[door.faces].mean(1)
    near_high = centers[:, wide] > high[wide] - 0.15
    compiler = _compiler(
        _recipe(kind="grip", rests_on="ground", script=[{"subject": "box", "verb": "open", "angle": 30.0}]),
        body, door, _region(door, "side", near_high, [0, 0, 1]),
    )  # fmt: skip
    track = compiler.reference.objects["box"]
    assert track.guided
    assert compiler.holds.carriers == {}, "hands follow a door, it does not ride on them"
    hinge = np.array([*(0.5 * (low + high))[:2], 0.0])
    hinge[wide] = low[wide]
    places = np.einsum("tij,j->ti", track.rotation, hinge) + track.translation
    assert np.abs(places - places[0]).max() < 1e-9
    turn = np.degrees(np.arccos((np.trace(track.rotation[-1] @ track.rotation[0].T) - 1) / 2))
    assert turn == pytest.approx(30.0, abs=0.1)
    closing = _compiler(
        _recipe(kind="grip", rests_on="ground", script=[{"subject": "box", "verb": "close", "angle": 30.0}]),
        body, door, _region(door, "side", near_high, [0, 0, 1]),
    )  # fmt: skip
    back = closing.reference.objects["box"]
    assert back.rotation == pytest.approx(track.rotation[::-1], abs=1e-9), "closing is opening, played backward"
    assert back.translation == pytest.approx(track.translation[::-1], abs=1e-9)
