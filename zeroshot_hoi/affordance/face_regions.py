"""From a probability on each face to the nouns that later stages read: instances, axis, center, normal, the front."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from zeroshot_hoi.affordance.backprojection import FaceGeometry
from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.core.plan import ObjectPlan
from zeroshot_hoi.core.scene import PartRegion, SceneObject

ISLAND = 0.05
"""A piece of a part with less than this share of its largest piece's area is noise of single pixels."""

SNAP = np.cos(np.radians(20.0))
"""A front this close to an axis of the object's frame is that axis."""


def region_of(
    obj: SceneObject, geometry: FaceGeometry, name: str, probability: np.ndarray, confidence: float, count: int = 1,
    contact: np.ndarray | None = None,
) -> PartRegion:  # fmt: skip
    """The part whose faces have `probability (F,)`; small islands are dropped, and `count` pieces become instances.

    Where `contact (F,)` weighs the faces, the part's center is where contact is.
    """
    probability = np.clip(np.asarray(probability, float), 0.0, 1.0)
    pieces = _pieces(obj, probability > 0.5)
    areas = [float(geometry.areas[piece].sum()) for piece in pieces]
    if not pieces or max(areas) <= 0.0:
        raise PartError(
            f"No face of '{obj.name}' is more likely than not its part '{name}' (the likeliest reaches "
            f"{probability.max(initial=0.0):.2f}). Give a finer mesh, more views, or describe the part otherwise."
        )
    order = [k for k in np.argsort(areas)[::-1] if areas[k] >= ISLAND * max(areas)]
    kept = [pieces[k] for k in order]
    inside = np.zeros(len(probability), bool)
    inside[np.concatenate(kept)] = True
    probability = np.where(inside, probability, np.minimum(probability, 0.5))
    instances = np.full(len(probability), -1)
    left_first = sorted(kept[:count], key=lambda piece: -float(geometry.centers[piece, 1].mean()))
    for index, piece in enumerate(left_first if count > 1 else [np.flatnonzero(inside)]):
        instances[piece] = index
    if count > 1:
        instances = _join_nearest(geometry, instances, inside)
    weight = geometry.areas[inside] / geometry.areas[inside].sum()
    middle = weight @ geometry.centers[inside]
    center = middle
    if contact is not None and (weight * contact[inside]).sum() > 0.0:
        center = np.average(geometry.centers[inside], axis=0, weights=weight * contact[inside])
    spread = geometry.centers[inside] - middle
    _, axes = np.linalg.eigh((spread * weight[:, None]).T @ spread)
    mean = weight @ geometry.normals[inside]
    normal = mean / np.linalg.norm(mean) if np.linalg.norm(mean) > 0.3 else _positive(axes[:, 0])
    return PartRegion(name, probability, instances, float(confidence), _positive(axes[:, 2]), center, normal, contact)


def _pieces(obj: SceneObject, inside: np.ndarray) -> list[np.ndarray]:
    """Indices of the faces of each piece of the faces `inside (F,)`, joined across edges; seams don't part them."""
    faces = np.flatnonzero(inside)
    if not len(faces):
        return []
    extent = max(float(np.ptp(obj.vertices, axis=0).max()), 1e-9)
    _, place = np.unique(np.round(obj.vertices / (1e-6 * extent)).astype(np.int64), axis=0, return_inverse=True)
    corners = place.reshape(-1)[obj.faces[faces]]
    graph = coo_matrix((np.ones(corners.size), (np.repeat(np.arange(len(faces)), 3), corners.reshape(-1)))).tocsr()
    _, label = connected_components(graph @ graph.T, directed=False)
    return [faces[label == k] for k in range(label.max() + 1)]


def _join_nearest(geometry: FaceGeometry, instances: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Pieces beyond the wanted number become part of the instance nearest to each face."""
    from scipy.spatial import KDTree

    known, rest = np.flatnonzero(instances >= 0), np.flatnonzero(inside & (instances < 0))
    if len(rest):
        instances = instances.copy()
        instances[rest] = instances[known[KDTree(geometry.centers[known]).query(geometry.centers[rest])[1]]]
    return instances


def front_of(obj: SceneObject, plan: ObjectPlan, parts: Mapping[str, PartRegion]) -> np.ndarray:
    """Unit horizontal (3,): as given, or where a part that should face or lie at the front or back does; or zero."""
    if obj.front:
        front = np.zeros(3)
        front["xyz".index(obj.front[-1])] = -1.0 if obj.front.startswith("-") else 1.0
        return front
    middle = 0.5 * (obj.vertices.min(axis=0) + obj.vertices.max(axis=0))
    for part in plan.parts:
        for word, sign in (("front", 1.0), ("back", -1.0)):
            if part.name not in parts or word not in (part.facing, *part.position):
                continue
            region = parts[part.name]
            direction = region.normal if part.facing == word else region.center - middle
            horizontal = sign * direction * [1.0, 1.0, 0.0]
            if np.linalg.norm(horizontal) > 1e-3:
                return _snap(horizontal / np.linalg.norm(horizontal))
    return np.zeros(3)


def _snap(direction: np.ndarray) -> np.ndarray:
    axis = np.zeros(3)
    largest = int(np.argmax(np.abs(direction)))
    axis[largest] = np.sign(direction[largest])
    return axis if direction @ axis > SNAP else direction


def _positive(axis: np.ndarray) -> np.ndarray:
    """The same line with its largest component positive, so that a sign never depends on a solver."""
    return axis * np.sign(axis[int(np.argmax(np.abs(axis)))])
