"""Cost adds up over people: block by block and person by person equal everything at once."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import jax
import numpy as np
import pytest
import torch

from benchmarks.speed_problems import with_people
from tests.interaction_problem import FREE_OBJECT, WRIST_OBJECT, interaction_problem
from zeroshot_hoi.body.volume import body_spheres
from zeroshot_hoi.core.arrays import jax_namespace, numpy_namespace
from zeroshot_hoi.optimization import chains
from zeroshot_hoi.optimization.chains import Blocks, System, solve_band, solve_people
from zeroshot_hoi.optimization.energies import contact, penetration
from zeroshot_hoi.optimization.engines.base import residual_vector, term_arrays
from zeroshot_hoi.optimization.engines.jax import JaxEngine, _precision
from zeroshot_hoi.optimization.engines.torch import TorchEngine
from zeroshot_hoi.optimization.problem import Problem, Term, frame_state, moved_state, noted_residuals
from zeroshot_hoi.optimization.solver import Smoothness, coupled_step


def two_people() -> Problem:
    """Two people with things of their own; they meet, and the second touches what rides on the first one's wrist, what
    is free beside the first, and through a term of objects alone the first one's tool touches the second one's."""
    two = with_people(interaction_problem(3), 2)
    spheres = body_spheres(two.people[0].body)
    wrist = two.terms[0].constants["rows"].reshape(-1, two.terms[0].constants["rows"].shape[-1])[:4]
    held = {"anchor": np.zeros((3, 4, 3)), "gate": np.ones((3, 1, 1))}
    rest = next(t for t in two.terms if t.energy is contact.rest)
    more = (
        Term("apart", penetration.body_in_body, 0.004, 1, other=0, constants={
            "rows": spheres.centers.rows, "radii": 3.0 * spheres.radii,
            "other_rows": spheres.centers.rows, "other_radii": 3.0 * spheres.radii}),
        Term("hand-over", contact.anchored, 0.01, 1, WRIST_OBJECT, constants={"rows": wrist}, frames=held),
        Term("shared", contact.anchored, 0.01, 1, FREE_OBJECT, constants={"rows": wrist}, frames=held),
        replace(rest, name="tools", object=WRIST_OBJECT, other=len(two.objects) // 2 + FREE_OBJECT),
    )  # fmt: skip
    return replace(two, terms=(*two.terms, *more))


@pytest.fixture(scope="module")
def problem() -> Problem:
    return two_people()


@pytest.fixture(scope="module")
def x(problem: Problem) -> np.ndarray:
    return np.clip(
        problem.initial() + np.random.default_rng(2).normal(0.0, 0.02, (problem.length, problem.size)),
        *problem.bounds(),
    )


@pytest.fixture(scope="module")
def all_at_once(problem: Problem, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """J^T J, J^T r and r by one derivative of everything by everything, in double precision."""
    xp = jax_namespace()
    with _precision(np.float64):
        constants, frames = jax.tree.map(jax.numpy.asarray, term_arrays(problem))
        base = jax.tree.map(jax.numpy.asarray, dict(problem.base))

        def residuals(value: Any, mine: Any, data: Any) -> Any:
            return residual_vector(xp, problem, value, mine, constants, data)

        jacobian = np.asarray(jax.jit(jax.vmap(jax.jacfwd(residuals)))(x, base, frames))
        values = np.asarray(jax.jit(jax.vmap(residuals))(x, base, frames))
    return np.swapaxes(jacobian, 1, 2) @ jacobian, np.einsum("trn,tr->tn", jacobian, values), values


@pytest.mark.parametrize("make", [lambda p: JaxEngine(p, np.float64), lambda p: TorchEngine(p, torch.float64)],
                         ids=["jax", "torch"])  # fmt: skip
def test_block_by_block_equals_all_at_once(make: Any, problem: Problem, x: np.ndarray, all_at_once: Any) -> None:
    matrix, gradient, energies = make(problem).normal_equations(x)
    expected, slope, values = all_at_once
    assert np.abs(matrix - expected).max() < 1e-9 * np.abs(expected).max()
    assert np.abs(gradient - slope).max() < 1e-9 * np.abs(slope).max()
    assert energies.sum(1) == pytest.approx((values**2).sum(1), rel=1e-9)
    smooth = Smoothness(np.full(problem.size, 4.0), np.full(problem.size, 7e3))
    frozen, damping = np.zeros(x.shape, bool), np.array([1e-2])
    ours = coupled_step(smooth, len(x), problem.blocks)(matrix, gradient, frozen, damping)
    theirs = coupled_step(smooth, len(x), Blocks((slice(0, problem.size),)))(expected, slope, frozen, damping)
    assert np.abs(ours - theirs).max() < 1e-9 * np.abs(theirs).max()


def test_terms_tell_what_they_read(problem: Problem, x: np.ndarray) -> None:
    base = {name: np.asarray(value)[0] for name, value in problem.base.items()}
    constants, frames = term_arrays(problem)
    data = [{**c, **{k: v[0] for k, v in f.items()}} for c, f in zip(constants, frames, strict=True)]
    state = frame_state(numpy_namespace(), problem, x[0], base)
    _, reads = noted_residuals(numpy_namespace(), problem, state, data)
    found = {t.name: blocks for t, blocks in zip(problem.terms, reads, strict=True)}
    people, free = (0, 1), {0: 2, 1: 3}
    assert found["natural 0"] == {0}
    assert found["natural 1"] == {1}
    assert found["pads 0"] == {0}, "what rides on a wrist is its person's"
    assert found["anchored 1"] == {1, free[1]}
    assert found["surface 0"] == {0}, "what is fixed is nobody's"
    assert found["apart"] == set(people)
    assert found["hand-over"] == set(people)
    assert found["shared"] == {1, free[0]}
    assert found["tools"] == {0, free[1]}


def test_a_moved_block_moves_what_rides_on_it_and_nothing_else(problem: Problem, x: np.ndarray) -> None:
    xp = numpy_namespace()
    base = {name: np.asarray(value)[0] for name, value in problem.base.items()}
    before, blocks = frame_state(xp, problem, x[0], base), problem.blocks.all
    for b, part in enumerate(blocks):
        there = x[0].copy()
        there[part] = x[1][part]
        whole = frame_state(xp, problem, there, base)
        moved = moved_state(xp, problem, before, b, x[1][part], base)
        for ours, theirs in zip(moved, whole, strict=True):
            for one, other in zip(ours, theirs, strict=True):
                assert np.array_equal(one, other)
    assert blocks[-1].stop == problem.size


def system(rng: np.random.Generator, frames: int, widths: list[int], meet: list[tuple[int, int]]) -> tuple[Any, Any]:
    """A positive definite system of blocks, of which the named pairs couple in every frame; and its slices."""
    ends = np.cumsum([0, *widths])
    slices = [slice(a, b) for a, b in pairwise(ends)]
    n = ends[-1]
    within = np.zeros((frames, n, n))
    for a, b in [*meet, *((k, k) for k in range(len(widths)))]:
        columns = np.r_[slices[a], slices[b]] if a != b else np.r_[slices[a]]
        rows = rng.normal(size=(frames, len(columns) + 2, len(columns)))
        within[:, columns[:, None], columns] += np.swapaxes(rows, 1, 2) @ rows
    smooth = Smoothness(rng.uniform(0.5, 2.0, n), rng.uniform(5.0, 20.0, n))
    zero, one, two = smooth.diagonals(frames)
    index = np.arange(n)
    within[:, index, index] += zero
    near = one[: max(frames - 1, 0)], two[: max(frames - 2, 0)]
    return System(within, near, rng.normal(size=(frames, n))), slices


@pytest.mark.parametrize("frames", [1, 2, 3, 8, 9])
@pytest.mark.parametrize("meet", [
    [],
    [(0, 4), (1, 4), (2, 4), (3, 4)],
    [(0, 4), (1, 4), (2, 5), (3, 5)],
    [(0, 4), (1, 4), (1, 5), (2, 5), (3, 5), (4, 5)],
    [(0, 1), (1, 4), (2, 4), (3, 5)],
    [(0, 1), (1, 2), (2, 3)],
])  # fmt: skip
def test_people_solved_apart_equal_everybody_in_one_band(frames: int, meet: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(chains, "_arrow_cost", lambda *_: 0.0)  # take that way wherever there are two chains
    whole, slices = system(np.random.default_rng(frames), frames, [5, 4, 6, 5, 2, 3], meet)
    found = solve_people(whole, Blocks(tuple(slices[:4]), tuple(slices[4:])))
    expected = solve_band(whole)
    assert np.abs(found - expected).max() < 1e-9 * np.abs(expected).max()


def ways(monkeypatch: Any, frames: int, widths: list[int], people: int, meet: Any) -> list[str]:
    """How a system is solved: `band N` or `arrow` in the order of the groups."""
    taken: list[str] = []
    band, arrow = chains.solve_band, chains._solve_arrow
    monkeypatch.setattr(chains, "solve_band", lambda s: (taken.append(f"band {s.right.shape[1]}"), band(s))[1])
    monkeypatch.setattr(chains, "_solve_arrow", lambda *a: (taken.append("arrow"), arrow(*a))[1])
    whole, slices = system(np.random.default_rng(0), frames, widths, meet)
    solve_people(whole, Blocks(tuple(slices[:people]), tuple(slices[people:])))
    return taken


def test_the_cheaper_way_is_taken(monkeypatch: Any) -> None:
    assert ways(monkeypatch, 6, [8, 8, 6], 2, []) == ["band 8", "band 8", "band 6"]
    assert ways(monkeypatch, 6, [8, 8, 6], 2, [(0, 2)]) == ["band 14", "band 8"]


def test_many_people_on_one_object_are_solved_one_by_one(monkeypatch: Any) -> None:
    assert ways(monkeypatch, 6, [30, 30, 30, 30, 3], 4, [(0, 4), (1, 4), (2, 4), (3, 4)]) == ["arrow"]


def test_people_who_touch_share_a_band(monkeypatch: Any) -> None:
    assert ways(monkeypatch, 6, [8, 8, 8], 3, [(0, 2)]) == ["band 16", "band 8"]


def test_what_is_not_positive_definite_makes_no_step() -> None:
    blocks = Blocks((slice(0, 2), slice(2, 4)))
    step = coupled_step(Smoothness(np.zeros(4), np.zeros(4)), 3, blocks)
    matrix = np.tile(-np.eye(4), (3, 1, 1))
    assert not step(matrix, np.ones((3, 4)), np.zeros((3, 4), bool), np.array([0.1])).any()
