"""Reduce a mesh that is too large to work with, keeping node names and colors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.core.errors import MeshError
from zeroshot_hoi.geometry.load import RawMesh
from zeroshot_hoi.geometry.repair import Surface, weld


def simplify(raw: RawMesh, target: int) -> RawMesh:
    """`raw` with at most about `target` faces, by quadric edge collapse (Garland and Heckbert 1997).

    Collapsing tears a texture's seams, so a texture is first turned into vertex colors. Each new vertex takes the color
    of the nearest old one, each new face the node of the nearest old face.
    """
    import fast_simplification

    attributes = _colors(raw)
    welded = weld(Surface(raw.vertices, raw.faces, attributes, np.arange(len(raw.faces))), seams=False)
    center, extent = welded.vertices.mean(axis=0), np.ptp(welded.vertices, axis=0).max()
    points = ((welded.vertices - center) / extent).astype(np.float32)
    points, faces = fast_simplification.simplify(points, welded.faces.astype(np.int32), target_count=target)[:2]
    if len(faces) == 0:
        raise MeshError(
            f"'{raw.label}' has {len(raw.faces):,} faces and simplifying it to {target:,} left nothing. "
            "It is likely a soup of loose triangles; reduce it in a 3D editor."
        )
    vertices = np.asarray(points, dtype=np.float64) * extent + center
    _, nearest = KDTree(welded.vertices).query(vertices)
    return replace(
        raw,
        vertices=vertices,
        faces=np.asarray(faces, dtype=np.int64),
        nodes=_nodes(raw, vertices[faces].mean(axis=1)),
        attributes=welded.attributes[nearest],
        material=None,
    )


def _colors(raw: RawMesh) -> np.ndarray:
    """(V, 4) colors in [0, 255], or (V, 0)."""
    if raw.material is None:
        return raw.attributes
    from trimesh.visual import TextureVisuals

    visual = TextureVisuals(uv=raw.attributes, material=raw.material)
    return np.asarray(visual.to_color().vertex_colors, dtype=np.float64)


def _nodes(raw: RawMesh, centers: np.ndarray) -> tuple[str, ...]:
    """Node name of the old face nearest to each of the `centers (F, 3)`."""
    if len(set(raw.nodes)) == 1:
        return raw.nodes[:1] * len(centers)
    _, nearest = KDTree(raw.vertices[raw.faces].mean(axis=1)).query(centers)
    return tuple(raw.nodes[index] for index in np.asarray(nearest))
