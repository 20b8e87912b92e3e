"""Where each contact of the graph is in every frame: the line from one part to the nearest place on the other.

For eyes, not for judgment: distances come from `result.contacts` where the run measured them on the exact surfaces,
and only else from the vertices used here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.results.result import Result

HAND_REACH, REACH = 0.005, 0.01
"""Metres within which a hand, or anything else, counts as touching: the quality bars of `docs/conventions.md`."""

LIKELY = 0.5
"""Probability above which a face belongs to its part."""

MAX_POINTS = 400
"""Vertices of one side that look for their nearest neighbor."""


@dataclass(frozen=True)
class ContactLine:
    """One edge of the graph, in the world, in every frame."""

    edge: str
    start: np.ndarray
    """(T, 3) metres: the middle of the first side's points that are nearest to the second."""
    end: np.ndarray
    """(T, 3) metres: the nearest point of the second side."""
    distance: np.ndarray
    """(T,) metres."""
    reach: float
    """Metres within which the edge is closed."""

    @property
    def closed(self) -> np.ndarray:
        """(T,) bool"""
        return self.distance <= self.reach


def contact_lines(result: Result) -> list[ContactLine]:
    """A line for every edge whose two parts have vertices."""
    lines = [_line(result, edge) for edge in result.meta["edges"]]
    return [line for line in lines if line is not None]


def _line(result: Result, edge: str) -> ContactLine | None:
    first, _, second = edge.partition("->")
    moving, target = part_points(result, first), part_points(result, second)
    if moving.shape[1] == 0 or target.shape[1] == 0:
        return None
    moving = moving[:, :: max(1, moving.shape[1] // MAX_POINTS)]
    start, end, least = np.empty((result.frames, 3)), np.empty((result.frames, 3)), np.empty(result.frames)
    for frame in range(result.frames):
        distance, index = (np.asarray(part) for part in KDTree(target[frame]).query(moving[frame]))
        best = int(np.argmin(distance))
        start[frame], end[frame], least[frame] = moving[frame].mean(axis=0), target[frame][index[best]], distance[best]
    reach = HAND_REACH if first.endswith(" hand") else REACH
    return ContactLine(edge, start, end, result.contacts.get(edge, least), reach)


def part_points(result: Result, node: str) -> np.ndarray:
    """(T, N, 3) world positions of the vertices of `owner.part`; N is 0 where the part has none."""
    owner, _, part = node.rpartition(".")
    if owner in result.people:
        person = result.people[owner]
        return person.vertices[:, person.part_labels == part].astype(float)
    thing = result.objects.get(owner)
    if thing is None or part not in thing.part_names:
        return np.empty((result.frames, 0, 3))
    chosen = thing.part_probability[thing.part_names.index(part)] > LIKELY
    local = thing.vertices[np.unique(thing.faces[chosen])].astype(float)
    return np.einsum("tij,vj->tvi", thing.rotation.astype(float), local) + thing.translation[:, None].astype(float)
