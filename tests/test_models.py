"""Frozen models: every backend on a tiny random checkpoint, what loading refuses, the arithmetic around them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra 'models'")
pytest.importorskip("diffusers", reason="needs the extra 'models'")

import psutil
import torch
from tiny_models import write
from tiny_pipelines import write_pipeline

from zeroshot_hoi.core.errors import EngineError
from zeroshot_hoi.models import build
from zeroshot_hoi.models.base import Boxes, ModelError, check_image, clean_boxes, suppress_repeats
from zeroshot_hoi.models.build import load_model
from zeroshot_hoi.models.files import choose_variant, component_bytes, locate
from zeroshot_hoi.models.images import Normalization, PersonCrop, read_peaks, resize_and_normalize
from zeroshot_hoi.models.keypoint_names import COCO_BODY, COCO_WHOLE_BODY, GOLIATH, keypoint_names
from zeroshot_hoi.models.loading import estimate_memory
from zeroshot_hoi.models.settings import ModelSettings
from zeroshot_hoi.models.weights import DEFAULTS, KNOWN, ROLES, fetch_line, known, list_weights

CPU = ModelSettings(device="cpu")
CUDA = ModelSettings(device="cuda")
DEVICES = [
    pytest.param(CPU, id="cpu"),
    pytest.param(CUDA, id="cuda-half", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")),
]
PICTURE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory):
    """Kind -> folder of its tiny checkpoint, written at first use."""
    root, made = tmp_path_factory.mktemp("checkpoints"), {}

    def get(kind: str) -> Path:
        if kind not in made:
            made[kind] = (write_pipeline if kind in ("sd", "sd4", "sdxl", "flux_fill") else write)(kind, root / kind)
        return made[kind]

    return get


@pytest.mark.parametrize("settings", DEVICES)
@pytest.mark.parametrize("kind", ["grounding_dino", "owlv2"])
def test_detector(folders, kind: str, settings: ModelSettings) -> None:
    detector = load_model("detector", str(folders(kind)), settings)
    object.__setattr__(detector, "threshold", 0.0)
    first, again = (detector.detect(PICTURE, ["handle", "seat"]) for _ in range(2))
    assert len(first) > 0
    assert set(first.phrases) <= {0, 1}
    assert ((first.corners >= 0) & (first.corners <= [80, 60, 80, 60])).all()
    np.testing.assert_array_equal(first.corners, again.corners)
    object.__setattr__(detector, "threshold", 1.0)
    assert len(detector.detect(PICTURE, ["handle"])) == 0


def test_grounding_dino_credits_a_phrase_by_its_own_words(folders) -> None:
    """The score of a phrase must not depend on which other phrase stands before it, but on where its words are."""
    from zeroshot_hoi.models.grounding_dino import _caption, _inside

    caption, spans = _caption(["Mug  handle", "lid."])
    assert caption == "mug handle. lid."
    assert [caption[a:b] for a, b in spans] == ["mug handle", "lid"]
    offsets = np.array([[0, 0], [0, 3], [4, 10], [10, 11], [12, 15], [15, 16], [0, 0]])
    assert np.flatnonzero(_inside(offsets, spans[0])).tolist() == [1, 2]
    assert np.flatnonzero(_inside(offsets, spans[1])).tolist() == [4]


@pytest.mark.parametrize("settings", DEVICES)
def test_segmenter(folders, settings: ModelSettings) -> None:
    segmenter = load_model("segmenter", str(folders("sam2")), settings)
    boxes = np.array([[5.0, 5.0, 30.0, 40.0], [10.0, 10.0, 70.0, 50.0]])
    masks = segmenter.segment(PICTURE, boxes)
    assert masks.shape == (2, 60, 80)
    assert masks.dtype == bool
    assert segmenter.segment(PICTURE, np.zeros((0, 4))).shape == (0, 60, 80)
    with pytest.raises(ModelError, match="right > left"):
        segmenter.segment(PICTURE, np.array([[5.0, 5.0, 5.0, 40.0]]))


@pytest.mark.parametrize("settings", DEVICES)
@pytest.mark.parametrize(("kind", "count"), [("vitpose", 17), ("sapiens2", 308)])
def test_keypoints(folders, kind: str, count: int, settings: ModelSettings) -> None:
    model = load_model("keypoints", str(folders(kind)), settings)
    box = np.array([[10.0, 5.0, 50.0, 55.0]])
    (person,) = model.keypoints(PICTURE, box)
    assert person.points.shape == (count, 2)
    assert len(person.names) == count
    assert {"left_wrist", "right_wrist", "left_ankle"} <= set(person.names)
    window = PersonCrop.around(box[0], model.normalization.size)
    assert (person.points >= [window.left, window.top]).all()
    assert (person.points <= [window.left + window.width, window.top + window.height]).all()


@pytest.mark.parametrize("settings", DEVICES)
@pytest.mark.parametrize(("kind", "metric"), [("depth_anything", False), ("depth_pro", True)])
def test_depth(folders, kind: str, metric: bool, settings: ModelSettings) -> None:
    answer = load_model("depth", str(folders(kind)), settings).depth(PICTURE)
    assert answer.values.shape == (60, 80)
    assert answer.metric is metric
    assert np.isfinite(answer.values).all()


@pytest.mark.parametrize("settings", DEVICES)
@pytest.mark.parametrize("kind", ["sd", "sd4", "sdxl", "flux_fill"])
def test_inpainter_repaints_only_the_mask(folders, kind: str, settings: ModelSettings) -> None:
    inpainter = load_model("inpainter", str(folders(kind)), settings)
    object.__setattr__(inpainter, "steps", 2)
    image = np.random.default_rng(1).integers(0, 255, (32, 48, 3), dtype=np.uint8)
    mask = np.zeros((32, 48), bool)
    mask[4:24, 8:32] = True
    first, again, other = (inpainter.inpaint(image, mask, "a person", seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[~mask], image[~mask])
    assert (first[mask] != image[mask]).any(axis=-1).mean() > 0.9
    assert (first != other).any()


def test_masks_adapt_while_denoising(folders) -> None:
    """Each refined mask takes effect: pixels it gives back are the picture's own, and it never grows past the first."""
    inpainter = load_model("inpainter", str(folders("sd")), CPU)
    object.__setattr__(inpainter, "steps", 4)
    image = np.random.default_rng(1).integers(0, 255, (32, 48, 3), dtype=np.uint8)
    mask, smaller = np.zeros((32, 48), bool), np.zeros((32, 48), bool)
    mask[4:24, 8:32], smaller[10:30, 10:20] = True, True
    seen: list[float] = []

    def refine(predicted: np.ndarray, share: float) -> np.ndarray:
        assert predicted.shape == image.shape
        assert predicted.dtype == np.uint8
        seen.append(share)
        return smaller

    adapted = inpainter.inpaint(image, mask, "a person", seed=3, refine=refine)
    kept = inpainter.inpaint(image, mask, "a person", seed=3, refine=lambda predicted, share: np.zeros_like(mask))
    fixed = inpainter.inpaint(image, mask, "a person", seed=3)
    assert seen == sorted(seen)
    assert seen
    np.testing.assert_array_equal(adapted[~(mask & smaller)], image[~(mask & smaller)])
    assert (adapted[mask & smaller] != fixed[mask & smaller]).any(), "the network must see the new mask"
    np.testing.assert_array_equal(kept, fixed)


