"""Does everything stay above the floor, is everybody carried by something, and do planted feet stay where they are?"""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.metrics.clip import Clip, PersonClip
from zeroshot_hoi.metrics.contact import EdgeContact, supported_by_edges
from zeroshot_hoi.metrics.metric import HIGHER, LOWER, Metric

GROUND_REACH = 0.005
"""m; a sole within this height of z = 0 stands on the ground."""
GROUND_BAR = 5.0
"""mm"""
SLIDE_BAR = 10.0
"""mm"""


def sole_vertices(person: PersonClip, side: str = "") -> np.ndarray:
    """Indices of the soles' vertices; `side` is `left`, `right` or empty for both."""
    return np.flatnonzero([name.endswith("sole") and name.startswith(side) for name in person.regions.tolist()])


def below_ground(heights: np.ndarray) -> float:
    """Millimetres of the deepest of all heights (T, N) below z = 0."""
    return 1000.0 * max(0.0, -float(heights.min()))


def slide(person: PersonClip, side: str) -> float:
    """Longest way, in mm, that a vertex of one sole travels over the ground during one stance.

    A vertex stands while it is within 5 mm of the ground in consecutive frames; its horizontal steps there add up, and
    lifting it starts again from zero. A foot that rolls over heel and toe sets every vertex down where it lifts it.
    """
    points = person.vertices[:, sole_vertices(person, side)]
    if points.shape[1] == 0:
        return 0.0
    down = np.abs(points[..., 2]) <= GROUND_REACH
    steps = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=-1)
    travelled, worst = np.zeros(points.shape[1]), 0.0
    for t, step in enumerate(steps):
        travelled = np.where(down[t] & down[t + 1], travelled + step, 0.0)
        worst = max(worst, float(travelled.max()))
    return 1000.0 * worst


def supported(clip: Clip, person: PersonClip, measured: dict[str, EdgeContact]) -> np.ndarray:
    """(T,) whether a sole, a seat, a saddle or a deck within 5 mm carries the person."""
    soles = person.vertices[:, sole_vertices(person), 2]
    standing = (soles <= GROUND_REACH).any(axis=1)
    return standing | supported_by_edges(clip, person, measured, GROUND_REACH)


def ground_metrics(clip: Clip, measured: dict[str, EdgeContact]) -> list[Metric]:
    """Depth below the floor, support in every frame, sliding feet."""
    metrics = []
    for person in clip.people.values():
        name = person.name
        metrics.append(Metric(f"ground:{name}", below_ground(person.vertices[..., 2]), "mm", LOWER, GROUND_BAR))
        share = float(supported(clip, person, measured).mean())
        metrics.append(Metric(f"supported:{name}", share, "share of frames", HIGHER, 1.0))
        sliding = max(slide(person, "left"), slide(person, "right"))
        metrics.append(Metric(f"foot sliding:{name}", sliding, "mm", LOWER, SLIDE_BAR))
    for thing in clip.objects.values():
        heights = thing.to_world(thing.vertices)[..., 2]
        metrics.append(Metric(f"ground:{thing.name}", below_ground(heights), "mm", LOWER, GROUND_BAR))
    return metrics
