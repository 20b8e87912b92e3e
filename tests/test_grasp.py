"""A hand closes around a bar: it touches with most of its pads, stays outside, and does the same again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from tests.plain_scene import capped_cylinder, part_of, plain_object
from zeroshot_hoi.body import apply_rows, bone_transforms, load_body, stack_transforms, to_pose
from zeroshot_hoi.body.kinematics import vertex_rows
from zeroshot_hoi.body.pads import hand_pads
from zeroshot_hoi.body.surface import surface_points
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.scene import PartRegion, SceneObject
from zeroshot_hoi.core.solution import Progress, silent
from zeroshot_hoi.optimization import grasp as module
from zeroshot_hoi.optimization import hand as hands
from zeroshot_hoi.optimization.grasp import Grasp, find_grasps
from zeroshot_hoi.optimization.grasp_problem import HeldPart, measure_part
from zeroshot_hoi.optimization.hand import Hand, finger_freedoms, hand_frame, measure_hand, preshape
from zeroshot_hoi.optimization.schedule import grip_cost
from zeroshot_hoi.optimization.start import Start

XP = numpy_namespace()
RADIUS, LENGTH = 0.016, 0.13
BAR = capped_cylinder(RADIUS, LENGTH)


@pytest.fixture(scope="module")
def body() -> SkinnedBody:
    return load_body("neutral")


@pytest.fixture(scope="module")
def bar() -> tuple[SceneObject, PartRegion]:
    """A bar 32 mm thick and 13 cm long, standing on the ground."""
    mesh = trimesh.creation.cylinder(RADIUS, LENGTH, sections=48)
    mesh = mesh.subdivide().subdivide()
    mesh.apply_translation([0.0, 0.0, LENGTH / 2])
    thing = plain_object("bar", mesh, BAR, 0.004)
    return thing, part_of(thing, "handle", np.arange(len(mesh.faces)), np.array([0.0, 0.0, 1.0]))


@pytest.fixture(scope="module")
def few_starts() -> object:
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "STARTS", 12)
    yield
    patch.undo()


def _find(body: SkinnedBody, bar: tuple[SceneObject, PartRegion], seed: int, side: str = "right", **more):
    thing, part = bar
    return find_grasps(body, side, thing, part, thing.grid, engine="jax", seed=seed, **more)


def _search(hand: Hand, held: HeldPart) -> module._Search:
    return module._Search(hand, held, "jax", module.at_ease, silent)


@pytest.fixture(scope="module")
def found(body: SkinnedBody, bar: tuple[SceneObject, PartRegion], few_starts: object) -> tuple[Grasp, ...]:
    return _find(body, bar, 0)


def _distances(body: SkinnedBody, grip: Grasp, rows: np.ndarray) -> np.ndarray:
    """Exact distances (N,) to the bar of body points in the grip's hand pose."""
    pose = to_pose(XP, body.freedoms, grip.q)
    stacked = stack_transforms(XP, bone_transforms(XP, body, pose, body.rest_joints[0]))
    points = apply_rows(XP, rows, stacked)
    return BAR((points - grip.translation) @ grip.rotation)


def test_the_best_grip_touches_with_most_pads_and_does_not_enter(found: tuple[Grasp, ...], body: SkinnedBody) -> None:
    best = found[0]
    pads = hand_pads(body, "right")
    near = {name: np.abs(_distances(body, best, points.rows)).min() < 0.005 for name, points in pads.items()}
    assert sum(near.values()) >= 12
    assert abs(best.touching - sum(near.values())) <= 2, "4.5 mm of the part against 5 mm of the object"
    assert any(touches for name, touches in near.items() if "thumb" in name)
    assert sum(touches for name, touches in near.items() if "thumb" not in name and "palm" not in name) >= 4
    assert best.depth < 0.002
    unseen = _distances(body, best, surface_points(body, "right hand", 1500, 11).rows)
    assert unseen.min() > -0.002


def test_sound_grips_press_lightly(found: tuple[Grasp, ...], body: SkinnedBody) -> None:
    hand = np.flatnonzero(np.array(body.part_labels) == "right hand")
    rows = vertex_rows(body, hand)
    sound = [grip for grip in found if grip.sound]
    assert sound
    for grip in sound:
        distance = _distances(body, grip, rows)
        assert (distance < 0.0).sum() >= 8, "without the press two"
        assert distance.min() > -0.0026


