"""Built-in things to play, read, carry and ride: metres, z up, the front at +x."""

from __future__ import annotations

from typing import Any

import numpy as np

from zeroshot_hoi.geometry.builtin_colors import (
    BLUE,
    CARDBOARD,
    DARK,
    LIGHT_WOOD,
    RED,
    RUBBER,
    STEEL,
    WHITE,
    WOOD,
    YELLOW,
)
from zeroshot_hoi.geometry.solids import (
    ball,
    block,
    hoop,
    loft,
    named,
    plate,
    polyline,
    resample,
    round_tube,
    standing,
    superellipse,
    tube,
)


def _guitar_outline(count: int = 96) -> np.ndarray:
    """The figure eight of a soundboard: 0.38 m wide below, 0.24 m at the waist, 0.29 m above, 0.48 m high."""
    height = np.array([0.0, 0.01, 0.04, 0.10, 0.16, 0.22, 0.27, 0.32, 0.38, 0.43, 0.465, 0.48])
    half = np.array([0.0, 0.07, 0.135, 0.182, 0.188, 0.160, 0.130, 0.122, 0.140, 0.125, 0.075, 0.0])
    right = np.column_stack([half, height])
    left = np.column_stack([-half, height])[::-1]
    smooth = resample(np.concatenate([right, left[1:-1]]), 400)
    for _ in range(60):
        smooth = 0.5 * smooth + 0.25 * (np.roll(smooth, 1, axis=0) + np.roll(smooth, -1, axis=0))
    return resample(smooth, count)


def guitar() -> Any:
    """1.0 m, upright on its lower rim, strings toward +x."""
    box = standing(plate(_guitar_outline(), -0.05, 0.05, 0.006, LIGHT_WOOD))
    hole = round_tube((0.049, 0, 0.31), (0.0515, 0, 0.31), 0.046, DARK)
    bridge = block((0.048, -0.08, 0.135), (0.058, 0.08, 0.160), 0.003, WOOD)
    neck = block((0.034, -0.026, 0.42), (0.058, 0.026, 0.83), 0.007, WOOD, 0.010)
    head = block((0.026, -0.036, 0.82), (0.046, 0.036, 0.99), 0.004, DARK)
    pegs = [
        round_tube((0.036, s * 0.03, z), (0.036, s * 0.056, z), 0.006, STEEL)
        for s in (-1, 1)
        for z in (0.86, 0.90, 0.94)
    ]
    strings = [
        round_tube((0.0595, y, 0.15), (0.0595, y, 0.83), 0.0011, STEEL, count=6) for y in np.linspace(-0.018, 0.018, 6)
    ]
    return named(neck=neck, soundboard=[box, hole, bridge], head=[head, *pegs], strings=strings)


def _key(x: float, y: float, depth: float, width: float) -> Any:
    outline = superellipse(depth, width, 7.0, 16)
    levels = ((0.010, 1.0), (0.018, 0.95), (0.0205, 0.86))
    return loft(np.stack([np.column_stack([s * outline + [x, y], np.full(16, z)]) for z, s in levels]), WHITE)


def keyboard() -> Any:
    """0.44 m along y, 0.14 m deep; the space bar at -x, toward the typist."""
    case = block((-0.07, -0.22, 0.0), (0.07, 0.22, 0.014), 0.003, DARK, 0.008)
    keys = []
    for row, (x, count, shift) in enumerate(
        ((0.048, 15, 0.0), (0.027, 14, 0.004), (0.007, 14, 0.008), (-0.013, 13, 0.0))
    ):
        pitch = 0.42 / count
        for k in range(count):
            y = -0.21 + (k + 0.5) * pitch + 0.2 * shift * (row - 1)
            keys.append(_key(x, y, 0.017, 0.84 * pitch))
    keys.append(_key(-0.0345, 0.0, 0.017, 0.13))
    return named(keys=keys, case=case)


