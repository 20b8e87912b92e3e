"""The command line: every mistake is caught before the work starts, with one sentence and exit code 2.

The pipeline is replaced by one that counts its runs, so that these tests see the command line alone.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from zeroshot_hoi import __version__, catalog, console
from zeroshot_hoi.cli import main
from zeroshot_hoi.core.errors import MeshError, ResultError
from zeroshot_hoi.core.scene import Mesh
from zeroshot_hoi.core.solution import Progress
from zeroshot_hoi.mesh_argument import parse_mesh, parse_meshes
from zeroshot_hoi.metrics.metric import HIGHER, LOWER, Metric
from zeroshot_hoi.stage_folder import StageFolder

METRICS = {
    metric.key: metric
    for metric in (
        Metric("diversity", 0.8, "m", HIGHER),
        Metric("jitter:person 1", 1.25, "mm", LOWER, 2.0),
        Metric("contact:person 1.right hand->iron.handle", 0.5, "of frames", HIGHER, 0.95),
    )
}


class FakeResult:
    """Writes a word where a real result writes a file."""

    def __init__(self, stop_at: str = "") -> None:
        self.stop_at = stop_at
        self.meta: dict[str, Any] = {"recipe": "ironing", "text": "A person irons.", "timings": {"parts": 0.5}}
        self.meta |= {"metrics": {key: {k: v for k, v in vars(m).items() if k != "key"} for key, m in METRICS.items()}}

    def export(self, path: str) -> None:
        if self.stop_at and path.endswith(self.stop_at):
            raise KeyboardInterrupt
        Path(path).write_text("made", encoding="utf-8")

    def metrics(self) -> dict[str, Metric]:
        return METRICS


class FakePipeline:
    """Remembers how it was made and run."""

    calls: list[dict[str, Any]]
    stop_at = ""

    @classmethod
    def from_recipe(cls, name: str, **overrides: Any) -> FakePipeline:
        cls.calls.append({"recipe": name, **overrides})
        return cls()

    def stages(
        self, meshes: dict[str, Mesh] | None = None, *, progress: Callable[[Progress], None], folder: Path
    ) -> FakeStages:
        self.calls[-1]["meshes"] = meshes
        return FakeStages(progress, StageFolder(folder), self.stop_at)


class FakeStages:
    """Two stages; the first is kept in the folder."""

    def __init__(self, tell: Callable[[Progress], None], folder: StageFolder, stop_at: str) -> None:
        self.tell, self.folder, self.stop_at = tell, folder, stop_at
        self.objects, self.parts = {}, {}

    @property
    def result(self) -> FakeResult:
        kept = self.folder.read("parts", "0" * 64)
        self.tell(Progress("parts", 1, 1, note="kept" if kept else "handle found"))
        self.folder.write("parts", "0" * 64, (1.0,), 0.5)
        if self.stop_at == "optimization":
            raise KeyboardInterrupt
        for step in range(5):
            self.tell(Progress("optimization", step, 12, energy=100.0 / (1 + step)))
        return FakeResult(self.stop_at)

    @property
    def measured(self) -> FakeResult:
        if self.stop_at == "metrics":
            raise ResultError("It cannot be measured.")
        return FakeResult()

    def rows(self) -> list[tuple[str, str, str, str]]:
        return [("parts", "made", "0.50 s", "handle"), ("measured", "made", "", "1 of 2 bars hold")]

    def __repr__(self) -> str:
        return "Stages: parts 0.50 s"


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[FakePipeline]:
    module = ModuleType("zeroshot_hoi.pipeline")
    kind = type("Pipeline", (FakePipeline,), {"calls": []})
    module.Pipeline = kind  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "zeroshot_hoi.pipeline", module)
    monkeypatch.chdir(tmp_path)
    return kind


def test_run_writes_every_file_and_shows_the_metrics(
    pipeline: type[FakePipeline], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my iron.obj").write_text("v", encoding="utf-8")
    arguments = ["run", "ironing", "--mesh", "iron=my iron.obj,unit=cm,up=z", "--seed", "3", "--engine", "jax"]
    assert main([*arguments, "--frames", "25"]) == 0
    mesh = Mesh("my iron.obj", "cm", "z")
    assert pipeline.calls == [{"recipe": "ironing", "seed": 3, "engine": "jax", "frames": 25, "meshes": {"iron": mesh}}]
    written = capsys.readouterr().out
    for suffix in ("npz", "glb", "mp4", "png"):
        assert (tmp_path / "out" / "ironing" / f"ironing.{suffix}").is_file()
        assert f"ironing.{suffix}" in written
    assert "energy 100 -> 20" in written
    assert "1 of 2 bars hold; missed: contact:person 1.right hand->iron.handle." in written


def test_run_without_meshes_uses_the_builtin_ones(pipeline: type[FakePipeline], tmp_path: Path) -> None:
    assert main(["run", "sit_on_chair", "--out", str(tmp_path / "a" / "b")]) == 0
    assert pipeline.calls == [{"recipe": "sit_on_chair", "meshes": None}]
    assert (tmp_path / "a" / "b" / "sit_on_chair.npz").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "ironign"], "Did you mean 'ironing'"),
        (["run", "no/where.toml"], "no recipe file"),
        (
            ["run", "ironing", "--mesh", "irn=there.obj"],
            "no object 'irn'. Did you mean 'iron'? Known: iron, ironing board",
        ),
        (["run", "ironing", "--mesh", "iron=gone.obj"], "no file gone.obj"),
        (["run", "ironing", "--mesh", "there.obj"], "iron=there.obj"),
        (["run", "ironing", "--mesh", "iron=there.obj,units=cm"], "'unit'"),
        (["run", "ironing", "--mesh", "iron=there.obj,unit=inch"], "metres per unit"),
        (["run", "ironing", "--mesh", "iron=there.obj", "--mesh", "iron=there.obj"], "twice"),
        (["run", "ironing", "--engine", "tpu"], "'jax' or 'torch'"),
        (["run", "ironing", "--frames", "1"], "frames"),
        (["run", "ironing", "--out", "there.obj"], "Nothing can be written to there.obj"),
        (["run", "ironing", "--out", "there.obj/below"], "Nothing can be written to there.obj"),
        (["evaluate"], "--all"),
        (["evaluate", "there.obj", "--all"], "Keep one of the two"),
        (["evaluate", "--all", "--seeds", "0"], "Give 1 or more"),
        (["evaluate", "--all", "--only", "ironin"], "ironing"),
    ],
)
def test_mistakes_are_one_sentence_and_nothing_runs(
    pipeline: type[FakePipeline], tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (tmp_path / "there.obj").write_text("v", encoding="utf-8")
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert pipeline.calls == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(pipeline: type[FakePipeline], tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert main(["run", "ironing", "--out", str(tmp_path)]) == 2
    assert pipeline.calls == []


def test_an_engine_that_is_not_installed_names_its_install_line(
    pipeline: type[FakePipeline], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(catalog, "find_spec", lambda name: None)
    assert main(["run", "ironing", "--engine", "torch"]) == 2
    assert "pip install 'zeroshot-hoi[torch]'" in capsys.readouterr().err
    assert pipeline.calls == []


def test_an_interrupt_keeps_what_is_written(
    pipeline: type[FakePipeline], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.stop_at = ".mp4"
    assert main(["run", "ironing"]) == 130
    captured = capsys.readouterr()
    assert "Interrupted. Complete: " in captured.err
    assert "ironing.glb" in captured.out.partition("Written:")[2]
    assert "ironing.mp4" not in captured.out.partition("Written:")[2] + captured.err
    assert (tmp_path / "out" / "ironing" / "ironing.glb").is_file()


def test_an_interrupt_says_what_is_kept_and_the_same_command_goes_on(
    pipeline: type[FakePipeline], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.stop_at = "optimization"
    assert main(["run", "ironing"]) == 130
    told = capsys.readouterr().err
    assert f"Kept in {Path('out/ironing/ironing.stages')}: parts. The same command goes on from there" in told
    pipeline.stop_at = ""
    assert main(["run", "ironing", "--keep-stages"]) == 0
    shown = capsys.readouterr().out
    assert "kept" in shown
    assert f"Stages kept in {Path('out/ironing/ironing.stages')}" in shown
    assert main(["run", "ironing", "--fresh"]) == 0
    assert "handle found" in capsys.readouterr().out
    assert not (tmp_path / "out" / "ironing" / "ironing.stages").exists()


def test_a_result_that_cannot_be_measured_is_an_error_and_keeps_the_stages(
    pipeline: type[FakePipeline], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.stop_at = "metrics"
    assert main(["run", "ironing"]) == 2
    assert "It cannot be measured." in capsys.readouterr().err
    assert (tmp_path / "out" / "ironing" / "ironing.stages").is_dir()


def test_run_as_json_is_json(pipeline: type[FakePipeline], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "ironing", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["recipe"] == "ironing"
    assert [Path(path).suffix for path in told["files"]] == [".npz", ".png", ".glb", ".mp4"]
    assert told["stages"]["parts"] == {"state": "made", "about": "handle"}
    assert told["metrics"].keys() == METRICS.keys()
    assert told["seconds"] == {"parts": 0.5}


def test_verbose_tells_the_stages_and_contradictions_are_refused(
    pipeline: type[FakePipeline], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "ironing", "--verbose"]) == 0
    assert "Stages: parts 0.50 s" in capsys.readouterr().out
    assert main(["run", "ironing", "--verbose", "--quiet"]) == 2
    assert "Keep one" in capsys.readouterr().err


def test_recipes_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ironing"]["objects"] == ["iron", "ironing board"]


def test_compare_needs_two_results_and_shows_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from test_results import make_result

    for name in ("a", "b"):
        make_result().save(tmp_path / f"{name}.npz")
    assert main(["compare", str(tmp_path / "a.npz")]) == 2
    assert "two results, not 1" in capsys.readouterr().err


def test_evaluate_exits_with_one_where_a_bar_is_missed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {key: metric for key, metric in METRICS.items() if metric.passed is not False}
    module = ModuleType("zeroshot_hoi.results.result")

    class Loaded(FakeResult):
        @classmethod
        def load(cls, path: Path) -> Loaded:
            loaded = cls()
            loaded.metrics = lambda: held if "good" in str(path) else METRICS  # type: ignore[method-assign]
            return loaded

    module.Result = Loaded  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "zeroshot_hoi.results.result", module)
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "good.npz"]) == 0
    assert main(["evaluate", "good.npz", "bad.npz"]) == 1
    assert "bad.npz" in capsys.readouterr().out


def test_evaluate_as_json_is_json_and_keeps_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = ModuleType("zeroshot_hoi.results.result")
    module.Result = FakeResult  # type: ignore[attr-defined]
    monkeypatch.setattr(FakeResult, "load", classmethod(lambda cls, path: cls()), raising=False)
    monkeypatch.setitem(sys.modules, "zeroshot_hoi.results.result", module)
    assert main(["evaluate", "a.npz", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["a.npz"].keys() == METRICS.keys()
    for key, metric in METRICS.items():
        assert told["a.npz"][key]["passed"] is metric.passed
        assert told["a.npz"][key]["unit"] == metric.unit


def test_quiet_run_prints_only_the_files(
    pipeline: type[FakePipeline], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "ironing", "--out", str(tmp_path / "out"), "--quiet"]) == 0
    lines = capsys.readouterr().out.split()
    assert [Path(line).suffix for line in lines] == [".npz", ".png", ".glb", ".mp4"]
    assert not list((tmp_path / "out").glob("*.stages")), "a finished run leaves no stages behind"
    assert all(Path(line).is_file() for line in lines)


def test_export_writes_each_target_from_one_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from test_results import make_result

    make_result().save(tmp_path / "a.npz")
    targets = [str(tmp_path / "new" / name) for name in ("a.glb", "a.html")]
    assert main(["export", str(tmp_path / "a.npz"), *targets]) == 0
    assert capsys.readouterr().out.split() == targets
    assert all(Path(target).stat().st_size > 1000 for target in targets)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["view"], "out/ironing"), (["view", "none.npz"], "none.npz"), (["export"], "Name a result"),
     (["export", "a.npz"], "Name a result"), (["export", "a.npz", "b.fbx"], ".fbx")],
)  # fmt: skip
def test_view_and_export_say_what_is_missing(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert word in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["run", "plan", "recipes", "parts", "evaluate", "view", "export", "compare", "doctor"]
)
def test_help_has_examples_that_start_with_the_program(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"zeroshot-hoi {command} " in capsys.readouterr().out.partition("Example")[2]


def test_version_recipes_and_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"zeroshot-hoi {__version__}\n"
    assert main(["recipes"]) == 0
    assert "objects: iron, ironing board" in capsys.readouterr().out
    assert main(["doctor"]) == 0
    report = capsys.readouterr().out
    assert "warp-lang" in report
    assert "ironing" in report
    assert "Cache" in report


@pytest.mark.parametrize("command", ["train", "undo"])
def test_commands_that_are_not_built_do_not_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command])
    assert stop.value.code == 2


def test_it_runs_as_a_module(checkout: Path) -> None:
    command = [sys.executable, "-m", "zeroshot_hoi", "run", "ironign"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_native_messages_are_held_back_by_line() -> None:
    code = """
