"""Hands on what is flat: from its outer side, by fingertips where it is short, each hand on its half, within reach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from tests.plain_scene import box, part_of, plain_object
from zeroshot_hoi.body import load_body
from zeroshot_hoi.body.freedoms import named_values, to_pose
from zeroshot_hoi.body.kinematics import bone_transforms, joint_pose
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.scene import ObjectParts, PartRegion, SceneObject
from zeroshot_hoi.optimization import grasp as grasps
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.grasp import Grasp, find_grasps
from zeroshot_hoi.optimization.grips import find_grips
from zeroshot_hoi.optimization.person import PAD_POINTS
from zeroshot_hoi.optimization.plates import plate_of
from zeroshot_hoi.optimization.start import Start
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.pose.prior import ON_TABLE, WORKED_ON, place
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.reference.scripted import script_motion

FRAMES = 8
TABLE_HALF, TABLE_HEIGHT = (0.6, 0.5), 0.75
UP = np.array([0.0, 0.0, 1.0])


@pytest.fixture(scope="module")
def body() -> SkinnedBody:
    return load_body("neutral")


def _slab(name: str, size: tuple[float, float, float]) -> SceneObject:
    """A box of this size on z = 0, subdivided."""
    mesh = trimesh.creation.box(extents=size)
    mesh = mesh.subdivide_to_size(0.04)
    mesh.apply_translation([0.0, 0.0, 0.5 * size[2]])
    return plain_object(
        name, mesh, box((-0.5 * size[0], -0.5 * size[1], 0.0), (0.5 * size[0], 0.5 * size[1], size[2])), 0.02
    )


def _top(thing: SceneObject, name: str) -> PartRegion:
    centers = thing.vertices[thing.faces].mean(1)
    return part_of(thing, name, np.flatnonzero(centers[:, 2] > thing.vertices[:, 2].max() - 1e-4), UP)


def _bottom(thing: SceneObject, name: str) -> PartRegion:
    centers = thing.vertices[thing.faces].mean(1)
    return part_of(thing, name, np.flatnonzero(centers[:, 2] < 1e-4), -UP)


def _typing(body: SkinnedBody, deep: float = 0.14, moves: bool = False, kind: str = "touch") -> Compiler:
    """A person at a table on which something flat lies, `deep` metres from front to back."""
    recipe = Recipe.from_mapping({
        "schema": 1, "name": "typing", "text": "A person touches a board.", "people": [{"name": "person 1"}],
        "objects": [
            {"name": "table", "builtin": "table", "parts": [{"name": "top"}]},
            {"name": "board", "builtin": "keyboard", "rests_on": "table",
             "parts": [{"name": "keys"}, {"name": "foot"}]}],
        "edges": [
            *({"nodes": [f"person 1, {s} hand", "board, keys"], "kind": kind, "is_rel_static": kind == "grip",
               "is_continuous": kind == "grip"} for s in ("left", "right")),
            {"nodes": ["board, foot", "table, top"], "kind": "rest", "is_rel_static": True, "is_continuous": True}],
        "object_states": [{"name": "board", "is_translational": moves, "is_rotational": False},
                          {"name": "table", "is_translational": False, "is_rotational": False}],
        "relations": [{"person": "person 1", "object": "table", "side": "near", "facing": "toward"}],
        "script": [{"subject": "person 1", "verb": "lean_forward", "angle": 5.0}],
    })  # fmt: skip
    plan = plan_from_recipe(recipe, frames=FRAMES)
    table, board = (
        _slab("table", (2 * TABLE_HALF[0], 2 * TABLE_HALF[1], TABLE_HEIGHT)),
        _slab("board", (0.44, deep, 0.02)),
    )
    objects, bodies = {"table": table, "board": board}, {"person 1": body}
    parts = {
        "table": ObjectParts("table", {"top": _top(table, "top")}, np.zeros(3)),
        "board": ObjectParts("board", {"keys": _top(board, "keys"), "foot": _bottom(board, "foot")}, np.zeros(3)),
    }
    initial = place(plan, bodies, objects, parts)
    return Compiler(plan, bodies, objects, parts, initial, script_motion(plan, bodies, objects, parts, initial))


def _terms(compiler: Compiler) -> dict[str, dict]:
    start = Start({"person 1": compiler.initial.people["person 1"][0]}, {})
    problem = compiler.problem([start], [4])
    return {term.name: {**term.constants, **(term.frames or {})} for term in problem.terms}


# -- plates -----------------------------------------------------------------------------------------------------------


def test_a_flat_part_is_the_plane_it_shows() -> None:
    board = _slab("board", (0.44, 0.14, 0.02))
    plate = plate_of(board, _top(board, "keys"))
    assert plate is not None
    assert plate.center == pytest.approx([0.0, 0.0, 0.02])
    assert plate.axes[2] == pytest.approx(UP)
    assert np.abs(plate.axes[0]) == pytest.approx([1.0, 0.0, 0.0])
    assert plate.half == pytest.approx([0.22, 0.07])
    assert plate.axes @ plate.axes.T == pytest.approx(np.eye(3))


def test_what_sticks_out_singly_does_not_lift_the_plane() -> None:
    board = _slab("board", (0.44, 0.14, 0.02))
    vertices = board.vertices.copy()
    top = np.flatnonzero(vertices[:, 2] > 0.0199)
    vertices[top[0], 2] += 0.01
    plate = plate_of(replace(board, vertices=vertices), _top(board, "keys"))
    assert plate is not None
    assert plate.center[2] == pytest.approx(0.02, abs=1e-6)


def test_what_is_round_or_thick_is_no_plate() -> None:
    mesh = trimesh.creation.icosphere(3, 0.15)
    mesh.apply_translation([0.0, 0.0, 0.15])
    ball = plain_object("ball", mesh, lambda p: np.linalg.norm(p - [0, 0, 0.15], axis=-1) - 0.15, 0.02)
    assert plate_of(ball, part_of(ball, "shell", np.arange(len(ball.faces)), UP)) is None
    brick = _slab("brick", (0.2, 0.1, 0.06))
    assert plate_of(brick, part_of(brick, "all", np.arange(len(brick.faces)), UP)) is None


# -- hands ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("deep", "fingertips"), [(0.14, True), (0.3, False)])
def test_what_is_shorter_than_a_hand_is_touched_by_fingertips(deep: float, fingertips: bool, body: SkinnedBody) -> None:
    compiler = _typing(body, deep)
    names = compiler.rows["person 1"].pad_names
    contact = _terms(compiler)["contact:person 1.left hand->board.keys"]
    assert contact["rows"].shape[1] == PAD_POINTS
    assert len(contact["rows"]) == (sum("distal" in name for name in names) if fingertips else len(names))
    assert (contact["reach"] > 0.1).sum() == (4 if fingertips else sum("palm" in name for name in names))


def test_a_hand_belongs_before_the_plate_with_its_palm_to_it(body: SkinnedBody) -> None:
    compiler = _typing(body)
    terms = _terms(compiler)
    for side in ("left", "right"):
        front = terms[f"front:person 1.{side} hand->board.keys"]
        assert front["axes"][2] == pytest.approx(UP)
        assert front["half"] == pytest.approx([0.22, 0.07]), "all of it, not this hand's half"
        spheres = compiler.rows["person 1"].spheres
        mine = [compiler.rows["person 1"].is_of_hand(label, f"{side} hand") for label in spheres.parts]
        assert len(front["radii"]) == sum(mine) > 10
        assert terms[f"palm:person 1.{side} hand->board.keys"]["normal"] == pytest.approx(UP)


def test_each_hand_has_the_half_on_its_side(body: SkinnedBody) -> None:
    compiler = _typing(body)
    placement = compiler.initial.people["person 1"][0]
    left = np.array([-np.sin(placement.heading), np.cos(placement.heading), 0.0])
    centers = {e.first.part: compiler.holds.region(e).center @ left for e in compiler.plan.graph.edges_of("person 1")}
    assert centers["left hand"] == pytest.approx(0.11, abs=0.02)
    assert centers["right hand"] == pytest.approx(-0.11, abs=0.02)


# -- places -----------------------------------------------------------------------------------------------------------


def test_what_is_worked_on_in_place_lies_before_the_person(body: SkinnedBody) -> None:
    scene = _typing(body).initial
    away = scene.people["person 1"][0].root[:2] - scene.objects["board"].translation[:2]
    toward = np.round(away / np.linalg.norm(away))
    edge = float(np.abs(toward) @ TABLE_HALF)
    assert scene.objects["board"].translation[:2] @ toward == pytest.approx(edge - WORKED_ON, abs=0.01)
    assert scene.objects["board"].translation[2] == pytest.approx(TABLE_HEIGHT)
    wide = _typing(body, 0.5).initial.objects["board"].translation[:2] @ toward
    assert wide == pytest.approx(edge - 0.25 - ON_TABLE, abs=0.01), "it does not stick out"


def test_what_travels_is_left_where_its_motion_begins(body: SkinnedBody) -> None:
    assert _typing(body, moves=True).initial.objects["board"].translation[:2] == pytest.approx([0.0, 0.0], abs=1e-6)


# -- grips ------------------------------------------------------------------------------------------------------------


def _tried(monkeypatch: pytest.MonkeyPatch, body: SkinnedBody, easy: bool) -> tuple[int, tuple[Grasp, ...]]:
    """How often grips are sought whose first are sound and not easy, and what is found."""
    sound = Grasp(np.zeros(3), np.eye(3), np.zeros(3), 1.0, 5, True, 0.0)
    calls: list[int] = []

    def found(search: object, seed: int) -> list[Grasp]:
        calls.append(seed)
        is_hard = not easy and len(calls) == 1
        return [replace(sound, energy=float(len(calls)), strain=2.0 * grasps.EASY if is_hard else 0.0)]

    monkeypatch.setattr(grasps, "_try", found)
    thing = _slab("board", (0.1, 0.03, 0.03))
    region = part_of(thing, "handle", np.arange(len(thing.faces)), UP)
    result = find_grasps(body, "right", thing, region, thing.grid, engine="jax", seed=0)
    return len(calls), result


def test_a_sound_grip_that_the_arm_finds_hard_is_sought_again(
    monkeypatch: pytest.MonkeyPatch, body: SkinnedBody
) -> None:
    count, found = _tried(monkeypatch, body, easy=True)
    assert count == 1
    count, found = _tried(monkeypatch, body, easy=False)
    assert count == 2
    assert [g.energy for g in found] == [2.0, 1.0], "the easy one comes first, whatever its energy"


def test_how_hard_a_grip_is_is_asked_of_the_arm(monkeypatch: pytest.MonkeyPatch, body: SkinnedBody) -> None:
    """The same grip, before the person with the forearm ahead, and as far behind her back."""
    compiler, xp = _typing(body, kind="grip"), numpy_namespace()
    placement, pose = compiler.initial.people["person 1"][0], compiler.initial.objects["board"]
    heading = Rotation.from_euler("z", placement.heading).as_matrix()
    bent = {"shoulder flexion": 15.0, "shoulder abduction": 15.0, "elbow flexion": 85.0}
    angles = named_values(body.freedoms, {f"right {name}": np.radians(a) for name, a in bent.items()})
    (still, _), (turn, wrist) = (
        joint_pose(xp, body, bone_transforms(xp, body, to_pose(xp, body.freedoms, q), np.zeros(3)), "right_wrist")
        for q in (np.zeros_like(angles), angles)
    )
    rest = body.rest_joints[body.joint_names.index("right_wrist")]
    to_world, asked = heading @ turn @ still.T, []

    def sought(*given: object, strain: grasps.Strain, **more: object) -> tuple[Grasp, ...]:
        for ahead in (1.0, -1.0):
            place = heading @ (wrist * [ahead, 1.0, 1.0]) + placement.root
            offset = rest - to_world.T @ (place - pose.translation)
            asked.append(float(strain((to_world.T @ pose.rotation)[None], offset[None])[0]))
        return ()

    monkeypatch.setattr("zeroshot_hoi.optimization.grips.find_grasps", sought)
    compiler.holds.grips.pop("person 1.left hand->board.keys")
    find_grips(compiler)
    easy, hard = asked
    assert easy < grasps.EASY < hard
