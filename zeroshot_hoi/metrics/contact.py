"""Does each edge of the graph touch, around what it grips, on enough area, and without drifting?

Distances are measured from the middle of every face of the touching part to the exact surface of the touched part, so
that they count surface and not vertices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroshot_hoi.metrics.clip import Clip, ContactEdge, ObjectClip, PersonClip
from zeroshot_hoi.metrics.metric import HIGHER, LOWER, Metric
from zeroshot_hoi.metrics.surfaces import Surface, face_areas, face_normals

HAND_REACH = 0.005
"""m; a hand touches within this (DiffH2O, GRAB)."""
REACH = 0.01
"""m; everything else touches within this."""
DISTANCE_POINTS, FAR = 500, 1e3
"""Of the least distance that a result states: points, and the farthest that is looked for, m."""
SEAT_AREA = 0.01
"""m^2 of the body that must be on a seat."""
CONTACT_SHARE = 0.95
DRIFT = 5.0
"""mm"""

OPPOSITE = -0.5
"""Cosine of 120 degrees: two contacts are on opposite sides where their surface normals differ by more."""
FINGERS = ("index", "middle", "ring", "pinky")
HAND_SPAN = 0.1
"""m; opposite contacts further apart are not around one thing (an adult's grip diameter is at most about this)."""
FINGER_WIDTH = 0.018
"""m; an adult's finger (18 mm at the middle joint)."""
THUMB_RADIUS = 0.008
"""m; half an adult thumb's thickness, less 1 mm of flesh that gives way."""
MAX_CONTACTS = 200
"""Contacts of one frame that enter the pairwise test of sides, spread evenly."""


@dataclass(frozen=True)
class EdgeContact:
    """Where the first side of an edge is, seen from the second side's surface, in every frame."""

    distance: np.ndarray
    """(T, N) metres from each face's middle; inf beyond the reach."""
    points: np.ndarray
    """(T, N, 3) the faces' middles in the second side's frame."""
    areas: np.ndarray
    """(T, N) m^2"""
    inside: np.ndarray
    """(T, N) whether the point is within the reach or below the surface."""
    labels: np.ndarray
    """(N,) region of each face; empty where it has none."""
    closest: np.ndarray
    """(T, N, 3) nearest point of the touched part, in its frame; nan beyond the reach."""
    normals: np.ndarray
    """(T, N, 3) outward normal of the touched part there; zero beyond the reach."""

    @property
    def nearest(self) -> np.ndarray:
        """(T,) metres."""
        return self.distance.min(axis=1)


def reach_of(edge: ContactEdge) -> float:
    """Metres within which this edge counts as touching."""
    return HAND_REACH if edge.is_hand else REACH


def measure_edge(clip: Clip, edge: ContactEdge) -> EdgeContact:
    """Distances of the edge's first side to the surface of its second."""
    if edge.second[0] in clip.people:
        return _measure_on_person(clip, edge)
    target = clip.objects[edge.second[0]]
    world, areas, labels = _faces_of(clip, edge.first)
    local = target.to_local(world)
    faces = target.faces[target.parts[edge.second[1]]]
    solid = Surface(target.vertices, target.faces) if edge.kind == "support" else None
    return _against(Surface(target.vertices, faces), solid, local, areas, labels)


def edge_distance(clip: Clip, edge: ContactEdge) -> np.ndarray:
    """(T,) least distance in metres between the edge's two sides, from DISTANCE_POINTS of the first to the second."""
    world, _, _ = _faces_of(clip, edge.first)
    world = world[:, :: max(1, world.shape[1] // DISTANCE_POINTS)]
    if edge.second[0] in clip.people:
        person = clip.people[edge.second[0]]
        faces = person.faces[person.face_labels(person.part_labels) == edge.second[1]]
        return np.array([Surface(person.vertices[t], faces).near(world[t], FAR)[0].min() for t in range(clip.frames)])
    target = clip.objects[edge.second[0]]
    part = Surface(target.vertices, target.faces[target.parts[edge.second[1]]])
    return part.near(target.to_local(world).reshape(-1, 3), FAR)[0].reshape(world.shape[:2]).min(axis=1)


def _measure_on_person(clip: Clip, edge: ContactEdge) -> EdgeContact:
    """A part of a person touches a part of another: the touched surface changes with every frame."""
    person = clip.people[edge.second[0]]
    world, areas, labels = _faces_of(clip, edge.first)
    faces = person.faces[person.face_labels(person.part_labels) == edge.second[1]]
    frames = [
        _against(Surface(person.vertices[t], faces), None, world[t : t + 1], areas[t : t + 1], labels)
        for t in range(clip.frames)
    ]
    fields = ("distance", "points", "areas", "inside", "closest", "normals")
    joined = {key: np.concatenate([getattr(frame, key) for frame in frames]) for key in fields}
    return EdgeContact(labels=labels, **joined)


def _faces_of(clip: Clip, node: tuple[str, str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """World middles (T, N, 3), areas (T, N) and region labels (N,) of the faces of one node."""
    owner, part = node
    if owner in clip.objects:
        thing = clip.objects[owner]
        faces = thing.faces[thing.parts[part]]
        areas = np.broadcast_to(face_areas(thing.vertices, faces), (clip.frames, len(faces)))
        return thing.to_world(thing.vertices[faces].mean(axis=1)), areas, np.full(len(faces), "")
    person = clip.people[owner]
    chosen = person.face_labels(person.part_labels) == part
    faces, labels = person.faces[chosen], person.face_labels(person.regions)[chosen]
    return person.vertices[:, faces].mean(axis=2), face_areas(person.vertices, faces), labels


def _against(
    part: Surface, solid: Surface | None, points: np.ndarray, areas: np.ndarray, labels: np.ndarray
) -> EdgeContact:
    frames, count = points.shape[:2]
    flat = points.reshape(-1, 3)
    distance, closest, face = part.near(flat, REACH)
    inside = distance <= REACH
    if solid is not None:
        inside[~inside] = solid.holds(flat[~inside])
    normals = np.where((face >= 0)[:, None], face_normals(part.vertices, part.faces)[face], 0.0)
    shape = (frames, count)
    return EdgeContact(
        distance.reshape(shape), points, np.asarray(areas), inside.reshape(shape), labels,
        closest.reshape(*shape, 3), normals.reshape(*shape, 3),
    )  # fmt: skip


def contact_frames(clip: Clip, edge: ContactEdge, measured: EdgeContact) -> np.ndarray:
    """(T,) whether the edge touches as its kind demands: near, around what it grips, on enough area of a seat."""
    touching = measured.nearest <= reach_of(edge)
    if edge.kind == "grip" and edge.is_hand and edge.second[0] in clip.objects:
        return touching & grip_frames(clip.objects[edge.second[0]], edge.second[1], measured)
    if edge.is_seat:
        return np.sum(measured.areas * measured.inside, axis=1) >= SEAT_AREA
    return touching


def grip_frames(thing: ObjectClip, part: str, measured: EdgeContact) -> np.ndarray:
    """(T,) whether palm or fingers touch both sides of the part, with the thumb against two fingers where they fit."""
    fingers_wanted = min(len(FINGERS[:2]), max(1, int(_length(thing, part) / FINGER_WIDTH)))
    thumb_wanted = thumb_fits(thing, part)
    return np.array([_grips(measured, t, fingers_wanted, thumb_wanted) for t in range(len(measured.distance))])


def _grips(measured: EdgeContact, frame: int, fingers_wanted: int, thumb_wanted: bool) -> bool:
    touching = np.flatnonzero(measured.distance[frame] <= HAND_REACH)
    if not len(touching):
        return False
    chosen = touching[np.linspace(0, len(touching) - 1, min(len(touching), MAX_CONTACTS)).astype(int)]
    closest, normals = measured.closest[frame, chosen], measured.normals[frame, chosen]
    groups = {name: np.flatnonzero([label.endswith(name) for label in measured.labels[chosen]]) for name in FINGERS}
    thumb = np.flatnonzero([label.endswith("thumb") for label in measured.labels[chosen]])
    opposed = _opposed(closest, normals, OPPOSITE)
    touched_by = [name for name in FINGERS if len(groups[name])]
    if len(touched_by) < fingers_wanted or not opposed.any():
        return False
    if not thumb_wanted:
        return True
    across = _opposed(closest, normals, 0.0)
    return sum(bool(across[np.ix_(thumb, groups[name])].any()) for name in touched_by) >= fingers_wanted


def _opposed(closest: np.ndarray, normals: np.ndarray, cosine: float) -> np.ndarray:
    """(N, N) whether two contacts' normals differ by more than the angle, with the part's material between them."""
    across = closest[None] - closest[:, None]
    between = np.einsum("ik,ijk->ij", normals, across) < 0.0
    return (normals @ normals.T <= cosine) & between & between.T & (np.linalg.norm(across, axis=-1) <= HAND_SPAN)


def _length(thing: ObjectClip, part: str) -> float:
    """Extent of the part along its longest principal axis, metres."""
    points = thing.vertices[np.unique(thing.faces[thing.parts[part]])]
    centered = points - points.mean(axis=0)
    along = centered @ np.linalg.svd(centered, full_matrices=False)[2][0]
    return float(np.ptp(along))


def thumb_fits(thing: ObjectClip, part: str, samples: int = 400) -> bool:
    """Whether a ball of a thumb's thickness can touch two opposite sides of the part without hitting the object."""
    faces = thing.faces[thing.parts[part]]
    faces = faces[np.linspace(0, len(faces) - 1, min(len(faces), samples)).astype(int)]
    middles, normals = thing.vertices[faces].mean(axis=1), face_normals(thing.vertices, faces)
    centers = middles + (THUMB_RADIUS + 0.001) * normals
    distance = Surface(thing.vertices, thing.faces).mesh.query(centers).distance
    free = distance >= THUMB_RADIUS
    return bool(_opposed(middles[free], normals[free], OPPOSITE).any())


def drift(edge: ContactEdge, measured: EdgeContact, holds: np.ndarray) -> float:
    """How far, in mm, the touching region's centroid strays from its mean in the touched side's frame.

    The region is fixed: every face weighs its area times the share of frames in which it touches (within 1 cm). An
    edge that may let go is followed only while it holds, `holds (T,)`. Upholstery gives way along its normal under
    who sits down, which is what its bars of penetration are about: there drift is what slides along the surface.
    """
    weights = measured.areas.mean(axis=0) * measured.inside.mean(axis=0)
    if not weights.any():
        weights = measured.areas.mean(axis=0)
    centroid = np.einsum("n,tnk->tk", weights / weights.sum(), measured.points)
    if edge.upholstery:
        pressed = np.einsum("tn,tn,tnk->k", measured.areas, measured.inside.astype(float), measured.normals)
        normal = pressed / max(float(np.linalg.norm(pressed)), 1e-12)
        centroid = centroid - np.outer(centroid @ normal, normal)
    if not edge.continuous:
        if not holds.any():
            return 0.0
        centroid = centroid[holds]
    return 1000.0 * float(np.linalg.norm(centroid - centroid.mean(axis=0), axis=1).max())


def contact_metrics(clip: Clip, measured: dict[str, EdgeContact]) -> list[Metric]:
    """Share of frames in contact of every edge, and drift of the static ones."""
    metrics = []
    for edge in clip.edges:
        holds = contact_frames(clip, edge, measured[edge.name])
        bar = CONTACT_SHARE if edge.continuous else None
        metrics.append(Metric(f"contact:{edge.name}", float(holds.mean()), "share of frames", HIGHER, bar))
        if edge.static and edge.second[0] in clip.objects:
            metrics.append(Metric(f"drift:{edge.name}", drift(edge, measured[edge.name], holds), "mm", LOWER, DRIFT))
    return metrics


def supported_by_edges(clip: Clip, person: PersonClip, measured: dict[str, EdgeContact], reach: float) -> np.ndarray:
    """(T,) whether a seat, saddle or deck carries the person: a support edge within `reach` metres, or in it."""
    carried = np.zeros(clip.frames, dtype=bool)
    for edge in clip.edges:
        if edge.first[0] == person.name and edge.support:
            near = measured[edge.name].distance <= reach
            below = measured[edge.name].inside & ~np.isfinite(measured[edge.name].distance)
            carried |= (near | below).any(axis=1)
    return carried