def book() -> Any:
    """Open, lying on its back: 0.32 m along y, 0.22 m along x, both halves rising outward by 12 degrees."""
    covers, pages = [], []
    rise = np.tan(np.radians(12.0))
    for side in (-1, 1):
        low, high = sorted((side * 0.002, side * 0.160))
        cover = block((-0.110, low, 0.0), (0.110, high, 0.004), 0.0012, RED, 0.003)
        low, high = sorted((side * 0.001, side * 0.154))
        paper = block((-0.105, low, 0.003), (0.105, high, 0.014), 0.002, WHITE, 0.003)
        for part in (cover, paper):
            points = part.vertices.copy()
            points[:, 2] += rise * np.abs(points[:, 1])
            part.vertices = points
        covers.append(cover)
        pages.append(paper)
    spine = block((-0.110, -0.014, 0.0), (0.110, 0.014, 0.005), 0.0012, RED, 0.003)
    return named(cover=[*covers, spine], pages=pages)


def binoculars() -> Any:
    """0.15 m along x: objectives at +x, eyepieces at -x, 64 mm apart."""
    barrels, eyepieces = [], []
    for side in (-1, 1):
        y = side * 0.032
        rail = np.array([[-0.045, y, 0.027], [0.015, y * 1.15, 0.027], [0.075, y * 1.15, 0.027]])
        barrels.append(
            tube(polyline(rail, 0.02), lambda s: superellipse(2, 2, 2.0, 28) * (0.021 + 0.005 * s), DARK, (0, 0, 1))
        )
        eyepieces.append(round_tube((-0.075, y, 0.027), (-0.04, y, 0.027), 0.0185, RUBBER))
    bridge = block((-0.030, -0.03, 0.018), (0.025, 0.03, 0.036), 0.004, DARK)
    wheel = round_tube((-0.012, 0, 0.038), (0.012, 0, 0.038), 0.010, STEEL)
    return named(barrels=barrels, eyepieces=eyepieces, bridge=[bridge, wheel])


def cardboard_box() -> Any:
    """0.30 x 0.42 x 0.30 m, closed with tape."""
    carton = block((-0.15, -0.21, 0.0), (0.15, 0.21, 0.30), 0.003, CARDBOARD, 0.004)
    tape = block((-0.151, -0.025, 0.10), (0.151, 0.025, 0.3012), 0.0006, LIGHT_WOOD, 0.001)
    return named(carton=carton, tape=tape)


def bag() -> Any:
    """A paper bag 0.32 x 0.13 x 0.38 m with two rope handles side by side."""
    outline = superellipse(0.32, 0.13, 8.0, 64)
    shell = plate(outline, 0.0, 0.38, 0.004, CARDBOARD)
    ropes = []
    for side in (-1, 1):
        rail = np.array(
            [
                [-0.06, side * 0.052, 0.35],
                [-0.055, side * 0.02, 0.52],
                [0.055, side * 0.02, 0.52],
                [0.06, side * 0.052, 0.35],
            ]
        )
        ropes.append(tube(polyline(rail, 0.035), lambda s: superellipse(0.012, 0.012, 2.0, 16), BLUE, (0, 1, 0)))
    return named(handle=ropes, sack=shell)


def skateboard() -> Any:
    """0.80 x 0.20 m, deck 0.10 m high, nose at +x."""
    outline = resample(superellipse(0.80, 0.20, 3.2, 400), 96)
    deck = plate(outline, 0.088, 0.099, 0.003, WOOD, 12)
    points = deck.vertices.copy()
    points[:, 2] += 0.9 * np.maximum(np.abs(points[:, 0]) - 0.27, 0.0) ** 1.5
    deck.vertices = points
    trucks, wheels = [], []
    for x in (-0.22, 0.22):
        trucks.append(block((x - 0.03, -0.03, 0.045), (x + 0.03, 0.03, 0.092), 0.004, STEEL))
        trucks.append(round_tube((x, -0.08, 0.038), (x, 0.08, 0.038), 0.008, STEEL))
        wheels += [round_tube((x, s * 0.060, 0.026 + 0.0), (x, s * 0.094, 0.026), 0.026, YELLOW) for s in (-1, 1)]
    return named(deck=deck, trucks=trucks, wheels=wheels)


