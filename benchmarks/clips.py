"""A result file as numpy reads it, and evenly scattered surface points on what is in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Samples:
    """Points on a surface that stay on their triangles."""

    corners: np.ndarray
    """(N, 3) vertex indices."""
    weights: np.ndarray
    """(N, 3) barycentric."""
    area: float
    """m^2 that one point stands for."""

    def at(self, vertices: np.ndarray) -> np.ndarray:
        """(*batch, N, 3) positions on `vertices (*batch, V, 3)`."""
        return np.einsum("nk,...nkd->...nd", self.weights, vertices[..., self.corners, :])

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """(N, 3) unit normals on `vertices (V, 3)`."""
        a, b, c = (vertices[self.corners[:, k]] for k in range(3))
        cross = np.cross(b - a, c - a)
        return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-18)


def scatter(vertices: np.ndarray, faces: np.ndarray, count: int, seed: int = 0) -> Samples:
    """`count` points, equally likely on every piece of area."""
    rng = np.random.default_rng(seed)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    areas = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    offsets = (np.arange(count) + rng.uniform(size=count)) / count * areas.sum()
    chosen = np.minimum(np.searchsorted(np.cumsum(areas), offsets), len(faces) - 1)
    u, v = np.sqrt(rng.uniform(size=count)), rng.uniform(size=count)
    weights = np.stack([1 - u, u * (1 - v), u * v], axis=1)
    return Samples(faces[chosen], weights, float(areas.sum()) / count)


@dataclass(frozen=True)
class File:
    """The arrays of one result."""

    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]

    def names(self, folder: str) -> list[str]:
        return sorted({key.split("/")[1] for key in self.arrays if key.startswith(folder + "/")})

    def person(self, name: str, key: str) -> np.ndarray:
        return self.arrays[f"people/{name}/{key}"]

    def thing(self, name: str, key: str) -> np.ndarray:
        return self.arrays[f"objects/{name}/{key}"]

    def world(self, name: str, points: np.ndarray) -> np.ndarray:
        """(T, N, 3) of object-frame `points (N, 3)`."""
        return points @ np.swapaxes(self.thing(name, "rotation"), 1, 2) + self.thing(name, "translation")[:, None]

    def local(self, name: str, points: np.ndarray) -> np.ndarray:
        """(T, N, 3) in the object's frame of world `points (T, N, 3)`."""
        return (points - self.thing(name, "translation")[:, None]) @ self.thing(name, "rotation")

    def part_faces(self, owner: str, part: str) -> np.ndarray:
        """(F, 3) faces of a part of a person (two of three corners) or of an object (likely by more than half)."""
        if owner in self.names("people"):
            faces = self.person(owner, "faces")
            return faces[(self.person(owner, "part_labels")[faces] == part).sum(axis=1) >= 2]
        row = self.thing(owner, "part_names").tolist().index(part)
        return self.thing(owner, "faces")[self.thing(owner, "part_probability")[row] > 0.5]

    def flags(self, first: str, second: str) -> dict[str, Any]:
        """The graph's edge between two `owner.part`."""
        wanted = {first.replace(".", ", ", 1), second.replace(".", ", ", 1)}
        return next(edge for edge in self.meta["pag"]["interaction edges"] if set(edge["nodes"]) == wanted)


def read_file(path: Path) -> File:
    """Everything in the file, without pickles."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    arrays = {key: value.astype(float) if value.dtype == np.float32 else value for key, value in arrays.items()}
    return File(arrays, json.loads(str(arrays.pop("meta"))))
