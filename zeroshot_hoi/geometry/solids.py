"""Closed solids with rounded edges: lofts between rings, plates from an outline, tubes along a path.

Every function returns one watertight `trimesh.Trimesh` with outward normals, metres.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Color = tuple[int, int, int]


def loft(rings: np.ndarray, color: Color) -> Any:
    """Join closed `rings (S, N, 3)` of equal count by quads and close both ends around their centroids."""
    import trimesh
    from trimesh.visual import ColorVisuals

    count, size = rings.shape[:2]
    ring = np.arange(size)
    after = (ring + 1) % size
    start = (np.arange(count - 1) * size)[:, None]
    a, b, c, d = start + ring, start + after, start + size + after, start + size + ring
    sides = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    foot, head = count * size, count * size + 1
    last = (count - 1) * size
    foot_faces = np.stack([np.full(size, foot), after, ring], -1)
    head_faces = np.stack([np.full(size, head), last + ring, last + after], -1)
    vertices = np.concatenate([rings.reshape(-1, 3), rings[[0, -1]].mean(axis=1)])
    mesh = trimesh.Trimesh(vertices, np.concatenate([sides, foot_faces, head_faces]), process=False)
    if mesh.volume < 0:
        mesh.invert()
    mesh.visual = ColorVisuals(mesh, face_colors=np.tile([*color, 255], (len(mesh.faces), 1)))
    return mesh


def superellipse(width: float, height: float, exponent: float = 2.0, count: int = 32) -> np.ndarray:
    """Points `(count, 2)` of |2x/width|^e + |2y/height|^e = 1; 2 is an ellipse, 4 and up a rounded rectangle."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    cosine, sine = np.cos(angle), np.sin(angle)
    power = 2.0 / exponent
    return np.stack(
        [0.5 * width * np.sign(cosine) * np.abs(cosine) ** power, 0.5 * height * np.sign(sine) * np.abs(sine) ** power],
        axis=-1,
    )


def rounded_polygon(sides: int, across_flats: float, radius: float, per_corner: int = 5) -> np.ndarray:
    """Points `(sides per_corner, 2)` of a regular polygon with rounded corners, one flat downward."""
    inner = 0.5 * across_flats - radius
    points = []
    for k in range(sides):
        corner = -0.5 * np.pi + (k + 0.5) * 2 * np.pi / sides
        center = inner / np.cos(np.pi / sides) * np.array([np.cos(corner), np.sin(corner)])
        turn = corner + np.linspace(-np.pi / sides, np.pi / sides, per_corner)
        points.append(center + radius * np.stack([np.cos(turn), np.sin(turn)], -1))
    return np.concatenate(points)


def resample(outline: np.ndarray, count: int) -> np.ndarray:
    """`count` points at equal steps along the closed `outline (N, 2)`."""
    closed = np.concatenate([outline, outline[:1]])
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    steps = np.linspace(0, length[-1], count, endpoint=False)
    return np.stack([np.interp(steps, length, closed[:, i]) for i in range(2)], -1)


def inset(outline: np.ndarray, distance: float) -> np.ndarray:
    """Move a convex counterclockwise `outline (N, 2)` inward along its normals by `distance` metres."""
    tangent = np.roll(outline, -1, axis=0) - np.roll(outline, 1, axis=0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], -1) / np.linalg.norm(tangent, axis=1, keepdims=True)
    return outline - distance * normal


def plate(outline: np.ndarray, low: float, high: float, radius: float, color: Color, cap_rings: int = 6) -> Any:
    """A slab between heights `low` and `high` over a convex `outline (N, 2)`, its edges rounded by `radius`.

    The caps carry `cap_rings` inner rings, so that the slab can be bent afterwards.
    """
    center = outline.mean(axis=0)
    turns = np.linspace(0, 0.5 * np.pi, 5)
    edge = [(radius * (1 - np.sin(t)), low + radius * (1 - np.cos(t))) for t in turns]
    edge += [(d, high + low - z) for d, z in reversed(edge)]
    rim = [np.column_stack([inset(outline, d), np.full(len(outline), z)]) for d, z in edge]
    shares = np.linspace(0, 1, cap_rings + 1, endpoint=False)[1:]
    scaled = [center + s * (inset(outline, radius) - center) for s in shares]
    caps = [[np.column_stack([ring, np.full(len(ring), z)]) for ring in scaled] for z in (low, high)]
    return loft(np.stack([*caps[0], *rim, *reversed(caps[1])]), color)


