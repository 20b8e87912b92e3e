"""Built-in meshes: closed, manifold, of household size, with room for a hand where a hand must go."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from zeroshot_hoi.core.errors import MeshError
from zeroshot_hoi.geometry.builtin import BUILTINS, builtin_mesh


def _mesh(name: str) -> trimesh.Trimesh:
    mesh = builtin_mesh(name)
    return mesh.to_mesh() if isinstance(mesh, trimesh.Scene) else mesh


def _hits(
    mesh: trimesh.Trimesh, origin: tuple[float, float, float], direction: tuple[float, float, float]
) -> np.ndarray:
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
    assert len(mesh.faces) < 20_000


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


def test_unknown_name_says_which_are_known() -> None:
    with pytest.raises(MeshError, match=r"Did you mean 'chair'\?"):
        builtin_mesh("chairs")
