"""Readers of what other methods write, by the name of the format.

- `ours`: result files (`.npz`) of this library.
- `plain`: an `.npz` for any method; its keys are in docs/evaluation.md.
- `chois`: folders of `00000.ply` and `00000_object.ply` (CHOIS, OMOMO: `save_verts_faces_to_mesh_file_w_object`), 30
  frames a second, z up, and beside them anywhere the `.npz` of joints (`seq_name`, `global_jpos`).
- `hoi-diff`: `results.npy` of its `local_generate_obj.py`: 22 joints, y up, the object as rotation vector and place;
  the objects' meshes are not in it and come from a folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from zeroshot_hoi.metrics.baselines.interaction import PALMS, SMPL_JOINTS, Interaction
from zeroshot_hoi.metrics.baselines.restricted_pickle import MAX_BYTES, load_plain_pickle
from zeroshot_hoi.metrics.clip import ObjectClip, PersonClip, read_clip
from zeroshot_hoi.metrics.published.measure import MetricError

CHOIS_FPS, HOI_DIFF_FPS = 30.0, 10.0
"""Their code's: CHOIS evaluates with 30, `local_generate_obj.py` writes with 10."""
Y_UP = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""(x, y, z) -> (z, x, y), as everywhere in this library."""


def read_interactions(
    kind: str, folder: Path, fps: float | None = None, meshes: Path | None = None
) -> list[Interaction]:
    """Everything of one kind below a folder (or in one file), sorted by name.

    Raises MetricError where the kind is unknown, nothing of it is there, or a file can't be used.
    """
    if kind not in READERS:
        raise MetricError(f"No format is called '{kind}'. Known: {', '.join(READERS)}.")
    if not folder.exists():
        raise MetricError(f"There is nothing at '{folder}'.")
    found = sorted(READERS[kind](folder, fps, meshes), key=lambda one: one.name)
    if not found:
        raise MetricError(f"'{folder}' holds no result of the format '{kind}'; docs/evaluation.md says what that is.")
    return found


def _read_ours(folder: Path, fps: float | None, meshes: Path | None) -> Iterator[Interaction]:
    """Every person with every object of every result."""
    for path in _files(folder, "*.npz"):
        clip = read_clip(path)
        for person in clip.people.values():
            for thing in clip.objects.values():
                yield from_clip(f"{path.stem}/{person.name}|{thing.name}", person, thing, fps or clip.fps)


def from_clip(name: str, person: PersonClip, thing: ObjectClip, fps: float) -> Interaction:
    """One person and one object of a result of ours."""
    return Interaction(
        name, thing.name, fps, person.joints, person.joint_names, person.vertices, person.faces, thing.vertices,
        thing.faces, thing.rotation, thing.translation,
    )  # fmt: skip


PLAIN_KEYS = ("joints", "joint_names", "body_vertices", "body_faces", "object_vertices", "object_faces")
REQUIRED_KEYS = ("object_name", "fps", "rotation", "translation")


def _read_plain(folder: Path, fps: float | None, meshes: Path | None) -> Iterator[Interaction]:
    for path in _files(folder, "*.npz"):
        arrays = _load_npz(path)
        missing = [key for key in REQUIRED_KEYS if key not in arrays]
        unknown = [key for key in arrays if key not in (*PLAIN_KEYS, *REQUIRED_KEYS)]
        if missing or unknown:
            raise MetricError(f"'{path}' lacks {missing or 'nothing'} and has unknown keys {unknown or 'none'}; the "
                              f"plain format has {', '.join((*REQUIRED_KEYS, *PLAIN_KEYS))}.")  # fmt: skip
        optional = {
            key: _numbers(path, key, arrays[key]) for key in PLAIN_KEYS if key in arrays and key != "joint_names"
        }
        names = tuple(str(name) for name in arrays.get("joint_names", ()))
        yield Interaction(
            path.stem, str(arrays["object_name"]), fps or float(arrays["fps"]), optional.get("joints"), names,
            optional.get("body_vertices"), _indices(path, optional, "body"), optional.get("object_vertices"),
            _indices(path, optional, "object"), _numbers(path, "rotation", arrays["rotation"], 3, 3),
            _numbers(path, "translation", arrays["translation"], 3),
        )  # fmt: skip


def _read_chois(folder: Path, fps: float | None, meshes: Path | None) -> Iterator[Interaction]:
    joints = _chois_joints(folder)
    for place in sorted({path.parent for path in folder.rglob("*_object.ply")}):
        bodies = sorted(path for path in place.glob("*.ply") if re.fullmatch(r"\d+\.ply", path.name))
        things = [path.with_name(f"{path.stem}_object.ply") for path in bodies]
        if not bodies or not all(path.is_file() for path in things):
            raise MetricError(f"'{place}' must hold 00000.ply, 00000_object.ply and so on, one pair a frame.")
        vertices, faces = _mesh_sequence(bodies)
        object_track, object_faces = _mesh_sequence(things)
        rotation, translation = rigid_motion(object_track)
        # Folders are called after the sequence, `sub16_clothesstand_000`, and may say more behind it.
        own = [name for name in joints if place.name.startswith(name)]
        track = joints[max(own, key=len)] if own else None
        if track is not None and len(track) != len(vertices):
            track = None
        words = place.name.split("_")
        yield Interaction(
            place.name, words[1] if len(words) > 1 else place.name, fps or CHOIS_FPS, track,
            (*SMPL_JOINTS, *PALMS) if track is not None else (), vertices, faces, object_track[0], object_faces,
            rotation, translation,
        )  # fmt: skip


def _chois_joints(folder: Path) -> dict[str, np.ndarray]:
    """Sequence -> (T, 24, 3) of every file of joints below the folder."""
    found = {}
    for path in _files(folder, "*.npz", needed=False):
        arrays = _load_npz(path)
        if "global_jpos" in arrays and "seq_name" in arrays:
            found[str(arrays["seq_name"])] = _numbers(path, "global_jpos", arrays["global_jpos"], 24, 3)
    return found


def rigid_motion(track: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (T, 3, 3) and translation (T, 3) that carry the first frame of `track (T, N, 3)` to every frame.

    Least squares without a mirror (Kabsch). Raises MetricError where the points do not move as one body, within 1 cm.
    """
    middle = track.mean(axis=1, keepdims=True)
    u, _, vt = np.linalg.svd(np.swapaxes(track - middle, 1, 2) @ (track[0] - middle[0]))
    signs = np.ones((len(track), 3))
    signs[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * signs[:, None]) @ vt
    translation = middle[:, 0] - np.einsum("tij,j->ti", rotation, middle[0, 0])
    error = np.abs(track[0] @ np.swapaxes(rotation, 1, 2) + translation[:, None] - track).max()
    if error > 0.01:
        raise MetricError(f"The object's mesh changes its shape by {100 * error:.1f} cm over the frames; only rigid "
                          "objects are compared.")  # fmt: skip
    return rotation, translation


