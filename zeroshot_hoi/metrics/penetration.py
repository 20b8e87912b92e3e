"""How deep things are in each other: bodies and objects both ways, objects and objects, people and people.

Depth is the exact distance to the surface of points that the winding number places inside. A thin board through a
waist is shallow for the body's vertices and deep for the board's points, so both ways are always asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from zeroshot_hoi.metrics.clip import Clip, ObjectClip, PersonClip
from zeroshot_hoi.metrics.metric import HIGHER, LOWER, Metric
from zeroshot_hoi.metrics.surfaces import Surface, vertex_areas

BARS = {"plain": (10.0, 3.0), "support": (20.0, 10.0), "upholstery": (40.0, 20.0)}
"""mm: deepest in any frame, mean over frames of the deepest. Support edges relax only their own person and object."""
OBJECT_BAR = 3.0
"""mm"""
PERSON_BAR = 10.0
"""mm"""


@dataclass(frozen=True)
class PairPenetration:
    """One person and one object."""

    body_depth: np.ndarray
    """(T, V) metres that body vertices are in the object."""
    object_depth: np.ndarray
    """(T,) metres of the object's deepest point in the body."""

    @property
    def deepest(self) -> np.ndarray:
        """(T,) metres, both ways."""
        return np.maximum(self.body_depth.max(axis=1), self.object_depth)


def measure_pair(person: PersonClip, thing: ObjectClip) -> PairPenetration:
    """Both ways, every frame."""
    local = thing.to_local(person.vertices)
    body = Surface(thing.vertices, thing.faces).depth(local.reshape(-1, 3)).reshape(local.shape[:2])
    points, parts = thing.to_world(thing.surface_points()), _part_corners(person)
    return PairPenetration(body, np.array([_deepest_in_body(person, parts, t, points[t]) for t in range(len(points))]))


def _deepest_in_body(person: PersonClip, parts: list[np.ndarray], frame: int, points: np.ndarray) -> float:
    """Metres of the deepest of `points (N, 3)` in the body. Only points in the box of some body part can be inside."""
    vertices = person.vertices[frame]
    surface = Surface(vertices, person.faces)
    points = points[surface.within_box(points)]
    if not len(points):
        return 0.0
    candidates = np.zeros(len(points), dtype=bool)
    for corners in parts:
        box = vertices[corners]
        candidates |= np.all((points >= box.min(axis=0)) & (points <= box.max(axis=0)), axis=1)
    return float(surface.depth(points[candidates]).max(initial=0.0))


def _part_corners(person: PersonClip) -> list[np.ndarray]:
    """Vertex indices of each part's faces; together their boxes hold every inner point of the body."""
    labels = person.face_labels(person.part_labels)
    return [np.unique(person.faces[labels == name]) for name in np.unique(labels)]


def between_objects(first: ObjectClip, second: ObjectClip) -> np.ndarray:
    """(T,) metres of the deepest point of either object in the other."""

    def one_way(inner: ObjectClip, outer: ObjectClip) -> np.ndarray:
        points = outer.to_local(inner.to_world(inner.surface_points()))
        return Surface(outer.vertices, outer.faces).depth(points.reshape(-1, 3)).reshape(points.shape[:2]).max(axis=1)

    return np.maximum(one_way(first, second), one_way(second, first))


def between_people(first: PersonClip, second: PersonClip) -> np.ndarray:
    """(T,) metres of the deepest vertex of either person in the other."""
    one, two = _part_corners(first), _part_corners(second)
    deepest = [
        max(_deepest_in_body(first, one, t, second.vertices[t]), _deepest_in_body(second, two, t, first.vertices[t]))
        for t in range(len(first.vertices))
    ]
    return np.array(deepest)


def bar_of(clip: Clip, person: str, thing: str) -> tuple[float, float]:
    """The bars, mm, that hold between this person and this object."""
    edges = [edge for edge in clip.edges if edge.first[0] == person and edge.second[0] == thing and edge.support]
    if any(edge.upholstery for edge in edges):
        return BARS["upholstery"]
    return BARS["support"] if edges else BARS["plain"]


def pair_metrics(clip: Clip, person: PersonClip, thing: ObjectClip, pair: PairPenetration) -> list[Metric]:
    """Bars and reported numbers of one person and one object."""
    deepest, mean = bar_of(clip, person.name, thing.name)
    subject = f"{person.name}|{thing.name}"
    depth = 1000.0 * pair.deepest
    areas = vertex_areas(person.vertices[0], person.faces)
    volume = 1e6 * float((pair.body_depth @ areas).max())
    inside = pair.body_depth > 0.0
    return [
        Metric(f"penetration max:{subject}", float(depth.max()), "mm", LOWER, deepest),
        Metric(f"penetration mean:{subject}", float(depth.mean()), "mm", LOWER, mean),
        Metric(f"penetration volume:{subject}", volume, "cm^3, area times depth, worst frame", LOWER),
        Metric(f"hoi-page non-collision:{subject}", float(1.0 - inside.mean()), "share of vertices", HIGHER),
        Metric(f"hoi-page contact:{subject}", float(inside.any(axis=1).mean()), "share of frames", HIGHER),
    ]


def penetration_metrics(clip: Clip) -> list[Metric]:
    """Every pair of things that could be in each other, except a body and itself."""
    metrics = []
    for person in clip.people.values():
        for thing in clip.objects.values():
            metrics += pair_metrics(clip, person, thing, measure_pair(person, thing))
    for a, b in combinations(clip.objects.values(), 2):
        depth = 1000.0 * float(between_objects(a, b).max())
        metrics.append(Metric(f"object penetration:{a.name}|{b.name}", depth, "mm", LOWER, OBJECT_BAR))
    for a, b in combinations(clip.people.values(), 2):
        depth = 1000.0 * float(between_people(a, b).max())
        metrics.append(Metric(f"person penetration:{a.name}|{b.name}", depth, "mm", LOWER, PERSON_BAR))
    return metrics
