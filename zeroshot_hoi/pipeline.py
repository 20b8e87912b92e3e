"""The whole story: plan, prepared objects, parts, initial scene, reference, motion, result.

`_stages` is the table of contents. There is one way to run: `Pipeline.run` asks for the last stage, and
`Pipeline.stages` hands out the same stages one by one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import trimesh

from zeroshot_hoi.affordance.variants import check_models, ground_parts, imagine_parts, used_sources
from zeroshot_hoi.body.load import load_body
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.errors import RecipeError, nearest_name
from zeroshot_hoi.core.graph import PartAffordanceGraph
from zeroshot_hoi.core.motion import Motion
from zeroshot_hoi.core.plan import ObjectPlan, PersonPlan, Plan
from zeroshot_hoi.core.scene import Mesh, SceneObject
from zeroshot_hoi.core.solution import Progress, ProgressListener, Solution
from zeroshot_hoi.geometry.builtin import builtin_mesh
from zeroshot_hoi.geometry.prepare import prepare_object
from zeroshot_hoi.measures import Measures, miss
from zeroshot_hoi.mesh_digest import file_digest, mesh_digest
from zeroshot_hoi.metrics import attach
from zeroshot_hoi.notebook import default_listener
from zeroshot_hoi.optimization import (
    FINALISTS,
    Compiler,
    find_grips,
    solve_all_frames,
    solve_key_frames,
    solve_static_poses,
)
from zeroshot_hoi.planning.base import PlannedText
from zeroshot_hoi.planning.plan_to_recipe import recipe_from_plan
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.pose.prior import place
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.recipe_toml import RECIPE_KEY, recipe_to_toml
from zeroshot_hoi.reference.scripted import script_motion
from zeroshot_hoi.results.build import build_result
from zeroshot_hoi.results.result import Result
from zeroshot_hoi.sentence import TextOptions, one_recipe, plan_text
from zeroshot_hoi.stage_folder import StageFolder
from zeroshot_hoi.stage_words import (
    bodies_line,
    candidates_line,
    grips_line,
    interaction_line,
    objects_line,
    optimization_line,
    parts_line,
    reference_line,
    result_line,
    scene_line,
)
from zeroshot_hoi.stages import Inputs, Stage, Stages

MeshLike = str | Path | Mesh | trimesh.Trimesh | trimesh.Scene

EVERYTHING = tuple(field.name for field in fields(Plan))
"""Every field of a plan."""

SOLVING = ("people", "objects", "graph", "contacts", "frames", "fps", "seed", "engine")
"""What the four steps of the optimization read."""


class Pipeline:
    """Makes a result from a plan and meshes; `from_recipe` and `from_text` make the pipeline."""

    def __init__(
        self, plan: Plan, meshes: Mapping[str, MeshLike] | None = None, planned: PlannedText | None = None
    ) -> None:
        """`meshes` take the place of built-in ones in every run; `planned` tells how a text became the plan."""
        self.plan, self._meshes, self.planned = plan, dict(meshes or {}), planned

    @classmethod
    def from_recipe(cls, name_or_path: str | Path, **overrides: Any) -> Pipeline:
        """The pipeline of a recipe by name or path; `overrides` are recipe keys: seed, engine, frames, fps."""
        return cls(plan_from_recipe(Recipe.load(name_or_path), **overrides))

    @classmethod
    def from_text(
        cls,
        text: str,
        objects: Mapping[str, MeshLike | None] | None = None,
        *,
        options: TextOptions | None = None,
        progress: ProgressListener | None = None,
        **overrides: Any,
    ) -> Pipeline:
        """The pipeline of a sentence about `objects` (name -> mesh, or None for the built-in mesh of that name).

        `options` choose the planner; `overrides` are recipe keys. The recipe is `pipeline.planned.recipes[0]`.
        """
        planned = plan_text(text, objects, options, progress)
        plan = plan_from_recipe(one_recipe(planned), **overrides)
        return cls(plan, {name: mesh for name, mesh in (objects or {}).items() if mesh is not None}, planned)

    def run(
        self, meshes: MeshLike | Mapping[str, MeshLike] | None = None, *, progress: ProgressListener | None = None
    ) -> Result:
        """The 4D interaction with these meshes.

        A bare mesh goes to the recipe's first object, a mapping names its objects, and what is not given uses its
        built-in mesh. `progress` hears of every step.
        """
        return self.stages(meshes, progress=progress).measured

    def stages(
        self,
        meshes: MeshLike | Mapping[str, MeshLike] | None = None,
        *,
        progress: ProgressListener | None = None,
        folder: str | Path | None = None,
    ) -> Stages:
        """The same run, stage by stage: look at an output, put another in its place, go on.

        Nothing runs before it is asked for: `stages.parts`, `stages.measured`. With a `folder` outputs are kept there
        too, and the same stages in a later process go on from them.
        """
        given = self._assign(meshes)
        check_models(self.plan)
        kept = StageFolder(Path(folder)) if folder is not None else None
        return Stages(self.plan, lambda plan: self._stages(plan, given), progress or default_listener(), kept)

    def _stages(self, plan: Plan, given: Mapping[str, MeshLike]) -> tuple[Stage, ...]:
        """The stages in order, what each reads of the plan, and what it needs of the others."""
        placing = ("people", "objects", "graph", "contacts", "relations", "seed")
        imagining = plan.affordance == "inpainting"
        parts, scene = ("contacts", "scene") if imagining else ("parts", "pose")
        made, measures = ("bodies", "objects", parts), Measures()
        table = (
            Stage("bodies", _bodies, bodies_line, ("people",), narrow=_only_bodies, outside=_body_files, kept=False,
                  each="people"),
            Stage("objects", lambda at: _objects(at, given), objects_line, ("objects",), narrow=_only_objects,
                  outside=lambda plan: [mesh_digest(given[name]) if name in given else "" for name in plan.objects],
                  each="objects"),
            Stage("parts", _parts, parts_line, ("objects", "affordance", "models", "missing_parts"), ("objects",),
                  outside=_painted_files, each="objects"),
            Stage("pose", _place("parts"), scene_line, placing, ("bodies", "objects", "parts"), _flagless),
            Stage("contacts", _contacts, parts_line, EVERYTHING, ("bodies", "objects", "parts", "pose"),
                  each="objects"),
            Stage("scene", _place("contacts"), scene_line, placing, ("bodies", "objects", "contacts"), _flagless),
            Stage("reference", lambda at: script_motion(at.plan, *_all(at)), reference_line,
                  ("people", "objects", "graph", "script", "frames", "fps", "seed"), (*made, scene)),
            Stage("interaction", _interaction, interaction_line, SOLVING, (*made, scene, "reference"), kept=False,
                  newest=1),
            Stage("grips", _solve(find_grips), grips_line, (), ("interaction",)),
            Stage("starts", _solve(solve_static_poses), candidates_line, (), ("interaction", "grips")),
            Stage("keyframes", _solve(solve_key_frames), candidates_line, (), ("interaction", "starts")),
            Stage("optimization", lambda at: _optimized(at, parts, measures), optimization_line, SOLVING,
                  (*made, "interaction", "starts", "keyframes")),
            Stage("result", lambda at: self._result(at, parts), result_line, EVERYTHING, (*made, "optimization"),
                  kept=False),
            Stage("measured", lambda at: _measured(at, measures), result_line, (), ("result",), kept=False),
        )  # fmt: skip
        return tuple(stage for stage in table if imagining or stage.name not in ("contacts", "scene"))

    def _result(self, at: Inputs, parts: str) -> Result:
        """The result before it is measured, with how it came to be."""
        bodies, objects, found = _of(at, "bodies", "objects", parts)
        motion, solution = at.outputs["optimization"]
        planner = {"planning": self.planned.planner if self.planned else "recipe"}
        recipe = {RECIPE_KEY: recipe_to_toml(recipe_from_plan(at.plan))}
        prompts = {**(self.planned.prompts if self.planned else {}), **recipe}
        about = {"timings": dict(at.seconds), "models": planner | _models(at.plan, bodies), "prompts": prompts}
        return build_result(at.plan, bodies, objects, found, motion, energies=solution.energies, meta=about)

    def _assign(self, meshes: MeshLike | Mapping[str, MeshLike] | None) -> dict[str, MeshLike]:
        """Object name -> the user's mesh."""
        if meshes is None:
            return self._meshes
        if not isinstance(meshes, Mapping):
            return {**self._meshes, next(iter(self.plan.objects)): meshes}
        for name in meshes:
            if name not in self.plan.objects:
                raise RecipeError(
                    f"'{name}' is no object of '{self.plan.name}'. {nearest_name(name, self.plan.objects)}"
                )
        return {**self._meshes, **meshes}


