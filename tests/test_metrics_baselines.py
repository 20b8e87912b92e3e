"""Other methods' files, written here as their public code writes them, and the table that compares them."""

import csv
import pickle

import numpy as np
import pytest
import synthetic_result as syn
import trimesh
from rich.console import Console
from scipy.spatial.transform import Rotation

from benchmarks.compare import parse_source, read_published, run_compare
from zeroshot_hoi.metrics.baselines import measure_interaction, read_interactions
from zeroshot_hoi.metrics.baselines.interaction import SMPL_JOINTS
from zeroshot_hoi.metrics.baselines.readers import rigid_motion
from zeroshot_hoi.metrics.baselines.restricted_pickle import load_plain_pickle
from zeroshot_hoi.metrics.published import MetricError, measures

FRAMES = 10


def poses():
    """A turn about z and a way along x."""
    rotation = Rotation.from_rotvec(np.linspace(0, 1, FRAMES)[:, None] * [0, 0, 0.8]).as_matrix()
    return rotation, np.linspace(0, 0.5, FRAMES)[:, None] * [1.0, 0, 0] + [0, 0, 1.0]


def write_chois(folder, sequence="sub16_suitcase_003", depth=0.05):
    """Ball of a body sunk `depth` into a moving box, and joints of which the left palm is 3 cm from a vertex."""
    rotation, translation = poses()
    thing, thing_faces = syn.box([0, 0, 0], [0.2, 0.2, 0.2])
    body, body_faces = syn.ball([0, 0, 0.2 - depth], 0.1)
    joints = np.full((FRAMES, 24, 3), 5.0)
    joints[:, 22] = np.einsum("tij,j->ti", rotation, [0.1, 0.1, 0.13]) + translation
    place = folder / "objs_single_window_cmp_settings" / "chois" / f"{sequence}_window_0"
    place.mkdir(parents=True)
    for t in range(FRAMES):
        for name, vertices, faces in (("", body, body_faces), ("_object", thing, thing_faces)):
            moved = vertices @ rotation[t].T + translation[t]
            trimesh.Trimesh(moved, faces, process=False).export(place / f"{t:05d}{name}.ply")
    (folder / "res_npz_files").mkdir()
    np.savez(folder / "res_npz_files" / f"{sequence}.npz", seq_name=sequence, global_jpos=joints)


def hoi_diff_record():
    rotation, translation = poses()
    to_theirs = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])  # (x, y, z) of ours -> (y, z, x): y up
    motion = np.full((1, 22, 3, FRAMES + 4), 7.0)
    pose = np.zeros((1, 1, 6, FRAMES + 4))
    joints = np.zeros((FRAMES, 22, 3))
    joints[:, 20] = translation + [0, 0, 0.19]
    motion[0, :, :, :FRAMES] = np.moveaxis(joints @ to_theirs.T, 0, 2)
    turned = Rotation.from_matrix(to_theirs @ rotation @ to_theirs.T).as_rotvec()
    pose[0, 0, :, :FRAMES] = np.concatenate([turned, translation @ to_theirs.T], axis=1).T
    return {
        "motion": motion, "motion_obj": pose, "text": ["A person carries a suitcase"], "lengths": np.array([FRAMES]),
        "num_samples": 1, "num_repetitions": 1, "obj_name": ["Date03_Sub04_suitcase_lift"],
    }  # fmt: skip


def write_hoi_diff(folder):
    folder.mkdir(parents=True)
    np.save(folder / "results.npy", hoi_diff_record())
    vertices, faces = syn.box([0, 0, 0], [0.2, 0.2, 0.2])
    trimesh.Trimesh(vertices, faces, process=False).export(folder / "suitcase_f1000.ply")


def write_plain(path, **changes):
    rotation, translation = poses()
    values = {"object_name": "suitcase", "fps": 20.0, "rotation": rotation, "translation": translation, **changes}
    np.savez(path, **{key: value for key, value in values.items() if value is not None})


def values_of(one):
    return {metric.key: metric.value for metric in measure_interaction(one)}


