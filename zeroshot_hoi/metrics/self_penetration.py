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

from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.metrics.blocks import split_points
from zeroshot_hoi.metrics.clip import PersonClip
from zeroshot_hoi.metrics.metric import LOWER, Metric

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

    def close(self) -> tuple[np.ndarray, np.ndarray]:
        """Body vertices (U,) of the closed piece, and its faces over those followed by the middle of every cut, around
        which a fan covers the cut."""
        used, faces = np.unique(self.skin, return_inverse=True)
        fans = np.searchsorted(used, self.caps) * [1, 1, 0] + (self.caps + len(used)) * [0, 0, 1]
        return used, np.concatenate([faces.reshape(-1, 3), fans])

    def points(self, vertices: np.ndarray, used: np.ndarray) -> np.ndarray:
        """(U + cuts, 3) what the closed piece's faces count, in a frame's `vertices (V, 3)`."""
        return np.concatenate([vertices[used], *(vertices[cut].mean(axis=0, keepdims=True) for cut in self.cuts)])


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
    order = split_points(person.vertices[0])
    low, high = (np.stack([extreme(v[order], axis=1) for v in person.vertices]) for extreme in (np.min, np.max))
    depth = np.zeros(len(person.vertices))
    for segment in cut_segments(person):
        allowed = segment.outside[order].any(axis=1)
        corners = person.vertices[:, segment.corners]
        least, most = corners.min(axis=1)[:, None], corners.max(axis=1)[:, None]
        touched = allowed & np.all((high >= least) & (low <= most), axis=2)
        probe = SegmentProbe(segment)
        for t in np.flatnonzero(touched.any(axis=1)):
            points = np.unique(order[touched[t]])
            points = person.vertices[t, points[segment.outside[points]]]
            depth[t] = max(depth[t], probe.deepest(person.vertices[t], corners[t], points))
    return depth


class SegmentProbe:
    """Asks one segment in frame after frame; its meshes are built once and moved."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._used, self._faces = segment.close()
        self._closed: ExactMesh | None = None
        self._skin: ExactMesh | None = None

    def deepest(self, vertices: np.ndarray, corners: np.ndarray, points: np.ndarray) -> float:
        """Metres of the deepest of `points (N, 3)` inside the segment whose own vertices are `corners (C, 3)`, in a
        frame's `vertices (V, 3)`."""
        points = points[np.all((points >= corners.min(axis=0)) & (points <= corners.max(axis=0)), axis=1)]
        points = points[_in_oriented_box(corners, points)] if len(points) else points
        if not len(points):
            return 0.0
        self._closed = _moved(self._closed, self._segment.points(vertices, self._used), self._faces)
        points = points[self._closed.inside(points)]
        if not len(points):
            return 0.0
        self._skin = _moved(self._skin, vertices[self._used], self._faces[: len(self._segment.skin)])
        return float(self._skin.distances(points).max())


def _moved(mesh: ExactMesh | None, vertices: np.ndarray, faces: np.ndarray) -> ExactMesh:
    if mesh is None:
        return ExactMesh(vertices, faces)
    mesh.move(vertices)
    return mesh


def _in_oriented_box(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N,) whether `points` are in the box of `corners` along their principal axes."""
    center = corners.mean(axis=0)
    offset = corners - center
    _, axes = np.linalg.eigh(offset.T @ offset)
    extent, others = offset @ axes, (points - center) @ axes
    return np.all((others >= extent.min(axis=0)) & (others <= extent.max(axis=0)), axis=1)


def self_metrics(person: PersonClip) -> list[Metric]:
    """The bar on self-penetration."""
    depth = 1000.0 * float(self_depth(person).max())
    return [Metric(f"self penetration:{person.name}", depth, "mm", LOWER, SELF_BAR)]
