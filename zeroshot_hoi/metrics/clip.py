"""What the metrics read: the arrays of a result file, named, checked and nothing else.

A clip comes from a path, from any mapping of the file's arrays, or from an object with `people`, `objects` and `meta`.
So the measures depend on the file's schema (docs/conventions.md) and not on the code that wrote it.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot_hoi.core.errors import ResultError, nearest_name
from zeroshot_hoi.geometry.sampling import dense_points

MAX_FILE_BYTES = 4 * 2**30
PART_PROBABILITY = 0.5
"""A face belongs to a part above this probability (core.scene.PartRegion)."""

SUPPORT_PARTS = ("hips", "left leg", "right leg")


@dataclass(frozen=True)
class PersonClip:
    """One person of a result."""

    name: str
    vertices: np.ndarray
    """(T, V, 3) metres."""
    faces: np.ndarray
    """(F, 3)"""
    joints: np.ndarray
    """(T, J, 3) metres."""
    joint_names: tuple[str, ...]
    joint_parents: np.ndarray
    """(J,)"""
    joint_limits: np.ndarray
    """(J, 3, 2) radians."""
    pose: np.ndarray
    """(T, J, 3) radians."""
    part_labels: np.ndarray
    """(V,) str"""
    regions: np.ndarray
    """(V,) str"""

    def face_labels(self, labels: np.ndarray) -> np.ndarray:
        """(F,) the label most of a face's vertices carry (the first one where all three differ)."""
        first, second, third = (labels[self.faces[:, k]] for k in range(3))
        return np.where((second == third) & (first != second), second, first)


@dataclass(frozen=True)
class ObjectClip:
    """One object of a result, in its own frame, with its motion."""

    name: str
    vertices: np.ndarray
    """(V, 3) metres."""
    faces: np.ndarray
    """(F, 3)"""
    rotation: np.ndarray
    """(T, 3, 3)"""
    translation: np.ndarray
    """(T, 3)"""
    parts: Mapping[str, np.ndarray]
    """Part name -> indices of its faces."""
    translational: bool
    rotational: bool
    mass: float = 0.0
    """kg; 0 where the result does not say."""

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """(T, N, 3) world positions of `points (N, 3)`."""
        return points @ np.swapaxes(self.rotation, 1, 2) + self.translation[:, None]

    def to_local(self, points: np.ndarray) -> np.ndarray:
        """(T, N, 3) object-frame positions of world `points (T, N, 3)`."""
        return (points - self.translation[:, None]) @ self.rotation

    def surface_points(self) -> np.ndarray:
        """(N, 3) of the whole surface."""
        return dense_points(self.vertices, self.faces)


@dataclass(frozen=True)
class ContactEdge:
    """One edge of the graph with its flags and the way it is carried out."""

    name: str
    first: tuple[str, str]
    """Owner and part; the person where there is one."""
    second: tuple[str, str]
    static: bool
    continuous: bool
    kind: str
    support: bool
    upholstery: bool

    @property
    def is_hand(self) -> bool:
        return self.first[1] in ("left hand", "right hand")

    @property
    def is_seat(self) -> bool:
        return self.kind == "support" and self.first[1] in SUPPORT_PARTS


@dataclass(frozen=True)
class Clip:
    """Everything the measures need."""

    people: Mapping[str, PersonClip]
    objects: Mapping[str, ObjectClip]
    edges: tuple[ContactEdge, ...]
    fps: float

    @property
    def frames(self) -> int:
        """T"""
        if self.people:
            return len(next(iter(self.people.values())).vertices)
        return len(next(iter(self.objects.values())).translation)


def read_clip(source: Any) -> Clip:
    """A clip from a result file's path, a mapping of its arrays, or a Result."""
    if isinstance(source, str | Path):
        source = _load_arrays(Path(source))
    if not isinstance(source, Mapping):
        source = _arrays_of(source)
    meta = source.get("meta")
    if meta is None:
        raise ResultError("The result has no 'meta' entry. It must hold the JSON text that names objects and edges.")
    if not isinstance(meta, Mapping):
        meta = json.loads(str(np.asarray(meta)))
    graph = meta["pag"] if isinstance(meta["pag"], Mapping) else json.loads(meta["pag"])
    states = {state["name"]: state for state in graph.get("object states", ())}
    people = {name: _read_person(source, name) for name in _names(source, "people")}
    objects = {name: _read_object(source, name, states.get(name, {}), meta) for name in _names(source, "objects")}
    if not people and not objects:
        raise ResultError("The result holds neither people nor objects, so there is nothing to measure.")
    edges = _read_edges(meta, graph)
    for edge in edges:
        _check_edge(edge, people, objects)
    return Clip(people, objects, edges, float(meta["fps"]))


