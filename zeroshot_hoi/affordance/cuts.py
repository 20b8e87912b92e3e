"""Candidates cut from a surface that hangs together: slices along an axis, what sticks out of a round body, panels.

Each is a way in which one piece of mesh falls into parts. A tool changes its cross-section along its length; a vessel
is a solid of revolution and its handle and spout are what is not; a box is panels of two sides each.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from zeroshot_hoi.affordance.surface import Surface, connected

LEAST = 12
BINS = 72
JUMP = 0.22
"""A cross-section changes where the logarithm of its extents jumps by this much, both together."""
MOST_CUTS = 7
ROUND = 0.10
"""A slice is round when its outline's radius varies by less than this share over most directions."""
STICKS_OUT = 1.07
"""Share of the round body's radius beyond which a sample belongs to something attached."""
PANEL = np.cos(np.radians(25.0))
DIRECTIONS = 4
"""Directions of flat pieces that are looked for."""
SEEDS = 200
"""Normals that are tried as the next direction."""


def slices(surface: Surface, members: np.ndarray) -> list[np.ndarray]:
    """Stretches along x, y and z between jumps of the cross-section of `members`, whole and in pieces."""
    points = surface.points[members]
    extent = np.ptp(points, axis=0)
    found: list[np.ndarray] = []
    for axis in np.flatnonzero(extent > 0.25 * extent.max()):
        cuts = _profile_cuts(points, int(axis))
        along = points[:, axis]
        bounds = [-np.inf, *cuts, np.inf]
        for i in range(len(bounds) - 1):
            for j in range(i + 1, len(bounds)):
                if j - i == len(bounds) - 1:
                    continue
                inside = members[(along >= bounds[i]) & (along < bounds[j])]
                if len(inside) < LEAST:
                    continue
                found.append(inside)
                if j == i + 1 or i == 0 or j == len(bounds) - 1:
                    mask = np.zeros(len(surface.points), bool)
                    mask[inside] = True
                    pieces = [p for p in connected(surface, mask) if len(p) >= LEAST]
                    found += pieces if 1 < len(pieces) <= 16 else []
    return found


def _profile_cuts(points: np.ndarray, axis: int) -> list[float]:
    """Positions along `axis` where the extents of the cross-section jump, strongest first, then in order."""
    along = points[:, axis]
    low, high = along.min(), along.max()
    others = np.delete(points, axis, axis=1)
    step = (high - low) / BINS
    which = np.clip(((along - low) / max(step, 1e-12)).astype(int), 0, BINS - 1)
    order = np.argsort(which, kind="stable")
    starts = np.searchsorted(which[order], np.arange(BINS + 1))
    size = np.zeros((BINS, 2))
    for k in range(BINS):
        inside = others[order[starts[k] : starts[k + 1]]]
        if len(inside) > 2:
            size[k] = np.ptp(inside, axis=0)
    filled = size.max(axis=1) > 0
    if filled.sum() < 8:
        return []
    index = np.arange(BINS)
    size = np.stack([np.interp(index, index[filled], size[filled, i]) for i in range(2)], -1)
    level = np.log(np.maximum(size, 0.01 * float(np.ptp(points, axis=0).max())))
    jump = np.zeros(BINS + 1)
    for k in range(2, BINS - 1):
        before, after = level[max(0, k - 4) : k], level[k : k + 4]
        jump[k] = np.abs(np.median(before, axis=0) - np.median(after, axis=0)).sum()
    cuts: list[int] = []
    for k in np.argsort(-jump, kind="stable"):
        if jump[k] < JUMP or len(cuts) == MOST_CUTS:
            break
        if all(abs(k - other) > 4 for other in cuts):
            cuts.append(int(k))
    return [float(low + k * step) for k in sorted(_sharpen(level, cuts))]


def _sharpen(level: np.ndarray, cuts: list[int]) -> list[int]:
    """Each cut moved by up to three bins to where neighboring bins differ most."""
    step = np.abs(np.diff(level, axis=0)).sum(axis=1)
    return [max(range(max(1, k - 3), min(len(level), k + 4)), key=lambda i: step[i - 1]) for k in cuts]


def revolution(surface: Surface, members: np.ndarray) -> tuple[list[np.ndarray], np.ndarray | None]:
    """(what sticks out of a body that is round about a vertical axis, the body); nothing where it is not round."""
    points = surface.points[members]
    center = _round_center(points, surface.spacing)
    if center is None:
        return [], None
    flat = points[:, :2] - center
    radius, angle = np.linalg.norm(flat, axis=1), np.arctan2(flat[:, 1], flat[:, 0])
    outline, _ = _outline(points[:, 2], radius, angle)
    low, step = points[:, 2].min(), np.ptp(points[:, 2]) / len(outline)
    at = np.interp((points[:, 2] - low) / max(step, 1e-12) - 0.5, np.arange(len(outline)), outline)
    outside = radius > STICKS_OUT * at + surface.spacing * 0.6
    mask = np.zeros(len(surface.points), bool)
    mask[members[outside]] = True
    pieces = [p for p in connected(surface, mask, _links(surface)) if len(p) >= LEAST]
    if not pieces:
        return [], None
    return pieces, members[~outside]


def _links(surface: Surface) -> np.ndarray:
    return KDTree(surface.points).query_pairs(2.0 * surface.spacing, output_type="ndarray")


