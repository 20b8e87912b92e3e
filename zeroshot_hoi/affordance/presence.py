"""Whether a part is there at all: what its word cannot do without, measured on the candidate and on what is around it.

A fit (`fitness.py`) says which candidate is the likeliest; among hundreds of them something always fits a little. So
each kind of part has necessities besides, in metres, from what people do with it and how it is attached: a leg stands
on the ground, on little of it, and carries what lies above; a wheel is round about a level axle; a spout stands out of
something bulky and ends freely; a seat is as wide as a person. A candidate without them is no such part, however well
it fits. Each necessity is in [0, 1]; their product multiplies the fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from zeroshot_hoi.affordance.fitness import WHOLE, Measured, Rulers
from zeroshot_hoi.affordance.scoring import extents
from zeroshot_hoi.affordance.segments import Segment

LEAST = 0.02
"""What remains of a fit whose necessities are all missing."""
HAND_WIDTH = (0.09, 0.125)
"""Metres across a bar up to which a hand closes around it, and from which it does not (a grip span is 70-90 mm)."""
SEAT_WIDTH = (0.12, 0.22)
"""Metres: no seat below, surely wide enough above (a stool is 0.25 m; hips are 0.3 m, ISO 7250)."""
SEAT_HEIGHT = (0.15, 0.25, 0.85, 1.1)
"""Metres above the ground between which people sit: none, surely, surely, none (a low stool, a bar stool)."""
ROUND = (0.30, 0.18)
"""Spread of the outline's radius over its median: no circle above (a square has .41), surely one below."""
ISLAND = 0.35
"""Pieces with less than this share of a candidate's area that it cuts off are its own."""
DIRECTIONS = 24
PROBES = 24


def ramp(value: float, zero: float, one: float) -> float:
    """0 at `zero`, 1 at `one`, linear between; `zero` may be the larger."""
    return float(np.clip((value - zero) / (one - zero), 0.0, 1.0))


