"""GLB, MP4 and PNG: the GLB is played back by an independent evaluator and compared with the result."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from PIL import Image
from scipy.spatial.transform import Rotation
from test_results import FRAMES, make_result

from benchmarks.exports import validate, validator_folder
from benchmarks.gltf_player import GltfPlayer
from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.render.appearance import Appearance
from zeroshot_hoi.render.renderer import Style
from zeroshot_hoi.results.export.contact_heat import LUMINANCE, contact_shares, heated
from zeroshot_hoi.results.export.glb import GLTF_FROM_OURS, continuous_quaternions, split_corners
from zeroshot_hoi.results.export.sheet import contact_sheet
from zeroshot_hoi.results.export.video import encode_mp4
from zeroshot_hoi.results.result import ObjectTrack


@pytest.mark.parametrize("correctives", [False, True])
def test_the_glb_plays_back_the_result(tmp_path, correctives):
    result = make_result(correctives)
    result.export(tmp_path / "a.glb")
    player = GltfPlayer(tmp_path / "a.glb")
    for frame in (0, 3, FRAMES - 1):
        person = player.vertices("person 1", frame / result.fps) @ GLTF_FROM_OURS
        assert np.abs(person - result.people["person 1"].vertices[frame]).max() < 1e-4
        for name, thing in result.objects.items():
            there = player.vertices(name, frame / result.fps) @ GLTF_FROM_OURS
            distance = np.linalg.norm(there[:, None] - thing.vertices_at(frame)[None], axis=-1)
            assert distance.min(axis=1).max() < 1e-4
            assert distance.min(axis=0).max() < 1e-4


def test_gltf_is_y_up_and_front_is_z():
    np.testing.assert_array_equal(GLTF_FROM_OURS @ [0, 0, 1], [0, 1, 0])
    np.testing.assert_array_equal(GLTF_FROM_OURS @ [1, 0, 0], [0, 0, 1])
    assert np.linalg.det(GLTF_FROM_OURS) == pytest.approx(1.0)


def test_four_influences_are_one_normalized_set(tmp_path):
    make_result().export(tmp_path / "a.glb", max_influences=2)
    player = GltfPlayer(tmp_path / "a.glb")
    attributes = player.gltf.meshes[0].primitives[0].attributes
    weights = player.read(attributes.WEIGHTS_0)
    assert (weights > 0).sum(axis=1).max() == 2
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)
    with pytest.raises(ResultError, match="at least 1"):
        make_result().export(tmp_path / "b.glb", max_influences=0)


def test_quaternions_never_jump_sides():
    turns = Rotation.from_euler("xyz", np.linspace(0, 20, 200)[:, None] * [1.0, 0.3, 0.2]).as_matrix()
    keys = continuous_quaternions(turns)
    assert np.einsum("ti,ti->t", keys[1:], keys[:-1]).min() > 0.9


def test_what_stands_still_has_no_keys(tmp_path):
    make_result().export(tmp_path / "a.glb")
    player = GltfPlayer(tmp_path / "a.glb")
    moving = {player.gltf.nodes[channel.target.node].name for channel in player.gltf.animations[0].channels}
    assert "iron" in moving
    assert "ironing board" not in moving


def test_a_single_frame_exports_without_animation(tmp_path):
    make_result(frames=1).export(tmp_path / "a.glb", ground=True)
    assert not GltfPlayer(tmp_path / "a.glb").gltf.animations


def test_textures_and_hard_edges_reach_the_glb():
    box = trimesh.creation.box()
    uv = np.random.default_rng(0).random((8, 2)).astype(np.float32)
    look = Appearance((255, 255, 255, 255), uv=uv, texture=np.full((4, 4, 4), 200, np.uint8))
    still = {"rotation": np.eye(3)[None], "translation": np.zeros((1, 3))}
    thing = ObjectTrack(np.asarray(box.vertices), np.asarray(box.faces), **still, scale=1.0, part_names=(),
                        part_probability=np.zeros((0, 12)), look=look)  # fmt: skip
    corners, faces = split_corners(thing)
    assert len(corners["position"]) == 24
    place = corners["position"][faces] @ GLTF_FROM_OURS
    np.testing.assert_allclose(place, box.vertices[box.faces], atol=1e-6)
    expected = uv[box.faces] * [1, -1] + [0, 1]
    np.testing.assert_allclose(corners["uv"][faces], expected, atol=1e-6)
    np.testing.assert_allclose(corners["normal"][faces] @ GLTF_FROM_OURS, np.repeat(box.face_normals[:, None], 3, 1))


def test_khronos_validator_finds_nothing(tmp_path):
    validator = validator_folder()
    if validator is None:
        pytest.skip("needs node and `npm install gltf-validator` (its folder in ZEROSHOT_HOI_NODE_MODULES)")
    make_result(correctives=True).export(tmp_path / "a.glb", ground=True)
    issues = validate(tmp_path / "a.glb", validator)
    assert issues["numErrors"] == issues["numWarnings"] == 0, issues["messages"]


def test_mp4_is_h264_yuv420p_with_every_frame_and_starts_fast(tmp_path):
    import av

    images = [np.full((51, 65, 3), (20 * k, 60, 200 - 10 * k), np.uint8) for k in range(10)]
    encode_mp4(tmp_path / "a.mp4", images, 16.0)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, float(stream.average_rate or 0)) == (64, 50, 16.0)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(frames) == 10
    assert np.abs(frames[5].mean(axis=(0, 1)) - [100, 60, 150]).max() < 8
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_video_and_sheet_of_a_result(tmp_path):
    result = make_result(frames=3)
    quick = Style(supersampling=1, sky_directions=4, sky_map=64, key_map=128)
    result.export(tmp_path / "a.mp4", style=quick)
    assert (tmp_path / "a.mp4").stat().st_size > 1000
    sheet = contact_sheet(result, style=quick)
    assert contact_sheet(result, frames=[0, 2], style=quick).size == contact_sheet(result, frames=2, style=quick).size
    result.export(tmp_path / "a.png", style=quick)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == sheet.size
    assert np.asarray(sheet).std() > 10
    assert sorted(os.listdir(tmp_path)) == ["a.mp4", "a.png"]


def test_two_people_play_back_with_names_of_their_own(tmp_path):
    one = make_result()
    first = one.people["person 1"]
    moved = first.rig.bone_motion + np.array([0.0, 0.0, 0.0, 1.0])[None, None, None] * np.array([[0.0], [1.0], [0.0]])
    second = replace(
        first, vertices=first.vertices + np.float32([0.0, 1.0, 0.0]), rig=replace(first.rig, bone_motion=moved)
    )
    result = replace(one, people={"person 1": first, "person 2": second})
    result.export(tmp_path / "two.glb")
    player = GltfPlayer(tmp_path / "two.glb")
    assert len(player.gltf.skins) == 2
    names = [node.name for node in player.gltf.nodes]
    assert len(set(names)) == len(names)
    for frame in (0, FRAMES - 1):
        for name, person in result.people.items():
            there = player.vertices(name, frame / result.fps) @ GLTF_FROM_OURS
            assert np.abs(there - person.vertices[frame]).max() < 1e-4
    colors = [player.read(mesh.primitives[0].attributes.COLOR_0) for mesh in player.gltf.meshes[:2]]
    assert np.abs(colors[0] - colors[1]).max() > 0.1, "they wear different clothes"


def test_bones_take_the_names_that_retargeters_know(tmp_path):
    from zeroshot_hoi.body.load import load_body
    from zeroshot_hoi.results.export.bone_names import MIXAMO

    result = make_result()
    result.export(tmp_path / "a.glb", bones="mixamo")
    names = [node.name for node in GltfPlayer(tmp_path / "a.glb").gltf.nodes]
    assert {"mixamorig:Hips", "mixamorig:RightHand"} <= set(names)
    body = load_body()
    bones = [*body.joint_names, *(bone.name for bone in body.twist_bones)]
    assert set(bones) <= set(MIXAMO), "every bone of the embedded body has one"
    assert len(set(MIXAMO.values())) == len(MIXAMO)
    with pytest.raises(ResultError, match="mixamo"):
        result.export(tmp_path / "b.glb", bones="mixammo")


def test_contact_reddens_what_touches_for_as_long_as_it_does(tmp_path):
    """The box of the iron is put over the hand in half of the frames."""
    result = make_result()
    person, iron = result.people["person 1"], result.objects["iron"]
    hand = person.vertices[:, person.part_labels == "right hand"].mean(axis=1)
    away = np.where(np.arange(FRAMES) < FRAMES // 2, 0.0, 9.0)[:, None] * [1.0, 0.0, 0.0]
    turn = np.tile(np.eye(3), (FRAMES, 1, 1))
    iron = replace(iron, translation=hand + away - [0.0, 0.0, 0.05], rotation=turn)
    board = result.objects["ironing board"]
    board = replace(board, translation=board.translation + [5.0, 0.0, 0.0])
    result = replace(result, objects={"iron": iron, "ironing board": board})
    touched, touching = contact_shares(result)
    assert touched["person 1"].max() == pytest.approx((FRAMES // 2) / FRAMES)
    assert touched["person 1"][person.part_labels == "hips"].max() == 0.0
    assert 0.0 < touching["iron"].max() <= (FRAMES // 2) / FRAMES
    assert touching["ironing board"].max() == 0.0
    for contact in (False, True):
        result.export(tmp_path / f"{contact}.glb", contact=contact)
    plain, red = (GltfPlayer(tmp_path / f"{contact}.glb") for contact in (False, True))
    before, after = (p.read(p.gltf.meshes[0].primitives[0].attributes.COLOR_0) for p in (plain, red))
    hot = touched["person 1"] > 0.0
    pale = heated(before.astype(float), np.zeros(len(before)))
    np.testing.assert_allclose(pale @ LUMINANCE, before @ LUMINANCE, atol=1e-6)
    assert np.ptp(pale, axis=1).max() < np.ptp(before, axis=1).max(), "red is not mistaken for a color of theirs"
    np.testing.assert_allclose(after[~hot], pale[~hot], atol=1e-6)
    # Half of the clip is sqrt(1/2) of the way to red.
    way = np.sqrt(touched["person 1"][hot])[:, None]
    np.testing.assert_allclose(after[hot], pale[hot] * (1 - way) + way * [0.72, 0.02, 0.02], atol=1e-5)
