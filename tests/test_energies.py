"""Every energy: closed-form values by hand, gradients against finite differences, one answer in three libraries."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from zeroshot_hoi.core.arrays import Array, Namespace, jax_namespace, numpy_namespace, torch_namespace
from zeroshot_hoi.core.rotations import exp_so3
from zeroshot_hoi.core.scene import DistanceGrid
from zeroshot_hoi.geometry.query import GridArrays, grid_arrays
from zeroshot_hoi.optimization.energies import contact, penetration, posture, shared, tracking
from zeroshot_hoi.optimization.problem import State, Term

XP = numpy_namespace()
UNKNOWNS = 27
"""Rotation vector and position of two bones and two objects, then three degrees of freedom."""


def _state(xp: Namespace, x: Array) -> State:
    """One person of two bones (and their double) and two objects, from `x (27,)`; all pivots are at the origin."""
    turn = [exp_so3(xp, x[6 * k : 6 * k + 3]) for k in range(4)]
    place = [x[6 * k + 3 : 6 * k + 6] for k in range(4)]
    bones = [xp.concatenate([xp.swapaxes(turn[k], 0, 1), place[k][None]]) for k in (0, 1)]
    stack = xp.concatenate(bones)
    return State((x[24:27],), (stack, stack), (turn[2], turn[3]), (place[2], place[3]))


def _grid(distance: Any, half: float = 0.6, nodes: int = 25) -> GridArrays:
    """A grid over a cube of `distance(points)`; trilinear reading of a plane is exact."""
    line = np.linspace(-half, half, nodes)
    points = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1)
    return grid_arrays(DistanceGrid(np.full(3, -half), line[1] - line[0], distance(points)), np.float64)


FLOOR = _grid(lambda p: p[..., 2])
"""Solid below its z = 0."""

BALL = _grid(lambda p: np.linalg.norm(p, axis=-1) - 0.3)


def _rows(points: Any, bone: int = 0, normals: bool = False) -> np.ndarray:
    """Rows (N, 8) of points (or directions) fixed to one bone."""
    points = np.atleast_2d(np.asarray(points, float))
    rows = np.zeros((len(points), 8))
    rows[:, 4 * bone : 4 * bone + 3] = points
    rows[:, 4 * bone + 3] = 0.0 if normals else 1.0
    return rows


QUARTER = np.array([0.0, 0.0, np.pi / 2])


def _x(bone=(0, 0, 0), bone_turn=(0, 0, 0), second=(0, 0, 0), thing=(0, 0, 0), thing_turn=(0, 0, 0), other=(0, 0, 0)):
    """Unknowns from the positions of bones and objects and two turns."""
    zero, q = (0.0, 0.0, 0.0), (0.1, -0.2, 0.3)
    return np.concatenate([bone_turn, bone, zero, second, thing_turn, thing, zero, other, q]).astype(float)


def _robust(d: float, scale: float = contact.CONTACT_REACH) -> float:
    return d / np.sqrt(1.0 + (d / scale) ** 2)


ONE = np.ones(1)
GAZE = float(np.cos(np.radians(27.0)))

CLOSED_FORM: list[tuple[str, Any, np.ndarray, dict[str, Any], Any]] = [
    ("pads: nearest of a pad, weight outside the robust form", contact.pads, _x(bone=(0, 0, 0.05)),
     {"rows": _rows([[0, 0, 0.002], [0, 0, 0.5]])[None], "grid": FLOOR, "weight": 2 * ONE, "reach": 0.02 * ONE},
     [2 * _robust(0.052)]),
    ("pads: three equal points are their own soft minimum", contact.pads, _x(thing=(0, 0, 0.1)),
     {"rows": np.repeat(_rows([0.1, 0, 0.104]), 3, 0)[None], "grid": FLOOR, "weight": ONE, "reach": 0.05 * ONE},
     [_robust(0.004, 0.05)]),
    ("surface: sinks to its depth for free", contact.surface, _x(bone=(0, 0, -0.01)),
     {"rows": _rows([[0, 0, 0], [0, 0, 0.004]]), "grid": FLOOR, "depth": np.full(2, 0.01), "weight": np.ones(2)},
     [0.0, _robust(0.004, contact.SUPPORT_REACH)]),
    ("surface: weight", contact.surface, _x(),
     {"rows": _rows([0, 0, 0.02]), "grid": FLOOR, "depth": 0 * ONE, "weight": 0.5 * ONE},
     [0.5 * _robust(0.02, contact.SUPPORT_REACH)]),
    ("carried: the skin nearest to the support, from afar", contact.carried, _x(bone=(0, 0, 0.05)),
     {"rows": _rows([[0, 0, 0], [0, 0, 0.4]]), "grid": FLOOR, "depth": 0.01 * ONE, "reach": 0.25 * ONE,
      "weight": 0.5 * ONE}, [0.5 * _robust(0.06, 0.25)]),
    ("carried: what sinks as it may is carried", contact.carried, _x(bone=(0, 0, -0.02)),
     {"rows": _rows([[0, 0, 0], [0, 0, 0.4]]), "grid": FLOOR, "depth": 0.01 * ONE, "reach": 0.25 * ONE,
      "weight": ONE}, [0.0]),
    ("bearing_area: all, half and nothing of three points", contact.bearing_area, _x(),
     {"rows": _rows([[0, 0, -0.1], [0, 0, contact.SUPPORT_REACH], [0, 0, 0.2]]), "grid": FLOOR, "wanted": 0.02 * ONE,
      "areas": np.array([0.004, 0.006, 0.5]), "weight": 0.5 * ONE}, [0.5 * (0.02 - 0.004 - 0.003)]),
    ("bearing_area: more than is wanted costs nothing", contact.bearing_area, _x(),
     {"rows": _rows([[0, 0, -0.1], [0, 0, -0.1]]), "grid": FLOOR, "wanted": 0.02 * ONE,
      "areas": np.array([0.015, 0.015]), "weight": ONE}, [0.0]),
    ("rest: object on the other object", contact.rest, _x(thing=(0, 0, 0.25), other=(0.1, 0, 0.2)),
     {"points": np.array([[0, 0, -0.02], [0.1, 0, 0.0]]), "grid": FLOOR, "gate": ONE}, [0.03, 0.05]),
    ("rest: gate closed", contact.rest, _x(thing=(0, 0, 0.25)),
     {"points": np.zeros((2, 3)), "grid": FLOOR, "gate": 0 * ONE}, [0.0, 0.0]),
    ("anchored: in the object's turned frame", contact.anchored, _x(bone=(0, 0.3, 0), thing_turn=QUARTER),
     {"rows": _rows([0, 0, 0]), "anchor": np.array([[0.1, 0, 0]]), "gate": np.ones((1, 1))}, [[0.2, 0, 0]]),
    ("stroked: away from where it should have slid to", contact.stroked, _x(bone=(0, 0.3, 0), thing_turn=QUARTER),
     {"rows": _rows([0, 0, 0]), "anchor": np.array([[0.1, 0, 0]]), "offset": np.array([[0, 0.05, 0.02]]),
      "gate": np.ones((1, 1))}, [[0, 0.15, -0.02]]),
    ("facing: opposed, aligned, square", contact.facing, _x(),
     {"normal_rows": _rows([[0, 0, -2], [0, 0, 2], [3, 0, 0]], normals=True), "normal": np.array([0, 0, 1.0]),
      "gate": ONE}, [0.0, 2.0, 1.0]),
    ("wrench: opposed contacts balance", contact.wrench, _x(),
     {"rows": _rows([[0.02, 0, 0], [-0.02, 0, 0]]), "normal_rows": _rows([[-1, 0, 0], [1, 0, 0]], normals=True),
      "grid": FLOOR, "center": np.zeros(3), "radius": np.float64(0.05)}, np.zeros(6)),
    ("wrench: one contact pushes and turns", contact.wrench, _x(),
     {"rows": _rows([0.02, 0, 0]), "normal_rows": _rows([0, 1, 0], normals=True), "grid": FLOOR,
      "center": np.zeros(3), "radius": np.float64(0.05)}, [0, 0.5, 0, 0, 0, 0.5 * 0.4]),
    ("wrench: what is far does not count", contact.wrench, _x(),
     {"rows": _rows([0.02, 0, 0.1]), "normal_rows": _rows([0, 1, 0], normals=True), "grid": FLOOR,
      "center": np.zeros(3), "radius": np.float64(0.05)}, np.zeros(6)),
    ("centered: free in the middle, then metres", contact.centered, _x(bone=(0, 0.3, 0), thing_turn=QUARTER),
     {"rows": _rows([[0, 0, 0], [0, -0.25, 0]]), "center": np.zeros(3), "axis": np.array([1.0, 0, 0]),
      "half_length": np.float64(0.1)}, [0.2, 0.0]),
    ("together: at the offset along the other's normal", contact.together, _x(bone=(0, 0, 0.05), second=(0, 0, 0.01)),
     {"rows": _rows([0, 0, 0]), "other_rows": _rows([0, 0, 0], 1), "offset": 0.03 * ONE, "gate": ONE,
      "other_normal_rows": _rows([0, 0, 7], 1, normals=True)}, [[0, 0, 0.01]]),
    ("body_in_object: depth beyond the allowance", penetration.body_in_object, _x(bone=(0, 0, -0.03)),
     {"rows": _rows([[0, 0, 0], [0, 0, 0.025], [0, 0, 0.031]]), "grid": FLOOR,
      "allowed": np.array([0.01, 0.01, -0.002]), "weight": np.array([2.0, 1, 1])}, [0.04, 0.0, 0.001]),
    ("object_in_body: the sphere it is deepest in", penetration.object_in_body, _x(second=(0.1, 0, 0)),
     {"points": np.array([[0, 0, 0.02], [0.11, 0, 0], [0.3, 0, 0]]), "radii": np.array([0.03, 0.05]),
      "rows": np.concatenate([_rows([0, 0, 0]), _rows([0, 0, 0], 1)])}, [0.01, 0.04, 0.0]),
    ("object_in_skin: below the skin's tangent plane, gate", penetration.object_in_skin, _x(bone=(0, 0, 0.1)),
     {"points": np.array([[0, 0.3, 0.07], [0, 0, 0.12], [0, 0, 0.05]]), "rows": _rows(np.zeros((3, 3))),
      "normal_rows": _rows(np.tile([0, 0, 9], (3, 1)), normals=True), "allowed": np.full(3, 0.01),
      "gate": np.array([1.0, 1.0, 0.5])}, [0.02, 0.0, 0.02]),
    ("object_in_object: margin", penetration.object_in_object, _x(thing=(0, 0, 0.01)),
     {"points": np.array([[0, 0, 0], [0, 0, -0.03], [0, 0, 0.1]]), "grid": FLOOR, "margin": np.float64(0.015)},
     [0.005, 0.035, 0.0]),
    ("body_in_itself: deepest overlap with what a sphere may not meet", penetration.body_in_itself,
     _x(second=(0.08, 0, 0)),
     {"rows": np.concatenate([_rows([[0, 0, 0], [0.001, 0, 0]]), _rows([[0, 0, 0], [0.1, 0, 0]], 1)]),
      "radii": np.array([0.05, 0.04, 0.05, 0.05]),
      "apart": penetration.sphere_pairs(4, np.array([[0, 2], [3, 0]]))}, [0.02, 0.0, 0.02, 0.0]),
    ("body_in_skin: below another limb's tangent plane, gate", penetration.body_in_skin, _x(second=(0, 0, 0.1)),
     {"rows": _rows([[0, 0.3, 0.07], [0, 0, 0.12], [0, 0, 0.05]]), "other_rows": _rows(np.zeros((3, 3)), 1),
      "normal_rows": _rows(np.tile([0, 0, 9], (3, 1)), 1, normals=True), "gate": np.array([1.0, 1.0, 0.5])},
     [0.03, 0.0, 0.025]),
    ("body_in_body: deepest of the other person's spheres", penetration.body_in_body, _x(),
     {"rows": _rows([[0, 0, 0], [0.5, 0, 0]]), "radii": np.array([0.05, 0.05]),
      "other_rows": _rows([[0.07, 0, 0], [0, 0.2, 0]]), "other_radii": np.array([0.04, 0.1])}, [0.02, 0.0]),
    ("body_behind_plate: spheres behind the plane, within its outline, gate", penetration.body_behind_plate,
     _x(bone=(0, 0, 0.05), thing=(0.1, 0, 0.05)),
     {"rows": _rows([[0.1, 0, 0.008], [0.15, 0, -0.02], [0.1, 0, 0.03], [0.1, 0.08, -0.02]]),
      "radii": np.full(4, 0.01), "center": np.zeros(3), "axes": np.eye(3), "half": np.array([0.06, 0.05]),
      "gate": 0.5 * ONE}, [0.001, 0.015, 0.0, 0.0]),
    ("body_in_ground: depth below zero", penetration.body_in_ground, _x(bone=(0, 0, -0.02)),
     {"rows": _rows([[0, 0, 0], [0, 0, 0.05]])}, [0.02, 0.0]),
    ("object_in_ground: depth below zero", penetration.object_in_ground, _x(thing=(0, 0, -0.02)),
     {"points": np.array([[0, 0, 0], [0, 0, 0.05]])}, [0.02, 0.0]),
    ("natural_pose: by the root of the stiffness", posture.natural_pose, _x(),
     {"reference": np.array([0.0, 0, 0.3]), "stiffness": np.array([2.0, 1, 5])}, [0.2, -0.2, 0.0]),
    ("root_position: beyond the dead zone", posture.root_position, _x(bone=(0.3, 0, 0)),
     {"rows": _rows([0, 0, 0]), "reference": np.array([0.3, 0.1, 0]), "radius": np.float64(0.04)}, [0, -0.06, 0]),
    ("root_position: inside the dead zone", posture.root_position, _x(bone=(0.3, 0, 0)),
     {"rows": _rows([0, 0, 0]), "reference": np.array([0.3, 0.03, 0]), "radius": np.float64(0.04)}, np.zeros(3)),
    ("planted: only in stance", posture.planted, _x(bone=(0.01, 0, 0)),
     {"rows": _rows([[0, 0, 0], [1, 0, 0]]), "anchor": np.zeros((2, 3)), "gate": np.array([[1.0], [0.0]])},
     [[0.01, 0, 0], [0, 0, 0]]),
    ("balance: with the load's share", posture.balance, _x(bone=(0, 0, 1.0), thing=(1, 0, 1)),
     {"rows": _rows([0, 0, 0]), "load_center": np.zeros(3), "load_share": np.float64(0.1), "over": np.zeros(3),
      "gate": np.float64(1.0)}, [0.06, 0.0]),
    ("trunk: leans aside and a little ahead", posture.trunk, _x(),
     {"rows": np.concatenate([_rows([[0, 0, 0], [0.2, 0.6, 0.8]]), _rows([0, 1, 0], normals=True)]),
      "gate": np.float64(0.5)}, [0.0, 0.5 * (0.6 / np.sqrt(1.04) - posture.UPRIGHT), 0.0]),
    ("trunk: leans back", posture.trunk, _x(),
     {"rows": np.concatenate([_rows([[0, 0, 0], [-0.6, 0, 0.8]]), _rows([0, 2, 0.5], normals=True)]),
      "gate": np.float64(1.0)}, [0.6 - posture.UPRIGHT, 0.0, 0.0]),
    ("trunk: bends far ahead", posture.trunk, _x(),
     {"rows": np.concatenate([_rows([[0, 0, 0], [0.8, 0.1, 0.1]]), _rows([0, 1, 0], normals=True)]),
      "gate": np.float64(1.0)}, [0.0, 0.0, posture.STOOPED - 0.1 / np.sqrt(0.66)]),
    ("arms: an elbow over the head, one beside the shoulder with its hand behind", posture.arms, _x(),
     {"rows": np.concatenate([
         _rows([[0, 0.2, 1.4], [0, 0.3, 1.7], [0.1, 0.2, 1.6], [0, -0.2, 1.4], [-0.2, -0.3, 1.38], [-0.4, -0.2, 1.2]]),
         _rows([0, 0, 0.9]), _rows([0, 0.4, 0], normals=True)])},
     [0.1, 0.0, posture.EASILY - 0.02, 0.4 - 0.2 - posture.BEHIND]),
    ("gaze: square to the side", posture.gaze, _x(thing=(0, 2, 0)),
     {"rows": np.concatenate([_rows([0, 0, 0]), _rows([1, 0, 0], normals=True)]), "target": np.zeros(3)}, [GAZE]),
    ("gaze: straight ahead", posture.gaze, _x(thing=(2, 0.3, 0)),
     {"rows": np.concatenate([_rows([0, 0, 0]), _rows([1, 0, 0], normals=True)]), "target": np.zeros(3)}, [0.0]),
    ("level_head: looking down by 45 degrees", posture.level_head, _x(),
     {"rows": np.concatenate([_rows([0, 0, 0]), _rows([1, 0, -1], normals=True)])}, [0.0, np.sqrt(0.5) - 0.5]),
    ("level_head: a little down", posture.level_head, _x(),
     {"rows": np.concatenate([_rows([0, 0, 0]), _rows([1, 0, -0.2], normals=True)])}, [0.0, 0.0]),
    ("path: the anchor beyond the dead zone", tracking.path, _x(thing=(0, 0, 0.5), thing_turn=QUARTER),
     {"anchor": np.array([0.1, 0, 0]), "target": np.array([0, 0.1, 0.4]), "dead_zone": np.float64(0.02),
      "weight": np.array([1.0, 1.0, 3.0])}, [0, 0, 0.24]),
    ("axis: chord", tracking.axis, _x(thing_turn=QUARTER),
     {"axis": np.array([1.0, 0, 0]), "target": np.array([1.0, 0, 0])}, [-1, 1, 0]),
]  # fmt: skip


PARTS = {contact.soft_minimum, penetration.sphere_pairs}
"""Functions of the energies' modules that are no energies."""


