"""How much of one thing is in another. A share of vertices hides a buried hand (it is 7 % of a body): ask for depth."""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.metrics.metric import HIGHER, LOWER
from zeroshot_hoi.metrics.published.measure import MetricError, measure, require_shape

COLLISION_DEPTH = 0.04
"""m, `pen_thresh` of CHOIS's evaluation code."""
VOXEL = 0.005
"""m, edge of the voxels that a volume is counted in (GRAB's users take 0.5 cm)."""
MAX_VOXELS = 20_000_000


@measure(
    "non-collision", "share of vertices", HIGHER, "mean_tv [sdf_tv >= 0]",
    "HOI-PAGE 'Non-collision', GenZI, PLACE", "sdf >= 0 m",
)  # fmt: skip
def non_collision(signed_distance: np.ndarray) -> float:
    """Share of body vertices, over all frames, that are not inside; `signed_distance (T, V)`, negative inside."""
    return float((require_shape("non-collision", signed_distance, None, None) >= 0.0).mean())


@measure(
    "collision frames", "share of frames", LOWER, "mean_t [max_v -sdf_tv > 0.04]", "CHOIS 'Coll%'", "depth > 0.04 m"
)
def collision_frames(signed_distance: np.ndarray) -> float:
    """Share of frames with a vertex deeper than 4 cm; `signed_distance (T, V)`."""
    depth = -require_shape("collision frames", signed_distance, None, None)
    return float((depth > COLLISION_DEPTH).any(axis=1).mean())


@measure(
    "collision depth", "mm", LOWER, "mean over colliding t of mean over {v: depth > 0.04} of depth_tv",
    "CHOIS 'Pene' (in their code; 0 without a collision)", "depth > 0.04 m",
)  # fmt: skip
def collision_depth(signed_distance: np.ndarray) -> float:
    """Mean depth of the vertices deeper than 4 cm, averaged over the frames that have any; 0 where none has."""
    depth = -require_shape("collision depth", signed_distance, None, None)
    deep = depth > COLLISION_DEPTH
    colliding = deep.any(axis=1)
    if not colliding.any():
        return 0.0
    means = (depth * deep).sum(axis=1)[colliding] / deep.sum(axis=1)[colliding]
    return 1000.0 * float(means.mean())


@measure("maximum depth", "mm", LOWER, "max_tv max(0, -sdf_tv)", "GRAB, DiffH2O 'Interpenetration depth'")
def maximum_depth(signed_distance: np.ndarray) -> float:
    """Depth of the deepest vertex in any frame; `signed_distance (T, V)`."""
    return 1000.0 * max(0.0, -float(require_shape("maximum depth", signed_distance, None, None).min()))


@measure(
    "interpenetration volume", "cm^3", LOWER, "voxel^3 * #{voxels inside both}", "GRAB, DiffH2O 'IV'", "voxels of 5 mm"
)
def interpenetration_volume(
    first_vertices: np.ndarray,
    first_faces: np.ndarray,
    second_vertices: np.ndarray,
    second_faces: np.ndarray,
    voxel: float = VOXEL,
) -> float:
    """Volume shared by two meshes in one frame: voxel centers inside both by the generalized winding number.

    Raises MetricError where the boxes' overlap holds more than MAX_VOXELS.
    """
    low = np.maximum(first_vertices.min(axis=0), second_vertices.min(axis=0))
    high = np.minimum(first_vertices.max(axis=0), second_vertices.max(axis=0))
    if (low >= high).any():
        return 0.0
    counts = np.maximum(1, np.ceil((high - low) / voxel)).astype(int)
    if counts.prod() > MAX_VOXELS:
        raise MetricError(f"interpenetration volume would count {counts.prod()} voxels of {voxel} m; at most "
                          f"{MAX_VOXELS} are counted. Pass a larger voxel.")  # fmt: skip
    axes = [low[k] + voxel * (np.arange(counts[k]) + 0.5) for k in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points = points[ExactMesh(first_vertices, first_faces).inside(points)]
    shared = ExactMesh(second_vertices, second_faces).inside(points).sum() if len(points) else 0
    return 1e6 * voxel**3 * float(shared)
