"""What the terms need of one body: rows of skin, soles, palms and thighs, spheres, and which freedoms a clip solves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.kinematics import direction_rows, vertex_rows
from zeroshot_hoi.body.labels import vertex_normals
from zeroshot_hoi.body.pads import all_pads, hand_pads, sole_points
from zeroshot_hoi.body.surface import concatenate, surface_points
from zeroshot_hoi.body.volume import body_spheres, gaze_ray, mass_center
from zeroshot_hoi.core.body import BodyPoints, BodySpheres, SkinnedBody
from zeroshot_hoi.core.errors import BodyError

POINT_FIELDS = ("rows", "normal_rows", "rest", "areas", "vertices")
SIDES = ("left", "right")
FINGERS = ("index", "middle", "ring", "pinky", "thumb")

SKIN_POINTS = 700
"""Points of the whole skin that look for objects and the ground."""

THIGH_STATIONS = np.linspace(0.3, 1.0, 15)
"""Places along a thigh, from hip to knee, where a palm may rest."""


@dataclass(frozen=True)
class PersonRows:
    """Rows and indices of one body; points are in BodyPoints order."""

    body: SkinnedBody
    active: tuple[int, ...]
    """Freedoms that a clip solves: all but fingers and toes."""
    fingers: Mapping[str, tuple[int, ...]]
    skin: BodyPoints
    vertices: BodyPoints
    """Every vertex of the body."""
    soles: Mapping[str, BodyPoints]
    palms: Mapping[str, np.ndarray]
    """Side -> (1, 4G): the middle of the palm's skin."""
    spheres: BodySpheres
    pairs: np.ndarray
    """(P, 2) spheres that must not overlap while the fingers keep their shape."""
    mass_center: np.ndarray
    """(1, 4G)"""
    gaze: np.ndarray
    """(2, 4G): the place between the eyes, and the direction the head faces."""
    root: np.ndarray
    """(1, 4G): the root joint."""
    radial: Mapping[str, np.ndarray]
    """Side -> (3,) rest direction across the palm to the thumb's side."""

    def support(self, part: str) -> BodyPoints:
        """The skin that carries weight when `part` is supported: buttocks and the back of the thighs, the back, a sole."""
        if part == "hips":
            buttocks = concatenate([surface_points(self.body, f"{s} buttock", 60, 4) for s in SIDES])
            return concatenate([buttocks, *(self._back_of_thigh(s, 24) for s in SIDES)])
        if part == "torso":
            return surface_points(self.body, "back", 60, 4)
        if part.endswith("foot"):
            return self.soles[part.split()[0]]
        if part.endswith("leg"):
            return self._back_of_thigh(part.split()[0], 60)
        return surface_points(self.body, part, 60, 4)

    def touching(self, part: str) -> BodyPoints:
        """The skin that touches lightly: palmar pads of a hand, a sole, or all of any other part."""
        if part.endswith("hand"):
            return all_pads(hand_pads(self.body, part.split()[0], 3))
        if part.endswith("foot"):
            return self.soles[part.split()[0]]
        return surface_points(self.body, part, 60, 4)

    def skin_where(self, mask: np.ndarray) -> BodyPoints:
        """The skin points whose nearest vertex is in the vertex mask `(V,)`."""
        chosen = mask[self.skin.vertices]
        return BodyPoints(*(getattr(self.skin, k)[chosen] for k in POINT_FIELDS))

    def vertex_points(self, vertices: np.ndarray) -> BodyPoints:
        """Body vertices as points."""
        return BodyPoints(*(getattr(self.vertices, k)[vertices] for k in POINT_FIELDS))

    def default_near(self, mask: np.ndarray, count: int) -> np.ndarray:
        """(count,) vertices spread over the vertex mask `(V,)`, where nothing is known yet."""
        return np.resize(surface_points(self.body, mask, count, 9).vertices, count)

    def outside_part(self, points: BodyPoints, part: str) -> np.ndarray:
        """(N,) whether each point is on another body part."""
        return np.array(self.body.part_labels)[points.vertices] != part

    def is_of_hand(self, label: str, hand: str) -> bool:
        """Whether a sphere's label belongs to `left hand` or `right hand`, fingers included."""
        side = hand.split()[0]
        return label == hand or (label.startswith(side + " ") and label.split()[1] in (*FINGERS, "palm"))

    def near_support(self, points: BodyPoints, part: str) -> np.ndarray:
        """(N,) whether each point lies on the skin that a support of `part` presses on."""
        labels = np.array(self.body.part_labels)[points.vertices]
        regions = np.array(self.body.regions)[points.vertices]
        if part == "hips":
            thigh = np.isin(labels, ("left leg", "right leg")) & (points.rest[:, 0] < self._thigh_line(points.rest[:, 2]))
            return (labels == "hips") | thigh | np.char.endswith(regions, "buttock")
        if part == "torso":
            return (regions == "back") | ((labels == "torso") & (points.rest[:, 0] < 0.0))
        return labels == part

    def sole_anchors(self, feet: Mapping[str, tuple[float, float, float]]) -> np.ndarray:
        """(N, 3) where the sole points stand on the ground for feet at (x, y, yaw)."""
        at = dict(zip(self.body.joint_names, self.body.rest_joints, strict=True))
        anchors = []
        for side in SIDES:
            x, y, yaw = feet[side]
            ankle, toe = at[f"{side}_ankle"], at[f"{side}_foot"]
            turn = yaw - np.arctan2(*(toe - ankle)[[1, 0]])
            local = self.soles[side].rest - [ankle[0], ankle[1], self.soles[side].rest[:, 2].min()]
            anchors.append(Rotation.from_euler("z", turn).apply(local) + [x, y, 0.0])
        return np.concatenate(anchors)

    def thigh_rows(self, side: str, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows (T, 1, 4G) of points on top of a thigh, at `place (T,)` from hip (0) to knee (1), and of their normals."""
        stations = self._thigh_stations(side)
        position = np.interp(place, THIGH_STATIONS, np.arange(len(THIGH_STATIONS)))
        low = np.minimum(position.astype(int), len(THIGH_STATIONS) - 2)
        share = (position - low)[:, None, None]

        def mixed(rows: np.ndarray) -> np.ndarray:
            return (1 - share) * rows[low][:, None] + share * rows[low + 1][:, None]

        return mixed(stations.rows), mixed(stations.normal_rows)

    def _thigh_stations(self, side: str) -> BodyPoints:
        at = dict(zip(self.body.joint_names, self.body.rest_joints, strict=True))
        hip, knee = at[f"{side}_hip"], at[f"{side}_knee"]
        points = surface_points(self.body, f"{side} leg", 900, 5)
        front = points.rest[:, 0] - (hip + (knee - hip) * 0.5)[0]
        along = (points.rest - hip) @ (knee - hip) / ((knee - hip) @ (knee - hip))
        aside = np.abs(points.rest[:, 1] - (hip + along[:, None] * (knee - hip))[:, 1])
        cost = np.abs(along[None] - THIGH_STATIONS[:, None]) + 3.0 * aside[None] + 5.0 * (front < 0.0)[None]
        chosen = cost.argmin(1)
        return BodyPoints(*(getattr(points, k)[chosen] for k in POINT_FIELDS))

    def _thigh_line(self, z: np.ndarray) -> np.ndarray:
        at = dict(zip(self.body.joint_names, self.body.rest_joints, strict=True))
        hip, knee = at["left_hip"], at["left_knee"]
        return np.interp(z, [knee[2], hip[2]], [knee[0], hip[0]])

    def _back_of_thigh(self, side: str, count: int) -> BodyPoints:
        at = dict(zip(self.body.joint_names, self.body.rest_joints, strict=True))
        hip, knee = at[f"{side}_hip"], at[f"{side}_knee"]
        vertices = self.body.rest_vertices
        along = (vertices - hip) @ (knee - hip) / ((knee - hip) @ (knee - hip))
        behind = vertices[:, 0] < self._thigh_line(vertices[:, 2]) - 0.045
        labels = np.array(self.body.part_labels)
        mask = np.isin(labels, (f"{side} leg", "hips")) & behind & (along > 0.15) & (along < 0.62)
        mask &= np.sign(vertices[:, 1]) == np.sign(hip[1])
        return surface_points(self.body, mask, count, 6)


def _vertex_points(body: SkinnedBody) -> BodyPoints:
    normals = direction_rows(vertex_normals(body.rest_vertices, body.faces), body.weights)
    count = len(body.rest_vertices)
    rows = vertex_rows(body)
    return BodyPoints(
        rows.astype(np.float32), normals.astype(np.float32), body.rest_vertices, np.zeros(count), np.arange(count)
    )


def person_rows(body: SkinnedBody) -> PersonRows:
    """Measures one body; the body needs a whole skeleton with feet."""
    missing = [j for j in ("pelvis", "left_ankle", "right_wrist") if j not in body.joint_names]
    if missing:
        raise BodyError(
            f"The body '{body.name}' ({body.model}) has no joint {missing[0]}: a person needs a whole body. "
            f"Use neutral, female, male, an SMPL-X or an SMPL-H file."
        )
    names = body.freedoms.names
    fingers = {s: tuple(i for i, n in enumerate(names) if n.startswith(tuple(f"{s} {f}" for f in FINGERS))) for s in SIDES}
    fixed = {*fingers["left"], *fingers["right"], *(i for i, n in enumerate(names) if "toe" in n)}
    spheres = body_spheres(body)
    finger = np.array([label.split()[-1] in FINGERS for label in spheres.parts])
    pairs = spheres.pairs[~(finger[spheres.pairs[:, 0]] & finger[spheres.pairs[:, 1]])]
    skin = surface_points(body, np.ones(len(body.rest_vertices), bool), SKIN_POINTS, 7)
    at = dict(zip(body.joint_names, body.rest_joints, strict=True))
    look = gaze_ray(body)
    root = np.zeros((1, 4 * body.bones))
    root[0, 3] = 1.0
    return PersonRows(
        body=body,
        active=tuple(i for i in range(len(names)) if i not in fixed),
        fingers=fingers,
        skin=skin,
        vertices=_vertex_points(body),
        soles={s: sole_points(body, s) for s in SIDES},
        palms={s: surface_points(body, f"{s} palm", 32, 8).rows.mean(0, keepdims=True) for s in SIDES},
        spheres=spheres,
        pairs=pairs,
        mass_center=mass_center(body).rows,
        gaze=np.concatenate([look.rows, look.normal_rows]),
        root=root,
        radial={s: at[f"{s}_index1"] - at[f"{s}_pinky1"] for s in SIDES},
    )
