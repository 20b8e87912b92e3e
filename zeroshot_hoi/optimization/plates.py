"""Flat parts and the side from which they are touched.

Hands that reach for a keyboard from hanging arms come from below its table. What is thin lets them through, and pushing
them out of it again takes the nearer way: fingers stayed between the keys and the table, 8 mm deep. A flat part has one
side on which it is touched, and the hand that touches it belongs on that side whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroshot_hoi.core.scene import PartRegion, SceneObject

FLATTEST = 0.25
"""Thickness over the smaller width up to which a part counts as flat."""

TOP = 95.0
"""Percentile of its vertices' heights at which a flat part's plane lies: what sticks out singly does not count."""


@dataclass(frozen=True)
class Plate:
    """The outer plane of a flat part within its outline, object frame."""

    center: np.ndarray
    """(3,) m, on the plane."""
    axes: np.ndarray
    """(3, 3) rows: along the part, across it, outward."""
    half: np.ndarray
    """(2,) m: half its extents along the first two."""


def plate_of(thing: SceneObject, region: PartRegion) -> Plate | None:
    """The plate that a part is, or None where it is not flat."""
    points = thing.vertices[np.unique(thing.faces[region.faces])]
    outward = region.normal / np.linalg.norm(region.normal)
    along = region.axis - (region.axis @ outward) * outward
    if np.linalg.norm(along) < 1e-6:
        return None
    along = along / np.linalg.norm(along)
    axes = np.stack([along, np.cross(outward, along), outward])
    placed = points @ axes.T
    low, high = placed.min(axis=0), placed.max(axis=0)
    thick = float(np.subtract(*np.percentile(placed[:, 2], [TOP, 100.0 - TOP])))
    if thick > FLATTEST * float((high - low)[:2].min()):
        return None
    middle = np.array([*(0.5 * (low + high))[:2], np.percentile(placed[:, 2], TOP)])
    return Plate(middle @ axes, axes, 0.5 * (high - low)[:2])
