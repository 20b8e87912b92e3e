"""Cameras as the kernels know them, and which pixels of a picture something covers."""

from __future__ import annotations

from typing import Any

import numpy as np

from zeroshot_hoi.core.camera import Camera


def union(first: Any, second: Any) -> Any:
    """The least `records.Window` around two."""
    from zeroshot_hoi.render import kernels

    both = kernels.Window()
    both.left, union.top = min(first.left, second.left), min(first.top, second.top)
    both.width = max(first.left + first.width, second.left + second.width) - both.left
    both.height = max(first.top + first.height, second.top + second.height) - both.top
    return both


def window_around(view: Any, screen: np.ndarray, supersampling: int) -> Any:
    """The pixels around all points (x, y in samples, 1 / depth); the whole picture where one is behind the camera."""
    from zeroshot_hoi.render import kernels

    size = np.array([view.width, view.height])
    low, high = np.zeros(2, int), size
    if screen[:, 2].min() > 0.0:
        bounds = [np.clip(f(axis=0)[:2] / supersampling, -1, size + 1) for f in (screen.min, screen.max)]
        low = np.clip(np.floor(bounds[0]).astype(int), 0, size - 1)
        high = np.clip(np.ceil(bounds[1]).astype(int), low + 1, size)
    window = kernels.Window()
    window.left, window.top = (int(x) for x in low)
    window.width, window.height = (int(x) for x in high - low)
    return window


def make_view(wp: Any, camera: Camera, supersampling: int) -> Any:
    """`records.View` of a camera."""
    from zeroshot_hoi.render import kernels

    view, pose = kernels.View(), camera.T_world_camera
    view.eye, view.right, view.up, view.back = (wp.vec3(*pose[:3, k].tolist()) for k in (3, 0, 1, 2))
    view.focal = 0.5 / float(np.tan(0.5 * camera.vertical_fov))
    view.width, view.height, view.supersampling = camera.width, camera.height, supersampling
    return view