def _term(energy: Any) -> Term:
    return Term("test", energy, 1.0, person=0, object=0, other=1)


@pytest.mark.parametrize(
    ("energy", "x", "data", "expected"), [c[1:] for c in CLOSED_FORM], ids=[c[0] for c in CLOSED_FORM]
)
def test_closed_form(energy: Any, x: np.ndarray, data: dict[str, Any], expected: Any) -> None:
    value = np.asarray(energy(XP, _state(XP, x), _term(energy), data))
    assert value.shape == np.shape(expected)
    assert np.abs(value - expected).max() < 2e-7


def test_every_energy_has_a_closed_form() -> None:
    modules = (contact, penetration, posture, tracking)
    public = {f for m in modules for f in vars(m).values() if getattr(f, "__module__", "") == m.__name__}
    assert public - {case[1] for case in CLOSED_FORM} == PARTS
    assert public - {energy for energy, _ in GENERIC.values()} == PARTS


def test_robust_form_grows_like_its_value_and_saturates() -> None:
    value = np.array([0.0, 1e-4, 10.0])
    assert shared.robust(XP, value, 0.02) == pytest.approx([0.0, 1e-4, 0.02], rel=2e-5)


def test_soft_minimum_is_below_the_mean_and_not_below_the_minimum() -> None:
    distance = np.random.default_rng(0).uniform(-0.01, 0.03, (200, 5))
    soft = contact.soft_minimum(XP, distance)
    assert (soft >= distance.min(1)).all()
    assert (soft <= distance.mean(1)).all()


