"""Built-in vessels and small things of kitchen and bath: metres, z up; a spout looks along +x, handles away from it."""

from __future__ import annotations

from typing import Any

import numpy as np

from zeroshot_hoi.geometry.builtin_colors import BLUE, DARK, RED, STEEL, WHITE, YELLOW
from zeroshot_hoi.geometry.solids import block, lathe, named, plate, polyline, smooth_profile, superellipse, tube


def mug() -> Any:
    """0.095 m high, hollow, with an ear for three fingers at -x."""
    profile = [[0.036, 0.0], [0.040, 0.003], [0.041, 0.03], [0.041, 0.092], [0.0395, 0.095], [0.0375, 0.092]]
    cup = lathe(np.array([*profile, [0.0365, 0.03], [0.034, 0.008]]), BLUE)
    rail = np.array([[-0.0395, 0, 0.078], [-0.082, 0, 0.080], [-0.082, 0, 0.022], [-0.0395, 0, 0.022]])
    ear = tube(polyline(rail, 0.026, 0.004), lambda s: superellipse(0.013, 0.010, 2.0, 16), WHITE, (0, 1, 0))
    return named(handle=ear, cup=cup)


def teapot() -> Any:
    """About 1 l: 0.16 m high, the spout at +x, the ear at -x, a lid with a knob."""
    profile = [[0.045, 0.0], [0.055, 0.004], [0.078, 0.035], [0.084, 0.065], [0.074, 0.100], [0.048, 0.122]]
    pot = lathe(smooth_profile(np.array(profile), 24), RED, 48)
    lid = lathe(np.array([[0.030, 0.110], [0.050, 0.122], [0.040, 0.130], [0.015, 0.136]]), WHITE)
    knob = lathe(np.array([[0.008, 0.130], [0.009, 0.140], [0.015, 0.148], [0.013, 0.158], [0.006, 0.162]]), WHITE, 24)
    rail = np.array([[0.065, 0, 0.045], [0.112, 0, 0.060], [0.130, 0, 0.108], [0.152, 0, 0.122]])
    spout = tube(
        polyline(rail, 0.025, 0.005), lambda s: superellipse(2, 2, 2.0, 24) * (0.022 - 0.012 * s), RED, (0, 1, 0)
    )
    rail = np.array([[-0.066, 0, 0.100], [-0.135, 0, 0.108], [-0.140, 0, 0.040], [-0.072, 0, 0.032]])
    ear = tube(polyline(rail, 0.035, 0.005), lambda s: superellipse(0.017, 0.013, 2.2, 20), WHITE, (0, 1, 0))
    return named(handle=ear, spout=spout, lid=[lid, knob], pot=pot)


def frying_pan() -> Any:
    """0.26 m across, hollow, with a handle of 0.19 m toward -x."""
    profile = [[0.105, 0.0], [0.112, 0.003], [0.130, 0.042], [0.1285, 0.0445], [0.126, 0.042], [0.109, 0.007]]
    pan = lathe(np.array([*profile, [0.08, 0.0055]]), DARK, 56)
    rail = np.array([[-0.1255, 0, 0.032], [-0.160, 0, 0.042], [-0.315, 0, 0.058]])
    grip = tube(
        polyline(rail, 0.03),
        lambda s: superellipse(0.026 - 0.006 * np.cos(np.pi * s), 0.019, 2.6, 24),
        STEEL,
        (0, 0, 1),
    )
    return named(handle=grip, pan=pan)


def bottle() -> Any:
    """A squeeze bottle, 0.19 m high, narrower along y, with a nozzle on top."""
    profile = [[0.030, 0.0], [0.034, 0.004], [0.034, 0.11], [0.029, 0.130], [0.017, 0.142], [0.016, 0.148]]
    flask = lathe(np.array(profile), YELLOW, 40, 0.72)
    cap = lathe(np.array([[0.018, 0.143], [0.018, 0.158], [0.009, 0.164], [0.0045, 0.190]]), RED, 24)
    return named(flask=flask, nozzle=cap)


def toothbrush() -> Any:
    """0.19 m along x; the bristles at +x look up."""
    rail = np.linspace([-0.095, 0, 0.007], [0.066, 0, 0.007], 40)
    grip = tube(
        rail,
        lambda s: superellipse(0.013 - 0.006 * max(0.0, s - 0.55) / 0.45, 0.011 - 0.005 * s, 2.4, 20),
        BLUE,
        (0, 0, 1),
    )
    head = plate(superellipse(0.034, 0.013, 2.6, 32) + [0.078, 0.0], 0.004, 0.010, 0.0015, BLUE, 2)
    bristles = block((0.064, -0.0048, 0.009), (0.092, 0.0048, 0.021), 0.001, WHITE, 0.003)
    return named(handle=grip, head=head, bristles=bristles)
