"""Which pixels of an object's picture an inpainting model may fill with a person (InteractAnything, equations 2 and 3).

The full-body mask is the projection of the placed body, M_full = J(V_H) + noise, grown, and joined to the object by
their common convex hull, because a person who does not yet touch the object needs room for arms that do; the object's
own pixels stay, apart from its rim. The body-part mask, M_part = J(P_h) + noise, is the projection of one part, moved
to where the person in the picture has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import ConvexHull, QhullError

from zeroshot_hoi.affordance.backprojection import View, pixel_faces, project
from zeroshot_hoi.core.camera import Camera
from zeroshot_hoi.geometry.exact import ExactMesh


@dataclass(frozen=True)
class PlacedBody:
    """A person where the plan puts them, in the object's frame."""

    vertices: np.ndarray
    """(V, 3) metres."""
    faces: np.ndarray
    """(F, 3)"""
    labels: tuple[str, ...]
    """(V,) body part of each vertex."""

    def part_faces(self, part: str) -> np.ndarray:
        """(K, 3) faces of which all corners belong to the part."""
        return self.faces[(np.array(self.labels) == part)[self.faces].all(axis=1)]


def full_body_mask(
    view: View, body: PlacedBody, grow: float, rim: float, noise: float, rng: np.random.Generator
) -> np.ndarray:
    """(H, W): the body's projection shifted by noise of `noise` pixels and grown by `grow`, joined to the object's rim.

    `rim` pixels inside the object's outline may be painted over, by a hand for instance, but at most half of the way
    to its thickest middle, so that a thin object is not painted over whole.
    """
    person = _shift(pixel_faces(ExactMesh(body.vertices, body.faces), view.camera) >= 0, rng.normal(0.0, noise, 2))
    between = _hull(person | view.silhouette) & ~_shrink(view.silhouette, rim)
    return dilate(person, grow) | between


def body_part_mask(
    camera: Camera, body: PlacedBody, part: str, target: np.ndarray, grow: float, noise: float, rng: np.random.Generator
) -> np.ndarray:
    """(H, W): the part's projection, its middle moved to the pixel `target (2,)`, shifted by noise and grown."""
    faces = body.part_faces(part)
    shape = (camera.height, camera.width)
    if not len(faces):
        return np.zeros(shape, bool)
    mask = pixel_faces(ExactMesh(body.vertices, faces), camera) >= 0
    middle = project(camera, body.vertices[np.unique(faces)]).mean(axis=0)
    return dilate(_shift(mask, target - middle + rng.normal(0.0, noise, 2)), grow)


def dilate(mask: np.ndarray, radius: float) -> np.ndarray:
    """`mask` grown by a disk of `radius` pixels."""
    return mask if radius <= 0.0 or not mask.any() else np.asarray(distance_transform_edt(~mask)) <= radius


def _shrink(mask: np.ndarray, radius: float) -> np.ndarray:
    """`mask` without what lies within `radius` pixels of its outline, or half of its greatest depth if that is less."""
    depth = np.asarray(distance_transform_edt(mask))
    return mask & (depth > min(radius, 0.5 * float(depth.max(initial=0.0))))


def _shift(mask: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """`mask` moved by whole pixels (x, y); what leaves the picture is lost."""
    x, y = (round(float(value)) for value in offset)
    height, width = mask.shape
    moved = np.zeros_like(mask)
    if abs(x) < width and abs(y) < height:
        moved[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)] = mask[
            max(-y, 0) : height + min(-y, 0), max(-x, 0) : width + min(-x, 0)
        ]
    return moved


def _hull(mask: np.ndarray) -> np.ndarray:
    """The convex hull of the True pixels."""
    points = np.argwhere(mask)
    if len(points) < 3:
        return mask
    try:
        planes = ConvexHull(points).equations
    except QhullError:  # all on one line
        return mask
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    inside = np.ones(mask.shape, bool)
    for normal_row, normal_column, offset in planes:
        inside &= normal_row * rows + normal_column * columns + offset <= 1e-6
    return inside
