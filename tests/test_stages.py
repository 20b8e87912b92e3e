"""Stages one by one: what runs, what does not run again, what a folder keeps, and what is refused.

The optimization is replaced by one that stands still, so that these tests see the running of stages alone.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from zeroshot_hoi import Pipeline, Result, measures, pipeline
from zeroshot_hoi.core.errors import GraphError, RecipeError, ResultError
from zeroshot_hoi.core.motion import BodyMotion, Motion, ObjectMotion
from zeroshot_hoi.core.reference import Placement
from zeroshot_hoi.core.scene import Mesh
from zeroshot_hoi.core.solution import Progress, Solution
from zeroshot_hoi.geometry.prepare import prepare_object
from zeroshot_hoi.mesh_digest import mesh_digest
from zeroshot_hoi.notebook import NotebookBars
from zeroshot_hoi.optimization import Compiler
from zeroshot_hoi.optimization.grasp import Grasp
from zeroshot_hoi.optimization.schedule import Candidate
from zeroshot_hoi.optimization.start import Pressed, Start
from zeroshot_hoi.render.appearance import read_appearance
from zeroshot_hoi.stage_records import Packed, content_digest, pack, unpack
from zeroshot_hoi.stage_words import candidates_line, grips_line
from zeroshot_hoi.stages import Stages

STAGES = (
    "bodies", "objects", "parts", "pose", "reference", "interaction", "grips", "starts", "keyframes", "optimization",
    "result", "measured",
)  # fmt: skip
SEAT = "person 1.hips->chair.seat"
WORK = {"prepare_object": "objects", "ground_parts": "parts", "place": "pose", "script_motion": "reference",
        "Compiler": "interaction", "find_grips": "grips", "solve_static_poses": "starts",
        "solve_key_frames": "keyframes", "solve_all_frames": "optimization", "build_result": "result",
        "attach": "measured"}  # fmt: skip
"""Function that the pipeline calls -> stage that it works for."""


def stand_still(compiler: Compiler, candidates: Any, tell: Any, **_: Any) -> Any:
    """Everyone where the reference and the first placement begin."""
    plan, bodies, initial = compiler.plan, compiler.bodies, compiler.initial
    frames = plan.frames
    people = {
        name: BodyMotion(
            np.zeros((frames, len(body.joint_names), 3)), np.tile(initial.people[name][0].root, (frames, 1))
        )
        for name, body in bodies.items()
    }
    things = {
        name: ObjectMotion(np.tile(pose.rotation, (frames, 1, 1)), np.tile(pose.translation, (frames, 1)))
        for name, pose in initial.objects.items()
    }
    energies = {"natural:person 1": np.array([2.0, 1.0])}
    return Motion(people, things, plan.fps), Solution(None, 1.0, "Stood still.", energies)


STILL = {"find_grips": lambda compiler, tell: {}, "solve_static_poses": lambda compiler, grips, tell: (),
         "solve_key_frames": lambda compiler, candidates, tell: (), "solve_all_frames": stand_still}  # fmt: skip
"""What takes the place of the optimization's steps."""


