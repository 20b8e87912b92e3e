"""Walking: soles stand where they are put, nothing enters the ground, knees bend forward, arms swing against legs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.plain_scene import SCENES
from zeroshot_hoi.body import load_body
from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.kinematics import bone_transforms, joint_positions, pose_vertices
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.errors import RecipeError
from zeroshot_hoi.core.plan import MotionPhrase
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.pose.prior import place
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.reference.feet import BALL_FREE, BALL_ROLL
from zeroshot_hoi.reference.footsteps import plan_walk
from zeroshot_hoi.reference.gait import choose_gait, natural_step, preferred_speed, stance_share
from zeroshot_hoi.reference.legs import joint_in_world
from zeroshot_hoi.reference.path import arc_path, read_waypoints, waypoint_path
from zeroshot_hoi.reference.phrases import scripted_walk
from zeroshot_hoi.reference.scripted import script_motion
from zeroshot_hoi.reference.walking import Walker, WalkMotion, walker

PERSON = "person 1"
SIDES = ("left", "right")
FRAMES, SECONDS = 49, 3.0
LEG = 0.91

WALKS: dict[str, dict[str, float | str]] = {
    "ahead": {"distance": 2.8},
    "slowly": {"distance": 1.4},
    "one step": {"distance": 0.5},
    "natural": {},
    "around a corner": {"path": "1.5 0; 1.5 1.3"},
    "in a bow": {"distance": 2.6, "turn": 90.0},
    "backward": {"distance": 1.2, "direction": "back"},
    "aside": {"distance": 0.6, "direction": "left"},
}


@pytest.fixture(scope="module")
def body() -> SkinnedBody:
    return load_body("neutral")


@pytest.fixture(scope="module")
def who(body: SkinnedBody) -> Walker:
    return walker(body)


@pytest.fixture(scope="module")
def walks(body: SkinnedBody) -> dict[str, WalkMotion]:
    return {
        name: scripted_walk(body, [MotionPhrase(PERSON, "walk", parameters=given)], FRAMES, SECONDS, SIDES)
        for name, given in WALKS.items()
    }


def _to_world(motion: WalkMotion, points: np.ndarray) -> np.ndarray:
    turn = Rotation.from_euler("z", motion.travel.heading[:, None]).as_matrix()
    return np.einsum("tij,tnj->tni", turn, points) + motion.travel.root[:, None]


def _vertices(body: SkinnedBody, motion: WalkMotion) -> np.ndarray:
    xp = numpy_namespace()
    pose = to_pose(xp, body.freedoms, motion.q)
    return _to_world(motion, pose_vertices(xp, body, pose, np.zeros((len(pose), 3))))


def _joints(body: SkinnedBody, motion: WalkMotion) -> dict[str, np.ndarray]:
    xp = numpy_namespace()
    pose = to_pose(xp, body.freedoms, motion.q)
    local = joint_positions(xp, body, bone_transforms(xp, body, pose, np.zeros((len(pose), 3))))
    return dict(zip(body.joint_names, np.moveaxis(_to_world(motion, local), 1, 0), strict=True))


# -- gait -------------------------------------------------------------------------------------------------------------


def test_natural_walking_has_the_textbook_figures() -> None:
    speed = preferred_speed(LEG)
    step = natural_step(speed, LEG)
    assert 1.25 < speed < 1.45, "m/s"
    assert 0.38 < step / 1.72 < 0.45, "step length is about .41 of stature"
    assert 105 < 60.0 * speed / step < 120, "steps per minute"
    assert 0.20 <= 2.0 * (2.0 * stance_share(speed) - 1.0) / 2.0 <= 0.26, "double support"
    assert stance_share(0.6) > stance_share(1.6)
    assert natural_step(0.5, LEG) < natural_step(1.5, LEG)


@pytest.mark.parametrize(
    "given", [{"distance": 2.5, "seconds": 3.0}, {"distance": 4.0}, {"seconds": 4.0}, {"speed": 1.0, "seconds": 3.0}]
)
def test_a_gait_goes_as_far_and_lasts_as_long_as_asked(given: dict[str, float]) -> None:
    gait = choose_gait(LEG, **given)
    if "distance" in given:
        assert gait.count * gait.length == pytest.approx(given["distance"])
    if "seconds" in given:
        assert gait.duration == pytest.approx(given["seconds"])
    if "speed" in given:
        assert gait.speed == pytest.approx(given["speed"])
    time = np.linspace(0.0, gait.duration, 2001)
    way = gait.travelled(time)
    assert way[0] == 0.0
    assert way[-1] == pytest.approx(gait.count * gait.length)
    assert np.gradient(way, time)[[0, -1]] == pytest.approx([0.0, 0.0], abs=1e-3)
    assert np.gradient(way, time).max() == pytest.approx(gait.speed, rel=1e-3)
    assert np.interp(1.5 * gait.seconds, time, way) == pytest.approx(gait.length, rel=1e-3)


def test_walks_that_nobody_can_do_are_refused() -> None:
    with pytest.raises(RecipeError, match="nobody walks so"):
        choose_gait(LEG, distance=9.0, seconds=3.0)
    with pytest.raises(RecipeError, match=r"takes 5\.\d s .* has 3\.0 s"):
        choose_gait(LEG, distance=5.0, speed=1.1, seconds=3.0)
    with pytest.raises(RecipeError, match="needs a distance or a time"):
        choose_gait(LEG)


# -- paths and footprints ---------------------------------------------------------------------------------------------


def test_paths_have_the_asked_length_turn_and_corners() -> None:
    bow = arc_path(3.0, np.pi / 2)
    assert bow.length == pytest.approx(3.0)
    assert bow.points[-1] == pytest.approx(np.full(2, 3.0 / (np.pi / 2)), rel=1e-3), "a quarter of a circle"
    assert np.degrees(bow.bearing[-1]) == pytest.approx(90.0)
    corner = waypoint_path(np.array([[2.0, 0.0], [2.0, 1.5]]))
    assert corner.points[-1] == pytest.approx([2.0, 1.5])
    assert np.degrees(corner.bearing[[0, -1]]) == pytest.approx([0.0, 90.0], abs=1.0)
    assert np.abs(np.diff(corner.bearing)).max() < np.radians(4.0), "no sharp corner"
    moved = bow.moved(np.array([1.0, 2.0]), 0.5)
    assert moved.points[0] == pytest.approx([1.0, 2.0])
    assert moved.bearing[0] == pytest.approx(0.5)
    assert np.diff(moved.points[:2], axis=0)[0] @ [np.cos(0.5), np.sin(0.5)] == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("text", ["1", "a b", "1 2 3", "nan 0", "1e9 0", ";", "0 0; " * 70])
def test_bad_waypoints_are_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        waypoint_path(read_waypoints(text))


def test_feet_take_turns_and_one_always_stands(who: Walker) -> None:
    path = arc_path(2.8, 0.0)
    walk = plan_walk(path, choose_gait(who.leg, distance=2.8, seconds=SECONDS), who.leg, who.stand)
    moves = [s for s in walk.stances if np.isfinite(s.contact)]
    assert [s.side for s in moves] == [("right", "left")[k % 2] for k in range(len(moves))]
    steps = np.diff([s.foot[0] for s in moves])
    assert steps[:-1] == pytest.approx(np.full(len(steps) - 1, walk.gait.length))
    assert steps[-1] == pytest.approx(0.0), "the last step closes"
    for t in np.linspace(0.0, SECONDS, 500):
        down = [any(s.contact <= t <= s.lift for s in walk.of(side)) for side in SIDES]
        assert any(down)
    inner = plan_walk(arc_path(2.0, 1.0), walk.gait, who.leg, who.stand)
    first = min((s for s in inner.stances if np.isfinite(s.contact)), key=lambda s: s.contact)
    assert first.side == "left", "the inner foot of a left turn goes first"


# -- the whole body ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(WALKS))
def test_soles_stand_still_and_stay_above_the_ground(
    name: str, walks: dict[str, WalkMotion], body: SkinnedBody
) -> None:
    motion = walks[name]
    vertices = _vertices(body, motion)
    assert motion.missed < 0.005
    assert vertices[..., 2].min() > -0.003
    for side in SIDES:
        sole = vertices[:, np.array(body.regions) == f"{side} sole"]
        near = sole[..., 2] <= 0.005
        step = np.linalg.norm(np.diff(sole[..., :2], axis=0), axis=-1)
        travelled = np.zeros(sole.shape[1])
        for t in range(len(step)):
            travelled = np.where(near[t] & near[t + 1], travelled + step[t], 0.0)
            assert travelled.max() < 0.0085, f"{side} sole slides in frame {t}"
    lowest = np.stack([vertices[:, np.array(body.regions) == f"{s} sole", 2].min(1) for s in SIDES])
    assert lowest.min(0).max() < 0.005, "somebody carries the person in every frame"


@pytest.mark.parametrize("name", list(WALKS))
def test_tracks_agree_with_the_solved_feet(name: str, walks: dict[str, WalkMotion], who: Walker) -> None:
    motion = walks[name]
    vertices = _vertices(who.body, motion)
    for side in SIDES:
        track, shape = motion.travel.feet[side], who.feet[side]
        sole = np.array(who.body.regions) == f"{side} sole"
        heel = shape.sole[:, 0] < 0.02
        carried = track.carry(shape.sole)
        apart = np.linalg.norm(carried - vertices[:, sole], axis=-1)
        assert apart[:, heel].max() < 0.006
        flat = (track.heel_down * track.toe_down)[:-1] * (track.heel_down * track.toe_down)[1:] > 0.5
        assert flat.sum() > 6
        assert np.abs(np.diff(carried, axis=0))[flat].max() < 1e-9, "a flat foot does not move"
        ball = np.abs(shape.sole[:, 0] - shape.hinge[0] - 0.03) < 0.02
        rolling = (1.0 - track.heel_down) * track.toe_down > 0.5
        rolling = rolling[:-1] & rolling[1:]
        moved = np.diff(carried[:, ball], axis=0)[rolling]
        assert np.abs(moved[..., 2]).max(initial=0.0) < 1e-9, "toes stay on the ground while the heel rises"
        slip = BALL_ROLL * shape.hinge[1] * np.sin(BALL_FREE)
        assert slip < 0.005
        assert np.linalg.norm(moved, axis=-1).max(initial=0.0) < slip, "metres that the ball rolls ahead"


@pytest.mark.parametrize("name", ["ahead", "slowly", "in a bow"])
def test_soles_hardly_slide_while_they_roll(name: str, walks: dict[str, WalkMotion], who: Walker) -> None:
    """The way of each vertex over the ground while it is within 5 mm of it, as the metric counts it."""
    vertices = _vertices(who.body, walks[name])
    for side in SIDES:
        sole = vertices[:, np.array(who.body.regions) == f"{side} sole"]
        down = np.abs(sole[..., 2]) <= 0.005
        steps = np.linalg.norm(np.diff(sole[..., :2], axis=0), axis=-1)
        way = np.zeros(sole.shape[1])
        for t, step in enumerate(steps):
            way = np.where(down[t] & down[t + 1], way + step, 0.0)
            assert way.max() < 0.0055, "metres"


@pytest.mark.parametrize("name", ["ahead", "slowly", "natural"])
def test_knees_bend_forward_and_arms_swing_against_legs(
    name: str, walks: dict[str, WalkMotion], body: SkinnedBody
) -> None:
    motion, at = walks[name], _joints(body, walks[name])
    walking = slice(10, FRAMES - 10)
    for side in SIDES:
        hip, knee, ankle = (at[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle"))
        along = (ankle - hip) / np.linalg.norm(ankle - hip, axis=1, keepdims=True)
        bow = knee - hip - ((knee - hip) * along).sum(1, keepdims=True) * along
        assert bow[:, 0].min() > -0.005
        flexion = motion.q[:, body.freedoms.index(f"{side} knee flexion")]
        assert np.degrees(np.ptp(flexion)) > 30.0, "knees bend in the swing"
    feet = (at["left_ankle"] - at["right_ankle"])[walking, 0]
    hands = (at["left_wrist"] - at["right_wrist"])[walking, 0]
    assert np.corrcoef(feet, hands)[0, 1] < -0.8
    assert np.ptp(hands) > 0.15
    bob = at["pelvis"][walking, 2]
    assert 0.01 < np.ptp(bob) < 0.07, "metres of rise and fall"
    ranges = motion.q - body.freedoms.limits[:, 0], body.freedoms.limits[:, 1] - motion.q
    assert min(r.min() for r in ranges) >= -1e-9


def test_the_body_faces_where_it_goes(walks: dict[str, WalkMotion]) -> None:
    assert np.degrees(walks["in a bow"].travel.heading[-1]) == pytest.approx(90.0, abs=0.5)
    assert np.degrees(walks["around a corner"].travel.heading[-1]) == pytest.approx(90.0, abs=1.0)
    assert walks["around a corner"].travel.root[-1, :2] == pytest.approx([1.5, 1.3], abs=0.03)
    for name in ("backward", "aside"):
        assert walks[name].travel.heading == pytest.approx(np.zeros(FRAMES), abs=1e-9)
    assert walks["backward"].travel.root[-1, 0] == pytest.approx(-1.2, abs=0.03)
    assert walks["aside"].travel.root[-1, 1] == pytest.approx(0.6, abs=0.03)
    for motion in walks.values():
        jump = np.linalg.norm(np.diff(motion.travel.root, n=2, axis=0), axis=1).max()
        assert jump < 0.035, "the pelvis moves smoothly (metres a frame squared)"


def test_walks_follow_each_other(body: SkinnedBody) -> None:
    phrases = [
        MotionPhrase(PERSON, "walk", 0.0, 0.45, {"distance": 1.2, "turn": 45.0}),
        MotionPhrase(PERSON, "walk", 0.5, 1.0, {"distance": 1.2}),
    ]
    motion = scripted_walk(body, phrases, 97, 6.0, ())
    assert motion.missed < 0.005
    assert np.degrees(motion.travel.heading[-1]) == pytest.approx(45.0, abs=0.5)
    assert np.linalg.norm(np.diff(motion.travel.root, axis=0), axis=1).max() < 0.12
    ahead = motion.travel.root[-1, :2] - motion.travel.root[46, :2]
    assert ahead == pytest.approx(1.2 * np.array([1, 1]) / np.sqrt(2), abs=0.04)
    arm = motion.q[:, body.freedoms.index("left shoulder flexion")]
    assert np.ptp(arm) < 1e-9, "arms that are not free do not swing"
    with pytest.raises(RecipeError, match="before the one before it has ended"):
        scripted_walk(body, [phrases[0], replace(phrases[1], start=0.3)], 97, 6.0, ())


def test_a_squat_keeps_the_feet_flat_and_the_body_over_them(body: SkinnedBody) -> None:
    phrases = [MotionPhrase(PERSON, "squat", 0.1, 0.9, {"depth": 0.3})]
    motion = scripted_walk(body, phrases, FRAMES, SECONDS, ())
    vertices, at = _vertices(body, motion), _joints(body, motion)
    assert motion.missed < 0.005
    assert vertices[..., 2].min() > -0.003
    assert motion.travel.root[0, 2] - motion.travel.root[24, 2] == pytest.approx(0.3, abs=0.01)
    assert motion.travel.root[-1, 2] == pytest.approx(motion.travel.root[0, 2], abs=1e-3)
    for side in SIDES:
        sole = vertices[:, np.array(body.regions) == f"{side} sole"]
        assert np.abs(sole - sole[:1]).max() < 0.006
        assert at[f"{side}_knee"][24, 0] - at[f"{side}_ankle"][24, 0] > 0.05, "knees come forward"
    middle = 0.3 * at["pelvis"][24] + 0.45 * at["spine3"][24] + 0.25 * 0.5 * (at["left_knee"] + at["right_knee"])[24]
    foot = at["left_ankle"][24, 0] - 0.05, at["left_foot"][24, 0] + 0.08
    assert foot[0] < middle[0] < foot[1], "roughly weighted, the trunk stays over the soles"
    with pytest.raises(RecipeError, match=r"up to 0\.4 m"):
        scripted_walk(body, [MotionPhrase(PERSON, "squat", parameters={"depth": 0.7})], FRAMES, SECONDS, ())


def test_people_squat_and_walk_in_one_clip(body: SkinnedBody) -> None:
    phrases = [
        MotionPhrase(PERSON, "squat", 0.0, 0.4, {"depth": 0.2}),
        MotionPhrase(PERSON, "walk", 0.4, 1.0, {"distance": 2.0}),
    ]
    motion = scripted_walk(body, phrases, 81, 5.0, SIDES)
    assert motion.missed < 0.005
    assert motion.travel.root[16, 2] < motion.travel.root[0, 2] - 0.18
    assert motion.travel.root[-1, 0] - motion.travel.root[0, 0] == pytest.approx(2.0, abs=0.03)


def test_one_chain_agrees_with_the_whole_tree(body: SkinnedBody, walks: dict[str, WalkMotion]) -> None:
    motion = walks["in a bow"]
    at = _joints(body, motion)
    for joint in ("left_ankle", "right_foot", "left_wrist"):
        _, place_ = joint_in_world(body, motion.q, motion.travel.root, motion.travel.heading, joint)
        assert place_ == pytest.approx(at[joint], abs=1e-9)


# -- scripts ----------------------------------------------------------------------------------------------------------


def _script(body: SkinnedBody, **given: float | str):
    objects, parts = SCENES["lift_dumbbell"]()
    plan = plan_from_recipe(Recipe.load("lift_dumbbell"))
    plan = replace(
        plan,
        script=(
            MotionPhrase("dumbbell", "hold", parameters={"at": "side"}),
            MotionPhrase(PERSON, "walk", parameters=dict(given)),
        ),
    )
    scene = place(plan, {PERSON: body}, objects, parts)
    return scene, script_motion(plan, {PERSON: body}, objects, parts, scene)


def test_what_is_held_goes_along(body: SkinnedBody) -> None:
    scene, reference = _script(body, distance=2.0, turn=60.0)
    person, thing = reference.people[PERSON], reference.objects["dumbbell"]
    assert person.travel is not None
    placed = person.travel.placed(scene.people[PERSON][0])
    back = Rotation.from_euler("z", -placed.heading[:, None])
    seen = back.apply(thing.translation - placed.root)
    assert seen == pytest.approx(np.repeat(seen[:1], len(seen), 0), abs=1e-9)
    assert seen[0, 1] < -0.15, "to the right"
    assert abs(seen[0, 2]) < 0.2, "beside the thigh"
    assert np.linalg.norm(thing.translation[-1, :2] - thing.translation[0, :2]) > 1.5
    turned = Rotation.from_matrix(thing.rotation[-1] @ thing.rotation[0].T).as_rotvec()
    assert np.degrees(turned) == pytest.approx([0.0, 0.0, 60.0], abs=0.5)
    right = person.q[:, body.freedoms.index("right shoulder flexion")]
    left = person.q[:, body.freedoms.index("left shoulder flexion")]
    assert np.ptp(right) < 0.05 < np.ptp(left), "only the free arm swings"
    flat = person.travel.feet["left"]
    assert person.planted["left"] == pytest.approx(flat.heel_down * flat.toe_down)


def test_travel_begins_on_the_placed_feet(body: SkinnedBody) -> None:
    scene, reference = _script(body, distance=1.5)
    placement = replace(scene.people[PERSON][0], heading=1.2, feet={"left": (1.0, 2.1, 1.3), "right": (1.1, 1.9, 1.1)})
    travel = reference.people[PERSON].travel
    assert travel is not None
    placed = travel.placed(placement)
    assert placed.heading[0] == pytest.approx(1.2)
    assert placed.root[0, :2] == pytest.approx([1.05, 2.0], abs=0.03)
    way = placed.root[-1] - placed.root[0]
    assert way[:2] == pytest.approx(1.5 * np.array([np.cos(1.2), np.sin(1.2)]), abs=0.03)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"direction": "forwards"}, "Did you mean 'forward'"),
        ({"distance": -1.0}, "not negative"),
        ({"path": "1 0", "turn": 10.0}, "the path says them"),
        ({"path": "-1 0.1"}, "degrees off"),
        ({"distance": 20.0}, "nobody walks so"),
        ({"distance": "far"}, "must be a number"),
    ],
)
def test_bad_walks_are_refused(given: dict[str, float | str], message: str, body: SkinnedBody) -> None:
    with pytest.raises(RecipeError, match=message):
        _script(body, **given)


def test_only_who_stands_walks(body: SkinnedBody) -> None:
    plan = plan_from_recipe(Recipe.load("sit_on_chair"))
    plan = replace(plan, script=(MotionPhrase(PERSON, "walk"),))
    objects, parts = SCENES["sit_on_chair"]()
    scene = place(plan, {PERSON: body}, objects, parts)
    with pytest.raises(RecipeError, match="posture 'sit'"):
        script_motion(plan, {PERSON: body}, objects, parts, scene)
