"""Read any mesh file into one plain record, and settle its unit, its up axis and its front.

A glTF file says metres and y up. Every other format says neither, so: the up axis must be given; the unit must be
given too, unless the recipe states the object's plausible size and the file fits it as metres. A mesh handed over in
memory counts as metres, z up. A stated unit always wins. A size outside the plausible range is an error that proposes
the likely unit; nothing is rescaled silently.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot_hoi.core.errors import MeshError, UnitError
from zeroshot_hoi.core.scene import Mesh
from zeroshot_hoi.geometry.cache import content_key
from zeroshot_hoi.geometry.repair import used_vertices

FORMATS = (".glb", ".gltf", ".obj", ".ply", ".stl", ".off")
MAX_FILE_BYTES = 1 << 30
"""1 GiB; a 5-million-face binary mesh is about a tenth of it."""

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
"""Metres per unit."""

UP_AXES = {
    "z": np.eye(3),
    "y": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
}
"""Rotation from the file's axes to ours; y up is (x, y, z) -> (z, x, y), as glTF."""


@dataclass(frozen=True)
class RawMesh:
    """What the file holds, all nodes in one frame, nothing repaired."""

    label: str
    """What to call it in a message: the path, or `mesh in memory`."""
    vertices: np.ndarray
    """(V, 3) in the file's unit and axes."""
    faces: np.ndarray
    """(F, 3)"""
    nodes: tuple[str, ...]
    """Node name of each face."""
    attributes: np.ndarray
    """(V, 2) texture coordinates, (V, 4) colors in [0, 255], or (V, 0)."""
    material: Any
    """The trimesh material of a textured mesh, else None."""
    sha256: str
    gltf: bool
    """Whether it comes from a glTF file, also when it was handed over in memory."""
    in_memory: bool
    textured_in_file: bool


@dataclass(frozen=True)
class Placement:
    """How the file's coordinates become metres, z up."""

    unit: str
    up: str
    front: str
    matrix: np.ndarray
    """(3, 3) rotation times metres per unit."""


def read_mesh(source: Any) -> RawMesh:
    """The mesh at a path, or of a `trimesh.Trimesh` or `trimesh.Scene`."""
    import trimesh

    if isinstance(source, trimesh.Scene | trimesh.Trimesh):
        scene = source if isinstance(source, trimesh.Scene) else trimesh.Scene(source)
        label, gltf, digest = "mesh in memory", _from_gltf(source), ""
    elif isinstance(source, str | Path):
        scene, digest = _read_file(Path(source))
        label, gltf = str(source), Path(source).suffix.lower() in (".glb", ".gltf")
    else:
        raise MeshError(
            f"A mesh must be a path, a trimesh.Trimesh or a trimesh.Scene, not a {type(source).__name__}: {source!r}."
        )
    pieces, names = _instances(scene, label)
    vertices = np.concatenate([np.asarray(piece.vertices, dtype=np.float64) for piece in pieces])
    offsets = np.cumsum([0] + [len(piece.vertices) for piece in pieces])
    faces = np.concatenate(
        [np.asarray(p.faces, dtype=np.int64) + start for p, start in zip(pieces, offsets, strict=False)]
    )
    nodes = tuple(name for piece, name in zip(pieces, names, strict=True) for _ in range(len(piece.faces)))
    _check(vertices, faces, label)
    attributes, material = _appearance(pieces)
    digest = digest or content_key(vertices, faces)
    in_memory = not isinstance(source, str | Path)
    return RawMesh(label, vertices, faces, nodes, attributes, material, digest, gltf, in_memory, material is not None)


def _from_gltf(source: Any) -> bool:
    return str(getattr(getattr(source, "source", None), "file_type", "")).lower() in ("glb", "gltf")


