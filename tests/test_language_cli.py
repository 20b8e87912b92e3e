"""`plan`, `run --text` and `Pipeline.from_text`, from the words to the file, with and without a language model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trimesh
from chat_server import Reply, chat_server, says

from zeroshot_hoi import Pipeline, Recipe, Result
from zeroshot_hoi.cli import main
from zeroshot_hoi.core.errors import HoiError, ResultError
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.recipe_toml import RECIPE_KEY, recipe_to_toml
from zeroshot_hoi.sentence import TextOptions

EDGE = "person 1.right hand->dumbbell.handle"
ANSWERS: dict[str, Any] = {
    "subtasks": {"subtasks": [{"sentence": "Up.", "objects": ["dumbbell"], "affordance": "the handle is gripped"}]},
    "graph": {
        "object part nodes": ["dumbbell, handle"],
        "body part nodes": ["person 1, right hand"],
        "interaction edges": [
            {"nodes": ["person 1, right hand", "dumbbell, handle"], "is_rel_static": True, "is_continuous": True}
        ],
        "interaction": "A person lifts a dumbbell.",
        "object states": [
            {"name": "dumbbell", "is_translational": True, "is_rotational": False, "description": "goes up"}
        ],
        "human states": [{"name": "person 1", "description": "stands"}],
    },
    "contacts": {"contacts": [{"edge": EDGE, "kind": "grip", "upholstery": False}]},
    "relations": {
        "objects": [{"name": "dumbbell", "scale": "arm", "place": "hand", "kilograms": 5}],
        "people": [
            {
                "name": "person 1", "posture": "stand", "at": "nothing", "side": "front", "facing": "toward",
                "distance": "reach", "gaze": "dumbbell",
            }
        ],
    },
    "parts": {
        "parts": [
            {
                "part": "dumbbell, handle", "shape": "bar", "position": ["middle"], "facing": "", "aliases": [],
                "count": 1,
            }
        ],
        "objects": [{"name": "dumbbell", "smallest": 0.15, "largest": 0.5}],
    },
    "script": {"script": [{"subject": "dumbbell", "verb": "lift", "start": 0, "end": 1, "parameters": []}]},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ZEROSHOT_HOI_MODEL", "ZEROSHOT_HOI_BASE_URL", "ZEROSHOT_HOI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def answer(request: dict[str, Any]) -> Reply:
    return says(json.dumps(ANSWERS[request["response_format"]["json_schema"]["name"]]))


def test_plan_writes_a_recipe_that_a_person_can_read_and_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "A person lifts the dumbbell.", "--out", "new/my.toml"]) == 0
    path = tmp_path / "new" / "my.toml"
    assert capsys.readouterr().out.strip() == "new/my.toml"
    assert "# Planned by: lexicon\n#   'lifts' is understood as lift, of the dumbbell" in path.read_text()
    plan = plan_from_recipe(Recipe.load(path))
    assert [edge.name for edge in plan.graph.edges] == [EDGE]
    assert plan.objects["dumbbell"].builtin == "dumbbell"


def test_plan_prints_the_recipe_where_no_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "A person lifts the dumbbell."]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("schema = 1\n")
    assert "understood as lift" in printed.err


def test_sub_tasks_become_numbered_files(tmp_path: Path) -> None:
    assert main(["plan", "A person lifts the dumbbell, then swings it.", "--out", "my.toml"]) == 0
    assert [Recipe.load(tmp_path / f"my-{i}.toml").script[-1].verb for i in (1, 2)] == ["lift", "swing"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Name a recipe, or say what happens"),
        (["run", "ironing", "--text", "A person irons."], "Not both"),
        (["run", "--text", "A person zorgs the chair."], "does not know the verb 'zorgs'"),
        (["run", "--text", "A person climbs the chair."], "'climb' is understood, but its motion cannot be made yet"),
        (["plan", ""], "There is no sentence"),
        (["plan", "x" * 10_000], "at most 4000"),
        (["plan", "A person lifts the mug.", "--mesh", "mug.glb"], "Write --mesh NAME=mug.glb"),
        (["plan", "A person lifts the mug.", "--mesh", "mug=none.glb"], "no file none.glb"),
        (["plan", "A person lifts the chair.", "--out", "my.json"], "ends in .toml"),
        (["plan", "A person lifts the chair.", "--no-cache", "--replay"], "contradict"),
        (["plan", "A person lifts the chair.", "--planner", "language"], "No language model is named"),
        (["plan", "A person lifts the chair.", "--planner", "magic"], "There is no planner 'magic'"),
        (["plan", "A person lifts the chair.", "--model", "gpt"], "There is no key for https://api.openai.com/v1"),
    ],
)
def test_mistakes_are_said_before_work_starts(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../mug", 'mu"g', "{mug}", "mug\n", "n" * 65, "person 1", "ground"])
def test_names_that_would_become_paths_or_keys_are_refused(name: str) -> None:
    with pytest.raises(HoiError):
        Pipeline.from_text("A person lifts the mug.", {name: trimesh.creation.box()})


def test_a_language_model_plans_and_the_replay_needs_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai", reason="the extra 'llm' is not installed")
    monkeypatch.setenv("ZEROSHOT_HOI_CACHE", str(tmp_path / "cache"))
    sentence = "A person lifts the dumbbell up high."
    with chat_server() as server:
        server.answer = answer
        common = ["--model", "tiny", "--base-url", server.url, "--samples", "3"]
        assert main(["plan", sentence, *common, "--out", "first.toml"]) == 0
        assert len(server.requests) == 8
    assert main(["plan", sentence, *common, "--replay", "--out", "second.toml"]) == 0
    first, second = Recipe.load("first.toml"), Recipe.load("second.toml")
    assert first.model_dump() == second.model_dump()
    assert first.text == sentence
    assert "# Planned by: language model tiny at http://127.0.0.1" in Path("first.toml").read_text()
    assert main(["plan", "A person drops the dumbbell.", *common, "--replay"]) == 2


def test_no_cache_asks_every_time_and_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai", reason="the extra 'llm' is not installed")
    monkeypatch.setenv("ZEROSHOT_HOI_CACHE", str(tmp_path / "cache"))
    with chat_server() as server:
        server.answer = answer
        common = ["--model", "tiny", "--base-url", server.url, "--samples", "1", "--no-cache"]
        for expected in (6, 12):
            assert main(["plan", "A person lifts the dumbbell.", *common, "--out", "my.toml"]) == 0
            assert len(server.requests) == expected
    assert not (tmp_path / "cache" / "answers").exists()


def test_a_key_reaches_no_file_no_screen_and_no_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("openai", reason="the extra 'llm' is not installed")
    secret = "sk-never-written-0123456789"
    monkeypatch.setenv("ZEROSHOT_HOI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ZEROSHOT_HOI_API_KEY", secret)
    caplog.set_level("DEBUG")
    with chat_server() as server:
        server.answer = answer
        common = ["--model", "tiny", "--base-url", server.url, "--samples", "1"]
        assert main(["plan", "A person lifts the dumbbell.", *common, "--out", "my.toml"]) == 0
        assert set(server.keys) == {f"Bearer {secret}"}
        options = TextOptions(model="tiny", base_url=server.url, samples=1)
        pipeline = Pipeline.from_text("A person lifts the dumbbell.", {"dumbbell": None}, options=options)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix in (".toml", ".json")]
    assert len(files) >= 7
    printed = capfd.readouterr()
    kept = [path.read_text() for path in files]
    for text in (repr(pipeline.planned), repr(pipeline.plan), caplog.text, printed.out, printed.err, *kept):
        assert secret not in text


def test_from_text_keeps_the_meshes_and_tells_how_it_planned() -> None:
    box = trimesh.creation.box((0.3, 0.03, 0.03))
    pipeline = Pipeline.from_text("A person shakes the stick.", {"stick": box}, frames=33, seed=2)
    assert pipeline._assign(None) == {"stick": box}
    assert (pipeline.plan.frames, pipeline.plan.seed) == (33, 2)
    assert pipeline.planned is not None
    assert pipeline.planned.planner == "lexicon"
    assert any("handle was found" in note for note in pipeline.planned.notes)
    with pytest.raises(HoiError, match="'ladle' is no object"):
        pipeline.run({"ladle": box})


def test_results_carry_their_recipe() -> None:
    result, recipe = Result({"prompts": {}}, {}, {}), Recipe.load("ironing")
    with pytest.raises(ResultError, match="without a recipe"):
        _ = result.recipe
    kept = replace(result, meta={"prompts": {RECIPE_KEY: recipe_to_toml(recipe)}})
    assert kept.recipe.model_dump() == recipe.model_dump()


def test_options_pick_the_planner(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TextOptions().chosen() == "lexicon"
    assert TextOptions(model="m").chosen() == "language"
    monkeypatch.setenv("ZEROSHOT_HOI_MODEL", "m")
    assert TextOptions().chosen() == "language"
    assert TextOptions(planner="lexicon").chosen() == "lexicon"
