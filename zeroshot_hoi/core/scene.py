"""Objects as the stages see them: a prepared mesh, its distance field, its surface samples, its named parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Mesh:
    """A mesh the user points at, with what its file may not say."""

    source: Any
    """A path, a `trimesh.Trimesh` or a `trimesh.Scene`."""
    unit: str | float | None = None
    """`m`, `cm`, `mm` or metres per unit; None reads glTF's metres and asks for anything else."""
    up: str | None = None
    """`y` or `z`; None reads glTF's y and asks for anything else."""
    front: str | None = None
    """The file's axis that the object's front points to (`x`, `-x`, `y`, ...); None lets its parts tell."""


@dataclass(frozen=True)
class MeshReport:
    """What preparation found and did; nothing is repaired silently."""

    actions: tuple[str, ...] = ()
    """One sentence for each thing done: welded, dropped, flipped, simplified, subdivided."""
    warnings: tuple[str, ...] = ()
    ambiguous_winding: float = 0.0
    """Share of near-surface points whose winding number is in .2-.8 or negative."""
    simplified: bool = False


@dataclass(frozen=True)
class DistanceGrid:
    """Distances on a regular grid, negative inside; read by trilinear interpolation."""

    origin: np.ndarray
    """(3,) position of the first node, metres."""
    spacing: float
    values: np.ndarray
    """(X, Y, Z) metres, clipped to the narrow band."""


@dataclass(frozen=True)
class SurfaceSamples:
    """Points spread evenly over a surface's area."""

    points: np.ndarray
    """(N, 3) metres."""
    normals: np.ndarray
    """(N, 3) unit, outward."""
    areas: np.ndarray
    """(N,) the share of the surface's area each point stands for, m^2."""
    faces: np.ndarray
    """(N,) index of the face each point lies on."""


@dataclass(frozen=True)
class SceneObject:
    """A prepared object in its own frame: metres, z up, origin at the center of its bounding box's foot."""

    name: str
    vertices: np.ndarray
    """(V, 3)"""
    faces: np.ndarray
    """(F, 3)"""
    components: np.ndarray
    """(F,) connected-component index of each face (after welding)."""
    nodes: tuple[str, ...]
    """Name of the file's node each face came from, one per face; empty strings where the file has none."""
    samples: SurfaceSamples
    grid: DistanceGrid
    mass: float
    """kg"""
    unit: str
    up: str
    front: str
    """Axis of the object frame that is the front (`x`, `-x`, `y`, `-y`), or empty while unknown."""
    scale: float
    """Metres per file unit, unit conversion apart; 1 unless a stage rescaled the object."""
    T_object_file: np.ndarray
    """(4, 4) maps the file's coordinates to the object frame."""
    source_sha256: str
    report: MeshReport
    visual: Any = None
    """The prepared `trimesh` visual (vertex colors or texture with uv); None is plain."""


@dataclass(frozen=True)
class PartRegion:
    """One named part of an object: a probability for each face."""

    name: str
    probability: np.ndarray
    """(F,) in [0, 1]."""
    instances: np.ndarray
    """(F,) 0, 1, ... for each instance (left pedal, right pedal), -1 outside the part."""
    confidence: float
    """How well the geometry fits the description, in [0, 1]."""
    axis: np.ndarray
    """(3,) unit direction of the part's longest extent, object frame."""
    center: np.ndarray
    """(3,) area-weighted centroid, object frame."""
    normal: np.ndarray
    """(3,) unit area-weighted mean outward normal, or the direction in which the part is thinnest."""
    weight: np.ndarray | None = None
    """(F,) in [0, 1]: how likely contact is at each face, 1 where it is likeliest; None where nothing says."""

    @property
    def faces(self) -> np.ndarray:
        """Indices of the faces that belong to the part."""
        return np.flatnonzero(self.probability > 0.5)


@dataclass(frozen=True)
class ObjectParts:
    """Every part a plan names on one object."""

    object: str
    parts: Mapping[str, PartRegion]
    front: np.ndarray
    """(3,) unit horizontal direction of the object's front, object frame; zero where nothing tells."""
    notes: tuple[str, ...] = field(default=())