def bicycle() -> Any:
    """A city bicycle: wheels of 0.68 m, saddle 0.92 m high, grips 1.05 m; the right pedal is ahead."""
    rear, front, crank = np.array([-0.45, 0, 0.34]), np.array([0.60, 0, 0.34]), np.array([-0.02, 0, 0.29])
    seat, head, top = np.array([-0.19, 0, 0.80]), np.array([0.42, 0, 0.72]), np.array([0.385, 0, 0.86])
    tires = [hoop(hub.tolist(), 0.322, 0.018, RUBBER) for hub in (rear, front)]
    spokes = []
    for hub in (rear, front):
        spokes.append(round_tube((hub[0], -0.035, hub[2]), (hub[0], 0.035, hub[2]), 0.018, STEEL))
        for k in range(8):
            angle = 2 * np.pi * k / 8
            rim = hub + 0.315 * np.array([np.cos(angle), 0, np.sin(angle)])
            spokes.append(round_tube(hub.tolist(), rim.tolist(), 0.002, STEEL, count=5))

    def bar(a: np.ndarray, b: np.ndarray, radius: float = 0.015) -> Any:
        return round_tube(a.tolist(), b.tolist(), radius, BLUE, count=12)

    frame = [bar(crank, seat), bar(crank, head), bar(seat - [-0.005, 0, 0.04], head), bar(head - [-0.03, 0, 0.1], top)]
    for side in (-1, 1):
        aside = np.array([0.0, side * 0.045, 0.0])
        frame += [
            bar(rear + aside, crank + 0.3 * aside, 0.009),
            bar(rear + aside, seat - [0, 0, 0.03] + 0.3 * aside, 0.008),
        ]
        frame.append(bar(front + aside, np.array([0.455, side * 0.03, 0.68]), 0.010))
    crown = [round_tube((0.455, -0.035, 0.68), (0.455, 0.035, 0.68), 0.013, BLUE)]
    post = [round_tube(seat.tolist(), (-0.215, 0, 0.89), 0.0135, STEEL)]
    share = np.linspace(0, 1, 60)
    half = 0.095 * np.clip(1 - ((share - 0.02) / 0.55), 0.22, 1) * np.sqrt(np.clip(share / 0.06, 0.15, 1))
    right, left = np.column_stack([0.27 * share, -half]), np.column_stack([0.27 * share, half])[::-1]
    saddle = plate(resample(np.concatenate([right, left]), 72) - [0.33, 0], 0.875, 0.92, 0.006, DARK, 8)
    stem = round_tube(top.tolist(), (0.36, 0, 1.0), 0.013, STEEL)
    rail = np.array([[0.17, -0.28, 1.04], [0.34, -0.22, 1.02], [0.36, 0, 1.0], [0.34, 0.22, 1.02], [0.17, 0.28, 1.04]])
    handlebar = tube(polyline(rail, 0.06), lambda s: superellipse(0.024, 0.024, 2.0, 14), STEEL, (0, 0, 1))
    grips = [round_tube((0.165, s * 0.282, 1.0405), (0.285, s * 0.2395, 1.0265), 0.0165, RUBBER) for s in (-1, 1)]
    pedals, cranks = [], [round_tube((-0.02, -0.06, 0.29), (-0.02, 0.06, 0.29), 0.018, STEEL)]
    for side, sign in ((-1, 1), (1, -1)):
        end = crank + [sign * 0.17, side * 0.07, 0.0]
        cranks.append(round_tube((-0.02, side * 0.065, 0.29), end.tolist(), 0.010, STEEL))
        cranks.append(round_tube(end.tolist(), (end + [0, side * 0.09, 0]).tolist(), 0.006, STEEL))
        low = end + [-0.045, side * 0.055 - 0.045, -0.011]
        pedals.append(block(low.tolist(), (low + [0.09, 0.09, 0.022]).tolist(), 0.003, DARK))
    return named(
        saddle=saddle, grips=grips, pedals=pedals, frame=[*frame, *crown, *post, stem, handlebar, *cranks],
        wheels=[*tires, *spokes],
    )  # fmt: skip


def throwing_ball() -> Any:
    """0.22 m, for two hands."""
    return ball((0, 0, 0.11), 0.11, [RED, WHITE, RED, WHITE, RED])
