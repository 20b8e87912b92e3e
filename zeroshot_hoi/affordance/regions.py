"""From chosen samples to the mesh: a probability on each face, instances, axis, center, normal, and the front."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.affordance.scoring import Frame, extents
from zeroshot_hoi.affordance.segments import Segment
from zeroshot_hoi.affordance.surface import Surface
from zeroshot_hoi.core.plan import ObjectPlan, PartDescription
from zeroshot_hoi.core.scene import PartRegion, SceneObject

FACING_EDGE = (np.cos(np.radians(72.0)), np.cos(np.radians(45.0)))
"""A face turned further away than the first is out of a facing part, nearer than the second fully in."""
SNAP = np.cos(np.radians(20.0))
"""A front this close to an axis of the object's frame is that axis."""


class Faces:
    """An object's faces, and how values on samples of its surface are carried to them."""

    def __init__(self, obj: SceneObject, surface: Surface) -> None:
        triangles = obj.vertices[obj.faces]
        cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
        self.areas = 0.5 * np.linalg.norm(cross, axis=1)
        """(F,) m^2"""
        self.normals = cross / np.maximum(2 * self.areas[:, None], 1e-30)
        """(F, 3)"""
        self.centers = triangles.mean(axis=1)
        """(F, 3) metres."""
        self._index, self._weight = _nearest(surface, self.centers, self.normals, np.asarray(obj.components))

    def carry(self, values: np.ndarray) -> np.ndarray:
        """(F,) from `values (N,)` on samples."""
        return np.minimum(np.einsum("fk,fk->f", values[self._index], self._weight), values.max())


def make_region(
    obj: SceneObject, surface: Surface, faces: Faces, part: PartDescription, chosen: list[Segment], confidence: float,
    frame: Frame,
) -> PartRegion:  # fmt: skip
    """Spread the samples of each instance to the faces of `obj`."""
    chosen = _sorted_left_to_right(surface, chosen, frame)
    each = np.stack([faces.carry(_soft_membership(surface, segment)) for segment in chosen])
    if part.facing:
        low, high = FACING_EDGE
        share = np.clip((faces.normals @ frame.direction(part.facing) - low) / (high - low), 0, 1)
        each = each * (share * share * (3 - 2 * share))
    probability = each.max(axis=0)
    if not (probability > 0.5).any():
        probability = probability * 0.9 / max(float(probability.max()), 1e-9)
    inside = np.flatnonzero(probability > 0.5)
    if not len(inside):
        raise PartError(f"The part '{part.name}' of '{obj.name}' covers no face. Give a finer mesh.")
    instances = np.where(probability > 0.5, each.argmax(axis=0), -1)
    return _region(part.name, probability, instances, confidence, faces)


def given_region(obj: SceneObject, faces: Faces, part: PartDescription, inside: np.ndarray, frame: Frame) -> PartRegion:
    """The region that a user gave as faces, `inside (F,) bool`; its instances are its connected pieces, at most
    `part.count`, from left to right."""
    instances = _pieces(obj, faces, inside, part.count, frame)
    return _region(part.name, inside.astype(float), instances, 1.0, faces)


def _pieces(obj: SceneObject, faces: Faces, inside: np.ndarray, count: int, frame: Frame) -> np.ndarray:
    """(F,) instance of each face: the `count` largest connected pieces, what is left over joins the nearest."""
    centers, areas = faces.centers, faces.areas
    chosen = np.flatnonzero(inside)
    _, place = np.unique(np.round(obj.vertices * 1e5), axis=0, return_inverse=True)
    corners = place.ravel()[obj.faces[chosen]]
    ends = np.concatenate([corners[:, :2], corners[:, 1:]])
    graph = coo_matrix((np.ones(len(ends), bool), ends.T), shape=(int(corners.max()) + 1,) * 2)
    label = connected_components(graph, directed=False)[1][corners[:, 0]]
    names, label = np.unique(label, return_inverse=True)
    size = np.bincount(label.ravel(), weights=areas[chosen])
    order = np.argsort(-size, kind="stable")[: min(count, len(names))]
    middle = np.array([centers[chosen][label.ravel() == k].mean(axis=0) for k in order])
    left = np.cross([0.0, 0.0, 1.0], frame.front) if frame.front.any() else np.array([0.0, 1.0, 0.0])
    middle = middle[np.argsort(-(middle @ left), kind="stable")]
    instances = np.full(len(inside), -1)
    instances[chosen] = KDTree(middle).query(centers[chosen])[1]
    return instances


def _region(name: str, probability: np.ndarray, instances: np.ndarray, confidence: float, faces: Faces) -> PartRegion:
    centers, normals, areas = faces.centers, faces.normals, faces.areas
    inside = np.flatnonzero(probability > 0.5)
    _, axes = extents(centers[inside], areas[inside])
    mean = np.average(normals[inside], axis=0, weights=areas[inside])
    normal = mean if np.linalg.norm(mean) > 0.3 else axes[2]
    return PartRegion(
        name=name, probability=probability, instances=instances, confidence=float(confidence),
        axis=_positive(axes[0]), center=np.average(centers[inside], axis=0, weights=areas[inside]),
        normal=normal / np.linalg.norm(normal) if np.linalg.norm(mean) > 0.3 else _positive(normal),
    )  # fmt: skip


