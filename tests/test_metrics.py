"""Every bar has a case that clears it and one that does not; expected numbers are worked out by hand."""

import json

import numpy as np
import pytest
import synthetic_result as syn
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.metrics import Metric, diversity, evaluate, failed

FLOOR_BOX = syn.box([0, 0, -0.1], [0.6, 0.6, 0.2])
"""Its top is z = 0."""


def measure(key, **content):
    metrics = evaluate(syn.result(**content))
    assert key in metrics, sorted(metrics)
    return metrics[key]


def hand_on_box(gap, **flags):
    vertices, faces = syn.ball([0, 0, 0.1 + gap])
    return {
        "people": {"person 1": syn.person(vertices, faces, "right hand")},
        "objects": {"box": syn.thing(*FLOOR_BOX)},
        "edges": [syn.edge("person 1.right hand", "box.top", **flags)],
    }


@pytest.mark.parametrize(("gap", "share"), [(0.003, 1.0), (0.007, 0.0), (-0.05, 1.0)])
def test_hand_touches_within_five_millimetres(gap, share):
    metric = measure("contact:person 1.right hand->box.top", **hand_on_box(gap))
    assert metric.value == share
    assert metric.passed is (share == 1.0)


@pytest.mark.parametrize(("gap", "share"), [(0.008, 1.0), (0.012, 0.0)])
def test_other_parts_touch_within_one_centimetre(gap, share):
    content = hand_on_box(gap)
    content["people"]["person 1"]["part_labels"] = np.full(642, "torso")
    content["edges"] = [syn.edge("person 1.torso", "box.top")]
    assert measure("contact:person 1.torso->box.top", **content).value == share


def test_contact_of_an_edge_that_may_let_go_has_no_bar():
    assert measure("contact:person 1.right hand->box.top", **hand_on_box(0.1, continuous=False)).passed is None


def grip(angles, radius=0.008, gap=0.001, obstacle=None):
    """Fingertip balls around a 3 cm bar at angles in degrees (0 is up); y keeps them apart."""
    at = {"right palm": -0.03, "right thumb": -0.02, "right index": 0.0, "right middle": 0.02}
    pieces, regions = [], []
    for region, angle in angles.items():
        away = 0.015 + gap + radius
        center = [away * np.sin(np.radians(angle)), at[region], away * np.cos(np.radians(angle))]
        pieces.append(syn.ball(center, radius, 2))
        regions += [region] * len(pieces[-1][0])
    vertices, faces, _ = syn.join(*pieces)
    cylinder = syn.bar()
    mesh = cylinder if obstacle is None else syn.join(cylinder, obstacle)[:2]
    chosen = np.arange(len(cylinder[1]))
    return {
        "people": {"person 1": syn.person(vertices, faces, "right hand", np.array(regions))},
        "objects": {"iron": syn.thing(*mesh, part="handle", chosen=chosen)},
        "edges": [syn.edge("person 1.right hand", "iron.handle", kind="grip", static=True)],
    }


AROUND = {"right palm": 0, "right index": 180, "right middle": 180, "right thumb": 10}


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, True),
        ({"right index": 20, "right middle": 30}, False),
        ({"right thumb": 180}, False),
        ({"right index": 60}, False),
    ],
    ids=["around", "one side only", "thumb beside the fingers", "thumb against one finger"],
)
def test_grip_needs_both_sides_and_the_thumb_against_two_fingers(change, holds):
    assert measure("contact:person 1.right hand->iron.handle", **grip(AROUND | change)).passed is holds


def test_grip_needs_contact_with_two_fingers():
    one_finger = {key: value for key, value in AROUND.items() if key != "right middle"}
    assert measure("contact:person 1.right hand->iron.handle", **grip(one_finger)).passed is False


def test_thumb_is_not_asked_for_where_it_does_not_fit():
    # Walls 5 mm from the bar leave too little for a thumb of 16 mm.
    from zeroshot_hoi.metrics.clip import read_clip
    from zeroshot_hoi.metrics.contact import thumb_fits

    plate = syn.box([0, 0, 0.03], [0.2, 0.2, 0.02])
    free = read_clip(syn.result(**grip(AROUND))).objects["iron"]
    covered = read_clip(syn.result(**grip(AROUND, obstacle=plate))).objects["iron"]
    sides = [syn.box([x, 0, 0], [0.02, 0.2, 0.1]) for x in (-0.03, 0.03)]
    walls = syn.join(plate, *sides)[:2]
    boxed = read_clip(syn.result(**grip(AROUND, obstacle=walls))).objects["iron"]
    assert thumb_fits(free, "handle")
    assert thumb_fits(covered, "handle"), "left and right stay free"
    assert not thumb_fits(boxed, "handle")


