"""The whole story: plan, prepared objects, parts, initial scene, reference, motion, result."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trimesh

from zeroshot_hoi.affordance.variants import check_models, ground_parts, imagine_parts, used_sources
from zeroshot_hoi.body.load import load_body
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.errors import RecipeError, nearest_name
from zeroshot_hoi.core.plan import ObjectPlan, Plan
from zeroshot_hoi.core.scene import Mesh, SceneObject
from zeroshot_hoi.core.solution import Progress, ProgressListener, silent
from zeroshot_hoi.geometry.builtin import builtin_mesh
from zeroshot_hoi.geometry.prepare import prepare_object
from zeroshot_hoi.metrics import attach
from zeroshot_hoi.optimization import optimize
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

MeshLike = str | Path | Mesh | trimesh.Trimesh | trimesh.Scene


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
        plan, listener, clock = self.plan, progress or silent, _Clock()
        given = self._assign(meshes)
        check_models(plan)
        with clock.stage("bodies"):
            bodies = {name: load_body(person.body) for name, person in plan.people.items()}
        with clock.stage("objects"):
            objects = {n: self._prepare(entry, given.get(n), listener) for n, entry in plan.objects.items()}
        with clock.stage("parts"):
            parts = ground_parts(plan, objects, listener)
        with clock.stage("pose"):
            initial = place(plan, bodies, objects, parts)
        if plan.affordance == "inpainting":
            with clock.stage("contacts"):
                parts = imagine_parts(plan, bodies, objects, parts, initial, listener)
            with clock.stage("pose again"):
                initial = place(plan, bodies, objects, parts)
        with clock.stage("reference"):
            reference = script_motion(plan, bodies, objects, parts, initial)
        with clock.stage("optimization"):
            motion, solution = optimize(plan, bodies, objects, parts, initial, reference, listener)
        with clock.stage("result"):
            result = build_result(
                plan, bodies, objects, parts, motion,
                energies=solution.energies,
                meta={"timings": clock.seconds, "models": self._models(bodies), "prompts": self._prompts()},
            )  # fmt: skip
        with clock.stage("metrics"):
            listener(Progress("metrics", 0, 1))
            result = attach(result)
            listener(Progress("metrics", 1, 1))
        return result

    def _models(self, bodies: Mapping[str, SkinnedBody]) -> dict[str, str]:
        """Which variant ran in every stage."""
        return {"planning": self.planned.planner if self.planned else "recipe", **_models(self.plan, bodies)}

    def _prompts(self) -> dict[str, str]:
        """Prompt -> version, and the whole recipe, so that a result can be made again from its own file."""
        recipe = recipe_to_toml(recipe_from_plan(self.plan))
        return {**(self.planned.prompts if self.planned else {}), RECIPE_KEY: recipe}

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

    def _prepare(self, entry: ObjectPlan, mesh: MeshLike | None, listener: ProgressListener) -> SceneObject:
        if mesh is None:
            if not entry.builtin:
                raise RecipeError(f"'{entry.name}' has no built-in mesh. Give one: run({{'{entry.name}': PATH}}).")
            mesh = builtin_mesh(entry.builtin)
        source = os.fspath(mesh) if isinstance(mesh, Path) else mesh
        return prepare_object(
            entry.name, source, size=entry.size, mass=entry.mass, seed=self.plan.seed, progress=listener
        )


class _Clock:
    """Wall time of every stage, seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Any:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(time.perf_counter() - start, 3)


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
