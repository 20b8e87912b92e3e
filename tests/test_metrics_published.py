"""Every published measure on inputs whose answer is worked out by hand; the numbers beside them say how."""

import math
from pathlib import Path

import numpy as np
import pytest
import synthetic_result as syn
from scipy.spatial.transform import Rotation

from tests.closeness import NAN, close
from zeroshot_hoi.metrics.metric import HIGHER, LOWER
from zeroshot_hoi.metrics.published import (
    Measure,
    MetricError,
    Summary,
    accuracy,
    contact,
    distribution,
    feet,
    measures,
    penetration,
    smoothness,
)
from zeroshot_hoi.metrics.published.measure import NEUTRAL

# Contact and penetration: signed distances (T, V) in metres, negative inside.
DEPTHS = np.array(
    [[0.0, 0.1, 0.2, 0.3], [0.001, 0.004, 0.02, 0.019], [-0.05, -0.07, -0.01, 0.3], [0.5, 0.5, 0.5, 0.006]]
)


def test_contact_by_penetration_counts_the_surface_itself():
    close(contact.penetrating_contact(DEPTHS), 2 / 4)  # frames 0 (exactly on it) and 2


def test_contact_by_palm_counts_frames_within_five_centimetres():
    close(contact.palm_contact(np.array([[0.049, 1.0], [0.05, 1.0], [1.0, 0.0], [0.06, 0.051]])), 2 / 4)


def test_contact_by_wrist_counts_frames_within_ten_centimetres():
    close(contact.wrist_contact(np.array([[0.099, 1.0], [0.1, 1.0], [1.0, 0.0], [0.11, 0.101]])), 2 / 4)


def test_contact_by_vertices_counts_either_side_of_the_surface():
    close(contact.hand_vertex_contact(np.array([[0.005, -0.005, 0.0051, -0.0051]])), 2 / 4)
    close(contact.wide_vertex_contact(np.array([[0.02, -0.02, 0.0201, -0.0201, 0.0, 0.1]])), 3 / 6)


def test_palm_distance_is_to_the_nearest_vertex_of_the_same_frame():
    palms = np.array([[[0.0, 0, 0], [1, 0, 0]], [[0, 0, 0], [0, 0, 2]]])
    vertices = np.array([[[0.3, 0, 0], [0, 0.4, 0]], [[0, 0, 1], [0, 5, 0]]])
    close(contact.palm_distance(palms, vertices), np.array([[0.3, 0.7], [1.0, 1.0]]))


def test_precision_recall_and_f1_of_contact():
    near, far = 0.01, 0.2
    ours = np.array([[near, far], [near, far], [far, near], [far, far], [far, far]])
    truth = np.array([[near, far], [far, far], [near, near], [near, far], [far, far]])
    close(contact.contact_precision(ours, truth), 2 / 3)
    close(contact.contact_recall(ours, truth), 2 / 3)
    close(contact.contact_f1(ours, truth), 2 / 3)
    one = np.array([[near], [near], [near], [far]])
    two = np.array([[near], [far], [far], [far]])
    close(contact.contact_precision(one, two), 1 / 3)
    close(contact.contact_recall(one, two), 1.0)
    close(contact.contact_f1(one, two), 0.5)  # 2 * 1/3 * 1 / (4/3)
    nothing = np.full((4, 1), far)
    for function in (contact.contact_precision, contact.contact_f1):
        close(function(nothing, nothing), NAN)
    close(contact.contact_recall(one, nothing), NAN)
    with pytest.raises(MetricError, match="4 and 5 frames"):
        contact.contact_f1(one, ours)


def test_shares_and_depths_of_penetration():
    close(penetration.non_collision(DEPTHS), 13 / 16)
    close(penetration.collision_frames(DEPTHS), 1 / 4)
    close(penetration.collision_depth(DEPTHS), 60.0)  # 50 and 70 mm; the 10 mm vertex is not deep enough
    close(penetration.maximum_depth(DEPTHS), 70.0)
    close(penetration.maximum_depth(np.abs(DEPTHS)), 0.0)
    close(penetration.collision_depth(np.abs(DEPTHS)), 0.0)
    two = np.array([[-0.05, -0.07], [-0.1, 0.0], [-0.04, 0.0]])
    close(penetration.collision_depth(two), 80.0)  # (60 + 100) / 2: a mean of means; 40 mm is not deeper than 40 mm
    close(penetration.collision_frames(two), 2 / 3)