def test_a_pipeline_that_cannot_adapt_says_so(folders) -> None:
    inpainter = load_model("inpainter", str(folders("flux_fill")), CPU)
    image, mask = np.zeros((32, 32, 3), np.uint8), np.ones((32, 32), bool)
    assert not inpainter.adaptive
    with pytest.raises(ModelError, match="adaptive = false"):
        inpainter.inpaint(image, mask, "a person", refine=lambda predicted, share: mask)
    with pytest.raises(ModelError, match="multiples of 4"):
        inpainter.inpaint(image[:30], mask[:30], "a person")
    with pytest.raises(ModelError, match="empty"):
        inpainter.inpaint(image, np.zeros((32, 32), bool), "a person")


def test_missing_weights_name_license_size_and_the_line_that_gets_them(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for role in ROLES:
        row = known(DEFAULTS[role])
        assert row is not None
        with pytest.raises(ModelError) as caught:
            load_model(role, settings=CPU)
        for part in (row.id, row.license, f"{row.gigabytes:g} GB", f"hf download {row.id}"):
            assert part in str(caught.value)
    with pytest.raises(ModelError, match="--revision v2"):
        locate("somebody/something", "v2")


@pytest.mark.parametrize("source", ["nothing here", "../../etc/passwd", "a/b/c", "owner/..", "", "owner/name\n"])
def test_what_is_no_source_is_refused(source: str) -> None:
    with pytest.raises(ModelError, match="no folder and no hub id"):
        locate(source if source else "./missing folder")


def test_pickles_damage_and_other_architectures_are_refused(folders, tmp_path: Path) -> None:
    pickled, cut, empty = (shutil.copytree(folders("vitpose"), tmp_path / name) for name in ("pickled", "cut", "empty"))
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match="a pickle, which can run code"):
        load_model("keypoints", str(pickled), CPU)
    whole = (cut / "model.safetensors").read_bytes()
    (cut / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="damaged or cut off"):
        load_model("keypoints", str(cut), CPU)
    (empty / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no \.safetensors"):
        load_model("keypoints", str(empty), CPU)
    with pytest.raises(ModelError, match="is a 'sam2', which cannot serve as detector"):
        load_model("detector", str(folders("sam2")), CPU)
    with pytest.raises(ModelError, match="neither config"):
        load_model("detector", str(tmp_path), CPU)


def test_weights_that_a_checkpoint_lacks_are_not_made_up(folders, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(folders("vitpose"), tmp_path / "partial")
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("head.conv.weight")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of the weights .*head\.conv\.weight"):
        load_model("keypoints", str(folder), CPU)


def test_components_with_code_of_their_own_are_refused(folders, tmp_path: Path) -> None:
    folder = shutil.copytree(folders("sd"), tmp_path / "foreign")
    index = json.loads((folder / "model_index.json").read_text())
    index["unet"] = ["my_unet", "Evil"]
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="never run"):
        load_model("inpainter", str(folder), CPU)


def test_memory_is_estimated_before_loading(folders, monkeypatch) -> None:
    folder = folders("sd")
    estimate = estimate_memory(folder, CPU)
    loaded = load_model("inpainter", str(folder), CPU).pipe
    parts = (loaded.unet, loaded.vae, loaded.text_encoder)
    exact = [sum(p.numel() * p.element_size() for p in part.parameters()) for part in parts]
    assert estimate.weights == pytest.approx(sum(exact), rel=0.01)
    assert estimate.largest == pytest.approx(max(exact), rel=0.01)
    half = component_bytes(folder, 2)
    assert 2 * sum(half.values()) == pytest.approx(estimate.weights, rel=0.01)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": estimate.weights})())
    with pytest.raises(ModelError, match=r"needs about .* GB of weights.*dtype = 'float16'"):
        load_model("inpainter", str(folder), CPU)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (ModelSettings(device="abacus"), "no device"),
        (ModelSettings(device="cpu", dtype="float8"), "no precision"),
        (ModelSettings(device="cpu", offload="model"), "the device is the CPU"),
        (ModelSettings(device="cpu", offload="disk"), "unknown"),
    ],
)
def test_settings_that_make_no_sense(folders, settings: ModelSettings, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        load_model("keypoints", str(folders("vitpose")), settings)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU")
def test_a_gpu_that_is_not_there_is_no_cpu(folders) -> None:
    with pytest.raises(ModelError, match="no CUDA GPU"):
        load_model("keypoints", str(folders("vitpose")), CUDA)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
@pytest.mark.parametrize("offload", ["model", "sequential"])
def test_offload_gives_the_same_answer(folders, offload: str) -> None:
    box = np.array([[10.0, 5.0, 50.0, 55.0]])
    answers = [
        load_model("keypoints", str(folders("vitpose")), ModelSettings("cuda", "float32", offload=how))
        .keypoints(PICTURE, box)[0]
        .points
        for how in ("none", offload)
    ]
    np.testing.assert_allclose(*answers, atol=1e-3)


def test_missing_packages_name_the_line_that_installs_them(monkeypatch) -> None:
    monkeypatch.setattr(build, "find_spec", lambda name: None if name == "diffusers" else object())
    with pytest.raises(EngineError, match=r"diffusers.*pip install 'zeroshot-hoi\[models\]'"):
        load_model("detector", "anything", CPU)


def test_the_list_of_weights_is_complete() -> None:
    text = list_weights()
    for row in KNOWN:
        assert row.role in ROLES
        for part in (row.id, row.license, f"hf download {row.id}"):
            assert part in text or "here:" in text
    assert all(known(model) is not None for model in DEFAULTS.values())


def test_boxes_are_cut_and_thinned() -> None:
    corners = np.array([[-5.0, 2, 20, 10], [0, 2, 20, 10.5], [30, 5, 30.2, 9], [np.nan, 0, 5, 5], [1, 2, 20, 10]])
    boxes = clean_boxes(corners, np.array([0.5, 0.9, 0.9, 0.9, 0.4]), np.array([0, 0, 0, 0, 1]), (12, 25))
    assert boxes.corners.tolist() == [[0, 2, 20, 10], [0, 2, 20, 10.5], [1, 2, 20, 10]]
    kept = suppress_repeats(boxes)
    assert kept.scores.tolist() == [0.9, 0.4]
    assert len(suppress_repeats(Boxes(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int)))) == 0


