"""Cameras that fit what they look at."""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.core.camera import Camera, look_at

VERTICAL_FOV = np.radians(32.0)
"""About a 60 mm lens on full frame: little distortion."""


def view_direction(azimuth: float, elevation: float) -> np.ndarray:
    """Unit vector (3,) from the target to the camera; azimuth 0 is the x axis, counterclockwise, radians."""
    flat = np.cos(elevation)
    return np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])


def frame_points(
    points: np.ndarray,
    azimuth: float,
    elevation: float,
    *,
    width: int = 480,
    height: int = 720,
    vertical_fov: float = VERTICAL_FOV,
    margin: float = 0.08,
) -> Camera:
    """The nearest camera from that direction that sees all `points (N, 3)`, with a margin of the picture's size.

    The four frustum planes through a camera at `eye` bound each point p: |x| <= (d - z) a in camera axes; the tightest
    of each opposite pair fixes the camera's sideways position and its distance in closed form.
    """
    points = np.asarray(points, float).reshape(-1, 3)
    tilted = look_at(view_direction(azimuth, elevation), np.zeros(3), vertical_fov, width, height)
    rotation = tilted.T_world_camera[:3, :3]
    local = points @ rotation
    slope_y = np.tan(0.5 * vertical_fov) * (1.0 - 2.0 * margin)
    slope_x = np.tan(0.5 * vertical_fov) * width / height * (1.0 - 2.0 * margin)
    x, x_distance = _fit(local[:, 0], local[:, 2], slope_x)
    y, y_distance = _fit(local[:, 1], local[:, 2], slope_y)
    distance = max(x_distance, y_distance, float(local[:, 2].max()) + 0.1)
    tilted.T_world_camera[:3, 3] = rotation @ np.array([x, y, distance])
    return tilted


def _fit(side: np.ndarray, depth: np.ndarray, slope: float) -> tuple[float, float]:
    """Position across and along the view axis of the apex of the tightest wedge with that slope."""
    low, high = float((side - slope * depth).min()), float((side + slope * depth).max())
    return 0.5 * (low + high), (high - low) / (2.0 * slope)


def closest_view(target: np.ndarray, direction: np.ndarray, radius: float, width: int, height: int) -> Camera:
    """A camera that fills the picture with a ball of `radius` metres around `target (3,)`."""
    fov = VERTICAL_FOV if height <= width else 2.0 * np.arctan(np.tan(VERTICAL_FOV / 2.0) * width / height)
    distance = radius / np.sin(0.5 * float(fov))
    return look_at(target + direction * distance, target, float(VERTICAL_FOV), width, height)