import os
from zeroshot_hoi.geometry.cache import NO_DRIVER, _without_native_lines
with _without_native_lines(NO_DRIVER):
    os.write(2, b"Warning: " + NO_DRIVER + b".\\nout of memory\\n")
os.write(2, b"after\\n")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stderr.splitlines() == [b"out of memory", b"after"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("iron=a.obj", Mesh("a.obj")),
        ("iron=a.obj,unit=m", Mesh("a.obj", "m")),
        ("iron=a.obj,unit=0.0254,up=y,front=-x", Mesh("a.obj", 0.0254, "y", "-x")),
        ("iron=a.obj, front=z, up=z", Mesh("a.obj", None, "z", "z")),
        ("ironing board=b=c,d.glb,up=y", Mesh("b=c,d.glb", None, "y")),
        ("ironing board=b=c,d.glb", Mesh("b=c,d.glb")),
    ],
)
def test_mesh_arguments(text: str, expected: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.obj", "b=c,d.glb"):
        (tmp_path / name).touch()
    assert parse_mesh(text, ["iron", "ironing board"]) == (text.split("=")[0], expected)


@pytest.mark.parametrize(
    "text",
    ["iron=a.obj,unit=0", "iron=a.obj,up=x", "iron=a.obj,front=w", "iron=a.obj,up=y,up=z", "iron=", "=a.obj", ""],
)
def test_bad_mesh_arguments(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.obj").touch()
    with pytest.raises(MeshError):
        parse_meshes([text], ["iron"])


def test_every_object_has_a_bar_and_every_pass_its_energy() -> None:
    with console.progress_bars(Console(quiet=True)) as listener:
        for name in ("iron", "ironing board"):
            listener(Progress("prepare", 0, 4, note=f"{name}: read"))
            listener(Progress("prepare", 4, 4, note=f"{name}: done"))
        for start in (26_950.0, 800.0):
            listener(Progress("key frames", 1, 25, energy=start))
            listener(Progress("key frames", 9, 25, energy=start / 2.0))
        assert isinstance(listener, console.StageBars)
        details = {task.description: task.fields["detail"] for task in listener._progress.tasks}
    assert details == {
        "prepare iron": "",
        "prepare ironing board": "",
        "key frames": "energy 800 -> 400  round 2",
    }


def test_a_log_has_one_line_per_stage() -> None:
    log = io.StringIO()
    with console.progress_bars(console.make_console(log)) as listener:
        for step in range(1, 5):
            listener(Progress("grasp", step, 40, energy=5e3 / step))
            assert log.getvalue() == ""
        listener(Progress("files", 0, 1, note="a.npz"))
        assert log.getvalue().startswith("grasp ")
        assert log.getvalue().endswith("s  energy 5,000 -> 1,250\n")
    assert log.getvalue().count("\n") == 2


def test_a_stage_that_is_run_again_later_has_a_bar_of_its_own() -> None:
    log = io.StringIO()
    with console.progress_bars(console.make_console(log)) as listener:
        for stage, energy in (("all frames", 9.0), ("polish", 8.0), ("all frames", 7.0)):
            listener(Progress(stage, 1, 16, energy=energy))
    assert [line.split("  ")[0] for line in log.getvalue().splitlines()] == ["all frames", "polish", "all frames"]


def test_bars_fill_when_a_stage_ends_early() -> None:
    with console.progress_bars(Console(quiet=True)) as listener:
        listener(Progress("poses", 3, 40, energy=9.0))
        listener(Progress("motion", 1, 1))
        assert isinstance(listener, console.StageBars)
        tasks = {task.description: task for task in listener._progress.tasks}
        assert tasks["poses"].completed == 40


def as_json(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> Any:
    """What a command prints on standard output, which must be one JSON value."""
    assert main(arguments) == code
    return json.loads(capsys.readouterr().out)


def test_doctor_as_json_says_what_the_report_says(capsys: pytest.CaptureFixture[str]) -> None:
    told = as_json(["doctor", "--json"], capsys)
    assert told["core"]["numpy"]
    assert told["stages"]["engine jax"]["missing"] == []
    assert "ironing" in told["recipes"]
    weights = as_json(["doctor", "--weights", "--json"], capsys)
    assert weights["segmenter"]["facebook/sam2.1-hiera-tiny"]["license"] == "Apache-2.0"


def test_plan_as_json_is_the_recipe_that_its_file_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from zeroshot_hoi.recipe import Recipe

    out = tmp_path / "lift.toml"
    told = as_json(["plan", "a person lifts the dumbbell", "--out", str(out), "--json"], capsys)
    assert told["files"] == [str(out)]
    assert told["planner"] == "lexicon"
    (recipe,) = told["recipes"]
    assert Recipe.from_mapping(recipe).model_dump() == Recipe.load(out).model_dump()


def test_parts_as_json_names_every_part_and_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import trimesh

    trimesh.creation.box((0.4, 0.4, 0.4)).export(tmp_path / "box.glb")
    command = ["parts", str(tmp_path / "box.glb"), "--name", "box", "--part", "top", "--out", str(tmp_path), "--json"]
    told = as_json(command, capsys)
    assert told["object"] == "box"
    assert told["parts"]["top"]["area"] == pytest.approx(0.16, rel=0.2)
    assert told["parts"]["top"]["center"][2] == pytest.approx(0.4, abs=0.02)
    assert all(Path(path).stat().st_size > 100 for path in told["files"])


def test_export_as_json_and_options_of_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import av
    from test_results import make_result

    for name in ("a", "b"):
        make_result(frames=2).save(tmp_path / f"{name}.npz")
    source, film = str(tmp_path / "a.npz"), str(tmp_path / "both.mp4")
    command = ["export", source, film, "--beside", str(tmp_path / "b.npz"), "--size", "720p", "--json"]
    assert as_json(command, capsys) == {"files": [film]}
    with av.open(film) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (1280, 720)
    assert main(["export", source, str(tmp_path / "a.glb"), "--size", "1080p"]) == 2
    assert ".mp4" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="pipes of Windows tell nothing of their readers")
@pytest.mark.parametrize("command", [["recipes"], ["recipes", "--json"], ["run", "--help"], ["doctor"]])
def test_who_stops_reading_gets_no_traceback(command: list[str], checkout: Path) -> None:
    """As `zeroshot-hoi recipes | head -1`; a pipe that nobody reads breaks at the first byte."""
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "zeroshot_hoi", *command]
    done = subprocess.run(words, cwd=checkout, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 141


def test_a_console_whose_reader_has_gone_says_so_to_the_entry_point() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    screen = console.make_console(Gone())
    with pytest.raises(BrokenPipeError):
        screen.print("anything")
    screen.print("it is quiet from then on")
