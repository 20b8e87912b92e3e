"""`evaluate --all`: what is run, what is kept, and that a crash is a row. Runs are made by a stand-in process."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from zeroshot_hoi.core.errors import RecipeError
from zeroshot_hoi.evaluation import cases, runs, strip, tables
from zeroshot_hoi.evaluation.command import evaluate_all
from zeroshot_hoi.metrics.clip import read_clip
from zeroshot_hoi.recipe import list_recipes, recipes_folder

GOOD = {"value": 1.0, "unit": "mm", "direction": "lower", "threshold": 2.0}
MISSED = {"value": 12.5, "unit": "mm", "direction": "lower", "threshold": 10.0}

STAND_IN = """
import json, sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_results import make_result
case = Path(sys.argv[1])
asked = json.loads(case.read_text())
(case.parent / "count").open("a").write("x")
print("a line of the log")
if asked["recipe"] == "hammer":
    raise ValueError("broken on purpose")
if asked["recipe"] == "sit_on_chair":
    print("MeshError: too large to lift"); sys.exit(2)
metrics = json.loads({metrics!r})
if asked["recipe"] == "ironing":
    del metrics["foot sliding:person 1"]
result, person = make_result(), "person 1"
joints = result.people[person].joints.copy()
joints[:, 1:, 2] += 0.1 * asked["seed"]
result = replace(result, people=dict(result.people) | {{person: replace(result.people[person], joints=joints)}})
pag = dict(result.meta["pag"], **{{"interaction edges": []}})
result = replace(result, meta=dict(result.meta, metrics=metrics, pag=pag, edges={{}}))
result.save(case.parent / "result.npz")
"""


@pytest.fixture
def stand_in(tmp_path: Path):
    """A process that writes a small result with known metrics, crashes for `hammer` and refuses `sit_on_chair`."""
    metrics = {"jitter:person 1": GOOD, "jitter:iron": {**GOOD, "value": 1.5}, "foot sliding:person 1": MISSED}
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN.format(tests=str(Path(__file__).parent), metrics=json.dumps(metrics)))
    return lambda case_file: [sys.executable, str(script), str(case_file)]


@pytest.fixture
def no_meshes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZEROSHOT_HOI_MESHES", str(tmp_path / "nowhere"))


def test_every_recipe_has_its_built_in_run_and_three_seeds(no_meshes: None) -> None:
    found = cases.all_cases()
    assert [case.recipe for case in found] == list(list_recipes()) * 3
    assert [case.seed for case in found] == sorted(case.seed for case in found)
    assert {case.mesh_names for case in found} == {"built-in"}
    assert cases.missing_meshes(found) > 10


def test_real_meshes_are_run_where_they_are_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZEROSHOT_HOI_MESHES", str(tmp_path))
    (tmp_path / "office_chair.glb").touch()
    found = cases.all_cases(1, ["sit_on_chair"])
    assert [case.mesh_names for case in found] == ["built-in", "office_chair"]
    assert found[1].meshes["chair"].source == str(tmp_path / "office_chair.glb")
    assert len({case.folder for case in found}) == 2
    assert cases.missing_meshes(found) == 1, "the armchair"


def test_real_meshes_belong_to_objects_of_recipes_and_to_files(meshes_dir: Path) -> None:
    real = json.loads((recipes_folder() / "real_meshes.json").read_text())
    for name in set(real) & set(list_recipes()):
        from zeroshot_hoi.recipe import Recipe

        objects = {entry.name for entry in Recipe.load(name).objects}
        for meshes in real[name]:
            assert set(meshes) <= objects, name
            for mesh in meshes.values():
                assert (meshes_dir / mesh["file"]).is_file()


@pytest.mark.parametrize(("seeds", "only", "words"), [(0, (), "1 or more"), (1, ("iron",), "ironing")])
def test_a_wrong_choice_is_one_sentence(seeds: int, only: tuple[str, ...], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        cases.all_cases(seeds, only)


def test_a_damaged_mapping_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ironing.toml").write_text((recipes_folder() / "ironing.toml").read_text())
    (tmp_path / "real_meshes.json").write_text('{"ironing": [{"iron": {"file": "a.glb", "inches": 3}}]}')
    monkeypatch.setattr(cases, "recipes_folder", lambda: tmp_path)
    with pytest.raises(RecipeError, match="inches"):
        cases.all_cases(1, ["ironing"])


def test_a_crash_is_a_row_and_finished_runs_are_kept(
    stand_in, no_meshes: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, only = tmp_path / "all", ("hammer", "ironing", "lift_dumbbell", "sit_on_chair")
    out.mkdir()
    screen = Console(width=300)

    def evaluate(**more) -> int:
        return evaluate_all(1, only, out, more.get("fresh", False), False, screen, stand_in)

    assert evaluate() == 1
    rows = {row["recipe"]: row for row in csv.DictReader((out / "table.csv").open())}
    assert [rows[name]["state"] for name in only] == ["crashed", "finished", "finished", "refused"]
    assert "broken on purpose" in rows["hammer"]["error"]
    assert "too large to lift" in rows["sit_on_chair"]["error"]
    assert [rows[name]["holds"] for name in only] == ["False", "True", "False", "False"]
    assert rows["lift_dumbbell"]["missed"] == "foot sliding:person 1"
    assert float(rows["lift_dumbbell"]["jitter"]) == 1.5, "the worst of a kind"
    assert float(rows["ironing"]["peak_mb"]) > 10
    told = json.loads((out / "table.json").read_text())
    assert told["held"] == 1
    assert told["runs"][2]["metrics"]["foot sliding:person 1"] == MISSED
    text = (out / "table.txt").read_text()
    assert "1 of 4 runs hold every bar (25%" in text
    assert "foot sliding:person 1 12.5 mm (bar 10)" in text
    with Image.open(out / "contact_sheet.png") as picture:
        assert picture.width > strip.SIZE[0]
    capsys.readouterr()

    def count(name: str) -> int:
        return len((out / name / "built-in" / "seed_0" / "count").read_text())

    stale = out / "hammer" / "built-in" / "seed_0" / "strip.png"
    stale.touch()
    assert evaluate() == 1
    assert not stale.exists(), "a crash has no picture of an earlier run"
    assert (count("ironing"), count("lift_dumbbell"), count("hammer")) == (1, 1, 2), "a crash is tried again"
    assert "(kept)" in capsys.readouterr().out
    evaluate(fresh=True)
    assert count("ironing") == 2


def test_diversity_is_told_between_the_seeds_that_hold_every_bar(
    stand_in, no_meshes: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Joints but the root are .1 m higher from seed to seed: .1, .2 and .1 m apart. One dumbbell's seeds all miss."""
    only = ("ironing", "lift_dumbbell")
    evaluate_all(3, only, tmp_path, False, False, Console(width=400), stand_in)
    (row,) = csv.DictReader((tmp_path / "diversity.csv").open())
    joints = read_clip(tmp_path / "ironing" / "built-in" / "seed_0" / "result.npz").people["person 1"].joints.shape[1]
    assert (row["recipe"], row["meshes"], row["seeds"]) == ("ironing", "built-in", "0 1 2")
    assert float(row["diversity_m"]) == pytest.approx(0.4 / 3 * (joints - 1) / joints, rel=1e-3)
    assert "over 1 recipes and meshes" in capsys.readouterr().out


