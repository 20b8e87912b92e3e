"""Candidates made of whole components: one with what lies inside it, clumps, chains of bars, rows of like pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from zeroshot_hoi.affordance.surface import Surface

LEAST = 12
"""Samples of the smallest component that counts."""
LIKE = 0.15
"""Components are alike when their sorted extents differ by less than this share of the longest."""
ROW = 6
"""Pieces side by side from which they count as a row (keys, slats)."""


@dataclass(frozen=True)
class Components:
    """The object's components that are large enough, and how they lie to each other."""

    ids: np.ndarray
    """(C,)"""
    members: list[np.ndarray]
    area: np.ndarray
    """(C,) m^2"""
    low: np.ndarray
    """(C, 3)"""
    high: np.ndarray
    """(C, 3)"""
    touching: np.ndarray
    """(C, C) bool: some samples are close."""

    @property
    def size(self) -> np.ndarray:
        return self.high - self.low


def list_components(surface: Surface, pairs: np.ndarray) -> Components:
    """Components with at least LEAST free samples; `pairs (P, 2)` are samples close in space."""
    free = ~surface.buried
    order = np.argsort(surface.components, kind="stable")
    order = order[free[order]]
    owner = surface.components[order]
    cuts = np.flatnonzero(np.diff(owner)) + 1
    pieces = [piece for piece in np.split(order, cuts) if len(piece) >= LEAST]
    ids = np.array([surface.components[piece[0]] for piece in pieces], int)
    index = np.full(int(surface.components.max()) + 1, -1)
    index[ids] = np.arange(len(ids))
    ends = index[surface.components[pairs]]
    ends = ends[(ends >= 0).all(axis=1) & (ends[:, 0] != ends[:, 1])]
    touching = np.zeros((len(ids), len(ids)), bool)
    touching[ends[:, 0], ends[:, 1]] = touching[ends[:, 1], ends[:, 0]] = True
    return Components(
        ids=ids, members=pieces,
        area=np.array([surface.areas[p].sum() for p in pieces]),
        low=np.array([surface.points[p].min(axis=0) for p in pieces]),
        high=np.array([surface.points[p].max(axis=0) for p in pieces]), touching=touching,
    )  # fmt: skip


def component_groups(surface: Surface, found: Components) -> list[tuple[str, np.ndarray]]:
    """(source, sample indices) of every group of two or more components."""
    if len(found.ids) < 2:
        return []
    groups = [("absorbed", g) for g in _absorbed(found)]
    groups += [("clump", g) for g in _clumps(surface, found)]
    groups += [("chain", g) for g in _chains(surface, found)]
    groups += [("row", g) for g in _rows(surface, found)]
    groups += [("alike", g) for g in _alike(found)]
    seen: dict[bytes, tuple[str, np.ndarray]] = {}
    for source, chosen in groups:
        if len(chosen) > 1:
            seen.setdefault(np.sort(chosen).tobytes(), (source, chosen))
    return [(s, np.concatenate([found.members[i] for i in g])) for s, g in seen.values()]


def _absorbed(found: Components) -> list[np.ndarray]:
    """Each component with the smaller ones inside its bounding box: a tire with rim and spokes."""
    groups = []
    for i in np.argsort(-found.area)[:40]:
        slack = 0.04 * np.linalg.norm(found.size[i]) + 0.15 * found.size[i].min()
        inside = (found.low >= found.low[i] - slack).all(axis=1) & (found.high <= found.high[i] + slack).all(axis=1)
        inside &= found.area < found.area[i]
        inside[i] = True
        groups.append(np.flatnonzero(inside))
    return groups


def _pieces(links: np.ndarray) -> list[np.ndarray]:
    _, label = connected_components(coo_matrix(links), directed=False)
    return [np.flatnonzero(label == k) for k in np.unique(label)]


def _clumps(surface: Surface, found: Components) -> list[np.ndarray]:
    """Touching components, leaving the large ones out, at two sizes: a castor, a pair of levers with their plates."""
    groups = []
    for limit in (0.2, 0.45):
        small = np.linalg.norm(found.size, axis=1) < limit * surface.diagonal
        groups += _pieces(found.touching & small[:, None] & small[None])
    return groups


def _chains(surface: Surface, found: Components) -> list[np.ndarray]:
    """Touching bars of like thickness: a handlebar made of tubes."""
    linear = np.array([np.average(surface.linear[m], weights=surface.areas[m]) for m in found.members])
    thickness = np.array([np.median(surface.thickness[m]) for m in found.members])
    ratio = np.maximum(thickness[:, None], thickness) / np.maximum(np.minimum(thickness[:, None], thickness), 1e-9)
    bars = linear > 0.4
    links = found.touching & bars[:, None] & bars[None] & (ratio < 1.7)
    return _pieces(links)


def _rows(surface: Surface, found: Components) -> list[np.ndarray]:
    """Many small pieces with gaps below their own size, of like height: keys."""
    size = np.linalg.norm(found.size, axis=1)
    small = (found.area < 0.06 * surface.areas.sum()) & (size < 0.35 * surface.diagonal)
    if small.sum() < ROW:
        return []
    typical = float(np.median(size[small]))
    gap = np.maximum(np.maximum(found.low[:, None] - found.high[None], found.low[None] - found.high[:, None]), 0.0)
    near = np.linalg.norm(gap, axis=2) < 0.6 * typical
    level = found.size.min(axis=1)
    similar = np.maximum(level[:, None], level) < 2.5 * np.minimum(level[:, None], level) + 1e-4
    return [g for g in _pieces(near & similar & small[:, None] & small[None]) if len(g) >= ROW]


def _alike(found: Components) -> list[np.ndarray]:
    """Three or more components of one size: strings, spokes, slats."""
    size = np.sort(found.size, axis=1)[:, ::-1]
    close = (np.abs(size[:, None] - size[None]) < LIKE * np.minimum(size[:, None, :1], size[None, :, :1])).all(axis=2)
    return [g for g in _pieces(np.asarray(close)) if len(g) >= 3]