@pytest.mark.parametrize(("width", "passes"), [(0.12, True), (0.07, False)])
def test_seat_needs_a_hundred_square_centimetres(width, passes):
    vertices, faces = syn.box([0, 0, 0.105], [width, 0.1, 0.2], edge=0.01)
    content = {
        "people": {"person 1": syn.person(vertices, faces, "hips")},
        "objects": {"box": syn.thing(*FLOOR_BOX)},
        "edges": [syn.edge("person 1.hips", "box.top", kind="support", support=True)],
    }
    assert measure("contact:person 1.hips->box.top", **content).passed is passes


@pytest.mark.parametrize("amplitude", [0.004, 0.02])
def test_drift_is_the_largest_distance_from_the_mean(amplitude):
    content = hand_on_box(0.0, static=True)
    shift = amplitude * np.array([1, -1] * (syn.FRAMES // 2))
    content["people"]["person 1"]["vertices"][:, :, 0] += shift[:, None]
    metric = measure("drift:person 1.right hand->box.top", **content)
    assert metric.value == pytest.approx(1000 * amplitude, rel=1e-3)
    assert metric.passed is (amplitude < 0.005)


@pytest.mark.parametrize(("direction", "drifts"), [(0, True), (2, False)], ids=["along the cushion", "into it"])
def test_upholstery_may_give_way_but_not_be_slid_on(direction, drifts):
    vertices, faces = syn.box([0, 0, 0.1], [0.3, 0.3, 0.2], edge=0.03)
    person = syn.person(vertices, faces, "hips")
    person["vertices"][:, :, direction] += 0.008 * np.array([1, -1] * (syn.FRAMES // 2))[:, None]
    edge = syn.edge("person 1.hips", "box.top", static=True, kind="support", support=True, upholstery=True)
    content = {"people": {"person 1": person}, "objects": {"box": syn.thing(*FLOOR_BOX)}, "edges": [edge]}
    value = measure("drift:person 1.hips->box.top", **content).value
    assert value == pytest.approx(8.0 if drifts else 0.0, abs=0.01)


def test_drift_is_measured_in_the_frame_of_the_moving_object():
    content = hand_on_box(0.0, static=True)
    way = np.linspace(0, 0.5, syn.FRAMES)[:, None] * [1.0, 0.0, 0.0]
    content["people"]["person 1"]["vertices"] += way[:, None].astype(np.float32)
    content["objects"]["box"]["translation"] = way
    assert measure("drift:person 1.right hand->box.top", **content).value == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("depth", [0.008, 0.02])
def test_body_penetration_is_the_deepest_vertex(depth):
    content = hand_on_box(-depth)
    metrics = evaluate(syn.result(**content))
    deepest, mean = (metrics[f"penetration {key}:person 1|box"] for key in ("max", "mean"))
    assert deepest.value == pytest.approx(1000 * depth, abs=0.05)
    assert deepest.passed is (depth <= 0.01)
    assert mean.value == pytest.approx(deepest.value)
    assert mean.passed is False


def test_a_thin_board_through_the_body_is_found_by_its_own_points():
    board = syn.box([0, 0, 0], [0.6, 0.6, 0.004])
    vertices, faces = syn.ball([0, 0, 0.0])
    content = {
        "people": {"person 1": syn.person(vertices, faces, "torso")},
        "objects": {"board": syn.thing(*board)},
    }
    assert measure("penetration max:person 1|board", **content).value > 90.0


@pytest.mark.parametrize(
    ("flags", "bars"),
    [({}, (10, 3)), ({"support": True}, (20, 10)), ({"support": True, "upholstery": True}, (40, 20))],
)
def test_support_and_upholstery_relax_their_own_pair_only(flags, bars):
    content = hand_on_box(0.0, **flags)
    content["objects"]["other"] = syn.thing(*FLOOR_BOX, translation=np.full((syn.FRAMES, 3), 5.0))
    metrics = evaluate(syn.result(**content))
    assert tuple(metrics[f"penetration {key}:person 1|box"].threshold for key in ("max", "mean")) == bars
    assert metrics["penetration max:person 1|other"].threshold == 10


@pytest.mark.parametrize(("overlap", "passes"), [(0.002, True), (0.005, False)])
def test_objects_may_overlap_three_millimetres(overlap, passes):
    upper = syn.box([0, 0, 0.05 - overlap], [0.1, 0.1, 0.1])
    metric = measure("object penetration:a|b", objects={"a": syn.thing(*upper), "b": syn.thing(*FLOOR_BOX)})
    assert metric.value == pytest.approx(1000 * overlap, abs=1e-2)
    assert metric.passed is passes


@pytest.mark.parametrize(("overlap", "passes"), [(0.008, True), (0.02, False)])
def test_people_may_overlap_ten_millimetres(overlap, passes):
    first = syn.person(*syn.ball([0, 0, 0.1]), "torso")
    second = syn.person(*syn.ball([0.2 - overlap, 0, 0.1]), "torso")
    metric = measure("person penetration:a|b", people={"a": first, "b": second})
    assert metric.value == pytest.approx(1000 * overlap, abs=1.0)
    assert metric.passed is passes


@pytest.mark.parametrize(("overlap", "passes"), [(0.006, True), (0.02, False)])
def test_hand_in_torso_is_self_penetration(overlap, passes):
    vertices, faces, piece = syn.join(syn.ball([0, 0, 0.2], 0.15), syn.ball([0.2 - overlap, 0, 0.2], 0.05))
    labels = np.array(["torso", "left hand"])[piece]
    metric = measure("self penetration:person 1", people={"person 1": syn.person(vertices, faces, labels)})
    assert metric.value == pytest.approx(1000 * overlap, abs=1.0)
    assert metric.passed is passes


def tube(path, radius=0.03, sides=24):
    """A closed tube around `path (N, 3)` in the x-z plane; vertices, faces, index along the path."""
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.array([0.0, 1.0, 0.0])
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    up = np.cross(tangent, side)
    rings = path[:, None] + radius * (np.cos(angle)[None, :, None] * side + np.sin(angle)[None, :, None] * up[:, None])
    i, j = np.meshgrid(np.arange(len(path) - 1), np.arange(sides), indexing="ij")
    a, b = i * sides + j, i * sides + (j + 1) % sides
    faces = np.concatenate([np.stack([a, b, a + sides], -1), np.stack([b, b + sides, a + sides], -1)])
    return rings.reshape(-1, 3), faces.reshape(-1, 3), np.repeat(np.arange(len(path)), sides)


def bent_limb(far_bend):
    """A limb that folds by 108 degrees about its middle; with `far_bend` its end comes back through the first half."""
    down = np.stack([np.zeros(30), np.zeros(30), np.linspace(0.3, 0.02, 30)], -1)
    turn = np.linspace(0, 0.6 * np.pi, 9)[1:]
    fold = np.stack([0.012 * (1 - np.cos(turn)), 0 * turn, 0.02 - 0.012 * np.sin(turn)], -1)
    heading = np.array([np.sin(turn[-1]), 0, -np.cos(turn[-1])])
    away = fold[-1] + np.linspace(0.01, 0.25, 25)[:, None] * heading
    path = np.concatenate([down, fold, away])
    if far_bend:
        path = np.concatenate([path, away[-1] + np.linspace(0.01, 0.30, 30)[:, None] * [-0.97, 0, 0.24]])
    vertices, faces, along = tube(path)
    return vertices + [0, 0, 1], faces, np.where(along < 34, "left arm", "left hand")


def test_a_natural_crease_is_no_self_penetration():
    vertices, faces, labels = bent_limb(far_bend=False)
    metric = measure("self penetration:person 1", people={"person 1": syn.person(vertices, faces, labels)})
    assert metric.value <= 10.0


def test_a_limb_through_its_neighbor_is_self_penetration():
    vertices, faces, labels = bent_limb(far_bend=True)
    metric = measure("self penetration:person 1", people={"person 1": syn.person(vertices, faces, labels)})
    assert metric.value > 15.0


def test_fingers_are_segments_of_their_own():
    vertices, faces, piece = syn.join(syn.ball([0, 0, 0.5], 0.03), syn.ball([0.04, 0, 0.5], 0.03))
    regions = np.array(["right index", "right middle"])[piece]
    metric = measure(
        "self penetration:person 1", people={"person 1": syn.person(vertices, faces, "right hand", regions)}
    )
    assert metric.value == pytest.approx(20.0, abs=1.0)


@pytest.mark.parametrize(("height", "passes"), [(-0.004, True), (-0.006, False)])
def test_nothing_is_deeper_than_five_millimetres_below_ground(height, passes):
    cube = syn.thing(*syn.box([0, 0, 0.1 + height], [0.2, 0.2, 0.2]))
    assert measure("ground:cube", objects={"cube": cube}).passed is passes


def sole(motion=None, height=0.0):
    vertices, faces = syn.box([0, 0, 0.025 + height], [0.2, 0.1, 0.05], edge=0.05)
    path = np.repeat(vertices[None], syn.FRAMES, axis=0) if motion is None else motion(vertices)
    regions = np.where(vertices[:, 2] < 0.026 + height, "left sole", "")
    return {"person 1": syn.person(path, faces, "left foot", regions)}


@pytest.mark.parametrize(("height", "passes"), [(0.004, True), (0.006, False)])
def test_everybody_is_supported(height, passes):
    assert measure("supported:person 1", people=sole(height=height)).passed is passes


def test_a_seat_supports():
    content = {
        "people": {"person 1": syn.person(*syn.box([0, 0, 0.602], [0.2, 0.2, 0.2]), "hips")},
        "objects": {"chair": syn.thing(*syn.box([0, 0, 0.25], [0.4, 0.4, 0.5]), part="seat")},
        "edges": [syn.edge("person 1.hips", "chair.seat", kind="support", support=True)],
    }
    assert measure("supported:person 1", **content).passed is True
    content["people"]["person 1"]["vertices"][3, :, 2] += 0.05
    assert measure("supported:person 1", **content).value == pytest.approx(7 / 8)


def stander(weight_at, motion=None):
    """A sole of 20 x 10 cm and a cube of the same volume `weight_at` metres ahead, one metre up."""
    vertices, faces, _ = syn.join(
        syn.box([0, 0, 0.025], [0.2, 0.1, 0.05], edge=0.05), syn.box([weight_at, 0, 1.0], [0.1, 0.1, 0.1], edge=0.05)
    )
    path = np.repeat(vertices[None], syn.FRAMES, axis=0) if motion is None else motion(vertices)
    regions = np.where(vertices[:, 2] < 0.026, "left sole", "")
    labels = np.where(vertices[:, 2] < 0.5, "left foot", "right hand")
    return {"person 1": syn.person(path, faces, labels, regions)}


@pytest.mark.parametrize(("weight_at", "outside"), [(0.1, -5.0), (0.23, 1.5), (0.4, 10.0)])
def test_the_weight_is_over_what_carries_it(weight_at, outside):
    # Two equal volumes: the center of mass is half way, the sole's edge at 10 cm ahead and 5 cm aside.
    metric = measure("balance:person 1", people=stander(weight_at))
    assert metric.value == pytest.approx(outside, abs=0.05)
    assert metric.passed is (outside <= 2.0)


def test_who_sways_is_balanced_where_the_mean_of_a_second_is():
    sway = 0.4 * np.array([-1, 1] * (syn.FRAMES // 2))

    def swaying(vertices):
        return vertices + sway[:, None, None] * (vertices[:, 2:] > 0.5) * [1.0, 0, 0]

    assert measure("balance:person 1", people=stander(0.0, swaying)).value == pytest.approx(-5.0, abs=0.05)


@pytest.mark.parametrize("travels", [False, True])
def test_a_thing_that_stays_carries_and_one_that_travels_does_not(travels):
    content = {
        "people": stander(0.4),
        "objects": {"table": syn.thing(*syn.box([0.4, 0, 0.847], [0.4, 0.4, 0.2]))},
        "edges": [syn.edge("person 1.right hand", "table.top")],
        "states": {"table": (travels, False)},
    }
    assert measure("balance:person 1", **content).passed is not travels


@pytest.mark.parametrize(("mass", "outside"), [(0.0, 1.5), (70.0, -5.0)])
def test_a_load_counts_where_hands_hold_it(mass, outside):
    # The body's center is 11.5 cm ahead; as much again 11.5 cm behind brings both over the middle of the sole.
    content = {
        "people": stander(0.23),
        "objects": {"pack": syn.thing(*syn.box([-0.115, 0, 1.0], [0.586, 0.1, 0.1], edge=0.05))},
        "edges": [syn.edge("person 1.right hand", "pack.top")],
        "states": {"pack": (True, False)},
    }
    arrays = syn.result(**content)
    meta = json.loads(str(arrays["meta"])) | {"objects": {"pack": {"mass": mass}}}
    metric = evaluate(arrays | {"meta": np.array(json.dumps(meta))})["balance:person 1"]
    assert metric.value == pytest.approx(outside, abs=0.1)


def test_who_floats_has_no_balance():
    floating = stander(0.4, lambda vertices: np.repeat(vertices[None] + [0.0, 0.0, 0.1], syn.FRAMES, axis=0))
    assert "balance:person 1" not in evaluate(syn.result(people=floating))


LEANS = [
    (0.0, 0.0, 0.0),
    (2.0, 0.0, 0.0),
    (-np.tan(np.radians(30.0)), 0.0, 30.0),
    (0.0, 0.4, 21.801),
    (-0.3, -0.4, 26.565),
]
"""Metres ahead and aside at one metre of height -> degrees back and aside; ahead is free."""


@pytest.mark.parametrize(("ahead", "aside", "degrees"), LEANS)
@pytest.mark.parametrize("heading", [0.0, 2.1])
def test_a_trunk_leans_back_or_aside(ahead, aside, degrees, heading):
    people = stander(0.1)
    people["person 1"] |= syn.trunk(ahead, aside, heading)
    metric = measure("trunk lean:person 1", people=people)
    assert metric.value == pytest.approx(degrees, abs=0.01)
    assert metric.passed is (degrees <= 25.0)


@pytest.mark.parametrize(("ahead", "aside", "degrees"), [(0.0, 0.0, 0.0), (2.0, 0.0, 63.435), (3.0, 4.0, 78.69)])
def test_a_trunk_is_not_folded_double(ahead, aside, degrees):
    people = stander(0.1)
    people["person 1"] |= syn.trunk(ahead, aside, 1.3)
    metric = measure("trunk inclination:person 1", people=people)
    assert metric.value == pytest.approx(degrees, abs=0.01)
    assert metric.passed is (degrees <= 75.0)


def test_the_worst_frame_counts_and_a_raised_hip_does_not_tilt_the_measure():
    people = stander(0.1)
    moving, bent = syn.trunk(0.0, 0.0), syn.trunk(0.0, 0.4)
    moving["joints"][3:5] = bent["joints"][3:5]
    moving["joints"][:, 0, 2] += 0.05
    people["person 1"] |= moving
    expected = np.degrees(np.arctan2(0.4, 0.975))
    assert measure("trunk lean:person 1", people=people).value == pytest.approx(expected, abs=0.01)


HANGING = (1.4, 1.1, 0.9)


@pytest.mark.parametrize(
    ("arm", "raised"),
    [(HANGING, -30.0), ((1.4, 1.5, 1.8), -30.0), ((1.4, 1.6, 1.56), 4.0), ((1.4, 1.65, 1.5), 15.0),
     ((1.4, 1.48, 1.0), 8.0)],
    ids=["hangs", "reaches up", "hand just below the elbow", "over the head", "a wing"],
)  # fmt: skip
@pytest.mark.parametrize("side", ["left", "right"])
def test_an_elbow_above_its_shoulder_and_its_hand_is_raised(arm, raised, side):
    people = stander(0.1)
    people["person 1"] |= syn.arms(*((arm, HANGING) if side == "left" else (HANGING, arm)))
    metric = measure("raised elbow:person 1", people=people)
    assert metric.value == pytest.approx(raised)
    assert metric.passed is (raised <= 5.0)


def test_one_frame_with_a_raised_elbow_counts_and_who_has_no_arms_is_not_asked():
    people = stander(0.1)
    assert "raised elbow:person 1" not in evaluate(syn.result(people=people))
    moving, raised = syn.arms(HANGING, HANGING), syn.arms(HANGING, (1.4, 1.6, 1.5))
    moving["joints"][3] = raised["joints"][3]
    people["person 1"] |= moving
    assert measure("raised elbow:person 1", people=people).value == pytest.approx(10.0)


REACHES = [((0.3, -0.2, 1.2), -50.0), ((-0.4, -0.2, 1.4), 40.0), ((-0.4, -0.3, 1.0), 0.0), ((-0.2, -0.2, 1.6), 20.0)]
"""The right wrist of who looks along x, shoulders at 1.4 m -> cm behind the trunk beyond what it is below them."""


@pytest.mark.parametrize(("wrist", "behind"), REACHES, ids=["before", "behind the neck", "at the hip", "over the head"])
@pytest.mark.parametrize(
    "turn", [np.eye(3), Rotation.from_rotvec([0.3, 0.5, 2.0]).as_matrix()], ids=["upright", "bowed"]
)
def test_hands_work_before_the_trunk(wrist, behind, turn):
    content = hand_on_box(0.0)
    content["people"]["person 1"] |= syn.reaching((-0.5, 0.2, 1.5), wrist, turn)
    metric = measure("hand behind:person 1", **content)
    assert metric.value == pytest.approx(behind, abs=1e-6), "and the left hand may be where it is"
    assert metric.passed is (behind <= 10.0)


def test_a_hand_that_swings_back_counts_in_the_mean_and_one_that_props_does_not():
    content = hand_on_box(0.0)
    assert "hand behind:person 1" not in evaluate(syn.result(**content)), "who has no arms is not asked"
    moving, back = syn.reaching((0, 0.2, 1.0), (0.3, -0.2, 1.4)), syn.reaching((0, 0.2, 1.0), (-0.5, -0.2, 1.4))
    moving["joints"][: syn.FRAMES // 4] = back["joints"][: syn.FRAMES // 4]
    content["people"]["person 1"] |= moving
    share = (syn.FRAMES // 4) / syn.FRAMES
    assert measure("hand behind:person 1", **content).value == pytest.approx(100.0 * (0.8 * share - 0.3), abs=1e-6)
    content["edges"] = [syn.edge("person 1.right hand", "box.top", kind="support", support=True)]
    assert "hand behind:person 1" not in evaluate(syn.result(**content))


def test_who_is_seated_may_lean_back_and_who_has_no_trunk_is_not_asked():
    seat = {
        "objects": {"chair": syn.thing(*syn.box([0, 0, -1.0], [0.4, 0.4, 0.5]), part="seat")},
        "edges": [syn.edge("person 1.left foot", "chair.seat", kind="support", support=True)],
    }
    people = stander(0.1)
    assert "trunk lean:person 1" not in evaluate(syn.result(people=people))
    people["person 1"] |= syn.trunk(-1.0, 0.0)
    assert measure("trunk lean:person 1", people=people, **seat).passed is None
    assert measure("trunk inclination:person 1", people=people, **seat).passed is None


def test_who_is_seated_has_no_bar_of_balance():
    content = {
        "people": stander(0.4),
        "objects": {"chair": syn.thing(*syn.box([0, 0, -1.0], [0.4, 0.4, 0.5]), part="seat")},
        "edges": [syn.edge("person 1.left foot", "chair.seat", kind="support", support=True)],
    }
    assert measure("balance:person 1", **content).passed is None


@pytest.mark.parametrize("step", [0.001, 0.002])
def test_a_sliding_sole_adds_up_its_steps(step):
    slid = sole(lambda v: v + step * np.arange(syn.FRAMES)[:, None, None] * [1.0, 0, 0])
    metric = measure("foot sliding:person 1", people=slid)
    assert metric.value == pytest.approx(1000 * step * (syn.FRAMES - 1), rel=1e-3)
    assert metric.passed is (step == 0.001)


def test_steps_and_rolling_over_the_toe_do_not_slide():
    lift = 0.05 * np.array([0, 0, 1, 1, 0, 0, 0, 0])
    walk = 0.3 * np.array([0, 0, 0, 1, 1, 1, 1, 1])
    stepping = sole(lambda v: v + lift[:, None, None] * [0, 0, 1.0] + walk[:, None, None] * [1.0, 0, 0])
    assert measure("foot sliding:person 1", people=stepping).value == pytest.approx(0.0, abs=1e-3)

    def roll(vertices):
        toe = np.array([0.1, 0, 0])
        turns = Rotation.from_rotvec(np.linspace(0, 0.6, syn.FRAMES)[:, None] * [0, 1.0, 0]).as_matrix()
        return np.einsum("tij,nj->tni", turns, vertices - toe) + toe

    assert measure("foot sliding:person 1", people=sole(roll)).passed is True


@pytest.mark.parametrize(("angle", "passes"), [(0.5005, True), (0.6, False)])
def test_joint_limits(angle, passes):
    pose = np.zeros((syn.FRAMES, 2, 3))
    pose[:, 0] = 3.0  # the root turns freely
    pose[4, 1, 2] = angle
    people = {"person 1": syn.person(*syn.ball([0, 0, 0.1]), "torso", pose=pose)}
    metric = measure("joint limits:person 1", people=people)
    assert metric.value == pytest.approx(angle - 0.5, abs=1e-9)
    assert metric.passed is passes


def moving(translation=0.0, degrees=0.0, pivot=(0.0, 0.0, 0.0)):
    phase = np.linspace(0, 1, syn.FRAMES)
    rotation = Rotation.from_rotvec(np.radians(degrees) * phase[:, None] * [0, 0, 1.0]).as_matrix()
    way = translation * phase[:, None] * [1.0, 0, 0] + np.array(pivot) - rotation @ np.array(pivot)
    return {"cube": syn.thing(*syn.box([0, 0, 0.1], [0.2, 0.2, 0.2], 0.1), rotation=rotation, translation=way)}


@pytest.mark.parametrize(
    ("flags", "motion", "travels", "turns"),
    [
        ((True, False), {"translation": 0.12, "degrees": 1.0}, True, True),
        ((True, False), {"translation": 0.08, "degrees": 5.0}, False, False),
        ((False, True), {"degrees": 20.0}, True, True),
        ((False, True), {"degrees": 20.0, "pivot": (0.1, 0.1, 0.0)}, True, True),
        ((False, True), {"degrees": 10.0, "translation": 0.05}, False, False),
        ((False, False), {"translation": 0.005, "degrees": 1.0}, True, True),
        ((False, False), {"translation": 0.02, "degrees": 3.0}, False, False),
    ],
)
def test_objects_move_as_flagged(flags, motion, travels, turns):
    metrics = evaluate(syn.result(objects=moving(**motion), states={"cube": flags}))
    assert metrics["turn:cube"].value == pytest.approx(motion.get("degrees", 0.0), abs=0.01)
    if motion.get("pivot") is None and flags != (False, True):
        assert metrics["travel:cube"].value == pytest.approx(100 * motion["translation"], rel=1e-6)
    assert metrics["turn:cube"].passed is turns
    if motion != {"degrees": 10.0, "translation": 0.05}:  # some point of a turning and sliding cube stays nearly still
        assert metrics["travel:cube"].passed is travels


@pytest.mark.parametrize(("speed", "passes"), [(0.06, True), (0.04, False)])
def test_people_are_alive(speed, passes):
    joints = np.zeros((syn.FRAMES, 2, 3))
    joints[:, :, 0] = speed * np.arange(syn.FRAMES)[:, None] / 16.0
    people = {"person 1": syn.person(*syn.ball([0, 0, 0.1]), "torso", joints=joints)}
    metric = measure("joint speed:person 1", people=people)
    assert metric.value == pytest.approx(100 * speed)
    assert metric.passed is passes


@pytest.mark.parametrize(("hertz", "amplitude"), [(7.0, 0.005), (7.0, 0.001), (1.0, 0.1), (5.0, 0.004)])
def test_jitter_is_what_passes_the_filter_twice(hertz, amplitude):
    fps, frames = 32.0, 256
    time = np.arange(frames) / fps
    joints = np.zeros((frames, 2, 3))
    joints[..., 0] = amplitude * np.sin(2 * np.pi * hertz * time)[:, None]
    people = {"person 1": syn.person(*syn.ball([0, 0, 0.1], subdivisions=1), "torso", joints=joints, frames=frames)}
    metric = measure("jitter:person 1", people=people, fps=fps)
    ratio = np.tan(np.pi * 5.0 / fps) / np.tan(np.pi * hertz / fps)
    expected = 1000 * amplitude / np.sqrt(2) / (1 + ratio**8)
    assert metric.value == pytest.approx(expected, rel=0.05, abs=0.05)
    assert metric.passed is bool(expected <= 2.0)


def test_smoothness_of_a_known_acceleration():
    # x = a t^2 / 2 bends by a h^2 / 2 at the step h = 1/8 s.
    joints = np.zeros((33, 2, 3))
    joints[..., 0] = 0.5 * 2.0 * (np.arange(33) / 16.0)[:, None] ** 2
    people = {"person 1": syn.person(*syn.ball([0, 0, 0.1], subdivisions=1), "torso", joints=joints, frames=33)}
    assert measure("hoi-page smoothness:person 1", people=people).value == pytest.approx(2.0 / 64 / 2)


def test_diversity_ignores_where_and_which_way_a_clip_starts():
    def clip(offset, lift):
        joints = np.zeros((syn.FRAMES, 2, 3))
        joints[:, 1, 2] = 1.0 + lift
        people = {"person 1": syn.person(*syn.ball([0, 0, 0.1]), "torso", joints=joints + offset)}
        return syn.result(people=people)

    assert diversity([clip(0.0, 0.0), clip(3.0, 0.0)]).value == pytest.approx(0.0)
    assert diversity([clip(0.0, 0.0), clip(0.0, 0.2)]).value == pytest.approx(0.1)


def test_hoi_page_scores():
    metrics = evaluate(syn.result(**hand_on_box(-0.1)))
    assert metrics["hoi-page contact:person 1|box"].value == 1.0
    assert metrics["hoi-page non-collision:person 1|box"].value == pytest.approx(0.5, abs=0.05)
    assert all(m.passed is None for key, m in metrics.items() if key.startswith("hoi-page"))


def test_hoi_page_contact_is_with_any_object():
    """Sunk for three frames of eight in a box on the left, for two in one on the right, for the rest in the air."""
    vertices, faces = syn.ball([0, 0, 0.05])
    way = np.array([[-1.0, 0, 0]] * 3 + [[0, 0, 1.0]] * 3 + [[1.0, 0, 0]] * 2)
    people = {"person 1": syn.person(vertices + way[:, None], faces, "right hand")}
    boxes = {name: syn.thing(*syn.box([x, 0, -0.1], [0.6, 0.6, 0.2])) for name, x in (("left", -1.0), ("right", 1.0))}
    metrics = evaluate(syn.result(people=people, objects=boxes))
    shares = [metrics[f"hoi-page contact:person 1{rest}"].value for rest in ("|left", "|right", "")]
    assert shares == [3 / 8, 2 / 8, 5 / 8]


def test_metric_never_passes_on_nan():
    assert Metric("x", float("nan"), "mm", "lower", 1.0).passed is False
    assert Metric("x", 1.0, "mm", "lower").passed is None


def test_failed_lists_what_misses_its_bar():
    assert [m.key for m in failed(evaluate(syn.result(objects=moving(0.05, 0.0))))] == ["travel:cube"]


def test_a_file_is_read_without_pickles(tmp_path):
    path = tmp_path / "clip.npz"
    arrays = syn.result(**hand_on_box(0.0))
    np.savez_compressed(path, **arrays)
    assert evaluate(path).keys() == evaluate(arrays).keys()
    np.savez(tmp_path / "bad.npz", meta=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ResultError, match="pickles"):
        evaluate(tmp_path / "bad.npz")
    with pytest.raises(ResultError, match="no result file"):
        evaluate(tmp_path / "absent.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ResultError, match="can't be read"):
        evaluate(tmp_path / "text.npz")


def test_missing_arrays_and_unknown_parts_are_named():
    arrays = syn.result(**hand_on_box(0.0))
    del arrays["people/person 1/regions"]
    with pytest.raises(ResultError, match="regions"):
        evaluate(arrays)
    content = hand_on_box(0.0)
    content["edges"] = [syn.edge("person 1.right hand", "box.tip")]
    with pytest.raises(ResultError, match=r"'tip'.*top"):
        evaluate(syn.result(**content))


BODY_POSES = {
    "standing": ({}, True),
    "seated": ({f"{side} {joint} flexion": 1.6 for side in ("left", "right") for joint in ("hip", "knee")}, True),
    "elbow bent": ({"right elbow flexion": 2.4}, True),
    "forearm through the belly": (
        {"right shoulder abduction": 0.0, "right shoulder rotation": 1.2, "right elbow flexion": 1.8}, False,
    ),
    "shins crossed": ({"left hip abduction": -0.4, "right hip abduction": -0.4}, False),
}  # fmt: skip
"""Anatomical angles in radians, and whether the body stays out of itself."""


@pytest.mark.parametrize("name", BODY_POSES)
def test_self_penetration_of_the_embedded_body(name):
    from zeroshot_hoi.body import load_body, pose_vertices, to_pose
    from zeroshot_hoi.core.arrays import numpy_namespace

    angles, clear = BODY_POSES[name]
    body, xp = load_body(), numpy_namespace()
    values = np.zeros((1, len(body.freedoms.names)))
    for freedom, angle in angles.items():
        index = body.freedoms.index(freedom)
        values[0, index] = angle - body.freedoms.rest[index]
    vertices = pose_vertices(xp, body, to_pose(xp, body.freedoms, values), body.rest_joints[:1])
    people = {"person 1": syn.person(vertices, body.faces, body.part_labels, body.regions)}
    metric = measure("self penetration:person 1", people=people)
    assert metric.passed is clear, metric


@pytest.mark.parametrize(
    ("value", "direction", "threshold", "excess"),
    [(12.0, "lower", 10.0, 0.2), (5.0, "lower", 10.0, -0.5), (0.0, "higher", 0.95, 1.0), (3.0, "lower", None, 3.0),
     (float("nan"), "lower", 10.0, float("inf"))],
)  # fmt: skip
def test_excess_is_in_units_of_the_bar(value: float, direction: str, threshold: float | None, excess: float) -> None:
    assert Metric("jitter:x", value, "mm", direction, threshold).excess == pytest.approx(excess)
