"""Candidates for a part: pieces of the surface that hang together and look alike.

Nothing here knows what is looked for. Three families overlap on purpose, and scoring chooses among them: what the file
itself separates (named nodes, components), pieces of one local shape, thickness and direction, and patches that
face one way and are in sight from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.affordance.surface import Surface, connected, exposed

LEAST = 12
"""Samples in the smallest piece worth a look."""
SAME_DIRECTION = (20.0, 33.0)
"""Degrees: a straight run ends where the bar turns away by more; both are tried, since an arch bends slowly."""
SAME_THICKNESS = 1.45
"""A piece goes on while its thickness stays within this factor of its own mode."""
FACING = np.cos(np.radians(52.0))
"""A patch faces a direction while its normals stay within this angle of it."""


@dataclass(frozen=True)
class Segment:
    """A candidate."""

    members: np.ndarray
    """Indices of samples."""
    source: str
    """`node`, `component`, `shape`, `run` (a straight stretch) or `patch`."""
    node: str = ""
    """Name of the file's node where all its faces come from one."""


def solid_segments(surface: Surface, nodes: tuple[str, ...], large: list[np.ndarray]) -> list[Segment]:
    """Candidates that go all around: nodes, components, and of the `large` ones pieces of one shape and thickness and
    straight runs of a bar."""
    free = ~surface.buried
    names = np.asarray(nodes, dtype=str)[surface.faces]
    segments = _groups(surface, names, free)
    labels = np.where(surface.linear > 0.5, 0, np.where(surface.sheet > surface.compact, 1, 2))
    labels = _majority(surface, labels)
    for members in large:
        inside = np.zeros(len(labels), bool)
        inside[members] = True
        for kind in range(3):
            for piece in connected(surface, inside & (labels == kind)):
                if len(piece) < LEAST:
                    break
                segments.append(with_node(piece, "shape", names))
                segments += [with_node(p, "shape", names) for p in _by_thickness(surface, piece)]
                if kind == 0:
                    segments += [with_node(p, "run", names) for p in _runs(surface, piece)]
    return distinct(segments)


def near_pairs(surface: Surface) -> np.ndarray:
    """(P, 2) samples that are close in space, whatever their components."""
    return KDTree(surface.points).query_pairs(2.5 * surface.spacing, output_type="ndarray")


def facing_segments(
    surface: Surface, nodes: tuple[str, ...], direction: np.ndarray, pairs: np.ndarray
) -> list[Segment]:
    """Patches whose normals point along the unit `direction (3,)` and that are in sight from there.

    Neighboring patches of several components at one depth (the cushions of a sofa) also come as one,
    found over `pairs` from `near_pairs`.
    """
    names = np.asarray(nodes, dtype=str)[surface.faces]
    mask = ~surface.buried & (surface.normals @ direction > FACING) & exposed(surface, direction)
    if mask.sum() < LEAST:
        return []
    segments = [with_node(p, "patch", names) for p in connected(surface, mask) if len(p) >= LEAST]
    depth = surface.points @ direction
    pairs = pairs[mask[pairs[:, 0]] & mask[pairs[:, 1]]]
    step = np.abs(depth[pairs[:, 0]] - depth[pairs[:, 1]])
    together = pairs[step < 1.5 * surface.spacing + 0.004]
    segments += [with_node(p, "patch", names) for p in connected(surface, mask, together) if len(p) >= LEAST]
    segments += [with_node(union, "patch", names) for union in _coplanar(surface, segments[:12], depth)]
    return distinct(segments)


def _coplanar(surface: Surface, patches: list[Segment], depth: np.ndarray) -> list[np.ndarray]:
    """Unions of patches of like area at one depth, side by side."""
    unions = []
    area = np.array([surface.areas[s.members].sum() for s in patches])
    level = np.array([np.average(depth[s.members], weights=surface.areas[s.members]) for s in patches])
    low = np.array([surface.points[s.members].min(axis=0) for s in patches])
    high = np.array([surface.points[s.members].max(axis=0) for s in patches])
    for i in range(len(patches)):
        gap = np.maximum(np.maximum(low - high[i], low[i] - high), 0.0).max(axis=1)
        near = gap < 0.3 * np.ptp(surface.points[patches[i].members], axis=0).max()
        like = (area > 0.3 * area[i]) & (area < 3.0 * area[i]) & (np.abs(level - level[i]) < 0.03 * surface.diagonal)
        if (near & like).sum() > 1:
            unions.append(np.unique(np.concatenate([patches[j].members for j in np.flatnonzero(near & like)])))
    return unions


