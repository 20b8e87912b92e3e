"""Suites are data, resume, survive a crash, and their tables are means of what was measured."""

import base64
import io
import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import synthetic_result as syn
from PIL import Image
from rich.console import Console

from benchmarks.ablations import run_ablation
from benchmarks.observed import Sight, observe
from benchmarks.prompt_suite import (
    SUITES,
    Prompt,
    SuiteOptions,
    make_table,
    read_suite,
    run_prompt,
    run_suite,
    suite_command,
    summarize,
)
from benchmarks.suite_measures import Networks, measure_all, measure_choice, measure_result
from zeroshot_hoi.core.errors import RecipeError
from zeroshot_hoi.geometry.builtin import BUILTINS
from zeroshot_hoi.metrics.metric import Metric
from zeroshot_hoi.optimization.hoi_page import Preset
from zeroshot_hoi.optimization.hoi_page_loop import fit_objects
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.results.result import META_KEYS, ObjectTrack, PersonTrack, Result

FRAMES = 6


def small_result(gap=0.001, way=0.0):
    """A ball that is a right hand, `gap` above a box that moves `way` metres; the hand goes with it."""
    ball, ball_faces = syn.ball([0.0, 0.0, 1.1 + gap], 0.1)
    box, box_faces = syn.box([0.0, 0.0, 0.0], [0.3, 0.2, 0.2], 0.05)
    path = np.linspace(0.0, way, FRAMES)[:, None] * [0.0, 1.0, 0.0]
    names = ("pelvis", "left_middle1", "right_middle1")
    joints = np.array([[0.0, 0.0, 1.0], [2.0, 0.0, 1.0], [0.0, 0.0, 1.02]]) + path[:, None]
    person = PersonTrack(
        ball + path[:, None], ball_faces, joints, names, np.array([-1, 0, 0]), np.zeros((3, 3, 2)),
        np.zeros((FRAMES, 3, 3)), joints[:, 0], np.zeros(1), "hand", np.full(len(ball), "right hand"),
        np.full(len(ball), ""),
    )  # fmt: skip
    top = (box[box_faces][:, :, 2] > 0.099).all(1)
    thing = ObjectTrack(
        box, box_faces, np.tile(np.eye(3), (FRAMES, 1, 1)), path + [0.0, 0.0, 0.9], 1.0, ("top",),
        top[None].astype(float),
    )  # fmt: skip
    pag = {
        "object part nodes": ["box, top"],
        "body part nodes": ["person 1, right hand"],
        "interaction edges": [
            {"nodes": ["person 1, right hand", "box, top"], "is_rel_static": True, "is_continuous": True}
        ],
        "object states": [{"name": "box", "is_translational": True, "is_rotational": False}],
    }
    meta = {key: {} for key in META_KEYS} | {"schema": 1, "pag": pag, "fps": 16.0, "text": "A hand on a box."}
    return Result(meta, {"person 1": person}, {"box": thing})


@pytest.mark.parametrize("name", list(SUITES))
def test_every_suite_names_what_exists(name):
    suite = read_suite(SUITES[name])
    assert suite.prompts
    for prompt in suite.prompts:
        assert bool(prompt.recipe) != bool(prompt.text), prompt.key
        assert set(prompt.objects.values()) <= set(BUILTINS), prompt.key
        assert not prompt.recipe or Recipe.load(prompt.recipe).text
        assert not prompt.text or all(thing in prompt.text for thing in prompt.objects)
    assert set(suite.published) <= set(suite.measures)
    assert not set(suite.measures) & set(suite.not_measured)
    assert set(suite.ablations) == set(suite.published_ablations)


def test_the_protocols_have_their_sizes():
    hoi_page, anything = (read_suite(SUITES[name]) for name in ("hoi_page", "interactanything"))
    groups = [prompt.group for prompt in hoi_page.prompts]
    assert (groups.count("single"), groups.count("multi")) == (16, 5)
    groups = [prompt.group for prompt in anything.prompts]
    assert len(set(groups)) == 10
    assert all(groups.count(group) == 5 for group in groups)


