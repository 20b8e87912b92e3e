"""Published measures exactly at their thresholds, and where a wrong axis, guard or constant would first show."""

import math

import numpy as np
import pytest
import synthetic_result as syn

from tests.closeness import NAN, close
from zeroshot_hoi.core.camera import look_at
from zeroshot_hoi.metrics.published import (
    MetricError,
    accuracy,
    distribution,
    features,
    feet,
    penetration,
    pictures,
    semantics,
    tracks,
    vbench,
)


def test_voxels_count_by_their_centers():
    first, second = syn.box([0, 0, 0], [0.1, 0.1, 0.1]), syn.box([0.092, 0, 0], [0.1, 0.1, 0.1])
    # 8 mm shared are 1.6 voxels: centers at 2.5 and 7.5 mm are both inside
    close(penetration.interpenetration_volume(*first, *second), 1.0 * 10 * 10, 1e-6)


def test_boxes_that_overlap_around_solids_that_do_not_share_nothing():
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    corner = np.array([[0.0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]])
    close(penetration.interpenetration_volume(corner, faces, 0.1 - corner, faces[:, ::-1]), 0.0)


def test_no_voxel_in_the_first_solid_is_no_volume():
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    corner = np.array([[0.0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]])
    close(penetration.interpenetration_volume(corner, faces, *syn.box([0.13] * 3, [0.1] * 3)), 0.0)


def test_as_many_voxels_as_the_limit_are_counted(monkeypatch):
    first, second = syn.box([0, 0, 0], [0.1, 0.1, 0.1]), syn.box([0.0903, 0, 0], [0.1, 0.1, 0.1])
    low = np.maximum(first[0].min(0), second[0].min(0))
    high = np.minimum(first[0].max(0), second[0].max(0))
    count = int(np.ceil((high - low) / 0.005).prod())
    monkeypatch.setattr(penetration, "MAX_VOXELS", count)
    assert penetration.interpenetration_volume(*first, *second) > 0.0
    monkeypatch.setattr(penetration, "MAX_VOXELS", count - 1)
    with pytest.raises(MetricError, match="larger voxel"):
        penetration.interpenetration_volume(*first, *second)


def test_sliding_adds_over_steps_of_each_foot():
    ankles, toes = np.full((4, 1, 3), 9.0), np.zeros((4, 1, 3))
    toes[:, 0, 0] = [0.0, 0.01, 0.03, 0.03]
    close(feet.weighted_foot_sliding(ankles, toes), 30.0 / 4 / 2)  # 30 mm in 4 frames, mean of ankle and toe


def test_a_toe_at_the_height_or_at_the_speed_does_not_skate():
    toes = np.zeros((8, 1, 3))
    toes[:, 0, 0] = np.arange(8.0)
    close(feet.skating_ratio(toes, fps=1.0), 1.0)
    toes[..., 2] = feet.SKATE_HEIGHT
    close(feet.skating_ratio(toes, fps=1.0), 0.0)
    toes[..., 2] = 0.0
    toes[:, 0, 0] = np.cumsum([0.0, 1, 1, 1, 0.5, 1, 1, 1])  # one step of exactly half a metre a second
    close(feet.skating_ratio(toes, fps=1.0), 6 / 7)
    toes[:, 0, 0] = np.cumsum([0.0, 0, 0, 0, 2.5, 0, 0, 0])  # its mean over five steps is exactly .5
    close(feet.skating_ratio(toes, fps=1.0), 0.0)


def test_a_toe_that_goes_up_and_down_does_not_skate():
    toes = np.zeros((9, 1, 3))
    toes[::2, 0, 2] = 0.04  # .8 m/s, but upward
    close(feet.skating_ratio(toes), 0.0)


@pytest.mark.parametrize(("measure", "reach"), [(accuracy.f_score_5, 0.005), (accuracy.f_score_15, 0.015)])
def test_f_score_counts_its_reach_itself(measure, reach):
    truth = np.zeros((1, 1, 3))
    close(measure(truth + [reach, 0, 0], truth), 1.0)
    close(measure(truth + [reach + 1e-9, 0, 0], truth), 0.0)


def test_f_score_of_equal_precision_and_recall():
    truth = np.array([[[0.0, 0, 0], [1, 0, 0]]])
    ours = np.array([[[0.0, 0, 0], [5, 0, 0]]])
    close(accuracy.f_score_5(ours, truth), 0.5)


def test_object_errors_are_of_the_last_frame_and_of_the_difference():
    truth = np.array([[5.0, 0, 0], [7, 0, 0], [9, 0, 0]])
    ours = truth + np.array([[0.0, 0, 0], [9, 0, 0], [0, 3, 4]])
    close(accuracy.final_object_location(ours, truth), 5.0)
    close(accuracy.object_translation_error(ours, truth), 1000 * 14 / 3)


def test_procrustes_mirrors_the_weakest_direction_back():
    rng = np.random.default_rng(4)
    truth = rng.normal(size=(3, 9, 3)) * [3.0, 2.0, 0.05] + [4.0, -7.0, 2.0]
    mirrored = truth * [1.0, 1.0, -1.0]
    # a proper rotation cannot undo the mirror; turning by half about x or y leaves only the thin direction wrong
    found = accuracy.pa_mpjpe(mirrored, truth)
    thin = 1000 * 2 * np.abs((truth - truth.mean(1, keepdims=True))[..., 2]).mean()
    assert 0.3 * thin < found < 1.2 * thin


