"""How well a solid candidate fits what a word means: shape, place, size, name, and how cleanly it comes off.

Each fit is in [0, 1]; the score is their weighted geometric mean, so that one clear misfit is not outvoted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from zeroshot_hoi.affordance.scoring import FINGER, GRASP_THICKNESS, HAND_BREADTH, Frame, extents, place_fit
from zeroshot_hoi.affordance.segments import Segment, words_of
from zeroshot_hoi.affordance.surface import Surface
from zeroshot_hoi.affordance.vocabulary import Wanted, singular

WHOLE = ("node", "component", "absorbed", "clump", "chain", "row", "alike", "whole")
"""Sources of candidates that cut no component."""
PROMISING = 0.3
"""Below this score nobody counts a candidate's attachments."""
MANY = 60
"""Samples of a candidate at which clearance is probed."""


LARGER = 0.05
"""Exponent by which the larger of two candidates is preferred, all else being equal: a piece of a part is no part."""


@dataclass(frozen=True)
class Measured:
    """A candidate with what can be measured on it."""

    segment: Segment
    area: float
    """Share of the object's surface."""
    size: np.ndarray
    """(3,) principal extents, metres, longest first."""
    axes: np.ndarray
    """(3, 3) their directions."""
    low: np.ndarray
    high: np.ndarray
    """(3,) corners of its box, as shares of the object's."""
    share: np.ndarray
    """(3,) its centroid, likewise."""
    center: np.ndarray
    """(3,) the same from the middle of the object's box, metres."""
    thickness: float
    """Median, metres."""
    linear: float
    sheet: float
    compact: float
    flatness: float
    """Length of the mean normal: 1 for a one-sided flat patch, 0 for what is closed around."""
    natural: float
    """How much the surface changes (thickness, direction, concave creases) along its border; 1 for a component."""
    ground: float
    """Height of its lowest point over the object's, share of the object's height."""


class Rulers:
    """One object's measures that every candidate shares."""

    def __init__(self, surface: Surface, tree: KDTree, nodes: tuple[str, ...]) -> None:
        self.surface = surface
        self.tree = tree
        self.nodes = np.asarray(nodes, dtype=str)[surface.faces]
        self.borders = _borders(surface)
        self._named: dict[str, np.ndarray] = {}
        visible = ~surface.buried
        self.total = float(surface.areas[visible].sum())
        one, two = tree.query_pairs(2.0 * surface.spacing, output_type="ndarray").T
        ends = np.concatenate([one, two]), np.concatenate([two, one])
        pairs = coo_matrix((np.ones(len(ends[0]), bool), ends), shape=(len(surface.points),) * 2)
        self.near = csr_matrix(pairs)
        self._columns = np.column_stack(
            [surface.linear, surface.sheet, surface.compact, surface.normals, surface.points]
        )
        self._attachments: dict[bytes, int] = {}

    def measure(self, segment: Segment) -> Measured:
        s, members = self.surface, segment.members
        areas = s.areas[members]
        points = s.points[members]
        size, axes = extents(points, areas)
        inside = np.zeros(len(s.points), bool)
        inside[members] = True
        low, high = points.min(axis=0), points.max(axis=0)
        extent = np.maximum(s.extent, 1e-9)
        mean = areas @ self._columns[members] / areas.sum()
        return Measured(
            segment=segment, area=float(areas.sum()) / self.total, size=size, axes=axes,
            low=(low - s.low) / extent, high=(high - s.low) / extent, share=(mean[6:9] - s.low) / extent,
            center=mean[6:9] - s.low - 0.5 * s.extent, thickness=float(np.median(s.thickness[members])),
            linear=float(mean[0]), sheet=float(mean[1]), compact=float(mean[2]),
            flatness=float(np.linalg.norm(mean[3:6])),
            natural=self._natural(inside, members), ground=float((low[2] - s.low[2]) / extent[2]),
        )  # fmt: skip

    def _natural(self, inside: np.ndarray, members: np.ndarray) -> float:
        leaving = (~inside & ~self.surface.buried)[self.surface.neighbors[members]]
        count = int(leaving.sum())
        if count < 0.002 * leaving.size:
            return 1.0
        change = float(self.borders[members][leaving].mean())
        loose = 0.5 * max(0.0, count / leaving.size - 0.1)
        return float(np.clip(change - loose, 0.0, 1.0))

    def named(self, wanted: Wanted) -> np.ndarray:
        """(N,) in [0, 1]: how much the file's node of each sample carries the part's name."""
        if wanted.part.name not in self._named:
            names, index = np.unique(self.nodes, return_inverse=True)
            self._named[wanted.part.name] = np.array([_named(str(name), wanted) for name in names])[index.ravel()]
        return self._named[wanted.part.name]

    def attachments(self, members: np.ndarray) -> int:
        """In how many places the candidate meets the rest of the object."""
        key = members.tobytes()
        if key not in self._attachments:
            self._attachments[key] = self._count_attachments(members)
        return self._attachments[key]

    def _count_attachments(self, members: np.ndarray) -> int:
        inside = np.zeros(len(self.surface.points), bool)
        inside[members] = True
        near = self.near[members]
        leaving = ~inside[near.indices]
        if not leaving.any():
            return 0
        edge = np.zeros(len(inside), bool)
        edge[np.repeat(members, np.diff(near.indptr))[leaving]] = True
        points = self.surface.points[edge]
        wide = KDTree(points).query_pairs(5.0 * self.surface.spacing, output_type="ndarray")
        graph = coo_matrix((np.ones(len(wide)), wide.T), shape=(len(points),) * 2)
        return int(connected_components(graph, directed=False)[0])


