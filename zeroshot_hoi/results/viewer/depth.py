"""How deep people are inside objects, vertex by vertex, measured on the exact surfaces when a frame is shown."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.results.result import Result

KEPT = 256
"""Frames whose depths are remembered."""


class Depths:
    """Depths of every person in every object of one result."""

    def __init__(self, result: Result) -> None:
        self._result = result
        self._meshes: dict[str, ExactMesh] = {}
        self.at = lru_cache(KEPT)(self._at)

    def _at(self, person: str, frame: int) -> np.ndarray:
        """(V,) metres below the surface of the deepest object; 0 outside."""
        world = self._result.people[person].vertices[frame].astype(float)
        deepest = np.zeros(len(world))
        for depth in self._each(world, frame):
            deepest = np.maximum(deepest, depth)
        return deepest

    def _each(self, world: np.ndarray, frame: int) -> Iterator[np.ndarray]:
        for name, thing in self._result.objects.items():
            if name not in self._meshes:
                self._meshes[name] = ExactMesh(thing.vertices.astype(float), thing.faces)
            mesh, depth = self._meshes[name], np.zeros(len(world))
            local = (world - thing.translation[frame]) @ thing.rotation[frame].astype(float)
            near = np.flatnonzero(mesh.within_box(local))
            if len(near):
                depth[near] = np.maximum(-mesh.query(local[near]).distance, 0.0)
            yield depth