def test_r_precision_leaves_out_a_pool_that_lacks_one():
    motions = np.arange(7.0)[:, None]
    sentences = motions.copy()
    sentences[4:] = 99.0  # only in the pool that is not full
    close(distribution.r_precision(motions, sentences, top=1, pool=4), 1.0)


def test_smooth_rate_of_two_windows_close_together():
    signs = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    close(distribution.smooth_rate([signs, signs + [1, 0]], signs, 0.005), 1.0 / 0.005, 1e-6)
    close(distribution.smooth_rate([signs], signs, 1.0), NAN)


def test_frechet_distance_of_features_that_do_not_vary_in_a_direction():
    signs = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]) * math.sqrt(3 / 4)
    flat = signs * [2.0, 0.0]
    # standard deviations (2, 0) against (1, 1): 1 + 1
    close(distribution.frechet_distance(flat, signs), 2.0)


def test_diversity_of_few_pairs_is_of_those_pairs():
    values = np.array([[0.0], [1.0], [10.0]])
    assert {distribution.diversity(values, pairs=1, seed=k) for k in range(60)} == {0.0, 1.0, 9.0, 10.0}
    assert {distribution.diversity(values[:2], seed=k) for k in range(20)} == {0.0, 1.0}


def test_multimodality_takes_lengths_of_features():
    pair = np.zeros((1, 2, 3))
    pair[0, 1] = [3.0, 4.0, 0.0]
    assert {distribution.multimodality(pair, seed=k) for k in range(20)} == {0.0, 5.0}
    assert {distribution.multimodality(pair, pairs=1, seed=k) for k in range(20)} == {0.0, 5.0}


def test_smallest_samples_have_a_value():
    close(distribution.object_diversity(np.stack([np.zeros((4, 8, 3)), np.full((4, 8, 3), 2.0)])), 2 * 3**0.5)
    close(distribution.frechet_distance(np.array([[0.0], [2.0]]), np.array([[5.0], [7.0]])), 25.0)
    close(distribution.all_pairs_diversity(np.array([[0.0], [3.0]])), 3.0)
    pair = np.zeros((1, 2, 1))
    pair[0, 1] = 4.0
    assert {distribution.multimodality(pair, pairs=1, seed=k) for k in range(20)} == {0.0, 4.0}
    close(vbench.i2v_subject_consistency(np.array([[1.0, 0], [1, 0]]), np.array([1.0, 0])), 1.0)
    close(vbench.i2v_subject_consistency(np.array([[1.0, 0], [-1, 0]]), np.array([1.0, 0])), 0.5)
    joints = np.zeros((2, 4, 3))
    joints[1, :, 0] = 0.5
    close(features.kinematic_features(joints, 2.0)[-8:], np.array([1.0] * 4 + [0.0] * 4))
    assert features.kinematic_features(joints[:1], 2.0).shape == (24,)
    one = [("s", {"a": np.zeros((2, 2, 3), np.uint8)})]
    assert semantics.model_choice(one, lambda question, images: 0).share == {"a": 1.0}


def test_a_point_at_the_camera_is_not_in_front_and_one_close_by_is():
    camera = look_at(np.array([2.0, 0, 0]), np.zeros(3), 2 * math.atan(0.5), 100, 80)
    close(tracks.project_tracks(np.array([[[1.995, 0.0, 0.0]]]), camera)[0, 0], np.array([50.0, 40.0]), 1e-6)
    with pytest.raises(MetricError, match="behind"):
        tracks.project_tracks(np.array([[[2.0, 0.5, 0.0]]]), camera)


def test_the_shortest_step_has_a_direction():
    right = np.array([[[0.0, 0.0], [1.0, 0.0]]])
    assert tracks.STILL == 1e-6
    for length, expected in ((1e-6, 1.0), (1.1e-6, 1.0), (0.9e-6, 0.0)):
        close(tracks.track_correlation(length * right, right), np.array([[expected]]))


@pytest.mark.parametrize(("height", "width", "works"), [(11, 11, True), (10, 16, False), (16, 10, False)])
def test_ssim_needs_the_window_both_ways(height, width, works):
    one = np.full((1, height, width, 3), 90, np.uint8)
    if works:
        close(pictures.ssim(one, one), 1.0)
    else:
        with pytest.raises(MetricError, match=f"{width}x{height}"):
            pictures.ssim(one, one)


def test_the_order_of_pictures_is_that_of_the_seed():
    shown = {"a": np.zeros((2, 2, 3), np.uint8), "b": np.ones((2, 2, 3), np.uint8)}
    trials = [("s", shown)] * 31

    def first(seed):
        return semantics.model_choice(trials, lambda question, images: 0, seed=seed).share

    assert first(0) == first(0)
    assert len({round(first(seed)["a"], 6) for seed in range(6)}) > 1
    assert semantics.model_choice(trials, lambda question, images: 0).invalid == 0
