"""The solver on problems whose answers are known: quadratics, a valley, bounds, NaN, coupling between frames."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from zeroshot_hoi.core.solution import Progress
from zeroshot_hoi.optimization import solver
from zeroshot_hoi.optimization.chains import Blocks
from zeroshot_hoi.optimization.problem import Term
from zeroshot_hoi.optimization.solver import Settings, Smoothness, adam, solve

Residual = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""`(x (n,), frame) -> residuals (R,), Jacobian (R, n)`."""


class _Problem:
    """What the solver reads of a problem: names of terms, and bounds."""

    def __init__(self, low: np.ndarray, high: np.ndarray) -> None:
        self.terms = (Term("first", lambda *_: None, 1.0),)
        self._bounds = low, high

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return self._bounds

    @property
    def blocks(self) -> Blocks:
        return Blocks((slice(0, len(self._bounds[0])),))


class _Engine:
    """An engine of closed-form residuals; it keeps every point whose energy was asked for."""

    def __init__(self, residual: Residual, n: int, low: float = -np.inf, high: float = np.inf) -> None:
        self.problem: Any = _Problem(np.full(n, low), np.full(n, high))
        self.residual, self.calls, self.seen = residual, 0, []
        self.parts: list[tuple[int, _Engine]] = []

    def energies(self, x: np.ndarray) -> np.ndarray:
        self.seen.append(x)
        return np.array([[(self.residual(x[t], t)[0] ** 2).sum()] for t in range(len(x))])

    def normal_equations(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        self.calls += 1
        pairs = [self.residual(x[t], t) for t in range(len(x))]
        matrix = np.stack([j.T @ j for _, j in pairs])
        return matrix, np.stack([j.T @ r for r, j in pairs]), self.energies(x)

    def take(self, frames: np.ndarray) -> _Engine:
        low, high = self.problem.bounds()
        part = _Engine(lambda x, t: self.residual(x, int(frames[t])), len(low), low[0], high[0])
        self.parts.append((len(frames), part))
        return part


def _linear(frames: int, n: int, seed: int = 0) -> tuple[Residual, np.ndarray, np.ndarray]:
    """r = A_t x - b_t with well-conditioned A_t; returns the residual, A (T, R, n) and b (T, R)."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(frames, n + 3, n)), rng.normal(size=(frames, n + 3))
    return lambda x, t: (a[t] @ x - b[t], a[t]), a, b


def _valley(x: np.ndarray, _: int) -> tuple[np.ndarray, np.ndarray]:
    """Rosenbrock's function as residuals; its minimum is (1, 1)."""
    return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]]), np.array([[-20 * x[0], 10.0], [-1.0, 0.0]])


def _smooth(n: int, seed: int = 1, rest: np.ndarray | None = None) -> Smoothness:
    rng = np.random.default_rng(seed)
    return Smoothness(rng.uniform(0.5, 2.0, n), rng.uniform(0.5, 2.0, n), rest)


BOLD = Settings(damping=1e-9, clips=(1e3, 1e3), tolerance=1e-9)


@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_quadratic_problems_are_solved_in_one_step(frames: int) -> None:
    n, smooth = 4, _smooth(4)
    residual, a, b = _linear(frames, n)
    engine = _Engine(residual, n)
    solution = solve(engine, np.zeros((frames, n)), smooth, BOLD)
    d1, d2 = np.diff(np.eye(frames), axis=0), np.diff(np.eye(frames), n=2, axis=0)
    whole = np.kron(d1.T @ d1, np.diag(smooth.first)) + np.kron(d2.T @ d2, np.diag(smooth.second))
    for t in range(frames):
        whole[t * n : t * n + n, t * n : t * n + n] += a[t].T @ a[t]
    exact = np.linalg.solve(whole, np.einsum("trn,tr->tn", a, b).ravel()).reshape(frames, n)
    assert np.abs(solution.value - exact).max() < 1e-5
    assert "Converged" in solution.status
    again = solve(engine, exact, smooth, BOLD)
    assert "Converged" in again.status
    assert again.stats["iterations"] <= 10
    assert solution.stats["iterations"] <= 3
    first = solve(engine, np.zeros((frames, n)), smooth, Settings(iterations=1, damping=1e-9, clips=(1e3, 1e3)))
    assert np.abs(first.value - exact).max() < 1e-5
    assert "limit of 1 iterations" in first.status


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_banded_step_equals_a_dense_solve(frames: int) -> None:
    n, rng = 3, np.random.default_rng(2)
    smooth = _smooth(n)
    root = rng.normal(size=(frames, n, n))
    matrix, gradient = root @ np.swapaxes(root, 1, 2), rng.normal(size=(frames, n))
    frozen = rng.random((frames, n)) < 0.3
    damping = 0.1
    d1, d2 = np.diff(np.eye(frames), axis=0), np.diff(np.eye(frames), n=2, axis=0)
    dense = np.kron(d1.T @ d1, np.diag(smooth.first)) + np.kron(d2.T @ d2, np.diag(smooth.second))
    for t in range(frames):
        dense[t * n : t * n + n, t * n : t * n + n] += matrix[t]
    free = ~frozen.ravel()
    dense[np.diag_indices(frames * n)] = dense.diagonal() * (1 + damping) + 1e-6
    expected = np.zeros(frames * n)
    expected[free] = np.linalg.solve(dense[np.ix_(free, free)], -gradient.ravel()[free])
    found = solver.coupled_step(smooth, frames, Blocks((slice(0, n),)))(matrix, gradient, frozen, np.array([damping]))
    assert np.abs(found.ravel() - expected).max() < 1e-9 * max(1.0, np.abs(expected).max())


