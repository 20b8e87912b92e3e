"""What stages hand on, as plain arrays and a JSON tree and back: for hashing by content and for files without pickles.

Writing takes any frozen dataclass. Reading makes only the records named in RECORDS, with exactly their fields, so a
file can say nothing but data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot_hoi.core import motion, reference, scene, solution
from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.optimization import grasp, schedule, start

RECORDS = {
    record.__name__: record
    for record in (
        scene.MeshReport, scene.DistanceGrid, scene.SurfaceSamples, scene.SceneObject, scene.PartRegion,
        scene.ObjectParts, reference.Placement, reference.RigidPose, reference.InitialScene, reference.ObjectReference,
        reference.FootTrack, reference.Travel, reference.PersonReference, reference.ReferenceMotion,
        motion.BodyMotion, motion.ObjectMotion, motion.Motion, solution.Solution,
        grasp.Grasp, start.Pressed, start.Start, schedule.Candidate,
    )
}  # fmt: skip
"""Everything that a file may hold beside numbers, text, tuples and mappings."""

FEW_WORDS = 64
"""A longer tuple of words is kept as an array."""

MATERIALS = {
    "PBRMaterial": ("baseColorFactor", "metallicFactor", "roughnessFactor", "baseColorTexture"),
    "SimpleMaterial": ("diffuse", "glossiness", "image"),
}
"""trimesh's materials and what is kept of them."""


@dataclass(frozen=True)
class Packed:
    """A value as JSON text and the arrays that it counts."""

    text: str
    arrays: tuple[np.ndarray, ...]

    @property
    def digest(self) -> str:
        """sha256 of the text and of every array's type, shape and bytes."""
        digest = hashlib.sha256(self.text.encode())
        for array in self.arrays:
            digest.update(f"{array.dtype.str} {array.shape};".encode())
            digest.update(np.ascontiguousarray(array).data if array.size else b"")
        return digest.hexdigest()


def pack(value: Any) -> Packed:
    """The value taken apart; TypeError where it holds something that is neither data nor a dataclass."""
    arrays: list[np.ndarray] = []
    text = json.dumps(_tree(value, arrays), separators=(",", ":"))
    return Packed(text, tuple(arrays))


def unpack(packed: Packed) -> Any:
    """The value put together again; ResultError where text and arrays do not make one."""
    try:
        return _value(json.loads(packed.text), packed.arrays)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise ResultError(f"What a stage left behind cannot be read ({error}). Let the stage run again.") from None


def content_digest(value: Any) -> str:
    """sha256 of everything in a value."""
    return pack(value).digest


def _tree(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, Mapping):
        return {"mapping": [[_tree(key, arrays), _tree(item, arrays)] for key, item in value.items()]}
    if isinstance(value, tuple | list):
        if len(value) > FEW_WORDS and all(type(item) is str for item in value):
            words, places = np.unique(np.array(value), return_inverse=True)
            return {"words": [_tree(words, arrays), _tree(places.astype(np.int32), arrays)]}
        return {"tuple" if isinstance(value, tuple) else "list": [_tree(item, arrays) for item in value]}
    if is_dataclass(value) and not isinstance(value, type):
        held = {field.name: _tree(getattr(value, field.name), arrays) for field in fields(value) if field.init}
        return {"record": [type(value).__name__, held]}
    if isinstance(value, Path):
        return {"path": str(value)}
    if hasattr(value, "kind") and type(value).__module__.startswith("trimesh.visual"):
        return {"visual": _visual_tree(value, arrays)}
    raise TypeError(f"A stage's output may hold arrays, numbers, text and records of them, not {type(value).__name__}.")


def _value(tree: Any, arrays: tuple[np.ndarray, ...]) -> Any:
    if not isinstance(tree, dict):
        if isinstance(tree, list):
            raise ValueError("a bare list")
        return tree
    ((kind, held),) = tree.items()
    return _READERS[kind](held, arrays)


def _record(held: Any, arrays: tuple[np.ndarray, ...]) -> Any:
    name, given = held
    record = RECORDS[name]
    if set(given) != {field.name for field in fields(record) if field.init}:
        raise ValueError(f"{name} with other fields")
    return record(**{key: _value(item, arrays) for key, item in given.items()})


def _words(held: Any, arrays: tuple[np.ndarray, ...]) -> tuple[str, ...]:
    words, places = (_value(item, arrays) for item in held)
    return tuple(words[places].tolist())


def _visual_tree(visual: Any, arrays: list[np.ndarray]) -> Any:
    """Colors per vertex or face, or texture coordinates with a material; what `render.appearance` reads."""
    if not visual.defined:
        return None
    if visual.kind in ("vertex", "face"):
        colors = visual.vertex_colors if visual.kind == "vertex" else visual.face_colors
        return {visual.kind: _tree(np.array(colors, np.uint8), arrays)}
    name = type(visual.material).__name__
    if name not in MATERIALS:
        raise TypeError(f"A mesh's material is a {name}; known are {', '.join(MATERIALS)}.")
    material = {}
    for key in MATERIALS[name]:
        item: Any = getattr(visual.material, key, None)
        if hasattr(item, "convert"):
            item = np.asarray(item.convert("RGBA"), np.uint8)
        material[key] = _tree(item, arrays)
    uv = None if visual.uv is None else np.array(visual.uv)
    return {"uv": _tree(uv, arrays), "material": name, "fields": material}


def _visual(held: Any, arrays: tuple[np.ndarray, ...]) -> Any:
    from PIL import Image
    from trimesh.visual import ColorVisuals, TextureVisuals, material

    if held is None:
        return None
    if "vertex" in held:
        return ColorVisuals(vertex_colors=_value(held["vertex"], arrays))
    if "face" in held:
        return ColorVisuals(face_colors=_value(held["face"], arrays))
    allowed = MATERIALS[held["material"]]
    given = {key: _value(held["fields"][key], arrays) for key in allowed}
    for key in ("baseColorTexture", "image"):
        if given.get(key) is not None:
            given[key] = Image.fromarray(given[key], "RGBA")
    return TextureVisuals(_value(held["uv"], arrays), material=getattr(material, held["material"])(**given))


_READERS: dict[str, Callable[[Any, tuple[np.ndarray, ...]], Any]] = {
    "array": lambda held, arrays: arrays[held],
    "tuple": lambda held, arrays: tuple(_value(item, arrays) for item in held),
    "list": lambda held, arrays: [_value(item, arrays) for item in held],
    "mapping": lambda held, arrays: {_value(key, arrays): _value(item, arrays) for key, item in held},
    "words": _words,
    "record": _record,
    "path": lambda held, arrays: Path(held),
    "visual": _visual,
}
