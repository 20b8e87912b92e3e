"""What the pose and reference stages hand to the optimization: where things start, and how they would like to move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Placement:
    """One candidate way to stand or sit in the scene, for one person."""

    root: np.ndarray
    """(3,) world position of the root joint, metres."""
    heading: float
    """Radians about z; 0 looks along +x."""
    q: np.ndarray
    """(D,) posture, values of the body's degrees of freedom."""
    feet: Mapping[str, tuple[float, float, float]]
    """`left`, `right` -> (x, y, yaw) of the sole in the world, metres and radians."""


@dataclass(frozen=True)
class RigidPose:
    """world = rotation v + translation."""

    rotation: np.ndarray
    """(3, 3)"""
    translation: np.ndarray
    """(3,) metres."""


@dataclass(frozen=True)
class InitialScene:
    """Where every object stands, and the candidate placements of every person, the most natural first."""

    objects: Mapping[str, RigidPose]
    people: Mapping[str, tuple[Placement, ...]]


@dataclass(frozen=True)
class ObjectReference:
    """How one moving object would like to move, and how firmly."""

    rotation: np.ndarray
    """(T, 3, 3)"""
    translation: np.ndarray
    """(T, 3) path of `anchor`, metres."""
    anchor: np.ndarray
    """(3,) the point of the object that follows the path, object frame."""
    axis: np.ndarray
    """(3,) the object's direction that must follow `rotation` firmly; turning about it is free within `spin`."""
    dead_zone: float
    """Metres around the path that cost nothing."""
    spin: float
    """Radians of standard deviation of the turn about `axis`; large where the turn does not matter."""
    symmetric: bool = False
    """Whether the axis may also point the other way."""


@dataclass(frozen=True)
class PersonReference:
    """How one person would like to move, relative to the placement."""

    q: np.ndarray
    """(T, D) added to the placement's posture."""
    standing: np.ndarray
    """(T, 3) how far the root is over the feet (1) instead of where it is placed (0), along x, y and z."""
    stance: np.ndarray
    """(3,) root above the middle of the feet when standing, in the person's frame (x ahead, y left), metres."""
    planted: Mapping[str, np.ndarray]
    """`left`, `right` -> (T,) 1 while the sole stands still."""
    gates: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Edge name -> (T,) in [0, 1]: how strongly a contact that is not continuous is wanted in each frame."""
    palms_on_thighs: Mapping[str, np.ndarray] = field(default_factory=dict)
    """`left`, `right` -> (T,) place on the thigh where that palm rests: 0 at the hip, 1 at the knee."""
    palms_gate: np.ndarray | None = None
    """(T,) how strongly palms are wanted on the thighs; None for always."""


@dataclass(frozen=True)
class ReferenceMotion:
    """The scripted motion that the optimization follows as far as geometry allows."""

    objects: Mapping[str, ObjectReference]
    people: Mapping[str, PersonReference]