def _of(at: Inputs, *names: str) -> Any:
    return tuple(at.outputs[name] for name in names)


def _all(at: Inputs, *more: Any) -> Any:
    """Everything that the stage needs, in the order in which it says so, and `more`."""
    return (*at.outputs.values(), *more)


def _bodies(at: Inputs) -> dict[str, SkinnedBody]:
    return {name: load_body(person.body) for name, person in at.plan.people.items()}


def _objects(at: Inputs, given: Mapping[str, MeshLike]) -> dict[str, SceneObject]:
    return {name: _prepare(entry, given.get(name), at) for name, entry in at.plan.objects.items()}


def _prepare(entry: ObjectPlan, mesh: MeshLike | None, at: Inputs) -> SceneObject:
    if mesh is None:
        if not entry.builtin:
            raise RecipeError(f"'{entry.name}' has no built-in mesh. Give one: run({{'{entry.name}': PATH}}).")
        mesh = builtin_mesh(entry.builtin)
    source = os.fspath(mesh) if isinstance(mesh, Path) else mesh
    return prepare_object(entry.name, source, size=entry.size, mass=entry.mass, progress=at.tell)


def _parts(at: Inputs) -> Any:
    return ground_parts(at.plan, at.outputs["objects"], at.tell)


def _contacts(at: Inputs) -> Any:
    return imagine_parts(at.plan, *_all(at, at.tell))


