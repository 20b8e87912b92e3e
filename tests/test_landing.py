"""How a person comes down on a seat: gently, whether it is hard or upholstered."""

from __future__ import annotations

import numpy as np
import pytest

from tests.plain_scene import SCENES
from zeroshot_hoi.body import load_body
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.pose.prior import place
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.reference.person import person_reference

PERSON = "person 1"


@pytest.mark.parametrize("soft", [False, True])
def test_hips_reach_the_seat_and_not_before(soft: bool) -> None:
    data = Recipe.load("sit_on_chair").model_dump(by_alias=True)
    data["edges"] = [{**edge, "upholstery": soft} for edge in data["edges"]]
    plan, body = plan_from_recipe(Recipe.from_mapping(data)), load_body("neutral")
    placement = place(plan, {PERSON: body}, *SCENES["sit_on_chair"]()).people[PERSON][0]
    reference = person_reference(PERSON, plan, body, placement)
    way = reference.stance[2] - placement.root[2]
    height = way * reference.standing[:, 2]
    landed = int(np.argmax(height < 1e-6))
    steps = -np.diff(height)
    assert landed == round(0.62 * (plan.frames - 1))
    assert (steps >= -1e-9).all()
    assert height[landed:] == pytest.approx(0.0, abs=1e-9)
    assert steps[landed - 1] * plan.fps < 0.3, "no more than 30 cm/s"
