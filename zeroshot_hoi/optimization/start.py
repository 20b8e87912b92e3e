"""One choice among the starts, and what earlier stages have settled for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from zeroshot_hoi.core.reference import Placement
from zeroshot_hoi.optimization.grasp import Grasp

NEAR_POINTS = 384
"""Body vertices watched for each object besides the skin points: those that came near it in the stage before."""

CORNERS = 256
"""Vertices of each object that look for the body; those that came near it in the stage before."""

PRESSED_POINTS = 96
"""Points of each object, chosen anew for every frame, that are held outside the skin itself."""

FOLDED_POINTS = 64
"""Vertices of limbs, chosen anew for every frame, that are held outside the rest of the skin."""


@dataclass(frozen=True)
class Pressed:
    """Object points close to or below the skin, with the skin vertex nearest to each."""

    points: np.ndarray
    """(T, PRESSED_POINTS, 3) object frame."""
    vertices: np.ndarray
    """(T, PRESSED_POINTS) -1 where nothing is near."""


@dataclass(frozen=True)
class Start:
    """One choice among the starts: where people stand, how objects are held, what has been found already."""

    placements: Mapping[str, Placement]
    grasps: Mapping[str, Grasp]
    """Edge name -> grip."""
    rotations: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Object -> (3, 3): the turn that replaces the reference's where that was free."""
    anchors: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Edge name -> (1, 3) where static contacts touched, object frame."""
    touching: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Edge name -> (N,) which points of a support carry weight, 0 or 1."""
    near: Mapping[tuple[str, str], np.ndarray] = field(default_factory=dict)
    """(person, object) -> (NEAR_POINTS,) of the person's `PersonRows.vertices` that come near the object."""
    corners: Mapping[tuple[str, str], np.ndarray] = field(default_factory=dict)
    """(person, object) -> (CORNERS,) object vertices that come near the person."""
    pressed: Mapping[tuple[str, str], Pressed] = field(default_factory=dict)
    """(person, object) -> the object's points that lie deepest below the skin, for every frame of the clip."""
    folded: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    """Person -> (T, FOLDED_POINTS) vertices of limbs deepest in the rest of the body, and the vertices nearest to them
    (-1 where nothing is near)."""
