"""One person and one object in motion, as much of it as a method writes: z up, metres, seconds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from zeroshot_hoi.metrics.published.measure import MetricError

SMPL_JOINTS = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
"""The 22 body joints that SMPL, SMPL-H and SMPL-X share, in their order."""
PALMS = ("left_middle1", "right_middle1")
"""What CHOIS calls the palm: the root of the middle finger, its joints 22 and 23."""


@dataclass(frozen=True)
class Interaction:
    """What the measures read. Everything that a method does not write is None."""

    name: str
    """Of the clip, for messages."""
    object_name: str
    """Results of several methods are compared where this is the same."""
    fps: float
    joints: np.ndarray | None
    """(T, J, 3)"""
    joint_names: tuple[str, ...]
    body_vertices: np.ndarray | None
    """(T, V, 3)"""
    body_faces: np.ndarray | None
    """(F, 3)"""
    object_vertices: np.ndarray | None
    """(N, 3) object frame."""
    object_faces: np.ndarray | None
    """(M, 3)"""
    rotation: np.ndarray
    """(T, 3, 3) world = rotation v + translation."""
    translation: np.ndarray
    """(T, 3)"""

    def __post_init__(self) -> None:
        frames = {
            field: len(array)
            for field, array in (
                ("joints", self.joints), ("body_vertices", self.body_vertices), ("rotation", self.rotation),
                ("translation", self.translation),
            )
            if array is not None
        }  # fmt: skip
        if len(set(frames.values())) != 1 or not len(self.translation):
            counts = ", ".join(f"{field} {count}" for field, count in frames.items())
            raise MetricError(f"'{self.name}' has different numbers of frames: {counts}. All must be one, at least 1.")
        if self.joints is not None and self.joints.shape[1] != len(self.joint_names):
            raise MetricError(f"'{self.name}' has {self.joints.shape[1]} joints and {len(self.joint_names)} names.")
        if not self.fps > 0.0:
            raise MetricError(f"'{self.name}' has {self.fps} frames a second; it must be more than 0.")

    def tracks(self, *names: str) -> np.ndarray | None:
        """(T, N, 3) of these joints; None where one is missing."""
        if self.joints is None or any(name not in self.joint_names for name in names):
            return None
        return self.joints[:, [self.joint_names.index(name) for name in names]]

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """(T, N, 3) of object points (N, 3)."""
        return points @ np.swapaxes(self.rotation, 1, 2) + self.translation[:, None]

    def to_local(self, points: np.ndarray) -> np.ndarray:
        """(T, N, 3) in the object's frame of world points (T, N, 3)."""
        return (points - self.translation[:, None]) @ self.rotation

    def box_corners(self) -> np.ndarray | None:
        """(T, 8, 3) of the object's bounding box; None without its mesh."""
        if self.object_vertices is None:
            return None
        sides = np.stack([self.object_vertices.min(axis=0), self.object_vertices.max(axis=0)])
        picks = np.array(list(product((0, 1), repeat=3)))
        return self.to_world(sides[picks, np.arange(3)])