def _load_arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise ResultError(f"There is no result file at '{path}'. Give the path of an .npz that a run has written.")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_FILE_BYTES:
            raise ResultError(f"'{path}' unpacks to {size} bytes; at most {MAX_FILE_BYTES} are read.")
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ResultError(
            f"'{path}' can't be read as a result: {error}. It must be an .npz of plain arrays; "
            "arrays of Python objects (pickles) are refused."
        ) from error


def _arrays_of(result: Any) -> dict[str, Any]:
    """The flat mapping of an object with `meta`, `people` and `objects` whose fields are named as in the file."""
    arrays: dict[str, Any] = {"meta": result.meta}
    for folder in ("people", "objects"):
        for name, track in getattr(result, folder).items():
            for key in _FIELDS[folder]:
                arrays[f"{folder}/{name}/{key}"] = getattr(track, key)
    return arrays


_FIELDS = {
    "people": (
        "vertices", "faces", "joints", "joint_names", "joint_parents", "joint_limits", "pose", "part_labels", "regions",
    ),
    "objects": ("vertices", "faces", "rotation", "translation", "part_names", "part_probability"),
}  # fmt: skip


def _names(arrays: Mapping[str, Any], folder: str) -> list[str]:
    return sorted({key.split("/")[1] for key in arrays if key.startswith(f"{folder}/")})


def _fields(arrays: Mapping[str, Any], folder: str, name: str) -> dict[str, np.ndarray]:
    missing = [key for key in _FIELDS[folder] if f"{folder}/{name}/{key}" not in arrays]
    if missing:
        raise ResultError(f"The result lacks {', '.join(missing)} of '{name}'. Write it again with Result.save.")
    return {key: np.asarray(arrays[f"{folder}/{name}/{key}"]) for key in _FIELDS[folder]}


def _read_person(arrays: Mapping[str, Any], name: str) -> PersonClip:
    values = _fields(arrays, "people", name)
    return PersonClip(
        name=name,
        vertices=values["vertices"].astype(np.float64),
        faces=values["faces"].astype(np.int32),
        joints=values["joints"].astype(np.float64),
        joint_names=tuple(values["joint_names"].tolist()),
        joint_parents=values["joint_parents"],
        joint_limits=values["joint_limits"].astype(np.float64),
        pose=values["pose"].astype(np.float64),
        part_labels=values["part_labels"],
        regions=values["regions"],
    )


def _read_object(arrays: Mapping[str, Any], name: str, state: Mapping[str, Any], meta: Mapping[str, Any]) -> ObjectClip:
    values = _fields(arrays, "objects", name)
    probability = values["part_probability"]
    names = values["part_names"].tolist()
    parts = {name: np.flatnonzero(probability[k] > PART_PROBABILITY) for k, name in enumerate(names)}
    return ObjectClip(
        name=name,
        vertices=values["vertices"].astype(np.float64),
        faces=values["faces"].astype(np.int32),
        rotation=values["rotation"].astype(np.float64),
        translation=values["translation"].astype(np.float64),
        parts=parts,
        translational=bool(state.get("is_translational", False)),
        rotational=bool(state.get("is_rotational", False)),
        mass=float(meta.get("objects", {}).get(name, {}).get("mass", 0.0)),
    )


def _node(text: str, separator: str) -> tuple[str, str]:
    owner, _, part = text.partition(separator)
    return owner.strip(), part.strip()


def _read_edges(meta: Mapping[str, Any], graph: Mapping[str, Any]) -> tuple[ContactEdge, ...]:
    flags = {frozenset(_node(n, ",") for n in edge["nodes"]): edge for edge in graph.get("interaction edges", ())}
    edges = []
    for name, (kind, support, upholstery) in meta["edges"].items():
        first, second = (_node(text, ".") for text in name.split("->"))
        flag = flags.pop(frozenset((first, second)), None)
        if flag is None:
            raise ResultError(f"Edge '{name}' of the result's meta is not in its graph; both must name the same edges.")
        static, continuous = bool(flag["is_rel_static"]), bool(flag["is_continuous"])
        edges.append(ContactEdge(name, first, second, static, continuous, kind, bool(support), bool(upholstery)))
    if flags:
        lost = "; ".join(" - ".join(edge["nodes"]) for edge in flags.values())
        raise ResultError(f"The graph's edges ({lost}) have no entry in the result's meta 'edges'.")
    return tuple(edges)


def _check_edge(edge: ContactEdge, people: Mapping[str, PersonClip], objects: Mapping[str, ObjectClip]) -> None:
    for owner, part in (edge.first, edge.second):
        if owner in people:
            known = set(people[owner].part_labels.tolist()) - {""}
        elif owner in objects:
            known = {name for name, faces in objects[owner].parts.items() if len(faces)}
        else:
            raise ResultError(f"Edge '{edge.name}' names '{owner}'. {nearest_name(owner, [*people, *objects])}")
        if part not in known:
            raise ResultError(f"Edge '{edge.name}' names the part '{part}' of '{owner}'. {nearest_name(part, known)}")
