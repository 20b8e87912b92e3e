"""A contact map weighs where on a part contact is drawn: the grid's formula, the pull, and who reads it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from plain_scene import box, part_of, plain_object
from scipy.spatial import cKDTree

from zeroshot_hoi.body import load_body
from zeroshot_hoi.body.surface import surface_points
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.errors import MeshError
from zeroshot_hoi.core.scene import SceneObject
from zeroshot_hoi.geometry.grid import LEAST_WEIGHT, bake_part_grid, bake_place_grid
from zeroshot_hoi.geometry.query import grid_arrays, grid_distance, pad_grid
from zeroshot_hoi.optimization.edge_terms import FAR_REACH
from zeroshot_hoi.optimization.energies import contact
from zeroshot_hoi.optimization.engines import make_engine
from zeroshot_hoi.optimization.grasp_problem import measure_part
from zeroshot_hoi.optimization.interaction import SIGMA
from zeroshot_hoi.optimization.problem import ObjectUnknowns, PersonUnknowns, Problem, Term, frame_state
from zeroshot_hoi.optimization.solver import solve

SPREAD = SIGMA["place"]
PEAK = 0.4
"""Metres along y where contact is likeliest on a rail of 1 m about the origin."""


@pytest.fixture(scope="module")
def rail() -> SceneObject:
    mesh = trimesh.creation.box((0.03, 1.0, 0.03))
    fine = trimesh.Trimesh(*trimesh.remesh.subdivide_to_size(mesh.vertices, mesh.faces, 0.02), process=False)
    return plain_object("rail", fine, box((-0.015, -0.5, -0.015), (0.015, 0.5, 0.015)), 0.02)


@pytest.fixture(scope="module")
def weight(rail: SceneObject) -> np.ndarray:
    """(F,) falls to 1/e every 10 cm from PEAK."""
    return np.exp(-np.abs(rail.vertices[rail.faces].mean(axis=1)[:, 1] - PEAK) / 0.1)


def test_the_grid_is_a_distance_to_which_unlikely_places_add(rail: SceneObject, weight: np.ndarray) -> None:
    faces = np.arange(len(rail.faces))
    grid = grid_arrays(bake_place_grid(rail, faces, 0.3 * weight, SPREAD), np.float64)
    rng = np.random.default_rng(0)
    points = rng.uniform([-0.05, -0.5, -0.05], [0.05, 0.5, 0.05], (400, 3))
    dense, index = trimesh.sample.sample_surface(
        trimesh.Trimesh(rail.vertices, rail.faces, process=False), 40000, seed=1
    )
    cost = -2.0 * SPREAD**2 * np.log(np.maximum(weight[index] / weight.max(), LEAST_WEIGHT))
    wanted = np.sqrt(((points[:, None] - dense[::8]) ** 2).sum(-1) + cost[::8]).min(axis=1)
    found = grid_distance(numpy_namespace(), grid, points)
    assert np.abs(found - wanted).max() < 0.008, "a step of the weight is 5 mm"
    assert np.abs(found - wanted).mean() < 0.004
    assert (found > -1e-6).all()


def test_without_differences_it_is_the_distance_to_the_part(rail: SceneObject) -> None:
    faces = np.arange(len(rail.faces))
    grid = grid_arrays(bake_place_grid(rail, faces, np.full(len(faces), 0.2), SPREAD), np.float64)
    points = np.random.default_rng(1).uniform([0.03, -0.4, 0.03], [0.08, 0.4, 0.08], (100, 3))
    plain = grid_distance(numpy_namespace(), grid_arrays(bake_part_grid(rail, faces), np.float64), points)
    off = np.abs(grid_distance(numpy_namespace(), grid, points) - plain)
    assert off.mean() < 1e-3
    assert off.max() < 4e-3, "far nodes are interpolated"
    with pytest.raises(MeshError, match="likely nowhere"):
        bake_place_grid(rail, faces, np.zeros(len(faces)), SPREAD)


def place_of_hand(rail: SceneObject, weight: np.ndarray | None) -> float:
    """Metres along the rail where a still hand has it after the rail was free to move under contact alone."""
    body = load_body("neutral")
    hand = surface_points(body, "right hand", 24, 0)
    center = hand.rest.mean(axis=0)
    faces = np.arange(len(rail.faces))
    base = {
        "q0": np.zeros((1, len(body.freedoms.names))), "root0": body.rest_joints[:1], "heading0": np.eye(3)[None],
        "rotation0": np.eye(3)[None], "translation0": center[None] + [0.0, -0.15, 0.06],
    }  # fmt: skip
    terms = [
        Term("contact", contact.pads, SIGMA["touch"], constants={
            "rows": hand.rows[None], "grid": pad_grid(bake_part_grid(rail, faces)), "reach": np.full(1, FAR_REACH)},
            frames={"weight": np.ones((1, 1))}),
    ]  # fmt: skip
    if weight is not None:
        terms.append(
            Term("place", contact.pads, SIGMA["place"], constants={
                "rows": hand.rows[None], "grid": pad_grid(bake_place_grid(rail, faces, weight, SPREAD)),
                "reach": np.full(1, FAR_REACH)}, frames={"weight": np.ones((1, 1))})
        )  # fmt: skip
    flexion = body.freedoms.names.index("right elbow flexion")
    person = PersonUnknowns(body, (flexion,), moves=False)
    problem = Problem((person,), (ObjectUnknowns("free"),), base, tuple(terms))
    solution = solve(make_engine("torch", problem), problem.initial())
    state = frame_state(numpy_namespace(), problem, solution.value[0], {name: v[0] for name, v in base.items()})
    local = (hand.rows @ state.bones[0] - state.translations[0]) @ state.rotations[0]
    nearest = cKDTree(rail.vertices).query(local)[0]
    return float(local[np.argmin(nearest), 1])


def test_contact_goes_to_the_likely_end(rail: SceneObject, weight: np.ndarray) -> None:
    pytest.importorskip("torch", reason="needs the extra 'torch'")
    before, after = place_of_hand(rail, None), place_of_hand(rail, weight)
    assert abs(before) < 0.25, f"nothing pulls along the rail, yet it moved to {before:.3f}"
    assert abs(after - PEAK) < 0.08, f"contact at {after:.3f}"


def test_a_grip_starts_where_the_map_has_it(rail: SceneObject, weight: np.ndarray) -> None:
    faces = np.arange(len(rail.faces))
    part = part_of(rail, "rail", faces, np.array([0.0, 0.0, 1.0]))
    part = replace(part, axis=np.array([0.0, 1.0, 0.0]))
    plain = measure_part(rail, part, bake_part_grid(rail, faces))
    assert abs(plain.center[1]) < 0.01
    assert plain.free == pytest.approx(0.5 - 0.055, abs=0.01)
    middle = np.average(rail.vertices[rail.faces].mean(axis=1), axis=0, weights=weight)
    weighed = measure_part(rail, replace(part, weight=weight, center=middle), bake_part_grid(rail, faces))
    assert weighed.center[1] == pytest.approx(middle[1])
    assert weighed.free < 0.2
