"""How pictures are lit and what lies behind what is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Style:
    """How a picture is lit and what lies behind it. Colors are linear light."""

    ground: bool = True
    supersampling: int = 2
    key_azimuth: float = np.radians(38.0)
    """Of the key light, counterclockwise from the camera's own direction."""
    key_elevation: float = np.radians(52.0)
    key_color: tuple[float, float, float] = (0.70, 0.665, 0.61)
    sky_color: tuple[float, float, float] = (0.44, 0.46, 0.50)
    bounce_color: tuple[float, float, float] = (0.13, 0.125, 0.115)
    key_map: int = 1024
    sky_map: int = 224
    sky_directions: int = 12
    softness: float = 0.018
    """Radius of the key light's penumbra, metres."""
    ground_color: tuple[float, float, float] = (0.62, 0.615, 0.60)
    line_color: tuple[float, float, float] = (0.50, 0.495, 0.485)
    line_spacing: float = 0.5
    """Metres."""
    backdrop_low: tuple[float, float, float] = (0.70, 0.71, 0.72)
    backdrop_high: tuple[float, float, float] = (0.83, 0.85, 0.88)


def key_direction(style: Style, back: np.ndarray) -> np.ndarray:
    """Unit vector (3,) to the key light for a camera whose backward axis is `back (3,)`."""
    azimuth, elevation = np.arctan2(back[1], back[0]) - style.key_azimuth, style.key_elevation
    flat = np.cos(elevation)
    return np.array([np.cos(azimuth) * flat, np.sin(azimuth) * flat, np.sin(elevation)])


def sky_directions(count: int) -> np.ndarray:
    """Unit directions `(count, 3)` spread evenly over the upper half of the sphere (a golden spiral)."""
    k = np.arange(count) + 0.5
    z = np.clip(1.0 - k / count, 0.06, 1.0)
    angle = np.pi * (3.0 - np.sqrt(5.0)) * k
    r = np.sqrt(1.0 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1)


def light_frames(directions: np.ndarray) -> np.ndarray:
    """Rotations `(L, 3, 3)` from world to frames whose z points to the light."""
    helper = np.where(np.abs(directions[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    x = np.cross(helper, directions)
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    return np.stack([x, np.cross(directions, x), directions], axis=1)


def penumbra_taps(count: int = 12) -> np.ndarray:
    """Points `(count, 2)` over the unit disk, a golden spiral from the rim inward."""
    k = np.arange(count)[::-1]
    radius, angle = np.sqrt((k + 0.5) / count), np.pi * (3.0 - np.sqrt(5.0)) * k
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
