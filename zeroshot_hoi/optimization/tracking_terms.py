"""Where objects go: along the script's path, turned as it says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from zeroshot_hoi.geometry.sampling import farthest_points
from zeroshot_hoi.optimization.energies import penetration, tracking
from zeroshot_hoi.optimization.interaction import SIGMA, Interaction
from zeroshot_hoi.optimization.problem import Term
from zeroshot_hoi.optimization.start import Start

LOCKED = 0.006
"""Radians: how firmly an object that must not turn keeps its orientation once it has been found."""

OUTERMOST = 48
"""Points of an object that are kept out of the ground."""


def tracking_terms(scene: Interaction, name: str, starts: Sequence[Start], t: np.ndarray) -> list[Term]:
    o = scene.names.index(name)
    reference, state = scene.reference.objects[name], scene.plan.graph.state(name)
    locked = not state.is_rotational and all(name in s.rotations for s in starts)
    rotation = np.stack([s.rotations[name] for s in starts]) if locked else reference.rotation[t]
    firm = LOCKED if not state.is_rotational else SIGMA["axis"]
    axis = np.asarray(reference.axis, float)
    side = np.linalg.svd(axis[None])[2][1]
    sign = np.ones(len(t))
    if reference.symmetric and name in scene.holds.carriers:
        sign = np.array([_axis_sign(scene, name, s, axis, k) for s, k in zip(starts, t, strict=True)])
    return [
        Term(f"path:{name}", tracking.path, SIGMA["path"], 0, o,
             constants={"anchor": reference.anchor, "dead_zone": np.float64(reference.dead_zone),
                        "weight": np.array([1.0, 1.0, reference.height])},
             frames={"target": reference.translation[t]}),
        Term(f"axis:{name}", tracking.axis, firm, 0, o, constants={"axis": axis},
             frames={"target": sign[:, None] * (rotation @ axis)}),
        Term(f"spin:{name}", tracking.axis, firm if locked else reference.spin, 0, o, constants={"axis": side},
             frames={"target": rotation @ side}),
        Term(f"ground:{name}", penetration.object_in_ground, SIGMA["ground"], 0, o,
             constants={"points": _outermost(scene.objects[name].vertices)}),
    ]  # fmt: skip


def _outermost(vertices: np.ndarray) -> np.ndarray:
    """(OUTERMOST, 3) corners of the convex hull, spread over it: nothing else of an object can be lowest."""
    corners = vertices[ConvexHull(vertices, qhull_options="QJ").vertices]
    return np.resize(corners[farthest_points(corners, min(OUTERMOST, len(corners)))], (OUTERMOST, 3))


def _axis_sign(scene: Interaction, name: str, start: Start, axis: np.ndarray, time: int) -> float:
    """Which way a symmetric axis points for this grip: outward on the thumb's side, as when a palm looks up."""
    edge = scene.holds.carriers[name]
    side = edge.first.part.split()[0]
    across = scene.rows[edge.first.owner].radial[side]
    thumb = 1.0 if start.grasps[edge.name].rotation @ axis @ across > 0 else -1.0
    left = Rotation.from_euler("z", start.placements[edge.first.owner].heading).apply([0.0, 1.0, 0.0])
    outward = left if side == "left" else -left
    wanted = scene.reference.objects[name].rotation[time] @ axis @ outward
    return thumb * (1.0 if wanted >= 0.0 else -1.0)
