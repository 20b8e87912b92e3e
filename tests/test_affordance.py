"""Parts of meshes by independent geometry: where the faces are, how large they are, which way they look."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.affordance.geometric import find_parts
from zeroshot_hoi.core.plan import ObjectPlan, PartDescription
from zeroshot_hoi.core.scene import DistanceGrid, MeshReport, ObjectParts, SceneObject, SurfaceSamples
from zeroshot_hoi.geometry.builtin import builtin_mesh

MESHES = Path(os.environ.get("ZEROSHOT_HOI_MESHES", Path(__file__).parents[2] / "shared" / "meshes"))

HANDLE = PartDescription("handle", "bar", ("upper",), aliases=("grip",))
MIDDLE_HANDLE = PartDescription("handle", "bar", ("middle",), aliases=("bar", "grip"))
SOLE = PartDescription("soleplate", "plate", ("bottom",), "down", ("plate", "base"))
TOP = PartDescription("top", "plate", ("top",), "up", ("table top", "tabletop", "cover"))
SEAT = PartDescription("seat", "plate", ("middle",), "up", ("cushion",))
BACKREST = PartDescription("backrest", "plate", ("upper", "back"), "front", ("back", "back rest"))


def scene_object(
    source: Any, name: str = "object", unit: float = 1.0, up: str = "z", turn: float = 0.0, front: str = ""
) -> SceneObject:
    """A prepared object made directly from trimesh, so that these tests stand without the geometry tools."""
    loaded = trimesh.load(source, process=False) if isinstance(source, Path) else source
    pieces = [("", loaded)]
    if isinstance(loaded, trimesh.Scene):
        placed = [(node, *loaded.graph[node]) for node in loaded.graph.nodes_geometry]
        pieces = [(node, loaded.geometry[geom].copy().apply_transform(pose)) for node, pose, geom in placed]
    vertices = np.concatenate([m.vertices for _, m in pieces]) * unit
    starts = np.cumsum([0, *[len(m.vertices) for _, m in pieces]])
    faces = np.concatenate([m.faces + s for (_, m), s in zip(pieces, starts[:-1], strict=True)])
    nodes = np.concatenate([[n] * len(m.faces) for n, m in pieces])
    vertices = vertices[:, [2, 0, 1]] if up == "y" else vertices
    c, s = np.cos(turn), np.sin(turn)
    vertices = vertices @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T
    longest = max(0.01, np.linalg.norm(np.ptp(vertices, axis=0)) / 40)
    vertices, faces, index = trimesh.remesh.subdivide_to_size(vertices, faces, longest, 12, return_index=True)
    _, first, inverse = np.unique(np.round(vertices * 1e5), axis=0, return_index=True, return_inverse=True)
    vertices, faces, nodes = vertices[first], inverse.ravel()[faces], nodes[index]
    keep = trimesh.triangles.area(vertices[faces]) > 1e-12
    faces, nodes = faces[keep], nodes[keep]
    pairs = np.concatenate([faces[:, :2], faces[:, 1:]])
    _, label = connected_components(coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(vertices),) * 2))
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    vertices = vertices - [*(0.5 * (low + high)[:2]), low[2]]
    triangles = vertices[faces]
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    double = np.linalg.norm(cross, axis=1)
    samples = SurfaceSamples(triangles.mean(axis=1), cross / double[:, None], 0.5 * double, np.arange(len(faces)))
    components = np.unique(label[faces[:, 0]], return_inverse=True)[1].ravel()
    grid = DistanceGrid(np.zeros(3), 1.0, np.zeros((2, 2, 2)))
    return SceneObject(
        name, vertices, faces, components, tuple(nodes), samples, grid, 1.0, "m", "z", front, 1.0, np.eye(4), "",
        MeshReport(),
    )  # fmt: skip


class Found:
    """Parts of one object and plain measures of them."""

    def __init__(self, obj: SceneObject, *parts: PartDescription) -> None:
        self.obj = obj
        self.result: ObjectParts = find_parts(obj, ObjectPlan(obj.name, parts=parts))

    def area(self, part: str) -> float:
        return float(self.obj.samples.areas[self.result.parts[part].faces].sum())

    def bounds(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        points = self.obj.vertices[self.obj.faces[self.result.parts[part].faces]].reshape(-1, 3)
        return points.min(axis=0), points.max(axis=0)

    def share(self, part: str, condition: np.ndarray) -> float:
        """Area share of the part's faces for which `condition (F,)` holds."""
        faces = self.result.parts[part].faces
        areas = self.obj.samples.areas[faces]
        return float(areas[condition[faces]].sum() / areas.sum())

    def covered(self, part: str, region: np.ndarray) -> float:
        """Area share of `region (F,)` that the part holds."""
        areas = self.obj.samples.areas
        held = self.result.parts[part].probability > 0.5
        return float(areas[held & region].sum() / areas[region].sum())