def _counting(counted: Counter[str], stage: str, original: Any) -> Any:
    def function(*args: Any, **options: Any) -> Any:
        counted[stage] += 1
        return original(*args, **options)

    return function


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each stage worked."""
    counted: Counter[str] = Counter()
    for name, step in STILL.items():
        monkeypatch.setattr(pipeline, name, step)
    monkeypatch.setattr(pipeline, "attach", lambda result, _: replace(result, meta={**result.meta, "metrics": {}}))
    monkeypatch.setattr(measures, "evaluate", lambda result: {})
    for name, stage in WORK.items():
        monkeypatch.setattr(pipeline, name, _counting(counted, stage, getattr(pipeline, name)))
    return counted


@pytest.fixture
def stages(work: Counter[str]) -> Stages:
    return Pipeline.from_recipe("sit_on_chair", frames=9).stages()


def test_nothing_runs_before_it_is_asked_for_and_then_only_what_is_needed(stages: Stages, work: Counter[str]) -> None:
    assert stages.names == STAGES
    assert not work
    assert set(stages.parts) == {"chair"}
    assert work == {"objects": 1, "parts": 1}
    stages.run("pose")
    assert work == {"objects": 1, "parts": 1, "pose": 1}
    assert [state for _, state, _, _ in stages.rows()] == ["made"] * 4 + ["to do"] * 8
    assert isinstance(stages.measured, Result)
    assert all(count == 1 for count in work.values())
    assert set(WORK.values()) == set(work)


def test_run_is_the_running_of_stages(work: Counter[str]) -> None:
    made = Pipeline.from_recipe("sit_on_chair", frames=9)
    result, staged = made.run(), made.stages().measured
    assert result.meta["timings"].keys() == {*STAGES[:10], "metrics"}
    assert np.array_equal(result.people["person 1"].vertices, staged.people["person 1"].vertices)


def test_a_replaced_output_is_what_later_stages_get(stages: Stages, work: Counter[str]) -> None:
    seat = stages.parts["chair"].parts["seat"]
    lifted = replace(seat, center=seat.center + [0.0, 0.0, 0.1])
    parts = {"chair": replace(stages.parts["chair"], parts={**stages.parts["chair"].parts, "seat": lifted})}
    before = stages.pose.people["person 1"][0].root
    other = stages.replace(parts=parts)
    after = other.pose.people["person 1"][0].root
    assert after[2] - before[2] == pytest.approx(0.1, abs=1e-6)
    assert work["objects"] == work["parts"] == 1
    assert work["pose"] == 2
    assert stages.pose.people["person 1"][0].root is before, "the stages it came from are as they were"
    assert dict((name, state) for name, state, _, _ in other.rows())["parts"] == "replaced"
    assert stages.replace(parts=stages.parts).pose is stages.pose, "the same content is the same work"


def test_a_changed_edge_runs_only_what_reads_it(stages: Stages, work: Counter[str]) -> None:
    stages.run()
    other = stages.change_edge(SEAT, is_rel_static=not stages.plan.graph.edge(SEAT).is_rel_static).run()
    assert {stage for stage, count in work.items() if count > 1} == {*STAGES[4:]}
    assert other.plan.graph.edge(SEAT).is_rel_static is not stages.plan.graph.edge(SEAT).is_rel_static
    assert other.measured.recipe != stages.measured.recipe, "the result holds the recipe that made it"
    work.clear()
    stages.change_edge(SEAT, upholstery=not stages.plan.contacts[SEAT].upholstery).run("reference")
    assert work == {"pose": 1}, "placements are the same, so the reference is not scripted again"
    work.clear()
    seeded = stages.replace(plan=replace(stages.plan, seed=5)).run("parts")
    assert not work, "where the parts are is no matter of the seed"
    seeded.run("reference")
    assert work == {"pose": 1, "reference": 1}
    one, other = (s.reference.people["person 1"].q for s in (stages, seeded))
    assert np.abs(one - other).max() > 0.01, "seeds play a script differently"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda s: s.change_edge(SEAT, is_static=True), RecipeError, "Did you mean 'is_rel_static'"),
        (lambda s: s.change_edge("person 1.hips->chair.sead", kind="rest"), GraphError, "Did you mean"),
        (lambda s: s.change_edge(SEAT, kind="glue"), RecipeError, "glue"),
        (lambda s: s.replace(part={}), ResultError, "Did you mean 'parts'"),
        (lambda s: s.replace(parts={}), ResultError, "one record for each of chair"),
        (lambda s: s.replace(pose=object()), ResultError, "not object"),
        (lambda s: s.run("poses"), ResultError, "Did you mean 'pose'"),
        (lambda s: s.poses, AttributeError, "Did you mean 'pose'"),
    ],
)
def test_mistakes_are_sentences(stages: Stages, change: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        change(stages)


def test_a_stage_reads_nothing_that_its_key_leaves_out(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "place", lambda plan, *_: plan.script)
    with pytest.raises(AssertionError, match=r"'pose' reads plan\.script"):
        stages.run("pose")


# -- on disk ----------------------------------------------------------------------------------------------------------


def kept_in(folder: Path, tell: Any = None) -> Stages:
    return Pipeline.from_recipe("sit_on_chair", frames=9).stages(folder=folder, progress=tell)


@pytest.fixture
def interrupted(tmp_path: Path, work: Counter[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a run was stopped in its optimization."""
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "solve_all_frames", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            kept_in(tmp_path / "kept").run()
    work.clear()
    return tmp_path / "kept"