def test_pictures_are_checked() -> None:
    for wrong in (
        np.zeros((4, 4)),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 5000, 3), np.uint8),
    ):
        with pytest.raises(ModelError, match="picture"):
            check_image(wrong)


def test_peaks_of_gaussians_are_found_to_a_hundredth_of_a_pixel() -> None:
    rng = np.random.default_rng(2)
    wanted = rng.uniform([3, 3], [21, 29], (50, 2))
    y, x = np.mgrid[:32, :24] + 0.5
    maps = np.exp(-((x - wanted[:, 0, None, None]) ** 2 + (y - wanted[:, 1, None, None]) ** 2) / (2 * 2.0**2))
    points, scores = read_peaks(maps)
    np.testing.assert_allclose(points, wanted, atol=0.01)
    assert (scores > 0.9).all()


def test_a_person_crop_maps_back_to_the_picture() -> None:
    """A blob drawn in a picture is found again through the crop of a box that reaches beyond it."""
    y, x = np.mgrid[:60, :80] + 0.5
    blob = np.exp(-((x - 12.3) ** 2 + (y - 40.7) ** 2) / (2 * 3.0**2))
    image = np.repeat(np.round(255 * blob).astype(np.uint8)[..., None], 3, axis=2)
    window = PersonCrop.around(np.array([-4.0, 20.0, 26.0, 58.0]), (128, 96))
    points, _ = read_peaks(window.cut(image, (128, 96))[0, :1].numpy())
    np.testing.assert_allclose(window.to_picture(points, (128, 96))[0], [12.3, 40.7], atol=0.15)


