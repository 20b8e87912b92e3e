"""Every example runs as it is written, and so does the notebook.

The optimization is replaced by one that stands still; everything else is the real pipeline.
"""

from __future__ import annotations

import os
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from test_stages import STILL

import zeroshot_hoi.pipeline as pipeline
from zeroshot_hoi import Result

EXAMPLES = Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))
LONGEST = 70
"""Lines of an example."""

SETUP = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import zeroshot_hoi.pipeline
from test_stages import STILL
vars(zeroshot_hoi.pipeline).update(STILL)
"""
"""The cell before the first where tests run the notebook."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all examples run, one after another: later ones read what earlier ones wrote."""
    return tmp_path_factory.mktemp("examples")


@pytest.fixture
def play(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Callable[[str], str]:
    def played(name: str) -> str:
        monkeypatch.chdir(folder)
        for step, still in STILL.items():
            monkeypatch.setattr(pipeline, step, still)
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return played


def test_examples_are_numbered_short_and_listed() -> None:
    assert [name[:2] for name in SCRIPTS] == [f"{k:02}" for k in range(1, len(SCRIPTS) + 1)]
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for name in SCRIPTS:
        lines = (EXAMPLES / name).read_text(encoding="utf-8").splitlines()
        assert len(lines) <= LONGEST, name
        assert f"python examples/{name}" in "\n".join(lines[:6])
        assert f"[{name}]({name})" in readme


def test_examples_run_in_their_order(play: Callable[[str], str], folder: Path) -> None:
    said = {name[:2]: play(name) for name in SCRIPTS}
    out = folder / "out" / "examples"
    assert "penetration" in said["01"]
    assert "As expected" in said["02"]
    assert "handle: confidence" in said["02"]
    assert "49 frames at 16.0 a second" in said["03"]
    assert said["04"].count("replaced") == 0
    front, whole = (float(line.split("[")[1].split()[0]) for line in said["04"].splitlines() if "placement of" in line)
    assert front != whole, "another seat is another placement"
    assert "the better of two" in said["05"]
    assert Result.load(out / "sit_upholstered.npz").meta["edges"]["person 1.hips->chair.seat"][2] is True
    assert "schema = 1" in said["06"]
    assert {path.suffix for path in out.iterdir()} >= {".npz", ".png", ".glb", ".mp4", ".gif", ".html", ".toml"}
    assert sorted((out / "stages").glob("*.stage")), "stages are kept where the example says"


def test_the_notebook_runs_and_shows_stages_results_and_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(EXAMPLES.parent), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)
    nbformat.validate(notebook)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(SETUP))
    client = NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": tmp_path}})
    client.execute()
    pages = [
        output["data"].get("text/html", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type in ("display_data", "execute_result")
    ]
    text = "\n".join(pages)
    assert "<svg" in text, "the graph"
    assert "Stages of <b>sit_on_chair</b>" in text
    assert "reused" in text, "after a changed edge"
    assert "data:image/jpeg" in text, "the result's picture"
    assert "width:100%;height:8px" in text, "bars that are full"
    assert "<th>upholstered</th>" in text, "the comparison"
    assert (tmp_path / "out" / "examples" / "sit.html").stat().st_size > 10_000


def test_the_committed_notebook_was_run_in_order_and_is_small() -> None:
    path = EXAMPLES / "notebook.ipynb"
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [out for cell in cells for out in cell.outputs if out.output_type == "error"]
    assert path.stat().st_size < 3_000_000