def fit(rulers: Rulers, seen: Measured, wanted: Wanted, frame: Frame) -> float:
    """Score in [0, 1] of a candidate."""
    terms = [
        (1.0, shape_fit(rulers, seen, wanted)),
        (1.0, place_fit(rulers.surface, seen.share, wanted.part, frame)),
        (0.8, size_fit(seen, wanted)),
        (0.9, name_fit(rulers, seen.segment, wanted)),
        (0.8, 0.3 + 0.7 * seen.natural * source_fit(seen.segment.source, wanted)),
    ]
    if wanted.prior.upright:
        terms.append((1.0, float(np.clip(1.2 - 1.4 * abs(seen.axes[2, 2]), 0.1, 1.0))))
    if wanted.prior.across[1] < np.inf:
        terms.append((0.8, across_fit(seen, wanted)))
    if wanted.prior.grounded:
        terms.append((0.8, float(np.exp(-0.5 * (seen.ground / 0.06) ** 2))))
    score = _mean(terms)
    if wanted.prior.attachments and score > PROMISING:
        met = rulers.attachments(seen.segment.members)
        score = _mean([*terms, (0.8, 1.0 if met <= wanted.prior.attachments else 0.35)])
    return score


def _mean(terms: list[tuple[float, float]]) -> float:
    weight = sum(w for w, _ in terms)
    return float(np.exp(sum(w * np.log(max(value, 1e-4)) for w, value in terms) / weight))


def source_fit(source: str, wanted: Wanted) -> float:
    """Pieces that the file itself separates are likelier parts than cuts; what remains is rarely a cut at all."""
    if source in WHOLE:
        return 0.9 if wanted.prior.container and source not in ("component", "node") else 1.0
    return 0.5 if wanted.prior.container and source != "round" else 0.85


def size_fit(seen: Measured, wanted: Wanted) -> float:
    """1 inside the word's range of area (all instances together), falling off outside on a logarithmic scale."""
    low, high = wanted.prior.area
    area = seen.area * wanted.part.count
    off = max(np.log(max(low, 1e-6) / area), np.log(area / high), 0.0)
    return float(np.exp(-0.5 * (off / 0.35) ** 2) * min(1.0, area / high) ** LARGER)


def across_fit(seen: Measured, wanted: Wanted) -> float:
    """1 where the second extent is what a hand or a foot works, falling off on a logarithmic scale."""
    low, high = wanted.prior.across
    off = max(np.log(low / seen.size[1]), np.log(seen.size[1] / high), 0.0)
    return float(np.exp(-0.5 * (off / 0.35) ** 2))


def shape_fit(rulers: Rulers, seen: Measured, wanted: Wanted) -> float:
    """How much the candidate has the wanted shape."""
    kind = wanted.shape
    if kind in ("bar", "loop"):
        return _hold_fit(rulers, seen, kind)
    if kind in ("plate",):
        thin = np.clip(seen.size[1] / (3.0 * max(seen.size[2], 1e-6)), 0.2, 1.0)
        return float((0.3 + 0.7 * min(1.0, seen.sheet + 0.5 * seen.flatness)) * thin)
    return _form_fit(seen, kind)


