"""The gate must fail on everything that is not a good number, and the suite must not hide a crash."""

import io
import json
import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import synthetic_result as syn
from rich.console import Console
from scipy.spatial.transform import Rotation

import benchmarks.gate
import benchmarks.suite
from benchmarks import believability
from benchmarks.__main__ import COMMANDS, main
from benchmarks.bars import measure_bars
from benchmarks.believability import believability_table, make_table, run_case, summary
from benchmarks.gate import Row, compare, crashed, read_baseline, write_baseline
from benchmarks.main_job import run_command
from benchmarks.meshes import CASES, Case
from benchmarks.rays import RayMesh
from benchmarks.solver import reverse_gradient
from benchmarks.suite import WORKLOADS, run_workloads

TIME = Row("job:wall", 10.0, "s", "lower", 1.5)
SPEED = Row("solver:speed", 100.0, "steps/s", "higher", 1.5)


def test_equal_rows_pass():
    assert compare([TIME, SPEED], [TIME, SPEED]) == []


@pytest.mark.parametrize(
    ("row", "value", "passes"),
    [
        (TIME, 14.9, True), (TIME, 15.1, False), (TIME, 0.1, True),
        (SPEED, 67.0, True), (SPEED, 66.0, False), (SPEED, 1e9, True), (SPEED, 0.0, False),
    ],
)  # fmt: skip
def test_worse_than_the_tolerance_fails(row, value, passes):
    assert (compare([replace(row, value=value)], [row]) == []) is passes


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_a_value_that_is_no_number_fails(value):
    assert compare([replace(TIME, value=value)], [TIME])


def test_missing_unknown_and_changed_rows_fail():
    assert "missing" in compare([TIME], [TIME, SPEED])[0]
    assert "not in the baseline" in compare([TIME, SPEED], [TIME])[0]
    assert "unit" in compare([replace(TIME, unit="ms")], [TIME])[0]
    assert compare([TIME], [replace(TIME, value=math.nan)])
    assert compare([], []) == []


def test_a_crashed_workload_fails_even_where_it_has_no_baseline():
    def broken():
        raise RuntimeError("no such mesh")

    rows = run_workloads(["good", "bad"], {"good": lambda: [TIME], "bad": broken})
    assert rows[0] == TIME
    failures = compare(rows, [TIME])
    assert len(failures) == 1
    assert "no such mesh" in failures[0]


def test_the_baseline_never_takes_a_crash(tmp_path):
    path = tmp_path / "baseline.json"
    write_baseline([TIME, SPEED], path)
    assert read_baseline(path) == [TIME, SPEED]
    with pytest.raises(ValueError, match="crashed"):
        write_baseline([TIME, crashed("job", RuntimeError("gone"))], path)
    assert read_baseline(path) == [TIME, SPEED]
    assert read_baseline(tmp_path / "absent.json") == []


@pytest.mark.parametrize(
    ("planted", "code", "words"),
    [
        (None, 0, "The gate holds"),
        (RuntimeError("planted crash"), 1, "planted crash"),
        (math.nan, 1, "job:wall: no finite number"),
        (15.1, 1, "1.51 times worse"),
    ],
    ids=["nothing", "crash", "NaN", "regression"],
)
def test_the_gate_of_the_command_fails_on_what_is_planted(monkeypatch, capsys, planted, code, words):
    def workload():
        if isinstance(planted, Exception):
            raise planted
        return [TIME if planted is None else replace(TIME, value=planted)]

    monkeypatch.setattr(benchmarks.suite, "WORKLOADS", {"job": workload})
    monkeypatch.setattr(benchmarks.gate, "read_baseline", lambda: [TIME])
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["--gate"]) == code
    assert words in capsys.readouterr().out


def test_the_gate_needs_a_baseline_and_known_workloads(monkeypatch, capsys):
    monkeypatch.setattr(benchmarks.suite, "WORKLOADS", {"job": lambda: [TIME]})
    monkeypatch.setattr(benchmarks.gate, "read_baseline", list)
    assert main(["--gate"]) == 1
    assert "not in the baseline" in capsys.readouterr().out
    assert main(["--only", "no such job"]) == 2


def test_every_command_is_declared(capsys):
    assert set(COMMANDS) >= {"believability", "sentences", "compare", "parts", "suite", "speed", "ablation"}
    for name in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
    assert main(["suite", "no such suite"]) == 2
    assert main(["speed", "--only", "no such section"]) == 2


