"""The same numbers as scikit-image, torchmetrics and scipy on random data, to 1e-5 unless a line says why not."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial import procrustes
from scipy.spatial.transform import Rotation

from zeroshot_hoi.metrics.published import accuracy, distribution, pictures, semantics, smoothness

RNG = np.random.default_rng(7)


def videos():
    first = RNG.integers(0, 256, (3, 40, 56, 3), dtype=np.uint8)
    noise = RNG.normal(0, 25, first.shape)
    return first, np.clip(first + noise, 0, 255).astype(np.uint8)


def test_ssim_and_psnr_equal_scikit_image():
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image comes with the test extra")
    ours, truth = videos()
    options = {
        "channel_axis": 2,
        "data_range": 255,
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
    }
    theirs = [metrics.structural_similarity(a, b, **options) for a, b in zip(ours, truth, strict=True)]
    assert pictures.ssim(ours, truth) == pytest.approx(np.mean(theirs), abs=1e-5)
    ratio = [metrics.peak_signal_noise_ratio(b, a, data_range=255) for a, b in zip(ours, truth, strict=True)]
    assert pictures.psnr(ours, truth) == pytest.approx(np.mean(ratio), abs=1e-5)


def test_ssim_and_psnr_equal_torchmetrics():
    image = pytest.importorskip("torchmetrics.functional.image", reason="torchmetrics comes with the test extra")
    import torch

    ours, truth = videos()
    first, second = (torch.from_numpy(x).permute(0, 3, 1, 2).double() for x in (ours, truth))
    options = {"data_range": 255.0, "gaussian_kernel": True, "sigma": 1.5, "return_full_image": True}
    _, everywhere = image.structural_similarity_index_measure(first, second, **options)
    # torchmetrics averages windows over the border too, mirrored there; we and scikit-image take whole windows only.
    theirs = everywhere[..., 5:-5, 5:-5].mean()
    assert pictures.ssim(ours, truth) == pytest.approx(float(theirs), abs=1e-5)
    ratio = image.peak_signal_noise_ratio(first, second, data_range=255.0, reduction="elementwise_mean", dim=(1, 2, 3))
    assert pictures.psnr(ours, truth) == pytest.approx(float(ratio), abs=1e-5)


def test_frechet_distance_equals_scipy_and_torchmetrics():
    ours, real = RNG.normal(size=(200, 12)), RNG.normal(size=(150, 12)) @ RNG.normal(size=(12, 12)) + 0.3
    first, second = np.cov(ours, rowvar=False), np.cov(real, rowvar=False)
    gap = ours.mean(axis=0) - real.mean(axis=0)
    expected = gap @ gap + np.trace(first + second - 2.0 * np.real(sqrtm(first @ second)))
    assert distribution.frechet_distance(ours, real) == pytest.approx(expected, rel=1e-8)
    fid = pytest.importorskip("torchmetrics.image.fid", reason="torchmetrics comes with the test extra")
    import torch

    theirs = fid._compute_fid(*(torch.from_numpy(x) for x in (ours.mean(axis=0), first, real.mean(axis=0), second)))
    assert distribution.frechet_distance(ours, real) == pytest.approx(float(theirs), rel=1e-5)


def test_clip_score_equals_torchmetrics_cosine():
    torchmetrics = pytest.importorskip("torchmetrics.functional", reason="torchmetrics comes with the test extra")
    import torch

    images, text = RNG.normal(size=(4, 32)), RNG.normal(size=(1, 32))
    ours = semantics.clip_score(np.zeros((4, 2, 2, 3), np.uint8), "x", lambda _: images, lambda _: text)
    theirs = torchmetrics.pairwise_cosine_similarity(torch.from_numpy(images), torch.from_numpy(text)).mean()
    assert ours == pytest.approx(float(theirs), abs=1e-5)


def test_procrustes_equals_scikit_image_and_scipy():
    transform = pytest.importorskip("skimage.transform", reason="scikit-image comes with the test extra")
    source, target = RNG.normal(size=(1, 30, 3)), RNG.normal(size=(1, 30, 3))
    theirs = transform.SimilarityTransform.from_estimate(source[0], target[0])(source[0])
    np.testing.assert_allclose(accuracy.procrustes_align(source, target)[0], theirs, atol=1e-8)
    # scipy's residual is of shapes scaled to unit size, and it may mirror; a turned copy with noise needs no mirror.
    noisy = target @ Rotation.random(random_state=1).as_matrix() * 1.7 + 0.02 * RNG.normal(size=target.shape)
    spread = np.sum((target - target.mean(axis=1, keepdims=True)) ** 2)
    residual = np.sum((accuracy.procrustes_align(noisy, target) - target) ** 2) / spread
    assert residual == pytest.approx(procrustes(target[0], noisy[0])[2], abs=1e-8)


def test_rotation_error_equals_the_angle():
    first, second = Rotation.random(20, random_state=1), Rotation.random(20, random_state=2)
    angle = (first * second.inv()).magnitude()
    ours = accuracy.object_rotation_error(first.as_matrix(), second.as_matrix())
    assert ours == pytest.approx(np.mean(2.0 * np.sqrt(2.0) * np.sin(0.5 * angle)), abs=1e-5)


def test_acceleration_of_a_sine_is_its_second_derivative():
    fps, speed = 400.0, 3.0
    time = np.arange(800) / fps
    track = np.zeros((800, 1, 3))
    track[:, 0, 0] = np.sin(speed * time)
    expected = np.mean(speed**2 * np.abs(np.sin(speed * time[1:-1])))
    assert smoothness.acceleration(track, fps) == pytest.approx(expected, rel=1e-4)


def test_joint_errors_equal_torchmetrics():
    torchmetrics = pytest.importorskip("torchmetrics", reason="torchmetrics comes with the test extra")
    import torch

    ours, truth = RNG.normal(size=(4, 21, 3)), RNG.normal(size=(4, 21, 3))
    theirs = torchmetrics.functional.pairwise_euclidean_distance(
        torch.from_numpy(ours.reshape(-1, 3)), torch.from_numpy(truth.reshape(-1, 3))
    ).diagonal()
    assert accuracy.global_mpjpe(ours, truth) == pytest.approx(1000.0 * float(theirs.mean()), rel=1e-5)
