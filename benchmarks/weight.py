"""Whether the weight is over what carries it, by trimesh's volume integrals and supporting lines all around."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import trimesh

from benchmarks.clips import File
from benchmarks.touch import Touch

NEAR = 0.005
"""m within which a hand holds, and the floor or a thing carries."""
PERSON = 70.0
"""kg"""
DIRECTIONS = np.stack([f(np.radians(np.arange(0.0, 360.0, 0.5))) for f in (np.cos, np.sin)], axis=1)


def outside(file: File, person: str, touches: Mapping[str, Touch]) -> float:
    """cm by which the mean weight of one second leaves the hull of that second's contacts; the worst second.

    A point is as far outside a convex set as the farthest supporting line lets it be; -inf where nothing carries.
    """
    vertices, fps = file.person(person, "vertices"), file.meta["fps"]
    weight = np.stack([
        trimesh.Trimesh(frame, file.person(person, "faces"), process=False).center_mass for frame in vertices
    ])[:, :2] * PERSON  # fmt: skip
    mass = np.full(len(vertices), PERSON)
    spots = [frame[frame[:, 2] <= NEAR, :2] for frame in vertices]
    states = {state["name"]: state for state in file.meta["pag"]["object states"]}
    for thing in file.names("objects"):
        travels = bool(states.get(thing, {}).get("is_translational"))
        world = file.world(thing, file.thing(thing, "vertices"))
        holders = np.zeros(len(vertices))
        for other in file.names("people"):
            holders += _holds(other, thing, touches, len(vertices))
        if travels:
            share = (_holds(person, thing, touches, len(vertices)) & (world[..., 2].min(axis=1) > NEAR)) / np.maximum(
                holders, 1.0
            )
            load = share * float(file.meta.get("objects", {}).get(thing, {}).get("mass", 0.0))
            weight, mass = weight + load[:, None] * world.mean(axis=1)[:, :2], mass + load
        for name, touch in touches.items():
            ours = name.startswith(f"{person}.") and name.split("->")[1].startswith(f"{thing}.")
            if ours and (not travels or file.meta["edges"][name][1]):
                turn, place = file.thing(thing, "rotation"), file.thing(thing, "translation")
                points = np.einsum("tij,tnj->tni", turn, touch.local) + place[:, None]
                close = touch.distance <= NEAR
                spots = [np.concatenate([s, p[c, :2]]) for s, p, c in zip(spots, points, close, strict=True)]
    center, long = weight / mass[:, None], max(1, round(fps))
    worst = -np.inf
    for k in range(max(1, len(vertices) - long + 1)):
        carried = np.concatenate(spots[k : k + long])
        if len(carried):
            lines = (carried @ DIRECTIONS.T).max(axis=0)
            worst = max(worst, float((center[k : k + long].mean(axis=0) @ DIRECTIONS.T - lines).max()))
    return 100.0 * worst


def _holds(person: str, thing: str, touches: Mapping[str, Touch], frames: int) -> np.ndarray:
    """(T,) whether a hand of the person is at the thing."""
    held = np.zeros(frames, bool)
    for name, touch in touches.items():
        first, second = name.split("->")
        if first in (f"{person}.left hand", f"{person}.right hand") and second.startswith(f"{thing}."):
            held |= touch.distance.min(axis=1) <= NEAR
    return held
