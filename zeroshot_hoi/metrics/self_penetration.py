"""How deep a body is in itself: an arm through the torso, a finger through a finger, crossed shins.

The body is cut into segments: its parts, each finger apart from its hand, and the head with the neck, into which its
mouth hangs. Each segment is closed with a fan over every cut, so that it has an inside. A vertex of another segment
counts where it is inside, except near the cut itself: the skin within 1.25 diameters of a cut, measured along the
surface, folds naturally when the joint there bends (armpit, groin, the webs between fingers). Eyes and other separate
pieces within a segment's skin are left out. Depth is the distance to the segment's skin, never to the fan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from zeroshot_hoi.metrics.clip import PersonClip
from zeroshot_hoi.metrics.metric import LOWER, Metric
from zeroshot_hoi.metrics.surfaces import Surface

SELF_BAR = 10.0
"""mm"""
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
CREASE = 1.25
"""Diameters of a cut within which skin folds naturally."""


@dataclass(frozen=True)
class Segment:
    """One closed piece of the body; topology only, the same in every frame."""

    name: str
    skin: np.ndarray
    """(F, 3) faces of the body."""
    caps: np.ndarray
    """(E, 3) cut edge's two vertices and the index of the cut it belongs to."""
    cuts: tuple[np.ndarray, ...]
    """Body vertices of each cut."""
    corners: np.ndarray
    """Body vertices of the skin."""
    outside: np.ndarray
    """(V,) whether a body vertex may not be inside this segment."""

    def close(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vertices and faces of the closed piece, every cut covered by a fan around its middle."""
        middles = [vertices[cut].mean(axis=0) for cut in self.cuts]
        fans = self.caps + [0, 0, len(vertices)]
        joined = np.concatenate([vertices, np.array(middles).reshape(-1, 3)])
        used, faces = np.unique(np.concatenate([self.skin, fans]).astype(np.int64), return_inverse=True)
        return np.asarray(joined[used]), np.asarray(faces).reshape(-1, 3)


def segment_labels(person: PersonClip) -> np.ndarray:
    """(V,) the part of each vertex, or its finger; the neck counts with the head."""
    finger = np.array([region.split(" ")[-1] in FINGERS for region in person.regions.tolist()], dtype=bool)
    parts = np.where(person.part_labels == "neck", "head", person.part_labels)
    return np.where(finger, person.regions, parts)


def cut_segments(person: PersonClip) -> tuple[Segment, ...]:
    """The body's closed pieces."""
    labels = segment_labels(person)
    face_labels = person.face_labels(labels)
    graph = _edge_graph(person.vertices[0], person.faces)
    skin_vertices = ~_organs(graph, labels)
    segments = []
    for name in np.unique(face_labels):
        skin = person.faces[face_labels == name]
        caps, cuts = _find_cuts(skin, len(labels))
        corners = np.unique(skin)
        allowed = skin_vertices.copy()
        allowed[corners] = False
        for cut in cuts:
            allowed &= ~_crease(graph, person.vertices[0], cut)
        segments.append(Segment(str(name), skin, caps, cuts, corners, allowed))
    return tuple(segments)


def _find_cuts(skin: np.ndarray, count: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Boundary half-edges, reversed so that fans face outward, and the vertices of each connected boundary."""
    halves = np.concatenate([skin[:, [0, 1]], skin[:, [1, 2]], skin[:, [2, 0]]])
    code, twin = halves[:, 0] * count + halves[:, 1], halves[:, 1] * count + halves[:, 0]
    boundary = halves[~np.isin(code, twin)]
    if not len(boundary):
        return np.zeros((0, 3), dtype=np.int64), ()
    used, local = np.unique(boundary, return_inverse=True)
    local = local.reshape(-1, 2)
    links = coo_matrix((np.ones(len(local)), (local[:, 0], local[:, 1])), shape=(len(used), len(used)))
    total, group = connected_components(links, directed=False)
    caps = np.stack([boundary[:, 1], boundary[:, 0], group[local[:, 0]]], axis=1)
    return caps, tuple(used[group == k] for k in range(total))


def _edge_graph(vertices: np.ndarray, faces: np.ndarray) -> Any:
    pairs = np.unique(np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1), axis=0)
    lengths = np.linalg.norm(vertices[pairs[:, 0]] - vertices[pairs[:, 1]], axis=1) + 1e-9
    return coo_matrix((lengths, (pairs[:, 0], pairs[:, 1])), shape=(len(vertices), len(vertices))).tocsr()


def _organs(graph: Any, labels: np.ndarray) -> np.ndarray:
    """(V,) vertices of pieces that are not joined to the largest one but lie wholly in one of its segments."""
    total, piece = connected_components(graph, directed=False)
    largest = np.bincount(piece).argmax()
    own = set(labels[piece == largest].tolist())
    within = [set(labels[piece == k].tolist()) for k in range(total)]
    organs = [k for k in range(total) if k != largest and len(within[k]) == 1 and within[k] <= own]
    return np.isin(piece, organs)


def _crease(graph: Any, vertices: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """(V,) vertices within the cut's diameter of it along the surface."""
    loop = vertices[cut]
    diameter = CREASE * float(np.linalg.norm(loop - loop.mean(axis=0), axis=1).mean() * 2.0)
    reach = dijkstra(graph, directed=False, indices=cut, min_only=True, limit=diameter + 1e-9)
    return np.isfinite(reach)


def self_depth(person: PersonClip) -> np.ndarray:
    """(T,) metres of the deepest vertex inside a segment that is not its own."""
    segments = cut_segments(person)
    return np.array([max((segment_depth(v, s) for s in segments), default=0.0) for v in person.vertices])


def segment_depth(vertices: np.ndarray, segment: Segment) -> float:
    """Metres of the deepest vertex of another segment inside this one, in one frame's `vertices (V, 3)`."""
    corners = vertices[segment.corners]
    near = segment.outside & np.all((vertices >= corners.min(axis=0)) & (vertices <= corners.max(axis=0)), axis=1)
    points = vertices[near]
    points = points[_in_oriented_box(corners, points)] if len(points) else points
    if not len(points):
        return 0.0
    inner = Surface(*segment.close(vertices)).depth(points) > 0.0
    if not inner.any():
        return 0.0
    distance, _, _ = Surface(vertices, segment.skin).near(points[inner], 1e3)
    return float(distance.max())


def _in_oriented_box(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N,) whether `points` are in the box of `corners` along their principal axes."""
    center = corners.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov((corners - center).T))
    extent, others = (corners - center) @ axes, (points - center) @ axes
    return np.all((others >= extent.min(axis=0)) & (others <= extent.max(axis=0)), axis=1)


def self_metrics(person: PersonClip) -> list[Metric]:
    """The bar on self-penetration."""
    depth = 1000.0 * float(self_depth(person).max())
    return [Metric(f"self penetration:{person.name}", depth, "mm", LOWER, SELF_BAR)]