def _form_fit(seen: Measured, kind: str) -> float:
    slender = seen.size[0] / seen.size[1]
    if kind in ("rod", "tube"):
        need = 6.0 if kind == "rod" else 1.2
        long = np.clip((slender - 0.6) / (need - 0.6), 0.1, 1.0)
        return float(long * np.clip(1.9 - 0.5 * seen.size[1] / max(seen.size[2], 1e-6), 0.3, 1.0))
    if kind == "post":
        little = np.clip(1.25 - 1.3 * float((seen.high - seen.low)[:2].max()), 0.1, 1.0)
        return float(little * (0.7 + 0.3 * np.clip(slender / 2.5, 0.0, 1.0)))
    if kind == "platform":
        thin = np.clip(seen.size[1] / (2.0 * max(seen.size[2], 1e-6)), 0.3, 1.0)
        return float(thin * (0.3 + 0.7 * abs(seen.axes[2, 2])))
    if kind == "block":
        return float(np.clip(np.sqrt(seen.size[2] / seen.size[0]) + 0.25, 0.2, 1.0) * (0.6 + 0.4 * (1 - seen.linear)))
    if kind in ("ball", "knob"):
        small = np.exp(-max(0.0, seen.size[0] / 0.06 - 1)) if kind == "knob" else 1.0
        return float((seen.size[2] / seen.size[0]) ** 0.5 * small)
    if kind == "disk":
        round_ = np.clip(1.0 - 2.5 * (1.0 - seen.size[1] / seen.size[0]), 0.1, 1.0)
        return float(round_ * np.clip(1.4 - seen.size[2] / seen.size[0], 0.3, 1.0))
    if kind == "ring":
        return float(
            np.clip(seen.size[1] / seen.size[0], 0.1, 1.0) * np.clip(1.2 - seen.size[2] / seen.size[1], 0.1, 1)
        )
    if kind == "band":
        return float(np.clip(1.2 - 2.0 * seen.size[2] / seen.size[1], 0.1, 1.0))
    if kind == "thread":
        return float(np.clip(1.15 - 60.0 * seen.thickness / seen.size[0], 0.05, 1.0) * (0.3 + 0.7 * seen.linear))
    if kind == "array":
        return 1.0 if seen.segment.source == "row" else 0.25
    return 0.7


def _hold_fit(rulers: Rulers, seen: Measured, kind: str) -> float:
    """What a hand closes around: of the right thickness, long enough, closed all around, with room for fingers; a
    straight `bar`, or a `loop` of any course."""
    s, members = rulers.surface, seen.segment.members
    low, high = GRASP_THICKNESS
    grasp = np.exp(-0.5 * (max(np.log(low / seen.thickness) / 0.7, np.log(seen.thickness / high) / 0.35, 0.0)) ** 2)
    length = min(1.0, seen.size[0] / HAND_BREADTH) ** 0.5
    slender = np.clip((seen.size[0] / max(seen.thickness, 1e-6) - 0.8) / 1.7, 0.05, 1.0)
    probe = members[:: max(1, len(members) // MANY)]
    room, _ = rulers.tree.query(s.points[probe] + 1.3 * FINGER * s.normals[probe])
    free = 0.25 + 0.75 * float(np.mean(room > 0.6 * FINGER))
    linear = 0.25 + 0.75 * seen.linear if kind == "bar" else 0.5 + 0.5 * seen.linear
    closed = np.clip(1.1 - seen.flatness, 0.1, 1.0)
    hollow = np.clip(seen.area * rulers.total / (1.8 * seen.thickness * seen.size[0]), 0.02, 1.0)
    straight = 1.0
    if kind == "bar":
        offset = s.medial[members] - s.medial[members].mean(axis=0)
        across = np.sqrt(np.mean((offset @ seen.axes[1]) ** 2)) / max(
            np.sqrt(np.mean((offset @ seen.axes[0]) ** 2)), 1e-9
        )
        straight = np.clip(1.15 - 1.1 * across, 0.2, 1.0)
    return float(grasp * length * slender * free * linear * closed * hollow * straight)


def name_fit(rulers: Rulers, segment: Segment, wanted: Wanted) -> float:
    """The file's own word counts much: 1 where it names the part and nothing else, .2 where it names another place
    so, else neutral."""
    named = rulers.named(wanted)
    if not named.any():
        return 0.6
    areas = rulers.surface.areas[segment.members]
    return 0.2 + 0.8 * float(np.average(named[segment.members], weights=areas))


def _named(node: str, wanted: Wanted) -> float:
    own = {singular(word) for word in words_of(node)}
    for name in (wanted.part.name, *wanted.part.aliases):
        words = {singular(word) for word in words_of(name)}
        if words and words <= own:
            return 1.0 if len(own - words) <= 1 else 0.8
    return 0.0


def _borders(surface: Surface) -> np.ndarray:
    """(N, K) in [0, 1]: how much the surface changes from each sample to each neighbor, concave creases most."""
    near = surface.neighbors
    turn = 1.0 - np.einsum("ni,nki->nk", surface.normals, surface.normals[near])
    rise = np.einsum("ni,nki->nk", surface.normals, surface.points[near] - surface.points[:, None])
    crease = np.clip(turn / 0.25, 0.0, 1.0) * np.where(rise > 0, 1.0, 0.6)
    step = np.abs(np.log(surface.thickness[near] / surface.thickness[:, None]))
    return np.clip(crease + np.clip(step / 0.4, 0.0, 1.0), 0.0, 1.0)
