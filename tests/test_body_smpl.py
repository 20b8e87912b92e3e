"""SMPL-family files: parity with the `smplx` package on synthetic data, and errors that name what is wrong."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.synthetic_smpl import synthetic_arrays, write
from zeroshot_hoi.body import bone_transforms, joint_positions, load_body, pose_vertices, reshape, to_pose
from zeroshot_hoi.body.smpl import to_ours
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.errors import BodyError

XP = numpy_namespace()
SMALL = 220


def _reference(arrays: dict[str, np.ndarray], pose: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SMPL's published formula joint by joint in the file's own axes: vertices and joints, root at its rest place."""
    parents = arrays["kintree_table"][0]
    rest = arrays["v_template"] + arrays["shapedirs"][..., : len(shape)] @ shape
    joints = arrays["J_regressor"] @ rest
    local = Rotation.from_rotvec(pose).as_matrix()
    rest = rest + arrays["posedirs"] @ (local[1:] - np.eye(3)).reshape(-1)
    world = np.zeros((len(joints), 4, 4))
    for j in range(len(joints)):
        step = np.eye(4)
        step[:3, :3] = local[j]
        step[:3, 3] = joints[j] - (joints[parents[j]] if j else 0.0)
        world[j] = world[parents[j]] @ step if j else step
    moved = world[:, :3, 3] - np.einsum("jik,jk->ji", world[:, :3, :3], joints)
    turn = np.einsum("vj,jik->vik", arrays["weights"], world[:, :3, :3])
    return np.einsum("vik,vk->vi", turn, rest) + arrays["weights"] @ moved, world[:, :3, 3]


@pytest.mark.parametrize("model", ["smplx", "smplh", "mano"])
def test_matches_the_published_formula(tmp_path: Path, model: str) -> None:
    arrays = synthetic_arrays(model, SMALL)
    path = write(tmp_path / f"{model}_right.npz", arrays)
    rng = np.random.default_rng(1)
    shape = rng.normal(0.0, 1.0, 10)
    body = load_body(path, shape)
    pose = rng.normal(0.0, 0.4, (len(body.joint_names), 3))
    vertices, joints = _reference(arrays, pose, shape)
    ours = pose_vertices(XP, body, to_ours(pose), body.rest_joints[0])
    assert np.abs(ours - to_ours(vertices)).max() < 1e-9
    transforms = bone_transforms(XP, body, to_ours(pose), body.rest_joints[0])
    assert np.abs(joint_positions(XP, body, transforms) - to_ours(joints)).max() < 1e-9
    assert np.abs(reshape(load_body(path), shape).rest_vertices - body.rest_vertices).max() < 1e-12


def test_matches_the_smplx_package(tmp_path: Path) -> None:
    smplx = pytest.importorskip("smplx", reason="the smplx package (non-commercial code) is not installed")
    torch = pytest.importorskip("torch", reason="torch is not installed")
    arrays = synthetic_arrays("smplx", 9_960)
    path = write(tmp_path / "SMPLX_NEUTRAL.npz", arrays)
    model = smplx.SMPLX(str(path), use_pca=False, flat_hand_mean=True, dtype=torch.float64, use_face_contour=False)
    rng = np.random.default_rng(2)
    pose, shape = rng.normal(0.0, 0.3, (55, 3)), rng.normal(0.0, 1.0, 20)
    parts = {"global_orient": pose[:1], "body_pose": pose[1:22], "jaw_pose": pose[22:23], "leye_pose": pose[23:24],
             "reye_pose": pose[24:25], "left_hand_pose": pose[25:40], "right_hand_pose": pose[40:55],
             "betas": shape[:10], "expression": shape[10:]}  # fmt: skip
    tensors = {key: torch.as_tensor(value.reshape(1, -1)) for key, value in parts.items()}
    expected = model(**tensors).vertices[0].detach().numpy()
    body = load_body(path, shape)
    ours = pose_vertices(XP, body, to_ours(pose), body.rest_joints[0])
    assert np.abs(ours - to_ours(expected)).max() < 1e-6


def test_freedoms_are_derived_for_files(tmp_path: Path) -> None:
    body = load_body(write(tmp_path / "x.npz", synthetic_arrays("smplx", 2_000)))
    freedoms = body.freedoms
    values = np.zeros(len(freedoms.names))
    values[freedoms.index("left elbow flexion")] = 0.5
    transforms = bone_transforms(XP, body, to_pose(XP, freedoms, values), body.rest_joints[0])
    wrist = body.joint_names.index("left_wrist")
    moved = joint_positions(XP, body, transforms)[wrist] - body.rest_joints[wrist]
    assert moved[0] > 0.02
    inside = to_pose(XP, freedoms, freedoms.limits[:, 1])
    assert (inside <= body.joint_limits[..., 1] + 1e-9).all()
    assert (inside >= body.joint_limits[..., 0] - 1e-9).all()


def _without(arrays: dict[str, np.ndarray], key: str) -> dict[str, np.ndarray]:
    return {name: value for name, value in arrays.items() if name != key}


def test_bad_files_are_named(tmp_path: Path) -> None:
    arrays = synthetic_arrays("smplx", SMALL)
    cases = {
        "posedirs": _without(arrays, "posedirs"),
        "weights": arrays | {"weights": arrays["weights"][:, :10]},
        "outside": arrays | {"f": arrays["f"] + SMALL},
        "finite": arrays | {"v_template": arrays["v_template"] * np.nan},
        "sum to one": arrays | {"weights": arrays["weights"] * 2.0},
        "24 joints": arrays | {"J_regressor": arrays["J_regressor"][:24]},
        "pickle": arrays | {"v_template": np.array([{"chumpy": 1}], dtype=object)},
    }
    for number, (message, bad) in enumerate(cases.items()):
        with pytest.raises(BodyError, match=message):
            load_body(write(tmp_path / f"bad{number}.npz", bad))
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(BodyError, match="not a readable"):
        load_body(tmp_path / "text.npz")
    with pytest.raises(BodyError, match="no body-model file"):
        load_body(tmp_path / "absent.npz")
    with pytest.raises(BodyError, match="pickle"):
        load_body("SMPLX_NEUTRAL.pkl")
    with pytest.raises(BodyError, match="left or right"):
        load_body(write(tmp_path / "hand.npz", synthetic_arrays("mano", SMALL)))
    with pytest.raises(BodyError, match="coefficients"):
        load_body(write(tmp_path / "good.npz", arrays), np.zeros(21))
    with pytest.raises(BodyError, match="Did you mean 'female'"):
        load_body("femal")
