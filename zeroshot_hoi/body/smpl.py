"""SMPL-X, SMPL-H and MANO from the user's own `.npz` files, through the same record as the embedded body.

Only arrays are read: pickles are refused (old files hold chumpy objects), every shape is checked against the others,
and the member sizes are read from the archive's directory before anything is unpacked. Files are y up, z forward;
(x, y, z) becomes (z, x, y), and because that is a rotation, pose vectors turn in the same way.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot_hoi.body.assembly import assemble
from zeroshot_hoi.body.skeleton import SIDES, SMPLH_JOINTS, SMPLX_JOINTS, mano_joints, parents_of
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.errors import BodyError

LARGEST_FILE = 4 * 1024**3
"""Bytes unpacked. The largest official file (SMPL-X, 400 shape directions) is about 0.6 GB."""
LARGEST_VERTICES = 200_000
FILE_AXES = (2, 0, 1)
"""Our x, y, z are the file's z, x, y."""
BETAS, EXPRESSIONS = 10, 10
BETAS_OF_LARGE_FILES = 300
"""SMPL-X files with 400 directions hold 300 of shape, then 100 of expression; smaller ones 10 and 10."""
REQUIRED = ("v_template", "f", "weights", "shapedirs", "posedirs", "J_regressor")
EXTRA = ("hands_meanl", "hands_meanr", "hands_componentsl", "hands_componentsr", "hands_mean", "hands_components",
         "lmk_faces_idx", "lmk_bary_coords")  # fmt: skip


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of the file that a body needs; everything else stays packed."""
    if not path.is_file():
        raise BodyError(f"There is no body-model file '{path}'. Give the path of a SMPL-X, SMPL-H or MANO .npz.")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist() if member.filename[:-4] in REQUIRED + EXTRA)
        if size > LARGEST_FILE:
            raise BodyError(
                f"'{path}' unpacks to {size / 1e9:.1f} GB; a body model has less than 4. Is it the right file?"
            )
        with np.load(path, allow_pickle=False) as data:
            missing = [key for key in REQUIRED if key not in data.files]
            if missing:
                raise BodyError(
                    f"'{path}' has no '{missing[0]}'. A SMPL-X, SMPL-H or MANO file has {', '.join(REQUIRED)}; "
                    f"this one has {', '.join(sorted(data.files)[:20]) or 'nothing'}."
                )
            return {key: data[key] for key in data.files if key in REQUIRED + EXTRA}
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise BodyError(f"'{path}' is not a readable .npz: {error}.") from error
    except ValueError as error:
        raise BodyError(
            f"'{path}' holds Python objects (a pickle), which are never loaded: {error} "
            "Convert it once with numpy.savez, keeping plain arrays, on a machine you trust."
        ) from error


def _joint_names(path: Path, count: int) -> tuple[str, tuple[str, ...]]:
    """The model and its joints, told by the number of rows of J_regressor."""
    if count == len(SMPLX_JOINTS):
        return "smplx", SMPLX_JOINTS
    if count == len(SMPLH_JOINTS):
        return "smplh", SMPLH_JOINTS
    if count == len(mano_joints("right")):
        sides = [side for side in SIDES if side in path.stem.lower()]
        if len(sides) != 1:
            raise BodyError(f"'{path}' is a MANO hand, but its name does not say left or right; rename it, please.")
        return "mano", mano_joints(sides[0])
    raise BodyError(f"'{path}' has {count} joints; SMPL-X has 55, SMPL-H 52 and MANO 16. Plain SMPL has no hands.")


def _check(path: Path, arrays: Mapping[str, np.ndarray], joints: int) -> None:
    """Every array has the shape the others imply, and finite numbers."""
    vertices = len(arrays["v_template"])
    expected = {
        "v_template": (vertices, 3), "weights": (vertices, joints), "J_regressor": (joints, vertices),
        "posedirs": (vertices, 3, 9 * (joints - 1)),
    }  # fmt: skip
    for key, shape in expected.items():
        if arrays[key].shape != shape:
            raise BodyError(f"'{path}': '{key}' has shape {arrays[key].shape}; {shape} goes with its other arrays.")
    faces, directions = arrays["f"], arrays["shapedirs"]
    if not 3 <= vertices <= LARGEST_VERTICES:
        raise BodyError(f"'{path}' has {vertices} vertices; between 3 and {LARGEST_VERTICES} are allowed.")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype.kind not in "iu":
        raise BodyError(f"'{path}': 'f' has shape {faces.shape} and type {faces.dtype}; (F, 3) integers are needed.")
    if len(faces) == 0 or faces.min() < 0 or int(faces.max()) >= vertices:
        raise BodyError(f"'{path}': 'f' names vertices outside 0..{vertices - 1}.")
    if directions.ndim != 3 or directions.shape[:2] != (vertices, 3):
        raise BodyError(f"'{path}': 'shapedirs' has shape {directions.shape}; ({vertices}, 3, S) is needed.")
    for key in (*expected, "shapedirs"):
        if arrays[key].dtype.kind not in "fiu" or not np.isfinite(arrays[key]).all():
            raise BodyError(f"'{path}': '{key}' has values that are no finite numbers.")
    if arrays["weights"].min() < 0 or (np.abs(arrays["weights"].sum(1) - 1.0) > 1e-3).any():
        raise BodyError(f"'{path}': the skinning weights of some vertex are negative or do not sum to one.")


def _directions(model: str, shapedirs: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The shape directions used, (V, 3, S), and their names: ten betas, and for SMPL-X ten expressions."""
    total = shapedirs.shape[2]
    first = min(BETAS, total)
    chosen = list(range(first))
    names = [f"beta {k + 1}" for k in chosen]
    if model == "smplx":
        start = BETAS_OF_LARGE_FILES if total > BETAS_OF_LARGE_FILES else BETAS
        expressions = list(range(start, min(start + EXPRESSIONS, total)))
        chosen += expressions
        names += [f"expression {k + 1}" for k in range(len(expressions))]
    return shapedirs[:, :, chosen], tuple(names)