def test_an_interrupted_run_goes_on_in_another_process(interrupted: Path, work: Counter[str]) -> None:
    events: list[Progress] = []
    stages = kept_in(interrupted, events.append).run()
    assert work == {"interaction": 1, "optimization": 1, "result": 1, "measured": 1}
    kept = ["objects", "parts", "pose", "reference", "grips", "starts", "keyframes"]
    assert [event.stage for event in events if "kept" in event.note] == kept
    fresh = Pipeline.from_recipe("sit_on_chair", frames=9).stages()
    for name in ("objects", "parts", "pose", "reference"):
        assert content_digest(getattr(stages, name)) == content_digest(getattr(fresh, name)), name
    look, plain = (read_appearance(s.objects["chair"].visual) for s in (stages, fresh))
    assert content_digest(look) == content_digest(plain)


def test_another_seed_or_frame_count_takes_nothing_that_is_not_its_own(interrupted: Path, work: Counter[str]) -> None:
    Pipeline.from_recipe("sit_on_chair", frames=17).stages(folder=interrupted).run("reference")
    assert work == {"reference": 1}
    work.clear()
    Pipeline.from_recipe("sit_on_chair", frames=9, seed=4).stages(folder=interrupted).run("pose")
    assert work == {"pose": 1}, "parts are no matter of the seed"
    assert len(list(interrupted.glob("pose-*.stage"))) == 1, "the newest only"


def _save(path: Path, **arrays: Any) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _member(path: Path, **changes: Any) -> None:
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file}
    _save(path, **{**arrays, **changes})


def _break(kind: str, path: Path) -> None:
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:-2000])
    elif kind == "text":
        path.write_text("not an archive")
    elif kind == "value":
        with np.load(path, allow_pickle=False) as file:
            array = file["array 0"].copy()
        array.reshape(-1)[0] += 1
        _member(path, **{"array 0": array})
    elif kind == "pickle":
        _save(path, tree=np.array([{}], dtype=object), allow_pickle=True)
    elif kind == "record":  # a digest that fits, and a record that is none of ours
        tree = json.dumps({"record": ["Popen", {"args": "true"}]})
        with np.load(path, allow_pickle=False) as file:
            key, seconds = file["key"], file["seconds"]
        _save(path, tree=tree, key=key, seconds=seconds, digest=Packed(tree, ()).digest)
    elif kind == "deep":
        tree = '{"tuple":[' * 5000 + "]}" * 5000
        with np.load(path, allow_pickle=False) as file:
            key, seconds = file["key"], file["seconds"]
        _save(path, tree=tree, key=key, seconds=seconds, digest=Packed(tree, ()).digest)


@pytest.mark.parametrize("kind", ["cut", "text", "value", "pickle", "record", "deep"])
def test_a_damaged_file_is_told_and_made_again(interrupted: Path, work: Counter[str], kind: str) -> None:
    (path,) = interrupted.glob("parts-*.stage")
    _break(kind, path)
    events: list[Progress] = []
    kept_in(interrupted, events.append).run("reference")
    (told,) = [event for event in events if event.stage == "damaged"]
    assert told.note.startswith("parts: ")
    assert told.note.endswith("It is made again.")
    assert work == {"parts": 1}, "what it makes again is the same, so later stages are not"
    events.clear()
    kept_in(interrupted, events.append).run("parts")
    assert not [event for event in events if event.stage == "damaged"], "the file was mended"


def test_a_file_that_is_too_large_is_not_read(interrupted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeroshot_hoi.stage_folder.MAX_FILE_BYTES", 1000)
    events: list[Progress] = []
    kept_in(interrupted, events.append).run("parts")
    assert any(event.stage == "damaged" and "bytes" in event.note for event in events)


# -- records ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["vertex", "face", "texture", "plain"])
def painted(request: pytest.FixtureRequest) -> Any:
    box = trimesh.creation.box((0.2, 0.2, 0.2))
    if request.param == "vertex":
        box.visual = trimesh.visual.ColorVisuals(vertex_colors=np.arange(32, dtype=np.uint8).reshape(8, 4))
    elif request.param == "face":
        box.visual = trimesh.visual.ColorVisuals(face_colors=np.tile([200, 10, 30, 255], (12, 1)).astype(np.uint8))
    elif request.param == "texture":
        image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8))
        material = trimesh.visual.material.PBRMaterial(
            baseColorTexture=image, baseColorFactor=[200, 180, 90, 255], metallicFactor=0.3, roughnessFactor=0.6
        )
        box.visual = trimesh.visual.TextureVisuals(np.random.default_rng(1).random((8, 2)), material=material)
    return box


def test_objects_come_back_with_their_looks(painted: Any) -> None:
    thing = prepare_object("box", painted, spacing=0.02)
    packed = pack(thing)
    again = unpack(packed)
    assert pack(again).digest == packed.digest
    assert content_digest(read_appearance(again.visual)) == content_digest(read_appearance(thing.visual))
    assert again.nodes == thing.nodes


