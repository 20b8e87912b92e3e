"""A result as a sequence of OBJ files, one a frame, with one material file for all.

OBJ says neither unit nor axis: these are metres with y up, as modelling programs assume; `up="z"` keeps our axes.
`walk.obj` becomes `walk_0000.obj`, `walk_0001.obj`, ... and `walk.mtl`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.render.palette import OUTFITS
from zeroshot_hoi.results.archive import replacing
from zeroshot_hoi.results.export.glb import GLTF_FROM_OURS
from zeroshot_hoi.results.result import Result


def write_obj(result: Result, path: Path, *, every: int = 1, up: str = "y") -> None:
    """Write every `every`-th frame; each person and object is an `o` group, so that a reader can tell them apart."""
    if up not in ("y", "z"):
        raise ResultError(f"up is {up!r}; an OBJ sequence has up='y' or up='z'.")
    if every < 1:
        raise ResultError(f"every is {every}; it is a number of frames, at least 1.")
    axes = GLTF_FROM_OURS if up == "y" else np.eye(3)
    material = path.with_suffix(".mtl")
    with replacing(material) as temporary:
        temporary.write_text(_materials(result), encoding="utf-8")
    groups = _faces(result)
    for frame in range(0, result.frames, every):
        meshes = [person.vertices[frame] for person in result.people.values()]
        meshes += [thing.vertices_at(frame) for thing in result.objects.values()]
        lines = [f"# zeroshot_hoi: frame {frame} of {result.frames}, {result.fps:g} a second, metres, {up} up",
                 f"mtllib {material.name}"]  # fmt: skip
        for vertices, (head, faces) in zip(meshes, groups, strict=True):
            lines += [head, _rows("v %.5f %.5f %.5f", vertices @ axes.T), faces]
        with replacing(path.with_name(f"{path.stem}_{frame:04d}.obj")) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _faces(result: Result) -> list[tuple[str, str]]:
    """Head and face lines of every group: the same in all frames. Indices run on through a file."""
    tracks = [(name, p.vertices.shape[1], p.faces) for name, p in result.people.items()]
    tracks += [(name, len(o.vertices), o.faces) for name, o in result.objects.items()]
    groups, first = [], 1
    for name, count, faces in tracks:
        word = name.replace(" ", "_")
        groups.append((f"o {word}\nusemtl {word}", _rows("f %d %d %d", faces + first)))
        first += count
    return groups


def _rows(form: str, rows: np.ndarray) -> str:
    return "\n".join([form] * len(rows)) % tuple(rows.ravel().tolist())


def _materials(result: Result) -> str:
    colors = {name: OUTFITS[index % len(OUTFITS)].skin for index, name in enumerate(result.people)}
    colors |= {name: thing.look.base_color[:3] for name, thing in result.objects.items()}
    entries = []
    for name, color in colors.items():
        red, green, blue = (channel / 255.0 for channel in color)
        entries.append(f"newmtl {name.replace(' ', '_')}\nKd {red:.4f} {green:.4f} {blue:.4f}")
    return "\n".join(entries) + "\n"
