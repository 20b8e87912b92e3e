"""GIF, OBJ sequences, AMASS files, videos of other sizes and of several results, and notebook cells."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import av
import numpy as np
import pytest
import trimesh
from PIL import Image
from scipy.spatial.transform import Rotation
from test_report import make_meeting
from test_results import FRAMES, make_body, make_result

from zeroshot_hoi.body.kinematics import bone_transforms
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.render.renderer import Style
from zeroshot_hoi.results.build import OURS_FROM_SMPLX
from zeroshot_hoi.results.export.gif import durations

QUICK = Style(supersampling=1, key_map=128, sky_map=64, sky_directions=2)


def test_gif_loops_at_the_speed_of_the_result_and_moves(tmp_path):
    result, path = make_result(), tmp_path / "x.gif"
    result.export(path, style=QUICK)
    with Image.open(path) as image:
        assert (image.n_frames, image.info["loop"], max(image.size)) == (FRAMES, 0, 480)
        total, frames = 0, []
        for index in range(image.n_frames):
            image.seek(index)
            total += image.info["duration"]
            frames.append(np.asarray(image.convert("RGB"), int))
    assert total == pytest.approx(1000 * FRAMES / result.fps, abs=5)
    assert (np.abs(frames[0] - frames[4]).max(axis=-1) > 25).mean() > 0.002


@pytest.mark.parametrize("fps", [7.0, 16.0, 24.0, 30.0])
def test_gif_durations_never_drift_from_the_true_time(fps):
    ends = np.cumsum(durations(200, fps))
    assert np.abs(ends - 1000 * np.arange(1, 201) / fps).max() <= 5.0 + 1e-9


def read_obj(path):
    """Faces by group, counted from one, and all vertices."""
    groups, vertices = {}, []
    for line in path.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "o":
            groups[rest] = []
        elif word == "v":
            vertices.append([float(number) for number in rest.split()])
        elif word == "f":
            groups[list(groups)[-1]].append([int(number) for number in rest.split()])
    return groups, np.array(vertices)


@pytest.mark.parametrize("up", ["y", "z"])
def test_obj_frames_read_back_as_the_result(tmp_path, up):
    result = make_meeting()
    result.export(tmp_path / "walk.obj", every=4, up=up)
    assert sorted(p.name for p in tmp_path.glob("*.obj")) == ["walk_0000.obj", "walk_0004.obj", "walk_0008.obj"]
    turn = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]) if up == "y" else np.eye(3)
    groups, vertices = read_obj(tmp_path / "walk_0004.obj")
    expected = {name: (p.vertices[4], p.faces) for name, p in result.people.items()}
    expected |= {name: (o.vertices_at(4), o.faces) for name, o in result.objects.items()}
    assert list(groups) == [name.replace(" ", "_") for name in expected]
    for faces, (points, indices) in zip(groups.values(), expected.values(), strict=True):
        np.testing.assert_allclose(vertices[np.array(faces) - 1], (points @ turn.T)[indices], atol=2e-5)
    whole = trimesh.load(tmp_path / "walk_0004.obj", force="mesh", process=False)
    assert len(whole.faces) == sum(len(faces) for faces in groups.values())
    assert "newmtl ironing_board" in (tmp_path / "walk.mtl").read_text()


@pytest.mark.parametrize(("options", "word"), [({"up": "x"}, "up"), ({"every": 0}, "every")])
def test_obj_options_are_checked(tmp_path, options, word):
    with pytest.raises(ResultError, match=word):
        make_result().export(tmp_path / "x.obj", **options)


def test_amass_parameters_give_back_the_joints(tmp_path):
    result, path = make_result(correctives=True), tmp_path / "x.amass.npz"
    result.export(path)
    with np.load(path, allow_pickle=False) as file:
        data = {key: file[key] for key in file.files}
    assert str(data["surface_model_type"]) == "smplx"
    assert float(data["mocap_frame_rate"]) == result.fps
    assert data["mocap_time_length"] == pytest.approx(FRAMES / result.fps)
    body, xp = make_body(correctives=True), numpy_namespace()
    poses = data["poses"].reshape(FRAMES, -1, 3)
    root = Rotation.from_rotvec(poses[:, 0]).as_matrix() @ OURS_FROM_SMPLX.T
    pose = poses @ OURS_FROM_SMPLX.T
    pose[:, 0] = Rotation.from_matrix(root).as_rotvec()
    place = data["trans"] + body.rest_joints[0] @ OURS_FROM_SMPLX
    joints = np.asarray(bone_transforms(xp, body, pose, place))[:, : len(body.joint_names), :, 3]
    np.testing.assert_allclose(joints, result.people["person 1"].joints, atol=1e-5)


def test_amass_says_whom_it_cannot_write(tmp_path):
    with pytest.raises(ResultError, match="no SMPL-X parameters"):
        make_result().export(tmp_path / "x.amass.npz")
    with pytest.raises(ResultError, match="person 1, person 2"):
        make_meeting().export(tmp_path / "x.amass.npz")
    with pytest.raises(ResultError, match="no 'person 7'"):
        make_result().export(tmp_path / "x.amass.npz", person="person 7")


def read_video(path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_video_in_full_hd_has_its_size(tmp_path):
    result = make_result(frames=2)
    result.export(tmp_path / "x.mp4", size="1080p", style=QUICK)
    assert read_video(tmp_path / "x.mp4").shape == (2, 1080, 1920, 3)


def test_video_of_two_results_shows_both_and_waits_for_the_longer(tmp_path):
    short, long = make_result(frames=3), make_result(frames=5)
    short.export(tmp_path / "x.mp4", beside=[long], size=(512, 256), style=QUICK)
    film = read_video(tmp_path / "x.mp4").astype(int)
    assert film.shape == (5, 256, 512, 3)
    left, right = film[:, :, :256], film[:, :, 256:]
    assert np.abs(left[4] - left[2]).mean() < 2.0
    assert np.abs(right[4] - right[2]).max() > 40


@pytest.mark.parametrize(
    ("options", "word"), [({"size": "1081p"}, "1080p"), ({"size": (9, 9)}, "9 x 9"), ({"size": (99999, 99)}, "99999")]
)
def test_video_sizes_are_checked(tmp_path, options, word):
    with pytest.raises(ResultError, match=word):
        make_result(frames=2).export(tmp_path / "x.mp4", **options)


def test_notebook_cell_has_a_picture_the_verdict_and_no_markup_of_others():
    result = make_meeting()
    cell = replace(result, meta={**result.meta, "text": "<script>alert(1)</script>"})._repr_html_()
    assert "<script" not in cell
    assert "1 of 2 bars hold; missed: jitter:shaky" in cell
    data = re.search(r"data:image/jpeg;base64,([^\"]+)", cell)
    assert data is not None
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(data.group(1)))).convert("RGB"))
    assert image.std() > 10
