"""Views of an object, which face every pixel shows, and votes of pixels carried back to faces.

Faces are found by one ray through the middle of each pixel, so that a mask's pixel and its face can never disagree by a
rasterizer's rule, and interior faces that no pixel shows are known as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.core.camera import Camera
from zeroshot_hoi.core.scene import SceneObject
from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.render.cameras import frame_points
from zeroshot_hoi.render.renderer import Style, render_views


@dataclass(frozen=True)
class View:
    """One picture of an object alone."""

    camera: Camera
    image: np.ndarray
    """(H, W, 3) uint8."""
    faces: np.ndarray
    """(H, W) index of the face that each pixel shows, -1 for the background."""

    @property
    def silhouette(self) -> np.ndarray:
        """(H, W) whether the pixel shows the object."""
        return self.faces >= 0


def cameras_around(
    points: np.ndarray, elevations: Sequence[float], azimuths: Sequence[float], size: int
) -> list[Camera]:
    """Square cameras of `size` pixels that see all `points (N, 3)`: every elevation with every azimuth, degrees."""
    return [
        frame_points(points, np.radians(azimuth), np.radians(elevation), width=size, height=size)
        for elevation in elevations
        for azimuth in azimuths
    ]


def take_views(obj: SceneObject, cameras: Sequence[Camera]) -> list[View]:
    """Pictures of `obj`, in its own frame, with the face of every pixel."""
    if not cameras:
        return []
    strip = render_views([], [obj], cameras, style=Style(ground=False))
    mesh, width = ExactMesh(obj.vertices, obj.faces), cameras[0].width
    pictures = [strip[:, k * width : (k + 1) * width].copy() for k in range(len(cameras))]
    return [View(camera, image, pixel_faces(mesh, camera)) for camera, image in zip(cameras, pictures)]


def pixel_faces(mesh: ExactMesh, camera: Camera) -> np.ndarray:
    """(H, W) the face that the ray through each pixel's middle hits first, -1 where none."""
    height, width = camera.height, camera.width
    focal = 0.5 * height / np.tan(0.5 * camera.vertical_fov)
    x, y = np.meshgrid(np.arange(width) + 0.5 - 0.5 * width, 0.5 * height - np.arange(height) - 0.5)
    local = np.stack([x, y, np.full_like(x, -focal)], axis=-1).reshape(-1, 3)
    local /= np.linalg.norm(local, axis=1, keepdims=True)
    pose = camera.T_world_camera
    _, faces = mesh.ray_hits(np.broadcast_to(pose[:3, 3], local.shape), local @ pose[:3, :3].T)
    return faces.reshape(height, width)


def project(camera: Camera, points: np.ndarray) -> np.ndarray:
    """Pixels (x, y) `(N, 2)` of world `points (N, 3)`; nan behind the camera."""
    pose = camera.T_world_camera
    local = (np.asarray(points, float) - pose[:3, 3]) @ pose[:3, :3]
    depth = np.where(local[:, 2] < -1e-6, -local[:, 2], np.nan)
    focal = 0.5 * camera.height / np.tan(0.5 * camera.vertical_fov)
    x = 0.5 * camera.width + focal * local[:, 0] / depth
    return np.stack([x, 0.5 * camera.height - focal * local[:, 1] / depth], axis=1)


def count_pixels(view: View, mask: np.ndarray, faces: int) -> np.ndarray:
    """(F,) how many of the True pixels of `mask (H, W)` show each face."""
    return np.bincount(view.faces[mask & view.silhouette], minlength=faces)


@dataclass(frozen=True)
class FaceGeometry:
    """What votes need to know of an object's faces."""

    centers: np.ndarray
    """(F, 3) metres."""
    normals: np.ndarray
    """(F, 3) unit."""
    areas: np.ndarray
    """(F,) m^2."""

    @classmethod
    def of(cls, obj: SceneObject) -> FaceGeometry:
        triangles = obj.vertices[obj.faces]
        cross = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
        areas = 0.5 * np.linalg.norm(cross, axis=1)
        return cls(triangles.mean(axis=1), cross / np.maximum(2.0 * areas[:, None], 1e-30), areas)

    @property
    def diagonal(self) -> float:
        """Of the bounding box of the centers, metres."""
        return float(np.linalg.norm(np.ptp(self.centers, axis=0)))


def smooth_votes(
    geometry: FaceGeometry, shares: np.ndarray, seen: np.ndarray, neighbors: int = 16, reach: float = 0.05
) -> np.ndarray:
    """Shares `(P, F)` of votes smoothed over the surface, and carried to faces that no pixel shows.

    HOI-PAGE's vote: each face takes the mean of its `neighbors` nearest seen faces, weighted by the pixels that saw
    them (`seen (P, F)`). Near is near in position and normal, so that the two sides of a thin plate keep their own
    answers. A face whose nearest seen one is farther than `reach` of the object's diagonal gets no vote.
    """
    spacing = float(np.sqrt(geometry.areas.sum() / max(len(geometry.areas), 1)))
    features = np.concatenate([geometry.centers, 2.0 * spacing * geometry.normals], axis=1)
    result = np.zeros(shares.shape)
    for part in range(len(shares)):
        known = np.flatnonzero(seen[part] > 0)
        if not len(known):
            continue
        distance, index = KDTree(features[known]).query(features, k=min(neighbors, len(known)))
        distance, index = distance.reshape(len(features), -1), known[index.reshape(len(features), -1)]
        weight = seen[part][index] * geometry.areas[index] / (distance + spacing) ** 2
        result[part] = (shares[part][index] * weight).sum(axis=1) / weight.sum(axis=1)
        result[part][distance[:, 0] > reach * geometry.diagonal + spacing] = 0.0
    return result