def test_starts_do_not_know_of_one_another() -> None:
    rng = np.random.default_rng(3)
    starts = rng.uniform(-2.0, 2.0, (6, 2))
    settings = Settings(iterations=60, tolerance=1e-7)
    together = solve(_Engine(_valley, 2), starts, None, settings)
    assert together.energies["frame"].shape == (6,)
    assert together.energies["frame"].max() < 1e-6
    assert together.energy == together.energies["frame"].min()
    few = Settings(iterations=5, tolerance=0.0)
    batch = solve(_Engine(_valley, 2), starts, None, few)
    for k in range(6):
        alone = solve(_Engine(_valley, 2), starts[k : k + 1], None, few)
        assert alone.value[0] == pytest.approx(batch.value[k], abs=1e-12)
        assert alone.energies["frame"][0] == pytest.approx(batch.energies["frame"][k], rel=1e-12)


def test_solved_starts_leave_the_batch_and_keep_their_solution() -> None:
    rng = np.random.default_rng(5)
    x = rng.uniform(-2.0, 2.0, (20, 2))
    x[:14] = 1.0 + rng.normal(0.0, 1e-3, (14, 2))  # nearly there: two chunks' worth of frames end early
    engine = _Engine(_valley, 2)
    solution = solve(engine, x, None, Settings(iterations=60, tolerance=1e-6))
    assert engine.parts[0][0] <= 14
    assert solution.value == pytest.approx(np.ones((20, 2)), abs=1e-3)
    assert solution.energies["frame"] == pytest.approx(engine.energies(solution.value)[:, 0])
    for k in (0, 17):
        alone = solve(_Engine(_valley, 2), x[k : k + 1], None, Settings(iterations=60, tolerance=1e-6))
        assert solution.value[k] == pytest.approx(alone.value[0], abs=1e-6)


@pytest.mark.parametrize("coupled", [False, True])
def test_bounds_hold_at_every_point_and_the_minimum_lies_on_them(coupled: bool) -> None:
    def target(x: np.ndarray, t: int) -> tuple[np.ndarray, np.ndarray]:
        return x - np.array([3.0, 0.2, -3.0]), np.eye(3)

    engine = _Engine(target, 3, -1.0, 1.0)
    smooth = Smoothness(np.full(3, 1e-3), np.full(3, 1e-3)) if coupled else None
    solution = solve(engine, np.full((4, 3), 7.0), smooth, Settings(tolerance=1e-9))
    assert all((np.abs(x) <= 1.0).all() for x in engine.seen)
    assert solution.value == pytest.approx(np.tile([1.0, 0.2, -1.0], (4, 1)), abs=1e-4)