def test_volume_of_two_overlapping_boxes():
    first, second = syn.box([0, 0, 0], [0.1, 0.1, 0.1]), syn.box([0.06, 0.05, 0], [0.1, 0.1, 0.04])
    close(penetration.interpenetration_volume(*first, *second), 4 * 5 * 4, 1e-6)  # cm
    apart = syn.box([0.2, 0, 0], [0.1, 0.1, 0.1])
    close(penetration.interpenetration_volume(*first, *apart), 0.0)
    with pytest.raises(MetricError, match="larger voxel"):
        penetration.interpenetration_volume(*first, *second, voxel=1e-5)


# Smoothness
def parabola(frames=9, step=0.1, bend=0.5):
    """Two points; the first moves as x = bend t^2 with t = step k, the second rests."""
    t = step * np.arange(frames)
    track = np.zeros((frames, 2, 3))
    track[:, 0, 0] = bend * t**2
    return track


def test_smoothness_of_a_parabola():
    # x_t - (x_t-1 + x_t+1)/2 = -bend step^2 = -.005 for one point of two
    close(smoothness.midpoint_smoothness(parabola()), 0.0025)
    close(smoothness.acceleration(parabola(), 10.0), 0.5)  # x'' = 2 bend = 1, over two points
    close(smoothness.jerk_per_frame(parabola()), 0.0)
    close(smoothness.midpoint_smoothness(np.cumsum(np.ones((6, 2, 3)), axis=0)), 0.0)


def test_jerk_of_a_cubic():
    track = np.zeros((7, 1, 3))
    track[:, 0, 1] = 0.2 * np.arange(7.0) ** 3
    close(smoothness.jerk_per_frame(track), 1.2)  # 3! * .2


def test_smoothness_on_one_clock_does_not_depend_on_the_frame_rate():
    slow, fast = parabola(17, 1 / 8), parabola(33, 1 / 16)
    close(smoothness.midpoint_smoothness_8fps(slow, 8.0), 0.5 * 0.5 / 64)
    close(smoothness.midpoint_smoothness_8fps(fast, 16.0), 0.5 * 0.5 / 64)
    close(smoothness.midpoint_smoothness_8fps(parabola(4), 16.0), NAN)
    close(smoothness.midpoint_smoothness_8fps(parabola(5, 1 / 16), 16.0), 0.5 * 0.5 / 64)  # three frames are left


def test_acceleration_error_is_of_the_difference():
    close(smoothness.acceleration_error(parabola(), np.zeros((9, 2, 3)), 10.0), 0.5)
    close(smoothness.acceleration_error(parabola(), parabola() + np.arange(9.0)[:, None, None], 10.0), 0.0)


@pytest.mark.parametrize("function", ["midpoint_smoothness", "jerk_per_frame"])
def test_too_short_tracks_have_no_smoothness(function):
    close(getattr(smoothness, function)(np.zeros((2, 3, 3))), NAN)


# Feet
def test_foot_sliding_weighs_a_step_by_its_height():
    ankles, toes = np.zeros((3, 2, 3)), np.zeros((3, 2, 3))
    ankles[..., 2], toes[..., 2] = 0.08, 0.04  # exactly at the height: not standing
    ankles[:, 0, 2] = 0.04
    ankles[:, 0, 0] = [0.0, 0.03, 0.03]
    toes[:, 1, 2] = [0.0, 0.0, 0.5]
    toes[:, 1, 1] = [0.0, 0.0, 0.06]
    # ankle: 30 mm * (2 - 2^.5) / 3; toe: the second step starts on the floor: 60 mm * 1 / 3; mean of four joints
    close(feet.weighted_foot_sliding(ankles, toes), (30 * (2 - 2**0.5) + 60) / 3 / 4)
    lifted = [0, 0, 0.25]
    close(feet.weighted_foot_sliding(ankles + lifted, toes + lifted), 0.0)
    close(feet.weighted_foot_sliding(ankles + lifted, toes + lifted, floor=0.25), (30 * (2 - 2**0.5) + 60) / 3 / 4)
    close(feet.weighted_foot_sliding(ankles[:1], toes[:1]), NAN)


def test_foot_sliding_of_a_raised_toe_in_two_frames():
    ankles, toes = np.full((2, 1, 3), 9.0), np.zeros((2, 1, 3))
    toes[..., 2] = 0.03
    toes[1, 0, 0] = 0.02
    # 20 mm * (2 - 2^(3/4)) / 2 frames, mean of ankle and toe
    close(feet.weighted_foot_sliding(ankles, toes), 20 * (2 - 2**0.75) / 2 / 2)


