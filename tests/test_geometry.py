"""Geometry against closed forms, and on real meshes where they are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import trimesh

from zeroshot_hoi.core.arrays import jax_namespace, numpy_namespace, torch_namespace
from zeroshot_hoi.core.errors import MeshError, UnitError
from zeroshot_hoi.core.scene import DistanceGrid, Mesh
from zeroshot_hoi.geometry.cache import cached_arrays, cached_bytes, content_key
from zeroshot_hoi.geometry.exact import ExactMesh, local_thickness, ray_hits, signed_distance
from zeroshot_hoi.geometry.grid import bake_grid, bake_part_grid, choose_spacing
from zeroshot_hoi.geometry.prepare import prepare_object
from zeroshot_hoi.geometry.query import GridArrays, grid_arrays, grid_distance, grid_distance_and_normal, pad_grid
from zeroshot_hoi.geometry.repair import Surface, read_topology, subdivide, weld
from zeroshot_hoi.geometry.sampling import gather_offsets, nearest_indices, sample_surface

MESHES = Path(os.environ.get("ZEROSHOT_HOI_MESHES", Path(__file__).parents[2] / "shared" / "meshes"))
NUMPY = numpy_namespace()


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    """Grids are baked anew; compiled kernels stay where they are."""
    before = os.environ.get("ZEROSHOT_HOI_CACHE")
    os.environ["ZEROSHOT_HOI_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("ZEROSHOT_HOI_CACHE")
    if before is not None:
        os.environ["ZEROSHOT_HOI_CACHE"] = before


@pytest.fixture(scope="module")
def sphere():
    mesh = trimesh.creation.icosphere(subdivisions=4, radius=0.1)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


@pytest.fixture(scope="module")
def sphere_grid(sphere):
    return bake_grid(*sphere, spacing=0.004)


def box(extents=(0.2, 0.3, 0.4)):
    return trimesh.creation.box(extents=extents)


# Exact queries


def test_exact_distance_of_a_sphere(sphere):
    points = np.random.default_rng(0).uniform(-0.2, 0.2, (500, 3))
    answer = signed_distance(*sphere, points)
    radius = np.linalg.norm(points, axis=1)
    assert np.abs(answer.distance - (radius - 0.1)).max() < 3e-4
    assert np.abs(np.linalg.norm(answer.closest, axis=1) - 0.1).max() < 3e-4
    assert ((answer.normal * points).sum(axis=1) / radius).min() > 0.99


def test_rays_and_thickness_of_a_box():
    mesh = box()
    distance, face = ray_hits(mesh.vertices, mesh.faces, [[0, 0, 1.0], [1, 1, 1]], [[0, 0, -1.0], [0, 0, 1]])
    assert distance[0] == pytest.approx(0.8, abs=1e-5)
    assert distance[1] == np.inf
    assert face[0] >= 0
    assert face[1] == -1
    exact = ExactMesh(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    thickness = local_thickness(exact, np.array([[0.1, 0.01, 0.02]]), np.array([[1.0, 0, 0]]))
    assert thickness[0] == pytest.approx(0.2, abs=1e-4)


def test_open_sheet_has_no_inside_and_an_open_tube_does():
    sheet = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]]), np.array([[0, 1, 2], [0, 2, 3]])
    behind = np.array([[0.5, 0.5, -h] for h in (0.001, 0.01, 0.1)])
    assert (signed_distance(*sheet, behind).distance > 0).all()
    tube = trimesh.creation.cylinder(radius=0.02, height=0.3, sections=32)
    side = np.abs(tube.face_normals[:, 2]) < 0.5
    assert signed_distance(tube.vertices, tube.faces[side], np.zeros((1, 3))).distance[0] < -0.015


def test_far_objects_keep_their_precision(sphere):
    vertices, faces = sphere
    answer = signed_distance(vertices + 1000.0, faces, np.full((1, 3), 1000.0))
    assert answer.distance[0] == pytest.approx(-0.1, abs=1e-3)


# Grids


def test_grid_agrees_with_the_sphere_everywhere(sphere_grid):
    points = np.random.default_rng(1).uniform(-0.16, 0.16, (4000, 3))
    truth = np.linalg.norm(points, axis=1) - 0.1
    error = np.abs(grid_distance(NUMPY, grid_arrays(sphere_grid), points) - truth)
    assert error[np.abs(truth) < 0.01].max() < 5e-4
    assert error[truth > 0].max() < 5e-3, "outside the box the distance to the box is added"
    assert error.max() < 0.02, "only the cell at the center, where the distance has a kink, is this wrong"


def test_grid_is_exact_at_nodes_of_thin_and_concave_shapes():
    mesh = trimesh.util.concatenate([box((0.3, 0.2, 0.004)), box((0.02, 0.02, 0.2))])
    grid = bake_grid(np.asarray(mesh.vertices), np.asarray(mesh.faces), spacing=0.003)
    nodes = np.argwhere(np.abs(grid.values) < 0.008)
    exact = signed_distance(mesh.vertices, mesh.faces, grid.origin + nodes * grid.spacing).distance
    assert np.abs(grid.values[tuple(nodes.T)] - exact).max() < 1e-6


def test_normals_are_the_derivative(sphere_grid):
    points = np.random.default_rng(2).uniform(-0.12, 0.12, (300, 3))
    points = points[np.abs(np.linalg.norm(points, axis=1) - 0.1) < 0.03]
    arrays = grid_arrays(sphere_grid, np.float64)
    _, normal = grid_distance_and_normal(NUMPY, arrays, points)
    assert (normal * points / np.linalg.norm(points, axis=1)[:, None]).sum(axis=1).min() > 0.99
    step = 1e-7
    slope = np.stack(
        [
            (grid_distance(NUMPY, arrays, points + step * e) - grid_distance(NUMPY, arrays, points - step * e))
            / (2 * step)
            for e in np.eye(3)
        ],
        axis=1,
    )
    assert np.abs(slope / np.linalg.norm(slope, axis=1)[:, None] - normal).max() < 1e-5


def test_jax_and_torch_read_the_same(sphere_grid):
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    points = np.random.default_rng(3).uniform(-0.3, 0.3, (7, 20, 3)).astype(np.float32)
    arrays = pad_grid(sphere_grid)
    expected, normal = grid_distance_and_normal(NUMPY, arrays, points)
    xp = jax_namespace()
    read = jax.jit(jax.vmap(lambda p, g: grid_distance_and_normal(xp, g, p), (0, None)))
    np.testing.assert_allclose(read(points, arrays)[0], expected, atol=1e-6)
    jacobian = jax.vmap(jax.vmap(jax.jacfwd(lambda p: grid_distance(xp, arrays, p))))(points)
    unit = jacobian / np.linalg.norm(jacobian, axis=-1, keepdims=True)
    outside = np.abs(points).max(axis=-1) > 0.16
    assert np.isfinite(jacobian).all()
    np.testing.assert_allclose(unit[~outside], normal[~outside], atol=1e-3)
    on_torch = GridArrays(*(torch.as_tensor(a) for a in arrays))
    read_torch = grid_distance_and_normal(torch_namespace(), on_torch, torch.as_tensor(points))
    np.testing.assert_allclose(read_torch[0].numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(read_torch[1].numpy(), normal, atol=1e-4)


def test_a_new_grid_of_a_known_bucket_compiles_nothing(sphere_grid):
    jax = pytest.importorskip("jax")
    xp, traces = jax_namespace(), []

    def read(grid, points):
        traces.append(1)
        return grid_distance(xp, grid, points)

    other = DistanceGrid(np.zeros(3), 0.01, np.random.default_rng(0).normal(size=(50, 30, 45)).astype(np.float32))
    compiled, points = jax.jit(read), np.zeros((5, 3), np.float32)
    first, second = pad_grid(sphere_grid, buckets=(1 << 20,)), pad_grid(other, buckets=(1 << 20,))
    compiled(first, points)
    np.testing.assert_allclose(compiled(second, points), other.values[0, 0, 0], rtol=1e-6)
    assert len(traces) == 1


def test_spacing_follows_the_thin_handle():
    thick, thin = box((0.1, 0.1, 0.1)), trimesh.creation.cylinder(radius=0.006, height=0.3, sections=24)
    both = trimesh.util.concatenate([thick, thin])
    assert choose_spacing(both.vertices, both.faces, 0.05) < 0.003
    assert choose_spacing(*(np.asarray(a) for a in (thick.vertices * 10, thick.faces)), 0.05) > 0.005


def test_cache_is_used_and_survives_a_broken_file(tmp_path, monkeypatch):
    monkeypatch.setenv("ZEROSHOT_HOI_CACHE", str(tmp_path))
    calls, key = [], content_key(np.arange(3), "x")
    assert key != content_key(np.arange(3.0), "x")

    def make():
        calls.append(1)
        return {"a": np.arange(4)}

    for _ in range(2):
        np.testing.assert_array_equal(cached_arrays("grids", key, make)["a"], np.arange(4))
    assert len(calls) == 1
    (stored,) = (tmp_path / "grids").iterdir()
    stored.write_bytes(b"PK half a file")
    assert cached_arrays("grids", key, make)["a"][3] == 3
    assert len(calls) == 2


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 80])
def test_cached_bytes_are_made_again_when_damaged(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("ZEROSHOT_HOI_CACHE", str(tmp_path))
    calls = []

    def make():
        calls.append(1)
        return b"a program"

    assert [cached_bytes("programs", "k", make) for _ in range(2)] == [b"a program"] * 2
    assert len(calls) == 1
    (tmp_path / "programs" / "k").write_bytes(damage)
    assert cached_bytes("programs", "k", make) == b"a program"
    assert len(calls) == 2


# Sampling and topology


def test_samples_are_even_and_their_areas_sum():
    mesh = box((0.4, 0.3, 0.004))
    samples = sample_surface(np.asarray(mesh.vertices), np.asarray(mesh.faces), 400, seed=4)
    assert samples.areas.sum() == pytest.approx(mesh.area, rel=1e-6)
    top = samples.normals[:, 2] > 0.9
    bottom = samples.normals[:, 2] < -0.9
    assert abs(top.sum() - bottom.sum()) < 0.1 * top.sum(), "both sides of a thin board have their own points"
    offsets = gather_offsets(
        NUMPY, samples.points[top], samples.points[top], nearest_indices(*[samples.points[top]] * 2, 2)
    )
    gaps = np.linalg.norm(offsets[:, 1], axis=1)
    assert gaps.min() > 0.4 * np.sqrt(0.12 / top.sum()), "random points would come ten times closer"


def test_subdivision_keeps_surface_texture_and_closure():
    mesh = box()
    plain = Surface(np.asarray(mesh.vertices), np.asarray(mesh.faces), np.asarray(mesh.vertices) * 2.0, np.arange(12))
    fine = subdivide(plain, 0.03)
    result = trimesh.Trimesh(fine.vertices, fine.faces, process=False)
    assert result.edges_unique_length.max() <= 0.03
    assert result.is_watertight
    assert result.is_winding_consistent
    assert result.volume == pytest.approx(mesh.volume)
    np.testing.assert_allclose(fine.attributes, fine.vertices * 2.0)
    directions = (result.face_normals * mesh.face_normals[fine.origin]).sum(axis=1)
    assert directions.min() > 0.999


def test_touching_nodes_stay_components_of_their_own():
    low, high = box((0.1, 0.1, 0.1)), box((0.1, 0.1, 0.1))
    high.apply_translation([0.1, 0.1, 0])
    mesh = trimesh.util.concatenate([low, high])
    surface = Surface(np.asarray(mesh.vertices), np.asarray(mesh.faces), np.zeros((16, 0)), np.arange(24))
    topology = read_topology(weld(surface, seams=True).faces, np.repeat([0, 1], 12))
    assert topology.closed.tolist() == [True, True]


# Preparation


def test_file_frame_maps_to_the_object_frame(tmp_path):
    mesh = box((0.2, 0.3, 0.4))
    mesh.apply_translation([1.0, 2.0, 3.0])
    path = tmp_path / "block.glb"
    mesh.export(path)
    block = prepare_object("block", Mesh(path, front="z"), size=(0.3, 0.5), spacing=0.01)
    np.testing.assert_allclose(np.ptp(block.vertices, axis=0), [0.4, 0.2, 0.3], atol=1e-6)
    np.testing.assert_allclose(block.vertices.min(axis=0), [-0.2, -0.1, 0.0], atol=1e-6)
    corner = block.T_object_file @ [0.9, 1.85, 2.8, 1.0]
    np.testing.assert_allclose(corner[:3], [-0.2, -0.1, 0.0], atol=1e-6)
    assert (block.unit, block.up, block.front) == ("m", "y", "x")
    assert len(block.source_sha256) == 64
    inside = (block.grid.values < 0).sum() * block.grid.spacing**3
    assert inside == pytest.approx(mesh.volume, rel=0.1)


def test_units_and_axes_are_asked_for(tmp_path):
    mesh = box((20, 30, 40))
    path = tmp_path / "block.obj"
    mesh.export(path)
    with pytest.raises(MeshError, match="which axis is up"):
        prepare_object("block", Mesh(path, unit="cm"))
    with pytest.raises(UnitError, match="does not say what a unit is"):
        prepare_object("block", Mesh(path, up="z"))
    with pytest.raises(UnitError, match="unit='cm'"):
        prepare_object("block", Mesh(path, up="z"), size=(0.3, 0.5))
    with pytest.raises(UnitError, match="metres per unit"):
        prepare_object("block", Mesh(path, up="z"), size=(3.0, 5.0))
    with pytest.raises(UnitError, match="unknown"):
        prepare_object("block", Mesh(path, unit="furlong", up="z"))
    with pytest.raises(MeshError, match="horizontal"):
        prepare_object("block", Mesh(path, unit="cm", up="y", front="y"))
    block = prepare_object("block", Mesh(path, unit="0.01", up="y", front="-x"), size=(0.3, 0.5), spacing=0.02)
    np.testing.assert_allclose(np.ptp(block.vertices, axis=0), [0.4, 0.2, 0.3], atol=1e-6)
    assert block.front == "-y"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.glb", None, "no mesh file"),
        ("empty.obj", b"", "0 bytes"),
        ("noise.glb", b"not a mesh at all", "could not be read"),
        ("cut.glb", b"glTF\x02\x00\x00\x00\xff\xff\xff\x7f", "could not be read"),
        ("points.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", "no triangles|could not be read"),
        ("cloud.ply", b"ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\n"
         b"end_header\n0 0 0\n1 1 1\n", "no triangles"),
        ("line.obj", b"v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "no area"),
        ("nan.obj", b"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "NaN"),
        ("mesh.blend", b"x", "ending"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_with_a_reason(tmp_path, name, content, words):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MeshError, match=words):
        prepare_object("thing", Mesh(path, unit="m", up="z"))


def test_folders_and_other_things_are_refused(tmp_path):
    with pytest.raises(MeshError, match="folder"):
        prepare_object("thing", tmp_path)
    with pytest.raises(MeshError, match="not a int"):
        prepare_object("thing", 3)
    with pytest.raises(MeshError, match="no triangles"):
        prepare_object("thing", trimesh.Scene())


def test_a_face_that_names_no_vertex_is_refused():
    mesh = trimesh.Trimesh(np.eye(3), [[0, 1, 7]], process=False, validate=False)
    with pytest.raises(MeshError, match="vertex 7"):
        prepare_object("thing", mesh)


def test_repairs_are_done_and_told():
    mesh = box()
    faces = np.concatenate([mesh.faces[:, ::-1], mesh.faces[:1], [[0, 0, 1]]])
    faces[3] = faces[3, ::-1]
    block = prepare_object("block", trimesh.Trimesh(mesh.vertices, faces, process=False), spacing=0.01)
    told = " ".join(block.report.actions)
    for words in ("1 degenerate", "1 repeated", "1 faces of closed", "1 closed components turned"):
        assert words in told
    assert trimesh.Trimesh(block.vertices, block.faces).volume == pytest.approx(mesh.volume)
    out = signed_distance(block.vertices, block.faces, block.samples.points + 0.002 * block.samples.normals).distance
    assert (out > 0).all()


def test_an_inverted_open_tube_is_left_alone_and_its_samples_point_out():
    tube = trimesh.creation.cylinder(radius=0.02, height=0.3, sections=32)
    side = tube.faces[np.abs(tube.face_normals[:, 2]) < 0.5]
    bar = prepare_object("bar", trimesh.Trimesh(tube.vertices, side), spacing=0.004)
    assert not any("turned" in action for action in bar.report.actions)
    radial = (bar.samples.normals[:, :2] * bar.samples.points[:, :2]).sum(axis=1)
    assert (radial > 0).mean() > 0.95
    middle = grid_distance(NUMPY, grid_arrays(bar.grid), bar.vertices.mean(axis=0))
    assert middle < -0.012


def test_hidden_surface_is_not_sampled():
    bar, head = box((0.02, 0.02, 0.3)), box((0.1, 0.1, 0.1))
    club = prepare_object("club", trimesh.util.concatenate([bar, head]), spacing=0.006)
    centered = np.abs(club.samples.points - club.vertices.mean(axis=0) * [1, 1, 0] - [0, 0, 0.15])
    assert not (centered < 0.045).all(axis=1).any()
    assert club.components.max() == 1


def test_texture_and_nodes_survive(tmp_path):
    from PIL import Image

    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8))
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=image)
    scene = trimesh.Scene()
    for name, offset in (("handle", 0.0), ("head", 0.5)):
        piece = box((0.1, 0.1, 0.1))
        piece.visual = trimesh.visual.TextureVisuals(uv=np.asarray(piece.vertices)[:, :2] + 0.5, material=material)
        piece.apply_translation([offset, 0, 0])
        scene.add_geometry(piece, node_name=name, geom_name=name)
    path = tmp_path / "tool.glb"
    scene.export(path)
    tool = prepare_object("tool", path, spacing=0.01)
    assert set(tool.nodes) == {"handle", "head"}
    assert len(tool.nodes) == len(tool.faces) == len(tool.components)
    assert tool.visual.kind == "texture"
    assert len(tool.visual.uv) == len(tool.vertices)
    assert tool.visual.material.baseColorTexture is not None
    plain = trimesh.Trimesh(box().vertices, box().faces, vertex_colors=np.tile([255, 0, 0, 255], (8, 1)))
    red = prepare_object("red", plain, spacing=0.02)
    assert (red.visual.vertex_colors == [255, 0, 0, 255]).all()


def test_large_meshes_are_simplified(monkeypatch):
    monkeypatch.setattr("zeroshot_hoi.geometry.prepare.MAX_FACES", 2000)
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.2)
    ball.visual.vertex_colors = np.tile([0, 200, 0, 255], (len(ball.vertices), 1))
    simple = prepare_object("ball", ball, spacing=0.02)
    assert simple.report.simplified
    assert "from 20,480 to" in simple.report.actions[0]
    assert trimesh.Trimesh(simple.vertices, simple.faces).volume == pytest.approx(ball.volume, rel=0.02)
    assert (simple.visual.vertex_colors[:, 1] == 200).all()


def test_part_grid_reads_the_part_only():
    bar, head = box((0.02, 0.02, 0.3)), box((0.1, 0.1, 0.04))
    club = prepare_object("club", trimesh.util.concatenate([bar, head]), spacing=0.005)
    part = np.flatnonzero(club.components == club.components[np.argmax(club.vertices[club.faces][:, 0, 2])])
    grid = grid_arrays(bake_part_grid(club, part, spacing=0.003, margin=0.06))
    beside_bar, in_bar, beside_head = np.array([0.03, 0, 0.05]), np.array([0.0, 0, 0.05]), np.array([0.06, 0.0, 0.15])
    assert grid_distance(NUMPY, grid, beside_bar) == pytest.approx(0.02, abs=1e-3)
    assert grid_distance(NUMPY, grid, in_bar) < -0.006
    assert grid_distance(NUMPY, grid, beside_head) == pytest.approx(0.05, abs=2e-3), "the head is not the part"
    with pytest.raises(MeshError, match="no faces"):
        bake_part_grid(club, np.array([], dtype=int))


def test_progress_is_told():
    events = []
    prepare_object("box", box(), spacing=0.03, progress=events.append)
    assert [event.step for event in events] == [0, 1, 2, 3, 4]
    assert "box" in events[0].note


REAL = ("hex_dumbbell.glb", "plasterers_float.glb", "armchair_dining_cm.obj", "teapot.glb", "frying_pan_scan.obj")


@pytest.mark.skipif(not (MESHES / "manifest.json").exists(), reason=f"no real meshes in {MESHES}")
@pytest.mark.parametrize("name", REAL)
def test_real_meshes(name):
    entry = next(e for e in json.loads((MESHES / "manifest.json").read_text())["meshes"] if e["file"] == name)
    length = max(entry["extents_metres"])
    source = Mesh(MESHES / name)
    if not name.endswith(".glb"):
        source = Mesh(MESHES / name, unit=entry["metres_per_unit"], up="z")
    obj = prepare_object("thing", source, size=(0.9 * length, 1.1 * length), spacing=max(0.004, length / 80))
    assert np.ptp(obj.vertices, axis=0).max() == pytest.approx(length, rel=1e-3)
    assert abs(obj.vertices[:, 2].min()) < 1e-6
    assert obj.report.ambiguous_winding < 0.1
    edges = obj.vertices[obj.faces[:, [0, 1, 2]]] - obj.vertices[obj.faces[:, [1, 2, 0]]]
    assert np.linalg.norm(edges, axis=2).max() <= max(0.01, np.linalg.norm(np.ptp(obj.vertices, axis=0)) / 40) + 1e-9
    share = (obj.grid.values < 0).sum() * obj.grid.spacing**3 / np.prod(np.ptp(obj.vertices, axis=0))
    assert 0.02 < share < 0.8
    on_surface = grid_distance(NUMPY, grid_arrays(obj.grid), obj.samples.points)
    assert np.median(np.abs(on_surface)) < 0.3 * obj.grid.spacing
    assert obj.source_sha256 == entry["sha256"]
