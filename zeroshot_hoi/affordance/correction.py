"""A user's word on where a part is: a box, vertex ids, or a painted mesh. It wins over everything that is found.

All three are in the frame of the mesh that `zeroshot-hoi parts` writes: the prepared object, metres, z up, its origin
at the center of the bounding box's foot. A painted mesh marks the part with any color that is not gray.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.core.errors import nearest_name
from zeroshot_hoi.core.plan import ObjectPlan, PartDescription
from zeroshot_hoi.core.scene import SceneObject

COLORFUL = 40.0
"""A vertex is painted where its strongest and weakest channel (0..255) differ by more."""
MOVED = 0.02
"""A painted mesh fits the object when its vertices lie within this share of the diagonal from the object's surface."""


NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?"
BOX = re.compile(rf"{NUMBER}(?:,{NUMBER}){{5}}")
IDS = re.compile(r"#\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*")
MOST_IDS = 1_000_000
FORMS = "PART=x,y,z,x,y,z (a box), PART=#17,18,402-480 (vertices) or PART=FILE (a painted mesh)"


def correct_parts(wanted: ObjectPlan, arguments: Sequence[str], add: bool) -> ObjectPlan:
    """`wanted` with what the `arguments` (`PART=WHERE`) say of its parts; with `add` also of parts it does not name."""
    parts = {part.name: part for part in wanted.parts}
    for argument in arguments:
        name, equals, where = (text.strip() for text in argument.partition("="))
        if not (equals and name and where):
            raise PartError(f"--correct {argument!r} says no place. Write {FORMS}.")
        if name not in parts and not add:
            raise PartError(f"--correct names '{name}', which the recipe does not have. {nearest_name(name, parts)}")
        part = parts.get(name, PartDescription(name))
        parts[name] = replace(part, **{"box": (), "vertices": (), "painted": "", **_where(where)})
    return replace(wanted, parts=tuple(parts.values()))


def _where(text: str) -> dict[str, object]:
    """The field of a part description that `text` gives."""
    if BOX.fullmatch(text):
        x = [float(number) for number in text.split(",")]
        return {"box": (tuple(x[:3]), tuple(x[3:]))}
    if IDS.fullmatch(text):
        spans = [[int(end) for end in span.split("-")] for span in text[1:].split(",")]
        if sum(abs(span[-1] - span[0]) + 1 for span in spans) > MOST_IDS:
            raise PartError(f"--correct names more than {MOST_IDS} vertices. Give a box, or a painted mesh.")
        return {"vertices": tuple(sorted({k for span in spans for k in range(min(span), max(span) + 1)}))}
    if text.startswith("#") or re.fullmatch(r"[-\d.,e ]+", text):
        raise PartError(f"--correct cannot read '{text}'. Write {FORMS}.")
    return {"painted": text}


def recipe_lines(wanted: ObjectPlan) -> str:
    """The corrections of `wanted` as they stand in a recipe; empty where there are none."""
    lines = []
    for part in wanted.parts:
        given = {key: value for key in ("box", "vertices", "painted") if (value := getattr(part, key))}
        for key, value in given.items():
            lines += ["[[objects.parts]]", f"name = {json.dumps(part.name)}", f"{key} = {json.dumps(value)}"]
    return "\n".join(["In a recipe:", *lines, ""]) if lines else ""


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
