"""How well a candidate fits a description: shape, place, facing, size and name, each in [0, 1].

The score is a weighted geometric mean, so that one clear misfit (a handle nobody can put a hand around, a seat that
faces down) is not outvoted by the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.affordance.segments import Segment, words_of
from zeroshot_hoi.affordance.surface import Surface
from zeroshot_hoi.core.plan import PartDescription

GRASP_THICKNESS = (0.004, 0.055)
"""Metres; bars that a hand closes around (a power grip is best near 35 mm, ISO 15534-3; a bag's cord is 4 mm)."""
HAND_BREADTH = 0.085
"""Metres across four fingers (95th percentile of men, ISO 7250)."""
FINGER = 0.018
"""Metres: thickness of a finger."""

UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Frame:
    """The object's directions; `front` is zero while unknown."""

    front: np.ndarray

    def direction(self, word: str) -> np.ndarray:
        """Unit vector (3,) of `up down front back left right`; zero where the front would be needed and is unknown."""
        left = np.cross(UP, self.front)
        return {"up": UP, "down": -UP, "front": self.front, "back": -self.front, "left": left, "right": -left}[word]


def score_segment(
    surface: Surface, tree: KDTree, segment: Segment, part: PartDescription, frame: Frame, named: bool
) -> float:
    """Fit in [0, 1] of `segment` to `part`; `named` tells whether some node of the file carries the part's name."""
    members = segment.members
    terms = [
        (1.0, _shape_fit(surface, tree, members, part)),
        (1.2, place_fit(surface, _share(surface, members), part, frame)),
        (0.5 if part.shape == "bar" else 0.8, _size_fit(surface, members, part, frame)),
        (0.9, _name_fit(segment, part, named)),
    ]
    weight = sum(w for w, _ in terms)
    return float(np.exp(sum(w * np.log(max(value, 1e-4)) for w, value in terms) / weight))


def extents(points: np.ndarray, areas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal extents (3,), longest first, metres, and their directions (3, 3) as rows."""
    center = np.average(points, axis=0, weights=areas)
    offset = points - center
    _, vectors = np.linalg.eigh((offset * areas[:, None]).T @ offset)
    axes = vectors.T[::-1]
    along = np.sort(axes @ offset.T, axis=1)
    size = _at_share(along, 0.98) - _at_share(along, 0.02)
    order = np.argsort(-size)
    return np.maximum(size[order], 1e-6), axes[order]


def _at_share(ordered: np.ndarray, share: float) -> np.ndarray:
    """(3,) quantiles of rows that are in order (3, N); numpy's own, at a fifth of its overhead."""
    at = share * (ordered.shape[1] - 1)
    low = int(at)
    high = min(low + 1, ordered.shape[1] - 1)
    return ordered[:, low] + (at - low) * (ordered[:, high] - ordered[:, low])


def _shape_fit(surface: Surface, tree: KDTree, members: np.ndarray, part: PartDescription) -> float:
    size, axes = extents(surface.points[members], surface.areas[members])
    mean = lambda values: float(np.average(values[members], weights=surface.areas[members]))  # noqa: E731
    if part.shape == "bar":
        return _bar_fit(surface, tree, members, size, axes)
    if part.shape == "plate":
        if part.facing:
            return (0.3 + 0.7 * min(1.0, size[1] / (0.25 * size[0])) * _flatness(surface, members)) * (
                0.6 + 0.4 * mean(surface.sheet)
            )
        return mean(surface.sheet) * min(1.0, size[1] / (4 * size[2]) + 0.1)
    if part.shape in ("ball", "knob"):
        small = np.exp(-max(0.0, size[0] / 0.06 - 1)) if part.shape == "knob" else 1.0
        return float((size[2] / size[0]) * small * (0.3 + 0.7 * mean(surface.compact)))
    if part.shape == "block":
        return float(np.sqrt(size[2] / size[0])) * (0.4 + 0.6 * (1 - mean(surface.linear)))
    if part.shape == "ring":
        center = surface.medial[members].mean(axis=0)
        reach = np.linalg.norm(surface.medial[members] - center, axis=1)
        return float(np.clip(2.0 * np.percentile(reach, 5) / max(np.percentile(reach, 95), 1e-9), 0.01, 1.0))
    return 0.7


def _bar_fit(surface: Surface, tree: KDTree, members: np.ndarray, size: np.ndarray, axes: np.ndarray) -> float:
    """A bar is long for its thickness, thin enough to close a hand around, straight, whole all around
    (its area is about pi times thickness times length), and free on all sides."""
    thickness = float(np.median(surface.thickness[members]))
    low, high = GRASP_THICKNESS
    grasp = np.exp(-0.5 * (max(np.log(low / thickness), np.log(thickness / high), 0.0) / 0.35) ** 2)
    length = min(1.0, size[0] / HAND_BREADTH) ** 0.5
    slender = np.clip((size[0] / max(thickness, 1e-6) - 0.8) / 1.7, 0.05, 1.0)
    offset = surface.medial[members] - surface.medial[members].mean(axis=0)
    across = np.sqrt(np.mean((offset @ axes[1]) ** 2)) / max(np.sqrt(np.mean((offset @ axes[0]) ** 2)), 1e-9)
    straight = np.clip(1.15 - 1.1 * across, 0.2, 1.0)
    linear = 0.15 + 0.85 * float(np.average(surface.linear[members], weights=surface.areas[members]))
    probe = members[:: max(1, len(members) // 200)]
    off = surface.points[probe] + 1.3 * FINGER * surface.normals[probe]
    room, _ = tree.query(off)
    free = 0.25 + 0.75 * float(np.mean(room > 0.6 * FINGER))
    around = np.clip(surface.areas[members].sum() / (1.8 * thickness * size[0]), 0.02, 1.0)
    return float(grasp * length * slender * straight * linear * free * around)


def _flatness(surface: Surface, members: np.ndarray) -> float:
    mean = np.average(surface.normals[members], axis=0, weights=surface.areas[members])
    return float(np.linalg.norm(mean))


def _share(surface: Surface, members: np.ndarray) -> np.ndarray:
    """(3,) centroid of `members` as shares of the object's box."""
    areas = surface.areas[members]
    return (areas @ surface.points[members] / areas.sum() - surface.low) / np.maximum(surface.extent, 1e-9)


def place_fit(surface: Surface, share: np.ndarray, part: PartDescription, frame: Frame) -> float:
    """Mean over the description's position words of how true each is of a centroid at `share (3,)` of the box."""
    if not part.position:
        return 0.7
    fits = [_word_fit(surface, share, word, frame) for word in part.position]
    return float(np.exp(np.mean(np.log(np.maximum(fits, 0.02)))))


def _word_fit(surface: Surface, share: np.ndarray, word: str, frame: Frame) -> float:
    signed = 2.0 * share - 1.0
    if word in ("top", "upper", "bottom", "lower"):
        height = share[2] if word in ("top", "upper") else 1.0 - share[2]
        return float(np.clip(height, 0, 1) ** (1.5 if word in ("top", "bottom") else 0.8))
    if word == "middle":
        return float(np.mean(1.0 - np.minimum(np.abs(signed), 1.0)))
    if word == "end":
        return float(min(1.0, abs(signed[int(np.argmax(surface.extent))])))
    if word == "side":
        return float(min(1.0, np.abs(signed[:2]).max()))
    if word in ("front", "back", "left", "right"):
        direction = frame.direction(word)
        if not direction.any():
            return float(np.clip(0.3 + 0.7 * np.linalg.norm(signed[:2]), 0, 1))
        half = 0.5 * float(np.abs(direction) @ surface.extent)
        center = surface.extent * (share - 0.5)
        return float(np.clip(0.5 + 0.5 * (center @ direction) / max(half, 1e-9), 0, 1))
    return 0.7


def _size_fit(surface: Surface, members: np.ndarray, part: PartDescription, frame: Frame) -> float:
    """Large is likelier: the area against what the object shows on that side, or against its whole surface."""
    area = float(surface.areas[members].sum())
    if part.facing:
        direction = frame.direction(part.facing)
        axis = np.abs(direction)
        a, b = np.delete(surface.extent, int(axis.argmax()))
        return min(1.0, (area / max(0.3 * a * b, 1e-9)) ** 0.7)
    if part.shape == "bar":
        return min(1.0, float(extents(surface.points[members], surface.areas[members])[0][0]) / 0.06)
    return min(1.0, (area / (0.25 * float(surface.areas.sum()))) ** 0.4)


def names_part(node: str, part: PartDescription) -> bool:
    """Whether a node's name contains every word of the part's name or of one of its aliases."""
    found = words_of(node)
    return any((wanted := words_of(name)) and wanted <= found for name in (part.name, *part.aliases))


def _name_fit(segment: Segment, part: PartDescription, named: bool) -> float:
    """The file's own word counts much: 1 where it names the part, .2 where it names another place so, else neutral."""
    if segment.node and names_part(segment.node, part):
        return 1.0
    return 0.2 if named else 0.6
