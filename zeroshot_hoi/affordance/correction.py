"""A user's word on where a part is: a box, vertex ids, or a painted mesh. It wins over everything that is found.

All three are in the frame of the mesh that `zeroshot-hoi parts` writes: the prepared object, metres, z up, its origin
at the center of the bounding box's foot. A painted mesh marks the part with any color that is not gray.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.core.plan import PartDescription
from zeroshot_hoi.core.scene import SceneObject

COLORFUL = 40.0
"""A vertex is painted where its strongest and weakest channel (0..255) differ by more."""
MOVED = 0.02
"""A painted mesh fits the object when its vertices lie within this share of the diagonal from the object's surface."""


def corrected_faces(obj: SceneObject, part: PartDescription) -> np.ndarray | None:
    """(F,) bool: the faces the user gave to `part`; None where nothing is corrected."""
    given = [name for name in ("box", "vertices", "painted") if getattr(part, name)]
    if not given:
        return None
    if len(given) > 1:
        raise PartError(f"The part '{part.name}' is corrected by {' and '.join(given)}. Keep one of them.")
    faces = {"box": _in_box, "vertices": _of_vertices, "painted": _painted}[given[0]](obj, part)
    if not faces.any():
        low, high = obj.vertices.min(axis=0).round(3), obj.vertices.max(axis=0).round(3)
        raise PartError(
            f"The {given[0]} of the part '{part.name}' holds no face of '{obj.name}', which reaches from "
            f"{low.tolist()} to {high.tolist()} m in its own frame (z up). `zeroshot-hoi parts` writes that mesh."
        )
    return faces


def _in_box(obj: SceneObject, part: PartDescription) -> np.ndarray:
    low, high = np.sort(np.asarray(part.box, float), axis=0)
    centers = obj.vertices[obj.faces].mean(axis=1)
    return ((centers >= low) & (centers <= high)).all(axis=1)


def _of_vertices(obj: SceneObject, part: PartDescription) -> np.ndarray:
    ids = np.asarray(part.vertices, int)
    if ids.min() < 0 or ids.max() >= len(obj.vertices):
        raise PartError(
            f"The part '{part.name}' names vertex {ids.min() if ids.min() < 0 else ids.max()}; the prepared mesh of "
            f"'{obj.name}' has {len(obj.vertices)}. Take ids from the mesh that `zeroshot-hoi parts` writes."
        )
    own = np.zeros(len(obj.vertices), bool)
    own[ids] = True
    return np.asarray(own[obj.faces].all(axis=1))


def _painted(obj: SceneObject, part: PartDescription) -> np.ndarray:
    from zeroshot_hoi.geometry.load import read_mesh

    raw = read_mesh(Path(part.painted).expanduser())
    if raw.attributes.shape[1] != 4:
        raise PartError(
            f"'{part.painted}' has no vertex colors. Paint the .ply that `zeroshot-hoi parts` writes, and keep "
            "colors when you export it."
        )
    colors = raw.attributes[:, :3]
    marked = np.ptp(colors, axis=1) > COLORFUL
    distance, nearest = KDTree(raw.vertices).query(obj.vertices)
    diagonal = float(np.linalg.norm(np.ptp(obj.vertices, axis=0)))
    if np.median(distance) > MOVED * diagonal:
        raise PartError(
            f"'{part.painted}' lies {np.median(distance):.3g} m from '{obj.name}'. It must stay where "
            "`zeroshot-hoi parts` put it: metres, z up, not moved or turned on export."
        )
    return marked[nearest][obj.faces].mean(axis=1) > 0.5