def test_chois_meshes_become_a_body_and_a_rigid_object(tmp_path):
    write_chois(tmp_path)
    (one,) = read_interactions("chois", tmp_path)
    assert (one.object_name, one.fps, one.body_vertices.shape[0]) == ("suitcase", 30.0, FRAMES)
    rotation, _ = poses()
    np.testing.assert_allclose(one.rotation, rotation @ rotation[0].T, atol=1e-5)
    values = values_of(one)
    assert values["maximum depth:both"] == pytest.approx(50.0, abs=0.5)
    assert values["penetrating contact:both"] == 1.0
    assert values["collision frames:both"] == 1.0
    assert values["palm contact:both"] == 1.0  # 3 cm
    assert values["wrist contact:both"] == 0.0  # the wrists are metres away


def test_chois_without_joints_still_has_meshes(tmp_path):
    write_chois(tmp_path)
    (tmp_path / "res_npz_files" / "sub16_suitcase_003.npz").unlink()
    values = values_of(read_interactions("chois", tmp_path)[0])
    assert "palm contact:both" not in values
    assert "weighted foot sliding:body" not in values
    assert values["maximum depth:both"] == pytest.approx(50.0, abs=0.5)


def test_hoi_diff_is_turned_upright_and_cut_to_its_length(tmp_path):
    write_hoi_diff(tmp_path / "run")
    (one,) = read_interactions("hoi-diff", tmp_path, meshes=tmp_path)
    rotation, translation = poses()
    np.testing.assert_allclose(one.rotation, rotation, atol=1e-9)
    np.testing.assert_allclose(one.translation, translation, atol=1e-9)
    assert one.joints.shape == (FRAMES, 22, 3)
    assert one.object_name == "suitcase"
    values = values_of(one)
    assert values["wrist contact:both"] == 1.0  # 9 cm above the top
    assert "palm contact:both" not in values
    assert "maximum depth:both" not in values
    without = values_of(read_interactions("hoi-diff", tmp_path)[0])
    assert "midpoint smoothness:object" not in without
    assert "skating ratio:body" in without


def test_plain_files_and_what_is_wrong_with_them(tmp_path):
    body, faces = syn.ball([0, 0, 1.2], 0.11)
    joints = np.zeros((FRAMES, 22, 3))
    thing, thing_faces = syn.box([0, 0, 0], [0.2, 0.2, 0.2])
    meshes = {
        "body_vertices": np.repeat(body[None], FRAMES, 0), "body_faces": faces, "object_vertices": thing,
        "object_faces": thing_faces,
    }  # fmt: skip
    write_plain(tmp_path / "good.npz", joints=joints, joint_names=np.array(SMPL_JOINTS), **meshes)
    values = values_of(read_interactions("plain", tmp_path)[0])
    assert values["maximum depth:both"] == pytest.approx(10.0, abs=0.5)  # in the first frame, before it leaves
    assert values["skating ratio:body"] == 0.0
    for changes, message in [
        ({"fps": None}, "lacks"), ({"colour": np.zeros(3)}, "unknown keys"),
        ({"rotation": np.zeros((9, 3, 3))}, "frames"), ({"joints": np.full((FRAMES, 22, 3), np.nan)}, "finite"),
        ({"joints": joints}, "22 joints and 0 names"), ({"body_faces": faces}, "only one of"),
        ({**meshes, "object_faces": thing_faces + 9999}, "count object_vertices"),
        ({"fps": 0.0}, "more than 0"), ({"translation": np.zeros((FRAMES, 2))}, "shape"),
    ]:  # fmt: skip
        write_plain(tmp_path / "good.npz", **changes)
        with pytest.raises(MetricError, match=message):
            read_interactions("plain", tmp_path)


class Evil:
    def __reduce__(self):
        return (print, ("called",))