def test_equal_content_has_equal_digests_and_other_content_others() -> None:
    values = [1, 1.5, "1", True, None, (1, 2), [1, 2], {"a": 1}, np.arange(3), np.arange(3.0), np.zeros((0, 3))]
    assert len({content_digest(value) for value in values}) == len(values)
    assert content_digest({"a": np.arange(3)}) == content_digest({"a": np.arange(3)})
    long = tuple(f"node {k % 5}" for k in range(100))
    assert unpack(pack(long)) == long


def test_grips_and_candidates_come_back_whole_and_are_told_in_a_line() -> None:
    rng = np.random.default_rng(0)
    edge, pair = "person 1.right hand->iron.handle", ("person 1", "iron")
    grip = Grasp(rng.random(5), np.eye(3), rng.random(3), 52.5, 5, np.True_, np.float64(0.0012))
    placement = Placement(rng.random(3), 0.3, rng.random(5), {"left": (0.0, 0.1, 0.2)})
    start = Start(
        {"person 1": placement}, {edge: grip}, {"iron": np.eye(3)}, {edge: rng.random((1, 3))},
        {edge: rng.random(4)}, {pair: np.arange(4)}, {pair: np.arange(3)},
        {pair: Pressed(rng.random((2, 6, 3)), np.zeros((2, 6), int))}, {"person 1": (np.arange(4), np.arange(4))},
    )  # fmt: skip
    motion = Motion({"person 1": BodyMotion(rng.random((1, 3, 3)), rng.random((1, 3)))}, {}, 16.0)
    candidates = (
        Candidate(start, rng.random((1, 7)), 6.5, motion),
        Candidate(start, rng.random((1, 7)), np.inf, motion),
    )
    (again, failed) = unpack(pack(candidates))
    assert pack((again, failed)).digest == content_digest(candidates)
    assert again.start.pressed[pair].points.shape == (2, 6, 3)
    assert again.start.grasps[edge].sound == grip.sound
    assert failed.energy == np.inf
    assert candidates_line(candidates) == "2 starts of 1 frame, energies 6.5, inf"
    assert grips_line({edge: (grip,)}) == f"{edge}: 1 grips, the best around the part, 1.2 mm deep"
    assert grips_line({}) == "no hand holds anything"


def test_a_mesh_is_known_by_its_content(tmp_path: Path) -> None:
    box = trimesh.creation.box((0.1, 0.2, 0.3))
    first, second = tmp_path / "a.obj", tmp_path / "b.ply"
    box.export(first)
    box.export(second)
    assert mesh_digest(box) == mesh_digest(box.copy())
    assert mesh_digest(box) != mesh_digest(trimesh.creation.box((0.1, 0.2, 0.31)))
    assert mesh_digest(first) == mesh_digest(Mesh(str(first)))
    assert mesh_digest(Mesh(first, unit="cm")) != mesh_digest(first)
    before = mesh_digest(first)
    (tmp_path / "a.mtl").write_text("newmtl other")
    assert mesh_digest(first) != before, "an .obj may refer to it"


# -- shown ------------------------------------------------------------------------------------------------------------


def test_stages_show_themselves(stages: Stages) -> None:
    assert "measured" in repr(stages)
    assert repr(stages).count("to do") == len(STAGES)
    stages.run("parts")
    assert "chair: seat" in repr(stages)
    assert "<table>" in stages._repr_html_()
    assert {*STAGES} <= set(dir(stages))


def test_notebook_bars_tell_stage_share_energy_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    bars = NotebookBars()
    monkeypatch.setattr(bars, "_draw", lambda now: drawn.append(bars.html(now)))
    bars(Progress("parts", 0, 2, note="<b>"))
    bars(Progress("key frames", 1, 4, energy=1234.5))
    bars(Progress("key frames", 4, 4, energy=7.25))
    assert "&lt;b&gt;" in drawn[0]
    assert "energy 1,23" in drawn[1]
    assert "width:25%" in drawn[1]
    assert "width:100%" in drawn[-1]
    assert "energy 7.25" in drawn[-1]


def test_the_reference_may_ask_which_hands_hold() -> None:
    """Both hands hold one thing: that is the graph's matter and not its contacts'."""
    stages = Pipeline.from_recipe("read_book", frames=9).stages()
    assert set(stages.run(until="reference").reference.objects) == {"book"}