def test_resizing_keeps_flat_colors_and_normalizes() -> None:
    image = np.full((10, 20, 3), 51, np.uint8)
    wanted = Normalization((8, 8), (0.1, 0.2, 0.3), (0.5, 0.25, 0.1))
    np.testing.assert_allclose(
        resize_and_normalize(image, wanted)[0, :, 3, 3].numpy(), [(0.2 - 0.1) / 0.5, 0.0, -1.0], atol=1e-5
    )


def test_keypoint_orders() -> None:
    assert [len(COCO_BODY), len(COCO_WHOLE_BODY), len(GOLIATH)] == [17, 133, 308]
    assert all(len(set(order)) == len(order) for order in (COCO_BODY, COCO_WHOLE_BODY, GOLIATH))
    assert GOLIATH.index("right_wrist") == 41
    assert GOLIATH.index("left_wrist") == 62
    assert GOLIATH.index("neck") == 69
    assert GOLIATH[21] == "right_thumb_tip"
    assert COCO_WHOLE_BODY[91] == "left_palm"
    assert COCO_WHOLE_BODY[112] == "right_palm"
    assert keypoint_names(2, {0: "Left Wrist", 1: "Nose"}) == ("left_wrist", "nose")
    with pytest.raises(ModelError, match="finds 5 keypoints"):
        keypoint_names(5, {k: f"LABEL_{k}" for k in range(5)})


def test_half_precision_weights_are_read_where_there_are_no_others(folders, tmp_path: Path) -> None:
    """Some repositories publish `.safetensors` only as `model.fp16.safetensors`, and pickles for the rest."""
    folder = shutil.copytree(folders("sd"), tmp_path / "half")
    assert choose_variant(folder) is None
    for path in [*folder.rglob("*.safetensors")]:
        path.rename(path.with_name(f"{path.stem}.fp16.safetensors"))
        path.with_suffix(".bin").write_bytes(b"a pickle")
    assert choose_variant(folder) == "fp16"
    assert choose_variant(folder, "bf16") == "bf16", "what is asked for is asked for"
    assert estimate_memory(folder, CPU).weights == estimate_memory(folders("sd"), CPU).weights
    assert load_model("inpainter", str(folder), CPU).pipe.unet is not None


def test_the_line_that_gets_weights_leaves_out_what_is_not_read() -> None:
    line = fetch_line("stable-diffusion-v1-5/stable-diffusion-inpainting")
    assert line.endswith('--exclude "*.bin" --exclude "*.ckpt"')
    assert fetch_line("somebody/something", "v2") == "hf download somebody/something --revision v2"
    assert all(row.checked for row in KNOWN)
