"""Bad input at both doors: the library raises its own sentence, the command line prints it and exits with 2.

Nothing is lost either: a failed run leaves the files of an earlier one alone. What is wrong inside a file is tested
beside its reader (`test_geometry.py`, `test_results.py`, `test_recipe.py`); here everything goes through the pipeline.
"""

from __future__ import annotations

import io
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from zeroshot_hoi import Pipeline, Result, catalog
from zeroshot_hoi.cli import main
from zeroshot_hoi.core.errors import (
    EngineError,
    GraphError,
    HoiError,
    MeshError,
    RecipeError,
    ResultError,
    UnitError,
)
from zeroshot_hoi.core.scene import Mesh
from zeroshot_hoi.core.solution import Progress, Solution
from zeroshot_hoi.optimization import static_poses
from zeroshot_hoi.optimization.engines import make_engine
from zeroshot_hoi.optimization.interaction import SIGMA
from zeroshot_hoi.recipe import recipes_folder

BOX = "v 0 0 0\nv {0} 0 0\nv 0 {0} 0\nv 0 0 {0}\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 1 4 3\n"
"""A tetrahedron with edges of {0} units."""

CLOUD = (
    "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    "0 0 0\n0 0 1\n0 1 0\n"
)

BAD_MESHES: dict[str, tuple[str | None, type[HoiError], str]] = {
    "missing.obj": (None, MeshError, "no (mesh )?file"),
    "empty.obj": ("", MeshError, "0 bytes"),
    "no_faces.obj": ("v 0 0 0\nv 0 0 1\nv 0 1 0\n", MeshError, "no triangles|could not be read"),
    "cloud.ply": (CLOUD, MeshError, "no triangles.*point cloud"),
    "nan.obj": (BOX.format(0.4).replace("v 0 0 0", "v nan 0 0"), MeshError, "vertices that are NaN"),
    "flat.obj": ("v 0 0 0\nv 0.1 0 0\nv 0.2 0 0\nf 1 2 3\n", MeshError, "no area"),
    "huge.obj": (BOX.format(100), UnitError, "likely cm.*unit=cm"),
    "no_mesh.glb": ("glTF is not in here", MeshError, "could not be read"),
}
"""File name -> its content, the error, and words of its sentence, for a chair of 0.6 to 1.5 m."""


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    content = BAD_MESHES[name][0]
    if content is not None:
        path.write_text(content)
    return path


def _recipe(folder: Path, *changes: tuple[str, str], name: str = "sit_on_chair") -> Path:
    """A bundled recipe with some words of its file replaced."""
    text = (recipes_folder() / f"{name}.toml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "changed.toml"
    path.write_text(text)
    return path


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The sentence with which the command line refuses; it exits with 2 and prints nothing else to stderr."""
    capsys.readouterr()
    assert main(list(arguments)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Traceback" not in error
    return error


# -- meshes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BAD_MESHES)
def test_bad_meshes(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, (_, error, words) = _file(tmp_path, name), BAD_MESHES[name]
    with pytest.raises(error, match=words):
        Pipeline.from_recipe("sit_on_chair").run(Mesh(path, up="z"))
    out = tmp_path / "out"
    out.mkdir()
    (out / "sit_on_chair.npz").write_text("an earlier result")
    sentence = _refused(capsys, "run", "sit_on_chair", "--mesh", f"chair={path},up=z", "--out", str(out))
    assert re.search(words, sentence)
    assert (out / "sit_on_chair.npz").read_text() == "an earlier result"
    assert [entry.name for entry in out.iterdir()] == ["sit_on_chair.npz"], "nothing half written is left behind"


def test_a_mesh_that_cannot_be_one() -> None:
    for thing, words in ((3.5, "not a float"), (trimesh.Scene(), "no triangles"), (trimesh.Trimesh(), "no triangles")):
        with pytest.raises(MeshError, match=words):
            Pipeline.from_recipe("sit_on_chair").run(thing)  # type: ignore[arg-type]


def test_a_chair_that_no_unit_fits_is_given_a_number(tmp_path: Path) -> None:
    path = tmp_path / "odd.obj"
    path.write_text(BOX.format(12.0))
    with pytest.raises(UnitError, match=r"12 m long.*metres per unit"):
        Pipeline.from_recipe("sit_on_chair").run(Mesh(path, unit="m", up="z"))


def test_a_mesh_of_too_many_faces_is_simplified_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five million faces take a minute to read; a lower limit takes the same way."""
    from zeroshot_hoi import pipeline

    prepared = []

    def stop(plan: Any, objects: Any, *_: Any) -> None:
        prepared.extend(objects.values())
        raise KeyboardInterrupt

    monkeypatch.setattr("zeroshot_hoi.geometry.prepare.MAX_FACES", 3000)
    monkeypatch.setattr(pipeline, "ground_parts", stop)
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.45)
    with pytest.raises(KeyboardInterrupt):
        Pipeline.from_recipe("sit_on_chair").run(ball)
    report = prepared[0].report
    assert report.simplified
    assert any("from 20,480 to" in action for action in report.actions)
    assert trimesh.Trimesh(prepared[0].vertices, prepared[0].faces).volume == pytest.approx(ball.volume, rel=0.02)


