"""Where people and objects touch, as a share of the clip at every vertex, measured on the exact surfaces."""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.results.result import Result

TOUCHING = 0.01
"""Metres within which skin touches, as for contacts of everything but hands; what is inside touches too."""

NEAR = 0.03
"""Metres from the skin within which an object's vertex is looked at for the side it is on."""

RED = np.array([0.72, 0.02, 0.02])
"""Linear light: the color of what touches in every frame."""

KEPT_COLOR = 0.3
"""Share of an object's or garment's own color that stays, so that red is not mistaken for it."""

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Of linear light (ITU-R BT.709)."""


def contact_shares(result: Result) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Name -> (V,) share of frames in contact, for every person and for every object."""
    people = {name: np.zeros(person.vertices.shape[:2], bool) for name, person in result.people.items()}
    objects = {name: np.zeros((result.frames, len(thing.vertices)), bool) for name, thing in result.objects.items()}
    solid = {name: ExactMesh(thing.vertices.astype(float), thing.faces) for name, thing in result.objects.items()}
    for who, person in result.people.items():
        skin = ExactMesh(person.vertices[0].astype(float), person.faces)
        for frame in range(result.frames):
            world = person.vertices[frame].astype(float)
            skin.move(world)
            for name, thing in result.objects.items():
                local = (world - thing.translation[frame]) @ thing.rotation[frame].astype(float)
                people[who][frame] |= _touches(solid[name], local)
                objects[name][frame] |= _touches(skin, thing.vertices_at(frame).astype(float))
    return {n: mask.mean(axis=0) for n, mask in people.items()}, {n: mask.mean(axis=0) for n, mask in objects.items()}


def _touches(mesh: ExactMesh, points: np.ndarray) -> np.ndarray:
    """(N,) whether `points (N, 3)` are on the surface or inside; deeper than NEAR nothing is believable anyway."""
    touching = np.zeros(len(points), bool)
    boxed = np.flatnonzero(mesh.within_box(points, TOUCHING))
    if len(boxed):
        near = boxed[mesh.nearest(points[boxed], NEAR)[2] >= 0]
        if len(near):
            touching[near] = mesh.query(points[near], NEAR).distance < TOUCHING
    return touching


def heated(colors: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Linear colors `(..., 3)` paled toward gray and turned red by `shares (...)`; the root shows short touches too."""
    gray = (colors @ LUMINANCE)[..., None]
    amount = np.sqrt(shares)[..., None]
    return (1.0 - amount) * (gray + KEPT_COLOR * (colors - gray)) + amount * RED
