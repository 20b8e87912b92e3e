"""First step: every hand that closes around something, or lies flat on it, alone with its object; then both hands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.graph import Edge
from zeroshot_hoi.core.solution import ProgressListener, silent
from zeroshot_hoi.geometry.grid import bake_part_grid
from zeroshot_hoi.optimization.comfort import Arm, arm_of, discomfort
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.grasp import Grasp, find_grasps
from zeroshot_hoi.optimization.palm import palm_grasps
from zeroshot_hoi.optimization.schedule import grip_cost
from zeroshot_hoi.optimization.start import Start

SPINS, WIDEST_SPIN = 9, 2.0
"""Turns of a thing about its free axis at which hands on it are compared, and how many standard deviations far."""

EASY = 30.0
"""Energy of an arm up to which a grip is easy: of ten handles' best grips nine need at most 14, a bag's strap 62."""


def find_grips(compiler: Compiler, listener: ProgressListener = silent) -> dict[str, tuple[Grasp, ...]]:
    """Edge name -> grips of every hand that closes around something."""
    plan, found = compiler.plan, {}
    for edge in compiler.holds.grips.values():
        body, side = compiler.bodies[edge.first.owner], edge.first.part.split()[0]
        thing, part = compiler.objects[edge.second.owner], compiler.holds.region(edge)
        if plan.contacts[edge.name].kind != "grip":
            found[edge.name] = palm_grasps(body, side, thing, part, compiler.holds.ahead(edge))
            continue
        found[edge.name] = find_grasps(
            body, side, thing, part, bake_part_grid(thing, part.faces), engine=plan.engine, seed=plan.seed,
            easy=_easy(compiler, edge), listener=listener,
        )  # fmt: skip
        if compiler.holds.at_rim(edge):
            found[edge.name] = _reached(compiler, edge, found[edge.name])
    return found


def joint_choices(compiler: Compiler, grips: Mapping[str, tuple[Grasp, ...]]) -> list[tuple[Mapping[str, Grasp], ...]]:
    """What may be chosen independently, the best first: one hand's grip, or the grips of both hands on one thing.

    Two grips that are fine by themselves may want the thing turned in two ways, or one elbow behind the back; so pairs
    are ordered by how well both arms reach the thing as the reference first has it, in its best free turn.
    """
    choices = []
    for names in compiler.holds.together():
        picks = list(product(*(range(len(grips[name])) for name in names)))
        pairs = [{name: grips[name][k] for name, k in zip(names, pick, strict=True)} for pick in picks]
        if len(names) > 1:
            edges = {name: compiler.holds.grips[name] for name in names}
            strain = {
                name: _strains(_arm(compiler, edge), _turned(compiler, edge), grips[name], 1.0 / len(names))
                for name, edge in edges.items()
            }
            felt = [
                np.sum([strain[name][k] for name, k in zip(names, pick, strict=True)], axis=0).min() for pick in picks
            ]
            cost = [grip_cost(Start({}, pair)) + energy for pair, energy in zip(pairs, felt, strict=True)]
            pairs = [pairs[k] for k in np.argsort(cost, kind="stable")]
        choices.append(tuple(pairs))
    return choices


def _easy(compiler: Compiler, edge: Edge) -> Callable[[Grasp], bool]:
    """Whether an arm reaches a grip of an edge with ease in some turn of its object. Asked of who holds it all the
    time as they take it, of who takes it over as they have it in the end, and not of who gives it away."""
    if not (edge.is_continuous or compiler.holds.takes_over(edge)):
        return lambda grasp: True
    placed, arm = _turned(compiler, edge, at_end=not edge.is_continuous), _arm(compiler, edge)
    return lambda grasp: bool(_strains(arm, placed, (grasp,)).min() < EASY)


def _strains(
    arm: Arm, placed: list[tuple[np.ndarray, np.ndarray, float]], grasps: tuple[Grasp, ...], share: float = 1.0
) -> np.ndarray:
    """(G, SPINS) energy of an arm for every grip and turn of the thing, with its `share` of the turn's."""
    return np.array([[discomfort(arm, turn, at, g) + share * cost for turn, at, cost in placed] for g in grasps])


def _turned(compiler: Compiler, edge: Edge, at_end: bool = False) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Rotation and translation of an edge's object and its energy, turned about what its reference leaves free: as the
    hand takes hold, or in the end."""
    rotation, translation = compiler.holds.placed(edge, at_end)
    track = compiler.reference.objects.get(edge.second.owner)
    if track is None:
        return [(rotation, translation, 0.0)]
    axis, still = rotation @ track.axis, rotation @ track.anchor + translation
    widest = min(WIDEST_SPIN * track.spin, np.pi)
    poses = []
    for angle in np.linspace(-widest, widest, SPINS):
        turned = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix() @ rotation
        poses.append((turned, still - turned @ track.anchor, 0.5 * (angle / track.spin) ** 2))
    return poses


def _arm(compiler: Compiler, edge: Edge) -> Arm:
    """The arm of an edge's hand, where its person stands or sits first."""
    person = edge.first.owner
    return arm_of(compiler.bodies[person], edge.first.part.split()[0], compiler.initial.people[person][0])


def _reached(compiler: Compiler, edge: Edge, grasps: tuple[Grasp, ...]) -> tuple[Grasp, ...]:
    """Grips in the order in which an arm reaches them, which counts from then on."""
    arm, placed = _arm(compiler, edge), compiler.holds.placed(edge)
    charged = [replace(g, energy=g.energy + discomfort(arm, *placed, g)) for g in grasps]
    return tuple(sorted(charged, key=lambda g: (not g.sound, g.energy)))