def tube(path: np.ndarray, profile: Callable[[float], np.ndarray], color: Color, up: Sequence[float]) -> Any:
    """Sweep `profile(share of length) -> (N, 2)` along `path (S, 3)`; its second axis leans toward `up`.

    The ends are rounded: two extra rings shrink into the last profile.
    """
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(np.asarray(up, float), tangent)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    above = np.cross(tangent, side)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    length /= length[-1]
    rings = []
    for i in range(len(path)):
        section = profile(float(length[i]))
        ring = section[:, :1] * side[i] + section[:, 1:] * above[i]
        shrink, shift = [(1.0, 0.0)], 0.0
        if i in (0, len(path) - 1):
            shift = 0.25 * float(np.abs(section).max())
            shrink = [(0.75, 1.0), (0.93, 0.3), (1.0, -0.5)]
        sign = -1.0 if i == 0 else 1.0
        steps = shrink if i == 0 else shrink[::-1]
        rings += [path[i] + s * ring + sign * (o - 1.0) * shift * tangent[i] * (len(steps) > 1) for s, o in steps]
    return loft(np.stack(rings), color)


def round_tube(
    start: Sequence[float], end: Sequence[float], radius: float, color: Color, taper: float = 1.0, count: int = 20
) -> Any:
    """A straight round bar from `start` to `end` with `count` sides, whose end radius is `taper` times `radius`."""
    first, last = np.asarray(start, float), np.asarray(end, float)
    axis = (last - first) / np.linalg.norm(last - first)
    up = np.eye(3)[int(np.argmin(np.abs(axis)))]
    steps = max(4, int(np.linalg.norm(last - first) / 0.03))
    path = first + np.linspace(0, 1, steps)[:, None] * (last - first)
    circle = superellipse(2.0, 2.0, count=count)
    return tube(path, lambda s: radius * (1 + (taper - 1) * s) * circle, color, up)


def polyline(points: np.ndarray, bend: float, step: float = 0.01) -> np.ndarray:
    """A path `(S, 3)` along `points (N, 3)` with corners rounded by circular-looking quadratic arcs of size `bend`."""
    pieces = [points[:1]]
    for before, corner, after in zip(points[:-2], points[1:-1], points[2:], strict=True):
        into = corner + bend * (before - corner) / np.linalg.norm(before - corner)
        out = corner + bend * (after - corner) / np.linalg.norm(after - corner)
        t = np.linspace(0, 1, 9)[:, None]
        pieces.append((1 - t) ** 2 * into + 2 * t * (1 - t) * corner + t**2 * out)
    pieces.append(points[-1:])
    path = np.concatenate(pieces)
    dense = [path[:1]]
    for a, b in itertools.pairwise(path):
        count = max(1, int(np.ceil(np.linalg.norm(b - a) / step)))
        dense.append(a + np.linspace(0, 1, count + 1)[1:, None] * (b - a))
    return np.concatenate(dense)


def block(low: Sequence[float], high: Sequence[float], radius: float, color: Color, corners: float = 0.0) -> Any:
    """A box between two corner points; its lying edges are rounded by `radius`, its standing ones by `corners`."""
    first, last = np.asarray(low, float), np.asarray(high, float)
    middle, half = 0.5 * (first + last)[:2], 0.5 * (last - first)[:2]
    round_off = min(max(corners, 1.3 * radius, 1e-4), 0.98 * float(half.min()))
    turn = np.linspace(0.0, 0.5 * np.pi, 5)
    outline = []
    for k, (sx, sy) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        center = (half - round_off) * [sx, sy]
        angle = turn + 0.5 * np.pi * k
        outline.append(center + round_off * np.stack([np.cos(angle), np.sin(angle)], -1))
    ring = _filled(middle + np.concatenate(outline), 0.12)
    return plate(ring, first[2], last[2], radius, color, 3)


