"""The result record and its file: round trip, schema, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.body import DegreesOfFreedom, SkinnedBody, TwistBone
from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.core.motion import BodyMotion, Motion, ObjectMotion
from zeroshot_hoi.core.scene import DistanceGrid, MeshReport, SceneObject, SurfaceSamples
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.results import archive
from zeroshot_hoi.results.build import OURS_FROM_SMPLX, amass_fields, build_result
from zeroshot_hoi.results.result import META_KEYS, Result
from zeroshot_hoi.results.schema import flatten
from zeroshot_hoi.results.views import (
    SHOWN,
    THREE_QUARTER,
    SceneSurfaces,
    _share_of_people,
    close_up,
    facing,
    frame_scene,
    front_camera,
)

FRAMES = 9
EDGE = "person 1.right hand->iron.handle"


def make_body(correctives: bool = False) -> SkinnedBody:
    """A column of three joints with one twist bone: hips, torso, a hand on top."""
    rng = np.random.default_rng(3)
    mesh = trimesh.creation.cylinder(radius=0.15, height=1.6, sections=16).subdivide().subdivide()
    vertices = np.asarray(mesh.vertices) + [0.0, 0.0, 0.8]
    joints = np.array([[0.0, 0.0, 0.2], [0.0, 0.0, 0.7], [0.02, 0.0, 1.2]])
    pivots = np.concatenate([joints, [[0.0, 0.0, 0.9]]])
    weights = np.exp(-40.0 * (vertices[:, 2:] - pivots[:, 2]) ** 2)
    weights[weights < 0.02 * weights.max(axis=1, keepdims=True)] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    frames = np.stack([np.eye(3), Rotation.from_euler("xyz", [0.4, 0.2, 0.1]).as_matrix(), np.eye(3)])
    labels = np.select([vertices[:, 2] < 0.5, vertices[:, 2] < 1.3], ["hips", "torso"], "right hand")
    empty = np.zeros((0, 3, 3))
    return SkinnedBody(
        name="column", model="smplx" if correctives else "anny", rest_vertices=vertices, faces=np.asarray(mesh.faces),
        weights=weights, joint_names=("pelvis", "spine1", "right_wrist"), joint_parents=np.array([-1, 0, 1]),
        rest_joints=joints, joint_frames=np.tile(np.eye(3), (3, 1, 1)) if correctives else frames,
        twist_bones=(TwistBone("twist", 1, 2, np.array([0.0, 0.0, 1.0]), 0.5, pivots[3]),),
        joint_limits=np.tile([-2.0, 2.0], (3, 3, 1)),
        freedoms=DegreesOfFreedom((), empty, np.zeros((0, 2)), np.zeros(0), np.zeros(0)),
        part_labels=tuple(labels.tolist()), regions=("",) * len(vertices), shape=np.zeros(2), shape_names=("a", "b"),
        vertex_directions=np.zeros((2, *vertices.shape)), joint_directions=np.zeros((2, 3, 3)),
        pose_directions=rng.normal(size=(18, *vertices.shape)) * 0.01 if correctives else None,
    )  # fmt: skip


def make_object(name: str, extents, visual=None) -> SceneObject:
    mesh = trimesh.creation.box(extents).subdivide()
    return SceneObject(
        name=name, vertices=np.asarray(mesh.vertices) + [0, 0, extents[2] / 2], faces=np.asarray(mesh.faces),
        components=np.zeros(len(mesh.faces), int), nodes=("",) * len(mesh.faces),
        samples=SurfaceSamples(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros(0, int)),
        grid=DistanceGrid(np.zeros(3), 0.1, np.zeros((2, 2, 2))), mass=1.0, unit="m", up="z", front="x", scale=1.0,
        T_object_file=np.eye(4), source_sha256="0" * 64, report=MeshReport(), visual=visual,
    )  # fmt: skip


def make_result(correctives: bool = False, frames: int = FRAMES) -> Result:
    rng = np.random.default_rng(0)
    t = np.linspace(0.0, 1.0, frames)
    body = make_body(correctives)
    pose = np.sin(np.pi * t)[:, None, None] * rng.normal(size=(3, 3)) * 0.5
    people = {"person 1": BodyMotion(pose, body.rest_joints[0] + t[:, None] * [0.1, 0.0, 0.0])}
    turn = Rotation.from_euler("z", np.linspace(0.0, 5.0, frames)[:, None]).as_matrix()
    colors = trimesh.visual.ColorVisuals(vertex_colors=np.tile([200, 60, 40, 255], (26, 1)))
    board = make_object("ironing board", (1.2, 0.4, 0.8))
    objects = {"iron": make_object("iron", (0.3, 0.15, 0.1), colors), "ironing board": board}
    moves = {
        "iron": ObjectMotion(turn, np.stack([0.5 + 0 * t, 0.3 * np.sin(6 * t), 0.8 + 0 * t], axis=1)),
        "ironing board": ObjectMotion(np.tile(np.eye(3), (frames, 1, 1)), np.tile([0.6, 0.0, 0.0], (frames, 1))),
    }
    plan = plan_from_recipe(Recipe.load("ironing"))
    return build_result(
        plan, {"person 1": body}, objects, {}, Motion(people, moves, 16.0),
        contacts={EDGE: np.full(frames, 0.002)}, energies={f"contact:{EDGE}": np.array([3.0, 1.0])},
        meta={"timings": {"optimization": 1.5}},
    )  # fmt: skip


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "iron.npz"
    make_result().save(path)
    return path


def _rewrite(path, **changes):
    """The file with some members replaced (None removes one)."""
    with np.load(path, allow_pickle=False) as archive_file:
        arrays = {key: archive_file[key] for key in archive_file.files}
    arrays = {key: value for key, value in (arrays | changes).items() if value is not None}
    np.savez(path, **arrays)


def test_saved_and_loaded_results_agree_in_every_key(saved):
    first, second = flatten(make_result()), flatten(Result.load(saved))
    assert first.keys() == second.keys()
    for key, value in first.items():
        if key != "meta":
            np.testing.assert_array_equal(value, second[key], err_msg=key)
    assert json.loads(str(first["meta"])) == json.loads(str(second["meta"]))


def test_anyone_reads_the_file_without_pickles_and_finds_the_published_keys(saved):
    with np.load(saved, allow_pickle=False) as plain:
        keys = set(plain.files)
        assert tuple(json.loads(str(plain["meta"]))) == META_KEYS
        assert plain["people/person 1/vertices"].shape[0] == FRAMES
        assert plain["people/person 1/part_labels"].dtype.kind == "U"
        assert plain["objects/iron/rotation"].shape == (FRAMES, 3, 3)
    person = (
        "vertices faces joints joint_names joint_parents joint_limits pose translation shape body_model part_labels "
        "regions"
    ).split()
    thing = "vertices faces rotation translation scale part_names part_probability".split()
    assert {f"people/person 1/{key}" for key in person} <= keys
    assert {f"objects/ironing board/{key}" for key in thing} <= keys
    assert f"contacts/{EDGE}/distance" in keys
    assert f"energies/contact:{EDGE}" in keys


def test_pickles_are_refused(saved):
    _rewrite(saved, **{"energies/bad": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(ResultError, match="pickle"):
        Result.load(saved)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"meta": None}, "no 'meta'"),
        ({"meta": np.array("{")}, "no JSON"),
        ({"meta": np.array("[1]")}, "JSON object"),
        ({"meta": np.array('{"schema": 99}')}, "schema 99"),
        ({"meta": np.array('{"schema": 1}')}, "lacks recipe"),
        ({"people/person 1/faces": None}, "lacks people/person 1/faces"),
        ({"people/person 1/faces": np.array([[0, 1, 99999]])}, "points outside"),
        ({"people/person 1/pose": np.zeros((FRAMES, 2, 3))}, "pose"),
        ({"objects/iron/translation": np.zeros((FRAMES + 1, 3))}, "translation"),
        ({"people/person 1/joint_names": np.zeros(3)}, "text"),
        ({"objects/no!good/faces": np.zeros((1, 3))}, "no!good"),
    ],
)
def test_broken_files_say_what_is_wrong(saved, changes, words):
    _rewrite(saved, **changes)
    with pytest.raises(ResultError, match=words):
        Result.load(saved)


def test_a_header_that_promises_more_than_the_file_holds_is_refused(saved, tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    header += b" " * (118 - len(header)) + b"\n"
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as file:
        file.writestr("meta.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 64)
    with pytest.raises(ResultError, match="does not hold"):
        Result.load(tmp_path / "huge.npz")


def test_bombs_and_oversized_files_are_refused(saved, monkeypatch):
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(ResultError, match="unpacks to"):
        Result.load(saved)
    monkeypatch.setattr(archive, "MAX_FILE_BYTES", 1000)
    with pytest.raises(ResultError, match="may have 1,000"):
        Result.load(saved)


def test_truncated_foreign_and_missing_files_are_errors(saved, tmp_path):
    saved.write_bytes(saved.read_bytes()[:-200])
    with pytest.raises(ResultError, match="damaged"):
        Result.load(saved)
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ResultError, match="damaged"):
        Result.load(tmp_path / "text.npz")
    with pytest.raises(ResultError, match="no result file"):
        Result.load(tmp_path / "absent.npz")


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(saved):
    before = saved.read_bytes()
    broken = make_result()
    broken = dataclasses.replace(broken, meta={**broken.meta, "extra": 1})
    with pytest.raises(ResultError, match="exactly"):
        broken.save(saved)

    def stop():
        with archive.replacing(saved) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


def test_unwritable_places_and_suffixes_are_named(tmp_path):
    with pytest.raises(ResultError, match="cannot be written"):
        archive.check_writable(tmp_path / "no folder" / "a.npz")
    with pytest.raises(ResultError, match="is a folder"):
        archive.check_writable(tmp_path)
    archive.check_writable(tmp_path / "a.npz")
    assert os.listdir(tmp_path) == []
    with pytest.raises(ResultError, match=r"\.glb, \.html, \.mp4, \.npz"):
        make_result().export(tmp_path / "a.fbx")


def test_amass_fields_place_smplx_vertices_where_ours_are():
    body = make_body(correctives=True)
    motion = BodyMotion(np.random.default_rng(1).normal(size=(4, 3, 3)) * 0.4, np.ones((4, 3)))
    fields = amass_fields(body, motion, 16.0)
    assert fields["poses"].shape == (4, 9)
    root = Rotation.from_rotvec(fields["poses"][:, :3]).as_matrix()
    pelvis, point = body.rest_joints[0] @ OURS_FROM_SMPLX, np.array([0.3, 0.1, -0.2])
    theirs = np.einsum("tij,j->ti", root, point) + pelvis + fields["trans"]
    ours = Rotation.from_rotvec(motion.pose[:, 0]).apply(OURS_FROM_SMPLX @ point) + motion.translation
    np.testing.assert_allclose(theirs, ours, atol=1e-12)


def test_cameras_see_the_person_from_where_they_face():
    result = make_result()
    person = result.people["person 1"]
    hips = np.tile([[0.0, 0.0, 1.0], [-0.1, 0.0, 1.0], [0.1, 0.0, 1.0]], (FRAMES, 1, 1))
    track = dataclasses.replace(person, joints=hips, joint_names=("pelvis", "left_hip", "right_hip"))
    turned = dataclasses.replace(result, people={"person 1": track})
    assert facing(turned) == pytest.approx(np.pi / 2)
    eye = frame_scene(turned, 0.0).T_world_camera[:3, 3]
    assert eye[1] > 1.5
    assert front_camera(turned, width=60, height=90).width == 60
    close = close_up(turned, EDGE, width=64, height=64).T_world_camera[:3, 3]
    hand = person.vertices[FRAMES // 2][person.part_labels == "right hand"].mean(axis=0)
    assert 0.1 < np.linalg.norm(close - hand) < 2.5
    with pytest.raises(ResultError, match="no edge"):
        close_up(turned, "person 1.nose->iron.handle")


def test_the_front_view_goes_round_a_door_that_hides_the_person():
    result = make_result()
    alone = dataclasses.replace(result, objects={})
    door = dataclasses.replace(
        result.objects["ironing board"],
        vertices=np.array([[0.9, -2.0, -2.0], [0.9, 2.0, -2.0], [0.9, 2.0, 2.0], [0.9, -2.0, 2.0]]),
        faces=np.array([[0, 1, 2], [0, 2, 3]]),
        translation=np.zeros((FRAMES, 3)),
    )
    before, round_it = (
        front_camera(dataclasses.replace(result, objects=objects)).T_world_camera[:3, 3]
        for objects in ({}, {"door": door})
    )
    hidden = SceneSurfaces.of(dataclasses.replace(result, objects={"door": door}))
    assert before[0] > 0.9, "a person is seen from before them"
    assert round_it[0] < 0.9, "from before the door nobody would be seen"
    assert _share_of_people(SceneSurfaces.of(alone), front_camera(alone)) == 1.0
    assert _share_of_people(hidden, front_camera(hidden.result)) >= SHOWN
    assert _share_of_people(hidden, frame_scene(hidden.result, THREE_QUARTER)) < SHOWN


def test_missing_folders_are_made_and_a_file_in_their_place_is_an_error(tmp_path):
    result = make_result(frames=2)
    result.save(tmp_path / "new" / "deep" / "a.npz")
    result.export(tmp_path / "other" / "a.glb")
    assert Result.load(tmp_path / "new" / "deep" / "a.npz").frames == 2
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResultError, match="cannot be written"):
        result.save(tmp_path / "file" / "a.npz")