# -- gradients, and agreement of the array libraries ------------------------------------------------------------------


def _generic() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Every energy on points in general position near a ball and near each other, away from kinks."""
    rng = np.random.default_rng(3)

    def near_ball(count: int) -> np.ndarray:
        direction = rng.normal(size=(count, 3))
        return direction / np.linalg.norm(direction, axis=1, keepdims=True) * rng.uniform(0.27, 0.33, (count, 1))

    points = [near_ball(6) for _ in range(4)]
    both = np.concatenate([_rows(points[0]), _rows(points[1], 1)])
    gate = np.full((1, 1), 0.7)
    return {
        "pads": (contact.pads, {"rows": both.reshape(4, 3, 8), "grid": BALL, "weight": rng.uniform(0.5, 1.0, 4),
                                "reach": np.full(4, 0.02)}),
        "surface": (contact.surface, {"rows": both, "grid": BALL, "depth": np.full(12, 0.004),
                                      "weight": np.full(12, 0.7)}),
        "carried": (contact.carried, {"rows": both, "grid": BALL, "depth": 0.1 * ONE, "reach": 0.25 * ONE,
                                      "weight": 0.7 * ONE}),
        "bearing_area": (contact.bearing_area, {"rows": both, "grid": BALL, "areas": np.full(12, 0.001),
                                                "wanted": 0.012 * ONE, "weight": 0.7 * ONE}),
        "rest": (contact.rest, {"points": points[2], "grid": BALL, "gate": 0.7 * ONE}),
        "anchored": (contact.anchored, {"rows": both, "anchor": rng.normal(size=(12, 3)), "gate": gate}),
        "stroked": (contact.stroked, {"rows": both, "anchor": rng.normal(size=(12, 3)),
                                      "offset": rng.normal(size=(1, 3)), "gate": gate}),
        "facing": (contact.facing, {"normal_rows": _rows(points[0], normals=True), "normal": points[1], "gate": ONE}),
        "wrench": (contact.wrench, {"rows": both, "normal_rows": _rows(rng.normal(size=(12, 3)), normals=True),
                                    "grid": BALL, "center": rng.normal(size=3), "radius": np.float64(0.1)}),
        "centered": (contact.centered, {"rows": both, "center": points[0][0], "axis": np.array([0.6, 0.0, 0.8]),
                                        "half_length": np.float64(0.05)}),
        "together": (contact.together, {"rows": _rows(points[0]), "other_rows": _rows(points[1], 1), "gate": ONE,
                                        "other_normal_rows": _rows(points[2], 1, normals=True), "offset": 0.02 * ONE}),
        "body_in_object": (penetration.body_in_object, {"rows": both, "grid": BALL, "allowed": np.full(12, -0.01),
                                                        "weight": rng.uniform(0.5, 1.0, 12)}),
        "object_in_body": (penetration.object_in_body, {"points": points[3], "rows": both,
                                                        "radii": rng.uniform(0.1, 0.2, 12)}),
        "object_in_skin": (penetration.object_in_skin, {
            "points": points[3], "rows": _rows(points[0]), "normal_rows": _rows(points[1], normals=True),
            "allowed": 0 * ONE, "gate": ONE}),
        "body_in_skin": (penetration.body_in_skin, {
            "rows": _rows(points[3]), "other_rows": _rows(points[0], 1), "gate": ONE,
            "normal_rows": _rows(points[1], 1, normals=True)}),
        "object_in_object": (penetration.object_in_object, {"points": points[3], "grid": BALL,
                                                            "margin": np.float64(0.03)}),
        "body_in_itself": (penetration.body_in_itself, {
            "rows": both, "radii": rng.uniform(0.2, 0.25, 12),
            "apart": penetration.sphere_pairs(12, np.stack([np.arange(6), np.arange(6, 12)], 1))}),
        "body_in_body": (penetration.body_in_body, {
            "rows": both[:6], "radii": rng.uniform(0.2, 0.25, 6),
            "other_rows": both[6:], "other_radii": rng.uniform(0.2, 0.25, 6)}),
        "body_behind_plate": (penetration.body_behind_plate, {
            "rows": both, "radii": rng.uniform(0.1, 0.2, 12), "center": points[0][0] - [0.0, 0.0, 0.5],
            "axes": np.roll(np.eye(3), 1, axis=1), "half": np.array([2.0, 3.0]), "gate": 0.6 * ONE}),
        "body_in_ground": (penetration.body_in_ground, {"rows": both}),
        "object_in_ground": (penetration.object_in_ground, {"points": points[0] - [0.0, 0.0, 2.0]}),
        "natural_pose": (posture.natural_pose, {"reference": rng.normal(size=3), "stiffness": rng.uniform(size=3)}),
        "root_position": (posture.root_position, {"rows": both[:1], "reference": rng.normal(size=3),
                                                  "radius": np.float64(0.03)}),
        "planted": (posture.planted, {"rows": both, "anchor": rng.normal(size=(12, 3)), "gate": np.full((12, 1), 0.5)}),
        "balance": (posture.balance, {"rows": both.mean(0, keepdims=True), "load_center": points[0][0],
                                      "load_share": np.float64(0.2), "over": np.array([0.3, -0.4, 0]),
                                      "gate": np.float64(0.8)}),
        "gaze": (posture.gaze, {"rows": np.concatenate([_rows([0.0, 0.1, 0.2]), _rows([1, 0.2, 0], normals=True)]),
                                "target": np.array([-0.4, 0.5, 0.1])}),
        "trunk": (posture.trunk, {
            "rows": np.concatenate([both[:1], both[1:2] * 2.0, _rows([-0.4, 0.6, 0.1], normals=True)]),
            "gate": np.float64(0.7)}),
        "arms": (posture.arms, {
            "rows": np.concatenate([
                _rows([0.1, 0.2, 0.0]), _rows([[0.0, 0.3, 2.0], [-1.5, 0.2, 0.2]], 1),
                _rows([0.0, -0.2, 0.1]), _rows([[0.1, -0.3, 2.5], [-1.2, -0.2, 0.5]], 1),
                _rows([0.1, 0.0, -1.0]), _rows([0.1, 1.0, 0.1], normals=True)])}),
        "level_head": (posture.level_head, {
            "rows": np.concatenate([_rows([0.0, 0.1, 0.2]), _rows([1, 0.2, 0.7], normals=True)])}),
        "path": (tracking.path, {"anchor": points[0][0], "target": points[1][0], "dead_zone": np.float64(0.01),
                                 "weight": np.array([1.0, 1.0, 3.0])}),
        "axis": (tracking.axis, {"axis": np.array([0.6, 0.0, 0.8]), "target": points[0][1]}),
    }  # fmt: skip


GENERIC = _generic()
_NOISE = np.random.default_rng(5).normal(0.0, 0.03, UNKNOWNS)
_TURN, _SHIFT, _Q = [0.4, -0.3, 0.5], [0.013, -0.021, 0.008], [0.1, -0.2, 0.3]
POINTS = {
    "at zero rotation": np.concatenate([[0.0] * 3, _SHIFT] * 4 + [_Q]),
    "in general": np.concatenate([_TURN, _SHIFT] * 4 + [_Q]) + 0.5 * _NOISE,
}


def _residuals(xp: Namespace, x: Array, convert: Any) -> dict[str, Array]:
    state = _state(xp, x)
    return {
        name: xp.reshape(energy(xp, state, _term(energy), convert(data)), (-1,))
        for name, (energy, data) in GENERIC.items()
    }


def _double() -> Any:
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64

    return enable_x64(True)


@pytest.fixture(scope="module")
def numeric() -> dict[str, tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
    """Point -> values and central differences (R, 27) of every energy."""
    result, step = {}, 1e-6
    for where, x in POINTS.items():
        columns = []
        for k in range(UNKNOWNS):
            move = step * np.eye(UNKNOWNS)[k]
            up, down = _residuals(XP, x + move, dict), _residuals(XP, x - move, dict)
            columns.append({name: (up[name] - down[name]) / (2 * step) for name in up})
        result[where] = (_residuals(XP, x, dict), {n: np.stack([c[n] for c in columns], -1) for n in GENERIC})
    return result


@pytest.fixture(scope="module")
def differentiated() -> dict[str, dict[str, tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]]:
    """Library -> point -> values and forward-mode Jacobians of every energy."""
    import torch

    xp, result = jax_namespace(), {"jax": {}, "torch": {}}
    with _double():

        def both(x: Any) -> Any:
            return _residuals(xp, x, lambda data: jax.tree.map(jax.numpy.asarray, data))

        function = jax.jit(lambda x: (both(x), jax.jacfwd(both)(x)))
        for where, x in POINTS.items():
            result["jax"][where] = jax.tree.map(np.asarray, function(jax.numpy.asarray(x)))
    xp = torch_namespace()

    def tensors(data: dict[str, Any]) -> dict[str, Any]:
        return torch.utils._pytree.tree_map(lambda a: torch.as_tensor(np.asarray(a)), data)

    for where, x in POINTS.items():
        point = torch.as_tensor(x)
        values = _residuals(xp, point, tensors)
        slopes = torch.func.jacfwd(lambda x: _residuals(xp, x, tensors))(point)
        result["torch"][where] = ({n: v.numpy() for n, v in values.items()}, {n: v.numpy() for n, v in slopes.items()})
    return result


@pytest.mark.parametrize("name", list(GENERIC))
@pytest.mark.parametrize("where", list(POINTS))
@pytest.mark.parametrize("library", ["jax", "torch"])
def test_values_and_jacobians(name: str, where: str, library: str, numeric: Any, differentiated: Any) -> None:
    value, slope = numeric[where][0][name], numeric[where][1][name]
    found, jacobian = (part[name] for part in differentiated[library][where])
    assert found.dtype == np.float64
    assert np.abs(value - found).max() < 1e-12 * (1.0 + np.abs(value).max())
    assert np.isfinite(jacobian).all()
    assert np.abs(slope).max() > 1e-3, "the case tests nothing: its slope is zero"
    assert np.abs(slope - jacobian).max() < 1e-7 * (1.0 + np.abs(slope).max())


def test_slopes_are_finite_where_lengths_vanish() -> None:
    """Starts begin exactly at their references: dead zones, distances and unit vectors of zero length."""
    xp, zero = jax_namespace(), np.zeros(3)
    cases = {
        posture.root_position: {"rows": _rows(zero), "reference": zero, "radius": 0.03},
        tracking.path: {"anchor": zero, "target": zero, "dead_zone": 0.01, "weight": np.ones(3)},
        penetration.body_in_itself: {"rows": _rows([zero, zero]), "radii": np.full(2, 0.1),
                                     "apart": penetration.sphere_pairs(2, np.array([[0, 1]]))},
        penetration.object_in_body: {"points": zero[None], "rows": _rows(zero), "radii": 0.1 * ONE},
        contact.facing: {"normal_rows": np.zeros((1, 8)), "normal": zero, "gate": 1.0},
        contact.surface: {"rows": _rows(zero), "grid": BALL, "depth": 0.0, "weight": 1.0},
    }  # fmt: skip

    def residuals(x: Array) -> Array:
        state = _state(xp, x)
        return xp.concatenate([xp.reshape(f(xp, state, _term(f), data), (-1,)) for f, data in cases.items()])

    data = jax.jit(jax.jacfwd(residuals))(np.zeros(UNKNOWNS, np.float32))
    assert np.isfinite(np.asarray(data)).all()
