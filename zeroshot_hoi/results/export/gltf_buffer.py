"""The binary half of a glTF file: arrays become accessors over one aligned buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pygltflib as gl

COMPONENTS = {np.dtype(np.float32): gl.FLOAT, np.dtype(np.uint32): gl.UNSIGNED_INT,
              np.dtype(np.uint16): gl.UNSIGNED_SHORT, np.dtype(np.uint8): gl.UNSIGNED_BYTE}  # fmt: skip

KINDS = {(): gl.SCALAR, (2,): gl.VEC2, (3,): gl.VEC3, (4,): gl.VEC4, (4, 4): gl.MAT4}


class GltfBuffer:
    """Collects arrays into `document`'s single buffer, every view aligned to four bytes."""

    def __init__(self, document: gl.GLTF2) -> None:
        self.document = document
        self._chunks: list[bytes] = []
        self._length = 0

    def add_bytes(self, data: bytes, target: int | None = None, stride: int | None = None) -> int:
        """Index of a new buffer view with `data`."""
        view = gl.BufferView(buffer=0, byteOffset=self._length, byteLength=len(data), target=target, byteStride=stride)
        self.document.bufferViews.append(view)
        padded = data + b"\0" * (-len(data) % 4)
        self._chunks.append(padded)
        self._length += len(padded)
        return len(self.document.bufferViews) - 1

    def add(self, array: np.ndarray, target: int | None = None, bounds: bool = False) -> int:
        """Index of a new accessor; `bounds` writes its smallest and largest values, which positions and times need."""
        array = np.ascontiguousarray(array)
        item = array.shape[1:]
        stored = np.swapaxes(array, 1, 2) if item == (4, 4) else array
        accessor: dict[str, Any] = {}
        if bounds:
            accessor = {"min": np.atleast_1d(array.min(0)).tolist(), "max": np.atleast_1d(array.max(0)).tolist()}
        self.document.accessors.append(
            gl.Accessor(
                bufferView=self.add_bytes(np.ascontiguousarray(stored).tobytes(), target),
                componentType=COMPONENTS[array.dtype],
                type=KINDS[item],
                count=len(array),
                **accessor,
            )
        )
        return len(self.document.accessors) - 1

    def vertices(self, array: np.ndarray, bounds: bool = False) -> int:
        """An accessor of per-vertex data."""
        return self.add(array, gl.ARRAY_BUFFER, bounds)

    def indices(self, faces: np.ndarray) -> int:
        """An accessor of triangle corners."""
        return self.add(faces.reshape(-1).astype(np.uint32), gl.ELEMENT_ARRAY_BUFFER)

    def finish(self) -> None:
        """Hand the bytes to the document."""
        self.document.buffers = [gl.Buffer(byteLength=self._length)]
        self.document.set_binary_blob(b"".join(self._chunks))
