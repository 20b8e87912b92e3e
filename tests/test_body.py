"""The embedded body: kinematics against a plain reference, signs of every freedom, labels, pads, spheres."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body import (
    apply_rows,
    bone_transforms,
    from_pose,
    joint_pose,
    joint_positions,
    joint_rotations,
    load_body,
    named_values,
    point_positions,
    pose_vertices,
    reshape,
    stack_transforms,
    to_pose,
    vertex_rows,
)
from zeroshot_hoi.body.labels import palm_normal, vertex_normals
from zeroshot_hoi.body.pads import all_pads, hand_pads, sole_points
from zeroshot_hoi.body.surface import face_areas, surface_points
from zeroshot_hoi.body.tangent import stacked_bones
from zeroshot_hoi.body.volume import body_spheres, fill, gaze_ray, mass_center, mass_center_row
from zeroshot_hoi.core.arrays import jax_namespace, numpy_namespace, torch_namespace
from zeroshot_hoi.core.body import BODY_PARTS, EXTRA_BODY_PARTS, SkinnedBody
from zeroshot_hoi.core.errors import BodyError

XP = numpy_namespace()


@pytest.fixture(scope="module")
def body() -> SkinnedBody:
    return load_body("neutral")


def _posed(body: SkinnedBody, **freedoms: float) -> np.ndarray:
    """Transforms (G, 3, 4) with some freedoms (underscores for spaces) at these values of q."""
    values = np.zeros(len(body.freedoms.names))
    for name, value in freedoms.items():
        values[body.freedoms.index(name.replace("_", " "))] = value
    return bone_transforms(XP, body, to_pose(XP, body.freedoms, values), body.rest_joints[0])


def _moved(body: SkinnedBody, joint: str, **freedoms: float) -> np.ndarray:
    """How far (3,) a joint, or the skin around the joint `name skin`, moves."""
    transforms = _posed(body, **freedoms)
    name = joint.removesuffix(" skin")
    index = body.joint_names.index(name)
    if name == joint:
        return joint_positions(XP, body, transforms)[index] - body.rest_joints[index]
    mine = np.flatnonzero(body.weights[:, index] > 0.9)
    return (apply_rows(XP, vertex_rows(body, mine), stack_transforms(XP, transforms)) - body.rest_vertices[mine]).mean(
        0
    )


def test_zero_pose_is_the_rest_mesh(body: SkinnedBody) -> None:
    vertices = pose_vertices(XP, body, np.zeros((55, 3)), body.rest_joints[0])
    assert np.abs(vertices - body.rest_vertices).max() < 1e-12
    assert body.rest_vertices[:, 2].min() == pytest.approx(0.0, abs=1e-6)
    assert np.ptp(body.rest_vertices[:, 2]) == pytest.approx(1.72, abs=1e-3)


def test_matches_a_joint_by_joint_chain(body: SkinnedBody) -> None:
    rng = np.random.default_rng(0)
    pose, translation = rng.normal(0.0, 0.5, (55, 3)), rng.normal(size=3)
    turn, place = np.zeros((55, 3, 3)), np.zeros((55, 3))
    for j, parent in enumerate(body.joint_parents):
        frame = body.joint_frames[j]
        local = frame @ Rotation.from_rotvec(pose[j]).as_matrix() @ frame.T
        turn[j] = local if parent < 0 else turn[parent] @ local
        step = body.rest_joints[j] - body.rest_joints[max(parent, 0)]
        place[j] = translation if parent < 0 else place[parent] + turn[parent] @ step
    transforms = bone_transforms(XP, body, pose, translation)
    assert np.abs(transforms[:55, :, :3] - turn).max() < 1e-12
    assert np.abs(joint_positions(XP, body, transforms) - place).max() < 1e-12
    assert np.abs(joint_rotations(XP, body, transforms) - turn @ body.joint_frames).max() < 1e-12
    orientation, position = joint_pose(XP, body, transforms, "right_wrist")
    wrist = body.joint_names.index("right_wrist")
    assert np.abs(orientation - turn[wrist] @ body.joint_frames[wrist]).max() < 1e-12
    assert np.abs(position - place[wrist]).max() < 1e-12


def test_twist_bones_take_their_share(body: SkinnedBody) -> None:
    names = [bone.name for bone in body.twist_bones]
    for name, twisted, expected in (
        ("right_forearm_twist", {"right_forearm_pronation": 1.0}, 0.55),
        ("right_shoulder_twist", {"right_shoulder_rotation": 1.0}, 0.35),
        ("neck_upper", {"head_rotation": 0.6}, 0.3),
    ):
        index = len(body.joint_names) + names.index(name)
        rotation = Rotation.from_matrix(_posed(body, **twisted)[index, :, :3])
        assert rotation.magnitude() == pytest.approx(expected, abs=1e-3), name
    bent = _posed(body, right_wrist_flexion=0.8)
    forearm, elbow = bent[55 + names.index("right_forearm_twist")], bent[body.joint_names.index("right_elbow")]
    assert np.abs(forearm[:, :3] - elbow[:, :3]).max() < 1e-9


def test_libraries_agree_and_gradients_are_finite_at_rest(body: SkinnedBody) -> None:
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    values = rng.uniform(-0.3, 0.3, (2, len(body.freedoms.names))).astype(np.float32)
    place = np.zeros((2, 3), np.float32)
    rows = vertex_rows(body, np.arange(0, 13_000, 500))

    def points(xp, q, translation):
        transforms = bone_transforms(xp, body, to_pose(xp, body.freedoms, q), translation)
        return apply_rows(xp, rows, stack_transforms(xp, transforms))

    reference = points(XP, values.astype(float), place.astype(float))
    with_jax = np.asarray(jax.jit(lambda q: points(jax_namespace(), q, jax.numpy.asarray(place)))(values))
    with_torch = points(torch_namespace(), torch.as_tensor(values), torch.as_tensor(place)).numpy()
    assert np.abs(with_jax - reference).max() < 5e-6
    assert np.abs(with_torch - reference).max() < 5e-6
    zero = torch.zeros(len(body.freedoms.names), dtype=torch.float64, requires_grad=True)
    total = points(torch_namespace(), zero, torch.zeros(3, dtype=torch.float64)).sum()
    (gradient,) = torch.autograd.grad(total, zero)
    step = 1e-6
    numeric = [
        (points(XP, step * e, np.zeros(3)).sum() - points(XP, -step * e, np.zeros(3)).sum()) / (2 * step)
        for e in np.eye(len(zero))[::7]
    ]
    assert np.abs(gradient.numpy()[::7] - numeric).max() < 1e-4


# freedom, amount, joint (or skin) that moves, direction that it must move in, share of the motion along it
SIGNS = [
    ("lumbar flexion", 0.5, "head", (1, 0, 0), 0.8),
    ("lumbar bending", 0.3, "head", (0, -1, 0), 0.8),
    ("lumbar rotation", 0.3, "left_shoulder", (-1, 0, 0), 0.7),
    ("thorax flexion", 0.3, "head", (1, 0, 0), 0.7),
    ("neck flexion", 0.4, "head skin", (1, 0, -1), 0.5),
    ("head flexion", 0.4, "left_eye_smplhf", (0, 0, -1), 0.5),
    ("neck rotation", 0.4, "left_eye_smplhf", (0, 1, 0), 0.7),
    ("right collar elevation", 0.3, "right_shoulder", (0, 0, 1), 0.8),
    ("left collar elevation", 0.3, "left_shoulder", (0, 0, 1), 0.8),
    ("right collar protraction", 0.3, "right_shoulder", (1, 0, 0), 0.7),
    ("right shoulder abduction", 0.5, "right_elbow", (0, -1, 1), 0.8),
    ("left shoulder abduction", 0.5, "left_elbow", (0, 1, 1), 0.8),
    ("right shoulder flexion", 0.5, "right_elbow", (1, 0, 0), 0.8),
    ("left shoulder flexion", 0.5, "left_elbow", (1, 0, 0), 0.8),
    ("right shoulder rotation", 0.5, "right_wrist", (0, 1, 0), 0.5),
    ("left shoulder rotation", 0.5, "left_wrist", (0, -1, 0), 0.5),
    ("right elbow flexion", 0.8, "right_wrist", (1, 0, 1), 0.7),
    ("left elbow flexion", 0.8, "left_wrist", (1, 0, 1), 0.7),
    ("right hip flexion", 1.0, "right_knee", (1, 0, 0.5), 0.8),
    ("left hip flexion", 1.0, "left_knee", (1, 0, 0.5), 0.8),
    ("right hip abduction", 0.4, "right_knee", (0, -1, 0), 0.8),
    ("left hip abduction", 0.4, "left_knee", (0, 1, 0), 0.8),
    ("right hip rotation", 0.4, "right_foot", (0, 1, 0), 0.5),
    ("left hip rotation", 0.4, "left_foot", (0, -1, 0), 0.5),
    ("right knee flexion", 1.0, "right_ankle", (-1, 0, 0.5), 0.8),
    ("left knee flexion", 1.0, "left_ankle", (-1, 0, 0.5), 0.8),
    ("right ankle flexion", 0.4, "right_foot", (0, 0, 1), 0.7),
    ("left ankle flexion", 0.4, "left_foot", (0, 0, 1), 0.7),
    ("right toe flexion", 0.4, "right_foot skin", (0, 0, -1), 0.6),
]


@pytest.mark.parametrize(("freedom", "amount", "joint", "direction", "share"), SIGNS, ids=[row[0] for row in SIGNS])
def test_sign_of_a_freedom(body, freedom, amount, joint, direction, share) -> None:
    moved = _moved(body, joint, **{freedom.replace(" ", "_"): amount})
    along = moved @ np.array(direction, float) / np.linalg.norm(direction)
    assert np.linalg.norm(moved) > 0.005
    assert along / np.linalg.norm(moved) > share, moved


@pytest.mark.parametrize("side", ["left", "right"])
def test_signs_of_the_hand(body: SkinnedBody, side: str) -> None:
    at = {name: body.rest_joints[k] for k, name in enumerate(body.joint_names)}
    palm, radial = palm_normal(body, side), at[f"{side}_index1"] - at[f"{side}_pinky1"]
    for finger in ("index", "middle", "ring", "pinky"):
        for k in (1, 2, 3):
            moved = _moved(body, f"{side}_{finger}3 skin", **{f"{side}_{finger}{k}_flexion": 0.4})
            assert moved @ palm > 0.6 * np.linalg.norm(moved), (finger, k)
    spread = {finger: _moved(body, f"{side}_{finger}3", **{f"{side}_{finger}1_abduction": 0.2}) @ radial
              for finger in ("index", "ring", "pinky")}  # fmt: skip
    assert spread["index"] > 0
    assert spread["ring"] < 0
    assert spread["pinky"] < 0
    assert _moved(body, f"{side}_middle1", **{f"{side}_wrist_flexion": 0.4}) @ palm > 0.02
    assert _moved(body, f"{side}_middle1", **{f"{side}_wrist_deviation": 0.3}) @ radial > 0
    assert _moved(body, f"{side}_thumb3", **{f"{side}_thumb1_opposition": 0.4}) @ palm > 0.01
    assert _moved(body, f"{side}_thumb3", **{f"{side}_thumb1_abduction": 0.4}) @ radial > 0
    thumb = _moved(body, f"{side}_thumb3 skin", **{f"{side}_thumb2_flexion": 0.5})
    assert thumb @ (palm - 0.5 * radial / np.linalg.norm(radial)) > 0.005
    elbow_bent = {f"{side}_elbow_flexion": 0.9, f"{side}_shoulder_abduction": -0.6}
    before, after = (_posed(body, **elbow_bent, **{f"{side}_forearm_pronation": amount}) for amount in (0.0, 0.8))
    wrist = body.joint_names.index(f"{side}_wrist")
    assert (after[wrist, :, :3] @ palm)[2] < (before[wrist, :, :3] @ palm)[2] - 0.2


def test_equal_values_are_mirrored_postures(body: SkinnedBody) -> None:
    freedoms, rng = body.freedoms, np.random.default_rng(2)
    values = np.zeros(len(freedoms.names))
    for d, name in enumerate(freedoms.names):
        if name.startswith("left "):
            value = rng.uniform(*freedoms.limits[d])
            values[d] = values[freedoms.index(name.replace("left", "right"))] = value
    transforms = bone_transforms(XP, body, to_pose(XP, freedoms, values), body.rest_joints[0])
    positions = dict(zip(body.joint_names, joint_positions(XP, body, transforms), strict=True))
    for name, place in positions.items():
        if name.startswith("left_"):
            assert np.abs(positions[name.replace("left", "right")] * [1, -1, 1] - place).max() < 2e-3, name


def test_limits_hold_the_rest_pose_and_fill_their_box(body: SkinnedBody) -> None:
    freedoms = body.freedoms
    assert (freedoms.limits[:, 0] <= 0).all()
    assert (freedoms.limits[:, 1] >= 0).all()
    assert len(set(freedoms.names)) == len(freedoms.names) == 89
    rng = np.random.default_rng(3)
    values = rng.uniform(*freedoms.limits.T, (200, len(freedoms.names)))
    pose = to_pose(XP, freedoms, values)
    assert (pose >= body.joint_limits[..., 0] - 1e-12).all()
    assert (pose <= body.joint_limits[..., 1] + 1e-12).all()
    assert np.abs(from_pose(freedoms, pose) - values).max() < 1e-9
    knee = body.joint_limits[body.joint_names.index("left_knee")]
    assert (np.count_nonzero(np.ptp(knee, axis=1)), knee[1].tolist()) == (
        1, freedoms.limits[freedoms.index("left knee flexion")].tolist(),
    )  # fmt: skip


def test_named_angles_are_anatomical(body: SkinnedBody) -> None:
    straight = named_values(body.freedoms, {"right elbow flexion": np.deg2rad(90.0), "right shoulder abduction": 0.0})
    transforms = bone_transforms(XP, body, to_pose(XP, body.freedoms, straight), body.rest_joints[0])
    place = dict(zip(body.joint_names, joint_positions(XP, body, transforms), strict=True))
    upper, fore = (place[f"right_{b}"] - place[f"right_{a}"] for a, b in pairwise(("shoulder", "elbow", "wrist")))
    assert abs(upper @ fore) / np.linalg.norm(upper) / np.linalg.norm(fore) < 0.02
    assert upper[2] / np.linalg.norm(upper) < -0.98
    assert abs(upper[1]) < 0.02


def test_labels_and_regions(body: SkinnedBody) -> None:
    labels, regions = np.array(body.part_labels), np.array(body.regions)
    assert set(labels) == {*BODY_PARTS, *EXTRA_BODY_PARTS}
    names = {f"{s} {r}" for s in ("left", "right") for r in "palm thumb index middle ring pinky sole buttock".split()}
    assert set(regions) == names | {"back", ""}
    assert set(labels[np.char.endswith(regions, "buttock")]) == {"hips"}
    assert set(labels[np.char.endswith(regions, "sole")]) == {"left foot", "right foot"}
    normals = vertex_normals(body.rest_vertices, body.faces)
    assert (normals[regions == "right palm"] @ palm_normal(body, "right") > 0).all()
    buttocks = body.rest_vertices[np.char.endswith(regions, "buttock")]
    hip, knee = (body.rest_joints[body.joint_names.index(f"left_{name}")] for name in ("hip", "knee"))
    assert (buttocks[:, 0] < hip[0]).all()
    assert buttocks[:, 2].min() > knee[2] + 0.15
    sizes = {part: surface_points(body, part, 10).areas.sum() for part in BODY_PARTS}
    assert 0.03 < sizes["right hand"] < 0.06
    assert 0.05 < sizes["hips"] < 0.3
    assert sizes["left leg"] == pytest.approx(sizes["right leg"], rel=0.05)


def test_surface_points_lie_on_the_posed_skin(body: SkinnedBody) -> None:
    points = surface_points(body, "right hand", 50, seed=4)
    assert np.ptp(points.areas) < 1e-12
    transforms = _posed(body, right_elbow_flexion=0.7, right_index1_flexion=0.6)
    places = point_positions(XP, points, transforms)
    vertices = apply_rows(XP, vertex_rows(body), stack_transforms(XP, transforms))
    normals = apply_rows(XP, points.normal_rows, stack_transforms(XP, transforms))
    skin = vertices[body.faces].mean(1)
    nearest = np.linalg.norm(places[:, None] - skin[None], axis=2).min(1)
    assert nearest.max() < 0.008
    posed = vertex_normals(vertices, body.faces)[points.vertices]
    aligned = (normals * posed).sum(1) / np.linalg.norm(normals, axis=1)
    assert np.median(aligned) > 0.95
    with pytest.raises(BodyError, match="right hand"):
        surface_points(body, "right hnd", 5)


@pytest.mark.parametrize("name", ["neutral", "female", "male"])
def test_pads_and_soles(name: str) -> None:
    body = load_body(name)
    for side in ("left", "right"):
        pads = hand_pads(body, side)
        assert len(pads) == 18
        palm = palm_normal(body, side)
        for word, pad in pads.items():
            assert len(pad) == 5
            assert 1e-4 < pad.areas.sum() < 6e-3, word
            normals = apply_rows(XP, pad.normal_rows, stack_transforms(XP, _posed(body)))
            assert (normals @ palm).mean() > (0.3 if "thumb" not in word else -0.8), word
        assert all_pads(pads).rows.shape == (90, 4 * body.bones)
        sole = sole_points(body, side)
        assert len(sole) == 12
        assert sole.rest[:, 2].max() < 0.012
        assert np.ptp(sole.rest[:, 0]) > 0.18
        assert np.ptp(sole.rest[:, 1]) > 0.05


def test_volume_center_and_gaze(body: SkinnedBody) -> None:
    inside = fill(body.rest_vertices, body.faces, 0.02)
    corners = body.rest_vertices[body.faces]
    volume = np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6.0
    assert len(inside) * 0.02**3 == pytest.approx(volume, rel=0.03)
    center = mass_center(body).rest[0]
    assert 0.54 < center[2] / 1.72 < 0.58  # Clauser et al. 1969: 55-57 % of stature
    assert abs(center[1]) < 0.01
    rows = mass_center_row(body)[None]
    lifted = _posed(body, right_shoulder_flexion=1.5)
    moved = apply_rows(XP, rows, stack_transforms(XP, lifted))[0] - center
    assert 0.005 < moved[0] < 0.04
    gaze = gaze_ray(body)
    down = stack_transforms(XP, _posed(body, head_flexion=0.4))
    direction = apply_rows(XP, gaze.normal_rows, down)[0]
    assert direction == pytest.approx([np.cos(0.4), 0.0, -np.sin(0.4)], abs=1e-6)


def test_spheres_fill_the_body_and_leave_rest_alone(body: SkinnedBody) -> None:
    spheres = body_spheres(body)
    assert 120 <= len(spheres.radii) <= 180
    assert len(spheres.parts) == len(spheres.centers) == len(spheres.radii)
    first, second = spheres.pairs.T
    gap = np.linalg.norm(spheres.centers.rest[first] - spheres.centers.rest[second], axis=1)
    assert (gap > spheres.radii[first] + spheres.radii[second]).all()
    parts = np.array(spheres.parts)
    assert any({a, b} == {"right index", "right middle"} for a, b in zip(parts[first], parts[second], strict=True))
    areas = face_areas(body)
    skin = body.rest_vertices[body.faces].mean(1)[::7]
    height = np.linalg.norm(skin[:, None] - spheres.centers.rest[None], axis=2) - spheres.radii
    above = height.min(1)
    share = areas[::7] / areas[::7].sum()
    assert share[above > 0.04].sum() < 0.02
    assert share[above < -0.01].sum() < 0.01


def test_shape_moves_skin_and_joints_together() -> None:
    body = load_body("male")
    taller = reshape(body, np.array([1.0]))
    assert np.ptp(taller.rest_vertices[:, 2]) > np.ptp(body.rest_vertices[:, 2]) + 0.03
    assert taller.rest_joints[body.joint_names.index("head"), 2] > body.rest_joints[15, 2] + 0.02
    assert np.abs(reshape(taller, np.zeros(3)).rest_vertices - body.rest_vertices).max() < 1e-12
    heavier = reshape(body, np.array([0.0, 1.0, 0.0]))
    assert len(fill(heavier.rest_vertices, heavier.faces, 0.03)) > 1.03 * len(
        fill(body.rest_vertices, body.faces, 0.03)
    )
    with pytest.raises(BodyError, match="at most"):
        reshape(body, np.zeros(4))


@pytest.mark.parametrize("seed", range(3))
def test_bones_carry_the_derivative_of_forward_kinematics(body: SkinnedBody, seed: int) -> None:
    """The written derivative against jacfwd of the plain transforms, twist bones included, one joint at zero."""
    import jax

    rng, xp = np.random.default_rng(seed), jax_namespace()
    pose, translation = rng.normal(0.0, 0.5, (55, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)
    pose[5] = 0.0

    def plain(p, t):
        return stack_transforms(xp, bone_transforms(xp, body, p, t))

    def written(p, t):
        return stacked_bones(xp, body, p, t)

    assert written(pose, translation) == pytest.approx(np.asarray(plain(pose, translation)), abs=1e-6)
    for argument in (0, 1):
        found, expected = (np.asarray(jax.jacfwd(f, argument)(pose, translation)) for f in (written, plain))
        assert np.abs(expected).max() > 0.5
        assert np.abs(found - expected).max() < 1e-5