def _filled(outline: np.ndarray, step: float) -> np.ndarray:
    """The closed `outline (N, 2)` with points added where neighbors are more than `step` apart."""
    pieces = []
    for a, b in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        count = max(1, int(np.ceil(np.linalg.norm(b - a) / step)))
        pieces.append(a + np.linspace(0.0, 1.0, count, endpoint=False)[:, None] * (b - a))
    return np.concatenate(pieces)


def lathe(profile: np.ndarray, color: Color, count: int = 40, squash: float = 1.0) -> Any:
    """Turn `profile (S, 2)` of radius and height about the z axis; `squash` scales the y direction.

    A profile that goes up outside and down inside makes a vessel.
    """
    circle = superellipse(2.0, 2.0, count=count) * [1.0, squash]
    rings = [np.column_stack([radius * circle, np.full(count, height)]) for radius, height in profile]
    return loft(np.stack(rings), color)


def ball(center: Sequence[float], radius: float, colors: Sequence[Color]) -> Any:
    """A sphere in `colors` by bands of equal width from its south pole up."""
    from trimesh.visual import ColorVisuals

    rows = 4 * len(colors) * max(1, round(8 / len(colors)))
    angle = np.linspace(0.0, np.pi, rows + 1)[1:-1]
    mesh = lathe(radius * np.column_stack([np.sin(angle), -np.cos(angle)]), colors[0], 48)
    polar = np.arccos(np.clip(-mesh.triangles_center[:, 2] / radius, -1.0, 1.0))
    band = np.clip((polar / np.pi * len(colors)).astype(int), 0, len(colors) - 1)
    mesh.visual = ColorVisuals(mesh, face_colors=np.column_stack([np.array(colors)[band], np.full(len(band), 255)]))
    mesh.apply_translation(np.asarray(center, float))
    return mesh


def smooth_profile(profile: np.ndarray, count: int) -> np.ndarray:
    """(count, 2) points of a smooth curve through `profile (S, 2)`, without overshoot."""
    from scipy.interpolate import PchipInterpolator

    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(profile, axis=0), axis=1))])
    return PchipInterpolator(length, profile)(np.linspace(0.0, length[-1], count))


def hoop(center: Sequence[float], radius: float, thickness: float, color: Color) -> Any:
    """A torus of tube radius `thickness` about an axis along y."""
    import trimesh
    from trimesh.visual import ColorVisuals

    mesh = trimesh.creation.torus(radius, thickness, major_sections=48, minor_sections=12)
    mesh.apply_transform(trimesh.transformations.rotation_matrix(0.5 * np.pi, [1.0, 0.0, 0.0]))
    mesh.apply_translation(np.asarray(center, float))
    mesh.visual = ColorVisuals(mesh, face_colors=np.tile([*color, 255], (len(mesh.faces), 1)))
    return mesh


def standing(mesh: Any) -> Any:
    """The mesh with x turned to y, y to z and z to x: a plate that lies becomes one that stands and faces x."""
    turn = np.zeros((4, 4))
    turn[0, 2] = turn[1, 0] = turn[2, 1] = turn[3, 3] = 1.0
    mesh.apply_transform(turn)
    return mesh


def join(solids: Sequence[Any]) -> Any:
    """One mesh of several solids."""
    import trimesh

    return trimesh.util.concatenate(list(solids))


def named(**parts: Any) -> Any:
    """A `trimesh.Scene` with one node for each part (`_` in a name becomes a space): a solid or a list of solids."""
    import trimesh

    scene = trimesh.Scene()
    for name, part in parts.items():
        mesh = join(part) if isinstance(part, list) else part
        scene.add_geometry(mesh, node_name=name.replace("_", " "), geom_name=name.replace("_", " "))
    return scene
