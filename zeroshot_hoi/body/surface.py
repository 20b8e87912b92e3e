"""Points on the skin as linear functions of the bone transforms: area-weighted samples of parts and regions."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from zeroshot_hoi.body.kinematics import direction_rows, skinning_rows
from zeroshot_hoi.body.labels import dominant_joints
from zeroshot_hoi.core.body import BODY_PARTS, EXTRA_BODY_PARTS, BodyPoints, SkinnedBody
from zeroshot_hoi.core.errors import BodyError, nearest_name


@lru_cache(maxsize=8)
def face_areas(body: SkinnedBody) -> np.ndarray:
    """(F,) m^2 of the rest mesh."""
    return np.linalg.norm(_face_crosses(body), axis=1) / 2.0


@lru_cache(maxsize=8)
def face_normals(body: SkinnedBody) -> np.ndarray:
    """(F, 3) unit outward normals of the rest mesh."""
    crosses = _face_crosses(body)
    return crosses / np.maximum(np.linalg.norm(crosses, axis=1, keepdims=True), 1e-15)


@lru_cache(maxsize=8)
def _face_crosses(body: SkinnedBody) -> np.ndarray:
    corners = body.rest_vertices[body.faces]
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def face_joints(body: SkinnedBody) -> np.ndarray:
    """(F,) the joint that moves most of each face's corners."""
    owner = np.sort(dominant_joints(body)[body.faces], axis=1)
    return owner[:, 1]


def vertex_mask(body: SkinnedBody, where: str | np.ndarray) -> np.ndarray:
    """(V,) which vertices belong to a body part, a region, or a mask `(V,)` given as it is."""
    if isinstance(where, np.ndarray):
        if where.shape != (len(body.rest_vertices),):
            raise BodyError(f"A vertex mask has shape {where.shape}; this body needs ({len(body.rest_vertices)},).")
        return where.astype(bool)
    mask = np.array(body.part_labels) == where
    if not mask.any():
        mask = np.array(body.regions) == where
    if not mask.any():
        known = {*BODY_PARTS, *EXTRA_BODY_PARTS, *body.regions} - {""}
        raise BodyError(f"The body '{body.name}' has no part or region '{where}'. {nearest_name(where, known)}")
    return mask


def points_on_faces(body: SkinnedBody, faces: np.ndarray, count: int, seed: int) -> BodyPoints:
    """`count` points spread evenly over the area of the faces at indices `faces (n,)`.

    Systematic sampling: one random offset, equal steps along the accumulated area of the faces in space-filling
    order of their index, so that even a dozen points leave no large hole; each stands for the same share of the area.
    """
    areas = face_areas(body)[faces]
    rng, total = np.random.default_rng(seed), areas.sum()
    places = (np.arange(count) + rng.uniform(size=count)) * (total / count)
    chosen = faces[np.minimum(np.searchsorted(np.cumsum(areas), places), len(faces) - 1)]
    u, v = rng.uniform(size=(2, count))
    root = np.sqrt(u)
    corners = np.stack([1.0 - root, root * (1.0 - v), root * v], axis=1)
    return barycentric_points(body, chosen, corners, np.full(count, total / count))


def barycentric_points(body: SkinnedBody, faces: np.ndarray, corners: np.ndarray, areas: np.ndarray) -> BodyPoints:
    """Points at barycentric coordinates `corners (N, 3)` of faces `(N,)`; exact on the skinned mesh."""
    ids = body.faces[faces]
    vertex_ids, inverse = np.unique(ids, return_inverse=True)
    rows = skinning_rows(body, body.rest_vertices[vertex_ids], body.weights[vertex_ids])[inverse.reshape(ids.shape)]
    weights = np.einsum("nk,nkg->ng", corners, body.weights[ids])
    return BodyPoints(
        rows=np.einsum("nk,nkr->nr", corners, rows),
        normal_rows=direction_rows(face_normals(body)[faces], weights),
        rest=np.einsum("nk,nkc->nc", corners, body.rest_vertices[ids]),
        areas=areas,
        vertices=ids[np.arange(len(ids)), corners.argmax(1)],
    )


def surface_points(body: SkinnedBody, where: str | np.ndarray, count: int, seed: int = 0) -> BodyPoints:
    """`count` points spread over the area of a part (`right hand`), a region (`left sole`) or a vertex mask `(V,)`."""
    mask = vertex_mask(body, where)
    faces = np.flatnonzero(mask[body.faces].sum(1) >= 2)
    if not len(faces):
        raise BodyError(f"'{where}' covers no face of the body '{body.name}', so no point can be laid on it.")
    return points_on_faces(body, faces, count, seed)


def interior_points(body: SkinnedBody, points: np.ndarray, weights: np.ndarray, nearest: np.ndarray) -> BodyPoints:
    """Points inside the body at rest positions `(N, 3)` with skinning `weights (N, G)`."""
    rows = skinning_rows(body, points, weights)
    return BodyPoints(rows, np.zeros_like(rows), points, np.zeros(len(points)), nearest)


def concatenate(pieces: list[BodyPoints]) -> BodyPoints:
    """All points of several sets, in order."""
    names = ("rows", "normal_rows", "rest", "areas", "vertices")
    return BodyPoints(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in names))