def to_ours(array: np.ndarray) -> np.ndarray:
    """Coordinates or axial vectors (..., 3) of a SMPL file in our axes: z up, x forward, y left."""
    return array[..., list(FILE_AXES)]


def _pose_directions(posedirs: np.ndarray) -> np.ndarray:
    """(9 (J - 1), V, 3): both the moved coordinates and the rotation matrices that drive them are in our axes."""
    vertices, _, count = posedirs.shape
    by_matrix = posedirs.reshape(vertices, 3, count // 9, 3, 3)
    turned = by_matrix[:, :, :, list(FILE_AXES)][:, :, :, :, list(FILE_AXES)][:, list(FILE_AXES)]
    return np.moveaxis(turned.reshape(vertices, 3, count), 2, 0)


def load_smpl(path: Path, shape: np.ndarray | None = None) -> SkinnedBody:
    """The body of a SMPL-X, SMPL-H or MANO `.npz` at shape coefficients `shape (S,)`: ten betas, then expressions."""
    arrays: dict[str, Any] = _read(path)
    if arrays["J_regressor"].ndim != 2 or arrays["v_template"].ndim != 2:
        raise BodyError(f"'{path}': 'v_template' and 'J_regressor' must be two-dimensional arrays.")
    model, joints = _joint_names(path, len(arrays["J_regressor"]))
    _check(path, arrays, len(joints))
    directions, names = _directions(model, arrays["shapedirs"].astype(float))
    regressor = arrays["J_regressor"].astype(float)
    template = to_ours(arrays["v_template"].astype(float))
    moved = to_ours(np.moveaxis(directions, 2, 0))
    full = np.zeros(len(names))
    given = np.zeros(0) if shape is None else np.asarray(shape, float).reshape(-1)
    if given.size > full.size:
        raise BodyError(f"The shape has {given.size} coefficients; '{path}' takes at most {full.size}.")
    full[: given.size] = given
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return assemble(
        name=f"{model}-{digest[:12]}",
        model=model,
        template=template,
        joints=regressor @ template,
        faces=arrays["f"].astype(np.int64),
        weights=arrays["weights"].astype(float),
        joint_names=joints,
        joint_parents=parents_of(joints),
        twist_bones=(),
        shape=full,
        shape_names=names,
        vertex_directions=moved,
        joint_directions=np.einsum("jv,svc->sjc", regressor, moved),
        anatomical_frames=False,
        pose_directions=_pose_directions(arrays["posedirs"].astype(float)),
        extra={key: arrays[key] for key in EXTRA if key in arrays},
    )
