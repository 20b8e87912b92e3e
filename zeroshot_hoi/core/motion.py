"""Where everything is in every frame: the output of the reference and optimization stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BodyMotion:
    """One person over time."""

    pose: np.ndarray
    """(T, J, 3) parent-relative rotation vectors in radians, in each joint's own rest axes."""
    translation: np.ndarray
    """(T, 3) world position of the root joint, metres."""


@dataclass(frozen=True)
class ObjectMotion:
    """One object over time: world = rotation v + translation."""

    rotation: np.ndarray
    """(T, 3, 3)"""
    translation: np.ndarray
    """(T, 3) metres."""

    def transform(self, points: np.ndarray) -> np.ndarray:
        """World positions (T, N, 3) of object-frame `points (N, 3)`."""
        return np.einsum("tij,nj->tni", self.rotation, points) + self.translation[:, None]


@dataclass(frozen=True)
class Motion:
    """Every person and object over the same frames."""

    people: Mapping[str, BodyMotion]
    objects: Mapping[str, ObjectMotion]
    fps: float
