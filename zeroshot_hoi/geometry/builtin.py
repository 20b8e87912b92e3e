"""Parametric everyday objects, so that a recipe runs without any file: metres, z up, the front at +x.

Each is a union of closed, rounded solids that overlap where they join. Sizes are those of ordinary household
objects; a handle has the 30-34 mm thickness and 40 mm clearance that a power grip needs (ISO 15534-3 gives 32 mm for
fingers between a bar and a wall). The first few come without names, so that their parts are found by geometry alone;
those of many pieces name them, as files from modelers do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zeroshot_hoi.core.errors import MeshError, nearest_name
from zeroshot_hoi.geometry import builtin_furniture as furniture
from zeroshot_hoi.geometry import builtin_kitchen as kitchen
from zeroshot_hoi.geometry import builtin_things as things
from zeroshot_hoi.geometry import builtin_tools as tools
from zeroshot_hoi.geometry.builtin_colors import BLUE, CLOTH, DARK, LIGHT_WOOD, RUBBER, STEEL, WOOD
from zeroshot_hoi.geometry.solids import (
    join,
    loft,
    plate,
    polyline,
    resample,
    round_tube,
    rounded_polygon,
    superellipse,
    tube,
)


def _boat(length: float, width: float, count: int = 72, nose: float = 0.62) -> np.ndarray:
    """A convex outline `(count, 2)` with a round stern at -x that narrows to a tip at +x over `nose` of its length."""
    share = np.concatenate([np.linspace(0, 1, 400) ** 2, 1 - np.linspace(0, 1, 400)[1:] ** 2])
    share = np.sort(share)
    stern = np.clip(share / 0.16, 0, 1)
    bow = np.clip((share - (1 - nose)) / nose, 0, 1)
    half = 0.5 * width * np.sqrt(np.clip(1 - (1 - stern) ** 2.6, 0, 1)) * (1 - bow**2.1) ** 0.8
    right = np.stack([(share - 0.5) * length, -half], -1)
    left = np.stack([(share - 0.5) * length, half], -1)[::-1]
    return resample(np.concatenate([right, left[1:-1]]), count)


def _iron() -> Any:
    outline = _boat(0.25, 0.11)
    sole = plate(outline, 0.0, 0.008, 0.003, STEEL)
    heights = np.array([0.006, 0.010, 0.018, 0.028, 0.038, 0.046, 0.051, 0.054])
    scales = np.array([0.93, 0.955, 0.94, 0.90, 0.83, 0.72, 0.58, 0.36])
    rings = []
    for z, s in zip(heights, scales, strict=True):
        ring = np.column_stack([outline * [0.5 + 0.5 * s, s], np.full(len(outline), z)])
        slope = np.clip((ring[:, 0] - 0.02) / 0.105, 0, 1)
        ring[:, 2] -= 0.42 * slope * (z - heights[0])
        rings.append(ring)
    shell = loft(np.stack(rings), BLUE)
    rail = np.array([[0.082, 0, 0.022], [0.070, 0, 0.113], [-0.092, 0, 0.115], [-0.096, 0, 0.035]])
    section = superellipse(0.031, 0.033, 2.4, 28)
    handle = tube(polyline(rail, 0.022), lambda s: section, DARK, (0, 1, 0))
    return join([sole, shell, handle])


def _ironing_board() -> Any:
    import trimesh

    share = np.linspace(0, 1, 60)
    half = 0.19 * np.where(share > 0.6, 1 - 0.62 * np.clip((share - 0.6) / 0.4, 0, 1) ** 1.7, 1.0)
    half *= np.sqrt(np.clip(1 - np.clip((0.035 - share) / 0.035, 0, 1) ** 3, 0.3, 1))
    right = np.stack([1.2 * (share - 0.5), -half], -1)
    left = np.stack([1.2 * (share - 0.5), half], -1)[::-1]
    top = plate(_soften(resample(np.concatenate([right, left]), 120)), 0.853, 0.88, 0.011, CLOTH, 10)
    scene = trimesh.Scene()
    scene.add_geometry(top, node_name="top", geom_name="top")
    legs = []
    for spread, foot, head in ((0.105, 0.40, -0.36), (0.075, -0.40, 0.30)):
        for side in (-1, 1):
            legs.append(round_tube((head, side * spread, 0.858), (foot, side * spread, 0.016), 0.011, STEEL))
        legs.append(round_tube((foot, -0.21, 0.016), (foot, 0.21, 0.016), 0.011, STEEL))
        legs += [round_tube((foot, s * 0.19, 0.016), (foot, s * 0.222, 0.016), 0.016, RUBBER) for s in (-1, 1)]
        legs.append(round_tube((head, -spread - 0.01, 0.85), (head, spread + 0.01, 0.85), 0.009, STEEL))
    legs.append(round_tube((-0.01, -0.115, 0.459), (-0.01, 0.115, 0.459), 0.007, DARK))
    scene.add_geometry(join(legs), node_name="legs", geom_name="legs")
    return scene


def _soften(outline: np.ndarray, rounds: int = 6) -> np.ndarray:
    """Round the corners of an `outline (N, 2)` by averaging neighbors."""
    for _ in range(rounds):
        outline = 0.5 * outline + 0.25 * (np.roll(outline, 1, axis=0) + np.roll(outline, -1, axis=0))
    return outline


def _chair() -> Any:
    seat_outline = resample(superellipse(0.42, 0.42, 7.0, 400), 96)
    seat_outline[:, 1] *= 1 + 0.10 * seat_outline[:, 0]
    seat = plate(seat_outline, 0.418, 0.45, 0.012, LIGHT_WOOD, 8)
    points = seat.vertices.copy()
    hollow = np.clip(1 - (points[:, 0] / 0.17) ** 2, 0, 1) * np.clip(1 - (points[:, 1] / 0.18) ** 2, 0, 1)
    points[:, 2] -= 0.006 * hollow * (points[:, 2] > 0.44)
    seat.vertices = points
    lean = np.tan(np.radians(9))
    back_outline = resample(superellipse(0.37, 0.30, 6.0, 400), 96)
    panel = plate(back_outline, -0.009, 0.009, 0.007, LIGHT_WOOD, 8)
    across, upward, depth = panel.vertices.T
    height = 0.71 + upward
    panel.vertices = np.stack([-0.196 - lean * (height - 0.45) + 0.9 * across**2 + depth, across, height], axis=-1)
    if panel.volume < 0:
        panel.invert()
    solids = [seat, panel]
    section = superellipse(1.0, 1.0, 3.0, 24)
    for side in (-1, 1):
        front = np.linspace([0.172, side * 0.168, 0.43], [0.185, side * 0.18, 0.0], 16)
        solids.append(tube(front, lambda s: (0.038 - 0.012 * s) * section, WOOD, (1, 0, 0)))
        rear = np.array(
            [[-0.235, side * 0.165, 0.0], [-0.185, side * 0.165, 0.43], [-0.185 - 0.45 * lean, side * 0.165, 0.88]]
        )
        solids.append(
            tube(polyline(rear, 0.08, 0.025), lambda s: (0.026 + 0.024 * s * (1 - s)) * section, WOOD, (1, 0, 0))
        )
        solids.append(round_tube((0.172, side * 0.168, 0.25), (-0.200, side * 0.165, 0.25), 0.010, WOOD))
    solids.append(round_tube((-0.01, -0.167, 0.25), (-0.01, 0.167, 0.25), 0.010, WOOD))
    return join(solids)


def _dumbbell() -> Any:
    hexagon = rounded_polygon(6, 0.112, 0.012)
    solids = []
    for side in (-1, 1):
        at = np.array([0.065, 0.068, 0.076, 0.100, 0.126, 0.134, 0.137])
        scale = np.array([0.62, 0.82, 1.0, 1.0, 1.0, 0.82, 0.62])
        rings = [
            np.column_stack([np.full(len(hexagon), side * x), s * hexagon]) for x, s in zip(at, scale, strict=True)
        ]
        solids.append(loft(np.stack(rings) + [0, 0, 0.056], DARK))
        solids.append(round_tube((side * 0.058, 0, 0.056), (side * 0.070, 0, 0.056), 0.021, STEEL))
    circle = superellipse(2.0, 2.0, count=32)
    path = np.linspace([-0.09, 0, 0.056], [0.09, 0, 0.056], 30)
    bar = tube(path, lambda s: (0.0145 + 0.0007 * np.sin(np.pi * s)) * circle, STEEL, (0, 0, 1))
    return join([bar, *solids])


_MAKERS: dict[str, Callable[[], Any]] = {
    "iron": _iron,
    "ironing board": _ironing_board,
    "chair": _chair,
    "dumbbell": _dumbbell,
    "office chair": furniture.office_chair,
    "sofa": furniture.sofa,
    "exercise ball": furniture.exercise_ball,
    "table": furniture.table,
    "door": furniture.door,
    "wall": furniture.wall,
    "broom": tools.broom,
    "shovel": tools.shovel,
    "heap": tools.heap,
    "hammer": tools.hammer,
    "plasterers float": tools.plasterers_float,
    "lawn mower": tools.lawn_mower,
    "mug": kitchen.mug,
    "teapot": kitchen.teapot,
    "frying pan": kitchen.frying_pan,
    "bottle": kitchen.bottle,
    "toothbrush": kitchen.toothbrush,
    "guitar": things.guitar,
    "keyboard": things.keyboard,
    "book": things.book,
    "binoculars": things.binoculars,
    "cardboard box": things.cardboard_box,
    "bag": things.bag,
    "skateboard": things.skateboard,
    "bicycle": things.bicycle,
    "ball": things.throwing_ball,
}

BUILTINS: tuple[str, ...] = tuple(_MAKERS)
"""Names that `builtin_mesh` knows."""


def builtin_mesh(name: str) -> Any:
    """A `trimesh.Trimesh` or `trimesh.Scene` in metres, z up, standing on z = 0, its front at +x."""
    if name not in _MAKERS:
        raise MeshError(f"There is no built-in mesh '{name}'. {nearest_name(name, BUILTINS)} Or give a mesh file.")
    mesh = _MAKERS[name]()
    mesh.apply_translation([0.0, 0.0, -mesh.bounds[0][2]])
    return mesh
