"""HOI-PAGE's objective: known answers of every term, two engines that agree, and poses that are found again."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.camera import look_at
from zeroshot_hoi.core.errors import EngineError
from zeroshot_hoi.core.scene import DistanceGrid
from zeroshot_hoi.geometry.query import grid_arrays, grid_distance
from zeroshot_hoi.optimization import hoi_page
from zeroshot_hoi.optimization.hoi_page import (
    EdgeContact,
    FittedObject,
    FittingProblem,
    Preset,
    Seen,
    SeenPart,
    Side,
    energies,
    initial_unknowns,
    problem_arrays,
    read_poses,
    total_energy,
)
from zeroshot_hoi.optimization.hoi_page_loop import fit_objects, make_loop, packed_nearest
from zeroshot_hoi.optimization.hoi_page_terms import cell_distance, grid_cells, log_so3, pairwise

FRAMES = 5
CAMERA = look_at(np.array([2.5, 0.6, 1.2]), np.array([0.0, 0.0, 1.0]), 0.8, 640, 480)
XP = numpy_namespace()


def ball_grid(radius=0.1, spacing=0.02):
    axis = np.arange(-0.2, 0.2 + spacing / 2, spacing)
    nodes = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    return DistanceGrid(axis[[0, 0, 0]], spacing, np.linalg.norm(nodes, axis=-1) - radius)


def moving_problem(**flags):
    """An object of scattered points that slides along y while turning, and a hand that stays on one end of it."""
    rng = np.random.default_rng(0)
    samples = rng.uniform(-1, 1, (80, 3)) * [0.15, 0.05, 0.1]
    handle = samples[samples[:, 0] > 0.05]
    turn = Rotation.from_euler("z", 0.1 * np.arange(FRAMES)[:, None]).as_matrix()
    shift = np.array([0.0, 0.0, 1.0]) + np.arange(FRAMES)[:, None] * [0.0, 0.03, 0.0]

    def place(points):
        return np.einsum("tij,nj->tni", turn, points) + shift[:, None]

    def seen(points):
        return Seen(place(points), pixels(place(points)))

    thing = FittedObject(
        "box", samples, seen(samples), {"handle": SeenPart(handle, seen(handle))}, ball_grid(0.04),
    )  # fmt: skip
    hand = place(handle[:6])
    edge = EdgeContact("person 1.right hand->box.handle", Side("right hand", None, hand), Side("handle", 0, handle),
                       flags.get("is_rel_static", True), flags.get("is_continuous", True))  # fmt: skip
    problem = FittingProblem((thing,), (edge,), hand, CAMERA)
    truth = np.concatenate([turn[:, :, 0], turn[:, :, 1], shift], axis=1)[None]
    return problem, truth


def pixels(points):
    pose = CAMERA.T_world_camera
    view = {"turn": pose[:3, :3], "eye": pose[:3, 3], "focal": 240.0 / np.tan(0.4), "middle": np.array([320.0, 240.0])}
    return hoi_page.project(XP, view, points)


def terms_of(problem, x, preset=None):
    return energies(XP, problem, problem_arrays(problem), x, preset or Preset(), pairwise(XP))


def test_a_point_ahead_of_the_camera_is_in_the_middle_and_up_is_up():
    ahead, above = pixels(np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.1]]))
    assert ahead == pytest.approx([320.0, 240.0])
    assert above[1] < 240.0


def test_the_truth_costs_only_what_the_motion_costs():
    problem, truth = moving_problem()
    found = terms_of(problem, truth)
    for name in ("object 3D", "object 2D", "part 3D", "part 2D", "contact", "drift"):
        assert found[name] == pytest.approx(0.0, abs=1e-12), name
    assert found["smooth translation"] == pytest.approx(0.0, abs=1e-12), "a constant speed is smooth"
    assert found["smooth rotation"] == pytest.approx(0.0, abs=1e-9), "a constant turn is smooth"


def test_distances_are_robust_in_3d_and_plain_in_pixels():
    problem, truth = moving_problem()
    far = truth.copy()
    far[..., 6:] += [0.0, 0.0, 5.0]
    found = terms_of(problem, far)
    assert 0.9 * hoi_page.ROBUST**2 < found["object 3D"] < hoi_page.ROBUST**2
    near = truth.copy()
    near[..., 8] += 1e-4  # less than any gap between points, so that each keeps its own
    expected = 1e-8 * hoi_page.ROBUST**2 / (1e-8 + hoi_page.ROBUST**2)
    assert terms_of(problem, near)["object 3D"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("flag", "name"), [("is_translational", "smooth translation"),
                                            ("is_rotational", "smooth rotation")])  # fmt: skip
def test_what_must_not_move_pays_ten_times_its_steps(flag, name):
    problem, truth = moving_problem()
    still = replace(problem, objects=(replace(problem.objects[0], **{flag: False}),))
    step = 0.03 if flag == "is_translational" else 0.1
    assert terms_of(still, truth)[name] == pytest.approx(10.0 * step**2, rel=1e-6)
    without = Preset(motion_states=False)
    assert terms_of(still, truth, without)[name] == pytest.approx(0.0, abs=1e-9)


def test_hands_touch_with_all_points_and_knees_with_one_always_or_once():
    problem, truth = moving_problem()
    points = problem.contacts[0].first.points.copy()
    points[:, 1:] += [0.0, 0.0, 1.0]  # five of six points are a metre up
    points[1:] += [0.0, 0.0, 0.5]  # and from the second frame on everything is higher

    def contact(part, always):
        edge = replace(problem.contacts[0], first=Side(part, None, points), is_continuous=always)
        return float(terms_of(replace(problem, contacts=(edge,)), truth)["contact"])

    handle, squared = problem.contacts[0].second.points, np.zeros((FRAMES, 6))
    for t in range(FRAMES):
        turn = np.column_stack([truth[0, t, :3], truth[0, t, 3:6], np.cross(truth[0, t, :3], truth[0, t, 3:6])])
        placed = handle @ turn.T + truth[0, t, 6:]
        squared[t] = ((points[t][:, None] - placed) ** 2).sum(-1).min(1)
    assert contact("right leg", False) == pytest.approx(0.0, abs=1e-12), "one point, in one frame"
    assert contact("right leg", True) == pytest.approx(squared.min(1).mean(), rel=1e-6)
    assert contact("right hand", False) == pytest.approx(squared.mean(1).min(), rel=1e-6)
    assert contact("left foot", True) == pytest.approx(squared.mean(), rel=1e-6)


def test_a_sliding_contact_pays_for_uneven_sliding_only():
    problem, truth = moving_problem()
    slide = problem.contacts[0].first.points + 0.02 * np.arange(FRAMES)[:, None, None] * [0.0, 0.0, 1.0]
    side = Side("right hand", None, slide)
    fixed = replace(problem, contacts=(replace(problem.contacts[0], first=side, is_rel_static=True),))
    free = replace(problem, contacts=(replace(problem.contacts[0], first=side, is_rel_static=False),))
    assert terms_of(fixed, truth)["drift"] == pytest.approx(0.02**2, rel=1e-6)
    assert terms_of(free, truth)["drift"] == pytest.approx(0.0, abs=1e-12)


def test_depth_is_the_mean_over_what_is_inside():
    problem, truth = moving_problem()
    skin = truth[0][:, None, 6:] + np.array([[0.02, 0.0, 0.0], [0.03, 0.0, 0.0], [0.5, 0.0, 0.0]])
    found = terms_of(replace(problem, skin=skin), truth)["penetration"]
    cells = grid_distance(XP, grid_arrays(problem.objects[0].grid, float), np.array([[0.02, 0, 0], [0.03, 0, 0]]))
    assert found == pytest.approx(-cells.mean(), abs=2e-3)  # the turn goes between nodes
    assert found > 0.01


def test_cells_read_like_the_grid():
    grid = ball_grid()
    points = np.random.default_rng(1).uniform(-0.18, 0.18, (2, 200, 3))
    still = np.tile(np.eye(3), (2, 1, 1)), np.zeros((2, 3))
    read = cell_distance(XP, grid_cells(grid), points, *still)
    assert np.allclose(read, grid_distance(XP, grid_arrays(grid, float), points), atol=1e-9)
    outside = cell_distance(XP, grid_cells(grid), points + 9.0, *still)
    assert (outside > 0.05).all()


def test_rotation_logarithm():
    vectors = np.random.default_rng(2).normal(size=(50, 3))
    assert np.allclose(log_so3(XP, Rotation.from_rotvec(vectors).as_matrix()),
                       Rotation.from_rotvec(vectors).as_rotvec(), atol=1e-9)  # fmt: skip
    assert np.allclose(log_so3(XP, np.eye(3)), 0.0)


@pytest.mark.parametrize("count", [1, 2, 3, 64, 300])
def test_one_minimum_finds_the_nearest_like_all_pairs(count):
    rng = np.random.default_rng(count)
    queries, targets = rng.normal(size=(3, 90, 3)), rng.normal(size=(3, count, 3))
    found = np.asarray(packed_nearest(queries.astype("float32"), targets.astype("float32")))
    expected = pairwise(XP)(queries, targets)
    squared = ((queries[:, :, None] - targets[:, None]) ** 2).sum(-1)
    lowest = np.take_along_axis(squared, expected[..., None], 2)
    assert np.allclose(np.take_along_axis(squared, found[..., None], 2), lowest, rtol=1e-3)
    assert (found == expected).mean() > 0.99
    assert np.array_equal(np.asarray(packed_nearest(targets.astype("float32"), targets.astype("float32")))[0],
                          np.arange(count)), "a distance of zero keeps its number"  # fmt: skip


def test_weights_follow_their_schedules():
    problem, truth = moving_problem()
    x = truth + 0.01 * np.random.default_rng(3).normal(size=truth.shape)
    arrays, choose = problem_arrays(problem), pairwise(XP)
    found = terms_of(problem, x)
    for progress in (0.0, 0.5, 1.0):
        weights = {n: a + progress * (b - a) for n, (a, b) in hoi_page.WEIGHTS.items()}
        expected = sum(weights[name] * value for name, value in found.items())
        assert total_energy(XP, problem, arrays, x, Preset(), choose, progress) == pytest.approx(expected)


def test_ablations_leave_terms_out():
    problem, truth = moving_problem()
    x = truth + 0.02
    assert terms_of(problem, x, Preset(part_contact=False))["contact"] == 0.0
    assert terms_of(problem, x, Preset(part_fitting=False))["part 3D"] == 0.0
    assert terms_of(problem, x)["contact"] > 0.0
    assert terms_of(problem, x)["part 3D"] > 0.0


def test_both_engines_take_the_same_steps():
    pytest.importorskip("torch")
    problem, _ = moving_problem()
    preset = Preset(steps=6, starts=2)
    poses = {}
    for engine in ("jax", "torch"):
        loop = make_loop(problem, preset, engine)
        state = loop.state
        for k in range(preset.steps):
            state = loop.step(state, k)
        poses[engine] = loop.read(state), loop.energy(loop.read(state))[0]
    start = initial_unknowns(problem, 2)
    assert np.abs(poses["jax"][0] - start).max() > 0.02
    assert np.allclose(poses["jax"][0], poses["torch"][0], atol=1e-3)
    assert np.allclose(poses["jax"][1], poses["torch"][1], rtol=1e-2)


def test_the_pose_is_found_again():
    problem, truth = moving_problem()
    events = []
    poses, solution = fit_objects(problem, Preset(steps=300), listener=events.append)
    wanted = read_poses(XP, truth)
    assert np.abs(poses.translations - wanted.translations).max() < 0.02
    angle = Rotation.from_matrix(poses.rotations[0].swapaxes(1, 2) @ wanted.rotations[0]).magnitude()
    assert np.degrees(angle).max() < 8.0
    assert solution.energies["total"].shape == (4,)
    assert solution.energy == pytest.approx(solution.energies["total"].min())
    assert events[-1].step == 300


def test_what_cannot_be_fitted_is_refused():
    problem, _ = moving_problem()
    with pytest.raises(EngineError, match="number of frames"):
        replace(problem, skin=problem.skin[:3])
    with pytest.raises(EngineError, match="jax"):
        make_loop(problem, Preset(), "jaxx")
    side = problem.contacts[0].first
    with pytest.raises(EngineError, match="second side"):
        replace(problem, contacts=(replace(problem.contacts[0], second=side),))
