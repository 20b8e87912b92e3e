"""Natural postures and placements: angles within limits, soles on the ground, the pelvis above the seat, symmetry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from tests.plain_scene import SCENES, box, chair_scene, part_of, plain_object
from zeroshot_hoi.body import bone_transforms, joint_positions, load_body, pose_vertices, to_pose
from zeroshot_hoi.body.postures import POSTURES, angles, posture
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.reference import InitialScene, Placement
from zeroshot_hoi.core.scene import ObjectParts
from zeroshot_hoi.core.variation import Variation
from zeroshot_hoi.optimization.person import person_rows
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.pose.prior import SEAT_OFFSETS, STANDOFF, place
from zeroshot_hoi.pose.standing import BEHIND_ANKLE, before_seat
from zeroshot_hoi.pose.variety import stance_shift
from zeroshot_hoi.recipe import Recipe

XP = numpy_namespace()
PERSON = "person 1"


@pytest.fixture(scope="module")
def bodies() -> dict[str, SkinnedBody]:
    return {name: load_body(name) for name in ("neutral", "female", "male")}


@pytest.fixture(scope="module")
def scenes(bodies: dict[str, SkinnedBody]) -> dict[str, tuple[Plan, InitialScene]]:
    """Recipe -> its plan and initial scene."""
    result = {}
    for name, make in SCENES.items():
        plan, (objects, parts) = plan_from_recipe(Recipe.load(name)), make()
        result[name] = plan, place(plan, {PERSON: bodies["neutral"]}, objects, parts)
    return result


def _vertices(body: SkinnedBody, placement: Placement) -> np.ndarray:
    """World vertices (V, 3) of a placed body."""
    local = pose_vertices(XP, body, to_pose(XP, body.freedoms, placement.q), np.zeros(3))
    return Rotation.from_euler("z", placement.heading).apply(local) + placement.root


def _joints(body: SkinnedBody, name: str) -> dict[str, np.ndarray]:
    pose = to_pose(XP, body.freedoms, posture(body, name))
    return dict(
        zip(body.joint_names, joint_positions(XP, body, bone_transforms(XP, body, pose, np.zeros(3))), strict=True)
    )


@pytest.mark.parametrize("body_name", ["neutral", "female", "male"])
@pytest.mark.parametrize("name", list(POSTURES))
def test_postures_have_their_angles_within_limits(name: str, body_name: str, bodies: dict[str, SkinnedBody]) -> None:
    body = bodies[body_name]
    q, freedoms = posture(body, name), body.freedoms
    low, high = freedoms.limits.T
    assert ((q >= low) & (q <= high)).all()
    for key, degrees in POSTURES[name].items():
        for full in [key] if not key.startswith("side ") else [key.replace("side", s, 1) for s in ("left", "right")]:
            d = freedoms.index(full)
            asked = np.clip(np.radians(degrees), low[d] + freedoms.rest[d], high[d] + freedoms.rest[d])
            assert q[d] + freedoms.rest[d] == pytest.approx(asked), full
            assert abs(q[d] + freedoms.rest[d] - np.radians(degrees)) < np.radians(0.5), "a posture asks beyond a limit"


@pytest.mark.parametrize("name", list(POSTURES))
def test_postures_are_mirror_images_of_themselves(name: str, bodies: dict[str, SkinnedBody]) -> None:
    joints = _joints(bodies["neutral"], name)
    for joint, place_ in joints.items():
        if joint.startswith("left_"):
            other = joints[joint.replace("left_", "right_")]
            assert other * [1, -1, 1] == pytest.approx(place_, abs=2e-3), joint


def test_postures_look_like_their_names(bodies: dict[str, SkinnedBody]) -> None:
    stand, sit = _joints(bodies["neutral"], "stand"), _joints(bodies["neutral"], "sit")
    thigh = np.linalg.norm(stand["left_knee"] - stand["left_hip"])
    assert stand["left_hip"][2] - stand["left_knee"][2] > 0.97 * thigh
    assert abs(sit["left_hip"][2] - sit["left_knee"][2]) < 0.35 * thigh
    assert sit["left_knee"][0] - sit["left_hip"][0] > 0.9 * thigh
    assert sit["left_knee"][2] - sit["left_ankle"][2] > 0.9 * np.linalg.norm(sit["left_knee"] - sit["left_ankle"])
    for joints in (stand, sit):
        assert joints["head"][2] > joints["neck"][2] > joints["pelvis"][2]
        assert joints["left_wrist"][2] < joints["left_shoulder"][2]


def test_unknown_postures_and_freedoms_are_refused(bodies: dict[str, SkinnedBody]) -> None:
    with pytest.raises(HoiError, match="Did you mean 'stand'"):
        posture(bodies["neutral"], "stnad")
    with pytest.raises(ValueError, match="tuple"):
        angles(bodies["neutral"], {"tail flexion": 3.0})


@pytest.mark.parametrize("body_name", ["neutral", "female", "male"])
def test_a_stander_touches_the_ground_and_her_soles_are_anchored_on_it(
    body_name: str, bodies: dict[str, SkinnedBody]
) -> None:
    body = bodies[body_name]
    plan = plan_from_recipe(Recipe.load("lift_dumbbell"))
    objects, parts = SCENES["lift_dumbbell"]()
    (placement,) = place(plan, {PERSON: body}, objects, parts).people[PERSON]
    vertices = _vertices(body, placement)
    assert vertices[:, 2].min() == pytest.approx(0.0, abs=1e-6)
    soles = np.array([region.endswith("sole") for region in body.regions])
    for side in ("left", "right"):
        mine = soles & np.array([region.startswith(side) for region in body.regions])
        assert vertices[mine, 2].min() < 0.01
    rows = person_rows(body)
    anchors = rows.sole_anchors(placement.feet)
    halves = np.split(anchors, [len(rows.soles["left"])])
    for side, points in zip(("left", "right"), halves, strict=True):
        assert points[:, 2].min() == pytest.approx(0.0, abs=1e-3)
        assert points[:, 2].max() < 0.012
        x, y, _ = placement.feet[side]
        assert np.linalg.norm(points[:, :2].mean(0) - [x, y]) < 0.15
        assert np.ptp(points[:, 0]) > 0.15, "the foot points ahead"
    assert halves[0].mean(0)[1] > halves[1].mean(0)[1] + 0.1, "left is left"
    assert halves[0].mean(0) * [1, -1, 1] == pytest.approx(halves[1].mean(0), abs=5e-3)
    assert placement.feet["left"][2] > 0.0 > placement.feet["right"][2], "toes point outward"


def test_standing_at_the_board_faces_it_from_outside(
    scenes: dict[str, tuple[Plan, InitialScene]], bodies: dict[str, SkinnedBody]
) -> None:
    _, scene = scenes["ironing"]
    board = scene.objects["ironing board"].translation
    placements = scene.people[PERSON]
    assert len(placements) >= 3
    assert len({(round(p.root[0], 4), round(p.root[1], 4)) for p in placements}) == len(placements)
    for placement in placements:
        ahead = np.array([np.cos(placement.heading), np.sin(placement.heading)])
        toward = board[:2] - placement.root[:2]
        along = abs(toward @ [-ahead[1], ahead[0]])
        assert toward @ ahead > 0.18 + min(STANDOFF) - 1e-6, "outside the board's edge"
        assert toward @ ahead < 0.18 + max(STANDOFF) + 1e-6
        assert along < 0.3
        assert -np.pi <= placement.heading <= np.pi
        assert _vertices(bodies["neutral"], placement)[:, 2].min() == pytest.approx(0.0, abs=1e-6)


def test_what_rests_on_something_lies_on_its_part(scenes: dict[str, tuple[Plan, InitialScene]]) -> None:
    plan, scene = scenes["ironing"]
    assert set(scene.objects) == set(plan.objects)
    board, iron = scene.objects["ironing board"], scene.objects["iron"]
    assert board.translation[2] == 0.0
    assert iron.translation == pytest.approx(board.translation + [0.0, 0.0, 0.85], abs=1e-6)


def test_sitters_are_above_the_seat_in_front_of_the_backrest(
    scenes: dict[str, tuple[Plan, InitialScene]], bodies: dict[str, SkinnedBody]
) -> None:
    body = bodies["neutral"]
    _, scene = scenes["sit_on_chair"]
    placements = scene.people[PERSON]
    assert len(placements) >= len(SEAT_OFFSETS)
    buttock = np.array(["buttock" in region for region in body.regions])
    back = np.array([region == "back" for region in body.regions])
    for placement in placements:
        assert placement.heading == pytest.approx(0.0, abs=1e-9), "the sitter looks where the chair looks"
        assert 0.5 < placement.root[2] < 0.75
        assert abs(placement.root[1]) < 0.02
        vertices = _vertices(body, placement)
        assert vertices[buttock, 2].min() == pytest.approx(0.45, abs=0.02)
        assert vertices[back, 0].min() > -0.20 + min(SEAT_OFFSETS) - 0.01
        for x, y, _ in placement.feet.values():
            assert x > 0.05
            assert abs(y) < 0.3
    advances = {round(p.feet["left"][0] - p.root[0], 3) for p in placements}
    assert len(advances) >= 2, "the feet are tried in several places"


@pytest.mark.parametrize(("length", "behind"), [(0.16, True), (0.44, False)], ids=["saddle", "bench"])
def test_who_sits_on_a_saddle_has_what_carries_them_over_its_rear(
    length: float, behind: bool, bodies: dict[str, SkinnedBody]
) -> None:
    """Without a backrest, and where a seat is too short for all of the buttocks, they reach beyond its end."""
    plan = plan_from_recipe(Recipe.load("sit_on_chair"))
    plan = replace(plan, graph=replace(plan.graph, edges=tuple(e for e in plan.graph.edges if e.first.part == "hips")))
    seat = trimesh.creation.box(bounds=((-0.5 * length, -0.22, 0.41), (0.5 * length, 0.22, 0.45))).subdivide_to_size(
        0.03
    )
    chair = plain_object("chair", seat, box((-0.5 * length, -0.22, 0.41), (0.5 * length, 0.22, 0.45)), 0.03)
    part = part_of(chair, "seat", np.flatnonzero(seat.face_normals[:, 2] > 0.9), np.array([0.0, 0.0, 1.0]))
    known = ObjectParts("chair", {"seat": part}, np.array([1.0, 0.0, 0.0]))
    placement = place(plan, {PERSON: bodies["neutral"]}, {"chair": chair}, {"chair": known}).people[PERSON][0]
    body = bodies["neutral"]
    back = np.array([r == "back" or "buttock" in r for r in body.regions])
    beyond = -0.5 * length - _vertices(body, placement)[back, 0].min()
    assert (beyond > 0.02) == behind
    assert beyond < 0.15


def test_a_turned_front_turns_the_sitter(bodies: dict[str, SkinnedBody]) -> None:
    plan, (objects, parts) = plan_from_recipe(Recipe.load("sit_on_chair")), chair_scene()
    turn = Rotation.from_euler("z", 90, degrees=True)
    chair = objects["chair"]
    turned = replace(chair, vertices=turn.apply(chair.vertices))
    regions = {
        name: replace(r, center=turn.apply(r.center), normal=turn.apply(r.normal), axis=turn.apply(r.axis))
        for name, r in parts["chair"].parts.items()
    }
    known = replace(parts["chair"], parts=regions, front=np.array([0.0, 1.0, 0.0]))
    straight = place(plan, {PERSON: bodies["neutral"]}, objects, parts).people[PERSON]
    found = place(plan, {PERSON: bodies["neutral"]}, {"chair": turned}, {"chair": known}).people[PERSON]
    for before, after in zip(straight, found, strict=True):
        assert after.heading == pytest.approx(np.pi / 2)
        assert after.root == pytest.approx(turn.apply(before.root), abs=1e-6)


def test_sitting_without_a_support_says_what_to_add(bodies: dict[str, SkinnedBody]) -> None:
    plan, (objects, parts) = plan_from_recipe(Recipe.load("sit_on_chair")), chair_scene()
    contacts = {name: replace(c, kind="touch") for name, c in plan.contacts.items()}
    with pytest.raises(HoiError, match="no edge of kind 'support'"):
        place(replace(plan, contacts=contacts), {PERSON: bodies["neutral"]}, objects, parts)


def test_a_side_of_something_without_a_front_is_an_error(bodies: dict[str, SkinnedBody]) -> None:
    plan, (objects, parts) = plan_from_recipe(Recipe.load("ironing")), SCENES["ironing"]()
    at_left = (replace(plan.relations[0], side="left"),)
    with pytest.raises(HoiError, match="front=x"):
        place(replace(plan, relations=at_left), {PERSON: bodies["neutral"]}, objects, parts)
    front = {**parts, "ironing board": replace(parts["ironing board"], front=np.array([0.0, 1.0, 0.0]))}
    scene = place(replace(plan, relations=at_left), {PERSON: bodies["neutral"]}, objects, front)
    assert all(p.root[0] - scene.objects["ironing board"].translation[0] < -0.6 for p in scene.people[PERSON])


# -- seeds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(SCENES))
def test_seeds_place_people_differently_and_within_bounds(name: str, bodies: dict[str, SkinnedBody]) -> None:
    plan, (objects, parts) = plan_from_recipe(Recipe.load(name)), SCENES[name]()
    body = bodies["neutral"]
    found = {
        seed: place(replace(plan, seed=seed), {PERSON: body}, objects, parts).people[PERSON][0] for seed in range(5)
    }
    low, high = body.freedoms.limits.T
    for seed, placement in found.items():
        assert ((placement.q >= low) & (placement.q <= high)).all()
        assert np.linalg.norm(placement.root - found[0].root) < 0.12
        assert np.degrees(np.abs(placement.q - found[0].q)).max() < 23.0
        middle = np.mean([foot[:2] for foot in placement.feet.values()], axis=0)
        for side, foot in placement.feet.items():
            assert np.linalg.norm(np.subtract(foot[:2], found[0].feet[side][:2])) < 0.18, f"seed {seed}"
            assert np.linalg.norm(np.array(foot[:2]) - middle) > 0.05, "feet stand side by side"
    apart = []
    for a, b in [(a, b) for a in found for b in found if a < b]:
        moved = [np.linalg.norm(np.subtract(found[a].feet[s][:2], found[b].feet[s][:2])) for s in ("left", "right")]
        apart.append(max(moved))
        assert np.degrees(np.abs(found[a].q - found[b].q)).max() > 4.0, f"seeds {a} and {b} hold themselves alike"
    assert np.median(apart) > 0.02, "metres between the same foot of two seeds"


@pytest.mark.parametrize("name", list(SCENES))
def test_a_seed_always_draws_the_same(name: str, bodies: dict[str, SkinnedBody]) -> None:
    plan, (objects, parts) = replace(plan_from_recipe(Recipe.load(name)), seed=7), SCENES[name]()
    one, other = (place(plan, {PERSON: bodies["neutral"]}, objects, parts).people[PERSON] for _ in range(2))
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a.q, b.q)
        assert a.feet == b.feet


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sitters_feet_look_where_the_knees_do(seed: int) -> None:
    feet, thigh = {"left": (0.4, 0.1, 0.0), "right": (0.4, -0.1, 0.0)}, 0.42
    stands, sits = (stance_shift(feet, 0.0, Variation(seed), PERSON, ahead) for ahead in (0.0, thigh))
    for side in feet:
        turned = sits[side][2]
        assert turned == stands[side][2] != 0.0
        assert sits[side][1] - stands[side][1] == pytest.approx(thigh * np.sin(turned))
        assert sits[side][0] == stands[side][0]


def test_a_sitters_heels_are_before_what_stands_under_the_seat() -> None:
    feet = {"left": (0.40, 0.1, 0.0), "right": (0.48, -0.1, 0.0)}
    across, up = np.meshgrid(np.linspace(-0.5, 0.5, 101), np.linspace(0.0, 0.45, 46))
    front = np.stack([np.full(across.size, 0.38), across.ravel(), up.ravel()], axis=1)
    moved = before_seat(feet, 0.0, front, 0.5)
    assert moved["left"] == pytest.approx((0.38 + BEHIND_ANKLE, 0.1, 0.0))
    assert moved["right"] == feet["right"], "clear of it already"
    turned = {s: (-y, x, 0.5 * np.pi) for s, (x, y, _) in feet.items()}
    quarter = Rotation.from_euler("z", 0.5 * np.pi)
    assert before_seat(turned, 0.5 * np.pi, quarter.apply(front), 0.5)["left"][1] == pytest.approx(moved["left"][0])
    assert before_seat(feet, 0.0, front + [0.5, 0.0, 0.0], 0.5) == feet, "nobody gets ahead of that"
    assert before_seat(feet, 0.0, front[front[:, 2] > 0.41], 0.5) == feet, "behind the knees is no matter"
    assert before_seat(feet, 0.0, front[np.abs(front[:, 1]) > 0.2], 0.5) == feet, "between a chair's legs"


def test_a_second_person_stands_across_the_object(bodies: dict[str, SkinnedBody]) -> None:
    plan, (objects, parts) = plan_from_recipe(Recipe.load("ironing")), SCENES["ironing"]()
    (relation,) = plan.relations
    other = replace(plan.people[PERSON], name="person 2")
    both = replace(
        plan, people={PERSON: plan.people[PERSON], "person 2": other},
        relations=(relation, replace(relation, person="person 2")),
    )  # fmt: skip
    scene = place(both, {PERSON: bodies["neutral"], "person 2": bodies["female"]}, objects, parts)
    board = scene.objects["ironing board"].translation[:2]
    one, two = (scene.people[who][0] for who in (PERSON, "person 2"))
    assert (one.root[:2] - board) @ (two.root[:2] - board) < 0.0
    assert np.cos(one.heading - two.heading) == pytest.approx(-1.0), "they look at one another"


def test_a_backrest_that_the_plan_does_not_name_still_keeps_a_sitter_from_it() -> None:
    data = Recipe.load("sit_on_chair").model_dump(by_alias=True)
    objects, parts = SCENES["sit_on_chair"]()
    chair, known = objects["chair"], parts["chair"]
    height = known.parts["seat"].center[2]
    over = chair.vertices[:, 2] > height + 0.05  # as in chairs whose seat goes on below the backrest
    objects = {"chair": replace(chair, vertices=chair.vertices + 0.12 * over[:, None] * known.front)}
    data["script"] = [phrase for phrase in data["script"] if phrase["verb"] != "lean_back"]
    bare = {**data, "edges": data["edges"][:1]}
    bodies = {"person 1": load_body("neutral")}
    named, unnamed = (
        place(plan_from_recipe(Recipe.from_mapping(mapping)), bodies, objects, parts).people["person 1"][0].root
        for mapping in (data, bare)
    )
    assert unnamed == pytest.approx(named, abs=0.04)


@pytest.mark.parametrize("degrees", [0.0, 90.0, 180.0, -90.0])
def test_a_seat_whose_front_nobody_knows_is_left_where_nothing_stands(degrees: float) -> None:
    data = Recipe.load("sit_on_chair").model_dump(by_alias=True)
    data["script"] = [phrase for phrase in data["script"] if phrase["verb"] != "lean_back"]
    plan = plan_from_recipe(Recipe.from_mapping({**data, "edges": data["edges"][:1]}))
    objects, parts = SCENES["sit_on_chair"]()
    chair, known, turn = objects["chair"], parts["chair"], Rotation.from_euler("z", degrees, degrees=True)
    seat = replace(known.parts["seat"], center=turn.apply(known.parts["seat"].center))
    turned = replace(chair, vertices=turn.apply(chair.vertices))
    unknown = replace(known, parts={"seat": seat}, front=np.zeros(3))
    body = {"person 1": load_body("neutral")}
    placement = place(plan, body, {"chair": turned}, {"chair": unknown}).people["person 1"][0]
    assert np.cos(placement.heading - np.radians(degrees)) == pytest.approx(1.0), "the plain chair looks along x"