@lru_cache
def builtin(name: str) -> Found:
    parts = {
        "iron": (HANDLE, SOLE), "ironing board": (TOP,), "chair": (SEAT, BACKREST), "dumbbell": (MIDDLE_HANDLE,)
    }  # fmt: skip
    return Found(scene_object(builtin_mesh(name), name), *parts[name])


@lru_cache
def real(file: str, unit: float, up: str, *parts: PartDescription) -> Found:
    path = MESHES / file
    if not path.exists():
        pytest.skip(f"{file} is not in {MESHES}; set ZEROSHOT_HOI_MESHES to a folder that has it")
    return Found(scene_object(path, path.stem, unit, up), *parts)


@pytest.mark.parametrize("name", ["iron", "ironing board", "chair", "dumbbell"])
def test_probabilities_are_smooth_and_records_are_whole(name: str) -> None:
    found = builtin(name)
    for region in found.result.parts.values():
        p = region.probability
        assert p.shape == (len(found.obj.faces),)
        assert p.min() >= 0
        assert p.max() <= 1
        assert ((p > 0.05) & (p < 0.95)).any()
        assert ((region.instances >= 0) == (p > 0.5)).all()
        assert 0.5 < region.confidence <= 1
        assert np.linalg.norm(region.axis) == pytest.approx(1)
        assert np.linalg.norm(region.normal) == pytest.approx(1)


def test_iron_handle_is_the_span_over_the_shell() -> None:
    found = builtin("iron")
    centers = found.obj.samples.points
    span = (centers[:, 2] > 0.095) & (np.abs(centers[:, 0] + 0.01) < 0.055)
    assert found.covered("handle", span) > 0.97
    assert found.share("handle", centers[:, 2] > 0.085) > 0.99
    low, high = found.bounds("handle")
    assert 0.11 < high[0] - low[0] < 0.18
    assert abs(found.result.parts["handle"].axis[0]) > 0.97


def test_iron_sole_is_its_flat_bottom_and_its_tip_is_the_front() -> None:
    found = builtin("iron")
    bottom = (found.obj.samples.points[:, 2] < 0.001) & (found.obj.samples.normals[:, 2] < -0.99)
    assert found.covered("soleplate", bottom) > 0.97
    assert found.share("soleplate", found.obj.samples.points[:, 2] < 0.004) > 0.99
    assert found.result.front == pytest.approx([1, 0, 0])


def test_board_top_is_what_an_iron_slides_on() -> None:
    found = builtin("ironing board")
    assert found.bounds("top")[0][2] > 0.86
    assert 0.36 < found.area("top") < 0.44
    assert found.share("top", found.obj.samples.normals[:, 2] > 0.5) == pytest.approx(1)


def test_chair_seat_and_backrest() -> None:
    found = builtin("chair")
    low, high = found.bounds("seat")
    assert low[2] > 0.42
    assert high[2] < 0.46
    assert 0.13 < found.area("seat") < 0.18
    assert 0.08 < found.area("backrest") < 0.13
    assert found.bounds("backrest")[0][2] > 0.52
    assert found.result.front == pytest.approx([1, 0, 0])


@pytest.mark.parametrize("degrees", [90, 180, 210])
def test_front_turns_with_the_chair(degrees: int) -> None:
    turn = np.radians(degrees)
    found = Found(scene_object(builtin_mesh("chair"), "chair", turn=turn), SEAT, BACKREST)
    assert found.result.front @ [np.cos(turn), np.sin(turn), 0] > np.cos(np.radians(6))
    assert 0.13 < found.area("seat") < 0.18