def words_of(name: str) -> set[str]:
    """Lower-case words of a node's name: `door_handle_01` and `doorHandle01` both give door and handle."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return {word for word in re.split(r"[^a-z]+", spaced.lower()) if word}


def _groups(surface: Surface, names: np.ndarray, free: np.ndarray) -> list[Segment]:
    segments = []
    kinds = np.unique(names)
    if len(kinds) > 1:
        for name in kinds:
            members = np.flatnonzero(free & (names == name))
            if len(members) >= LEAST:
                segments.append(Segment(members, "node", str(name)))
    for component in np.unique(surface.components):
        members = np.flatnonzero(free & (surface.components == component))
        if len(members) >= LEAST:
            segments.append(with_node(members, "component", names))
    return segments


def with_node(members: np.ndarray, source: str, names: np.ndarray) -> Segment:
    own = names[members]
    return Segment(members, source, str(own[0]) if (own == own[0]).all() else "")


def _majority(surface: Surface, labels: np.ndarray) -> np.ndarray:
    for _ in range(4):
        votes = np.stack([(labels[surface.neighbors] == k).sum(axis=1) + 1.5 * (labels == k) for k in range(3)], -1)
        labels = votes.argmax(axis=1)
    return labels


def _by_thickness(surface: Surface, piece: np.ndarray) -> list[np.ndarray]:
    """Split `piece` at jumps of thickness, mode by mode."""
    level = np.log(surface.thickness[piece]) / np.log(SAME_THICKNESS)
    if np.ptp(level) < 1.0:
        return []
    return _by_mode(surface, piece, lambda rest: np.abs(level[rest] - _mode(level[rest])) < 0.75)


def _runs(surface: Surface, piece: np.ndarray) -> list[np.ndarray]:
    """Straight runs of a bent bar: along the whole bar's own axis (the crown of an arch), then mode by mode."""
    direction = surface.direction[piece]
    offset = surface.points[piece] - surface.points[piece].mean(axis=0)
    main = np.linalg.svd(offset, full_matrices=False)[2][0]
    runs = []
    for limit in np.cos(np.radians(SAME_DIRECTION)):

        def pick(rest: np.ndarray, limit: float = float(limit)) -> np.ndarray:
            sample = direction[rest[:: max(1, len(rest) // 300)]]
            aligned = np.abs(direction[rest] @ sample.T) > limit
            return aligned[:, aligned.sum(axis=0).argmax()]

        runs += _by_mode(surface, piece, pick)
        mask = np.zeros(len(surface.points), bool)
        mask[piece[np.abs(direction @ main) > limit]] = True
        runs += [run for run in connected(surface, mask) if len(run) >= LEAST]
    return [run for run in runs if len(run) < 0.97 * len(piece)]


def _by_mode(surface: Surface, piece: np.ndarray, pick: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
    rest = np.arange(len(piece))
    found = []
    for _ in range(4):
        if len(rest) < LEAST:
            break
        chosen = pick(rest)
        mask = np.zeros(len(surface.points), bool)
        mask[piece[rest[chosen]]] = True
        found += [p for p in connected(surface, mask) if len(p) >= LEAST]
        rest = rest[~chosen]
    return found


def _mode(values: np.ndarray) -> float:
    """The densest value."""
    ordered = np.sort(values)
    width = max(1, len(ordered) // 3)
    span = ordered[width:] - ordered[:-width]
    start = int(span.argmin()) if len(span) else 0
    return float(np.mean(ordered[start : start + width]))


def distinct(segments: list[Segment]) -> list[Segment]:
    seen: set[tuple[str, bytes]] = set()
    kept = []
    for segment in segments:
        key = (segment.node, np.sort(segment.members).tobytes())
        if key not in seen:
            seen.add(key)
            kept.append(segment)
    return kept
