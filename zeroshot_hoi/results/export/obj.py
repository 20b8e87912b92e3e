"""A result as a sequence of OBJ files, one a frame, with one material file for all.

OBJ says neither unit nor axis: these are metres with y up, as modelling programs assume; `up="z"` keeps our axes.
`walk.obj` becomes `walk_0000.obj`, `walk_0001.obj`, ... and `walk.mtl`. Garments and the colors of faces are materials,
a texture is `walk_<object>.png` beside them, and colors of vertices follow their positions, as most readers know them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.render.palette import OUTFITS, garment_shares
from zeroshot_hoi.results.archive import replacing
from zeroshot_hoi.results.export.glb import GLTF_FROM_OURS
from zeroshot_hoi.results.result import ObjectTrack, PersonTrack, Result

GARMENTS = ("skin", "shirt", "trousers")
"""Materials of a person, in the order of `garment_shares`."""

MAX_MATERIALS = 256
"""Of an object whose faces have colors; with more of them the rarer ones take the nearest of these."""


@dataclass(frozen=True)
class _Group:
    """One person or object: what is the same in every frame."""

    name: str
    count: int
    """Vertices."""
    colors: np.ndarray | None
    """(V, 3) in 0..1 after the positions, where vertices have colors of their own."""
    faces: str
    """Its `vt`, `usemtl` and `f` lines."""


def write_obj(result: Result, path: Path, *, every: int = 1, up: str = "y") -> None:
    """Write every `every`-th frame; each person and object is an `o` group, so that a reader can tell them apart."""
    if up not in ("y", "z"):
        raise ResultError(f"up is {up!r}; an OBJ sequence has up='y' or up='z'.")
    if every < 1:
        raise ResultError(f"every is {every}; it is a number of frames, at least 1.")
    axes = GLTF_FROM_OURS if up == "y" else np.eye(3)
    materials = _Materials(path)
    groups = _groups(result, materials)
    materials.write()
    for frame in range(0, result.frames, every):
        meshes = [person.vertices[frame] for person in result.people.values()]
        meshes += [thing.vertices_at(frame) for thing in result.objects.values()]
        lines = [f"# zeroshot_hoi: frame {frame} of {result.frames}, {result.fps:g} a second, metres, {up} up",
                 f"mtllib {materials.path.name}"]  # fmt: skip
        for vertices, group in zip(meshes, groups, strict=True):
            lines += [f"o {group.name}", _positions(vertices @ axes.T, group.colors), group.faces]
        with replacing(path.with_name(f"{path.stem}_{frame:04d}.obj")) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


class _Materials:
    """The material file in the making, and the textures beside it."""

    def __init__(self, path: Path) -> None:
        self.path, self._stem, self._entries = path.with_suffix(".mtl"), path.stem, list[str]()

    def add(self, name: str, color: np.ndarray | tuple[int, ...], texture: np.ndarray | None = None) -> str:
        """A material of an sRGB color, and of a texture (H, W, 4) that the color multiplies; its name."""
        red, green, blue = (float(channel) / 255.0 for channel in color[:3])
        self._entries.append(f"newmtl {name}\nKd {red:.4f} {green:.4f} {blue:.4f}")
        if texture is not None:
            picture = self.path.with_name(f"{self._stem}_{name}.png")
            with replacing(picture) as temporary:
                Image.fromarray(texture[..., :3]).save(temporary, format="PNG")
            self._entries.append(f"map_Kd {picture.name}")
        return name

    def write(self) -> None:
        with replacing(self.path) as temporary:
            temporary.write_text("\n".join(self._entries) + "\n", encoding="utf-8")


def _groups(result: Result, materials: _Materials) -> list[_Group]:
    """Everyone and everything; indices of positions and of texture coordinates run on through a file."""
    groups, first, first_uv = [], 1, 1
    for index, (name, person) in enumerate(result.people.items()):
        word, count = name.replace(" ", "_"), person.vertices.shape[1]
        groups.append(_Group(word, count, None, _dressed(person, index, word, first, materials)))
        first += count
    for name, thing in result.objects.items():
        word = name.replace(" ", "_")
        faces, used = _object_faces(thing, word, first, first_uv, materials)
        colors = None if thing.look.colors is None else thing.look.colors[:, :3] / 255.0
        groups.append(_Group(word, len(thing.vertices), colors, faces))
        first, first_uv = first + len(thing.vertices), first_uv + used
    return groups


def _dressed(person: PersonTrack, index: int, word: str, first: int, materials: _Materials) -> str:
    """Faces by garment: each wears what most of its corners do."""
    outfit = OUTFITS[index % len(OUTFITS)]
    worn = garment_shares(person.part_labels, person.faces)[person.faces].sum(axis=1).argmax(axis=1)
    names = {k: f"{word}_{garment}" for k, garment in enumerate(GARMENTS)}
    for k, garment in enumerate(GARMENTS):
        materials.add(names[k], getattr(outfit, garment))
    return _by_material(names, worn, person.faces + first)


def _object_faces(thing: ObjectTrack, word: str, first: int, first_uv: int, materials: _Materials) -> tuple[str, int]:
    """The object's lines, and how many texture coordinates they define."""
    look = thing.look
    if look.uv is not None and look.texture is not None:
        places, index = np.unique(look.corner_uv(thing.faces).reshape(-1, 2), axis=0, return_inverse=True)
        corners = np.stack([thing.faces + first, index.reshape(-1, 3) + first_uv], axis=-1)
        name = materials.add(word, look.base_color, look.texture)
        rows = _rows("f %d/%d %d/%d %d/%d", corners)
        return "\n".join([_rows("vt %.6f %.6f", places), f"usemtl {name}", rows]), len(places)
    if look.face_colors is None:
        plain = (255, 255, 255) if look.colors is not None else look.base_color
        return f"usemtl {materials.add(word, plain)}\n{_rows('f %d %d %d', thing.faces + first)}", 0
    colors, chosen = _few_colors(look.face_colors[:, :3])
    names = {k: materials.add(f"{word}_{k}", color) for k, color in enumerate(colors)}
    return _by_material(names, chosen, thing.faces + first), 0


def _few_colors(colors: np.ndarray, most: int = MAX_MATERIALS) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` colors (M, 3), the most frequent ones, and which of them each face (F,) has."""
    found, chosen, counts = np.unique(colors, axis=0, return_inverse=True, return_counts=True)
    if len(found) <= most:
        return found, chosen.reshape(-1)
    kept = found[np.sort(np.argsort(-counts, kind="stable")[:most])].astype(float)
    nearest = np.array([np.abs(kept - color).sum(axis=1).argmin() for color in found])
    return kept, nearest[chosen.reshape(-1)]


def _by_material(names: Mapping[int, str], chosen: np.ndarray, faces: np.ndarray) -> str:
    """`usemtl` and `f` lines, the faces (F, 3) of each material together."""
    lines = []
    for k in np.unique(chosen).tolist():
        lines += [f"usemtl {names[k]}", _rows("f %d %d %d", faces[chosen == k])]
    return "\n".join(lines)


def _positions(vertices: np.ndarray, colors: np.ndarray | None) -> str:
    if colors is None:
        return _rows("v %.5f %.5f %.5f", vertices)
    return _rows("v %.5f %.5f %.5f %.4f %.4f %.4f", np.concatenate([vertices, colors], axis=1))


def _rows(form: str, rows: np.ndarray) -> str:
    return "\n".join([form] * len(rows)) % tuple(rows.ravel().tolist())