def _read_hoi_diff(folder: Path, fps: float | None, meshes: Path | None) -> Iterator[Interaction]:
    for path in _files(folder, "results.npy"):
        held = load_plain_pickle(path)
        needed = ("motion", "motion_obj", "lengths", "obj_name")
        if not isinstance(held, dict) or any(key not in held for key in needed):
            raise MetricError(f"'{path}' is no result of HOI-Diff: it must be a dictionary with {', '.join(needed)}.")
        motion = _numbers(path, "motion", held["motion"], 22, 3, None)
        poses = _numbers(path, "motion_obj", held["motion_obj"], 1, 6, motion.shape[-1])
        for k, (length, sequence) in enumerate(zip(held["lengths"], held["obj_name"], strict=True)):
            name = _behave_object(str(sequence))
            joints = np.moveaxis(motion[k], 2, 0)[: int(length)] @ Y_UP.T
            pose = poses[k, 0, :, : int(length)].T
            rotation = Y_UP @ Rotation.from_rotvec(pose[:, :3]).as_matrix() @ Y_UP.T
            vertices, faces = _object_mesh(meshes, name)
            yield Interaction(
                f"{path.parent.name}/{k:03d}_{sequence}", name, fps or HOI_DIFF_FPS, joints, SMPL_JOINTS, None, None,
                vertices, faces, rotation, pose[:, 3:] @ Y_UP.T,
            )  # fmt: skip


