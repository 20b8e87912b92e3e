"""Projected Levenberg-Marquardt on block-banded normal equations, and Adam on the same energy to measure it against.

Frames couple only through finite differences of the unknowns, so the normal matrix is a block diagonal plus
diagonals two blocks away: a banded Cholesky solves 2,000 unknowns in 10-30 ms, person by person where people do not
touch one another (chains.py). Every frame has its own damping; without coupling every frame is a problem of its
own (a batch of starts) with its own acceptance too. Limits hold within the linear model: what meets a bound is set on
it, and the rest of the step is solved again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError

from zeroshot_hoi.core.solution import Progress, ProgressListener, Solution, silent
from zeroshot_hoi.optimization.chains import Blocks, System, solve_people
from zeroshot_hoi.optimization.engines.base import Engine, chunk_frames, whole_chunks


@dataclass(frozen=True)
class Smoothness:
    """Weights of squared first and second differences between neighboring frames; zeros leave frames uncoupled."""

    first: np.ndarray
    """(n,)"""
    second: np.ndarray
    """(n,)"""
    rest: np.ndarray | None = None
    """(T, n) whose own differences are expected (the reference motion); None expects none."""

    def differences(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value = x if self.rest is None else x - self.rest
        return np.diff(value, axis=0), np.diff(value, n=2, axis=0)

    def energy(self, x: np.ndarray) -> float:
        one, two = self.differences(x)
        return float((self.first * one**2).sum() + (self.second * two**2).sum())

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """(T, n) of half the energy."""
        one, two = self.differences(x)
        gradient = np.zeros_like(x)
        one, two = self.first * one, self.second * two
        gradient[:-1] -= one
        gradient[1:] += one
        gradient[:-2] += two
        gradient[1:-1] -= 2.0 * two
        gradient[2:] += two
        return gradient

    def diagonals(self, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Per-unknown matrix entries (length,) on the diagonal and one and two frames away, as factors of weights."""
        one, two = np.zeros((3, length)), np.zeros((3, length))
        d1, d2 = np.diff(np.eye(length), axis=0), np.diff(np.eye(length), n=2, axis=0)
        for offset in range(3):
            one[offset, : length - offset] = np.diagonal(d1.T @ d1, offset)
            two[offset, : length - offset] = np.diagonal(d2.T @ d2, offset)
        return tuple(one[k][:, None] * self.first + two[k][:, None] * self.second for k in range(3))  # type: ignore[return-value]


BACKTRACK = 0.3
"""Factor of the shorter steps that are tried when the full ones do not lower the energy."""

ROUNDS = 4
"""How often a step is solved anew with what met its bounds; what leaves them after the last is cut."""

CALMER = 4.0
"""How much the damping falls where a step did what was promised."""

TIMID = 3e-3
"""Median damping of coupled frames from which a small decrease only says that the steps were small."""


NOTHING = 1e-6
"""Bold steps (rad or m) so short leave nothing to gain, also where rounding hides whether they gain anything."""


@dataclass(frozen=True)
class Settings:
    """When to stop, and how bold a step may be."""

    iterations: int = 40
    tolerance: float = 1e-3
    """Relative decrease of the energy below which two accepted steps in a row end the solve."""
    clips: tuple[float, float] = (0.5, 0.2)
    """Largest change of any unknown in a step (rad or m). What would exceed the first is set on it, and the rest of the
    step is solved anew; to the second, a frame's whole step is shortened. The better of the two is kept."""
    damping: float = 1e-2
    """Start value, relative to the matrix's diagonal."""


