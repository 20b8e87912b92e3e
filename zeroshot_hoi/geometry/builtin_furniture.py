"""Built-in furniture and parts of rooms: metres, z up, the front at +x (where a sitter looks, where a wall faces)."""

from __future__ import annotations

from typing import Any

import numpy as np

from zeroshot_hoi.geometry.builtin_colors import (
    BLUE,
    CLOTH,
    DARK,
    LIGHT_WOOD,
    PLASTER,
    RUBBER,
    STEEL,
    WHITE,
    WOOD,
)
from zeroshot_hoi.geometry.solids import ball, block, named, polyline, round_tube, superellipse, tube


def office_chair() -> Any:
    """Seat 0.48 m high on a star of five, backrest and armrests (EN 1335: seat 0.40-0.51 m)."""
    seat = block((-0.23, -0.24, 0.41), (0.25, 0.24, 0.48), 0.025, DARK, 0.07)
    back = block((-0.27, -0.21, 0.56), (-0.21, 0.21, 1.02), 0.02, DARK, 0.028)
    lean = np.tan(np.radians(8.0))
    points = back.vertices.copy()
    points[:, 0] -= lean * (points[:, 2] - 0.56) - 0.5 * points[:, 1] ** 2
    back.vertices = points
    rail = np.array([[-0.10, 0.0, 0.40], [-0.27, 0.0, 0.42], [-0.285, 0.0, 0.75]])
    section = superellipse(0.05, 0.02, 4.0, 20)
    column = [tube(polyline(rail, 0.06), lambda s: section, STEEL, (0, 1, 0))]
    column.append(round_tube((0, 0, 0.10), (0, 0, 0.42), 0.028, STEEL))
    arms = []
    for side in (-1, 1):
        arms.append(block((-0.10, side * 0.28 - 0.035, 0.66), (0.16, side * 0.28 + 0.035, 0.69), 0.012, DARK, 0.03))
        bracket = np.array([[0.02, side * 0.20, 0.43], [0.02, side * 0.285, 0.43], [0.02, side * 0.285, 0.67]])
        column.append(tube(polyline(bracket, 0.04), lambda s: superellipse(0.022, 0.04, 4.0, 20), STEEL, (1, 0, 0)))
    for k in range(5):
        angle = 2 * np.pi * (k + 0.5) / 5
        tip = np.array([0.30 * np.cos(angle), 0.30 * np.sin(angle), 0.075])
        column.append(round_tube((0, 0, 0.11), tip.tolist(), 0.020, DARK, 0.7))
        across = 0.018 * np.array([-np.sin(angle), np.cos(angle), 0.0])
        wheel = tip - [0.0, 0.0, 0.047]
        column.append(round_tube((wheel - across).tolist(), (wheel + across).tolist(), 0.028, RUBBER))
    return named(seat=seat, backrest=back, armrest=arms, star=column)


def sofa() -> Any:
    """Two seats: 1.6 m wide, cushions 0.44 m high."""
    frame = [
        block((-0.42, -0.78, 0.08), (0.40, 0.78, 0.27), 0.02, CLOTH, 0.03),
        block((-0.44, -0.78, 0.10), (-0.26, 0.78, 0.80), 0.03, CLOTH, 0.06),
    ]
    legs = [round_tube((x, y, 0.0), (x, y, 0.10), 0.02, WOOD) for x in (-0.36, 0.33) for y in (-0.7, 0.7)]
    arms = [block((-0.43, s * 0.72 - 0.09, 0.08), (0.40, s * 0.72 + 0.09, 0.60), 0.035, CLOTH, 0.05) for s in (-1, 1)]
    seats = [block((-0.30, y - 0.312, 0.25), (0.41, y + 0.312, 0.44), 0.04, BLUE, 0.06) for y in (-0.314, 0.314)]
    backs = [block((-0.33, y - 0.308, 0.40), (-0.16, y + 0.308, 0.86), 0.04, BLUE, 0.075) for y in (-0.314, 0.314)]
    for cushion in backs:
        points = cushion.vertices.copy()
        points[:, 0] -= 0.16 * (points[:, 2] - 0.44)
        cushion.vertices = points
    return named(seat=seats, backrest=backs, armrest=arms, frame=[*frame, *legs])


def exercise_ball() -> Any:
    """0.65 m: the size for people of 1.65-1.80 m."""
    return ball((0, 0, 0.325), 0.325, [BLUE, (74, 124, 182)] * 5)


def table() -> Any:
    """1.2 x 0.75 m and 0.74 m high; its long side along y, so that one sits at +x or -x."""
    top = block((-0.375, -0.60, 0.71), (0.375, 0.60, 0.74), 0.006, LIGHT_WOOD, 0.02)
    legs = [
        block((x - 0.028, y - 0.028, 0.0), (x + 0.028, y + 0.028, 0.715), 0.004, WOOD, 0.006)
        for x in (-0.325, 0.325)
        for y in (-0.55, 0.55)
    ]
    rails = [block((-0.31, y - 0.012, 0.63), (0.31, y + 0.012, 0.712), 0.003, WOOD) for y in (-0.55, 0.55)]
    rails += [block((x - 0.012, -0.54, 0.63), (x + 0.012, 0.54, 0.712), 0.003, WOOD) for x in (-0.325, 0.325)]
    return named(top=top, legs=[*legs, *rails])


def door() -> Any:
    """A leaf of 0.9 x 2.0 m without its frame, hinges at -y, a lever 1.05 m above the floor on both faces."""
    leaf = block((-0.02, -0.45, 0.0), (0.02, 0.45, 2.0), 0.003, WHITE, 0.004)
    levers, plates = [], []
    for side in (-1, 1):
        plates.append(block((side * 0.024 - 0.005, 0.36, 0.95), (side * 0.024 + 0.005, 0.40, 1.16), 0.003, STEEL))
        rail = np.array([[side * 0.020, 0.38, 1.05], [side * 0.075, 0.38, 1.05], [side * 0.075, 0.255, 1.05]])
        levers.append(tube(polyline(rail, 0.018), lambda s: superellipse(0.021, 0.021, 2.4, 20), STEEL, (0, 0, 1)))
    hinges = [round_tube((-0.024, -0.45, z), (-0.024, -0.45, z + 0.10), 0.009, STEEL) for z in (0.25, 1.0, 1.7)]
    return named(handle=levers, leaf=leaf, fittings=[*plates, *hinges])


def wall() -> Any:
    """A piece of wall, 1.8 m long and 2.3 m high, its face at +x."""
    face = block((-0.12, -0.9, 0.0), (0.0, 0.9, 2.3), 0.004, PLASTER, 0.006)
    skirting = block((-0.01, -0.9, 0.0), (0.014, 0.9, 0.09), 0.004, WHITE, 0.004)
    return named(face=face, skirting=skirting)
