"""First step: every hand that closes around something, or lies flat on it, alone with its object."""

from __future__ import annotations

from dataclasses import replace

from zeroshot_hoi.core.graph import Edge
from zeroshot_hoi.core.solution import ProgressListener, silent
from zeroshot_hoi.geometry.grid import bake_part_grid
from zeroshot_hoi.optimization.comfort import discomfort
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.grasp import Grasp, find_grasps
from zeroshot_hoi.optimization.palm import palm_grasps


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
            listener=listener,
        )  # fmt: skip
        if compiler.holds.at_rim(edge):
            found[edge.name] = _reached(compiler, edge, found[edge.name])
    return found


def _reached(compiler: Compiler, edge: Edge, grasps: tuple[Grasp, ...]) -> tuple[Grasp, ...]:
    """Grips in the order in which an arm reaches them, which counts from then on."""
    person, side = edge.first.owner, edge.first.part.split()[0]
    body, placement, placed = compiler.bodies[person], compiler.initial.people[person][0], compiler.holds.placed(edge)
    charged = [replace(g, energy=g.energy + discomfort(body, side, placement, *placed, g)) for g in grasps]
    return tuple(sorted(charged, key=lambda g: (not g.sound, g.energy)))