def _interaction(at: Inputs) -> Compiler:
    """Everything that the steps of the optimization read, prepared once: each fixes the fingers before it uses them."""
    return Compiler(at.plan, *_all(at))


def _solve(step: Callable[..., Any]) -> Callable[[Inputs], Any]:
    """A step of the optimization as a stage: it gets the interaction, what the step before made, and who listens."""
    return lambda at: step(*_all(at, at.tell))


def _optimized(at: Inputs, parts: str, measures: Measures) -> tuple[Motion, Solution]:
    """All frames; a clip that misses a bar is not shipped while another start remains."""
    plan = at.plan
    bodies, objects, found = _of(at, "bodies", "objects", parts)
    compiler, starts, candidates = _of(at, "interaction", "starts", "keyframes")
    seen = Plan(
        name="", text="", graph=plan.graph, people=plan.people, objects=plan.objects, contacts=plan.contacts,
        relations=(), script=(), frames=plan.frames, fps=plan.fps, seed=plan.seed,
    )  # fmt: skip

    def misses(motion: Motion) -> float:
        return miss(measures.of(build_result(seen, bodies, objects, found, motion)))

    return solve_all_frames(
        compiler, candidates, at.tell, misses=misses,
        others=lambda: solve_key_frames(compiler, starts[FINALISTS:], at.tell),
    )  # fmt: skip


def _place(parts: str) -> Any:
    return lambda at: place(at.plan, *_of(at, "bodies", "objects", parts))


def _measured(at: Inputs, measures: Measures) -> Result:
    at.tell(Progress("metrics", 0, 1))
    start = time.perf_counter()
    result = attach(at.outputs["result"], measures.of(at.outputs["result"]))
    timings = {**result.meta["timings"], "metrics": round(time.perf_counter() - start, 3)}
    at.tell(Progress("metrics", 1, 1))
    return replace(result, meta={**result.meta, "timings": timings})


def _only_bodies(plan: Plan) -> Plan:
    return replace(plan, people={name: PersonPlan(name, person.body) for name, person in plan.people.items()})


def _only_objects(plan: Plan) -> Plan:
    kept = {n: ObjectPlan(n, entry.builtin, entry.size, entry.mass) for n, entry in plan.objects.items()}
    return replace(plan, objects=kept)


def _flagless(plan: Plan) -> Plan:
    """Where people start depends on which parts touch, not on whether they slide or how long they stay."""
    graph = plan.graph
    edges = tuple(replace(edge, is_rel_static=False, is_continuous=False) for edge in graph.edges)
    return replace(plan, graph=PartAffordanceGraph(graph.nodes, edges, graph.states, graph.interaction))


def _body_files(plan: Plan) -> list[str]:
    return [file_digest(person.body) for person in plan.people.values() if person.body.endswith(".npz")]


def _painted_files(plan: Plan) -> list[str]:
    return [file_digest(p.painted) for thing in plan.objects.values() for p in thing.parts if p.painted]


def _models(plan: Plan, bodies: Mapping[str, SkinnedBody]) -> dict[str, str]:
    """Which variant ran in every stage."""
    return {
        "body": ", ".join(f"{name}: {body.model} {body.name}" for name, body in bodies.items()),
        "affordance": plan.affordance,
        **used_sources(plan),
        "pose": "prior",
        "reference": "scripted",
        "engine": plan.engine,
    }