class Candidate:
    """A candidate among the rest of its object."""

    def __init__(self, rulers: Rulers, segment: Segment) -> None:
        self.rulers, self.surface = rulers, rulers.surface
        self.segment, self.members = segment, segment.members
        self.inside = np.zeros(len(self.surface.points), bool)
        self.inside[self.members] = True
        self.seen: Measured = rulers.measure(segment)
        self.points = self.surface.points[self.members]
        self.areas = self.surface.areas[self.members]
        self.normals = self.surface.normals[self.members]
        self.low, self.high = self.points.min(axis=0), self.points.max(axis=0)
        self.center = self.areas @ self.points / self.areas.sum()
        self.rest = self._rest()

    def _rest(self) -> np.ndarray:
        """Visible samples of everything else, without the islands that the candidate cuts off (a spout's lip)."""
        outside = ~self.surface.buried
        outside[self.members] = False
        rest = np.flatnonzero(outside)
        label = connected_components(self.rulers.near[rest][:, rest], directed=False)[1]
        area = np.bincount(label, weights=self.surface.areas[rest])
        beside = np.zeros(len(outside), bool)
        beside[self.rulers.near[self.members].indices] = True
        island = (area < ISLAND * self.areas.sum()) & (np.bincount(label, weights=beside[rest]) > 0)
        return rest[~island[label]]

    @property
    def size(self) -> np.ndarray:
        """(3,) principal extents, metres, longest first."""
        return self.seen.size

    @property
    def ground(self) -> float:
        """Metres between its lowest point and the object's."""
        return float(self.low[2] - self.surface.low[2])

    @property
    def column(self) -> float:
        """The same from the lowest point of whatever is below it: a stretch of a leg."""
        points = self.surface.points[~self.surface.buried]
        slack = self.surface.spacing
        below = ((points[:, :2] > self.low[:2] - slack) & (points[:, :2] < self.high[:2] + slack)).all(axis=1)
        return float(points[below, 2].min(initial=self.low[2]) - self.surface.low[2])

    @cached_property
    def others(self) -> np.ndarray:
        """(R, 3) visible samples of everything else."""
        return self.surface.points[self.rest]

    @cached_property
    def away(self) -> np.ndarray:
        """(K,) metres from each of its samples to everything else; zero where there is nothing else."""
        if not len(self.rest):
            return np.zeros(len(self.points))
        return np.asarray(KDTree(self.others).query(self.points)[0])

    @cached_property
    def others_box(self) -> np.ndarray:
        """(3,) extents of everything else, metres."""
        return np.ptp(self.others, axis=0) if len(self.rest) else np.zeros(3)

    @cached_property
    def base(self) -> np.ndarray:
        """(3,) where it meets the rest: the middle of its samples nearest to it."""
        limit = max(float(self.away.min()) + 2.0 * self.surface.spacing, 2.5 * self.surface.spacing)
        near = self.away <= limit
        return self.points[near].mean(axis=0) if near.any() else self.center

    def largest_piece(self) -> float:
        """Share of its area that hangs together."""
        near = self.rulers.near[self.members][:, self.members]
        label = connected_components(near, directed=False)[1]
        return float(np.bincount(label, weights=self.areas).max() / self.areas.sum())

    def width(self) -> float:
        """Metres across the object's cross-section at the candidate, of what hangs together in the plane across the
        local bar: where it is narrow, on a third of it (a door handle has its plate besides). Of a piece of the file's
        own only its own cross-section counts; a cut through one is as wide as what it was cut from."""
        s, points = self.surface, self.surface.points
        pitch = min(s.spacing, float(np.sqrt(self.areas.mean())))
        thick = 1.5 * pitch
        step = max(2.2 * pitch, 0.006)
        own = self.segment.source in WHOLE
        counts = self.inside if own else ~s.buried
        widths = []
        for p in self.members[:: max(1, len(self.members) // PROBES)]:
            near = np.asarray(self.rulers.tree.query_ball_point(s.medial[p], 0.16 + thick), int)
            near = near[counts[near]]
            offset = points[near] - s.medial[p]
            along = offset @ s.direction[p]
            flat = offset - along[:, None] * s.direction[p]
            slab = np.abs(along) < thick
            flat, index = flat[slab], near[slab]
            if len(index) < 4:
                continue
            widths.append(_reach(flat, np.flatnonzero(index == p), step))
        return float(np.percentile(widths, 33)) if widths else 0.0


def _reach(points: np.ndarray, start: np.ndarray, step: float) -> float:
    """Metres across what hangs together with `points[start]` over gaps up to `step`."""
    pairs = KDTree(points).query_pairs(step, output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(points),) * 2)
    label = connected_components(graph, directed=False)[1]
    own = points[label == label[start[0]]] if len(start) else points
    return float(np.sqrt(((own - own.mean(axis=0)) ** 2).sum(axis=1).max()) * 2.0)


def graspable(c: Candidate) -> float:
    """A hand closes around it, it is long enough for some fingers, of one piece, and no leg."""
    held = ramp(c.width(), HAND_WIDTH[1], HAND_WIDTH[0]) * ramp(float(c.size[0]), 0.025, 0.05)
    return held * ramp(c.largest_piece(), 0.5, 0.75) * (1.0 - stands_under(c, c.column)) if held > 0.0 else 0.0


def stands_under(c: Candidate, ground: float) -> float:
    """It is `ground` metres from the ground on which its object stands by legs, under the larger part of the rest."""
    if not len(c.rest):
        return 0.0
    areas = c.surface.areas[c.rest]
    above = float(areas[c.others[:, 2] > c.center[2]].sum() / areas.sum())
    on_ground = ramp(ground / max(float(c.surface.extent[2]), 1e-9), 0.12, 0.05)
    return ramp(ground_directions(c.rulers), 0.85, 0.6) * on_ground * ramp(above, 0.3, 0.5)


def carries(c: Candidate) -> float:
    """It stands on the ground, on little of it, clear at its sides, under the larger part of the rest; and the object
    stands on legs: not all around."""
    extent = np.maximum(c.surface.extent, 1e-9)
    foot = float(((c.high - c.low) / extent)[:2].max())
    lower = c.points[:, 2] < c.low[2] + 0.6 * (c.high[2] - c.low[2])
    clear = float(np.percentile(c.away[lower], 15)) / max(float(c.size[1]), 1e-6) if lower.any() else 0.0
    return stands_under(c, c.ground) * ramp(foot, 0.8, 0.55) * ramp(clear, 0.03, 0.15)


def ground_directions(rulers: Rulers) -> float:
    """Share of the directions from the middle of the object's plan in which it touches the ground; 1 where it touches
    in one place only."""
    surface = rulers.surface
    band = surface.low[2] + max(0.03 * surface.extent[2], 0.6 * surface.spacing)
    touching = np.flatnonzero(~surface.buried & (surface.points[:, 2] < band))
    label = connected_components(rulers.near[touching][:, touching], directed=False)[1]
    if (np.bincount(label) > 0.05 * len(touching)).sum() < 2:
        return 1.0
    offset = surface.points[touching, :2] - (surface.low + 0.5 * surface.extent)[:2]
    column = (np.arctan2(offset[:, 1], offset[:, 0]) + np.pi) / (2 * np.pi) * DIRECTIONS
    return len(np.unique(np.clip(column.astype(int), 0, DIRECTIONS - 1))) / DIRECTIONS


def rolls(c: Candidate) -> float:
    """It, or a large piece of it (a castor's wheel), is a disk about a level axle and reaches the ground."""
    owner = c.surface.components[c.members]
    pieces = [owner == k for k in np.unique(owner)]
    large = [piece for piece in pieces if c.areas[piece].sum() > 0.2 * c.areas.sum() and piece.sum() >= 2 * DIRECTIONS]
    best = max(disk(c.points[piece], c.areas[piece]) for piece in [np.ones(len(owner), bool), *large])
    return best * ramp(c.ground / max(float(c.surface.extent[2]), 1e-9), 0.1, 0.05)


def disk(points: np.ndarray, areas: np.ndarray) -> float:
    """How round points are about one of their level axes, across which they are wider than along it."""
    best = 0.0
    for axis in extents(points, areas)[1]:
        if abs(axis[2]) > 0.4:
            continue
        one = np.cross(axis, [0.0, 0.0, 1.0])
        one /= np.linalg.norm(one)
        flat = np.stack([points @ one, points @ np.cross(axis, one)], -1)
        flatter = ramp(float(np.ptp(points @ axis) / max(np.ptp(flat, axis=0).min(), 1e-9)), 1.0, 0.8)
        best = max(best, ramp(roundness(flat), *ROUND) * flatter)
    return best


def roundness(flat: np.ndarray) -> float:
    """Spread (90 % range) of the outline's radius over its median, of `flat (N, 2)`; gaps in the outline count as 1."""
    center = 0.5 * (flat.min(axis=0) + flat.max(axis=0))
    offset = flat - center
    radius, angle = np.linalg.norm(offset, axis=1), np.arctan2(offset[:, 1], offset[:, 0])
    column = np.clip(((angle + np.pi) / (2 * np.pi) * DIRECTIONS).astype(int), 0, DIRECTIONS - 1)
    reach = np.zeros(DIRECTIONS)
    np.maximum.at(reach, column, radius)
    if (reach == 0).sum() > 2:
        return 1.0
    reach = reach[reach > 0]
    return float((np.percentile(reach, 95) - np.percentile(reach, 5)) / np.median(reach))


def pours(c: Candidate) -> float:
    """It stands out of something bulky, much wider than itself, not downward, and its other end is free."""
    if not len(c.rest):
        return 0.0
    reach = c.points - c.base
    length = np.linalg.norm(reach, axis=1)
    tip = c.points[length > 0.8 * length.max()].mean(axis=0)
    way = tip - c.base
    long = float(np.linalg.norm(way))
    across = float(c.size[1])
    end = length > 0.8 * length.max()
    free = float(np.median(c.away[end])) / max(float(length.max()), 1e-9)
    box = np.sort(c.others_box)
    bulky = ramp(box[0] / max(box[2], 1e-9), 0.2, 0.35)
    wide = ramp(across / max(box[1], 1e-9), 0.75, 0.5)
    upward = ramp(way[2] / max(long, 1e-9), -0.5, -0.2)
    high = ramp((tip[2] - c.surface.low[2]) / max(float(c.surface.extent[2]), 1e-9), 0.3, 0.5)
    return ramp(long / max(across, 1e-9), 0.4, 0.9) * ramp(free, 0.15, 0.35) * bulky * wide * upward * high


def covers(c: Candidate) -> float:
    """It lies on top of something bulky, is nearly as wide, and closes it: seen from above it has no hole."""
    if not len(c.rest):
        return 0.0
    span, below = (c.high - c.low)[:2], c.others_box[:2]
    wide = ramp(float(span.min() / max(below.min(), 1e-9)), 0.25, 0.45)
    not_wider = ramp(float((span / np.maximum(below, 1e-9)).max()), 2.0, 1.4)
    taller = ramp(float(c.others_box[2] / max(float(c.high[2] - c.low[2]), 1e-9)), 0.6, 1.2)
    top = ramp(float((c.surface.low[2] + c.surface.extent[2] - c.high[2]) / c.surface.extent[2]), 0.25, 0.1)
    box = np.sort(c.others_box)
    bulky = ramp(float(box[0] / max(box[2], 1e-9)), 0.2, 0.35)
    return bulky * wide * not_wider * taller * top * ramp(filled(c.points[:, :2]), 0.4, 0.65)


def filled(flat: np.ndarray) -> float:
    """Share of a disk or box in the bounds of `flat (N, 2)` that the points cover, on 12 x 12 cells."""
    low, span = flat.min(axis=0), np.maximum(np.ptp(flat, axis=0), 1e-9)
    cell = np.clip(((flat - low) / span * 12).astype(int), 0, 11)
    grid = np.zeros((12, 12), bool)
    grid[cell[:, 0], cell[:, 1]] = True
    x, y = (np.indices((12, 12)) + 0.5) / 6.0 - 1.0
    disk = x * x + y * y < 1.0
    return float(grid[disk].mean())


def seats(c: Candidate) -> float:
    """It is level, as wide as a person, and as high as people sit."""
    height = c.center[2] - c.surface.low[2]
    low, one, two, high = SEAT_HEIGHT
    return ramp(float(c.size[1]), *SEAT_WIDTH) * ramp(height, low, one) * ramp(height, high, two)


def seat_samples(c: Candidate, low: float, high: float) -> np.ndarray:
    """Indices of samples of the rest that face up between the heights `low` and `high`, metres."""
    if not len(c.rest):
        return c.rest
    up = (c.surface.normals[c.rest, 2] > 0.75) & (c.others[:, 2] > low) & (c.others[:, 2] < high)
    return c.rest[up]


def seat_area(c: Candidate, low: float, high: float, towards: np.ndarray, reach: float) -> float:
    """m^2 of the rest that faces up between `low` and `high`, up to `reach` on the candidate's side `towards (3,)`."""
    seat = seat_samples(c, low, high)
    offset = c.surface.points[seat] - c.center
    side = np.cross([0.0, 0.0, 1.0], towards)
    half = 0.5 * float(np.ptp(c.points @ side)) + 0.1
    ahead = offset @ towards
    near = (ahead > -0.1) & (ahead < reach) & (np.abs(offset @ side) < half)
    return float(c.surface.areas[seat][near].sum())


def leans(c: Candidate) -> float:
    """It stands up, is as wide as a back, closed, and has a seat before and below it."""
    full = float(c.areas.sum()) / max(float(c.size[0] * c.size[1]), 1e-9)
    wide = ramp(float(c.size[1]), 0.08, 0.15) * ramp(float(c.size[0]), 0.15, 0.25) * ramp(full, 0.2, 0.35)
    mean = c.areas @ c.normals / c.areas.sum() * [1.0, 1.0, 0.0]
    thin = c.seen.axes[2] * [1.0, 1.0, 0.0]
    ways = [mean] if np.linalg.norm(mean) > 0.3 else [thin, -thin]
    best = 0.0
    for way in ways:
        if np.linalg.norm(way) > 0.3:
            unit = way / np.linalg.norm(way)
            area = seat_area(c, c.center[2] - 0.8, c.low[2] + 0.15, unit, 0.7)
            best = max(best, ramp(area, 0.02, 0.05))
    return wide * best


def rests_an_arm(c: Candidate) -> float:
    """It is as long as half a forearm, level, its top 3 to 45 cm above a seat, and not over or under its middle."""
    long = ramp(float(np.ptp(c.points[:, :2], axis=0).max()), 0.1, 0.18)
    lowest = max(float(c.high[2]) - 0.45, float(c.surface.low[2]) + SEAT_HEIGHT[1])
    seat = seat_samples(c, lowest, float(c.high[2]) - 0.03)
    seat = seat[np.linalg.norm(c.surface.points[seat, :2] - c.center[:2], axis=1) < 0.6]
    if not len(seat):
        return 0.0
    area = float(c.surface.areas[seat].sum())
    low, high = np.percentile(c.surface.points[seat, :2], [12, 88], axis=0)
    beside = float(np.maximum(low - c.center[:2], c.center[:2] - high).max())
    return long * ramp(area, 0.02, 0.05) * ramp(beside, -0.06, -0.01)


def steered(c: Candidate) -> float:
    """A bar as wide as two fists apart, in the upper half of its object."""
    level = float(np.ptp(c.points[:, :2], axis=0).max())
    return ramp(level, 0.15, 0.28) * ramp(c.seen.share[2], 0.35, 0.5) * ramp(c.width(), HAND_WIDTH[1], HAND_WIDTH[0])


def steps(c: Candidate) -> float:
    """As large as a foot's ball, clear of the ground, standing out sideways of what it belongs to, which is larger."""
    belongs = ramp(float(c.surface.extent.max() / c.size[0]), 2.5, 4.0)
    large = ramp(float(c.size[1]), 0.015, 0.03) * ramp(float(c.size[0]), 0.03, 0.06) * ramp(float(c.size[0]), 0.4, 0.3)
    far = float(np.percentile(c.away, 90)) / max(float(c.size[1]), 1e-9) if len(c.rest) else 0.0
    return belongs * large * ramp(c.ground, 0.005, 0.02) * ramp(far, 0.3, 0.7)


def thin(c: Candidate) -> float:
    """Threads: thinner than a finger, long for that, and along much of the object."""
    slender = ramp(float(c.size[0]) / max(c.seen.thickness, 1e-9), 12.0, 25.0)
    return ramp(c.seen.thickness, 0.02, 0.012) * slender * ramp(float(c.size[0]) / c.surface.diagonal, 0.25, 0.5)


def ring(c: Candidate) -> float:
    """A ring about an opening: seen from above it goes all around and is hollow."""
    return ramp(filled(c.points[:, :2]), 0.9, 0.7)


@dataclass(frozen=True)
class Need:
    """What a kind of part cannot do without."""

    words: str
    """As a sentence's end: `a leg ...`."""
    fit: Callable[[Candidate], float]
    least: float = 0.5
    """Fit from which such a part counts as being there; what is hard to measure fits less where it is."""


NEEDS: dict[str, Need] = {
    "handle": Need("is thin enough for a hand to close around, 9 cm at most, 5 cm long, and no leg", graspable, 0.35),
    "leg": Need("stands on little ground, clear at its sides, and carries what lies above", carries),
    "wheel": Need("is round about a level axle and reaches the ground", rolls),
    "spout": Need("stands out of something bulky and ends freely, not downward", pours),
    "lid": Need("lies on top, closes the rest and is nearly as wide", covers),
    "seat": Need("is level, 20 cm wide or more, 25 to 85 cm above the ground", seats),
    "backrest": Need("stands up, 15 cm wide or more, behind and above a seat", leans),
    "armrest": Need("is 15 cm long or more, 3 to 45 cm above a seat beside it", rests_an_arm),
    "handlebar": Need("is a bar for two hands, 28 cm wide or more, in the upper half", steered),
    "pedal": Need("is as large as a foot's ball, off the ground, and stands out sideways", steps),
    "strings": Need("is thinner than 12 mm, long for that, and along much of the object", thin, 0.25),
}
"""Kind of part -> its necessities; `PartPrior.need` names the kind."""


def presence(rulers: Rulers, segments: tuple[Segment, ...], need: str) -> float:
    """In [LEAST, 1]: how much a part in these places has what its kind cannot do without; of several the best,
    since one of a pair may be missing."""
    if need not in NEEDS:
        return 1.0
    each = [NEEDS[need].fit(Candidate(rulers, segment)) for segment in segments]
    return max(LEAST, *each)
