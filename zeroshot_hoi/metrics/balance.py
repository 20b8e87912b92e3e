"""Is the weight over what carries it?"""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from zeroshot_hoi.metrics.clip import Clip, PersonClip
from zeroshot_hoi.metrics.contact import HAND_REACH, EdgeContact
from zeroshot_hoi.metrics.metric import LOWER, Metric

WINDOW = 1.0
"""Seconds over which the weight is averaged: about a stride, in which who walks falls from foot to foot."""
REACH = 0.005
"""m; what is within this of the floor or of a thing that stays leans on it."""
BODY_MASS = 70.0
"""kg; a result does not say what its people weigh."""
BALANCE_BAR = 2.0
"""cm: soft soles and a skin of finite samples. People who stand or walk are asked for it; who sits down lets themself
fall the last way."""


def mass_center(person: PersonClip) -> np.ndarray:
    """(T, 3) m: center of mass of the closed skin at uniform density, by signed tetrahedra (exact for a polyhedron)."""
    return np.array([_centroid(vertices[person.faces]) for vertices in person.vertices])


def _centroid(corners: np.ndarray) -> np.ndarray:
    """(3,) m of the solid that triangles (F, 3, 3) close."""
    first, second, third = corners.swapaxes(0, 1)
    volume = np.einsum("fi,fi->f", first, np.cross(second, third))
    return volume @ (first + second + third) / (4.0 * volume.sum())


def loads(clip: Clip, measured: dict[str, EdgeContact]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Person -> kilograms in their hands (T,), and mass times place of it (T, 3): of every thing that travels off the
    floor, shared by those whose hands touch it; its mass is taken to be in the middle of its vertices."""
    found = {name: (np.zeros(clip.frames), np.zeros((clip.frames, 3))) for name in clip.people}
    for thing in (thing for thing in clip.objects.values() if thing.translational):
        lifted = thing.to_world(thing.vertices)[..., 2].min(axis=1) > REACH
        holders = {name: np.zeros(clip.frames, bool) for name in clip.people}
        for edge in clip.edges:
            if edge.is_hand and edge.second[0] == thing.name and edge.first[0] in holders:
                holders[edge.first[0]] |= lifted & (measured[edge.name].nearest <= HAND_REACH)
        sharing = np.maximum(np.sum(list(holders.values()), axis=0), 1)
        center = thing.to_world(thing.vertices.mean(axis=0)[None])[:, 0]
        for name, holds in holders.items():
            mass = thing.mass * holds / sharing
            found[name] = (found[name][0] + mass, found[name][1] + mass[:, None] * center)
    return found


def footing(clip: Clip, person: PersonClip, measured: dict[str, EdgeContact]) -> list[np.ndarray]:
    """For every frame, (N, 2) m: where the floor, a seat or a thing that does not travel carries the person."""
    spots = [points[points[:, 2] <= REACH, :2] for points in person.vertices]
    for edge in clip.edges:
        thing = clip.objects.get(edge.second[0])
        if edge.first[0] != person.name or thing is None or (thing.translational and not edge.support):
            continue
        touch = measured[edge.name]
        carrying = (touch.distance <= REACH) | (touch.inside & ~np.isfinite(touch.distance))
        world = np.einsum("tij,tnj->tni", thing.rotation, touch.points) + thing.translation[:, None]
        spots = [np.concatenate([s, w[c, :2]]) for s, w, c in zip(spots, world, carrying, strict=True)]
    return spots


def outside(point: np.ndarray, spots: np.ndarray) -> float:
    """Metres from `point (2,)` to the convex hull of `spots (N, 2)`; negative inside, by how far."""
    try:
        hull = ConvexHull(spots)
    except (QhullError, ValueError):
        return float(np.linalg.norm(spots - point, axis=1).min()) if len(spots) else np.nan
    beyond = float((hull.equations[:, :2] @ point + hull.equations[:, 2]).max())
    if beyond <= 0.0:
        return beyond
    corners = spots[hull.vertices]
    along = np.roll(corners, -1, axis=0) - corners
    share = np.clip(np.einsum("ni,ni->n", point - corners, along) / np.einsum("ni,ni->n", along, along), 0.0, 1.0)
    return float(np.linalg.norm(corners + share[:, None] * along - point, axis=1).min())


def imbalance(
    clip: Clip, person: PersonClip, measured: dict[str, EdgeContact], load: tuple[np.ndarray, np.ndarray]
) -> float:
    """Centimetres by which the weight of body and load, averaged over a second, leaves the hull of what carries it.

    Averaged so, the center of pressure follows the center of mass but for the change of momentum over the second, and
    it cannot leave the hull of the contacts (Vukobratovic 1972; Winter 1995). The worst second counts; a second
    in which nothing carries the person (a jump) counts nothing. NaN where there is no other.
    """
    mass, moment = load
    center = (BODY_MASS * mass_center(person) + moment) / (BODY_MASS + mass)[:, None]
    center, spots = center[:, :2], footing(clip, person, measured)
    frames = min(clip.frames, max(1, round(WINDOW * clip.fps)))
    seconds = [slice(k, k + frames) for k in range(clip.frames - frames + 1)]
    values = [outside(center[s].mean(axis=0), np.concatenate(spots[s])) for s in seconds]
    known = [v for v in values if not np.isnan(v)]
    return 100.0 * max(known) if known else float("nan")


def balance_metrics(clip: Clip, measured: dict[str, EdgeContact]) -> list[Metric]:
    """Of every person; with a bar where nothing but the floor carries them."""
    metrics, carrying = [], loads(clip, measured)
    for name, person in clip.people.items():
        carried = any(edge.first[0] == name and edge.support for edge in clip.edges)
        value, bar = imbalance(clip, person, measured, carrying[name]), None if carried else BALANCE_BAR
        if not np.isnan(value):  # who is never carried has no balance, and misses `supported`
            metrics.append(Metric(f"balance:{name}", value, "cm", LOWER, bar))
    return metrics
