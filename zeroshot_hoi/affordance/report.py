"""What was found, as files to look at and to correct: a picture, and the prepared mesh with vertex colors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.affordance.picture import GRAY, part_colors, part_picture
from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.core.plan import PartDescription
from zeroshot_hoi.core.scene import ObjectParts, SceneObject


def parse_part(text: str) -> PartDescription:
    """`handle`, or `pedal:2` for a part that the object has twice."""
    name, colon, count = text.partition(":")
    if colon and not (count.isdigit() and 1 <= int(count) <= 64):
        raise PartError(f"--part {text!r}: after the colon stands how many there are, 1 to 64, such as pedal:2.")
    if not name.strip():
        raise PartError(f"--part {text!r} names no part. Write --part handle, or --part pedal:2.")
    return PartDescription(name.strip(), count=int(count or 1))


def write_parts(obj: SceneObject, parts: ObjectParts, stem: Path) -> list[Path]:
    """Write `stem.png` and `stem.ply` (metres, z up, the prepared mesh in its own order of vertices)."""
    picture = part_picture(obj, parts, stem.with_suffix(".png"))
    return [picture, colored_mesh(obj, parts, stem.with_suffix(".ply"))]


def colored_mesh(obj: SceneObject, parts: ObjectParts, path: Path) -> Path:
    """Write the prepared mesh as PLY; each vertex has its part's color, gray where it is in none."""
    import trimesh

    colors = np.round(255 * vertex_colors(obj, parts)).astype(np.uint8)
    mesh = trimesh.Trimesh(obj.vertices, obj.faces, vertex_colors=colors, process=False)
    try:
        mesh.export(path)
    except OSError as error:
        raise ResultError(f"Cannot write the colored mesh to '{path}': {error}. Give a writable path.") from error
    return path


def vertex_colors(obj: SceneObject, parts: ObjectParts) -> np.ndarray:
    """(V, 3) sRGB in [0, 1]; a vertex on the border of two parts is in the likelier one."""
    best, colors = np.full(len(obj.vertices), 0.5), np.tile(GRAY, (len(obj.vertices), 1))
    for region, color in zip(parts.parts.values(), part_colors(len(parts.parts)), strict=True):
        total, count = np.zeros(len(obj.vertices)), np.zeros(len(obj.vertices))
        np.add.at(total, obj.faces, region.probability[:, None])
        np.add.at(count, obj.faces, 1.0)
        mean = total / np.maximum(count, 1.0)
        colors[mean > best] = color
        best = np.maximum(best, mean)
    return colors


def describe_parts(obj: SceneObject, parts: ObjectParts) -> str:
    """A line for each part: confidence, instances, area, where it is; then the notes."""
    triangles = obj.vertices[obj.faces]
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    areas = 0.5 * np.linalg.norm(cross, axis=1)
    width = max(len(name) for name in parts.parts)
    lines = []
    for name, region in parts.parts.items():
        area, center = 1e4 * areas[region.faces].sum(), ", ".join(f"{c:.3f}" for c in region.center)
        lines.append(
            f"{name:<{width}}  fit {region.confidence:.2f}  {region.instances.max() + 1} found  {area:8.1f} cm^2  "
            f"center ({center}) m"
        )
    return "\n".join([*lines, *(f"note: {note}" for note in parts.notes)])
