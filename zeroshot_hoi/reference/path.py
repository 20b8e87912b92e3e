"""A way over the floor: where it leads and which way it points, by distance walked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zeroshot_hoi.core.errors import RecipeError

CORNER = 0.7
"""Metres before and after a corner within which a walker cuts it: about a step."""

STEP = 0.01
"""Metres between samples of a path."""

MAX_WAYPOINTS = 64
MAX_LENGTH = 200.0
"""Metres."""


@dataclass(frozen=True)
class Path:
    """A smooth line on the floor, sampled every centimetre."""

    points: np.ndarray
    """(S, 2) metres."""
    distance: np.ndarray
    """(S,) metres walked."""
    bearing: np.ndarray
    """(S,) radians, the direction of travel without jumps of whole turns."""

    @property
    def length(self) -> float:
        return float(self.distance[-1])

    def at(self, distance: np.ndarray) -> np.ndarray:
        """(*batch, 2) places after so many metres."""
        return np.stack([np.interp(distance, self.distance, self.points[:, i]) for i in range(2)], axis=-1)

    def bearing_at(self, distance: np.ndarray) -> np.ndarray:
        """(*batch,) radians."""
        return np.interp(distance, self.distance, self.bearing)

    def moved(self, origin: np.ndarray, turn: float) -> Path:
        """The same way from `origin (2,)`, turned by `turn` radians."""
        cosine, sine = np.cos(turn), np.sin(turn)
        points = self.points @ np.array([[cosine, sine], [-sine, cosine]]) + origin
        return replace(self, points=points, bearing=self.bearing + turn)


def arc_path(distance: float, turn: float, bearing: float = 0.0) -> Path:
    """From the origin along `bearing`, `distance` metres long, turning left by `turn` radians at an even rate."""
    along = np.linspace(0.0, distance, max(2, round(distance / STEP) + 1))
    middle = bearing + turn * (along[1:] + along[:-1]) / (2.0 * distance)
    steps = np.diff(along)[:, None] * np.stack([np.cos(middle), np.sin(middle)], axis=-1)
    points = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return Path(points, along, bearing + turn * along / distance)


def waypoint_path(waypoints: np.ndarray) -> Path:
    """From the origin over `waypoints (N, 2)` with rounded corners."""
    corners = np.concatenate([np.zeros((1, 2)), np.asarray(waypoints, float)])
    legs = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    if legs.min() < 0.05:
        raise RecipeError("Two waypoints of a path lie within 5 cm of each other. Leave one out.")
    pieces = [corners[:1]]
    for i in range(1, len(corners) - 1):
        cut = min(CORNER, 0.5 * legs[i - 1], 0.5 * legs[i])
        into = corners[i] + cut * (corners[i - 1] - corners[i]) / legs[i - 1]
        out = corners[i] + cut * (corners[i + 1] - corners[i]) / legs[i]
        t = np.linspace(0.0, 1.0, 41)[:, None]
        pieces.append((1 - t) ** 2 * into + 2 * t * (1 - t) * corners[i] + t**2 * out)
    line = np.concatenate([*pieces, corners[-1:]])
    return _sampled(line)


def _sampled(line: np.ndarray) -> Path:
    """`line (N, 2)` at equal steps."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    keep = np.append(np.diff(length) > 1e-9, True)
    along = np.linspace(0.0, length[-1], max(2, round(length[-1] / STEP) + 1))
    points = np.stack([np.interp(along, length[keep], line[keep, i]) for i in range(2)], axis=-1)
    tangent = np.gradient(points, along, axis=0)
    return Path(points, along, np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0])))


def read_waypoints(text: str) -> np.ndarray:
    """(N, 2) waypoints of a recipe's `path`: metres ahead and to the left of the start, as in `1.5 0; 2.5 1`."""
    pairs = [pair.split() for pair in text.split(";") if pair.strip()]
    try:
        points = np.array([[float(ahead), float(left)] for ahead, left in pairs]).reshape(-1, 2)
    except ValueError:
        raise RecipeError(
            f"A path is written 'ahead left; ahead left; ...' in metres, as in '1.5 0; 2.5 1'; got '{text[:80]}'."
        ) from None
    if not 0 < len(points) <= MAX_WAYPOINTS:
        raise RecipeError(f"A path has 1 to {MAX_WAYPOINTS} waypoints; got {len(points)}.")
    if not np.isfinite(points).all() or np.abs(points).max() > MAX_LENGTH:
        raise RecipeError(f"Waypoints are metres within {MAX_LENGTH:g} of the start; got '{text[:80]}'.")
    return points
