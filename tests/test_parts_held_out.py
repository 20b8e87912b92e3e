"""Parts on shapes that nothing was tuned on: opposite sides, stub legs, things turned, scaled and meshed otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from test_affordance import HANDLE, MIDDLE_HANDLE, SEAT, Found, scene_object

from zeroshot_hoi.affordance.assignment import pair_fit
from zeroshot_hoi.affordance.fitness import Measured
from zeroshot_hoi.affordance.segments import Segment
from zeroshot_hoi.core.plan import PartDescription
from zeroshot_hoi.geometry.builtin import builtin_mesh


def panel(size: tuple[float, float, float], place: tuple[float, float, float]) -> trimesh.Trimesh:
    mesh = trimesh.creation.box(size)
    mesh.apply_translation(place)
    return mesh


def crate() -> trimesh.Trimesh:
    """An open box of 8 mm board."""
    wide, deep, tall, wall = 0.5, 0.36, 0.3, 0.008
    return trimesh.util.concatenate([
        panel((wide, deep, wall), (0, 0, wall / 2)),
        *[panel((wall, deep, tall), (s * wide / 2, 0, tall / 2)) for s in (-1, 1)],
        *[panel((wide, wall, tall), (0, s * deep / 2, tall / 2)) for s in (-1, 1)],
    ])  # fmt: skip


def chest() -> trimesh.Trimesh:
    """A low block on four stubs as wide as they are tall."""
    places = [(x, y, 0.03) for x in (-0.4, 0.4) for y in (-0.15, 0.15)]
    return trimesh.util.concatenate([panel((1.0, 0.45, 0.4), (0, 0, 0.26)), *[panel((0.06,) * 3, p) for p in places]])


@pytest.mark.parametrize("degrees", [0, 35])
def test_two_sides_of_a_crate_are_opposite(degrees: int) -> None:
    found = Found(scene_object(crate(), "crate", turn=np.radians(degrees)), PartDescription("side", count=2))
    side = found.result.parts["side"]
    areas, normals, centers = found.obj.samples.areas, found.obj.samples.normals, found.obj.samples.points
    assert side.instances.max() == 1
    flat = [np.average(np.abs(normals[side.instances == k, 2]), weights=areas[side.instances == k]) for k in (0, 1)]
    assert max(flat) < 0.2, "sides stand up"
    middle = [np.average(centers[side.instances == k], axis=0, weights=areas[side.instances == k]) for k in (0, 1)]
    assert np.linalg.norm((middle[0] + middle[1])[:2]) < 0.05, "the box's middle lies between them"


def test_stub_legs_are_legs() -> None:
    found = Found(scene_object(chest(), "chest"), PartDescription("leg", count=4))
    low = found.obj.samples.points[:, 2] < 0.061
    assert found.result.parts["leg"].instances.max() == 3
    assert found.share("leg", low) > 0.95


@pytest.mark.parametrize(("name", "part"), [("dumbbell", MIDDLE_HANDLE), ("iron", HANDLE), ("chair", SEAT)])
def test_turned_scaled_and_finer_things_keep_their_parts(name: str, part: PartDescription) -> None:
    """The answer moves with the mesh: the share of it that lies in the answer of the untouched mesh, turned back."""
    before = Found(scene_object(builtin_mesh(name), name), part)
    mesh = builtin_mesh(name)
    mesh = mesh.to_geometry() if isinstance(mesh, trimesh.Scene) else mesh
    scale, turn = 1.08, np.radians(23.0)
    finer = mesh.subdivide().apply_scale(scale)
    after = Found(scene_object(finer, name, turn=turn), part)
    c, s = np.cos(-turn), np.sin(-turn)
    back = (after.obj.samples.points @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T) / scale
    low, high = back.min(axis=0), back.max(axis=0)
    points = before.obj.samples.points
    back = back + 0.5 * (points.min(axis=0) + points.max(axis=0)) - 0.5 * (low + high)
    from scipy.spatial import KDTree

    inside = (before.result.parts[part.name].probability > 0.5)[KDTree(points).query(back)[1]]
    assert after.share(part.name, inside) > 0.8
    assert after.covered(part.name, inside) > 0.6


def measured(center: tuple[float, float, float], normal: tuple[float, float, float]) -> Measured:
    """A flat candidate with its middle and its normal."""
    n = np.array(normal)
    axes = np.stack([np.cross(n, [0.0, 0.0, 1.0]), [0.0, 0.0, 1.0], n])
    return Measured(
        Segment(np.arange(20), "panel"), 0.2, np.array([0.4, 0.3, 0.01]), axes, np.zeros(3), np.ones(3), np.zeros(3),
        np.array(center), 0.01, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0,
    )  # fmt: skip


def test_a_pair_is_mirrored_about_the_middle_and_parallel() -> None:
    left, right = measured((0, 0.2, 0), (0, 1, 0)), measured((0, -0.2, 0), (0, -1, 0))
    front, off = measured((0.2, 0, 0), (1, 0, 0)), measured((0, -0.05, 0), (0, -1, 0))
    assert pair_fit(left, right) == pytest.approx(1.0)
    assert pair_fit(left, front) < 0.75
    assert pair_fit(left, off) < 0.9


def test_a_measured_surface_is_kept_and_read_back_the_same(monkeypatch, tmp_path) -> None:
    from zeroshot_hoi.affordance.surface import measure_surface

    monkeypatch.setenv("ZEROSHOT_HOI_CACHE", str(tmp_path))
    obj = scene_object(panel((0.2, 0.1, 0.3), (0, 0, 0.15)), "brick")
    first, again, other = measure_surface(obj, 3), measure_surface(obj, 3), measure_surface(obj, 4)
    assert len(list((tmp_path / "surfaces").glob("*.npz"))) == 2
    for name, value in vars(first).items():
        assert np.array_equal(value, getattr(again, name)), name
    assert not np.array_equal(first.points, other.points)