def solve(
    engine: Engine,
    x: np.ndarray,
    smoothness: Smoothness | None = None,
    settings: Settings | None = None,
    listener: ProgressListener = silent,
    stage: str = "optimize",
) -> Solution:
    """Minimize the engine's energy (plus smoothness) from `x (T, n)`.

    The solution's value is (T, n); its energies are per term and step, and for uncoupled frames `stats` is empty and
    `energies['frame']` holds the final energy of each start. A start that is not finite ends at once with a status
    that says so.
    """
    settings = settings or Settings()
    step, coupled = _uncoupled_step, smoothness is not None
    if smoothness is not None:
        step = coupled_step(smoothness, len(x), engine.problem.blocks)
    low, high = engine.problem.bounds()
    whole, x = engine, np.clip(x, low, high)
    matrix, gradient, energies = engine.normal_equations(x)
    total = _totals(energies, x, smoothness)
    history = [energies.sum(0)]
    if not np.any(np.isfinite(total)):
        return _finish(engine, x, energies, history, smoothness, "Diverged: the energy at the start is not finite.")
    damping = np.full(len(x), settings.damping)
    status = f"Stopped at the limit of {settings.iterations} iterations."
    calm = np.zeros(len(total), int)
    together = chunk_frames(engine.problem)
    alive, ended = np.arange(len(x)), _Ended(x.copy(), energies.copy(), np.zeros(len(x), bool))
    for iteration in range(settings.iterations):
        move = _boxed(
            step, matrix, gradient, smoothness, x, damping,
            (np.maximum(low - x, -settings.clips[0]), np.minimum(high - x, settings.clips[0])),
        )  # fmt: skip
        trials = _Trials(engine, smoothness, (low, high), x, total)
        reached = trials.search(move, settings.clips[1])
        accepted = trials.total < total
        if smoothness is None:
            damping = np.where(accepted, damping / CALMER, damping * 6.0)
        else:
            promised = -2.0 * (gradient * move).sum(1) - np.einsum("ti,tij,tj->t", move, matrix, move)
            given = energies.sum(1) - reached
            damping = _damping_by_frame(damping, promised, given, float(total[0]), bool(accepted.all()))
        damping = np.clip(damping, 1e-9, 1e6)
        gain = _relative_decrease(total, trials.total)
        x, total = trials.x, trials.total
        if bool(accepted.any()):
            matrix, gradient, energies = engine.normal_equations(x)
        ended.put(alive, x, gradient, energies)
        history.append(ended.energies.sum(0))
        finite = _totals(ended.energies, ended.x, smoothness)
        finite = finite[np.isfinite(finite)]
        listener(Progress(stage, iteration + 1, settings.iterations, float(finite.min() if len(finite) else np.nan)))
        bold = np.median(damping, keepdims=True) < TIMID if coupled else damping < TIMID
        longest = np.abs(move).max(axis=1)
        nothing = (longest.max(keepdims=True) if coupled else longest) < NOTHING
        settled = np.where(accepted, (gain < settings.tolerance) & (bold | (not coupled)), nothing & bold)
        calm = np.where(settled, calm + 1, np.where(accepted, 0, calm))
        done = (calm >= 2) | ((damping if smoothness is None else damping.min(keepdims=True)) > 1e4)
        if bool(done.all()):
            status = f"Converged after {iteration + 1} iterations."
            break
        if smoothness is None and whole_chunks(int((~done).sum()), together) < whole_chunks(len(alive), together):
            left = np.flatnonzero(~done)
            engine, alive = engine.take(left), alive[left]
            x, total, matrix, gradient, energies = x[left], total[left], matrix[left], gradient[left], energies[left]
            damping, calm = damping[left], calm[left]
    lost = int(ended.lost.sum())
    if lost:
        status = f"Diverged in {lost} of {len(ended.x)} frames, whose energy or gradient is not finite. {status}"
    return _finish(whole, ended.x, ended.energies, history, smoothness, status)


