"""First step: every hand that closes around something, or lies flat on it, alone with its object; then both hands."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.graph import Edge
from zeroshot_hoi.core.solution import ProgressListener, silent
from zeroshot_hoi.geometry.grid import bake_part_grid
from zeroshot_hoi.optimization.comfort import Reach, arm_of
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.grasp import Grasp, find_grasps
from zeroshot_hoi.optimization.palm import palm_grasps
from zeroshot_hoi.optimization.schedule import grip_cost
from zeroshot_hoi.optimization.start import Start

SPINS, WIDEST_SPIN = 9, 2.0
"""Turns of a thing about its free axis at which hands on it are compared, and how many standard deviations far."""

LEANS, LEAN_COST = np.array([0.0, 0.35, 0.7]), 15.0
"""Radians that people lean to what they hold, and the energy of one squared: about what their stiffness comes to."""

MOMENTS = 3
"""Of a hold, from its first frame to its last, in which arms are asked: what is taken low is held at the eyes."""


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
            strain=_reach(compiler, edge).strain, rim=compiler.holds.at_rim(edge), listener=listener,
        )  # fmt: skip
    return found


def joint_choices(compiler: Compiler, grips: Mapping[str, tuple[Grasp, ...]]) -> list[tuple[Mapping[str, Grasp], ...]]:
    """What may be chosen independently, the best first: one hand's grip, or the grips of both hands on one thing.

    Two grips that are fine by themselves may want the thing turned in two ways, or one elbow behind the back; so pairs
    are ordered by how well both arms reach the thing as the reference has it, in its best free turn.
    """
    choices = []
    for names in compiler.holds.together():
        picks = list(product(*(range(len(grips[name])) for name in names)))
        pairs = [{name: grips[name][k] for name, k in zip(names, pick, strict=True)} for pick in picks]
        if len(names) > 1:
            strain = {
                name: _reach(compiler, compiler.holds.grips[name]).strains(*_stacked(grips[name]), 1.0 / len(names))
                for name in names
            }
            felt = [
                np.sum([strain[name][k] for name, k in zip(names, pick, strict=True)], axis=0).min() for pick in picks
            ]
            cost = [grip_cost(Start({}, pair)) + energy for pair, energy in zip(pairs, felt, strict=True)]
            pairs = [pairs[k] for k in np.argsort(cost, kind="stable")]
        choices.append(tuple(pairs))
    return choices


def _stacked(grasps: tuple[Grasp, ...]) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([g.rotation for g in grasps]), np.stack([g.translation for g in grasps])


def _reach(compiler: Compiler, edge: Edge) -> Reach:
    """The arm of an edge's hand, where its person stands or sits first, and the edge's object, turned about what its
    reference leaves free, at MOMENTS of the hold."""
    person, thing = edge.first.owner, edge.second.owner
    arm = arm_of(compiler.bodies[person], edge.first.part.split()[0], compiler.initial.people[person][0])
    poses = [compiler.holds.placed(edge, share) for share in np.linspace(0.0, 1.0, MOMENTS)]
    rotations, translations = (np.stack(values) for values in zip(*poses, strict=True))
    anchor, axis, spin, angles = np.zeros(3), np.array([0.0, 0.0, 1.0]), 1.0, np.zeros(1)
    if compiler.holds.moves(thing):  # a door or what is pushed goes its way, whoever holds it
        track = compiler.reference.objects[thing]
        anchor, axis, spin = track.anchor, track.axis / np.linalg.norm(track.axis), track.spin
        widest = min(WIDEST_SPIN * spin, np.pi)
        angles = np.linspace(-widest, widest, SPINS)
    axes, still = rotations @ axis, rotations @ anchor + translations
    turned = np.stack([Rotation.from_rotvec(angle * axes).as_matrix() @ rotations for angle in angles])
    leans, angles = np.repeat(LEANS, len(angles)), np.tile(angles, len(LEANS))
    turned = np.tile(turned, (len(LEANS), 1, 1, 1))
    costs = 0.5 * (angles / spin) ** 2 + LEAN_COST * leans**2
    return Reach(arm, turned, still - turned @ anchor, leans, costs)