def tiny_suite(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(
        'paper = "A"\nmeasures = ["penetrating contact:both", "hand vertex contact:hands", "no such"]\n'
        '[prompts]\nnear = { group = "x", recipe = "near" }\nbad = { group = "x", recipe = "bad" }\n'
        'far = { group = "y", recipe = "far" }\n[published."penetrating contact:both"]\nA = 0.9\n'
    )
    return read_suite(path)


class Runner:
    """Makes results by the recipe's name, and counts."""

    def __init__(self):
        self.ran = []

    def __call__(self, prompt: Prompt, options: SuiteOptions):
        self.ran.append(prompt.key)
        if prompt.recipe == "bad":
            raise RuntimeError("planted crash")
        if prompt.recipe == "beyond":
            raise RecipeError("no such verb")
        result = small_result(gap={"near": -0.002, "far": 0.3}[prompt.recipe])
        measured = {"bar": Metric("bar", 2.0, "m", "lower", 1.0)}
        return SimpleNamespace(
            meta=result.meta, people=result.people, objects=result.objects, frames=result.frames,
            save=lambda path: path.write_bytes(b"npz"), metrics=lambda: measured,
        )  # fmt: skip


def test_a_suite_resumes_and_a_crash_is_a_row(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.prompt_suite.measure_pictures", lambda *_: {})
    suite, runner, out = tiny_suite(tmp_path), Runner(), tmp_path / "out"
    console = Console(file=io.StringIO(), width=160)
    rows = run_suite(suite, SuiteOptions(), out, console, runner)
    assert runner.ran == ["near", "bad", "far"], "the crash in the middle does not end the suite"
    assert "planted crash" in rows[1].error
    assert "planted crash" in json.loads((out / "bad.json").read_text())["error"]
    assert rows[0].missed == ("bar",)
    assert rows[0].measures["penetrating contact:both"] == 1.0
    assert rows[2].measures["penetrating contact:both"] == 0.0
    again = run_suite(suite, SuiteOptions(), out, console, runner)
    assert runner.ran == ["near", "bad", "far", "bad"], "only what crashed runs again"
    assert [row.measures for row in again] == [row.measures for row in rows]
    (out / "far.json").write_text("{broken")
    run_suite(suite, SuiteOptions(only=("y",)), out, console, runner)
    assert runner.ran[-1] == "far"
    assert "CRASHED" in console.file.getvalue()

    means = summarize(suite, rows, {"no such": 3.0})
    assert means["penetrating contact:both"] == {"all": 0.5, "x": 1.0, "y": 0.0}
    assert means["no such"] == {"all": 3.0}
    console.print(make_table(suite, rows, {}))
    assert "2 of 3 prompts ran" in console.file.getvalue()
    assert "A 0.9" in console.file.getvalue()


def test_results_that_are_there_serve_for_recipes(tmp_path, monkeypatch):
    made = tmp_path / "drink_from_mug" / "built-in" / "seed_3" / "result.npz"
    made.parent.mkdir(parents=True)
    small_result().save(made)
    options = SuiteOptions(seed=3, results=tmp_path)
    found = run_prompt(Prompt("k", "g", recipe="drink_from_mug"), options)
    assert list(found.objects) == ["box"]
    monkeypatch.setattr("zeroshot_hoi.pipeline.Pipeline.from_recipe", lambda *_, **keys: pytest.fail(str(keys)))
    with pytest.raises(pytest.fail.Exception, match="'seed': 4"):
        run_prompt(Prompt("k", "g", recipe="drink_from_mug"), replace(options, seed=4))


def test_what_cannot_be_planned_is_a_row_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.prompt_suite.measure_pictures", lambda *_: {})
    monkeypatch.setattr("benchmarks.prompt_suite.measure_all", lambda _: {})
    monkeypatch.setattr(Result, "load", lambda path: path)
    path, console = tmp_path / "tiny.toml", Console(file=io.StringIO(), width=160)
    head, prompts = 'paper = "A"\nmeasures = ["bar"]\n[prompts]\n', 'beyond = { group = "x", recipe = "beyond" }\n'
    path.write_text(head + prompts + 'near = { group = "x", recipe = "near" }\n')
    monkeypatch.setattr("benchmarks.prompt_suite.run_suite", partial(run_suite, runner=Runner()))
    assert suite_command(str(path), SuiteOptions(), tmp_path / "out", console) == 0
    said = console.file.getvalue()
    assert "1 of 2 prompts ran, 1 refused" in said
    assert "REFUSED" in said
    assert "CRASHED" not in said
    assert "Refused: beyond" in said
    assert "no such verb" in said
    path.write_text(head + prompts + 'bad = { group = "x", recipe = "bad" }\n')
    assert suite_command(str(path), SuiteOptions(), tmp_path / "out", console) == 1
    assert "CRASHED" in console.file.getvalue()


def test_measures_of_a_hand_on_a_box():
    near, far = measure_result(small_result(-0.002), "near"), measure_result(small_result(0.3), "far")
    assert near["maximum depth:both"] == pytest.approx(2.0, abs=0.2)
    assert near["hand vertex contact:hands"] > 0.0
    assert far["hand vertex contact:hands"] == 0.0
    assert near["palm contact:both"] == 1.0
    assert near["jerk per frame:object"] == 0.0


def test_diversity_of_several_results():
    found = measure_all({"a": small_result(way=0.0), "b": small_result(way=1.0)})
    assert found["object diversity"] == pytest.approx(0.5, abs=1e-6), "half a metre apart on average"
    assert "object diversity" not in measure_all({"a": small_result()})


def test_a_model_chooses_among_pictures(tmp_path):
    for folder, name, shade in (("ours/k", "view_0", 200), ("rival", "k", 20)):
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(np.full((8, 8, 3), shade, np.uint8)).save(tmp_path / folder / f"{name}.png")

    def brightest(question, pictures):
        return int(np.argmax([picture.mean() for picture in pictures]))

    rivals = {"rival": tmp_path / "rival"}
    found = measure_choice({"k": "text"}, tmp_path / "ours", rivals, brightest)
    assert found == {"model choice, overall": 1.0, "model choice, contact": 1.0}
    assert measure_choice({"absent": "text"}, tmp_path / "ours", rivals, brightest) == {}
    assert Networks().choose is None


def test_what_a_camera_sees_is_where_the_object_is():
    result = small_result(way=0.3)
    problem = observe(result, Sight(bad_frames=0.0, depth_error=0.0, point_error=0.0, pixel_error=0.0))
    thing = problem.objects[0]
    for t in range(FRAMES):
        local = thing.seen.points[t] - result.objects["box"].translation[t]
        assert np.abs(np.abs(local) / [0.15, 0.1, 0.1]).max() == pytest.approx(1.0, abs=1e-6)
    assert list(thing.parts) == ["top"]
    assert not thing.is_rotational
    assert problem.contacts[0].name == "person 1.right hand->box.top"
    poses, _ = fit_objects(problem, Preset(steps=150, starts=1, part_contact=False))
    assert np.abs(poses.translations[0] - result.objects["box"].translation).max() < 0.03


def test_without_part_contact_the_object_is_further_from_the_hand():
    """Everything is seen 5 cm too far away, so that only the contact brings the box to the hand."""
    result = small_result(0.0)
    moved = replace(result.objects["box"], translation=result.objects["box"].translation - [0.0, 0.0, 0.05])
    low = replace(result, objects={"box": moved})
    full, without = (run_ablation(low, 120, switches) for switches in ({}, {"part_contact": False}))
    assert full["penetrating contact:both"] > without["penetrating contact:both"]


def test_a_vision_language_model_behind_a_server_is_a_chooser():
    pytest.importorskip("openai", reason="the extra 'llm' is not installed")
    from chat_server import chat_server, says

    from benchmarks.suite_networks import load_networks, model_chooser
    from zeroshot_hoi.metrics.published.semantics import CONTACT, OVERALL
    from zeroshot_hoi.models.language import Endpoint, OpenAILanguageModel

    dark, bright = (np.full((8, 8, 3), shade, np.uint8) for shade in (10, 240))

    def brightest(request):
        urls = [p["image_url"]["url"] for p in request["messages"][-1]["content"] if p["type"] == "image_url"]
        pictures = [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]
        return says(json.dumps({"reason": "", "choice": int(np.argmax([np.mean(p) for p in pictures])) + 1}))

    with chat_server() as server:
        server.answer = brightest
        choose = model_chooser(OpenAILanguageModel(Endpoint("tiny", server.url, retries=0)))
        for question in (OVERALL, CONTACT):
            assert choose(f"{question}\nSentence: a person sits.", [dark, bright, dark]) == 1
            assert choose(f"{question}\nSentence: a person sits.", [bright, dark]) == 0
    assert load_networks() == Networks()