def test_a_failing_child_raises_and_a_good_one_is_measured(tmp_path):
    held = np.ones(60_000_000)  # the parent's memory is not the child's
    measured = run_command([sys.executable, "-c", "import time; x = bytearray(80_000_000); time.sleep(0.3)"], tmp_path)
    assert measured.seconds > 0.3
    assert 80e6 < measured.peak_bytes < 200e6 < held.nbytes
    with pytest.raises(RuntimeError, match="exit code 3: bye"):
        run_command([sys.executable, "-c", "print('bye'); raise SystemExit(3)"], tmp_path)


def test_mesh_arguments_say_unit_and_axis():
    argument = CASES["sitting armchair"].mesh_arguments()[0]
    assert argument.startswith("chair=")
    assert argument.endswith("armchair_dining_cm.obj,unit=cm,up=z")
    assert len(CASES) == 7


def holds(tmp_path, content, name):
    """Whether a bar of a hand-made result holds by the independent measures."""
    path = tmp_path / "clip.npz"
    np.savez(path, **syn.result(**content))
    return next(bar for bar in measure_bars(path) if bar.name == name)


def ball_on_box(gap, label="right hand", **flags):
    return {
        "people": {"person 1": syn.person(*syn.ball([0, 0, 0.1 + gap]), label, frames=20)},
        "objects": {"box": syn.thing(*syn.box([0, 0, -0.1], [0.6, 0.6, 0.2]), frames=20)},
        "edges": [syn.edge(f"person 1.{label}", "box.top", **flags)],
    }


@pytest.mark.parametrize(("gap", "passes"), [(0.004, True), (0.007, False)])
def test_contact_by_scattered_points(tmp_path, gap, passes):
    assert holds(tmp_path, ball_on_box(gap), "contact person 1.right hand->box.top").holds is passes


@pytest.mark.parametrize("depth", [0.008, 0.03])
def test_depth_by_ray_crossings(tmp_path, depth):
    bar = holds(tmp_path, ball_on_box(-depth), "deepest person 1|box")
    assert bar.value == pytest.approx(1000 * depth, abs=0.1)
    assert bar.holds is (depth <= 0.01)


def test_ray_crossings_of_an_open_mesh():
    vertices, faces = syn.ball([0, 0, 0], 0.1)
    middles = vertices[faces].mean(axis=1)
    bowl = RayMesh(vertices, faces[middles[:, 2] < 0.08])
    points = np.random.default_rng(0).uniform(-0.09, 0.09, (400, 3))
    inside = np.linalg.norm(points, axis=1) < 0.098
    assert ((bowl.crossings(points) > 0.6) == inside).mean() > 0.95


@pytest.mark.parametrize(("overlap", "passes"), [(0.005, True), (0.03, False)])
def test_a_hand_in_the_torso(tmp_path, overlap, passes):
    vertices, faces, piece = syn.join(syn.ball([0, 0, 0.2], 0.15), syn.ball([0.2 - overlap, 0, 0.2], 0.05))
    labels = np.array(["torso", "left hand"])[piece]
    content = {"people": {"person 1": syn.person(vertices, faces, labels, frames=20)}}
    assert holds(tmp_path, content, "self person 1").holds is passes


@pytest.mark.parametrize(("step", "passes"), [(0.0004, True), (0.001, False)])
def test_sliding_soles(tmp_path, step, passes):
    vertices, faces = syn.box([0, 0, 0.025], [0.2, 0.1, 0.05], 0.05)
    path = vertices + step * np.arange(20)[:, None, None] * [1.0, 0, 0]
    content = {"people": {"person 1": syn.person(path, faces, "left foot", "left sole")}}
    bar = holds(tmp_path, content, "foot slides person 1")
    assert bar.value == pytest.approx(19000 * step, rel=1e-3)
    assert bar.holds is passes


@pytest.mark.parametrize(("ahead", "outside"), [(0.1, -5.0), (0.4, 10.0)])
def test_the_weight_over_a_sole(tmp_path, ahead, outside):
    """Two equal volumes, one a sole of 20 x 10 cm, the other `ahead`: the center is half way."""
    pieces = syn.box([0, 0, 0.025], [0.2, 0.1, 0.05], 0.05), syn.box([ahead, 0, 1.0], [0.1, 0.1, 0.1], 0.05)
    vertices, faces, piece = syn.join(*pieces)
    labels = np.array(["left foot", "torso"])[piece]
    content = {"people": {"person 1": syn.person(vertices, faces, labels, "left sole", frames=20)}}
    bar = holds(tmp_path, content, "balance person 1")
    assert bar.value == pytest.approx(outside, abs=0.05)
    assert bar.holds is (outside < 0.0)


