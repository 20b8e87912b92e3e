"""A result as flat arrays and back: the file's keys, their shapes, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot_hoi.core.errors import GraphError, ResultError
from zeroshot_hoi.core.graph import check_name
from zeroshot_hoi.render.appearance import Appearance
from zeroshot_hoi.results.archive import read_arrays, write_arrays
from zeroshot_hoi.results.result import META_KEYS, SCHEMA, ObjectTrack, PersonTrack, Result, Rig

PERSON_SHAPES = {
    "vertices": "T V 3", "faces": "F 3", "joints": "T J 3", "joint_names": "J", "joint_parents": "J",
    "joint_limits": "J 3 2", "pose": "T J 3", "translation": "T 3", "shape": "S", "body_model": "",
    "part_labels": "V", "regions": "V",
}  # fmt: skip

OBJECT_SHAPES = {
    "vertices": "V 3", "faces": "F 3", "rotation": "T 3 3", "translation": "T 3", "scale": "", "part_names": "P",
    "part_probability": "P F",
}  # fmt: skip

RIG_SHAPES = {
    "rest_vertices": "V 3", "bone_names": "G", "bone_parents": "G", "bone_rest": "G 3 4", "bone_motion": "T G 3 4",
    "weight_bones": "V K", "weight_values": "V K",
}  # fmt: skip

AMASS_KEYS = ("trans", "poses", "betas", "gender", "mocap_framerate")

TEXT_KEYS = {"joint_names", "part_labels", "regions", "body_model", "part_names", "bone_names"}

INDEX_KEYS = {"faces": "V", "joint_parents": "J", "bone_parents": "G", "weight_bones": "G"}
"""Keys whose values count something, and what."""


def save_result(result: Result, path: Path) -> None:
    """Write the `.npz`, complete or not at all."""
    write_arrays(path, flatten(result))


def load_result(path: Path) -> Result:
    """Read, check and assemble a result file."""
    arrays = read_arrays(path)
    if "meta" not in arrays:
        raise ResultError(f"'{path}' has no 'meta'; it is not a result file. Results are written by Result.save.")
    meta = _read_meta(path, arrays["meta"])
    groups: dict[str, dict[str, dict[str, np.ndarray]]] = {"people": {}, "objects": {}, "contacts": {}, "energies": {}}
    for key, array in arrays.items():
        head, _, rest = key.partition("/")
        if head in groups and rest:
            name, _, item = rest.rpartition("/") if head == "contacts" else rest.partition("/")
            groups[head].setdefault(name, {})[item] = array
    sizes: dict[str, int] = {}
    people = {name: _read_person(path, name, items, sizes) for name, items in groups["people"].items()}
    objects = {name: _read_object(path, name, items, sizes) for name, items in groups["objects"].items()}
    contacts = {name: _one(path, f"contacts/{name}", items, "distance") for name, items in groups["contacts"].items()}
    energies = {name: _one(path, f"energies/{name}", items, "") for name, items in groups["energies"].items()}
    return Result(meta, people, objects, contacts, energies)


def flatten(result: Result) -> dict[str, np.ndarray]:
    """Every array of the file by its key."""
    missing, unknown = set(META_KEYS) - set(result.meta), set(result.meta) - set(META_KEYS)
    if missing or unknown:
        raise ResultError(f"meta must have exactly {', '.join(META_KEYS)}; missing {missing or 'none'}, "
                          f"unknown {unknown or 'none'}.")  # fmt: skip
    arrays = {"meta": np.array(json.dumps(result.meta, ensure_ascii=False, allow_nan=False))}
    for name, person in result.people.items():
        head = f"people/{_checked(name)}"
        arrays |= {f"{head}/{key}": _stored(key, getattr(person, key)) for key in PERSON_SHAPES}
        if person.rig is not None:
            arrays |= {f"{head}/rig/{key}": _stored(key, getattr(person.rig, key)) for key in RIG_SHAPES}
        arrays |= {f"{head}/{key}": np.asarray(value) for key, value in person.amass.items()}
    for name, thing in result.objects.items():
        head = f"objects/{_checked(name)}"
        arrays |= {f"{head}/{key}": _stored(key, getattr(thing, key)) for key in OBJECT_SHAPES}
        arrays |= {f"{head}/look/{key}": array for key, array in _flatten_look(thing.look).items()}
    arrays |= {f"contacts/{edge}/distance": np.asarray(d, np.float32) for edge, d in result.contacts.items()}
    arrays |= {f"energies/{term}": np.asarray(e, np.float64) for term, e in result.energies.items()}
    return arrays


def _checked(name: str) -> str:
    try:
        check_name(name, "name")
    except GraphError as error:
        raise ResultError(str(error)) from None
    return name


def _stored(key: str, value: Any) -> np.ndarray:
    """Text as U, indices as int32, numbers as float32."""
    if key in TEXT_KEYS:
        return np.asarray(value if isinstance(value, str) else list(value), dtype=np.str_)
    return np.asarray(value, np.int32 if key in INDEX_KEYS else np.float32)


def _flatten_look(look: Appearance) -> dict[str, np.ndarray]:
    arrays = {
        "base_color": np.array(look.base_color, np.uint8),
        "surface": np.array([look.metallic, look.roughness], np.float32),
    }
    for key in ("colors", "face_colors", "uv", "texture"):
        value = getattr(look, key)
        if value is not None:
            arrays[key] = np.asarray(value, np.float32 if key == "uv" else np.uint8)
    return arrays


def _read_meta(path: Path, array: np.ndarray) -> dict[str, Any]:
    try:
        meta = json.loads(str(array))
    except (ValueError, RecursionError) as error:
        raise ResultError(f"'meta' in '{path}' is no JSON text ({error}).") from None
    if not isinstance(meta, dict):
        raise ResultError(f"'meta' in '{path}' is {type(meta).__name__}; it must be a JSON object.")
    if meta.get("schema") != SCHEMA:
        raise ResultError(f"'{path}' has schema {meta.get('schema')!r}; this version reads {SCHEMA}. Run it again.")
    missing = [key for key in META_KEYS if key not in meta]
    if missing:
        raise ResultError(f"'meta' in '{path}' lacks {', '.join(missing)}.")
    return meta


def _take(
    path: Path, owner: str, items: Mapping[str, np.ndarray], shapes: Mapping[str, str], sizes: dict[str, int]
) -> dict[str, Any]:
    """The named items with their shapes checked; `sizes` collects what each letter stands for."""
    missing = [key for key in shapes if key not in items]
    if missing:
        raise ResultError(f"'{path}' lacks {', '.join(f'{owner}/{key}' for key in missing)}.")
    values = {key: _check_shape(path, f"{owner}/{key}", items[key], shape, sizes) for key, shape in shapes.items()}
    for key, letter in INDEX_KEYS.items():
        lowest = -1 if key.endswith("parents") else 0
        if key in values and values[key].size and not lowest <= values[key].min() <= values[key].max() < sizes[letter]:
            raise ResultError(f"{owner}/{key} in '{path}' points outside 0..{sizes[letter] - 1}.")
    return {key: _plain(key, value) for key, value in values.items()}


def _check_shape(path: Path, key: str, array: np.ndarray, shape: str, sizes: dict[str, int]) -> np.ndarray:
    letters = shape.split()
    fits = array.ndim == len(letters) and all(
        size == (int(letter) if letter.isdigit() else sizes.setdefault(letter, size))
        for letter, size in zip(letters, array.shape, strict=True)
    )
    text = key.rsplit("/", 1)[-1] in TEXT_KEYS
    if not fits or (array.dtype.kind == "U") != text:
        wanted = ", ".join(str(sizes.get(letter, letter)) for letter in letters)
        raise ResultError(f"{key} in '{path}' is {array.dtype} {array.shape}; expected {'text' if text else 'numbers'} "
                          f"({wanted}).")  # fmt: skip
    return array


def _plain(key: str, value: np.ndarray) -> Any:
    if key in ("joint_names", "part_names", "bone_names"):
        return tuple(value.tolist())
    if key == "body_model":
        return str(value)
    return float(value) if key == "scale" else value


def _read_person(path: Path, name: str, items: Mapping[str, np.ndarray], shared: dict[str, int]) -> PersonTrack:
    owner = f"people/{_checked(name)}"
    sizes = {"T": shared["T"]} if "T" in shared else {}
    values = _take(path, owner, items, PERSON_SHAPES, sizes)
    shared["T"] = sizes["T"]
    bones = {key.removeprefix("rig/"): value for key, value in items.items() if key.startswith("rig/")}
    rig = Rig(**_take(path, f"{owner}/rig", bones, RIG_SHAPES, sizes)) if bones else None
    return PersonTrack(**values, rig=rig, amass={key: items[key] for key in AMASS_KEYS if key in items})


def _read_object(path: Path, name: str, items: Mapping[str, np.ndarray], shared: dict[str, int]) -> ObjectTrack:
    sizes = {"T": shared["T"]} if "T" in shared else {}
    values = _take(path, f"objects/{_checked(name)}", items, OBJECT_SHAPES, sizes)
    shared["T"] = sizes["T"]
    look = {key.removeprefix("look/"): value for key, value in items.items() if key.startswith("look/")}
    return ObjectTrack(**values, look=_read_look(path, name, look, sizes))


def _read_look(path: Path, name: str, items: Mapping[str, np.ndarray], sizes: Mapping[str, int]) -> Appearance:
    shapes = {"colors": "V 4", "face_colors": "F 4", "base_color": "4", "surface": "2", "texture": "height width 4"}
    known, counts = {field.name for field in fields(Appearance)}, dict(sizes)
    for key in items:
        if key in shapes:
            _check_shape(path, f"objects/{name}/look/{key}", items[key], shapes[key], counts)
    kept: dict[str, Any] = {key: value for key, value in items.items() if key in known}
    if "uv" in kept:
        _check_shape(path, f"objects/{name}/look/uv", kept["uv"], "V 2" if kept["uv"].ndim == 2 else "F 3 2", counts)
    if "base_color" in kept:
        kept["base_color"] = tuple(int(c) for c in kept["base_color"])
    if "surface" in items:
        kept["metallic"], kept["roughness"] = (float(x) for x in items["surface"])
    return Appearance(**kept)


def _one(path: Path, owner: str, items: Mapping[str, np.ndarray], key: str) -> np.ndarray:
    array = items.get(key)
    if array is None or array.ndim != 1 or array.dtype.kind != "f":
        raise ResultError(f"{owner} in '{path}' must be one row of numbers{f' called {key}' if key else ''}.")
    return array