def test_a_foot_that_lifts_in_its_step_does_not_skate():
    toes = np.zeros((9, 1, 3))
    toes[:, 0, 1] = 0.1 * np.arange(9)
    close(feet.skating_ratio(toes), 1.0)
    toes[::2, 0, 2] = 0.3
    close(feet.skating_ratio(toes), 0.0)
    close(feet.skating_ratio(3.0 * toes[1:3] * [1, 1, 0]), 1.0)  # two frames are one step; 6 m/s / 5 > .5


def test_skating_needs_speed_now_and_around_and_a_low_foot():
    toes = np.zeros((21, 2, 3))
    toes[..., 2] = 0.2
    toes[:, 0, 2] = 0.01
    toes[5:15, 0, 0] = 0.03 * np.arange(1, 11)  # .6 m/s at 20 fps in steps 4 to 13
    toes[15:, 0, 0] = toes[14, 0, 0]
    # the 5-frame mean exceeds .5 only where five of five steps are fast: steps 6 to 11
    close(feet.skating_ratio(toes), 6 / 20)
    close(feet.skating_ratio(toes, fps=10.0), 0.0)
    close(feet.skating_ratio(toes + [0, 0, 0.045]), 0.0)
    both = toes.copy()
    both[:, 1] = both[:, 0]
    close(feet.skating_ratio(both), 6 / 20)
    close(feet.skating_ratio(toes[:1]), NAN)


def test_skating_of_one_fast_step_is_none():
    toes = np.zeros((11, 1, 3))
    toes[6:, 0, 1] = 0.1  # one step of 2 m/s; its 5-frame mean is .4
    close(feet.skating_ratio(toes), 0.0)
    toes[6:, 0, 1] = 0.15  # mean .6, but only that step is fast itself
    close(feet.skating_ratio(toes), 1 / 10)
    low = toes + [0, 0, 0.049]
    close(feet.skating_ratio(low), 1 / 10)
    close(feet.skating_ratio(toes + [0, 0, 0.051]), 0.0)


def test_depth_and_height_over_the_ground():
    points = np.zeros((3, 2, 3))
    points[..., 2] = [[0.1, 0.02], [-0.03, 0.5], [0.04, 0.06]]
    close(feet.ground_depth(points), 30.0)
    close(feet.floating(points), 20.0)  # (20 + 0 + 40) / 3
    close(feet.ground_depth(points, floor=-0.03), 0.0)
    close(feet.floating(points, floor=-0.03), 40.0)  # (50 + 0 + 70) / 3


def test_drift_is_from_the_mean():
    close(feet.contact_drift(np.array([[0.0, 0, 0], [0.003, 0, 0], [0, 0, 0]])), 2.0)


# Accuracy
def test_joint_errors():
    truth = np.random.default_rng(0).normal(size=(4, 6, 3))
    moved = truth + np.array([0.1, 0.0, 0.0])
    close(accuracy.global_mpjpe(moved, truth), 100.0)
    close(accuracy.mpjpe(moved, truth), 0.0)
    moved[:, 2] += [0.0, 0.0, 0.06]
    close(accuracy.mpjpe(moved, truth), 10.0)  # 60 mm for one joint of six
    close(accuracy.mpjpe(moved, truth, root=2), 50.0)  # now five of six are off


def test_procrustes_takes_out_a_similarity_of_every_frame_but_no_mirror():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(5, 7, 3))
    rotation = Rotation.random(5, random_state=2).as_matrix()
    moved = rng.uniform(0.5, 2.0, (5, 1, 1)) * truth @ np.swapaxes(rotation, 1, 2) + rng.normal(size=(5, 1, 3))
    close(accuracy.pa_mpjpe(moved, truth), 0.0)
    close(accuracy.pa_mpvpe(moved, truth), 0.0)
    assert accuracy.pa_mpjpe(truth * [-1, 1, 1], truth) > 100.0
    line = np.array([[[-1.0, 0, 0], [1, 0, 0], [0, 0, 0]]])
    bent = np.array([[[-1.0, 0, 0], [1, 0, 0], [0, 0.3, 0]]])
    # centers at y = .1; best scale of the line is 2 / 2 = 1: errors .1, .1, .2
    close(accuracy.pa_mpjpe(line, bent), 1000 * 0.4 / 3)
    close(accuracy.pa_mpvpe(line, bent), 1000 * 0.4 / 3)
    close(accuracy.pa_mpjpe(np.zeros((1, 3, 3)), line), 1000 * 2 / 3)


