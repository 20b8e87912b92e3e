"""What the terms need of one body: rows of skin, soles, palms and thighs, spheres, and which freedoms a clip solves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.fold import FoldedBody, fold_body, fold_points
from zeroshot_hoi.body.kinematics import direction_rows, skinning_rows, vertex_rows
from zeroshot_hoi.body.labels import vertex_normals
from zeroshot_hoi.body.pads import all_pads, hand_pads, sole_points
from zeroshot_hoi.body.surface import concatenate, surface_points
from zeroshot_hoi.body.volume import body_spheres, gaze_ray, mass_center
from zeroshot_hoi.core.body import BodyPoints, BodySpheres, SkinnedBody
from zeroshot_hoi.core.errors import BodyError
from zeroshot_hoi.optimization.hand import hand_frame

POINT_FIELDS = ("rows", "normal_rows", "rest", "areas", "vertices")
LOOKS_AHEAD = 0.5
"""Least share ahead of the normals of the torso's front."""

SIDES = ("left", "right")
FINGERS = ("index", "middle", "ring", "pinky", "thumb")

SKIN_POINTS = 200
"""Points of the whole skin that look for objects and the ground."""

FOREARM = 0.3
"""Metres from the wrist."""

PAD_POINTS = 3
"""Points of each palmar pad of a hand that touches."""

BALL_SHARE, HEEL_SHARE, SOLE_PAD_POINTS = (0.6, 0.85), 0.25, 8
"""Of a sole's length from the heel: where its ball is, how far the heel goes; points of each pad."""

FACE_POINTS, MOUTH = 6, np.array([-0.015, 0.0, -0.035])
"""Vertices around each place of the face that things are brought to; metres from the tip of the nose to the mouth."""

DENSE = 7000
"""Points laid on the skin to choose the vertices among which stages look for what is near."""

THIGH_STATIONS = np.linspace(0.3, 1.0, 15)
"""Places along a thigh, from hip to knee, where a palm may rest."""