def _boxed(
    step: Callable[..., np.ndarray],
    matrix: np.ndarray,
    gradient: np.ndarray,
    smoothness: Smoothness | None,
    x: np.ndarray,
    damping: np.ndarray,
    box: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """The damped step (T, n) within a box: what would leave it is set on its side, and the rest is solved anew.

    Cutting single unknowns off a step leaves the others, which counted on them, worse than no step (two hands on one
    table: a shoulder that stops, while the table goes on).
    """
    low, high = box

    def slope(move: np.ndarray) -> np.ndarray:
        linear = gradient + np.einsum("tij,tj->ti", matrix, move)
        return linear if smoothness is None else linear + smoothness.gradient(x + move)

    move = np.zeros_like(x)
    held = ((low >= 0.0) & (slope(move) > 0.0)) | ((high <= 0.0) & (slope(move) < 0.0))
    for _ in range(ROUNDS):
        whole = move + step(matrix, slope(move), held, damping)
        outside = ~held & ((whole < low) | (whole > high))
        if not outside.any():
            return whole
        held |= outside
        move = np.where(held, np.clip(whole, low, high), 0.0)
    return np.clip(whole, low, high)


class _Trials:
    """The steps tried in one iteration, and the best place among them and where it began."""

    def __init__(
        self,
        engine: Engine,
        smoothness: Smoothness | None,
        bounds: tuple[np.ndarray, np.ndarray],
        x: np.ndarray,
        total: np.ndarray,
    ) -> None:
        self.engine, self.smoothness, self.bounds = engine, smoothness, bounds
        self.start, self.begun = x, total
        self.x, self.total = x, total

    def search(self, move: np.ndarray, careful: float) -> np.ndarray:
        """Tries the whole move, then shorter ones; each frame's energy (T,) after the whole."""
        reached = self._attempt(self.start + move)
        if np.abs(move).max() > careful:
            self._attempt(self.start + _shortened(move, careful))
        for attempt in (1, 2):
            stuck = self.total >= self.begun
            if not stuck.any():
                break  # the shorter steps are for those whom no other helps
            self._attempt(self.start + BACKTRACK**attempt * _shortened(move, careful), stuck)
        return reached

    def _attempt(self, x: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
        """Each frame's energy there, infinite where it is not finite; `of` says whose totals may take the place."""
        x = np.clip(x, *self.bounds)
        energies = self.engine.energies(x)
        total = _totals(energies, x, self.smoothness)
        better = (total < self.total) & (True if of is None else of)
        self.x = np.where(better[:, None], x, self.x)
        self.total = np.where(better, total, self.total)
        return np.nan_to_num(energies.sum(1), nan=np.inf, posinf=np.inf)


def _shortened(direction: np.ndarray, limit: float) -> np.ndarray:
    """Every frame's step, its longest entry at most `limit`."""
    longest = np.abs(direction).max(axis=1, keepdims=True)
    return direction * np.minimum(1.0, limit / np.maximum(longest, 1e-9))


def _damping_by_frame(
    damping: np.ndarray, promised: np.ndarray, given: np.ndarray, total: float, accepted: bool
) -> np.ndarray:
    """Damping (T,) of coupled frames: each by how much the linear model promised its own energy to fall, and it fell.

    One frame that the model describes badly would else hold back all others. A promise may be negative, where a frame
    pays for its neighbors. What is too little to matter beside the whole energy counts as kept.
    """
    worth = np.abs(promised) + np.abs(given) > 5e-4 * total / len(damping)
    short = promised - given
    broken = worth & (short > 0.75 * np.abs(promised))
    kept = ~worth | (short < 0.4 * np.abs(promised))
    if not accepted:
        return damping * np.where(broken, 8.0, 2.0)
    return damping * np.where(broken, 4.0, np.where(kept, 1.0 / CALMER, 1.0))


@dataclass(frozen=True)
class _Ended:
    """What every frame has come to; uncoupled frames leave the solve one by one."""

    x: np.ndarray
    """(T, n)"""
    energies: np.ndarray
    """(T, K)"""
    lost: np.ndarray
    """(T,) whose energy or gradient is not finite."""

    def put(self, frames: np.ndarray, x: np.ndarray, gradient: np.ndarray, energies: np.ndarray) -> None:
        self.x[frames], self.energies[frames] = x, energies
        self.lost[frames] = ~np.all(np.isfinite(gradient), axis=1) | ~np.all(np.isfinite(energies), axis=1)


def adam(
    engine: Engine,
    x: np.ndarray,
    smoothness: Smoothness,
    steps: int,
    rate: float = 1e-2,
    until: float = -np.inf,
    gradient_of: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None,
) -> Solution:
    """Projected Adam on the same energy: the first-order yardstick of the benchmarks.

    `gradient_of(x)` gives the gradient (T, n) of half the energy and energies (T, K); by default the engine's normal
    equations, of which only the gradient is used.
    """
    low, high = engine.problem.bounds()
    evaluate = gradient_of or (lambda value: engine.normal_equations(value)[1:])
    first, second = np.zeros_like(x), np.zeros_like(x)
    best, best_energies, lowest = x, np.zeros((len(x), 0)), np.inf
    history, status = [], f"Took {steps} steps."
    for taken in range(1, steps + 1):
        gradient, energies = evaluate(x)
        total = _totals(energies, x, smoothness)[0]
        history.append(energies.sum(0))
        if total < lowest or taken == 1:
            best, best_energies, lowest = x, energies, total
        if not (np.isfinite(total) and np.all(np.isfinite(gradient))):
            status = f"Diverged: the energy or its gradient is not finite at step {taken}."
            break
        if total <= until:
            status = f"Reached the energy in {taken} steps."
            break
        gradient = 2.0 * (gradient + smoothness.gradient(x))
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        move = rate * (first / (1 - 0.9**taken)) / (np.sqrt(second / (1 - 0.999**taken)) + 1e-8)
        x = np.clip(x - move, low, high)
    return _finish(engine, best, best_energies, history, smoothness, status)


def _totals(energies: np.ndarray, x: np.ndarray, smoothness: Smoothness | None) -> np.ndarray:
    """One total for a coupled problem, one per frame otherwise; what is not finite counts as infinite."""
    frame = np.nan_to_num(energies.sum(1), nan=np.inf, posinf=np.inf)
    return frame if smoothness is None else np.array([frame.sum() + smoothness.energy(x)])


def _relative_decrease(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Zero where there was nothing finite to decrease."""
    finite = np.isfinite(before)
    start, end = np.where(finite, before, 1.0), np.where(finite, after, 1.0)
    return (start - end) / np.maximum(np.abs(start), 1e-9)


def _finish(
    engine: Engine,
    x: np.ndarray,
    energies: np.ndarray,
    history: list[np.ndarray],
    smoothness: Smoothness | None,
    status: str,
) -> Solution:
    total = _totals(energies, x, smoothness)
    by_name = {t.name: np.array([h[k] for h in history]) for k, t in enumerate(engine.problem.terms)}
    by_name["frame"] = energies.sum(1)
    return Solution(x, float(total.min()), status, by_name, {"iterations": float(len(history) - 1)})


def _regularized(matrix: np.ndarray, frozen: np.ndarray, damping: np.ndarray) -> np.ndarray:
    """Block matrices (T, n, n) with damped diagonals, and identity rows and columns where unknowns are frozen."""
    free = ~frozen
    result = matrix * (free[:, :, None] & free[:, None, :])
    index = np.arange(matrix.shape[1])
    diagonal = result[:, index, index]
    result[:, index, index] = np.where(free, diagonal * (1.0 + damping[:, None]) + 1e-6, 1.0)
    return result


def _uncoupled_step(matrix: np.ndarray, gradient: np.ndarray, frozen: np.ndarray, damping: np.ndarray) -> np.ndarray:
    finite: np.ndarray = np.all(np.isfinite(matrix), axis=(1, 2)) & np.all(np.isfinite(gradient), axis=1)
    matrix = np.where(finite[:, None, None], matrix, np.eye(matrix.shape[1]))
    right = np.where(frozen | ~finite[:, None], 0.0, -gradient)
    return np.linalg.solve(_regularized(matrix, frozen, damping), right[..., None])[..., 0]


def coupled_step(smoothness: Smoothness, length: int, blocks: Blocks) -> Callable[..., np.ndarray]:
    near = smoothness.diagonals(length)

    def step(matrix: np.ndarray, gradient: np.ndarray, frozen: np.ndarray, damping: np.ndarray) -> np.ndarray:
        frames, n = gradient.shape
        index = np.arange(n)
        within = matrix.copy()
        within[:, index, index] += near[0]
        within = _regularized(within, frozen, np.broadcast_to(damping, (frames,)))
        one, two = (near[k][: max(frames - k, 0)] * ~(frozen[: max(frames - k, 0)] | frozen[k:]) for k in (1, 2))
        try:
            return solve_people(System(within, (one, two), np.where(frozen, 0.0, -gradient)), blocks)
        except (LinAlgError, np.linalg.LinAlgError):
            return np.zeros_like(gradient)

    return step