def test_f_score_is_a_harmonic_mean_of_shares():
    truth = np.zeros((1, 4, 3))
    truth[0, :, 0] = [0, 1, 2, 3]
    ours = np.zeros((1, 2, 3))
    ours[0, :, 0] = [0.004, 1.01]
    close(accuracy.f_score_5(ours, truth), 2 * 0.5 * 0.25 / 0.75)
    close(accuracy.f_score_15(ours, truth), 2 * 1.0 * 0.5 / 1.5)
    # two frames, all points of the second off by 6 mm and by 16 mm
    twice = np.concatenate([truth, truth])
    off = np.concatenate([truth, truth + [0, 0.006, 0]])
    close(accuracy.f_score_5(off, twice), 0.5)
    close(accuracy.f_score_15(off, twice), 1.0)
    close(accuracy.f_score_15(np.concatenate([truth, truth + [0, 0.016, 0]]), twice), 0.5)
    close(accuracy.f_score_5(truth, truth), 1.0)
    close(accuracy.f_score_5(ours + 9, truth), 0.0)
    close(accuracy.f_score_15(ours + 9, truth), 0.0)


def test_object_errors():
    truth = np.full((3, 3), 2.0)
    ours = truth + np.array([[0.0, 0, 0], [0, 0.3, 0], [0.3, 0.4, 0]])
    close(accuracy.final_object_location(ours, truth), 0.5)
    close(accuracy.object_translation_error(ours, truth), 1000 * 0.8 / 3)
    angle = np.radians(60)
    turned = Rotation.from_rotvec([[0, 0, angle], [0, 0, 0]]).as_matrix()
    base = Rotation.random(2, random_state=3).as_matrix()
    close(accuracy.object_rotation_error(turned @ base, base), math.sqrt(2) / 2)  # 2 sqrt2 sin(30 deg), then a zero


# Distributions
def test_frechet_distance_of_known_gaussians():
    signs = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]) * math.sqrt(3 / 4)  # covariance exactly the identity
    close(distribution.frechet_distance(signs, signs), 0.0, 1e-9)
    close(distribution.frechet_distance(signs + [3, 4], signs), 25.0)
    # standard deviations (2, 3) against (1, 1): 1 + 4
    close(distribution.frechet_distance(signs * [2, 3], signs), 5.0)
    turn = Rotation.from_rotvec([0, 0, 0.3]).as_matrix()[:2, :2]
    close(distribution.frechet_distance(signs * [2, 3] @ turn, signs), 5.0)
    close(distribution.frechet_distance(signs[:1], signs), NAN)
    close(distribution.frechet_distance(signs[:2], signs[:2]), 0.0)
    close(distribution.frechet_distance(signs[:, :1] * 2, signs[:, :1]), 1.0)


def test_diversity_of_two_clusters():
    features = np.zeros((400, 2))
    features[200:, 0] = 3.0
    features[200:, 1] = 4.0
    assert distribution.diversity(features) == pytest.approx(2.5, abs=0.4)
    assert distribution.diversity(features) == distribution.diversity(features)
    assert distribution.diversity(features, seed=1) != distribution.diversity(features, seed=2)
    close(distribution.all_pairs_diversity(features), 5.0 * 200 * 200 / (400 * 399 / 2))
    close(distribution.diversity(features[:1]), NAN)
    close(distribution.all_pairs_diversity(features[:1]), NAN)
    close(distribution.all_pairs_diversity(features[[0, -1]]), 5.0)


def test_multimodality_compares_within_a_prompt_only():
    features = np.zeros((2, 3, 1))
    features[1] = 100.0  # far away, but the same for every repetition
    close(distribution.multimodality(features), 0.0)
    features[0, :, 0] = [0.0, 3.0, 6.0]
    values = {distribution.multimodality(features, pairs=1, seed=k) for k in range(40)}
    assert values == {0.0, 1.5, 3.0}  # a pair 0, 3 or 6 apart in one of two prompts
    close(distribution.multimodality(features[:, :1]), NAN)


def test_r_precision_ranks_the_own_sentence_in_its_pool():
    motions = np.arange(8.0)[:, None]
    close(distribution.r_precision(motions, motions, top=1, pool=4), 1.0)
    sentences = motions.copy()
    sentences[0] = 1.4  # motion 0: own at 1.4, sentence 1 at 1: rank 2; motion 1: own at 0: rank 1
    close(distribution.r_precision(motions, sentences, top=1, pool=4), 7 / 8)
    close(distribution.r_precision(motions, sentences, top=2, pool=4), 1.0)
    close(distribution.r_precision(motions, sentences, top=1, pool=5), 4 / 5)  # three are left over
    close(distribution.r_precision(motions, motions), NAN)  # no pool of 32
    close(distribution.r_precision(motions * 0, motions * 0, top=3, pool=4), 0.0)  # all alike: chance gets nothing
    close(distribution.matching_distance(motions, sentences), 1.4 / 8)
    close(distribution.r_precision(np.arange(32.0)[:, None], np.arange(32.0)[:, None]), 1.0)