@pytest.mark.parametrize(("ahead", "aside", "degrees"), [(3.0, 0.0, 0.0), (-0.3, -0.4, 26.565), (0.0, 0.4, 21.801)])
def test_a_trunk_that_leans_back_or_aside(tmp_path, ahead, aside, degrees):
    vertices, faces = syn.box([0, 0, 0.025], [0.2, 0.1, 0.05], 0.05)[:2]
    person = syn.person(vertices, faces, "left foot", "left sole", frames=20) | syn.trunk(ahead, aside, 1.0, 20)
    bar = holds(tmp_path, {"people": {"person 1": person}}, "trunk person 1")
    assert bar.value == pytest.approx(degrees, abs=0.01)
    assert bar.holds is (degrees < 25.0)


@pytest.mark.parametrize(("elbow", "raised"), [(1.2, -20.0), (1.43, 3.0), (1.55, 15.0)])
def test_an_elbow_over_its_arm(tmp_path, elbow, raised):
    person = syn.person(*syn.ball([0, 0, 0.1]), "left foot", frames=20)
    person |= syn.arms((1.4, elbow, 1.1), (1.4, 1.1, 0.9), frames=20)
    bar = holds(tmp_path, {"people": {"person 1": person}}, "elbows person 1")
    assert bar.value == pytest.approx(raised)
    assert bar.holds is (raised <= 5.0)


@pytest.mark.parametrize(
    ("wrist", "behind"), [((0.3, -0.2, 1.2), -50.0), ((-0.4, -0.2, 1.4), 40.0), ((-0.4, -0.3, 1.0), 0.0)]
)
def test_a_hand_behind_the_trunk(tmp_path, wrist, behind):
    content, turn = ball_on_box(0.0), Rotation.from_rotvec([0.3, 0.5, 2.0]).as_matrix()
    content["people"]["person 1"] |= syn.reaching((-0.5, 0.2, 1.5), wrist, turn, frames=20)
    bar = holds(tmp_path, content, "hands behind person 1")
    assert bar.value == pytest.approx(behind, abs=1e-6)
    assert bar.holds is (behind <= 10.0)


@pytest.mark.parametrize(("way", "passes"), [(0.2, True), (0.05, False)])
def test_a_travelling_object(tmp_path, way, passes):
    translation = np.linspace(0, way, 20)[:, None] * [1.0, 0, 0]
    content = {
        "objects": {"cube": syn.thing(*syn.box([0, 0, 0.1], [0.2] * 3, 0.1), translation=translation)},
        "states": {"cube": (True, False)},
    }
    assert holds(tmp_path, content, "travel cube").holds is passes
    assert holds(tmp_path, content, "turn cube").holds is True


def test_a_crashed_run_fails_the_table(tmp_path):
    console = Console(file=io.StringIO(), width=200)
    broken = Case("broken", "no such recipe")
    run = run_case(broken, 0, tmp_path)
    assert not run.holds
    assert "CRASHED" in summary(run)
    console.print(make_table([run]))
    assert believability_table(["no such case"], True, tmp_path, False, console) == 2


def test_a_crash_keeps_what_is_done_and_the_rest_goes_on(tmp_path, monkeypatch):
    """The crashed case comes first; the file after it is measured all the same, and the JSON holds both."""
    np.savez(tmp_path / "good_0.npz", **syn.result(**ball_on_box(0.002)))
    monkeypatch.setattr(believability, "CASES", {"bad": Case("bad", "no such recipe"), "good": Case("good", "ironing")})
    output = io.StringIO()
    code = believability_table(None, True, tmp_path, True, Console(file=output, width=80))
    assert code == 1
    lines = [line for line in output.getvalue().splitlines() if ", seed 0" in line]
    assert len(lines) == 2, "one line for each run, however narrow the console"
    assert "CRASHED" in lines[0]
    kept = json.loads((tmp_path / "believability.json").read_text())
    assert [run["case"] for run in kept] == ["bad", "good"]
    assert "no such recipe" in kept[0]["error"]
    assert kept[1]["bars"]


def test_the_suite_has_every_promised_workload():
    assert {"distance field", "body motion", "solver", "engines", "main job"} <= set(WORKLOADS)


def test_adams_gradient_is_that_of_the_normal_equations():
    from tests.interaction_problem import interaction_problem
    from zeroshot_hoi.optimization.engines.jax import JaxEngine

    problem = interaction_problem(4)
    problem = replace(problem, terms=tuple(t for t in problem.terms if t.name in ("natural", "root", "planted")))
    x = problem.initial()
    slope, energies = reverse_gradient(problem)(x)
    _, expected, terms = JaxEngine(problem).normal_equations(x)
    assert np.abs(slope - expected).max() < 1e-3 * np.abs(expected).max()
    assert np.abs(energies - terms).max() < 1e-3 * np.abs(terms).max()
