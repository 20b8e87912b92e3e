"""A small but real problem: the embedded body, one object on its wrist, one free, one fixed, every kind of term."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body import load_body
from zeroshot_hoi.body.surface import surface_points
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.scene import DistanceGrid
from zeroshot_hoi.geometry.query import GridArrays, pad_grid
from zeroshot_hoi.optimization.energies import contact, penetration, posture, tracking
from zeroshot_hoi.optimization.problem import ObjectUnknowns, PersonUnknowns, Problem, Term

ACTIVE = (
    "root x-rotation", "root y-rotation", "lumbar flexion", "right shoulder flexion", "right shoulder abduction",
    "right elbow flexion", "right forearm pronation", "right index1 flexion", "left hip flexion", "left knee flexion",
)  # fmt: skip
FRAMES = 9
"""Two chunks of frames, the second padded."""

WRIST_OBJECT, FREE_OBJECT, FIXED_OBJECT = range(3)


def rounded_box(half: tuple[float, float, float], dtype: type = np.float64) -> GridArrays:
    """The padded distance grid of a box with 2 cm round edges."""
    low, spacing = -np.array(half) - 0.15, 0.02
    axes = [np.arange(a, -a + spacing, spacing) for a in low]
    q = np.abs(np.stack(np.meshgrid(*axes, indexing="ij"), -1)) - np.array(half) + 0.02
    values = np.linalg.norm(np.maximum(q, 0.0), axis=-1) + np.minimum(q.max(-1), 0.0) - 0.02
    return pad_grid(DistanceGrid(low, spacing, values), dtype=dtype)


def interaction_problem(frames: int = FRAMES, seed: int = 0) -> Problem:
    """A person with something in the right hand, beside something free and something fixed."""
    body, rng = load_body("neutral"), np.random.default_rng(seed)
    names = body.freedoms.names
    active = tuple(names.index(name) for name in ACTIVE)
    wrist = body.joint_names.index("right_wrist")
    q = np.clip(rng.normal(0.0, 0.2, (frames, len(names))), *body.freedoms.limits.T)
    turn = Rotation.random(frames, rng=rng).as_matrix()
    hand = surface_points(body, "right hand", 40, 0)
    base = {
        "q0": q,
        "root0": body.rest_joints[0] + rng.normal(0.0, 0.02, (frames, 3)),
        "heading0": Rotation.from_rotvec(rng.uniform(-3, 3, (frames, 1)) * [0.0, 0.0, 1.0]).as_matrix(),
        "rotation0": turn, "translation0": hand.rest.mean(0) + rng.normal(0.0, 0.01, (frames, 3)),
        "rotation1": turn, "translation1": rng.normal(0.0, 0.1, (frames, 3)) + [0.2, 0.0, 1.0],
        "rotation2": turn, "translation2": rng.normal(0.0, 0.1, (frames, 3)) + [0.0, 0.1, 0.9],
    }  # fmt: skip
    objects = (ObjectUnknowns("ride", 0, wrist), ObjectUnknowns("free"), ObjectUnknowns("fixed"))
    terms = (*_hand_terms(body, rng, frames), *_body_terms(body, rng, frames), *_object_terms(rng, frames))
    return Problem((PersonUnknowns(body, active),), objects, base, terms)


def _hand_terms(body: SkinnedBody, rng: np.random.Generator, frames: int) -> tuple[Term, ...]:
    hand, grid = surface_points(body, "right hand", 40, 0), rounded_box((0.02, 0.02, 0.1))
    back = surface_points(body, "hips", 20, 1)
    open_gate = rng.uniform(0.2, 1.0, frames)
    return (
        Term(
            "pads",
            contact.pads,
            0.003,
            0,
            WRIST_OBJECT,
            constants={"rows": hand.rows[:36].reshape(9, 4, -1), "grid": grid, "reach": np.full(9, 0.02)},
            frames={"weight": np.repeat(open_gate[:, None], 9, 1)},
        ),
        Term(
            "surface",
            contact.surface,
            0.006,
            0,
            FIXED_OBJECT,
            constants={"rows": back.rows, "grid": rounded_box((0.2, 0.2, 0.02)), "depth": np.full(20, 0.01)},
            frames={"weight": np.repeat(open_gate[:, None], 20, 1)},
        ),
        Term(
            "carried",
            contact.carried,
            0.006,
            0,
            FIXED_OBJECT,
            constants={"rows": back.rows, "grid": rounded_box((0.2, 0.2, 0.02)), "reach": np.array([0.25])},
            frames={"weight": open_gate[:, None], "depth": np.full((frames, 1), 0.01)},
        ),
        Term(
            "bearing",
            contact.bearing_area,
            0.0008,
            0,
            FIXED_OBJECT,
            constants={
                "rows": back.rows,
                "grid": rounded_box((0.2, 0.2, 0.02)),
                "areas": back.areas,
                "wanted": np.array([back.areas.sum()]),
            },
            frames={"weight": open_gate[:, None]},
        ),
        Term(
            "stroked",
            contact.stroked,
            0.006,
            0,
            FREE_OBJECT,
            constants={"rows": hand.rows[:1]},
            frames={
                "anchor": rng.normal(0.0, 0.1, (frames, 1, 3)),
                "offset": rng.normal(0.0, 0.1, (frames, 1, 3)),
                "gate": open_gate[:, None, None],
            },
        ),
        Term(
            "anchored",
            contact.anchored,
            0.003,
            0,
            FREE_OBJECT,
            constants={"rows": hand.rows[:4]},
            frames={"anchor": rng.normal(0.0, 0.1, (frames, 4, 3)), "gate": open_gate[:, None, None]},
        ),
        Term(
            "facing",
            contact.facing,
            0.3,
            0,
            FIXED_OBJECT,
            constants={"normal_rows": back.normal_rows, "normal": np.array([0.0, 0.0, 1.0])},
            frames={"gate": open_gate[:, None]},
        ),
        Term(
            "front",
            penetration.body_behind_plate,
            0.003,
            0,
            FIXED_OBJECT,
            constants={
                "rows": hand.rows,
                "radii": np.full(len(hand), 0.4),
                "center": np.zeros(3),
                "axes": np.eye(3),
                "half": np.array([3.0, 2.0]),
            },
            frames={"gate": open_gate[:, None]},
        ),
        Term(
            "wrench",
            contact.wrench,
            0.15,
            0,
            WRIST_OBJECT,
            constants={
                "rows": hand.rows,
                "normal_rows": hand.normal_rows,
                "grid": grid,
                "center": np.zeros(3),
                "radius": np.float64(0.05),
            },
        ),
        Term(
            "centered",
            contact.centered,
            0.006,
            0,
            WRIST_OBJECT,
            constants={
                "rows": hand.rows.mean(0, keepdims=True),
                "center": np.zeros(3),
                "axis": np.array([0.0, 0.0, 1.0]),
                "half_length": np.float64(0.001),
            },
        ),
        Term(
            "together",
            contact.together,
            0.012,
            constants={"rows": hand.rows[:1], "offset": np.array([0.02])},
            frames={
                "other_rows": np.repeat(back.rows[None, :1], frames, 0),
                "gate": open_gate,
                "other_normal_rows": np.repeat(back.normal_rows[None, :1], frames, 0),
            },
        ),
    )


def _body_terms(body: SkinnedBody, rng: np.random.Generator, frames: int) -> tuple[Term, ...]:
    skin = surface_points(body, np.ones(len(body.rest_vertices), bool), 120, 2)
    root = np.zeros((1, 4 * body.bones))
    root[0, 3] = 1.0
    stiffness = np.sqrt(body.freedoms.stiffness)
    head = surface_points(body, "head", 1, 3)
    upward = skin.rows[np.argsort(skin.rest[:, 2])]
    arms = upward[[0, -1, 1, 2, -2, 3, 60]]  # elbows over shoulders and wrists
    return (
        Term(
            "natural",
            posture.natural_pose,
            0.3,
            constants={"stiffness": stiffness},
            frames={"reference": np.zeros((frames, len(stiffness)))},
        ),
        Term(
            "root",
            posture.root_position,
            0.05,
            constants={"rows": root, "radius": np.float64(0.005)},
            frames={"reference": np.repeat(body.rest_joints[:1], frames, 0)},
        ),
        Term(
            "planted",
            posture.planted,
            0.002,
            constants={"rows": skin.rows[:6]},
            frames={"anchor": np.repeat(skin.rest[None, :6], frames, 0), "gate": rng.uniform(0, 1, (frames, 6, 1))},
        ),
        Term(
            "balance",
            posture.balance,
            0.02,
            0,
            WRIST_OBJECT,
            constants={
                "rows": skin.rows.mean(0, keepdims=True),
                "load_center": np.zeros(3),
                "load_share": np.float64(0.05),
            },
            frames={"over": rng.normal(0.0, 0.3, (frames, 3)), "gate": np.ones(frames)},
        ),
        Term(
            "gaze",
            posture.gaze,
            0.15,
            0,
            FREE_OBJECT,
            constants={"rows": np.concatenate([head.rows, head.normal_rows]), "target": np.array([0.0, 0.0, 0.05])},
        ),
        Term(
            "trunk",
            posture.trunk,
            0.05,
            0,
            constants={"rows": np.concatenate([skin.rows[:2], head.normal_rows])},
            frames={"gate": rng.uniform(0.5, 1.0, frames)},
        ),
        Term("arms", posture.arms, 0.05, 0, constants={"rows": np.concatenate([arms, head.normal_rows])}),
        Term(
            "head",
            posture.level_head,
            0.1,
            0,
            constants={"rows": np.concatenate([head.rows, head.normal_rows])},
        ),
        Term("ground", penetration.body_in_ground, 0.003, constants={"rows": skin.rows}),
        Term(
            "body in object",
            penetration.body_in_object,
            0.002,
            0,
            FIXED_OBJECT,
            constants={
                "rows": skin.rows,
                "grid": rounded_box((0.2, 0.2, 0.02)),
                "allowed": np.full(120, -0.002),
                "weight": np.ones(120),
            },
        ),
        Term(
            "self",
            penetration.body_in_itself,
            0.004,
            constants={
                "rows": skin.rows,
                "radii": np.full(120, 0.15),
                "apart": penetration.sphere_pairs(120, np.stack([np.arange(60), np.arange(60, 120)], 1)),
            },
        ),
        Term(
            "object in body",
            penetration.object_in_body,
            0.004,
            0,
            FREE_OBJECT,
            constants={
                "points": rng.normal(0.0, 0.1, (50, 3)),
                "rows": skin.rows,
                "radii": rng.uniform(0.05, 0.12, 120),
            },
        ),
        Term(
            "body in skin",
            penetration.body_in_skin,
            0.004,
            frames={
                "rows": np.repeat(skin.rows[None, :8], frames, 0),
                "other_rows": np.repeat(skin.rows[None, 8:16], frames, 0),
                "normal_rows": np.repeat(skin.normal_rows[None, 8:16], frames, 0),
                "gate": np.ones((frames, 8)),
            },
        ),
        Term(
            "body in body",
            penetration.body_in_body,
            0.004,
            constants={
                "rows": skin.rows[:12],
                "radii": np.full(12, 0.03),
                "other_rows": skin.rows[12:24],
                "other_radii": np.full(12, 0.05),
            },
        ),
        Term(
            "object in skin",
            penetration.object_in_skin,
            0.004,
            0,
            FREE_OBJECT,
            frames={
                "points": rng.normal(0.0, 0.1, (frames, 8, 3)),
                "rows": np.repeat(skin.rows[None, :8], frames, 0),
                "normal_rows": np.repeat(skin.normal_rows[None, :8], frames, 0),
                "allowed": np.zeros((frames, 8)),
                "gate": np.ones((frames, 8)),
            },
        ),
    )


def _object_terms(rng: np.random.Generator, frames: int) -> tuple[Term, ...]:
    points: Any = rng.normal(0.0, 0.1, (30, 3))
    axis = np.array([0.0, 0.6, 0.8])
    grid = rounded_box((0.2, 0.2, 0.02))
    return (
        Term(
            "rest",
            contact.rest,
            0.001,
            0,
            WRIST_OBJECT,
            FREE_OBJECT,
            constants={"points": points, "grid": grid},
            frames={"gate": np.ones((frames, 1))},
        ),
        Term(
            "object in object",
            penetration.object_in_object,
            0.001,
            0,
            FREE_OBJECT,
            FIXED_OBJECT,
            constants={"points": points, "grid": grid, "margin": np.float64(0.01)},
        ),
        Term(
            "object in ground",
            penetration.object_in_ground,
            0.003,
            0,
            FREE_OBJECT,
            constants={"points": points - [0.0, 0.0, 1.0]},
        ),
        Term(
            "path",
            tracking.path,
            0.01,
            0,
            FREE_OBJECT,
            constants={"anchor": points[0], "dead_zone": np.float64(0.01), "weight": np.ones(3)},
            frames={"target": rng.normal(0.0, 0.1, (frames, 3)) + [0.2, 0.0, 1.0]},
        ),
        Term(
            "axis",
            tracking.axis,
            0.02,
            0,
            WRIST_OBJECT,
            constants={"axis": axis},
            frames={"target": np.repeat(axis[None], frames, 0)},
        ),
    )