# -- recipes and names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ([("posture", "postur")], RecipeError, "unknown key 'postur'.*Did you mean 'posture'"),
        ([('"chair, seat"', '"chair, sead"')], GraphError, "sead"),
        ([('"person 1, hips"', '"person 1, hip"')], GraphError, "hip"),
        ([('"chair, seat"', '"stool, seat"')], GraphError, "stool"),
        ([("schema = 1", "schema = 9")], RecipeError, "schema"),
        ([("schema = 1", "schema =")], RecipeError, "not valid TOML"),
    ],
)
def test_bad_recipes(
    changes: list[tuple[str, str]], error: type[HoiError], words: str, tmp_path: Path, capsys: Any
) -> None:
    path = _recipe(tmp_path, *changes)
    with pytest.raises(error, match=words) as caught:
        Pipeline.from_recipe(path)
    assert "changed.toml" in str(caught.value), "the file is named"
    assert str(caught.value) in _refused(capsys, "run", str(path), "--out", str(tmp_path / "out"))
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(
    ("run", "error", "words"),
    [
        (lambda: Pipeline.from_recipe("sit_on_chiar"), RecipeError, "Did you mean 'sit_on_chair'"),
        (lambda: Pipeline.from_recipe("sit_on_chair", sed=1), RecipeError, "Did you mean 'seed'"),
        (lambda: Pipeline.from_recipe("sit_on_chair", seed=-1), RecipeError, "seed"),
        (lambda: Pipeline.from_recipe("sit_on_chair", frames=3), RecipeError, "frames"),
        (lambda: Pipeline.from_recipe("sit_on_chair").run({"chiar": "a.glb"}), RecipeError, "Did you mean 'chair'"),
    ],
)
def test_bad_words(run: Callable[[], Any], error: type[HoiError], words: str) -> None:
    with pytest.raises(error, match=words):
        run()


def test_bad_words_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.obj").write_text(BOX.format(1))
    assert "'sit_on_chair'" in _refused(capsys, "run", "sit_on_chiar")
    assert "Did you mean 'chair'" in _refused(capsys, "run", "sit_on_chair", "--mesh", f"chiar={tmp_path / 'a.obj'}")
    assert "frames" in _refused(capsys, "run", "sit_on_chair", "--frames", "3")


# -- results ----------------------------------------------------------------------------------------------------------


def test_output_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "Nothing can be written" in _refused(capsys, "run", "sit_on_chair", "--out", str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "in the way"


class _Payload:
    """Unpickled, it would call a function."""

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (pytest.fail, ("a pickle was run",))


def test_a_result_with_pickles_is_refused_and_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, meta=np.array([_Payload()], dtype=object), allow_pickle=True)
    with pytest.raises(ResultError, match="pickle"):
        Result.load(path)
    assert "pickle" in _refused(capsys, "evaluate", str(path))
    raw = tmp_path / "raw.npz"
    raw.write_bytes(pickle.dumps(io.BytesIO(b"no zip")))
    assert "no .npz file" in _refused(capsys, "evaluate", str(raw))
    assert "no result file" in _refused(capsys, "evaluate", str(tmp_path / "gone.npz"))


# -- engines ----------------------------------------------------------------------------------------------------------


def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "zeroshot_hoi.optimization.engines.torch", None)
    with pytest.raises(EngineError, match=r"pip install 'zeroshot-hoi\[torch\]'"):
        make_engine("torch", object())  # type: ignore[arg-type]
    monkeypatch.setattr(catalog, "find_spec", lambda name: None)
    assert "pip install 'zeroshot-hoi[torch]'" in _refused(capsys, "run", "sit_on_chair", "--engine", "torch")
    with pytest.raises(RecipeError, match="engine"):
        Pipeline.from_recipe("sit_on_chair", engine="tpu")


def test_an_energy_that_is_not_a_number_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends with the best so far, which is where it started: finite, whole and measurable."""
    from zeroshot_hoi import measures, pipeline

    solutions: list[Solution] = []

    def remembered(*arguments: Any, **options: Any) -> Any:
        motion, solution = original(*arguments, **options)
        solutions.append(solution)
        return motion, solution

    original = pipeline.solve_all_frames
    monkeypatch.setitem(SIGMA, "natural", float("nan"))
    for limit, few in (("MAX_STARTS", 4), ("SEMIFINALISTS", 1)):
        monkeypatch.setattr(static_poses, limit, few)
    monkeypatch.setattr(pipeline, "solve_all_frames", remembered)
    monkeypatch.setattr(pipeline, "attach", lambda result, _: result)
    monkeypatch.setattr(measures, "evaluate", lambda result: {})
    events: list[Progress] = []
    result = Pipeline.from_recipe("sit_on_chair", frames=9).run(progress=events.append)
    assert solutions[0].status.startswith("Diverged")
    assert solutions[0].status.endswith(".")
    person = result.people["person 1"]
    assert person.vertices.shape[0] == 9
    assert np.isfinite(person.vertices).all()
    assert 0.3 < person.translation[:, 2].max() < 1.2, "still a person in the scene"