@pytest.mark.parametrize("coupled", [False, True])
def test_energy_never_increases(coupled: bool) -> None:
    def wavy(x: np.ndarray, t: int) -> tuple[np.ndarray, np.ndarray]:
        return np.array([np.sin(5 * x[0]) + x[1], x[0] + 0.3 * x[1] ** 3 - t]), np.array(
            [[5 * np.cos(5 * x[0]), 1.0], [1.0, 0.9 * x[1] ** 2]]
        )

    heard: list[Progress] = []
    x = np.random.default_rng(4).normal(size=(5, 2))
    smooth = _smooth(2) if coupled else None
    solution = solve(_Engine(wavy, 2), x, smooth, Settings(iterations=30), heard.append, "test")
    energies = [event.energy for event in heard]
    assert all(b <= a + 1e-12 for a, b in pairwise(energies))
    assert energies[-1] == pytest.approx(solution.energy)
    assert [event.step for event in heard] == list(range(1, len(heard) + 1))
    if not coupled:
        assert (np.diff(solution.energies["first"]) <= 1e-12).all()
        assert len(solution.energies["first"]) == len(heard) + 1


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_start_that_is_not_finite_ends_with_a_sentence(coupled: bool, poison: float) -> None:
    engine = _Engine(lambda x, t: (np.full(1, poison), np.ones((1, 2))), 2)
    x = np.full((3, 2), 0.5)
    solution = solve(engine, x, _smooth(2) if coupled else None)
    assert solution.status == "Diverged: the energy at the start is not finite."
    assert np.array_equal(solution.value, x)
    assert solution.energy == np.inf
    assert engine.calls == 1


def test_unknowns_that_are_nan_end_with_a_sentence() -> None:
    x = np.zeros((3, 2))
    x[1, 0] = np.nan
    solution = solve(_Engine(_valley, 2), x, _smooth(2))
    assert "not finite" in solution.status
    assert np.array_equal(solution.value, x, equal_nan=True)


def test_one_bad_start_leaves_the_others_alone() -> None:
    def one_bad(x: np.ndarray, t: int) -> tuple[np.ndarray, np.ndarray]:
        r, j = _valley(x, t)
        return (r * np.nan, j * np.nan) if t == 1 else (r, j)

    x = np.array([[0.5, 0.5], [0.4, 0.3], [-0.5, 1.0]])
    solution = solve(_Engine(one_bad, 2), x, None, Settings(iterations=60, tolerance=1e-7))
    assert solution.value[[0, 2]] == pytest.approx(np.ones((2, 2)), abs=1e-3)
    assert np.array_equal(solution.value[1], x[1])
    assert "1 of 3 frames" in solution.status


@pytest.mark.parametrize("coupled", [False, True])
def test_what_turns_nan_on_the_way_is_never_accepted(coupled: bool) -> None:
    """A wall of NaN at x = 1 before the minimum at x = 3."""

    def wall(x: np.ndarray, t: int) -> tuple[np.ndarray, np.ndarray]:
        return (x - 3.0) * np.where(x > 1.0, np.nan, 1.0), np.eye(1)

    smooth = Smoothness(np.ones(1), np.ones(1)) if coupled else None
    solution = solve(_Engine(wall, 1), np.zeros((3, 1)), smooth, Settings(iterations=50))
    assert np.isfinite(solution.energy)
    assert (solution.value <= 1.0).all()
    assert solution.value.min() > 0.5, "no progress toward the wall"


@pytest.mark.parametrize("coupled", [False, True])
def test_a_gradient_that_is_not_finite_ends_with_a_sentence(coupled: bool) -> None:
    engine = _Engine(lambda x, t: (x, np.full((2, 2), np.nan)), 2)
    x = np.full((3, 2), 0.5)
    solution = solve(engine, x, _smooth(2) if coupled else None)
    assert "Diverged in 3 of 3 frames" in solution.status
    assert np.array_equal(solution.value, x)
    assert np.isfinite(solution.energy)


def test_smoothness_gradient_and_diagonals_against_finite_differences() -> None:
    rng, frames, n = np.random.default_rng(6), 6, 3
    smooth = _smooth(n, rest=rng.normal(size=(frames, n)))
    x, step = rng.normal(size=(frames, n)), 1e-5
    moves = step * np.eye(frames * n).reshape(-1, frames, n)
    numeric = np.array([(smooth.energy(x + m) - smooth.energy(x - m)) / (4 * step) for m in moves])
    assert smooth.gradient(x).ravel() == pytest.approx(numeric, abs=1e-8)
    hessian = np.stack([(smooth.gradient(x + m) - smooth.gradient(x - m)).ravel() / (2 * step) for m in moves])
    blocks = hessian.reshape(frames, n, frames, n)
    for offset, diagonal in enumerate(smooth.diagonals(frames)):
        for t in range(frames - offset):
            assert np.diag(blocks[t, :, t + offset]) == pytest.approx(diagonal[t], abs=1e-8)