def find_front(
    obj: SceneObject, plan: ObjectPlan, parts: Mapping[str, PartRegion], frame: Frame, notes: list[str]
) -> np.ndarray:
    """Unit horizontal (3,): as given, where a backrest faces, where a spout lies, where a sole narrows; or zero."""
    if obj.front or (frame.front.any() and any("doubtful" in note for note in notes)):
        return frame.front if obj.front else np.zeros(3)
    if frame.front.any():
        return _snap(_refined(plan, parts, frame, obj))
    for part in plan.parts:
        if part.facing == "down":
            tip = _narrow_end(obj, parts[part.name])
            if tip.any():
                notes.append(f"The front of '{obj.name}' is where its '{part.name}' narrows.")
                return _snap(tip)
    return np.zeros(3)


def _refined(plan: ObjectPlan, parts: Mapping[str, PartRegion], frame: Frame, obj: SceneObject) -> np.ndarray:
    """The hypothesis turned to what the parts say exactly."""
    for part in plan.parts:
        region = parts[part.name]
        if part.facing in ("front", "back"):
            horizontal = region.normal * [1, 1, 0] * (1 if part.facing == "front" else -1)
        elif "front" in part.position or "back" in part.position:
            middle = 0.5 * (obj.vertices.min(axis=0) + obj.vertices.max(axis=0))
            horizontal = (region.center - middle) * [1, 1, 0] * (1 if "front" in part.position else -1)
        else:
            continue
        length = np.linalg.norm(horizontal)
        if length > 1e-6 and horizontal @ frame.front > 0.7 * length:
            return horizontal / length
    return frame.front


def _narrow_end(obj: SceneObject, region: PartRegion) -> np.ndarray:
    """Direction along an elongated flat part toward its clearly narrower end; zero where both are alike."""
    triangles = obj.vertices[obj.faces[region.faces]]
    points = triangles.reshape(-1, 3)
    axis = region.axis * [1, 1, 0]
    if np.linalg.norm(axis) < 0.8:
        return np.zeros(3)
    axis = axis / np.linalg.norm(axis)
    along, across = points @ axis, points @ np.cross([0, 0, 1], axis)
    if np.ptp(along) < 1.3 * np.ptp(across):
        return np.zeros(3)
    cuts = np.quantile([along.min(), along.max()], [0.0, 0.2, 0.8, 1.0])
    widths = [np.ptp(across[(along >= a) & (along <= b)]) for a, b in ((cuts[0], cuts[1]), (cuts[2], cuts[3]))]
    if max(widths) < 1.2 * min(widths):
        return np.zeros(3)
    return axis if widths[1] < widths[0] else -axis


def _snap(direction: np.ndarray) -> np.ndarray:
    axis = np.zeros(3)
    largest = int(np.argmax(np.abs(direction)))
    axis[largest] = np.sign(direction[largest])
    return axis if direction @ axis > SNAP else direction


def _soft_membership(surface: Surface, segment: Segment) -> np.ndarray:
    """1 inside, falling to 0 over about two spacings around the rim; 0 where buried."""
    member = np.zeros(len(surface.points))
    member[segment.members] = 1.0
    for _ in range(2):
        member = 0.5 * member + 0.5 * member[surface.neighbors].mean(axis=1)
    return np.where(surface.buried, 0.0, member)


def _nearest(
    surface: Surface, centers: np.ndarray, normals: np.ndarray, components: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(F, 3) the three nearest samples of each face's component and side, and their weights, which sum to 1."""

    def features(points: np.ndarray, directions: np.ndarray, owner: np.ndarray) -> np.ndarray:
        return np.column_stack([points / surface.spacing, 1.5 * directions, owner * 1e4])

    tree = KDTree(features(surface.points, surface.normals, surface.components))
    distance, index = tree.query(features(centers, normals, components), k=3)
    weight = 1.0 / (distance + 0.2) ** 2 * (distance < 1e3)
    return np.asarray(index), weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)


def _sorted_left_to_right(surface: Surface, chosen: list[Segment], frame: Frame) -> list[Segment]:
    """Instances from the object's left to its right; from +y to -y while the front is unknown."""
    left = np.cross([0.0, 0.0, 1.0], frame.front) if frame.front.any() else np.array([0.0, 1.0, 0.0])
    return sorted(chosen, key=lambda s: -float(np.mean(surface.points[s.members] @ left)))


def _positive(axis: np.ndarray) -> np.ndarray:
    """The same line with its largest component positive, so that a sign never depends on a solver."""
    return axis * np.sign(axis[int(np.argmax(np.abs(axis)))])
