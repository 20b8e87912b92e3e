"""How a hand comes to a grip and leaves it: it opens, and goes the way on which it meets the object least.

Reaching hands open wider than their object early and close around it last (Jeannerod 1984, J. Motor Behav. 16).
"""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.geometry.query import GridArrays, grid_distance
from zeroshot_hoi.optimization.grasp import Grasp
from zeroshot_hoi.optimization.hand import OPEN_FINGER, OPEN_THUMB, measure_hand, preshape

REACH_SECONDS = 0.5
"""Of the last part of a reach, in which the hand is led to its grip."""

REACH_METRES = 0.14
"""From where a hand is led to its grip."""

OPENING_SECONDS = 0.2
"""In which fingers close around a part, or open."""

RELAXING_SECONDS = (0.6, 1.1)
"""After which open fingers begin to relax, and have relaxed."""

FOLLOW_SECONDS = 0.08
"""In which a hand that has let go slows down: 23 cm at the 2.9 m/s of a throw 45 cm high."""

STEPS = np.linspace(0.01, REACH_METRES, 8)


def _ease(u: np.ndarray) -> np.ndarray:
    u = np.clip(u, 0.0, 1.0)
    return u * u * (3.0 - 2.0 * u)


def distance(away: np.ndarray) -> np.ndarray:
    """(T,) metres of a hand from its grip, `away (T,)` seconds before it or after."""
    return REACH_METRES * _ease(away / REACH_SECONDS)


def firmness(away: np.ndarray) -> np.ndarray:
    """(T,) how strongly a hand is led, 1 while it holds and 0 where its way is free."""
    return 1.0 - _ease(away / REACH_SECONDS)


def follow_through(since: np.ndarray) -> np.ndarray:
    """(T,) seconds of a thing's way by which a hand goes on, `since (T,)` seconds after it lets go; negative before it
    takes hold, when it is as far back and already goes along with what comes."""
    return np.sign(since) * FOLLOW_SECONDS * (1.0 - np.exp(-np.abs(since) / FOLLOW_SECONDS))


def relaxed(away: np.ndarray) -> np.ndarray:
    """(T,) how far an arm is free to hang, `away (T,)` seconds before its hand holds or after: 0 at first, then 1."""
    return _ease((away - 0.5 * REACH_SECONDS) / REACH_SECONDS)


def fingers(away: float, held: np.ndarray, opened: np.ndarray, relaxed: np.ndarray) -> np.ndarray:
    """Finger values (F,) `away` seconds from the grip: closed, then open, then relaxed."""
    first, last = RELAXING_SECONDS
    wide = held + _ease(np.array(away / OPENING_SECONDS)) * (opened - held)
    return wide + _ease(np.array((away - first) / (last - first))) * (relaxed - wide)


def open_hand(body: SkinnedBody, side: str) -> np.ndarray:
    """(D,) values of a hand that is about to close; zeros elsewhere."""
    return preshape(body, side, OPEN_FINGER, OPEN_THUMB)


def withdrawal(body: SkinnedBody, side: str, grid: GridArrays, grasp: Grasp) -> np.ndarray:
    """(3,) unit direction, in the body's rest space, in which the open hand meets the object least on its way out."""
    hand = measure_hand(body, side)
    frame, points = hand.frame, hand.open_points()
    back = [-frame.normal, -frame.distal, -frame.normal - frame.distal, frame.radial - frame.distal, -frame.radial]
    ways = [way / np.linalg.norm(way) for way in back]

    def met(way: np.ndarray) -> float:
        moved = points[None] + STEPS[:, None, None] * way
        inside = -grid_distance(numpy_namespace(), grid, (moved - grasp.translation) @ grasp.rotation)
        return float(np.maximum(inside, 0.0).sum(1).max())

    return min(ways, key=met)
