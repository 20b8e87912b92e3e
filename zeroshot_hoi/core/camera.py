"""A pinhole camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Camera:
    """Looks along its -z axis, y up in the image, like OpenGL and glTF."""

    T_world_camera: np.ndarray
    """(4, 4)"""
    vertical_fov: float
    """Radians."""
    width: int
    height: int


def look_at(eye: np.ndarray, target: np.ndarray, vertical_fov: float, width: int, height: int) -> Camera:
    """A camera at `eye (3,)` that looks at `target (3,)`, world z up, metres."""
    eye, target = np.asarray(eye, float), np.asarray(target, float)
    back = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross([0.0, 0.0, 1.0], back)
    right = right / np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(back, right), back], axis=1)
    pose[:3, 3] = eye
    return Camera(pose, vertical_fov, width, height)