@dataclass(frozen=True)
class PersonRows:
    """Rows and indices of one body; points are in BodyPoints order."""

    body: SkinnedBody
    folded: FoldedBody
    """The body with the joints that a clip moves: all but fingers, jaw and eyes."""
    active: tuple[int, ...]
    """Freedoms that a clip solves: all but fingers, and toes, which follow the reference."""
    fingers: Mapping[str, tuple[int, ...]]
    skin: BodyPoints
    vertices: BodyPoints
    """Vertices that stand for the whole skin when stages look for what is near: DENSE of the body, all of the hands."""
    soles: Mapping[str, BodyPoints]
    palms: Mapping[str, np.ndarray]
    """Side -> (1, 4G): the middle of the palm's skin."""
    wrists: Mapping[str, BodyPoints]
    """Side -> WRIST_POINTS rigidly on the wrist, as wide apart as a palm: where they are, the hand is."""
    spheres: BodySpheres
    pairs: np.ndarray
    """(P, 2) spheres that must not overlap while the fingers keep their shape."""
    mass_center: np.ndarray
    """(1, 4G)"""
    gaze: np.ndarray
    """(2, 4G): the place between the eyes, and the direction the head faces."""
    root: np.ndarray
    """(1, 4G): the root joint."""
    trunk: np.ndarray
    """(3, 4G): between the hips, between the shoulders, and the direction of the hips to the left."""
    arms: np.ndarray
    """(8, 4G): left and right shoulder, elbow, wrist, between the hips, the direction of the shoulders to the left."""
    radial: Mapping[str, np.ndarray]
    """Side -> (3,) rest direction across the palm to the thumb's side."""
    thighs: Mapping[str, BodyPoints]
    """Side -> points on top of the thigh at THIGH_STATIONS."""
    supports: Mapping[str, BodyPoints]
    """Body part -> the skin that carries weight when it is supported."""
    chest: BodyPoints
    """The front of the torso."""
    pads: Mapping[str, BodyPoints]
    """Side -> PAD_POINTS of every palmar pad of a hand that touches, pad after pad."""
    pad_names: tuple[str, ...]
    """Of one hand's pads, without the side."""

    def shaped(self, q: np.ndarray) -> PersonRows:
        """The same rows on the moving bones only, for fingers at the values in `q (D,)`."""
        fold = self.folded.matrix(q)

        def all_of(points: Mapping[str, BodyPoints]) -> dict[str, BodyPoints]:
            return {key: fold_points(value, fold) for key, value in points.items()}

        return replace(
            self,
            skin=fold_points(self.skin, fold),
            vertices=fold_points(self.vertices, fold),
            soles=all_of(self.soles),
            palms={side: rows @ fold for side, rows in self.palms.items()},
            wrists=all_of(self.wrists),
            spheres=replace(self.spheres, centers=fold_points(self.spheres.centers, fold)),
            mass_center=self.mass_center @ fold,
            gaze=self.gaze @ fold,
            root=self.root @ fold,
            trunk=self.trunk @ fold,
            arms=self.arms @ fold,
            thighs=all_of(self.thighs),
            supports=all_of(self.supports),
            chest=fold_points(self.chest, fold),
            pads=all_of(self.pads),
        )

    def support(self, part: str) -> BodyPoints:
        """The skin that carries weight when `part` is supported: buttocks and thighs, the back, a sole."""
        if part.endswith("foot"):
            return self.soles[part.split()[0]]
        return self.supports[part]

    def touching(self, part: str) -> BodyPoints:
        """The skin that touches lightly: palmar pads of a hand, a sole, the front of the torso, or what carries any
        other part."""
        if part.endswith("hand"):
            return self.pads[part.split()[0]]
        if part == "torso":
            return self.chest
        return self.support(part)

    def foot_pads(self, side: str, whole: bool) -> np.ndarray:
        """Rows (P, K, 4G) of a sole: the inner and the outer half of the ball, and of a `whole` foot the heel."""
        local, rows = self.sole_local(side), self.soles[side].rows
        ahead, aside = local[:, 0], local[:, 1]
        low, high = float(ahead.min()), float(ahead.max())
        share = (ahead - low) / (high - low)
        ball = (share > BALL_SHARE[0]) & (share < BALL_SHARE[1])
        middle = float(np.median(aside[ball]))
        pads = [ball & (aside >= middle), ball & (aside < middle)] + [share < HEEL_SHARE] * whole
        return np.stack([rows[np.resize(np.flatnonzero(pad), SOLE_PAD_POINTS)] for pad in pads])

    def face(self, name: str) -> np.ndarray:
        """Rows (P, K, 4G) of the skin before both `eyes`, or around the `mouth`."""
        head = np.flatnonzero(np.array(self.body.part_labels)[self.vertices.vertices] == "head")
        at, rest = _joints(self.body), self.vertices.rest[head]
        eyes = [at[joint] for joint in self.body.joint_names if "eye" in joint]
        if name == "eyes" and eyes:
            spots = [eye + [0.015, 0.0, 0.0] for eye in eyes]
        else:
            nose = rest[rest[:, 0].argmax()]
            spots = [nose + MOUTH] if name == "mouth" else [nose + [-0.03, s * 0.032, 0.035] for s in (1.0, -1.0)]
        near = [np.linalg.norm(rest - spot, axis=1).argsort(kind="stable")[:FACE_POINTS] for spot in spots]
        return np.stack([self.vertices.rows[head[chosen]] for chosen in near])

    def skin_where(self, mask: np.ndarray) -> BodyPoints:
        """The skin points whose nearest vertex is in the vertex mask `(V,)`."""
        chosen = mask[self.skin.vertices]
        return BodyPoints(*(getattr(self.skin, k)[chosen] for k in POINT_FIELDS))

    def vertex_points(self, chosen: np.ndarray) -> BodyPoints:
        """Some of `vertices`."""
        return BodyPoints(*(getattr(self.vertices, k)[chosen] for k in POINT_FIELDS))

    def default_near(self, mask: np.ndarray, count: int, hands: tuple[str, ...] = ()) -> np.ndarray:
        """(count,) of `vertices` spread over the vertex mask `(V,)`, where nothing is known yet.

        Half of them lie within FOREARM of the wrists whose `hands` hold the object: their arms are nearest to it.
        """
        allowed = np.flatnonzero(mask[self.vertices.vertices])
        if not hands:
            return _strided(allowed, count)
        close = np.zeros(len(allowed), bool)
        for hand in hands:
            wrist = self.body.rest_joints[self.body.joint_names.index(f"{hand.split()[0]}_wrist")]
            close |= np.linalg.norm(self.vertices.rest[allowed] - wrist, axis=1) < FOREARM
        return np.concatenate([_strided(allowed[close], count // 2), _strided(allowed, count - count // 2)])

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
            thigh = np.isin(labels, ("left leg", "right leg")) & (
                points.rest[:, 0] < self._thigh_line(points.rest[:, 2])
            )
            return (labels == "hips") | thigh | np.char.endswith(regions, "buttock")
        if part == "torso":
            return (regions == "back") | ((labels == "torso") & (points.rest[:, 0] < 0.0))
        return labels == part

    def sole_local(self, side: str) -> np.ndarray:
        """(N, 3) sole points of a foot that stands flat: origin on the ground below the ankle, x from ankle to ball."""
        at = _joints(self.body)
        ankle, toe = at[f"{side}_ankle"], at[f"{side}_foot"]
        local = self.soles[side].rest - [ankle[0], ankle[1], self.soles[side].rest[:, 2].min()]
        return Rotation.from_euler("z", -np.arctan2(*(toe - ankle)[[1, 0]])).apply(local)

    def sole_anchors(self, feet: Mapping[str, tuple[float, float, float]]) -> np.ndarray:
        """(N, 3) where the sole points stand on the ground for feet at (x, y, yaw)."""
        anchors = []
        for side in SIDES:
            x, y, yaw = feet[side]
            anchors.append(Rotation.from_euler("z", yaw).apply(self.sole_local(side)) + [x, y, 0.0])
        return np.concatenate(anchors)

    def thigh_rows(self, side: str, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows (T, 1, 4G) of points on top of a thigh at `place (T,)`, hip 0 to knee 1, and of their normals."""
        stations = self.thighs[side]
        position = np.interp(place, THIGH_STATIONS, np.arange(len(THIGH_STATIONS)))
        low = np.minimum(position.astype(int), len(THIGH_STATIONS) - 2)
        share = (position - low)[:, None, None]

        def mixed(rows: np.ndarray) -> np.ndarray:
            return (1 - share) * rows[low][:, None] + share * rows[low + 1][:, None]

        return mixed(stations.rows), mixed(stations.normal_rows)

    def _thigh_line(self, z: np.ndarray) -> np.ndarray:
        return _thigh_line(self.body, z)


def _strided(indices: np.ndarray, count: int) -> np.ndarray:
    return np.resize(indices[:: max(1, len(indices) // count)], count)


def _joints(body: SkinnedBody) -> dict[str, np.ndarray]:
    return dict(zip(body.joint_names, body.rest_joints, strict=True))


def _thigh_line(body: SkinnedBody, z: np.ndarray) -> np.ndarray:
    """x of the thigh bone at rest heights `z (N,)`."""
    at = _joints(body)
    return np.interp(z, [at["left_knee"][2], at["left_hip"][2]], [at["left_knee"][0], at["left_hip"][0]])


def _thigh_stations(body: SkinnedBody, side: str) -> BodyPoints:
    """One point on top of the thigh for each of THIGH_STATIONS."""
    at = _joints(body)
    hip, knee = at[f"{side}_hip"], at[f"{side}_knee"]
    points = surface_points(body, f"{side} leg", 900, 5)
    front = points.rest[:, 0] - (hip + (knee - hip) * 0.5)[0]
    along = (points.rest - hip) @ (knee - hip) / ((knee - hip) @ (knee - hip))
    aside = np.abs(points.rest[:, 1] - (hip + along[:, None] * (knee - hip))[:, 1])
    cost = np.abs(along[None] - THIGH_STATIONS[:, None]) + 3.0 * aside[None] + 5.0 * (front < 0.0)[None]
    chosen = cost.argmin(1)
    return BodyPoints(*(getattr(points, k)[chosen] for k in POINT_FIELDS))


def _back_of_thigh(body: SkinnedBody, side: str, count: int) -> BodyPoints:
    at = _joints(body)
    hip, knee = at[f"{side}_hip"], at[f"{side}_knee"]
    vertices = body.rest_vertices
    along = (vertices - hip) @ (knee - hip) / ((knee - hip) @ (knee - hip))
    behind = vertices[:, 0] < _thigh_line(body, vertices[:, 2]) - 0.045
    mask = np.isin(np.array(body.part_labels), (f"{side} leg", "hips")) & behind & (along > 0.15) & (along < 0.62)
    mask &= np.sign(vertices[:, 1]) == np.sign(hip[1])
    return surface_points(body, mask, count, 6)


WRIST_POINTS = np.array([[0.02, 0.0, 0.0], [0.1, 0.04, 0.0], [0.1, -0.04, 0.0], [0.06, 0.0, 0.04]])
"""(4, 3) metres from the wrist: along the hand, across it to the thumb's side, out of the palm."""


def _wrist_points(body: SkinnedBody, side: str) -> BodyPoints:
    frame = hand_frame(body, side)
    wrist = body.joint_names.index(f"{side}_wrist")
    axes = np.stack([frame.distal, frame.radial, frame.normal])
    points = body.rest_joints[wrist] + WRIST_POINTS @ axes
    weights = np.zeros((len(points), body.bones))
    weights[:, wrist] = 1.0
    rows = skinning_rows(body, points, weights)
    normal_rows = direction_rows(np.repeat(frame.normal[None], len(points), 0), weights)
    return BodyPoints(rows, normal_rows, points, np.zeros(len(points)), np.full(len(points), -1))


def _chest(body: SkinnedBody) -> int:
    """The bone that both shoulders hang on."""

    def above(joint: int) -> list[int]:
        parent = int(body.joint_parents[joint])
        return [parent, *above(parent)] if parent > 0 else [parent]

    left, right = (above(body.joint_names.index(f"{side}_shoulder")) for side in SIDES)
    return next(joint for joint in left if joint in right)


def _trunk(body: SkinnedBody) -> np.ndarray:
    """(3, 4G) rows of the trunk's ends, on the pelvis and on the bone that both shoulders hang on, and of the left."""
    at = _joints(body)
    ends = np.stack([0.5 * (at[f"left_{name}"] + at[f"right_{name}"]) for name in ("hip", "shoulder")])
    weights = np.eye(body.bones)[[0, _chest(body)]]
    left = direction_rows((at["left_hip"] - at["right_hip"])[None], weights[:1])
    return np.concatenate([skinning_rows(body, ends, weights), left])


def _arms(body: SkinnedBody) -> np.ndarray:
    """(8, 4G) rows of the joints of both arms, of the trunk's lower end, and of the left on what shoulders hang on."""
    at, bones = _joints(body), np.eye(body.bones)
    joints = [f"{side}_{name}" for side in SIDES for name in ("shoulder", "elbow", "wrist")]
    points = np.stack([at[name] for name in joints])
    own = skinning_rows(body, points, bones[[body.joint_names.index(name) for name in joints]])
    left = direction_rows((at["left_shoulder"] - at["right_shoulder"])[None], bones[[_chest(body)]])
    return np.concatenate([own, _trunk(body)[:1], left])


def _front_of_torso(body: SkinnedBody) -> np.ndarray:
    """(V,) which vertices are of the torso and look ahead."""
    ahead = vertex_normals(body.rest_vertices, body.faces)[:, 0]
    return (np.array(body.part_labels) == "torso") & (ahead > LOOKS_AHEAD)


def _supports(body: SkinnedBody) -> dict[str, BodyPoints]:
    """Buttocks and the back of the thighs for the hips, the back for the torso, all of any other part but the feet."""
    supports = {
        "hips": concatenate(
            [surface_points(body, f"{s} buttock", 60, 4) for s in SIDES] + [_back_of_thigh(body, s, 24) for s in SIDES]
        ),
        "torso": surface_points(body, "back", 60, 4),
        **{f"{s} leg": _back_of_thigh(body, s, 60) for s in SIDES},
    }
    others = set(body.part_labels) - {*supports, "left foot", "right foot"}
    return supports | {part: surface_points(body, part, 60, 4) for part in sorted(others)}


def _vertex_points(body: SkinnedBody) -> BodyPoints:
    spread = surface_points(body, np.ones(len(body.rest_vertices), bool), DENSE, 10).vertices
    hands = np.flatnonzero(np.isin(np.array(body.part_labels), ("left hand", "right hand")))
    chosen = np.union1d(spread, hands)
    normals = vertex_normals(body.rest_vertices, body.faces)[chosen]
    rows = vertex_rows(body, chosen).astype(np.float32)
    normal_rows = direction_rows(normals, body.weights[chosen]).astype(np.float32)
    return BodyPoints(rows, normal_rows, body.rest_vertices[chosen], np.zeros(len(chosen)), chosen)


def _is_fixed(joint: str) -> bool:
    """Whether a clip never moves the joint: fingers, jaw and eyes."""
    return "eye" in joint or joint == "jaw" or any(finger in joint for finger in FINGERS)


def person_rows(body: SkinnedBody) -> PersonRows:
    """Measures one body; the body needs a whole skeleton with feet."""
    missing = [j for j in ("pelvis", "left_ankle", "right_wrist") if j not in body.joint_names]
    if missing:
        raise BodyError(
            f"The body '{body.name}' ({body.model}) has no joint {missing[0]}: a person needs a whole body. "
            f"Use neutral, female, male, an SMPL-X or an SMPL-H file."
        )
    names = body.freedoms.names
    fingers = {
        s: tuple(i for i, n in enumerate(names) if n.startswith(tuple(f"{s} {f}" for f in FINGERS))) for s in SIDES
    }
    fixed = {*fingers["left"], *fingers["right"], *(i for i, n in enumerate(names) if "toe" in n)}
    spheres = body_spheres(body)
    finger = np.array([label.split()[-1] in FINGERS for label in spheres.parts])
    pairs = spheres.pairs[~(finger[spheres.pairs[:, 0]] & finger[spheres.pairs[:, 1]])]
    skin = surface_points(body, np.ones(len(body.rest_vertices), bool), SKIN_POINTS, 7)
    at = _joints(body)
    look, pads = gaze_ray(body), {s: hand_pads(body, s, PAD_POINTS) for s in SIDES}
    root = np.zeros((1, 4 * body.bones))
    root[0, 3] = 1.0
    return PersonRows(
        body=body,
        folded=fold_body(body, tuple(n for n in body.joint_names if not _is_fixed(n))),
        active=tuple(i for i in range(len(names)) if i not in fixed),
        fingers=fingers,
        skin=skin,
        vertices=_vertex_points(body),
        soles={s: sole_points(body, s) for s in SIDES},
        palms={s: surface_points(body, f"{s} palm", 32, 8).rows.mean(0, keepdims=True) for s in SIDES},
        spheres=spheres,
        pairs=pairs,
        wrists={s: _wrist_points(body, s) for s in SIDES},
        thighs={s: _thigh_stations(body, s) for s in SIDES},
        supports=_supports(body),
        chest=surface_points(body, _front_of_torso(body), 60, 4),
        pads={s: all_pads(p) for s, p in pads.items()},
        pad_names=tuple(name.partition(" ")[2] for name in pads["left"]),
        mass_center=mass_center(body).rows,
        gaze=np.concatenate([look.rows, look.normal_rows]),
        root=root,
        trunk=_trunk(body),
        arms=_arms(body),
        radial={s: at[f"{s}_index1"] - at[f"{s}_pinky1"] for s in SIDES},
    )
