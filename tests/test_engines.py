"""Both engines on one problem with every kind of term: equal to each other, to numpy and to finite differences."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
import torch

from tests.interaction_problem import FIXED_OBJECT, FRAMES, FREE_OBJECT, WRIST_OBJECT, interaction_problem
from zeroshot_hoi.core.arrays import jax_namespace, numpy_namespace
from zeroshot_hoi.core.errors import EngineError
from zeroshot_hoi.optimization.energies import contact, penetration, posture, tracking
from zeroshot_hoi.optimization.engines import make_engine
from zeroshot_hoi.optimization.engines.base import CHUNK, chunk_frames, chunks, residual_vector, term_arrays
from zeroshot_hoi.optimization.engines.jax import JaxEngine
from zeroshot_hoi.optimization.engines.torch import TorchEngine
from zeroshot_hoi.optimization.problem import Problem, frame_state

XP = numpy_namespace()
TOLERANCE = {np.float64: 1e-5, np.float32: 1e-3}
"""Relative to the largest entry of each term's energy and of each frame's matrix."""


@pytest.fixture(scope="module")
def problem() -> Problem:
    return interaction_problem()


@pytest.fixture(scope="module")
def x(problem: Problem) -> np.ndarray:
    """(T, n), with the free object turned away from its base in every frame but the first."""
    x = problem.initial() + np.random.default_rng(1).normal(0.0, 0.02, (FRAMES, problem.size))
    x[0, -6:-3] = 0.0
    return np.clip(x, *problem.bounds())


@pytest.fixture(scope="module")
def engines(problem: Problem) -> dict[Any, tuple[Any, Any]]:
    """Precision -> the JAX engine and the torch engine."""
    return {
        np.float32: (JaxEngine(problem), TorchEngine(problem)),
        np.float64: (JaxEngine(problem, np.float64), TorchEngine(problem, torch.float64)),
    }


@pytest.fixture(scope="module")
def evaluated(engines: Any, x: np.ndarray) -> dict[Any, tuple[Any, Any]]:
    """Precision -> normal equations by JAX and by torch."""
    return {dtype: tuple(engine.normal_equations(x) for engine in pair) for dtype, pair in engines.items()}


@pytest.mark.parametrize(("shape", "axis"), [((7, 1), 1), ((40, 130), 1), ((3, 9, 33), -1), ((3, 33, 9), 1)])
@pytest.mark.parametrize("middle", [0.0, -5.0, 5.0])
def test_the_greatest_value_is_found_whatever_its_sign(shape: tuple[int, ...], axis: int, middle: float) -> None:
    values = np.random.default_rng(0).normal(middle, 1.0, shape)
    found = np.asarray(jax_namespace().argmax(jax.numpy.asarray(values, dtype="float32"), axis=axis))
    reached = np.take_along_axis(values, np.expand_dims(found, axis), axis)
    assert np.allclose(reached, values.max(axis, keepdims=True), atol=1e-3)
    assert (found == values.argmax(axis)).mean() > 0.97
    exact = jax_namespace().argmax(jax.numpy.asarray((10.0 * values).astype("int32")), axis=axis)
    assert np.array_equal(exact, (10.0 * values).astype("int32").argmax(axis))


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("sides", [(60, 3, 3), (60, 116, 3), (3, 3, 60)])
def test_batches_of_small_products(batch: int, sides: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(1)
    for first in (rng.normal(size=sides[:2]), rng.normal(size=(batch, *sides[:2]))):
        second = rng.normal(size=(batch, *sides[1:]))
        assert np.allclose(jax_namespace().matmul(first, second), first @ second, atol=1e-4)


def _frame_residuals(problem: Problem, x: np.ndarray, k: int) -> np.ndarray:
    """All residuals of frame `k` by numpy."""
    constants, frames = term_arrays(problem)
    base = {name: np.asarray(value)[k] for name, value in problem.base.items()}
    mine = [{name: np.asarray(value)[k] for name, value in frame.items()} for frame in frames]
    return residual_vector(XP, problem, x, base, constants, mine)


def test_the_problem_has_every_kind_of_term_and_object(problem: Problem) -> None:
    modules = (contact, penetration, posture, tracking)
    energies = {f for m in modules for f in vars(m).values() if getattr(f, "__module__", "") == m.__name__}
    assert energies - {t.energy for t in problem.terms} == {contact.soft_minimum, penetration.sphere_pairs}
    assert [problem.objects[k].kind for k in (WRIST_OBJECT, FREE_OBJECT, FIXED_OBJECT)] == ["ride", "free", "fixed"]
    assert FRAMES % chunk_frames(problem), "the last chunk must be padded"


@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_engines_agree(dtype: Any, evaluated: Any, problem: Problem) -> None:
    (matrix, gradient, energy), (other_matrix, other_gradient, other_energy) = evaluated[dtype]
    assert matrix.shape == (FRAMES, problem.size, problem.size)
    scale = np.abs(matrix).max((1, 2), keepdims=True)
    assert np.abs(matrix - other_matrix).max() < TOLERANCE[dtype] * scale.max()
    assert (np.abs(matrix - other_matrix) < TOLERANCE[dtype] * scale).all()
    assert (np.abs(gradient - other_gradient) < TOLERANCE[dtype] * np.abs(gradient).max(1, keepdims=True)).all()
    for k, term in enumerate(problem.terms):
        allowed = TOLERANCE[dtype] * max(energy[:, k].max(), 1.0)
        assert np.abs(energy[:, k] - other_energy[:, k]).max() < allowed, term.name


def test_energies_equal_those_of_the_normal_equations(engines: Any, evaluated: Any, x: np.ndarray) -> None:
    for engine, (_, _, energy) in zip(engines[np.float32], evaluated[np.float32], strict=True):
        assert engine.energies(x) == pytest.approx(energy, rel=1e-4, abs=1e-6)


def test_energies_equal_numpy_and_every_term_speaks(evaluated: Any, problem: Problem, x: np.ndarray) -> None:
    matrix, gradient, energy = evaluated[np.float64][0]
    assert matrix.dtype == gradient.dtype == energy.dtype == np.float64
    for k in (0, FRAMES - 1):
        residual = _frame_residuals(problem, x[k], k)
        assert (residual**2).sum() == pytest.approx(energy[k].sum(), rel=1e-9)
    silent = [t.name for t, e in zip(problem.terms, energy.sum(0), strict=True) if e < 1e-3]
    assert not silent, "terms that test nothing"


def test_normal_equations_are_those_of_finite_differences(evaluated: Any, problem: Problem, x: np.ndarray) -> None:
    k, step = FRAMES - 1, 1e-6
    moves = step * np.eye(problem.size)
    columns = [_frame_residuals(problem, x[k] + m, k) - _frame_residuals(problem, x[k] - m, k) for m in moves]
    jacobian = np.stack(columns, 1) / (2 * step)
    residual = _frame_residuals(problem, x[k], k)
    for matrix, gradient, _ in evaluated[np.float64]:
        expected = jacobian.T @ jacobian
        assert np.abs(matrix[k] - expected).max() < 1e-5 * np.abs(expected).max()
        assert np.abs(gradient[k] - jacobian.T @ residual).max() < 1e-5 * np.abs(gradient[k]).max()


def test_double_precision_stays_inside_the_engine(engines: Any, x: np.ndarray) -> None:
    engines[np.float64][0].normal_equations(x)
    assert jax.numpy.asarray(1.0).dtype == np.float32
    assert not jax.config.jax_enable_x64


@pytest.mark.parametrize("length", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
@pytest.mark.parametrize(("people", "frames"), [(1, CHUNK), (2, 4), (4, 2), (9, 1)])
def test_chunks_cover_every_frame_once(problem: Problem, length: int, people: int, frames: int) -> None:
    crowd = replace(problem, people=problem.people[:1] * people).take(np.arange(length) % FRAMES)
    found = [index[:count] for index, count in chunks(crowd)]
    assert np.concatenate(found).tolist() == list(range(length))
    assert all(len(index) == frames and index.max() < length for index, _ in chunks(crowd))


@pytest.mark.parametrize("engine", [0, 1], ids=["jax", "torch"])
def test_frames_do_not_depend_on_their_chunk(engine: int, evaluated: Any, problem: Problem, x: np.ndarray) -> None:
    index = np.array([8, 0, 3])
    part = problem.take(index)
    assert part.length == 3
    assert part.size == problem.size
    alone = (JaxEngine(part), TorchEngine(part))[engine].normal_equations(x[index])
    for whole, some in zip(evaluated[np.float32][engine], alone, strict=True):
        assert np.abs(whole[index] - some).max() < 1e-5 * np.abs(whole).max()


@pytest.mark.parametrize("engine", [0, 1], ids=["jax", "torch"])
def test_threads_do_not_disturb_each_other(engine: int, engines: Any, evaluated: Any, x: np.ndarray) -> None:
    """Key frames of several candidates are solved beside one another."""
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(engines[np.float32][engine].normal_equations, [x] * 6))
    for found in results:
        for array, expected in zip(found, evaluated[np.float32][engine], strict=True):
            assert array == pytest.approx(expected, rel=1e-5, abs=1e-5 * np.abs(expected).max())


def test_problems_of_one_structure_share_compiled_functions(engines: Any, problem: Problem, x: np.ndarray) -> None:
    jax_engine = engines[np.float32][0]
    heavier = replace(problem, terms=tuple(replace(t, sigma=2.0 * t.sigma) for t in problem.terms))
    engine = JaxEngine(heavier)
    assert engine._functions is jax_engine._functions
    assert engine.energies(x) == pytest.approx(0.25 * jax_engine.energies(x), rel=1e-4)
    fewer = replace(problem, terms=problem.terms[:3])
    assert JaxEngine(fewer)._functions is not jax_engine._functions


def test_a_riding_object_keeps_its_place_on_the_wrist(problem: Problem, x: np.ndarray) -> None:
    body, wrist = problem.people[0].body, problem.objects[WRIST_OBJECT].bone
    for k in (0, 5):
        base = {name: np.asarray(value)[k] for name, value in problem.base.items()}
        state = frame_state(XP, problem, x[k], base)
        carrier = state.bones[0][4 * wrist : 4 * wrist + 4]
        arm = state.translations[WRIST_OBJECT] - carrier[3]
        assert carrier[:3] @ arm == pytest.approx(base["translation0"] - body.rest_joints[wrist], abs=1e-9)
        assert carrier[:3] @ state.rotations[WRIST_OBJECT] == pytest.approx(base["rotation0"], abs=1e-9)


def test_unknowns_begin_at_the_base_values(problem: Problem) -> None:
    x = problem.initial()
    low, high = problem.bounds()
    assert x.shape == (FRAMES, problem.size) == (FRAMES, 10 + 3 + 6)
    assert ((x >= low) & (x <= high)).all()
    base = {name: np.asarray(value)[4] for name, value in problem.base.items()}
    state = frame_state(XP, problem, x[4], base)
    assert state.q[0] == pytest.approx(base["q0"], abs=1e-12)
    assert state.bones[0][3] == pytest.approx(base["root0"], abs=1e-12)
    assert state.rotations[FREE_OBJECT] == pytest.approx(base["rotation1"], abs=1e-12)
    assert state.translations[FREE_OBJECT] == pytest.approx(base["translation1"], abs=1e-12)


def test_unknown_and_missing_engines_say_what_to_do(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="Did you mean 'torch'"):
        make_engine("troch", problem)
    assert isinstance(make_engine("jax", problem), JaxEngine)
    monkeypatch.setitem(sys.modules, "zeroshot_hoi.optimization.engines.torch", None)
    with pytest.raises(EngineError, match=r"pip install 'zeroshot-hoi\[torch\]'"):
        make_engine("torch", problem)