def test_a_pickle_that_names_code_is_refused_unopened(tmp_path, capsys):
    np.save(tmp_path / "results.npy", {"motion": Evil()})
    (tmp_path / "x.pkl").write_bytes(pickle.dumps([Evil()]))
    for path in tmp_path.iterdir():
        with pytest.raises(MetricError, match=r"print.*may run code"):
            load_plain_pickle(path)
    assert "called" not in capsys.readouterr().out
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04nonsense")
    with pytest.raises(MetricError, match="can't be read"):
        load_plain_pickle(tmp_path / "x.pkl")


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_plain_pickles_of_every_protocol_are_read(tmp_path, protocol):
    record = {"a": np.arange(6.0).reshape(2, 3), "b": ["x", 1, None], "c": np.float32(2.5), "d": np.array(["u"])}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(record, protocol))
    found = load_plain_pickle(tmp_path / "x.pkl")
    np.testing.assert_array_equal(found["a"], record["a"])
    assert found["b"] == record["b"]
    assert found["c"] == 2.5
    assert found["d"].tolist() == ["u"]


def test_an_object_that_bends_is_refused():
    track = np.random.default_rng(0).normal(size=(2, 20, 3))
    with pytest.raises(MetricError, match="changes its shape"):
        rigid_motion(track)


def test_bad_folders_are_named(tmp_path):
    with pytest.raises(MetricError, match="nothing at"):
        read_interactions("chois", tmp_path / "absent")
    with pytest.raises(MetricError, match="holds no result"):
        read_interactions("chois", tmp_path)
    with pytest.raises(MetricError, match="Known: ours, plain"):
        read_interactions("omomo", tmp_path)
    for text in ("chois", "=x", "a=x,size=3", "mine=x", "chois=x,fps=many"):
        with pytest.raises(MetricError):
            parse_source(text)


def write_ours(path, name="suitcase"):
    rotation, translation = poses()
    vertices, faces = syn.ball([0, 0, 3.0])
    people = {"person 1": syn.person(vertices, faces, "torso", frames=FRAMES)}
    thing = syn.thing(*syn.box([0, 0, 0], [0.2, 0.2, 0.2]), rotation=rotation, translation=translation)
    np.savez(path, **syn.result(people, {name: thing}))


def test_comparison_prints_and_writes_what_all_have(tmp_path):
    write_ours(tmp_path / "ours.npz")
    write_chois(tmp_path / "c")
    write_hoi_diff(tmp_path / "h")
    console = Console(record=True, width=240)
    baselines = [f"chois={tmp_path / 'c'}", f"theirs={tmp_path / 'h'},format=hoi-diff,fps=20,meshes={tmp_path / 'h'}"]
    assert run_compare(str(tmp_path / "ours.npz"), baselines, tmp_path / "out", False, console) == 0
    text = console.export_text()
    assert "On suitcase" in text
    assert "not written" in text
    assert "HOI-PAGE in HOI-PAGE 0.92" in text
    with (tmp_path / "out" / "compare.csv").open() as stream:
        rows = {(row["measure"], row["method"]): row for row in csv.DictReader(stream)}
    assert float(rows["maximum depth:both", "chois"]["mean"]) == pytest.approx(50.0, abs=0.5)
    assert float(rows["maximum depth:both", "ours"]["mean"]) == 0.0
    assert ("maximum depth:both", "theirs") not in rows
    assert rows["non-collision:both", "CHOIS in HOI-PAGE"]["mean"] == "0.98"
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "<td class=best>0</td>" in page
    assert "<script" not in page


def test_methods_without_a_common_object_are_not_compared(tmp_path):
    write_ours(tmp_path / "ours.npz", "kettle")
    write_chois(tmp_path / "c")
    console = Console(record=True, width=200)
    arguments = (str(tmp_path / "ours.npz"), [f"chois={tmp_path / 'c'}"], tmp_path / "out")
    assert run_compare(*arguments, False, console) == 2
    assert "No object is common" in console.export_text()
    assert run_compare(*arguments, True, console) == 0
    assert run_compare(None, [], tmp_path, False, console) == 2


def test_published_values_belong_to_measures():
    names = {f"{name}:{subject}" for name in measures() for subject in ("body", "object", "both")}
    assert set(read_published()) <= names
