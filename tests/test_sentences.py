"""The benchmark of sentences: rows are kept and taken again, a crash leaves its row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console

import benchmarks.sentences as sentences
import zeroshot_hoi.pipeline
from benchmarks.bars import Bar
from benchmarks.sentences import Options, Outcome, kept_row, markdown, read_sentences, sentences_table
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.recipe import Recipe

GOOD, BAD = Bar("contact", 1.0, 0.95, "share", True), Bar("deepest person 1|mug", 12.0, 10.0, "mm")


class FakePipeline:
    """Plans a bundled recipe and writes empty files; `ran` counts."""

    ran: ClassVar[list[str]] = []
    plan: ClassVar[Any] = None

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def from_text(cls, text: str, objects: Any, options: Any) -> FakePipeline:
        return cls(text)

    def run(self) -> FakePipeline:
        self.ran.append(self.text)
        if "hammer" in self.text:
            raise ZeroDivisionError("broken")
        return self

    def save(self, path: Path) -> None:
        path.write_text("")

    export = save


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for mesh in ("mug.glb", "hammer_scan.obj", "teapot.glb"):
        (tmp_path / mesh).write_text("")
    monkeypatch.setenv("ZEROSHOT_HOI_MESHES", str(tmp_path))
    monkeypatch.setattr(zeroshot_hoi.pipeline, "Pipeline", FakePipeline)
    monkeypatch.setattr(FakePipeline, "ran", [])
    monkeypatch.setattr(FakePipeline, "plan", plan_from_recipe(Recipe.load("drink_from_mug")))
    monkeypatch.setattr(sentences, "measure_bars", lambda path: [GOOD, BAD] if path.stem == "18" else [GOOD])
    return tmp_path / "out"


def test_rows_are_taken_again_until_their_plan_changes(setting: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    console, chosen = Console(quiet=True), Options(("07", "13", "18"))
    assert sentences_table(chosen, setting, console) == 1
    assert len(FakePipeline.ran) == 3
    table = (setting / "sentences.md").read_text()
    assert table.startswith("1 of 3 sentences hold every bar.")
    assert "deepest person 1 / mug 12 mm (10)" in table
    assert "ZeroDivisionError: broken" in table
    assert sentences_table(chosen, setting, console) == 1
    assert FakePipeline.ran[3:] == ["A carpenter pounds with the hammer."], "only what crashed is run again"
    monkeypatch.setattr(FakePipeline, "plan", replace(FakePipeline.plan, frames=33))
    sentences_table(Options(("07",)), setting, console)
    assert FakePipeline.ran[4:] == ["A person drinks from the mug."], "another plan is another row"
    assert sentences_table(Options(("07",), again=True), setting, console) == 0
    assert len(FakePipeline.ran) == 6


def test_broken_rows_and_rows_of_other_plans_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "07.json"
    for text in ("", "{", "[]", '{"bars": 3}', '{"bars": [{"name": 1}]}'):
        path.write_text(text)
        assert kept_row(path, "") is None
    assert kept_row(tmp_path / "none.json", "") is None


def test_a_nan_or_no_bars_never_hold() -> None:
    nan = Bar("contact", float("nan"), 0.95, "share", True)
    outcome = Outcome("01", "A person sits.", 1.0, bars=(GOOD,))
    assert outcome.holds
    assert not replace(outcome, bars=(nan,)).holds
    assert not replace(outcome, bars=()).holds
    assert not replace(outcome, error="x").holds
    assert markdown([replace(outcome, bars=(nan,))]).startswith("0 of 1")


def test_the_list_names_thirty_sentences_and_files_that_exist(meshes_dir: Path) -> None:
    listed = read_sentences(meshes_dir)
    assert len({sentence.text for sentence in listed}) == 30
    assert len({mesh.source for sentence in listed for mesh in sentence.meshes.values()}) >= 14
    assert all(Path(mesh.source).is_file() for sentence in listed for mesh in sentence.meshes.values())


def test_missing_meshes_and_unknown_keys_run_nothing(setting: Path) -> None:
    assert sentences_table(Options(("01",)), setting, Console(quiet=True)) == 2
    assert sentences_table(Options(("99",)), setting, Console(quiet=True)) == 2
    assert not FakePipeline.ran
