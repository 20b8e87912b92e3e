"""Folding is exact: points on the moving bones are where the whole skeleton puts them, for any pose of what moves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body import bone_transforms, load_body, stack_transforms, to_pose, vertex_rows
from zeroshot_hoi.body.fold import FoldedBody, fold_body, fold_points
from zeroshot_hoi.body.skeleton import hand_joints
from zeroshot_hoi.body.surface import surface_points
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.optimization.hand import finger_freedoms

XP = numpy_namespace()
EXACT = 1e-9
"""Metres."""

STILL = ("index", "middle", "ring", "pinky", "thumb", "foot", "jaw", "eye")
"""Words in the names of joints that a clip does not move."""


@pytest.fixture(scope="module")
def body() -> SkinnedBody:
    return load_body("neutral")


@pytest.fixture(scope="module")
def whole(body: SkinnedBody) -> FoldedBody:
    """All but fingers, toes, jaw and eyes."""
    return fold_body(body, tuple(n for n in body.joint_names if not any(word in n for word in STILL)))


@pytest.fixture(scope="module", params=["left", "right"])
def hand(body: SkinnedBody, request: pytest.FixtureRequest) -> tuple[str, FoldedBody]:
    side = request.param
    return side, fold_body(body, (f"{side}_wrist", *hand_joints(side)))


def _random_values(body: SkinnedBody, seed: int) -> np.ndarray:
    """Values (D,) anywhere within the limits, the root included."""
    return np.random.default_rng(seed).uniform(*body.freedoms.limits.T)


def _stacked(body: SkinnedBody, q: np.ndarray, root: np.ndarray) -> np.ndarray:
    """(4G, 3)"""
    return stack_transforms(XP, bone_transforms(XP, body, to_pose(XP, body.freedoms, q), root))


@pytest.mark.parametrize("seed", range(4))
def test_a_whole_body_is_the_same_in_any_pose(body: SkinnedBody, whole: FoldedBody, seed: int) -> None:
    q, root = _random_values(body, seed), np.array([0.4, -1.2, 0.9])
    expected = vertex_rows(body) @ _stacked(body, q, root)
    folded = (vertex_rows(body) @ whole.matrix(q)) @ _stacked(whole.body, q, root)
    assert np.abs(folded - expected).max() < EXACT


def test_the_matrix_depends_on_the_folded_joints_alone(body: SkinnedBody, whole: FoldedBody) -> None:
    """One matrix serves a whole clip, whatever the moving joints do."""
    first, second = _random_values(body, 5), _random_values(body, 6)
    fingers = [*finger_freedoms(body, "left"), *finger_freedoms(body, "right")]
    toes = [k for k, name in enumerate(body.freedoms.names) if "toe" in name]
    second[fingers + toes] = first[fingers + toes]
    assert np.abs(whole.matrix(first) - whole.matrix(second)).max() < EXACT
    second[fingers[0]] += 0.1
    assert np.abs(whole.matrix(first) - whole.matrix(second)).max() > 0.01


def test_fewer_bones_and_the_same_freedoms(body: SkinnedBody, whole: FoldedBody) -> None:
    assert whole.body.bones < 0.5 * body.bones
    assert whole.body.freedoms.names == body.freedoms.names
    assert whole.body.joint_names[0] == "pelvis"
    assert (whole.body.joint_parents[1:] >= 0).all(), "no joint lost the one before it"
    assert len(whole.carriers) == body.bones


def test_twist_bones_that_follow_moving_joints_still_twist(body: SkinnedBody, whole: FoldedBody) -> None:
    moving = {bone.name for bone in whole.body.twist_bones}
    assert moving == {bone.name for bone in body.twist_bones}, "limbs twist; fingers have no twist bones"
    q = np.zeros(len(body.freedoms.names))
    q[body.freedoms.index("right forearm pronation")] = 0.8
    rest, turned = (_stacked(whole.body, values, body.rest_joints[0]) for values in (np.zeros_like(q), q))
    forearm = np.flatnonzero(np.array(body.part_labels) == "right arm")
    rows = vertex_rows(body, forearm)
    folded = rows @ whole.matrix(q)
    travel = np.linalg.norm(folded @ turned - folded @ rest, axis=1)
    assert travel.max() > 0.01
    assert np.abs(folded @ turned - rows @ _stacked(body, q, body.rest_joints[0])).max() < EXACT


@pytest.mark.parametrize("seed", range(3))
def test_a_hand_alone_closes_as_on_the_body(body: SkinnedBody, hand: tuple[str, FoldedBody], seed: int) -> None:
    side, folded = hand
    q = np.zeros(len(body.freedoms.names))
    fingers = list(finger_freedoms(body, side))
    q[fingers] = _random_values(body, seed)[fingers]
    wrist = body.rest_joints[body.joint_names.index(f"{side}_wrist")]
    expected = vertex_rows(body) @ _stacked(body, q, body.rest_joints[0])
    rows = vertex_rows(body) @ folded.matrix(np.zeros_like(q))
    assert np.abs(rows @ _stacked(folded.body, q, wrist) - expected).max() < EXACT


def test_a_hand_alone_moves_with_its_wrist(body: SkinnedBody, hand: tuple[str, FoldedBody]) -> None:
    side, folded = hand
    wrist = body.rest_joints[body.joint_names.index(f"{side}_wrist")]
    at = np.array([1.0, 2.0, 0.5])
    turn = Rotation.from_euler("xyz", [0.3, -0.7, 1.1]).as_matrix()
    frame = folded.body.joint_frames[0]
    pose = np.zeros((len(folded.body.joint_names), 3))
    pose[0] = Rotation.from_matrix(frame.T @ turn @ frame).as_rotvec()
    chosen = np.flatnonzero(np.array(body.part_labels) == f"{side} hand")
    rows = vertex_rows(body, chosen) @ folded.matrix(np.zeros(len(body.freedoms.names)))
    moved = rows @ stack_transforms(XP, bone_transforms(XP, folded.body, pose, at))
    assert np.abs(moved - ((body.rest_vertices[chosen] - wrist) @ turn.T + at)).max() < EXACT


def test_points_and_their_normals_fold_alike(body: SkinnedBody, whole: FoldedBody) -> None:
    q, root = _random_values(body, 8), np.zeros(3)
    points = surface_points(body, "right hand", 50, 0)
    folded = fold_points(points, whole.matrix(q))
    full, moving = _stacked(body, q, root), _stacked(whole.body, q, root)
    precise = 1e-9 if folded.rows.dtype == np.float64 else 1e-5
    assert np.abs(folded.rows @ moving - points.rows @ full).max() < precise
    assert np.abs(folded.normal_rows @ moving - points.normal_rows @ full).max() < precise
    assert (folded.vertices == points.vertices).all()
