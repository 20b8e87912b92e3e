"""What can be left out of the default pipeline, one thing at a time.

Every variant starts from the same bodies, meshes, parts, placement and script as the full run, and only the
optimization sees the change; what comes out is measured against the whole graph. HOI-PAGE's three ablations and
InteractAnything's two are meant in their sense; where ours has no such part, the nearest reading is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np

from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.motion import Motion
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.reference import InitialScene, Placement, ReferenceMotion
from zeroshot_hoi.core.scene import ObjectParts, SceneObject
from zeroshot_hoi.core.solution import Solution
from zeroshot_hoi.evaluation.cases import Case
from zeroshot_hoi.results.result import Result

RANDOM_PLACE = 1.0
"""Metres around where a person would start, within which one without a relation starts."""


@dataclass(frozen=True)
class Given:
    """What the optimization is given."""

    plan: Plan
    bodies: Mapping[str, SkinnedBody]
    objects: Mapping[str, SceneObject]
    parts: Mapping[str, ObjectParts]
    initial: InitialScene
    reference: ReferenceMotion


def _as_it_is(given: Given) -> Given:
    return given


def no_part_contact(given: Given) -> Given:
    """No edge pulls or holds anything; things follow their script, people theirs, and nobody may enter anything."""
    graph = replace(given.plan.graph, edges=())
    return replace(given, plan=replace(given.plan, graph=graph, contacts={}))


def no_motion_states(given: Given) -> Given:
    """Every object may travel and turn."""
    graph = given.plan.graph
    states = tuple(replace(s, is_translational=True, is_rotational=True) if s.name in graph.objects else s
                   for s in graph.states)  # fmt: skip
    return replace(given, plan=replace(given.plan, graph=replace(graph, states=states)))


def no_part_fitting(given: Given) -> Given:
    """Contacts are with the whole object: every part is all of it."""
    parts = {
        name: replace(found, parts={key: _whole(given.objects[name], region) for key, region in found.parts.items()})
        for name, found in given.parts.items()
    }
    return replace(given, parts=parts)


def _whole(thing: SceneObject, region: Any) -> Any:
    corners = thing.vertices[thing.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = 0.5 * np.linalg.norm(cross, axis=1)
    center = (corners.mean(1) * areas[:, None]).sum(0) / areas.sum()
    spread = np.linalg.svd((corners.mean(1) - center) * np.sqrt(areas)[:, None], full_matrices=False)[2]
    every = np.ones(len(thing.faces))
    return replace(region, probability=every, instances=np.zeros(len(every), int), center=center, axis=spread[0],
                   normal=spread[2])  # fmt: skip


def no_relation(given: Given) -> Given:
    """People start anywhere near, turned anyhow; the script is made for where they are."""
    from zeroshot_hoi.reference.scripted import script_motion

    rng = np.random.default_rng(given.plan.seed)
    people = {name: tuple(_anywhere(p, rng) for p in placed) for name, placed in given.initial.people.items()}
    initial = replace(given.initial, people=people)
    script = script_motion(given.plan, given.bodies, given.objects, given.parts, initial)
    return replace(given, initial=initial, reference=script)


def _anywhere(placed: Placement, rng: np.random.Generator) -> Placement:
    turn, way = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.0, 2.0 * np.pi)
    shift = RANDOM_PLACE * np.sqrt(rng.uniform()) * np.array([np.cos(way), np.sin(way)])
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    feet = {}
    for side, (x, y, yaw) in placed.feet.items():
        there = matrix @ (np.array([x, y]) - placed.root[:2]) + placed.root[:2] + shift
        feet[side] = (float(there[0]), float(there[1]), yaw + turn)
    root = np.array([*(placed.root[:2] + shift), placed.root[2]])
    return replace(placed, root=root, heading=placed.heading + turn, feet=feet)


VARIANTS: Mapping[str, Callable[[Given], Given]] = {
    "full": _as_it_is,
    "no part contact": no_part_contact,
    "no motion states": no_motion_states,
    "no part fitting": no_part_fitting,
    "no relation": no_relation,
    "no refinement": _as_it_is,
}
"""To leave something else out: a function, and its line here. Without refinement a clip is solved once, and not again
against what came near in it."""


def run_variant(case: Case, variant: str, frames: int | None = None) -> Result:
    """The measured result of one recipe on one set of meshes with one part left out.

    The first clip counts, whatever it misses: no others are made and judged, for the full run neither.
    """
    from zeroshot_hoi.optimization import clip
    from zeroshot_hoi.pipeline import Pipeline

    stages = Pipeline.from_recipe(case.recipe, seed=case.seed, frames=frames).stages(case.meshes)
    whole = Given(stages.plan, stages.bodies, stages.objects, stages.parts, stages.pose, stages.reference)
    with patch.object(clip, "PASSES", 1 if variant == "no refinement" else clip.PASSES):
        solved = solve_given(VARIANTS[variant](whole))
    return stages.replace(optimization=solved).measured


def solve_given(given: Given) -> tuple[Motion, Solution]:
    """The steps of the optimization in turn."""
    from zeroshot_hoi import optimization as steps

    compiler = steps.Compiler(
        given.plan, given.bodies, given.objects, given.parts, given.initial, given.reference
    )  # fmt: skip
    starts = steps.solve_static_poses(compiler, steps.find_grips(compiler))
    return steps.solve_all_frames(compiler, steps.solve_key_frames(compiler, starts))