def test_thumb_and_fingers_press_from_opposite_sides(found: tuple[Grasp, ...], body: SkinnedBody) -> None:
    pose = to_pose(XP, body.freedoms, found[0].q)
    stacked = stack_transforms(XP, bone_transforms(XP, body, pose, body.rest_joints[0]))
    rows = {
        name: np.concatenate([p.rows for key, p in hand_pads(body, "right").items() if name in key])
        for name in ("thumb", "middle")
    }
    local = {n: (apply_rows(XP, r, stacked) - found[0].translation) @ found[0].rotation for n, r in rows.items()}
    nearest = {n: p[np.abs(BAR(p)).argsort()[: max(2, len(p) // 6)], :2].mean(0) for n, p in local.items()}
    thumb, finger = (v / np.linalg.norm(v) for v in (nearest["thumb"], nearest["middle"]))
    palm = (hand_frame(body, "right").palm - found[0].translation) @ found[0].rotation
    assert min(thumb @ finger, thumb @ palm[:2] / np.linalg.norm(palm[:2])) < 0.5


def test_grips_are_valid_sorted_and_different(found: tuple[Grasp, ...], body: SkinnedBody) -> None:
    ranks = [(not g.sound, g.cost) for g in found]
    assert ranks == sorted(ranks)
    low, high = body.freedoms.limits.T
    active = finger_freedoms(body, "right")
    for grip in found:
        assert ((grip.q >= low - 1e-9) & (grip.q <= high + 1e-9)).all()
        assert np.flatnonzero(grip.q).tolist() == [i for i in active if grip.q[i] != 0.0]
        assert grip.rotation @ grip.rotation.T == pytest.approx(np.eye(3), abs=1e-6)
        assert np.linalg.det(grip.rotation) == pytest.approx(1.0)
    for k, grip in enumerate(found):
        for other in found[:k]:
            assert Rotation.from_matrix(grip.rotation @ other.rotation.T).magnitude() > np.radians(10.0)


def test_of_grips_that_are_not_sound_the_shallow_one_is_taken(found: tuple[Grasp, ...]) -> None:
    loose = replace(found[0], opposed=False)
    sunk, shallow = replace(loose, depth=0.0048), replace(loose, depth=0.0021, energy=loose.energy + 10.0)
    assert shallow.cost < sunk.cost
    assert grip_cost(Start({}, {"edge": shallow})) < grip_cost(Start({}, {"edge": sunk}))
    assert found[0].cost == found[0].energy, "what may be shown costs nothing"
    assert grip_cost(Start({}, {"edge": found[0]})) < grip_cost(Start({}, {"edge": loose}))


def test_same_seed_same_grips(found: tuple[Grasp, ...], body: SkinnedBody, bar, few_starts: object) -> None:
    heard: list[Progress] = []
    again = _find(body, bar, 0, listener=heard.append)
    assert len(again) == len(found)
    for first, second in zip(found, again, strict=False):
        assert np.array_equal(first.q, second.q)
        assert np.array_equal(first.rotation, second.rotation)
        assert first.energy == second.energy
    assert heard
    assert {event.stage for event in heard} == {"grasp"}


def test_another_seed_turns_the_starts_and_still_finds_a_grip(
    body: SkinnedBody, bar, found, few_starts: object
) -> None:
    other = _find(body, bar, 1)
    assert not np.array_equal(other[0].rotation, found[0].rotation)
    assert other[0].touching >= 10
    assert other[0].depth < 0.003


@pytest.mark.parametrize("side", ["left", "right"])
def test_starts_are_outside_across_the_palm_and_close(side: str, body: SkinnedBody, bar) -> None:
    thing, part = bar
    hand = measure_hand(body, side)
    rotations, translations = module._starts(_search(hand, measure_part(thing, part, thing.grid)), 0)
    frame = hand_frame(body, side)
    assert len(rotations) == len(translations) == module.STARTS
    points = hand.open_points()
    for rotation, translation in zip(rotations, translations, strict=True):
        assert BAR((points - translation) @ rotation).min() > 0.5 * module.CLEARANCE
        assert abs(rotation @ part.axis @ frame.radial) == pytest.approx(1.0, abs=1e-6)
        center = rotation @ part.center + translation - frame.palm
        assert 0.0 < center @ frame.normal < 0.09
        assert np.linalg.norm(center - (center @ frame.normal) * frame.normal) < 1e-6


@pytest.mark.parametrize("side", ["left", "right"])
def test_hand_frame_is_orthonormal_and_the_palm_faces_out_of_the_palm(side: str, body: SkinnedBody) -> None:
    frame = hand_frame(body, side)
    axes = np.stack([frame.normal, frame.distal, frame.radial])
    assert axes @ axes.T == pytest.approx(np.eye(3), abs=1e-9)
    palm = surface_points(body, f"{side} palm", 64, 0)
    normals = palm.normal_rows[:, :].reshape(len(palm), -1, 4)[..., :3].sum(1)
    assert (normals / np.linalg.norm(normals, axis=1, keepdims=True) @ frame.normal).mean() > 0.6


def test_preshape_closes_only_one_hand(body: SkinnedBody) -> None:
    opened = preshape(body, "left", hands.OPEN_FINGER, hands.OPEN_THUMB)
    closed = preshape(body, "left", hands.CLOSED_FINGER, hands.CLOSED_THUMB)
    active = set(finger_freedoms(body, "left"))
    assert len(active) == 4 * 4 + 5
    assert set(np.flatnonzero(opened)) <= active
    flexion = [i for i in active if "thumb" not in body.freedoms.names[i] and "flexion" in body.freedoms.names[i]]
    assert (closed[flexion] > opened[flexion]).all()


@pytest.mark.parametrize("way", [np.array([0.0, 1.0, 0.0]), np.array([0.0, -1.0, 0.0])], ids=["left", "right"])
def test_a_bar_is_taken_from_where_the_arm_reaches_it(
    body: SkinnedBody, bar: tuple[SceneObject, PartRegion], few_starts: object, way: np.ndarray
) -> None:
    """A round bar along z may be taken from all around; this arm comes from one side, within 60 degrees."""
    normal = hand_frame(body, "right").normal

    def strain(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
        palms = np.einsum("gji,j->gi", rotation, normal)
        return np.where(palms @ way > 0.5, 0.0, 200.0)

    best = _find(body, bar, 0, strain=strain)[0]
    assert best.sound
    assert best.strain == 0.0
    assert best.rotation.T @ normal @ way > 0.5


def _rough(turn: float, depth: float, energy: float = 50.0) -> Grasp:
    rotation = Rotation.from_rotvec([0.0, turn, 0.0]).as_matrix()
    return Grasp(np.zeros(3), rotation, np.zeros(3), energy, 10, True, depth)


def test_a_grip_that_is_a_little_deep_before_it_is_solved_again_is_still_another_one() -> None:
    grasps = [_rough(0.0, 0.0022), _rough(np.pi, 0.0031), _rough(0.1, 0.0010), _rough(1.0, 0.015), _rough(2.0, 0.0040)]
    assert set(module._different(grasps)) == {0, 1, 4}
    assert [not module._rank(grasp)[0] for grasp in grasps] == [True, False, True, False, False]


def test_half_of_the_starts_that_go_on_are_good_for_the_hand_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STARTS", 8)
    energy = np.array([10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0])
    strain = np.array([200.0, 200.0, 200.0, 0.0, 200.0, 200.0, 200.0, 0.0])
    assert module._better(energy, strain).tolist() == [3, 7, 0, 1]
    assert module._better(energy, 0.0 * strain).tolist() == [0, 1, 2, 3]


def test_the_middle_of_a_long_face_in_the_skin_counts(body: SkinnedBody) -> None:
    """A beam of two triangles a side has no vertex near the hand that is around it; the middles of its faces are."""
    mesh = trimesh.creation.box((0.03, 0.03, 0.3))
    thing = plain_object("beam", mesh, lambda p: np.abs(p[..., :2]).max(-1) - 0.015, 0.005)
    part = part_of(thing, "handle", np.arange(len(mesh.faces)), np.array([0.0, 0.0, 1.0]))
    held = measure_part(thing, part, thing.grid)
    assert np.abs(thing.vertices[:, 2]).min() > 0.1
    middles = held.points[len(thing.vertices) :]
    assert len(middles) == len(thing.faces)
    assert np.abs(middles[:, 2]).min() < 0.06
