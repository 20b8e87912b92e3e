"""The check of exports itself: what is right holds, and what is wrong is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from test_results import make_result

from benchmarks import exports
from benchmarks.exports import Row, check_file, exports_table, result_files
from zeroshot_hoi import Result


def test_a_right_result_holds_in_every_reader(tmp_path: Path) -> None:
    make_result(correctives=True).save(tmp_path / "a.npz")
    row = check_file(tmp_path / "a.npz", "a", step=4)
    assert row.holds, row
    assert row.glb_skin_mm < 0.2
    assert row.glb_objects_mm < 0.2


def test_an_export_that_plays_something_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_result().save(tmp_path / "a.npz")
    load = Result.load

    class Moved:
        @staticmethod
        def load(path: Path) -> Result:
            """Vertices that are 5 mm from where the file's rig puts them."""
            result = load(path)
            people = {n: replace(p, vertices=p.vertices + np.float32([0, 0, 0.005])) for n, p in result.people.items()}
            return replace(result, people=people)

    monkeypatch.setattr(exports, "Result", Moved)
    monkeypatch.setattr("zeroshot_hoi.results.export.glb.pose_morphs", lambda rig, vertices: (np.zeros((0, 0)), None))
    row = check_file(tmp_path / "a.npz", "a", step=8)
    assert row.glb_skin_mm == pytest.approx(5.0, abs=0.2)
    assert not row.holds


@pytest.mark.parametrize(
    "wrong", [{"errors": 1}, {"warnings": 2}, {"usd_joints_mm": 1.5}, {"glb_objects_mm": 40.0}, {"failure": "no"}]
)
def test_anything_wrong_is_no_longer_held(wrong: dict) -> None:
    right = Row("a", 1.0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.1)
    assert right.holds
    assert not replace(right, **wrong).holds


def test_a_folder_is_one_table_and_broken_files_are_rows(tmp_path: Path) -> None:
    make_result(frames=2).save(tmp_path / "a.npz")
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    (tmp_path / "x.amass.npz").write_bytes(b"another format")
    assert [path.name for path in result_files([tmp_path])] == ["a.npz", "broken.npz"]
    console = Console(record=True, width=200)
    assert exports_table([tmp_path], 1, tmp_path / "rows.json", console) == 1
    assert "1 of 2 files hold" in console.export_text()
    rows = {row["name"]: row for row in json.loads((tmp_path / "rows.json").read_text())}
    assert rows["a"]["failure"] == ""
    assert rows["broken"]["failure"]
    (tmp_path / "empty").mkdir()
    assert exports_table([tmp_path / "empty"], 1, None, console) == 2
