"""Built-in tools of house and garden: metres, z up; long tools stand upright, their working end at the floor."""

from __future__ import annotations

from typing import Any

import numpy as np

from zeroshot_hoi.geometry.builtin_colors import DARK, EARTH, GREEN, LIGHT_WOOD, RED, RUBBER, STEEL, WOOD, YELLOW
from zeroshot_hoi.geometry.solids import (
    block,
    join,
    lathe,
    loft,
    named,
    plate,
    polyline,
    resample,
    round_tube,
    superellipse,
    tube,
)


def broom() -> Any:
    """1.4 m; the head lies across y and sweeps along x."""
    stick = round_tube((0, 0, 0.13), (0, 0, 1.40), 0.0125, LIGHT_WOOD)
    outline = superellipse(0.055, 0.32, 6.0, 48)
    head = plate(outline, 0.11, 0.155, 0.008, RED)
    scales = np.array([[1.15, 1.06, 0.0], [1.10, 1.03, 0.06], [0.85, 0.95, 0.12]])
    bristles = loft(
        np.stack([np.column_stack([outline * [a, b], np.full(len(outline), z)]) for a, b, z in scales]), DARK
    )
    return named(stick=stick, head=head, bristles=bristles)


def _blade(width: float, length: float, sag: float) -> np.ndarray:
    """Rings (S, N, 3) of a spade's blade that hangs along -z, hollow toward +x, pointed below."""
    share = np.linspace(0.0, 1.0, 14)
    half = 0.5 * width * np.where(share > 0.55, np.sqrt(np.clip(1 - ((share - 0.55) / 0.47) ** 2, 0.02, 1)), 1.0)
    rings = []
    across = np.linspace(-1.0, 1.0, 13)
    for s, h in zip(share, half, strict=True):
        y = np.concatenate([h * across, h * across[::-1]])
        depth = sag * (1 - (y / (0.5 * width)) ** 2)
        thick = np.repeat([0.0, 0.004], len(across))
        rings.append(np.column_stack([thick - depth, y, np.full(len(y), -s * length)]))
    return np.stack(rings)


def shovel() -> Any:
    """1.15 m with a D-handle; the hollow of the blade at +x."""
    blade = loft(_blade(0.22, 0.30, 0.035), STEEL)
    blade.apply_translation([0.034, 0.0, 0.31])
    socket = round_tube((0, 0, 0.22), (0, 0, 0.40), 0.021, STEEL)
    shaft = round_tube((0, 0, 0.36), (0, 0, 1.02), 0.0175, WOOD)
    grip = round_tube((0, -0.062, 1.13), (0, 0.062, 1.13), 0.0155, DARK)
    fork = [
        tube(
            polyline(np.array([[0, 0, 0.99], [0, s * 0.055, 1.06], [0, s * 0.055, 1.135]]), 0.025),
            lambda u: superellipse(0.020, 0.020, 2.0, 20),
            DARK,
            (1, 0, 0),
        )
        for s in (-1, 1)
    ]
    return named(shaft=[shaft, socket], grip=[grip], fork=fork, blade=blade)


def heap() -> Any:
    """A mound of earth, 0.9 m wide and 0.28 m high, with a flat foot."""
    radius = np.array([0.45, 0.43, 0.38, 0.31, 0.23, 0.15, 0.07])
    height = np.array([0.0, 0.025, 0.08, 0.15, 0.215, 0.26, 0.278])
    mound = lathe(np.column_stack([radius, height]), EARTH, 48)
    points = mound.vertices.copy()
    angle = np.arctan2(points[:, 1], points[:, 0])
    points[:, :2] *= (1 + 0.05 * np.sin(3 * angle + 0.7) + 0.03 * np.sin(7 * angle))[:, None]
    mound.vertices = points
    stone = lathe(np.array([[0.02, 0.0], [0.045, 0.015], [0.04, 0.04], [0.015, 0.052]]), STEEL, 16)
    stone.apply_translation([0.30, 0.12, 0.10])
    return named(mound=mound, stone=stone)


def hammer() -> Any:
    """0.32 m; the handle stands, the striking face looks along +x."""
    path = np.linspace([0, 0, 0.0], [0, 0, 0.30], 40)

    def section(share: float) -> np.ndarray:
        waist = 1.0 - 0.14 * np.sin(np.pi * np.clip((share - 0.35) / 0.65, 0.0, 1.0))
        return waist * superellipse(0.036, 0.027, 2.5, 28)

    handle = tube(path, section, WOOD, (0, 1, 0))
    face = [
        round_tube((0.035, 0, 0.285), (0.062, 0, 0.285), 0.0145, STEEL),
        round_tube((-0.005, 0, 0.285), (0.045, 0, 0.285), 0.0115, STEEL),
    ]
    eye = block((-0.018, -0.015, 0.265), (0.020, 0.015, 0.308), 0.004, STEEL)
    claw = []
    for side in (-1, 1):
        rail = np.array([[-0.01, side * 0.006, 0.29], [-0.05, side * 0.008, 0.288], [-0.082, side * 0.012, 0.262]])
        claw.append(
            tube(polyline(rail, 0.02), lambda s: superellipse(0.009, 0.016 * (1 - 0.6 * s), 4.0, 16), STEEL, (0, 0, 1))
        )
    return named(handle=handle, head=[eye, *face, *claw])


def plasterers_float() -> Any:
    """A sole of 0.28 x 0.13 m with a bar above it along x, 45 mm clear."""
    sole = block((-0.14, -0.065, 0.0), (0.14, 0.065, 0.010), 0.002, STEEL, 0.004)
    rail = np.array([[-0.075, 0, 0.006], [-0.075, 0, 0.070], [0.075, 0, 0.070], [0.075, 0, 0.006]])
    bar = tube(polyline(rail, 0.020), lambda s: superellipse(0.030, 0.030, 2.4, 28), WOOD, (0, 1, 0))
    return named(handle=bar, sole=sole)


def lawn_mower() -> Any:
    """A deck on four wheels ahead of a handlebar 0.98 m high; it is pushed along +x."""
    outline = resample(superellipse(0.66, 0.46, 5.0, 300), 64) + [0.10, 0.0]
    deck = plate(outline, 0.07, 0.19, 0.03, GREEN)
    engine = [
        lathe(np.array([[0.12, 0.18], [0.125, 0.20], [0.12, 0.30], [0.08, 0.335]]), DARK),
        round_tube((0, 0, 0.33), (0, 0, 0.365), 0.035, YELLOW),
    ]
    for part in engine:
        part.apply_translation([0.12, 0.0, 0.0])
    wheels = [
        round_tube((x, s * 0.235, 0.09), (x, s * 0.285, 0.09), 0.09, RUBBER) for x in (-0.16, 0.36) for s in (-1, 1)
    ]
    axles = [round_tube((x, -0.25, 0.09), (x, 0.25, 0.09), 0.010, STEEL) for x in (-0.16, 0.36)]
    frame = [round_tube((-0.18, s * 0.20, 0.13), (-0.72, s * 0.22, 0.98), 0.0125, DARK) for s in (-1, 1)]
    grip = round_tube((-0.72, -0.23, 0.98), (-0.72, 0.23, 0.98), 0.0145, RUBBER)
    return named(handle=grip, frame=frame, deck=[deck], engine=join(engine), wheels=[*wheels, *axles])