def _read_file(path: Path) -> tuple[Any, str]:
    import trimesh

    if not path.exists():
        raise MeshError(f"There is no mesh file '{path}'. Check the path; it is relative to {Path.cwd()}.")
    if path.is_dir():
        raise MeshError(f"'{path}' is a folder. Give the mesh file in it ({', '.join(FORMATS)}).")
    if path.suffix.lower() not in FORMATS:
        raise MeshError(
            f"'{path}' has the ending '{path.suffix}'. Readable are {', '.join(FORMATS)}; convert it first."
        )
    size = path.stat().st_size
    if size == 0:
        raise MeshError(f"'{path}' is empty (0 bytes). Export the object again, with its faces.")
    if size > MAX_FILE_BYTES:
        raise MeshError(f"'{path}' has {size:,} bytes; at most {MAX_FILE_BYTES:,} are read. Simplify it first.")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        # process=False: welding would drop seams of the texture; it is done later, with a report.
        return trimesh.load_scene(path, process=False), digest
    except Exception as error:  # readers of untrusted files raise anything from KeyError to struct.error
        reason = f"{type(error).__name__}: {error}"
        raise MeshError(
            f"'{path}' could not be read as {path.suffix.lower()} ({reason}). "
            "Open it in a 3D editor and export it again."
        ) from error


def _instances(scene: Any, label: str) -> tuple[list[Any], list[str]]:
    """Every node's mesh in the scene's frame, and the node's name."""
    import trimesh

    pieces, names = [], []
    for node in sorted(scene.graph.nodes_geometry):
        transform, geometry = scene.graph[node]
        mesh = scene.geometry[geometry]
        if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces):
            piece = mesh.copy()
            piece.apply_transform(transform)
            pieces.append(piece)
            names.append(_own_name(str(node), label))
    if not pieces:
        kinds = sorted({type(g).__name__ for g in scene.geometry.values()}) or ["nothing"]
        raise MeshError(
            f"'{label}' holds no triangles (it holds {', '.join(kinds)}). A surface is needed: "
            "reconstruct a mesh from a point cloud, or export the object with its faces."
        )
    return pieces, names


def _own_name(node: str, label: str) -> str:
    """The node's name, or nothing where trimesh made it up from the file's name or a count."""
    invented = node == Path(label).name or re.fullmatch(r"(geometry|mesh|object)_?\d*|world", node, re.IGNORECASE)
    return "" if invented else node


def _check(vertices: np.ndarray, faces: np.ndarray, label: str) -> None:
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise MeshError(
            f"'{label}' has faces that name vertex {faces.min() if faces.min() < 0 else faces.max()}, "
            f"but it has {len(vertices)} vertices. Export it again."
        )
    bad = ~np.isfinite(vertices[used_vertices(faces)]).all(axis=1)
    if bad.any():
        raise MeshError(
            f"'{label}' has {bad.sum()} vertices that are NaN or infinite. Remove them and export it again."
        )
    edges = vertices[faces[:, 1:]] - vertices[faces[:, :1]]
    area = 0.5 * np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1).sum()
    if not area > 0.0:
        raise MeshError(
            f"'{label}' has {len(faces)} faces and no area: all are lines or points. Export a real surface."
        )


def _appearance(pieces: list[Any]) -> tuple[np.ndarray, Any]:
    """Attributes per vertex and the material: texture coordinates where any piece has an image, else colors."""
    import trimesh

    if any(_image(piece) is not None for piece in pieces):
        merged: Any = pieces[0] if len(pieces) == 1 else trimesh.util.concatenate(pieces)
        uv = getattr(merged.visual, "uv", None)
        if uv is not None and len(uv) == sum(len(p.vertices) for p in pieces):
            return np.asarray(uv, dtype=np.float64), merged.visual.material
    colors = [_vertex_colors(piece) for piece in pieces]
    if all(color is None for color in colors):
        return np.zeros((sum(len(p.vertices) for p in pieces), 0)), None
    gray = np.array([[180.0, 180.0, 180.0, 255.0]])
    filled = [np.repeat(gray, len(p.vertices), axis=0) if c is None else c for p, c in zip(pieces, colors, strict=True)]
    return np.concatenate(filled), None


def _image(piece: Any) -> Any:
    material = getattr(piece.visual, "material", None)
    if material is None or getattr(piece.visual, "uv", None) is None:
        return None
    return getattr(material, "baseColorTexture", None) or getattr(material, "image", None)


def _vertex_colors(piece: Any) -> np.ndarray | None:
    """(V, 4) in [0, 255], or None where the file sets no color."""
    visual = piece.visual
    if visual.kind == "texture" and _image(piece) is None:
        color = _material_color(visual.material)
        return None if color is None else np.repeat(color[None], len(piece.vertices), axis=0)
    if visual.kind == "texture":
        visual = visual.to_color()
    if not visual.defined:
        return None
    return np.asarray(visual.vertex_colors, dtype=np.float64)


