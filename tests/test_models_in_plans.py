"""Plans choose how parts are found: the variant runs, raises with the remedy, or goes on where the recipe allows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from plain_scene import ironing_scene

pytest.importorskip("transformers", reason="needs the extra 'models'")
pytest.importorskip("diffusers", reason="needs the extra 'models'")

from zeroshot_hoi.affordance import variants
from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.models.base import Boxes, ModelError
from zeroshot_hoi.pipeline import Pipeline
from zeroshot_hoi.planning.plan_to_recipe import recipe_from_plan
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.recipe import Recipe


class Blind:
    """A detector that finds nothing."""

    def detect(self, image: np.ndarray, phrases: Any) -> Boxes:
        return Boxes(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))


def plan_of(**overrides: Any):
    return plan_from_recipe(Recipe.load("ironing"), **overrides)


def test_weights_that_are_missing_stop_the_run_before_any_work(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    heard: list[Any] = []
    pipeline = Pipeline(plan_of(affordance="segmentation", models={"detector": "nobody/nothing@v1"}))
    with pytest.raises(ModelError, match=r"hf download nobody/nothing --revision v1"):
        pipeline.run(progress=heard.append)
    assert not heard


def test_the_choice_survives_the_way_back_to_a_recipe() -> None:
    plan = plan_of(affordance="inpainting", missing_parts="geometric", models={"views": 12, "size": 256})
    assert plan_from_recipe(recipe_from_plan(plan)) == plan


def test_a_part_that_models_miss_stops_unless_the_recipe_allows(monkeypatch) -> None:
    objects, parts = ironing_scene()
    plan = plan_of(affordance="segmentation", models={"views": 4, "size": 64})
    monkeypatch.setattr(variants, "find_parts", lambda thing, entry: parts[thing.name])
    with pytest.raises(PartError, match="without a box"):
        variants.ground_parts(plan, objects, load=lambda role, name, settings: Blind())
    allowed = replace(plan, missing_parts="geometric")
    found = variants.ground_parts(allowed, objects, load=lambda role, name, settings: Blind())
    assert "as missing_parts" in found["iron"].notes[-1]


def test_a_placed_body_stands_where_the_placement_says() -> None:
    """On the ground, its root at the placement's, looking along the heading, whatever the object's own pose is."""
    from zeroshot_hoi.body.load import load_body
    from zeroshot_hoi.body.postures import posture_shape
    from zeroshot_hoi.core.reference import Placement, RigidPose

    body = load_body("neutral")
    shape = posture_shape(body, "stand")
    placement = Placement(np.array([1.0, 2.0, -shape.lowest]), np.pi / 2, shape.q, {})
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    pose = RigidPose(turn, np.array([0.5, 0.0, 0.3]))
    world = variants.place_body(body, placement, pose).vertices @ pose.rotation.T + pose.translation
    assert abs(world[:, 2].min()) < 1e-6
    nose = world[np.argmax(body.rest_vertices[:, 0] * (np.array(body.part_labels) == "head"))]
    assert nose[1] > 2.05, "a heading of 90 degrees looks along y"
    assert abs(nose[0] - 1.0) < 0.05