def _outline(z: np.ndarray, radius: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, float]:
    """Radius of the outline at each of 24 heights, and the share of heights and directions that agree with it."""
    heights, directions = 24, 36
    row = np.clip(((z - z.min()) / max(float(np.ptp(z)), 1e-12) * heights).astype(int), 0, heights - 1)
    column = np.clip(((angle + np.pi) / (2 * np.pi) * directions).astype(int), 0, directions - 1)
    reach = np.zeros((heights, directions))
    np.maximum.at(reach, (row, column), radius)
    seen = reach > 0
    outline = np.array(
        [np.median(r[s]) if s.sum() > directions // 2 else np.nan for r, s in zip(reach, seen, strict=True)]
    )
    good = np.isfinite(outline)
    if good.sum() < heights // 3:
        return np.zeros(heights), 0.0
    outline = np.interp(np.arange(heights), np.flatnonzero(good), outline[good])
    agree = np.abs(reach - outline[:, None]) < ROUND * outline[:, None]
    return outline, float((agree & seen).sum(axis=1)[good].mean() / directions * good.mean())


def _round_center(points: np.ndarray, spacing: float) -> np.ndarray | None:
    """Center (2,) of the vertical axis about which most of the outline is round."""
    best, center = 0.0, None
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    start = np.median(points[:, :2], axis=0)
    for guess in (start, 0.5 * (low + high), points[:, :2].mean(axis=0)):
        at = guess
        for _ in range(6):
            at = _circle_center(points[:, :2], at)
        flat = points[:, :2] - at
        _, share = _outline(points[:, 2], np.linalg.norm(flat, axis=1), np.arctan2(flat[:, 1], flat[:, 0]))
        if share > best:
            best, center = share, at
    return center if best > 0.6 else None


def _circle_center(flat: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """One step toward the center of the circle through the median outline: opposite directions reach equally far."""
    offset = flat - guess
    angle = np.arctan2(offset[:, 1], offset[:, 0])
    column = np.clip(((angle + np.pi) / (2 * np.pi) * 36).astype(int), 0, 35)
    reach = np.zeros(36)
    np.maximum.at(reach, column, np.linalg.norm(offset, axis=1))
    typical = np.median(reach)
    kept = np.minimum(reach, 1.3 * typical)
    middle = (np.arange(36) + 0.5) / 36 * 2 * np.pi - np.pi
    rays = np.stack([np.cos(middle), np.sin(middle)], -1)
    usable = reach < 1.3 * typical
    normal = rays[usable]
    shift, *_ = np.linalg.lstsq(np.column_stack([normal, np.ones(len(normal))]), kept[usable], rcond=None)
    return guess + shift[:2]


def panels(surface: Surface, members: np.ndarray) -> list[np.ndarray]:
    """Flat pieces with both their sides: grown over near samples with parallel normals, either way."""
    mask = np.zeros(len(surface.points), bool)
    mask[members] = surface.sheet[members] > 0.3
    if mask.sum() < LEAST:
        return []
    own = np.repeat(np.arange(len(mask)), surface.neighbors.shape[1])
    beside = np.stack([own, surface.neighbors.ravel()], -1)
    inside = np.flatnonzero(mask)
    pairs = np.concatenate([beside, inside[_through(surface, inside)]])
    pairs = pairs[mask[pairs].all(axis=1)]
    parallel = np.abs(np.einsum("ni,ni->n", surface.normals[pairs[:, 0]], surface.normals[pairs[:, 1]])) > PANEL
    pairs = pairs[parallel]
    graph = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(mask),) * 2)
    _, label = connected_components(graph, directed=False)
    order = inside[np.argsort(label[inside], kind="stable")]
    pieces = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return [piece for piece in pieces if len(piece) >= 3 * LEAST]


def flats(surface: Surface, members: np.ndarray) -> list[np.ndarray]:
    """Flat pieces of one direction each, both sides of a thin wall together; rounded edges don't join them."""
    normals = surface.normals[members]
    left = np.ones(len(members), bool)
    found = []
    for _ in range(DIRECTIONS):
        seeds = normals[left][:: max(1, int(left.sum()) // SEEDS)]
        if left.sum() < 3 * LEAST:
            break
        aligned = np.abs(normals @ seeds.T) > PANEL
        best = aligned[:, (surface.areas[members] * left @ aligned).argmax()]
        mask = np.zeros(len(surface.points), bool)
        mask[members[best]] = True
        found += [piece for piece in connected(surface, mask, _both_sides(surface, mask)) if len(piece) >= 3 * LEAST]
        left &= ~best
    return found


def _both_sides(surface: Surface, mask: np.ndarray) -> np.ndarray:
    """(P, 2) neighbors within `mask`, and what lies on the two sides of a thin wall there."""
    inside = np.flatnonzero(mask)
    near = surface.neighbors[inside]
    beside = np.stack([np.repeat(inside, near.shape[1]), near.ravel()], -1)
    return np.concatenate([beside, inside[_through(surface, inside)]])


def _through(surface: Surface, inside: np.ndarray) -> np.ndarray:
    return KDTree(surface.medial[inside]).query_pairs(0.8 * surface.spacing, output_type="ndarray")


def bands(surface: Surface, members: np.ndarray) -> list[np.ndarray]:
    """The topmost ring of `members`, in three heights."""
    height = surface.points[members, 2]
    top, tall = height.max(), np.ptp(height)
    found = []
    for share in (0.03, 0.06, 0.1):
        inside = members[height > top - max(share * tall, 0.7 * surface.spacing)]
        if len(inside) >= LEAST:
            found.append(inside)
    return found


def filled(surface: Surface, piece: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`piece` with the small islands of `whole` that it cuts off: a sliver that another label took from a bar."""
    rest = np.zeros(len(surface.points), bool)
    rest[whole] = True
    rest[piece] = False
    islands = connected(surface, rest)
    area = surface.areas[piece].sum()
    own = np.zeros(len(surface.points), bool)
    own[piece] = True
    taken = [
        island
        for island in islands[1:]
        if surface.areas[island].sum() < 0.35 * area and own[surface.neighbors[island]].any()
    ]
    return np.concatenate([piece, *taken]) if taken else piece