def _material_color(material: Any) -> np.ndarray | None:
    """(4,) in [0, 255]; None where the material has no color and trimesh would answer with its gray."""
    missing = object()
    factor = getattr(material, "baseColorFactor", missing)
    if factor is None:
        return None
    color = np.asarray(material.main_color, dtype=np.float64)
    invented = factor is missing and np.array_equal(color, [102, 102, 102, 255])
    return None if invented else color


def place(raw: RawMesh, mesh: Mesh, name: str, size: tuple[float, float]) -> Placement:
    """The unit, up axis and front of `raw`, from what the user said, the format and the plausible longest extent
    `size`, metres (zeros where anything goes)."""
    up = _up_axis(raw, mesh, name)
    extent = float(np.ptp(raw.vertices[used_vertices(raw.faces)], axis=0).max())
    checked = size[1] > 0.0
    if mesh.unit is None and not (raw.gltf or raw.in_memory) and not checked:
        raise UnitError(
            f"'{raw.label}' is {extent:.4g} units long and its format does not say what a unit is. "
            f"Say unit='m', 'cm', 'mm', 'in' or metres per unit (--mesh \"{name}={raw.label},unit=cm\")."
        )
    metres, unit = _metres_per_unit(mesh.unit)
    if checked and not size[0] <= extent * metres <= size[1]:
        raise UnitError(
            f"'{raw.label}' would be {extent * metres:.4g} m long with unit={unit}, but a {name} is {size[0]:g} to "
            f"{size[1]:g} m. {_proposal(extent, size, name, raw.label)}"
        )
    rotation = UP_AXES[up]
    return Placement(unit, up, _front_axis(mesh.front, rotation), metres * rotation)


def _up_axis(raw: RawMesh, mesh: Mesh, name: str) -> str:
    if mesh.up is not None:
        if mesh.up not in UP_AXES:
            raise MeshError(f"The up axis of '{raw.label}' is given as '{mesh.up}'. Allowed are 'y' and 'z'.")
        return mesh.up
    if raw.in_memory:
        return "z"
    if raw.gltf:
        return "y"
    raise MeshError(
        f"'{raw.label}': this format does not say which axis is up. "
        f"Say up='z' or up='y' (--mesh \"{name}={raw.label},up=z\"); only glTF files need not."
    )


def _metres_per_unit(unit: str | float | None) -> tuple[float, str]:
    if unit is None:
        return 1.0, "m"
    if isinstance(unit, str) and unit in UNITS:
        return UNITS[unit], unit
    try:
        metres = float(unit)
    except ValueError:
        metres = 0.0
    if not (np.isfinite(metres) and metres > 0.0):
        raise UnitError(
            f"unit={unit!r} is unknown. Allowed are {', '.join(UNITS)} or a positive number of metres per unit."
        )
    return metres, f"{metres:g}"


def _proposal(extent: float, size: tuple[float, float], name: str, label: str) -> str:
    fitting = [unit for unit, metres in UNITS.items() if size[0] <= extent * metres <= size[1]]
    if fitting:
        likely = f"The unit is likely {' or '.join(fitting)}"
        return f"{likely}: say unit='{fitting[0]}' (--mesh \"{name}={label},unit={fitting[0]}\")."
    guess = np.sqrt(max(size[0], 1e-3) * size[1]) / extent
    return (
        f"No usual unit fits; at {guess:.2g} metres per unit it would be {guess * extent:.2g} m long: "
        f"say unit={guess:.2g}, or change the size in the recipe."
    )


def _front_axis(front: str | None, rotation: np.ndarray) -> str:
    """The object frame's axis (`x`, `-x`, `y`, `-y`) that the file's axis `front` becomes; empty where not given."""
    if not front:
        return ""
    axis, negative = front.lstrip("+-"), front.startswith("-")
    if axis not in ("x", "y", "z"):
        raise MeshError(f"front='{front}' is unknown. Allowed are x, -x, y, -y, z, -z: an axis of the mesh file.")
    direction = rotation[:, "xyz".index(axis)] * (-1.0 if negative else 1.0)
    index = int(np.argmax(np.abs(direction)))
    if index == 2:
        raise MeshError(f"front='{front}' points along the up axis. Give a horizontal axis of the mesh file.")
    return ("-" if direction[index] < 0.0 else "") + "xyz"[index]
