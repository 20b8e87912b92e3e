"""The gate must fail on everything that is not a good number, and the suite must not hide a crash."""

import math
import sys
from dataclasses import replace

import pytest

from benchmarks.gate import Row, compare, crashed, read_baseline, write_baseline
from benchmarks.main_job import run_command
from benchmarks.meshes import CASES
from benchmarks.suite import run_workloads

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


def test_a_failing_child_raises_and_a_good_one_is_measured(tmp_path):
    measured = run_command([sys.executable, "-c", "x = bytearray(80_000_000)"], tmp_path)
    assert measured.seconds > 0.0
    assert 80e6 < measured.peak_bytes < 2e9
    with pytest.raises(RuntimeError, match="exit code 3: bye"):
        run_command([sys.executable, "-c", "print('bye'); raise SystemExit(3)"], tmp_path)


def test_mesh_arguments_say_unit_and_axis():
    argument = CASES["sitting armchair"].mesh_arguments()[0]
    assert argument.startswith("chair=")
    assert argument.endswith("armchair_dining_cm.obj,unit=cm,up=z")
    assert len(CASES) == 7
