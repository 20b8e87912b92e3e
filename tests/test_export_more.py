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
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation
from test_report import make_meeting
from test_results import FRAMES, make_body, make_result

from zeroshot_hoi.body.kinematics import bone_transforms
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.render.appearance import Appearance
from zeroshot_hoi.render.renderer import Style
from zeroshot_hoi.results.build import OURS_FROM_SMPLX
from zeroshot_hoi.results.export.gif import durations
from zeroshot_hoi.results.export.obj import _few_colors

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
    """Faces by group, counted from one, vertices with what stands behind their positions, and the materials used."""
    groups, vertices, places, used = {}, [], [], {}
    for line in path.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "o":
            group = rest
            groups[group], used[group] = [], []
        elif word == "v":
            vertices.append([float(number) for number in rest.split()])
        elif word == "vt":
            places.append([float(number) for number in rest.split()])
        elif word == "usemtl":
            used[group].append(rest)
        elif word == "f":
            groups[group].append([[int(number) for number in corner.split("/")] for corner in rest.split()])
    return groups, vertices, np.array(places), used


def same_triangles(first: np.ndarray, second: np.ndarray, tolerance: float) -> bool:
    """Whether (F, 3, 3) are the same triangles in another order: files keep those of one material together."""
    first, second = first.reshape(len(first), 9), second.reshape(len(second), 9)
    ways = ((first, second), (second, first))
    return first.shape == second.shape and all(KDTree(a).query(b)[0].max() < tolerance for a, b in ways)


@pytest.mark.parametrize("up", ["y", "z"])
def test_obj_frames_read_back_as_the_result(tmp_path, up):
    result = make_meeting()
    result.export(tmp_path / "walk.obj", every=4, up=up)
    assert sorted(p.name for p in tmp_path.glob("*.obj")) == ["walk_0000.obj", "walk_0004.obj", "walk_0008.obj"]
    turn = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]) if up == "y" else np.eye(3)
    groups, rows, _, used = read_obj(tmp_path / "walk_0004.obj")
    vertices = np.array([row[:3] for row in rows])
    expected = {name: (p.vertices[4], p.faces) for name, p in result.people.items()}
    expected |= {name: (o.vertices_at(4), o.faces) for name, o in result.objects.items()}
    assert list(groups) == [name.replace(" ", "_") for name in expected]
    for faces, (points, indices) in zip(groups.values(), expected.values(), strict=True):
        corners = vertices[np.array(faces)[..., 0] - 1]
        assert same_triangles(corners, (points @ turn.T)[indices], 1e-4)
    whole = trimesh.load(tmp_path / "walk_0004.obj", force="mesh", process=False)
    assert len(whole.faces) == sum(len(faces) for faces in groups.values())
    library = (tmp_path / "walk.mtl").read_text()
    assert {f"newmtl {name}" for names in used.values() for name in names} <= set(library.splitlines())
    assert {"person_1_skin", "person_1_shirt", "person_1_trousers"} >= set(used["person_1"])


def with_look(result, name: str, look: Appearance):
    return replace(result, objects={**result.objects, name: replace(result.objects[name], look=look)})


def test_obj_keeps_a_texture_and_where_it_lies(tmp_path):
    result = make_result()
    iron = result.objects["iron"]
    picture = np.random.default_rng(0).integers(0, 255, (4, 8, 4), dtype=np.uint8)
    uv = np.random.default_rng(1).random((len(iron.vertices), 2))
    with_look(result, "iron", Appearance((255, 255, 255, 255), uv=uv, texture=picture)).export(tmp_path / "a.obj")
    groups, _, places, _ = read_obj(tmp_path / "a_0000.obj")
    corners = np.array(groups["iron"])
    np.testing.assert_allclose(places[corners[..., 1] - 1], uv[iron.faces], atol=1e-6)
    assert "map_Kd a_iron.png" in (tmp_path / "a.mtl").read_text()
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a_iron.png")), picture[..., :3])
    scene = trimesh.load(tmp_path / "a_0000.obj", process=False)
    read = [mesh for mesh in scene.geometry.values() if getattr(mesh.visual.material, "image", None) is not None]
    assert [len(mesh.faces) for mesh in read] == [len(iron.faces)]


def test_obj_keeps_colors_of_vertices_and_of_faces(tmp_path):
    result = make_result()
    iron = result.objects["iron"]
    colors = np.random.default_rng(0).integers(0, 255, (len(iron.vertices), 4), dtype=np.uint8)
    with_look(result, "iron", Appearance(colors=colors)).export(tmp_path / "v.obj")
    groups, rows, _, _ = read_obj(tmp_path / "v_0000.obj")
    read = np.array([rows[corner[0] - 1][3:] for face in groups["iron"] for corner in face])
    np.testing.assert_allclose(read, colors[iron.faces.reshape(-1), :3] / 255, atol=1e-4)
    halves = np.where(np.arange(len(iron.faces))[:, None] % 2, (200, 10, 30, 255), (5, 90, 180, 255)).astype(np.uint8)
    with_look(result, "iron", Appearance(face_colors=halves)).export(tmp_path / "f.obj")
    groups, _, _, used = read_obj(tmp_path / "f_0000.obj")
    assert (len(groups["iron"]), len(used["iron"])) == (len(iron.faces), 2)
    assert "Kd 0.0196 0.3529 0.7059" in (tmp_path / "f.mtl").read_text()


def test_an_object_of_countless_colors_has_at_most_as_many_materials_as_allowed(tmp_path):
    result = make_result()
    count = len(result.objects["iron"].faces)
    colors = np.random.default_rng(0).integers(0, 255, (count, 4), dtype=np.uint8)
    found, chosen = _few_colors(colors[:, :3], 5)
    assert (len(found), chosen.shape) == (min(5, count), (count,))
    apart = np.abs(colors[:, None, :3].astype(float) - found[None]).sum(axis=2)
    np.testing.assert_array_equal(apart[np.arange(count), chosen], apart.min(axis=1))


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