def test_a_given_front_is_obeyed() -> None:
    found = Found(scene_object(builtin_mesh("chair"), "chair", front="x"), SEAT, BACKREST)
    assert found.result.front == pytest.approx([1, 0, 0])


def test_dumbbell_handle_is_the_free_bar() -> None:
    found = builtin("dumbbell")
    across = np.linalg.norm(found.obj.samples.points[:, 1:] - [0, 0.5 * 0.112], axis=1)
    assert found.share("handle", across < 0.017) > 0.98
    low, high = found.bounds("handle")
    assert 0.10 < high[0] - low[0] < 0.14
    assert abs(found.result.parts["handle"].axis[0]) > 0.99


def test_same_seed_same_parts() -> None:
    again = find_parts(builtin("iron").obj, ObjectPlan("iron", parts=(HANDLE, SOLE)))
    for name, region in builtin("iron").result.parts.items():
        assert (region.probability == again.parts[name].probability).all()


def test_a_ball_has_no_handle() -> None:
    ball = scene_object(trimesh.creation.icosphere(3, 0.3), "ball")
    with pytest.raises(PartError, match=r"Nothing on 'ball' looks like its part 'handle' \(bar, upper; it is thin"):
        find_parts(ball, ObjectPlan("ball", parts=(HANDLE,)))


def test_names_of_nodes_outweigh_shape() -> None:
    scene = trimesh.Scene()
    rods = {"rod": 0.2, "grip_02": -0.2}
    for node, y in rods.items():
        rod = trimesh.creation.cylinder(0.012, segment=[[-0.2, y, 0.1], [0.2, y, 0.1]], sections=24)
        scene.add_geometry(rod, node_name=node, geom_name=node)
    found = Found(scene_object(scene), HANDLE)
    assert found.bounds("handle")[1][1] < 0


def test_float_handle_and_plate() -> None:
    found = real("plasterers_float.glb", 1.0, "y", HANDLE, SOLE)
    points = found.obj.samples.points
    low, high = found.bounds("handle")
    assert high[2] > 0.045
    assert high[1] - low[1] > 0.045
    assert found.share("handle", points[:, 2] > 0.022) > 0.9
    assert found.covered("handle", (points[:, 2] > 0.032) & (np.abs(points[:, 1]) < 0.02)) > 0.9
    assert 0.019 < found.area("soleplate") < 0.024
    assert found.bounds("soleplate")[1][2] < 0.004


def test_table_top() -> None:
    found = real("wooden_table.glb", 1.0, "y", TOP)
    assert found.bounds("top")[0][2] > 0.78
    assert 0.7 < found.area("top") < 0.82


def test_armchair_in_centimetres_faces_away_from_its_backrest() -> None:
    found = real("armchair_dining_cm.obj", 0.01, "z", SEAT, BACKREST)
    assert found.result.front == pytest.approx([-1, 0, 0])
    low, high = found.bounds("seat")
    assert low[2] > 0.35
    assert high[2] < 0.45
    assert 0.09 < found.area("seat") < 0.16
    assert found.bounds("backrest")[0][0] > 0.1
    assert 0.12 < found.area("backrest") < 0.22


def test_office_chair() -> None:
    found = real("office_chair.glb", 1.0, "y", SEAT, BACKREST)
    low, high = found.bounds("seat")
    assert low[2] > 0.42
    assert high[2] < 0.52
    assert 0.14 < found.area("seat") < 0.25
    assert found.bounds("backrest")[0][2] > 0.5
    assert found.result.front[0] > 0.95


def test_hex_dumbbell() -> None:
    found = real("hex_dumbbell.glb", 1.0, "y", MIDDLE_HANDLE)
    low, high = found.bounds("handle")
    assert (high - low)[[0, 2]].max() < 0.04
    assert 0.09 < high[1] - low[1] < 0.13


def test_picture_shows_the_parts_in_color(tmp_path: Path) -> None:
    from PIL import Image

    from zeroshot_hoi.affordance.picture import part_picture

    found = builtin("chair")
    picture = np.asarray(Image.open(part_picture(found.obj, found.result, tmp_path / "chair.png", 240)).convert("RGB"))
    red, green, blue = picture.astype(int).transpose(2, 0, 1)
    assert picture.shape == (240, 480, 3)
    assert ((red > green + 60) & (red > blue + 60)).sum() > 500
    assert (blue > red + 60).sum() > 500
