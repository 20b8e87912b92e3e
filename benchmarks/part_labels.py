"""True part regions of real meshes, as text: boxes, half-spaces, whole components, named nodes, directions.

A label file names an object, its mesh file and its parts. Each part is a union of `include` regions without its
`exclude` regions; every region is the intersection of its keys, in the prepared object's frame (metres, z up, origin at
the center of the bounding box's foot):

    box          [[x, y, z], [x, y, z]]: the face's center lies inside
    halfspaces   [[nx, ny, nz, d], ...]: n . center >= d
    components   [[x, y, z], [x, y, z]]: the face's whole connected component lies inside (to 1 mm)
    node         the name of the face's node in the file contains this text
    facing       [nx, ny, nz, degrees]: the face's normal is within that angle of n

Parts that are sat, stood or laid on (seat, backrest, table top, deck, bottom) are the side that is touched; all other
parts go all around.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot_hoi.core.scene import Mesh, SceneObject

LABELS = Path(__file__).parents[1] / "tests" / "data" / "parts"
SLACK = 1e-3
"""Metres by which a component may stick out of its box."""
KEYS = {"box", "halfspaces", "components", "node", "facing"}


@dataclass(frozen=True)
class LabeledPart:
    """One part with its regions."""

    name: str
    count: int
    include: tuple[dict[str, Any], ...]
    exclude: tuple[dict[str, Any], ...]

    def faces(self, obj: SceneObject) -> np.ndarray:
        """(F,) bool: the faces of `obj` that are this part."""
        geometry = _Faces(obj)
        inside = np.zeros(len(obj.faces), bool)
        for region in self.include:
            inside |= geometry.inside(region)
        for region in self.exclude:
            inside &= ~geometry.inside(region)
        return inside


@dataclass(frozen=True)
class LabeledMesh:
    """One mesh file with the truth about its parts."""

    object: str
    file: str
    unit: str | float | None
    up: str | None
    parts: tuple[LabeledPart, ...]

    @property
    def stem(self) -> str:
        return Path(self.file).stem

    def mesh(self, folder: Path) -> Mesh:
        """What `prepare_object` takes."""
        return Mesh(str(folder / self.file), unit=self.unit, up=self.up)


def read_labels(folder: Path = LABELS) -> tuple[LabeledMesh, ...]:
    """Every label file of `folder`, in the order of their names."""
    return tuple(_read(path) for path in sorted(folder.glob("*.toml")))


def face_areas(obj: SceneObject) -> np.ndarray:
    """(F,) m^2"""
    triangles = obj.vertices[obj.faces]
    cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    return 0.5 * np.linalg.norm(cross, axis=1)


def _read(path: Path) -> LabeledMesh:
    table = tomllib.loads(path.read_text())
    parts = [
        LabeledPart(p["name"], p["count"], tuple(p["include"]), tuple(p.get("exclude", ()))) for p in table["parts"]
    ]
    for part in parts:
        for region in (*part.include, *part.exclude):
            if not region or set(region) - KEYS:
                raise ValueError(f"{path.name}, '{part.name}': a region has {sorted(region)}; allowed {sorted(KEYS)}.")
    return LabeledMesh(table["object"], table["file"], table.get("unit"), table.get("up"), tuple(parts))


class _Faces:
    """What regions ask of an object's faces."""

    def __init__(self, obj: SceneObject) -> None:
        triangles = obj.vertices[obj.faces]
        cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
        self.centers = triangles.mean(axis=1)
        self.normals = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-30)
        self.nodes = np.asarray(obj.nodes, dtype=str)
        self.components = np.asarray(obj.components)
        count = int(self.components.max()) + 1
        self.low = np.full((count, 3), np.inf)
        self.high = -self.low
        np.minimum.at(self.low, self.components, triangles.min(axis=1))
        np.maximum.at(self.high, self.components, triangles.max(axis=1))

    def inside(self, region: dict[str, Any]) -> np.ndarray:
        keep = np.ones(len(self.centers), bool)
        if "box" in region:
            low, high = np.asarray(region["box"], float)
            keep &= ((self.centers >= low) & (self.centers <= high)).all(axis=1)
        for *normal, offset in region.get("halfspaces", ()):
            keep &= self.centers @ np.asarray(normal, float) >= offset
        if "components" in region:
            low, high = np.asarray(region["components"], float)
            whole = ((self.low >= low - SLACK) & (self.high <= high + SLACK)).all(axis=1)
            keep &= whole[self.components]
        if "node" in region:
            keep &= np.char.find(self.nodes, region["node"]) >= 0
        if "facing" in region:
            *direction, degrees = region["facing"]
            unit = np.asarray(direction, float) / np.linalg.norm(direction)
            keep &= self.normals @ unit >= np.cos(np.radians(degrees))
        return keep
