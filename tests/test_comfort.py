"""How hands on one thing are chosen together, and what an arm finds hard."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body import load_body
from zeroshot_hoi.body.freedoms import named_values, to_pose
from zeroshot_hoi.body.kinematics import bone_transforms, joint_pose
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.reference import Placement
from zeroshot_hoi.optimization.comfort import UNREACHED, Reach, arm_of, discomfort

XP = numpy_namespace()
AT_WORK = {"shoulder flexion": 15.0, "shoulder abduction": 15.0, "elbow flexion": 85.0, "forearm pronation": 0.0}


@pytest.fixture(scope="module")
def body() -> SkinnedBody:
    return load_body("neutral")


def _wrist(body: SkinnedBody, side: str, angles: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (3, 3) of the hand from rest to the world and the wrist (3,), arm at these angles in degrees."""
    q = named_values(body.freedoms, {f"{side} {name}": np.radians(a) for name, a in angles.items()})
    turns, places = [], []
    for values in (np.zeros_like(q), q):
        bones = bone_transforms(XP, body, to_pose(XP, body.freedoms, values), np.zeros(3))
        turn, place = joint_pose(XP, body, bones, f"{side}_wrist")
        turns.append(turn)
        places.append(place)
    return turns[1] @ turns[0].T, places[1]


def _felt(body: SkinnedBody, side: str, rotation: np.ndarray, wrist: np.ndarray) -> float:
    """Discomfort of a hand whose wrist is there, turned so: the object's frame is the hand's rest space."""
    arm = arm_of(body, side, Placement(np.zeros(3), 0.0, np.zeros(len(body.freedoms.names)), {}))
    return float(discomfort(arm, rotation, wrist - rotation @ arm.wrist, np.eye(3), np.zeros(3)))


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_arm_at_work_is_at_ease(body: SkinnedBody, side: str) -> None:
    assert _felt(body, side, *_wrist(body, side, AT_WORK)) < 0.02 * UNREACHED


@pytest.mark.parametrize("side", ["left", "right"])
def test_what_is_out_of_reach_is_hard(body: SkinnedBody, side: str) -> None:
    rotation, wrist = _wrist(body, side, AT_WORK)
    assert _felt(body, side, rotation, wrist + [0.6, 0.0, 0.0]) > 0.5 * UNREACHED


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_forearm_twisted_half_around_is_hard(body: SkinnedBody, side: str) -> None:
    rotation, wrist = _wrist(body, side, AT_WORK)
    joints = dict(zip(body.joint_names, body.rest_joints, strict=True))
    along = rotation @ (joints[f"{side}_middle1"] - joints[f"{side}_wrist"])
    turned = Rotation.from_rotvec(np.pi * along / np.linalg.norm(along)).as_matrix() @ rotation
    assert _felt(body, side, turned, wrist) > 0.5 * UNREACHED
    for angle in (-70.0, 70.0):
        assert _felt(body, side, *_wrist(body, side, AT_WORK | {"forearm pronation": angle})) < 0.05 * UNREACHED


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_elbow_over_the_shoulder_is_hard(body: SkinnedBody, side: str) -> None:
    assert _felt(body, side, *_wrist(body, side, AT_WORK | {"shoulder abduction": 140.0})) > 0.1 * UNREACHED


def test_a_grip_counts_in_its_best_turn_and_in_the_mean_of_its_moments(body: SkinnedBody) -> None:
    """Two turns of two moments: one moment of the first turn is out of reach, the second turn costs something."""
    arm = arm_of(body, "right", Placement(np.zeros(3), 0.0, np.zeros(len(body.freedoms.names)), {}))
    rotation, wrist = _wrist(body, "right", AT_WORK)
    near = wrist - rotation @ arm.wrist
    far = near + [2.0, 0.0, 0.0]
    turns = np.broadcast_to(rotation, (2, 2, 3, 3))
    reach = Reach(arm, turns, np.array([[near, far], [near, near]]), np.zeros(2), np.array([0.0, 7.0]))
    easy = _felt(body, "right", rotation, wrist)
    hard = _felt(body, "right", rotation, wrist + [2.0, 0.0, 0.0])
    grips = np.eye(3)[None], np.zeros((1, 3))
    assert hard > 0.9 * UNREACHED
    assert reach.strains(*grips)[0] == pytest.approx([0.5 * (easy + hard), easy + 7.0])
    assert reach.strains(*grips, share=0.5)[0, 1] == pytest.approx(easy + 3.5)
    assert reach.strain(*grips) == pytest.approx([easy + 7.0])


@pytest.mark.parametrize("heading", [0.0, 2.0])
def test_who_leans_reaches_what_is_ahead_and_low(body: SkinnedBody, heading: float) -> None:
    """A hand at work 30 cm ahead and as much lower than it can be from an upright trunk."""
    arm = arm_of(body, "left", Placement(np.zeros(3), heading, np.zeros(len(body.freedoms.names)), {}))
    rotation, wrist = _wrist(body, "left", AT_WORK)
    turn = Rotation.from_euler("z", heading).as_matrix()
    place = turn @ (wrist + [0.3, 0.0, -0.3]) - turn @ rotation @ arm.wrist
    leans, still = np.array([0.0, 0.7]), np.zeros(3)
    assert arm.leaning(leans)[0] == pytest.approx(arm.shoulder)
    assert (turn.T @ (arm.leaning(leans)[1] - arm.shoulder))[[0, 2]] == pytest.approx([0.29, -0.11], abs=0.06)
    upright, leaning = discomfort(arm, turn @ rotation, place, np.eye(3), still, arm.leaning(leans))
    assert leaning < 0.5 * upright
