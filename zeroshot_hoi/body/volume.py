"""What fills the body: interior points, the center of mass, and spheres that stand in for its volume.

Spheres come from the medial axis (shrinking balls: Ma, Bae & Choi 2012, "3D medial axis point approximation using
nearest neighbors and the normal field"), thinned greedily so that those kept cover the most skin; fingers keep their
own along each bone, because a hand is a hundredth of the skin and most of the contact.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from zeroshot_hoi.body.kinematics import direction_rows
from zeroshot_hoi.body.labels import dominant_joints
from zeroshot_hoi.body.skeleton import FINGERS, SIDES
from zeroshot_hoi.body.surface import face_areas, face_normals, interior_points
from zeroshot_hoi.core.body import BodyPoints, BodySpheres, SkinnedBody
from zeroshot_hoi.core.errors import BodyError
from zeroshot_hoi.geometry.cache import cached_arrays, content_key

NEIGHBORS = 12
"""Skin vertices whose weights an interior point blends."""
LARGEST_BALL = 0.15
"""Metres; no medial sphere of an adult is larger."""
COVER_SLACKS = ((0.012, 0.3), (0.006, 0.12))
"""Metres, and share of its radius, beyond a sphere within which it stands for the skin: first loosely for all of the
skin, so that nothing is left bare, then tightly while spheres remain."""
SKIN_SAMPLES = 3000
PALM_ROWS = (0.35, 0.65, 0.95)
"""Where the palm has its spheres, along each line from the wrist to a knuckle."""
FINGER_SHARES = (0.25, 0.75)
"""Where each phalanx has its spheres, along its bone."""
REST_GAP = 0.004
"""Metres that two spheres must be apart at rest to be watched."""


def blended_weights(body: SkinnedBody, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skinning weights (N, G) for points inside the body, from the skin around, and the nearest vertex (N,)."""
    found = KDTree(body.rest_vertices).query(points, k=NEIGHBORS)
    distance, index = np.asarray(found[0]), np.asarray(found[1])
    share = 1.0 / np.maximum(distance, 1e-4) ** 2
    share /= share.sum(1, keepdims=True)
    return np.einsum("nk,nkg->ng", share, body.weights[index]), index[:, 0]


