"""Built-in meshes: closed, manifold, of household size, with room for a hand where a hand must go."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import trimesh

from zeroshot_hoi.core.errors import MeshError
from zeroshot_hoi.geometry.builtin import BUILTINS, builtin_mesh
from zeroshot_hoi.recipe import Recipe, list_recipes


def _mesh(name: str) -> trimesh.Trimesh:
    mesh = builtin_mesh(name)
    return mesh.to_mesh() if isinstance(mesh, trimesh.Scene) else mesh


def _hits(mesh: trimesh.Trimesh, origin: Sequence[float], direction: Sequence[float]) -> np.ndarray:
    """Sorted distances of every crossing along a ray, tested triangle by triangle (Moller-Trumbore)."""
    start, ray = np.array(origin), np.array(direction)
    corner = mesh.triangles[:, 0]
    first, second = mesh.triangles[:, 1] - corner, mesh.triangles[:, 2] - corner
    across = np.cross(ray, second)
    determinant = np.einsum("fi,fi->f", first, across)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = np.einsum("fi,fi->f", start - corner, across) / determinant
        turned = np.cross(start - corner, first)
        v = turned @ ray / determinant
        distance = np.einsum("fi,fi->f", second, turned) / determinant
        inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 0)
    return np.sort(distance[inside])


@pytest.mark.parametrize("name", BUILTINS)
def test_every_component_is_a_closed_solid_on_the_ground(name: str) -> None:
    mesh = _mesh(name)
    assert mesh.bounds[0][2] == pytest.approx(0.0, abs=1e-9)
    for component in mesh.split(only_watertight=False):
        assert component.is_watertight
        assert component.is_winding_consistent
        assert component.volume > 1e-7
        edges = np.sort(component.edges, axis=1)
        _, counts = np.unique(edges, axis=0, return_counts=True)
        assert (counts == 2).all()
    assert mesh.area_faces.min() > 1e-12
    assert len(mesh.faces) < 22_000


@pytest.mark.parametrize("name", BUILTINS)
def test_faces_have_several_colors(name: str) -> None:
    mesh = builtin_mesh(name)
    parts = list(mesh.geometry.values()) if isinstance(mesh, trimesh.Scene) else [mesh]
    colors = np.concatenate([part.visual.face_colors for part in parts])
    assert len(np.unique(colors, axis=0)) >= 2


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("iron", (0.24, 0.10, 0.12), (0.26, 0.12, 0.14)),
        ("ironing board", (1.15, 0.36, 0.85), (1.25, 0.46, 0.90)),
        ("chair", (0.42, 0.42, 0.85), (0.50, 0.44, 0.92)),
        ("dumbbell", (0.25, 0.10, 0.10), (0.30, 0.13, 0.13)),
        ("office chair", (0.55, 0.55, 0.90), (0.70, 0.70, 1.15)),
        ("sofa", (0.80, 1.50, 0.75), (0.95, 1.80, 0.95)),
        ("exercise ball", (0.64, 0.64, 0.64), (0.66, 0.66, 0.66)),
        ("table", (0.70, 1.15, 0.72), (0.80, 1.25, 0.76)),
        ("door", (0.10, 0.88, 1.95), (0.20, 0.95, 2.05)),
        ("wall", (0.10, 1.5, 2.2), (0.20, 2.0, 2.6)),
        ("broom", (0.05, 0.28, 1.30), (0.08, 0.36, 1.50)),
        ("shovel", (0.04, 0.20, 1.05), (0.10, 0.26, 1.25)),
        ("heap", (0.80, 0.80, 0.25), (1.00, 1.00, 0.32)),
        ("hammer", (0.12, 0.025, 0.28), (0.16, 0.045, 0.35)),
        ("plasterers float", (0.26, 0.12, 0.07), (0.30, 0.14, 0.10)),
        ("lawn mower", (1.0, 0.5, 0.9), (1.4, 0.65, 1.1)),
        ("mug", (0.11, 0.075, 0.09), (0.14, 0.09, 0.10)),
        ("teapot", (0.24, 0.15, 0.14), (0.32, 0.18, 0.18)),
        ("frying pan", (0.40, 0.24, 0.04), (0.50, 0.28, 0.08)),
        ("bottle", (0.06, 0.04, 0.17), (0.08, 0.06, 0.21)),
        ("toothbrush", (0.17, 0.01, 0.012), (0.20, 0.02, 0.025)),
        ("guitar", (0.09, 0.34, 0.95), (0.13, 0.40, 1.06)),
        ("keyboard", (0.12, 0.42, 0.015), (0.16, 0.46, 0.03)),
        ("book", (0.20, 0.28, 0.03), (0.24, 0.34, 0.06)),
        ("binoculars", (0.14, 0.11, 0.04), (0.18, 0.15, 0.06)),
        ("cardboard box", (0.28, 0.40, 0.28), (0.32, 0.44, 0.32)),
        ("bag", (0.30, 0.12, 0.48), (0.34, 0.15, 0.56)),
        ("skateboard", (0.76, 0.18, 0.10), (0.84, 0.22, 0.16)),
        ("bicycle", (1.6, 0.5, 0.98), (1.85, 0.65, 1.1)),
        ("ball", (0.21, 0.21, 0.21), (0.23, 0.23, 0.23)),
    ],
)
def test_size_is_that_of_the_real_thing(name: str, low: tuple[float, ...], high: tuple[float, ...]) -> None:
    extents = _mesh(name).extents
    assert (extents >= low).all()
    assert (extents <= high).all()


def test_iron_leaves_room_for_four_fingers_under_its_handle() -> None:
    iron = _mesh("iron")
    for x in np.linspace(-0.05, 0.03, 5):
        down = _hits(iron, (x, 0.001, 0.5), (0.0, 0.0, -1.0))
        bar_top, bar_bottom, shell_top = 0.5 - down[:3]
        assert 0.028 < bar_top - bar_bottom < 0.035
        assert bar_bottom - shell_top >= 0.040
        sideways = _hits(iron, (x, -0.2, 0.5 * (bar_top + bar_bottom)), (0.0, 1.0, 0.0))
        assert len(sideways) == 2
        assert 0.029 < sideways[1] - sideways[0] < 0.035
    posts = _hits(iron, (-0.3, 0.001, 0.08), (1.0, 0.0, 0.0))
    assert len(posts) == 4
    assert posts[2] - posts[1] >= 0.11


def test_iron_narrows_to_its_tip_in_front() -> None:
    vertices = _mesh("iron").vertices
    sole = vertices[vertices[:, 2] < 0.006]
    assert np.ptp(sole[sole[:, 0] > 0.11, 1]) < 0.05 < np.ptp(sole[sole[:, 0] < -0.10, 1])


def test_chair_has_a_seat_to_sit_on_and_a_back_behind_it() -> None:
    chair = _mesh("chair")
    for x, y in [(0.0, 0.0), (0.12, 0.12), (-0.12, -0.1)]:
        assert 1.0 - _hits(chair, (x, y, 1.0), (0.0, 0.0, -1.0))[0] == pytest.approx(0.45, abs=0.01)
    low = _hits(chair, (0.5, 0.01, 0.60), (-1.0, 0.0, 0.0))[0]
    high = _hits(chair, (0.5, 0.01, 0.82), (-1.0, 0.0, 0.0))[0]
    assert 4 < np.degrees(np.arctan2(high - low, 0.22)) < 15


def test_dumbbell_bar_is_free_between_its_heads() -> None:
    bell = _mesh("dumbbell")
    height = 0.5 * bell.extents[2]
    for x in np.linspace(-0.055, 0.055, 7):
        through = _hits(bell, (x, -0.3, height + 0.001), (0.0, 1.0, 0.0))
        assert 0.028 < np.ptp(through) < 0.032
    gap = _hits(bell, (0.0, 0.001, height + 0.03), (1.0, 0.0, 0.0))
    assert 0.12 < 2 * gap[0] < 0.14


def _named(name: str, part: str) -> trimesh.Trimesh:
    scene = builtin_mesh(name)
    assert isinstance(scene, trimesh.Scene)
    transform, geometry = scene.graph[part]
    return scene.geometry[geometry].copy().apply_transform(transform)


@pytest.mark.parametrize(
    ("name", "part", "low", "high"),
    [
        ("office chair", "seat", (-0.3, -0.3, 0.40), (0.3, 0.3, 0.51)),
        ("sofa", "seat", (-0.4, -0.7, 0.24), (0.45, 0.7, 0.47)),
        ("bicycle", "saddle", (-0.36, -0.12, 0.85), (0.0, 0.12, 0.95)),
        ("bicycle", "grips", (0.1, -0.32, 1.0), (0.3, 0.32, 1.1)),
        ("bicycle", "pedals", (-0.3, -0.2, 0.2), (0.3, 0.2, 0.35)),
        ("lawn mower", "handle", (-0.8, -0.3, 0.9), (-0.6, 0.3, 1.1)),
        ("teapot", "spout", (0.04, -0.03, 0.01), (0.18, 0.03, 0.15)),
        ("teapot", "handle", (-0.16, -0.03, 0.01), (-0.04, 0.03, 0.13)),
        ("door", "handle", (-0.1, 0.2, 1.0), (0.1, 0.45, 1.1)),
        ("guitar", "neck", (0.02, -0.04, 0.4), (0.08, 0.04, 0.85)),
    ],
)
def test_named_parts_lie_where_hands_and_hips_expect_them(
    name: str, part: str, low: tuple[float, ...], high: tuple[float, ...]
) -> None:
    bounds = _named(name, part).bounds
    assert (bounds[0] >= low).all()
    assert (bounds[1] <= high).all()


@pytest.mark.parametrize(
    ("name", "part", "thin", "thick"),
    [
        ("hammer", "handle", 0.025, 0.04),
        ("broom", "stick", 0.022, 0.03),
        ("plasterers float", "handle", 0.028, 0.034),
        ("lawn mower", "handle", 0.026, 0.034),
        ("mug", "handle", 0.008, 0.016),
        ("toothbrush", "handle", 0.006, 0.015),
    ],
)
def test_handles_are_as_thick_as_a_hand_wants_them(name: str, part: str, thin: float, thick: float) -> None:
    handle = _named(name, part)
    middle = 0.5 * (handle.bounds[0] + handle.bounds[1])
    axis = int(handle.extents.argmax())
    across = [i for i in range(3) if i != axis]
    found = []
    for i in across:
        start, ray = middle.copy(), np.zeros(3)
        start[i], ray[i] = handle.bounds[0][i] - 0.1, 1.0
        start += 1e-4
        hits = _hits(handle, start.tolist(), ray.tolist())
        found += [float(b - a) for a, b in zip(hits[::2], hits[1::2], strict=True)]
    assert found
    assert min(found) >= thin - 0.001
    assert min(found) <= thick


@pytest.mark.parametrize("name", ["mug", "frying pan"])
def test_vessels_are_hollow_and_nothing_reaches_into_them(name: str) -> None:
    mesh = _mesh(name)
    top = mesh.bounds[1][2]
    vessel = _named(name, "cup" if name == "mug" else "pan")
    middle = vessel.bounds.mean(0)
    down = top + 0.1 - _hits(mesh, (middle[0] + 1e-3, middle[1] + 1e-3, top + 0.1), (0.0, 0.0, -1.0))
    assert down[0] < 0.25 * vessel.bounds[1][2], "the floor, deep below the rim"
    rim = 0.8 * vessel.bounds[1][2]
    back = _hits(mesh, (middle[0], middle[1] + 1e-4, rim), (-1.0, 0.0, 0.0))
    wall = _hits(vessel, (middle[0], middle[1] + 1e-4, rim), (-1.0, 0.0, 0.0))
    assert back[0] == pytest.approx(wall[0], abs=1e-4)


@pytest.mark.parametrize("recipe", list_recipes())
def test_recipes_name_built_in_meshes_of_a_plausible_size(recipe: str) -> None:
    for thing in Recipe.load(recipe).objects:
        assert thing.size[0] <= max(_mesh(thing.builtin).extents) <= thing.size[1], thing.name


def test_unknown_name_says_which_are_known() -> None:
    with pytest.raises(MeshError, match=r"Did you mean 'chair'\?"):
        builtin_mesh("chairs")
