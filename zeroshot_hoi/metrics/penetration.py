"""How deep things are in each other: bodies and objects both ways, objects and objects, people and people.

Depth is the exact distance to the surface of points that the winding number places inside. A thin board through a
waist is shallow for the body's vertices and deep for the board's points, so both ways are always asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.metrics.blocks import PointTrack, RigidTrack, SkinTrack, deepest_points, inner_points
from zeroshot_hoi.metrics.clip import Clip, ObjectClip, PersonClip
from zeroshot_hoi.metrics.metric import HIGHER, LOWER, Metric
from zeroshot_hoi.metrics.moving import MovingMesh
from zeroshot_hoi.metrics.surfaces import vertex_areas

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


def measure_pairs(person: PersonClip, things: Sequence[ObjectClip]) -> list[PairPenetration]:
    """Both ways, every frame, of one person with each of the objects."""
    skin, tracks = SkinTrack(person.vertices), [RigidTrack(thing) for thing in things]
    body = [_skin_in_object(skin, thing) for thing in things]
    surface = MovingMesh(person.vertices, person.faces)
    inner = [[deepest_in_body(surface, t, track) for track in tracks] for t in range(len(person.vertices))]
    return [PairPenetration(depth, np.array([frame[k] for frame in inner])) for k, depth in enumerate(body)]


def _skin_in_object(skin: SkinTrack, thing: ObjectClip) -> np.ndarray:
    """(T, V) metres that skin is inside the object."""
    depth = np.zeros(skin.vertices.shape[:2])
    frame, point, metres = inner_points(skin, ExactMesh(thing.vertices, thing.faces), np.arange(len(depth)), thing)
    depth[frame, point] = metres
    return depth


def deepest_in_body(surface: MovingMesh, frame: int, track: PointTrack) -> float:
    """Metres of the deepest point of `track` in a body, in one frame."""
    center, radius, _ = track.levels[0]
    reach = radius[frame if len(radius) > 1 else 0, :, None]
    if not surface.near_box(frame, center[frame], reach).any():
        return 0.0
    return float(deepest_points(track, surface.at(frame), np.array([frame]))[0])


def between_objects(first: ObjectClip, second: ObjectClip) -> np.ndarray:
    """(T,) metres of the deepest point of either object in the other."""
    frames = np.arange(len(first.translation))

    def one_way(inner: ObjectClip, outer: ObjectClip) -> np.ndarray:
        return deepest_points(RigidTrack(inner), ExactMesh(outer.vertices, outer.faces), frames, outer)

    return np.maximum(one_way(first, second), one_way(second, first))


def between_people(first: PersonClip, second: PersonClip) -> np.ndarray:
    """(T,) metres of the deepest vertex of either person in the other."""
    pairs = ((first, SkinTrack(second.vertices)), (second, SkinTrack(first.vertices)))
    surfaces = [(MovingMesh(person.vertices, person.faces), track) for person, track in pairs]
    frames = range(len(first.vertices))
    return np.array([max(deepest_in_body(surface, t, track) for surface, track in surfaces) for t in frames])


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


def _contact_with_anything(person: PersonClip, pairs: list[PairPenetration]) -> list[Metric]:
    """HOI-PAGE's contact, which is that of GenZI and COINS: of one person with the whole scene."""
    if not pairs:
        return []
    inside = np.any([(pair.body_depth > 0.0).any(axis=1) for pair in pairs], axis=0)
    return [Metric(f"hoi-page contact:{person.name}", float(inside.mean()), "share of frames", HIGHER)]


def _gives_way(clip: Clip, first: str, second: str) -> bool:
    """Whether one of two objects is loose material that the other enters, as a spade does a heap."""
    return any({e.first[0], e.second[0]} == {first, second} and e.upholstery for e in clip.edges)


def penetration_metrics(clip: Clip) -> list[Metric]:
    """Every pair of things that could be in each other, except a body and itself."""
    metrics = []
    things = list(clip.objects.values())
    for person in clip.people.values():
        pairs = measure_pairs(person, things)
        for thing, pair in zip(things, pairs, strict=True):
            metrics += pair_metrics(clip, person, thing, pair)
        metrics += _contact_with_anything(person, pairs)
    for a, b in combinations(clip.objects.values(), 2):
        depth = 1000.0 * float(between_objects(a, b).max())
        bar = None if _gives_way(clip, a.name, b.name) else OBJECT_BAR
        metrics.append(Metric(f"object penetration:{a.name}|{b.name}", depth, "mm", LOWER, bar))
    for a, b in combinations(clip.people.values(), 2):
        depth = 1000.0 * float(between_people(a, b).max())
        metrics.append(Metric(f"person penetration:{a.name}|{b.name}", depth, "mm", LOWER, PERSON_BAR))
    return metrics