def _crossings(vertices: np.ndarray, faces: np.ndarray, spacing: float) -> tuple[np.ndarray, ...]:
    """Where vertical lines through a grid of columns cross the surface: column (N, 2), height (N,), sign (N,)."""
    corners = vertices[faces]
    flat = corners[..., :2] / spacing - 0.5 - 1e-4 * np.array([1.0, 0.7])
    low, high = np.ceil(flat.min(1)).astype(int), np.floor(flat.max(1)).astype(int)
    sides = np.maximum(high - low + 1, 0)
    counts = sides.prod(1)
    face = np.repeat(np.arange(len(faces)), counts)
    place = np.arange(len(face)) - np.repeat(np.cumsum(counts) - counts, counts)
    column = low[face] + np.stack([place // np.maximum(sides[face, 1], 1), place % np.maximum(sides[face, 1], 1)], 1)
    a, b, c = (flat[face, k] - column for k in range(3))

    def cross(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]

    parts = np.stack([cross(b, c), cross(c, a), cross(a, b)], axis=1)
    area = parts.sum(1)
    hit = ((parts * np.sign(area)[:, None]) >= 0).all(1) & (np.abs(area) > 1e-12)
    height = (parts[hit] * corners[face[hit], :, 2]).sum(1) / area[hit]
    return column[hit], height, np.sign(area[hit])


def fill(vertices: np.ndarray, faces: np.ndarray, spacing: float) -> np.ndarray:
    """(N, 3) points of a regular grid inside a closed surface (winding number above zero, counted along z)."""
    column, height, sign = _crossings(vertices, faces, spacing)
    bottom = vertices[:, 2].min()
    levels = np.arange(bottom + spacing / 2.0, vertices[:, 2].max(), spacing)
    columns, inverse = np.unique(column, axis=0, return_inverse=True)
    winding = np.zeros((len(columns), len(levels) + 1))
    top = np.searchsorted(levels, height)
    np.add.at(winding, (inverse.reshape(-1), top), sign)
    inside = np.cumsum(winding[:, ::-1], axis=1)[:, ::-1][:, 1:] > 0.5
    which, level = np.nonzero(inside)
    return np.concatenate([(columns[which] + 0.5) * spacing, levels[level][:, None]], axis=1)


def mass_center(body: SkinnedBody, spacing: float = 0.015) -> BodyPoints:
    """One point: the center of mass of a body of uniform density, as a linear function of the bone transforms."""
    points = fill(body.rest_vertices, body.faces, spacing)
    if len(points) < 100:
        raise BodyError(
            f"The skin of the body '{body.name}' encloses next to nothing ({len(points)} points at {spacing} m), so it "
            "has no center of mass. A hand alone (MANO) is open; a body's faces must be oriented outward."
        )
    weights, nearest = blended_weights(body, points)
    every = interior_points(body, points, weights, nearest)
    center = points.mean(0, keepdims=True)
    row = every.rows.mean(0, keepdims=True)
    vertex = np.linalg.norm(body.rest_vertices - center, axis=1).argmin(keepdims=True)
    return BodyPoints(row, np.zeros_like(row), center, np.zeros(1), vertex)


def mass_center_row(body: SkinnedBody) -> np.ndarray:
    """(4G,) row of the center of mass."""
    return mass_center(body).rows[0]


def gaze_ray(body: SkinnedBody) -> BodyPoints:
    """One point midway between the eyes, whose normal is the direction the head faces."""
    if "head" not in body.joint_names:
        raise BodyError(f"The body '{body.name}' ({body.model}) has no head to look with.")
    head = body.joint_names.index("head")
    eyes = [k for k, joint in enumerate(body.joint_names) if "eye" in joint]
    place = body.rest_joints[eyes].mean(0) if eyes else body.rest_joints[head] + [0.08, 0.0, 0.07]
    weights = np.zeros((1, body.bones))
    weights[0, head] = 1.0
    nearest = np.linalg.norm(body.rest_vertices - place, axis=1).argmin(keepdims=True)
    point = interior_points(body, place[None], weights, nearest)
    forward = direction_rows(np.array([[1.0, 0.0, 0.0]]), weights)
    return BodyPoints(point.rows, forward, point.rest, point.areas, point.vertices)


def _skin_samples(body: SkinnedBody, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centers and normals of faces drawn in proportion to area, and their nearest vertices; no randomness."""
    total = np.cumsum(face_areas(body))
    chosen = np.unique(np.searchsorted(total, (np.arange(count) + 0.5) * total[-1] / count))
    corners = body.faces[chosen]
    return body.rest_vertices[corners].mean(1), face_normals(body)[chosen], corners[:, 0]


def shrink_balls(points: np.ndarray, normals: np.ndarray, skin: KDTree, rounds: int = 12) -> np.ndarray:
    """(N,) radii of the largest balls inside the skin that touch it at `points (N, 3)`."""
    radius = np.full(len(points), LARGEST_BALL)
    cloud = np.asarray(skin.data)
    for _ in range(rounds):
        centers = points - radius[:, None] * normals
        distance, index = skin.query(centers)
        offset = points - cloud[index]
        smaller = (offset * offset).sum(1) / np.maximum(2.0 * (offset * normals).sum(1), 1e-9)
        radius = np.where(distance < radius - 1e-4, np.minimum(smaller, radius), radius)
    return radius


def _cover(covers: np.ndarray, kept: list[int], count: int) -> list[int]:
    """Rows of `covers (candidates, targets)` that, with those `kept`, cover most targets: greedy set cover."""
    kept, missing = list(kept), ~covers[kept].any(0)
    while len(kept) < count and missing.any():
        gain = covers[:, missing].sum(1)
        if gain.max() < 2:
            break
        kept.append(int(gain.argmax()))
        missing &= ~covers[kept[-1]]
    return kept


def _trunk_spheres(body: SkinnedBody, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Centers (n, 3) and radii (n,) that cover the skin except the hands', greedily by area newly covered."""
    key = content_key("trunk spheres 1", body.rest_vertices, body.faces, body.weights, body.joint_names, count)
    found = cached_arrays(
        "spheres", key, lambda: dict(zip(("centers", "radii"), _cover_trunk(body, count), strict=True))
    )
    return found["centers"], found["radii"]


def _cover_trunk(body: SkinnedBody, count: int) -> tuple[np.ndarray, np.ndarray]:
    points, normals, vertex = _skin_samples(body, SKIN_SAMPLES)
    owner = dominant_joints(body)[vertex]
    hands = [k for k, joint in enumerate(body.joint_names) if joint.endswith("wrist")]
    body_only = ~np.isin(owner, _finger_joints(body) + hands)
    radius = shrink_balls(points, normals, KDTree(points))
    centers = points - radius[:, None] * normals
    dense = body.rest_vertices[body.faces].mean(1)
    nearest, face = KDTree(dense).query(centers)
    inside = ((centers - dense[face]) * face_normals(body)[face]).sum(1) < -0.7 * nearest
    radius = np.minimum(radius, nearest)
    candidates = np.flatnonzero(body_only & inside & (radius > 0.008) & (radius < LARGEST_BALL))[::2]
    targets = np.flatnonzero(body_only)
    gap = cdist(centers[candidates], points[targets]) - radius[candidates][:, None]
    kept: list[int] = []
    for metres, share in COVER_SLACKS:
        kept = _cover(gap < metres + share * radius[candidates][:, None], kept, count)
    return centers[candidates[kept]], radius[candidates[kept]]


def _finger_joints(body: SkinnedBody) -> list[int]:
    fingers = tuple(f"{side}_{finger}" for side in SIDES for finger in FINGERS)
    return [k for k, joint in enumerate(body.joint_names) if joint.startswith(fingers)]


def _finger_spheres(body: SkinnedBody) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Two spheres per phalanx: on the bone's line, as wide as the skin around it (median distance)."""
    owner = dominant_joints(body)
    centers, radii, names = [], [], []
    for joint in _finger_joints(body):
        word = body.joint_names[joint]
        skin = body.rest_vertices[owner == joint]
        if word[:-1].endswith("thumb") and word[-1] == "1":
            continue
        start = body.rest_joints[joint]
        along = skin.mean(0) - start
        along = along / np.linalg.norm(along)
        length = ((skin - start) @ along).max()
        for share in FINGER_SHARES:
            height = (skin - start) @ along
            ring = skin[np.abs(height - share * length) < 0.35 * length]
            middle = start + along * share * length
            side = (ring - middle) - np.outer((ring - middle) @ along, along)
            center = middle + side.mean(0)
            centers.append(center)
            radii.append(float(np.median(np.linalg.norm(side - side.mean(0), axis=1))))
            names.append(word[:-1].replace("_", " "))
    return np.array(centers).reshape(-1, 3), np.array(radii), names


def _palm_spheres(body: SkinnedBody) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Three spheres on each line from the wrist to a knuckle, as thick as the hand there."""
    centers, names = [], []
    for side in SIDES:
        for finger in FINGERS[:4]:
            if f"{side}_{finger}1" not in body.joint_names:
                continue
            wrist, knuckle = (body.rest_joints[body.joint_names.index(f"{side}_{n}")] for n in ("wrist", f"{finger}1"))
            centers += [wrist + share * (knuckle - wrist) for share in PALM_ROWS]
            names += [f"{side} hand"] * len(PALM_ROWS)
    places = np.array(centers).reshape(-1, 3)
    radii = KDTree(body.rest_vertices[body.faces].mean(1)).query(places)[0] if len(places) else np.zeros(0)
    return places, radii, names


def _separation(body: SkinnedBody) -> np.ndarray:
    """(J, J) number of bones between two joints along the skeleton."""
    count = len(body.joint_names)
    steps = np.full((count, count), 99)
    np.fill_diagonal(steps, 0)
    for joint, parent in enumerate(body.joint_parents):
        if parent >= 0:
            steps[joint, :joint] = steps[:joint, joint] = steps[parent, :joint] + 1
    return steps


def body_spheres(body: SkinnedBody, count: int = 90) -> BodySpheres:
    """The spheres of the body: `count` at most for trunk and limbs, 12 in each palm, two in each phalanx."""
    trunk, palms, fingers = _trunk_spheres(body, count), _palm_spheres(body), _finger_spheres(body)
    centers, radii = (np.concatenate([piece[k] for piece in (trunk, palms, fingers)]) for k in (0, 1))
    names = palms[2] + fingers[2]
    weights, nearest = blended_weights(body, centers)
    labels = np.array(body.part_labels)[nearest]
    parts = (*labels[: len(labels) - len(names)].tolist(), *names)
    owner = weights[:, : len(body.joint_names)].argmax(1)
    first, second = np.triu_indices(len(centers), 1)
    apart = np.linalg.norm(centers[first] - centers[second], axis=1) > radii[first] + radii[second] + REST_GAP
    watched = apart & (_separation(body)[owner[first], owner[second]] >= 2)
    watched &= np.array(parts)[first] != np.array(parts)[second]
    pairs = np.stack([first[watched], second[watched]], axis=1)
    return BodySpheres(interior_points(body, centers, weights, nearest), radii, parts, pairs)
