"""The speed report compares like with like, and its bars fail on what is missing."""

import io
import math

import numpy as np
import pytest
from rich.console import Console

from benchmarks import speed
from benchmarks.clock import Spent, exponent, forget_peak, peak_bytes, spend
from benchmarks.speed import run_speed
from benchmarks.speed_problems import eager_gradient, more_frames, more_objects, skin_vertices, with_people
from benchmarks.speed_report import Line, Options, missed_bars, ratio_line
from tests.interaction_problem import interaction_problem
from tests.test_hoi_page import FRAMES, moving_problem, terms_of
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.optimization.engines.base import term_arrays, term_energies


def by_numpy(problem, x):
    """(T, K) energies, frame by frame."""
    constants, frames = term_arrays(problem)
    return np.stack([
        term_energies(numpy_namespace(), problem, x[t], {k: v[t] for k, v in problem.base.items()}, constants,
                      [{k: v[t] for k, v in data.items()} for data in frames])
        for t in range(len(x))
    ])  # fmt: skip


def test_the_exponent_of_a_power_law():
    assert exponent([1, 2, 4, 8], [3.0, 12.0, 48.0, 192.0]) == pytest.approx(2.0)
    assert math.isnan(exponent([4], [1.0]))


def test_wall_and_processor_time():
    spent = spend(lambda: sum(range(200_000)), 3)
    assert 0.0 < spent.cpu < 10.0 * spent.seconds
    forget_peak()
    before = peak_bytes()
    held = np.ones(30_000_000)
    assert peak_bytes() - before > 0.9 * held.nbytes or math.isnan(before)


@pytest.mark.parametrize(("value", "missed"), [(3.1, False), (2.9, True), (math.nan, True)])
def test_a_bar_is_missed_below_it_and_without_a_number(value, missed):
    line = Line("ratio", "evaluation: JAX over eager torch", value, "times")
    assert (missed_bars([line]) == [line]) is missed


@pytest.mark.parametrize(
    ("what", "value", "missed"),
    [
        ("people, iteration", 1.1, False), ("people, iteration", 1.3, True), ("people, iteration", math.nan, True),
        ("people, on one object, iteration", 1.3, True), ("frames, hoi_page step", 1.3, True),
        ("people, linear solve", 2.0, False), ("vertices, hoi_page step", 2.0, False),
    ],
)  # fmt: skip
def test_whole_steps_may_not_grow_faster_than_frames_and_people(what, value, missed):
    line = Line("scaling", what, value, "exponent")
    assert (missed_bars([line]) == [line]) is missed


def test_the_smaller_ratio_counts():
    line = ratio_line("evaluation: JAX over eager torch", Spent(30.0, 4.0), Spent(1.0, 2.0))
    assert line.value == 2.0
    assert "30 in wall time" in line.note


def test_a_crashed_section_fails_the_report_and_the_rest_goes_on(tmp_path, monkeypatch):
    def broken(_):
        raise RuntimeError("planted crash")

    good = [Line("ratio", "evaluation: JAX over eager torch", 9.0, "times")]
    monkeypatch.setattr(speed, "SECTIONS", {"bad": broken, "good": lambda _: good})
    console = Console(file=io.StringIO(), width=160)
    assert run_speed(None, Options(), tmp_path / "speed.json", console) == 1
    assert "planted crash" in console.file.getvalue()
    assert "9 │ 3" in " ".join(console.file.getvalue().split())
    assert run_speed(["good"], Options(), tmp_path / "speed.json", console) == 0
    assert run_speed(["other"], Options(), tmp_path / "speed.json", console) == 2


def test_two_people_side_by_side_cost_twice_as_much():
    one = interaction_problem(2)
    two = with_people(one, 2)
    assert two.size == 2 * one.size
    assert len(two.objects) == 2 * len(one.objects)
    x = one.initial()
    cut = sum(person.size for person in one.people)
    twice = np.concatenate([x[:, :cut], x[:, :cut], x[:, cut:], x[:, cut:]], axis=1)
    alone, both = by_numpy(one, x), by_numpy(two, twice)
    assert np.allclose(both[:, : alone.shape[1]], alone)
    assert np.allclose(both[:, alone.shape[1] :], alone)


def test_the_eager_gradient_is_the_energys():
    pytest.importorskip("torch")
    problem = interaction_problem(2)
    x = problem.initial()
    slope, energies = eager_gradient(problem)(x)
    assert slope.shape == x.shape
    assert np.allclose(energies, by_numpy(problem, x), rtol=2e-3, atol=1e-3)


def test_other_sizes_of_a_fitting_problem():
    problem, truth = moving_problem()
    short = more_frames(problem, FRAMES - 1)
    assert short.frames == FRAMES - 1
    assert terms_of(short, truth[:, : FRAMES - 1])["contact"] == pytest.approx(0.0, abs=1e-12)
    many = more_objects(problem, 3)
    found, one = terms_of(many, np.repeat(truth, 3, 0) + 0.01), terms_of(problem, truth + 0.01)
    assert found["object 3D"] == pytest.approx(3.0 * one["object 3D"])
    assert found["contact"] == pytest.approx(3.0 * one["contact"])
    assert skin_vertices(problem, 17).skin.shape[1] == 17