def test_a_run_of_another_recipe_or_mesh_is_not_kept(stand_in, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZEROSHOT_HOI_MESHES", str(tmp_path))
    mesh = tmp_path / "hex_dumbbell.glb"
    mesh.write_bytes(b"one")
    (case,) = [case for case in cases.all_cases(1, ["lift_dumbbell"]) if case.meshes]
    assert not runs.run_case(case, tmp_path / "all", command=stand_in)[1]
    assert runs.run_case(case, tmp_path / "all", command=stand_in)[1]
    mesh.write_bytes(b"another")
    assert not runs.run_case(case, tmp_path / "all", command=stand_in)[1]


def test_a_run_that_takes_too_long_is_a_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runs, "LIMIT_S", 0.5)
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    run, kept = runs.run_case(cases.Case("ironing"), tmp_path, command=lambda case_file: command)
    assert (run.state, run.holds, kept) == ("timed out", False, False)
    assert run.seconds < 30


def test_a_strip_shows_the_result(tmp_path: Path) -> None:
    from tests.test_results import make_result

    strip.write_strip(make_result(), tmp_path / "strip.png")
    with Image.open(tmp_path / "strip.png") as picture:
        assert picture.size == strip.SIZE
        pictures = [picture.crop((k * strip.PICTURE[0], 0, (k + 1) * strip.PICTURE[0], 224)) for k in range(4)]
    assert all(len(one.convert("L").getcolors(1 << 16) or []) > 40 for one in pictures), "none is blank"


def test_not_a_number_and_missing_metrics_never_hold() -> None:
    nan = {**GOOD, "value": float("nan")}
    run = runs.Run("a", "built-in", 0, "finished", 1.0, float("nan"), metrics={"jitter:x": nan, "jitter:y": GOOD})
    assert not run.holds
    assert tables.worst_values(run)["jitter"].key == "jitter:x"
    assert tables.as_json([run])["runs"][0]["metrics"]["jitter:x"]["value"] is None
    assert not runs.Run("a", "built-in", 0, "finished", 1.0, 1.0).holds