def test_smoothness_costs_nothing_along_its_rest() -> None:
    rest = np.random.default_rng(7).normal(size=(5, 2))
    assert _smooth(2, rest=rest).energy(rest + [1.0, -2.0]) == pytest.approx(0.0)
    assert _smooth(2).energy(rest) > 0.1


def test_adam_decreases_and_keeps_the_best() -> None:
    smooth = Smoothness(np.full(2, 1e-3), np.full(2, 1e-3))
    start = np.full((3, 2), -0.5)
    solution = adam(_Engine(_valley, 2), start, smooth, 300, rate=0.02)
    history = solution.energies["first"]
    assert history[-1] < 0.05 * history[0]
    wild = adam(_Engine(_valley, 2), start, smooth, 20, rate=3.0)
    kept = _Engine(_valley, 2).energies(wild.value).sum() + smooth.energy(wild.value)
    assert wild.energy == pytest.approx(kept)
    assert wild.energy <= wild.energies["first"].min() + smooth.energy(wild.value) + 1e-9


def test_adam_stops_at_the_energy_it_was_asked_for_and_at_nan() -> None:
    smooth = Smoothness(np.zeros(2), np.zeros(2))
    start = np.full((2, 2), -0.5)
    reached = adam(_Engine(_valley, 2), start, smooth, 500, until=2.0)
    assert reached.status.startswith("Reached")
    assert reached.energy <= 2.0

    def wall(x: np.ndarray, t: int) -> tuple[np.ndarray, np.ndarray]:
        r, j = _valley(x, t)
        return (r * np.nan, j) if x[0] > -0.3 else (r, j)

    lost = adam(_Engine(wall, 2), start, smooth, 500)
    assert lost.status.startswith("Diverged")
    assert np.isfinite(lost.energy)
    assert (lost.value[:, 0] <= -0.3).all()


def test_levenberg_marquardt_needs_a_tenth_of_adams_evaluations() -> None:
    start, smooth = np.full((3, 2), -0.5), Smoothness(np.full(2, 1e-3), np.full(2, 1e-3))
    second, first = _Engine(_valley, 2), _Engine(_valley, 2)
    solution = solve(second, start, smooth, Settings(iterations=60, tolerance=1e-4))
    adam(first, start, smooth, 2000, until=max(solution.energy, 1e-3))
    assert second.calls * 10 < first.calls


def test_a_bound_met_on_the_way_is_known_to_the_rest_of_the_step() -> None:
    """Two unknowns tied stiffly together, of which one may not go on: cutting it off alone raises the energy."""

    def tied(x: np.ndarray, _: int) -> tuple[np.ndarray, np.ndarray]:
        return np.array([100.0 * (x[0] - x[1]), x[0] - 3.0, x[1] - 3.0]), np.array(
            [[100.0, -100.0], [1.0, 0.0], [0.0, 1.0]]
        )

    engine = _Engine(tied, 2, -1.0, 1.0)
    engine.problem = _Problem(np.array([-9.0, -9.0]), np.array([9.0, 1.0]))
    for smooth in (None, Smoothness(np.zeros(2), np.zeros(2))):
        one = Settings(iterations=1, damping=1e-9, clips=(1e3, 1e3))
        solution = solve(engine, np.zeros((1, 2)), smooth, one)
        assert solution.value[0] == pytest.approx([1.0 + 2.0 / 10001.0, 1.0], abs=1e-6)


def test_one_bad_frame_does_not_hold_back_the_others() -> None:
    """A frame that no step of its linear model serves is damped alone; the quadratic frames beside it converge."""

    def frames(x: np.ndarray, t: int) -> tuple[np.ndarray, np.ndarray]:
        if t:
            return x - 5.0 * t, np.eye(1)
        return np.sqrt(np.abs(x)) * 30.0 + 1.0, 30.0 * 0.5 / np.sqrt(np.abs(x) + 1e-9)[None] * np.sign(x)[None]

    weak = Smoothness(np.full(1, 1e-9), np.full(1, 1e-9))
    start = np.array([[0.3], [0.0], [0.0]])
    solution = solve(_Engine(frames, 1), start, weak, Settings(iterations=14, tolerance=0.0, clips=(2.0, 1.0)))
    assert solution.energies["frame"][1:].max() < 1e-4
