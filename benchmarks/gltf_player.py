"""A small glTF player: samples one animation, composes nodes, morphs and skins. It knows nothing of our writer.

Written from the specification (glTF 2.0, https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html), so that a file can
be compared with the result that it was written from by what the file alone says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pygltflib as gl
from scipy.spatial.transform import Rotation, Slerp

COMPONENT = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}

SKIN_SETS = 8
"""Sets of four weights that are looked for."""


class GltfPlayer:
    """One GLB file; times are seconds of its first animation, positions are in the file's own axes."""

    def __init__(self, path: Path) -> None:
        loaded = gl.GLTF2().load(str(path))
        assert loaded is not None
        self.gltf: Any = loaded
        self.blob: Any = loaded.binary_blob()
        self._time, self._posed = -1.0, ([], {})

    def read(self, index: int) -> np.ndarray:
        """The numbers of an accessor: (count,), or (count, width)."""
        accessor = self.gltf.accessors[index]
        view = self.gltf.bufferViews[accessor.bufferView]
        width = WIDTH[accessor.type]
        data = np.frombuffer(self.blob, COMPONENT[accessor.componentType], accessor.count * width, view.byteOffset)
        return data.reshape(accessor.count, width) if width > 1 else data

    def node(self, name: str) -> int:
        """The index of the node of that name."""
        return [node.name for node in self.gltf.nodes].index(name)

    def worlds(self, time: float) -> tuple[list[np.ndarray], dict[int, np.ndarray]]:
        """World matrices of all nodes, and the morph weights by node, at a time."""
        if time != self._time:
            self._time, self._posed = time, self._pose(time)
        return self._posed

    def _pose(self, time: float) -> tuple[list[np.ndarray], dict[int, np.ndarray]]:
        nodes = self.gltf.nodes
        local = [[np.array(n.translation or [0, 0, 0]), np.array(n.rotation or [0, 0, 0, 1])] for n in nodes]
        morphs: dict[int, np.ndarray] = {}
        for channel in self.gltf.animations[0].channels if self.gltf.animations else ():
            value = self._sample(self.gltf.animations[0].samplers[channel.sampler], channel.target.path, time)
            if channel.target.path == "weights":
                morphs[channel.target.node] = value
            else:
                local[channel.target.node][int(channel.target.path == "rotation")] = value
        world: list = [None] * len(local)
        queue = [(root, np.eye(4)) for root in self.gltf.scenes[0].nodes]
        while queue:
            index, parent = queue.pop()
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = Rotation.from_quat(local[index][1]).as_matrix(), local[index][0]
            world[index] = parent @ matrix
            queue += [(child, world[index]) for child in nodes[index].children or []]
        return world, morphs

    def _sample(self, sampler: gl.AnimationSampler, path: str, time: float) -> np.ndarray:
        assert sampler.interpolation == "LINEAR"
        times, values = self.read(sampler.input), self.read(sampler.output)
        values = values.reshape(len(times), -1)
        if path == "rotation":
            return Slerp(times, Rotation.from_quat(values))(np.clip(time, times[0], times[-1])).as_quat()
        return np.array([np.interp(time, times, column) for column in values.T])

    def vertices(self, name: str, time: float) -> np.ndarray:
        """(V, 3) world positions of the mesh of a node: morphed, then skinned or moved with its node."""
        index = self.node(name)
        node, (world, morphs) = self.gltf.nodes[index], self.worlds(time)
        primitive = self.gltf.meshes[node.mesh].primitives[0]
        points = self.read(primitive.attributes.POSITION).astype(float)
        still = self.gltf.meshes[node.mesh].weights or []
        for weight, target in zip(morphs.get(index, still), primitive.targets or [], strict=True):
            points = points + weight * self.read(target["POSITION"])
        homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
        if node.skin is None:
            return (homogeneous @ world[index].T)[:, :3]
        skin = self.gltf.skins[node.skin]
        inverse = self.read(skin.inverseBindMatrices).reshape(-1, 4, 4).swapaxes(1, 2)
        bones = np.stack([world[joint] @ inverse[k] for k, joint in enumerate(skin.joints)])
        total = np.zeros((len(points), 3))
        for k in range(SKIN_SETS):
            joints = getattr(primitive.attributes, f"JOINTS_{k}", None)
            if joints is not None:
                weights = self.read(getattr(primitive.attributes, f"WEIGHTS_{k}"))
                moved = np.einsum("vkij,vj->vki", bones[self.read(joints)], homogeneous)[..., :3]
                total += np.einsum("vk,vki->vi", weights, moved)
        return total