def _behave_object(sequence: str) -> str:
    """`Date01_Sub01_backpack_back` -> `backpack`; a plain name stays as it is."""
    words = sequence.split("_")
    return words[2] if len(words) > 2 and words[0].startswith("Date") else sequence


def _object_mesh(folder: Path | None, name: str) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Vertices centered on their mean and turned z up, as HOI-Diff places them; nothing without a folder."""
    if folder is None:
        return None, None
    paths = [p for p in sorted(folder.rglob(f"{name}*")) if p.suffix.lower() in (".ply", ".obj", ".stl", ".off")]
    if not paths:
        raise MetricError(f"'{folder}' holds no mesh whose name starts with '{name}' (.ply, .obj, .stl or .off).")
    vertices, faces = _load_mesh(paths[0])
    return (vertices - vertices.mean(axis=0)) @ Y_UP.T, faces


def _mesh_sequence(paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """(T, V, 3) and (F, 3); every frame must have the first one's faces."""
    vertices, faces = zip(*(_load_mesh(path) for path in paths), strict=True)
    for path, mine in zip(paths, vertices, strict=True):
        if mine.shape != vertices[0].shape:
            raise MetricError(
                f"'{path}' has {len(mine)} vertices, the first frame {len(vertices[0])}; they must agree."
            )
    return np.stack(vertices), faces[0]


def _load_mesh(path: Path) -> tuple[np.ndarray, np.ndarray]:
    if path.stat().st_size > MAX_BYTES:
        raise MetricError(f"'{path}' has {path.stat().st_size} bytes; at most {MAX_BYTES} are read.")
    try:
        mesh = trimesh.load(path, process=False, force="mesh", skip_materials=True)
        vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32)  # type: ignore[union-attr]
    except Exception as error:  # trimesh's loaders raise nearly anything
        raise MetricError(f"'{path}' can't be read as a mesh: {type(error).__name__}: {error}.") from error
    if not len(faces) or not np.isfinite(vertices).all():
        raise MetricError(
            f"'{path}' has {len(faces)} faces or a vertex that is no number; a mesh has at least one face."
        )
    return vertices, faces


def _files(folder: Path, pattern: str, needed: bool = True) -> list[Path]:
    if folder.is_file():
        return [folder] if needed else []
    return sorted(folder.rglob(pattern))


def _load_npz(path: Path) -> dict[str, np.ndarray]:
    if path.stat().st_size > MAX_BYTES:
        raise MetricError(f"'{path}' has {path.stat().st_size} bytes; at most {MAX_BYTES} are read.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except Exception as error:  # a damaged archive raises nearly anything
        raise MetricError(f"'{path}' can't be read: {error}. It must be an .npz of plain arrays.") from error


def _numbers(path: Path, key: str, value: Any, *shape: int | None) -> np.ndarray:
    """Finite floats; with a shape, (any, *shape)."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise MetricError(f"'{key}' in '{path}' must hold finite numbers.")
    fits = array.ndim == len(shape) + 1 and all(w in (None, s) for w, s in zip(shape, array.shape[1:], strict=False))
    if shape and not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise MetricError(f"'{key}' in '{path}' has the shape {array.shape}; it must be (any, {wanted}).")
    return array.astype(np.float64)


def _indices(path: Path, arrays: dict[str, np.ndarray], owner: str) -> np.ndarray | None:
    """A mesh's faces, once they are there with its vertices and count them."""
    vertices, faces = arrays.get(f"{owner}_vertices"), arrays.get(f"{owner}_faces")
    if (vertices is None) != (faces is None):
        raise MetricError(f"'{path}' has only one of {owner}_vertices and {owner}_faces; give both or none.")
    if vertices is None or faces is None:
        return None
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.min() < 0 or faces.max() >= vertices.shape[-2]:
        raise MetricError(f"'{owner}_faces' in '{path}' must be (F, 3) and count {owner}_vertices.")
    return faces.astype(np.int32)


READERS: dict[str, Callable[[Path, float | None, Path | None], Iterator[Interaction]]] = {
    "ours": _read_ours,
    "plain": _read_plain,
    "chois": _read_chois,
    "hoi-diff": _read_hoi_diff,
}
