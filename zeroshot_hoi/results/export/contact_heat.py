"""Where people and objects touch, as a share of the clip at every vertex, measured on the exact surfaces."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.results.result import Result

TOUCHING = 0.01
"""Metres within which skin touches, as for contacts of everything but hands; what is inside touches too."""

SKIN_SPACING = 0.008
"""Metres: an object's vertex is touched where skin that touches is this near, or half its spacing if that is more."""

RED = np.array([0.72, 0.02, 0.02])
"""Linear light: the color of what touches in every frame."""


def contact_shares(result: Result) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Name -> (V,) share of frames in contact, for every person and for every object."""
    people = {name: np.zeros(person.vertices.shape[:2], bool) for name, person in result.people.items()}
    objects = {name: np.zeros(len(thing.vertices)) for name, thing in result.objects.items()}
    for name, thing in result.objects.items():
        own = thing.vertices.astype(float)
        mesh = ExactMesh(own, thing.faces)
        edges = np.linalg.norm(own[thing.faces] - own[np.roll(thing.faces, 1, axis=1)], axis=-1)
        reach = max(SKIN_SPACING, 0.5 * float(np.median(edges)))
        for frame in range(result.frames):
            touched = np.zeros(len(own), bool)
            for who, person in result.people.items():
                world = person.vertices[frame].astype(float)
                local = (world - thing.translation[frame]) @ thing.rotation[frame].astype(float)
                near = np.flatnonzero(mesh.within_box(local, TOUCHING))
                if not len(near):
                    continue
                near = near[mesh.query(local[near]).distance < TOUCHING]
                people[who][frame, near] = True
                if len(near):
                    touched |= KDTree(local[near]).query(own, distance_upper_bound=reach)[0] < reach
            objects[name] += touched
    frames = max(result.frames, 1)
    return {n: mask.mean(axis=0) for n, mask in people.items()}, {n: count / frames for n, count in objects.items()}


def heated(colors: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Linear colors `(..., 3)` turned red by `shares (...)`; the root shows short touches too."""
    amount = np.sqrt(shares)[..., None]
    return (1.0 - amount) * colors + amount * RED
