"""What the page knows: a JSON description and one compressed block of arrays.

Vertices are baked frame by frame, because a web page that skins on the GPU reads four weights a vertex and bodies have
up to nine. A step of 0.1 mm or less, differences from frame to frame, and high bytes apart from low ones make about
1 MB of 49 frames of a 13k-vertex body.
"""

from __future__ import annotations

import base64
import io
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from zeroshot_hoi.core.errors import GraphError
from zeroshot_hoi.core.graph import PartAffordanceGraph
from zeroshot_hoi.render.appearance import Appearance
from zeroshot_hoi.render.palette import dress, to_srgb
from zeroshot_hoi.results.contact_lines import ContactLine, contact_lines
from zeroshot_hoi.results.export.glb import GLTF_FROM_OURS, split_corners
from zeroshot_hoi.results.result import ObjectTrack, PersonTrack, Result
from zeroshot_hoi.results.views import facing, scene_points

FINEST_STEP = 1e-4
"""Metres between two neighboring stored coordinates, unless the scene is wider than 6.5 m."""

MAX_TEXTURE = 1024
"""Longest side in pixels of a texture in the page."""

PROVENANCE = ("recipe", "text", "models", "seeds", "timings", "objects", "prompts", "schema")
"""Keys of `meta` that the page lists."""


class Block:
    """Arrays one after the other, each described by offset, length and type."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._length = 0

    def add(self, array: np.ndarray) -> dict[str, Any]:
        """Where the array lies; four-byte aligned, so that a page can look at it in place."""
        data = np.ascontiguousarray(array)
        place = {"at": self._length, "count": data.size, "type": data.dtype.name}
        padded = data.tobytes() + b"\0" * (-data.nbytes % 4)
        self._chunks.append(padded)
        self._length += len(padded)
        return place

    def packed(self) -> str:
        """Deflated and in base64."""
        return base64.b64encode(zlib.compress(b"".join(self._chunks), 7)).decode("ascii")


def make_payload(result: Result) -> tuple[dict[str, Any], str]:
    """The description, JSON values only, and the packed block."""
    block, points = Block(), scene_points(result)
    lines = contact_lines(result)
    description = {
        "title": str(result.meta["recipe"] or "result"),
        "text": str(result.meta["text"]),
        "fps": result.fps,
        "frames": result.frames,
        "facing": facing(result),
        "low": points.min(axis=0).tolist(),
        "high": points.max(axis=0).tolist(),
        "people": [
            _person(block, name, person, index, _touching(result, name))
            for index, (name, person) in enumerate(result.people.items())
        ],
        "objects": [_object(block, name, thing) for name, thing in result.objects.items()],
        "edges": [_edge(line) for line in lines],
        "energies": {term: [_finite(value) for value in steps] for term, steps in result.energies.items()},
        "metrics": metric_rows(result.meta["metrics"]),
        "provenance": {key: result.meta[key] for key in PROVENANCE},
    }
    return description, block.packed()


def graph_of(result: Result) -> PartAffordanceGraph | None:
    """The result's graph; None where the file has one that does not hold together."""
    try:
        return PartAffordanceGraph.from_json(result.meta["pag"])
    except GraphError:
        return None


def _touching(result: Result, owner: str) -> list[str]:
    ends = [end.rpartition(".") for edge in result.meta["edges"] for end in edge.split("->")]
    return [part for name, _, part in ends if name == owner]


def _person(block: Block, name: str, person: PersonTrack, index: int, touching: list[str]) -> dict[str, Any]:
    codes, low, step = quantize(person.vertices)
    return {
        "name": name,
        "vertices": person.vertices.shape[1],
        "low": low.tolist(),
        "step": step,
        "codes": block.add(encode_frames(codes)),
        "faces": block.add(person.faces.astype(np.uint32)),
        "colors": block.add(dress(person.part_labels, index, person.faces)),
        "touching": block.add((255 * np.isin(person.part_labels, touching)).astype(np.uint8)),
    }


def quantize(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Codes `(T, V, 3)` uint16, the lowest corner (3,) and the step: position = low + step * code, metres."""
    low = vertices.min(axis=(0, 1)).astype(float)
    extent = float((vertices.max(axis=(0, 1)) - low).max())
    step = max(FINEST_STEP, extent / 65535.0)
    return np.round((vertices - low) / step).astype(np.uint16), low, step


def encode_frames(codes: np.ndarray) -> np.ndarray:
    """Bytes of the differences between frames, modulo 2^16: all low bytes, then all high ones."""
    steps = np.concatenate([codes[:1], codes[1:] - codes[:-1]]).reshape(-1)
    return np.concatenate([steps & 0xFF, steps >> 8]).astype(np.uint8)


def _object(block: Block, name: str, thing: ObjectTrack) -> dict[str, Any]:
    corners, faces = split_corners(thing)
    description: dict[str, Any] = {
        "name": name,
        "positions": block.add((corners["position"] @ GLTF_FROM_OURS).astype(np.float32)),
        "normals": block.add((corners["normal"] @ GLTF_FROM_OURS).astype(np.float32)),
        "faces": block.add(faces.astype(np.uint32)),
        "rotation": block.add(thing.rotation.astype(np.float32)),
        "translation": block.add(thing.translation.astype(np.float32)),
        "color": list(thing.look.base_color[:3]),
        "metallic": thing.look.metallic,
        "roughness": thing.look.roughness,
        "parts": list(thing.part_names),
        "likely": block.add(_part_bytes(thing, faces, len(corners["position"]))),
    }
    if "color" in corners:
        description["colors"] = block.add(to_srgb(corners["color"]))
    if "uv" in corners:
        description |= {"uv": block.add(corners["uv"]), "texture": _texture_url(thing.look)}
    return description


def _part_bytes(thing: ObjectTrack, faces: np.ndarray, count: int) -> np.ndarray:
    """(count,) uint8: the highest probability, over parts, of the faces around each vertex."""
    likely = thing.part_probability.max(axis=0, initial=0.0) if len(thing.part_names) else np.zeros(len(faces))
    flat = faces.reshape(-1)
    total = np.bincount(flat, np.repeat(likely, 3), minlength=count)
    return np.round(255 * total / np.maximum(np.bincount(flat, minlength=count), 1)).astype(np.uint8)


def _texture_url(look: Appearance) -> str:
    from PIL import Image

    assert look.texture is not None
    image, data = Image.fromarray(look.texture[..., :3]), io.BytesIO()
    image.thumbnail((MAX_TEXTURE, MAX_TEXTURE))
    image.save(data, format="JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode("ascii")


def _edge(line: ContactLine) -> dict[str, Any]:
    return {
        "name": line.edge,
        "start": np.round(line.start, 4).tolist(),
        "end": np.round(line.end, 4).tolist(),
        "distance": [_finite(value) for value in line.distance],
        "reach": line.reach,
    }


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


def metric_rows(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Stored metrics with the verdict of their bar: those with a bar first."""
    rows = []
    for key, metric in metrics.items():
        value, bar = metric["value"], metric["threshold"]
        known = isinstance(value, int | float) and math.isfinite(value)
        passed = None if bar is None else known and (value <= bar if metric["direction"] == "lower" else value >= bar)
        rows.append({"key": key, **metric, "value": value if known else None, "passed": passed})
    return sorted(rows, key=lambda row: row["passed"] is None)