def test_the_fields_numbers_of_pairs_are_the_defaults():
    many = np.random.default_rng(0).normal(size=(500, 3))
    assert distribution.diversity(many) == distribution.diversity(many, pairs=300)
    assert distribution.multimodality(many[None]) == distribution.multimodality(many[None], pairs=20)


def test_smooth_rate_is_the_mean_change_of_fid():
    signs = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    windows = [signs, signs + [3, 0], signs + [0, 1]]  # FID 0, 9, 1
    close(distribution.smooth_rate(windows, signs, 0.5), (9 + 8) / 2 / 0.5)
    close(distribution.smooth_rate(windows[:1], signs, 0.5), NAN)
    close(distribution.smooth_rate(windows[:2], signs, 0.5), 18.0)
    with pytest.raises(MetricError, match="must follow"):
        distribution.smooth_rate(windows, signs, 0.0)


def test_object_diversity_is_the_mean_over_pairs():
    corners = np.zeros((3, 5, 8, 3))
    corners[1, ..., 0] = 1.0
    corners[2, ..., 0] = 3.0
    close(distribution.object_diversity(corners), (1 + 3 + 2) / 3)
    close(distribution.object_diversity(corners[:1]), NAN)
    close(distribution.object_diversity(corners[:2]), 1.0)


# The rules that hold for all
def test_every_measure_says_what_it_is():
    found = measures()
    assert len(found) >= 45
    for name, (place, one) in found.items():
        assert isinstance(one, Measure)
        assert one.direction in (LOWER, HIGHER, NEUTRAL), name
        assert one.unit, name
        assert one.formula, name
        assert one.source, name
        assert one.function.__doc__, place


def test_nan_and_empty_inputs_have_no_answer():
    broken = DEPTHS.copy()
    broken[0, 0] = NAN
    assert math.isnan(penetration.non_collision(broken))
    assert math.isnan(penetration.maximum_depth(np.zeros((0, 4))))
    assert math.isnan(accuracy.mpjpe(np.zeros((2, 3, 3)), np.full((2, 3, 3), NAN)))
    assert math.isnan(accuracy.mpjpe(predicted=np.zeros((2, 3, 3)), recorded=np.full((2, 3, 3), NAN)))


def test_a_batch_counts_what_has_no_answer():
    samples = [(np.full((2, 3), 0.1),), (np.full((2, 3), -0.1),), (np.full((2, 3), NAN),)]
    summary = penetration.non_collision.batch(samples)
    assert summary == Summary(0.5, 0.5, 2, 1)
    named = [{"signed_distance": one} for (one,) in samples]
    assert penetration.non_collision.batch(named) == summary
    empty = penetration.non_collision.batch([])
    assert math.isnan(empty.mean)
    assert (empty.count, empty.undefined) == (0, 0)


def test_a_measure_makes_a_metric():
    metric = penetration.maximum_depth.metric("person 1|iron", DEPTHS)
    assert (metric.key, metric.unit, metric.direction) == ("maximum depth:person 1|iron", "mm", LOWER)
    close(metric.value, 70.0)
    assert metric.passed is None


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (penetration.non_collision, (np.zeros(3),)), (accuracy.mpjpe, (np.zeros((2, 3, 3)), np.zeros((2, 4, 3)))),
        (smoothness.acceleration, (np.zeros((2, 3)), 8.0)),
        (contact.palm_distance, (np.zeros((2, 2, 3)), np.zeros((3, 9, 3)))),
        (distribution.frechet_distance, (np.zeros((3, 2)), np.zeros((3, 4)))),
    ],
)  # fmt: skip
def test_wrong_shapes_are_named(function, arguments):
    with pytest.raises(MetricError, match="shape"):
        function(*arguments)


def test_the_document_lists_every_measure_as_it_is():
    """One row a measure, with its formula, unit, direction, threshold and place."""
    lines = (Path(__file__).parents[1] / "docs" / "evaluation.md").read_text(encoding="utf-8").splitlines()
    lines = lines[lines.index("## The measures") :]
    lines = lines[: lines.index("Read with care:")]
    rows = {
        line.split(" | ")[0].removeprefix("| "): line.replace("\\|", "|") for line in lines if line.startswith("| ")
    }
    for name, (place, one) in measures().items():
        row = rows[name]
        for text in (one.formula, one.unit, one.direction, one.threshold, one.source, f"`{place}`"):
            assert text in row, (name, text)
