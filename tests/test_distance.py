"""A class of distance moves the person: by how much, in which order, for bodies of different sizes, and who sits."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.plain_scene import SCENES
from zeroshot_hoi.body import load_body
from zeroshot_hoi.body.postures import posture_shape
from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.pose.prior import STANDOFF, place, standoffs
from zeroshot_hoi.recipe import Recipe

PERSON = "person 1"
CLASSES = ("close", "reach", "arm", "step", "far")


def changed(name: str, **relation: str) -> Recipe:
    data = Recipe.load(name).model_dump(by_alias=True)
    data["relations"] = [{**data["relations"][0], **relation}]
    return Recipe.from_mapping(data, name)


def test_each_class_is_farther_than_the_one_before() -> None:
    shape = posture_shape(load_body("neutral"), "stand")
    rows = [standoffs(name, shape) for name in CLASSES]
    for near, far in pairwise(rows):
        assert np.median(far) > 1.3 * np.median(near)
        assert max(near) < min(far) or near == rows[0]
    assert rows[1] == STANDOFF
    assert 2.0 < np.median(rows[-1]) < 3.0
    with pytest.raises(HoiError, match="Did you mean 'step'"):
        standoffs("stp", shape)


def test_long_limbs_stand_farther_away() -> None:
    small, large = (posture_shape(load_body(name), "stand") for name in ("female", "male"))
    for name in ("arm", "step", "far"):
        assert standoffs(name, large)[0] > standoffs(name, small)[0]


@pytest.mark.parametrize("distance", CLASSES)
def test_the_placement_keeps_the_distance(distance: str) -> None:
    body = load_body("neutral")
    plan = plan_from_recipe(changed("ironing", distance=distance))
    scene = place(plan, {PERSON: body}, *SCENES["ironing"]())
    board = SCENES["ironing"]()[0]["ironing board"]
    half = 0.5 * np.sort(np.ptp(board.vertices[:, :2], axis=0))[0]
    expected = standoffs(distance, posture_shape(body, "stand"))
    found = []
    for placement in scene.people[PERSON]:
        ahead = np.array([np.cos(placement.heading), np.sin(placement.heading)])
        toward = scene.objects["ironing board"].translation[:2] - placement.root[:2]
        found.append(float(toward @ ahead) - half)
    assert found[0] == pytest.approx(expected[0], abs=0.02)
    assert min(found) == pytest.approx(min(expected), abs=0.02)
    assert max(found) == pytest.approx(max(expected), abs=0.02)


def test_recipes_refuse_distances_that_mean_nothing() -> None:
    with pytest.raises(HoiError, match="'person 1' is on 'chair', so distance = 'far' says nothing"):
        changed("sit_on_chair", distance="far")
    with pytest.raises(HoiError, match="distance"):
        changed("ironing", distance="near")


def test_other_things_stand_before_a_sitter_at_their_distance() -> None:
    body = load_body("neutral")
    objects, parts = SCENES["sit_on_chair"]()
    ironing_objects, ironing_parts = SCENES["ironing"]()
    objects, parts = {**objects, "ironing board": ironing_objects["ironing board"]}, {**parts, **ironing_parts}
    base = plan_from_recipe(Recipe.load("sit_on_chair"))
    ironing = plan_from_recipe(Recipe.load("ironing"))
    chair = base.relations[0]
    away = []
    for distance in ("reach", "arm", "far"):
        table = replace(ironing.relations[0], distance=distance)
        things = {**base.objects, "ironing board": ironing.objects["ironing board"]}
        plan = replace(base, objects=things, relations=(chair, table))
        scene = place(plan, {PERSON: body}, objects, parts)
        placement = scene.people[PERSON][0]
        ahead = np.array([np.cos(placement.heading), np.sin(placement.heading)])
        away.append(float((scene.objects["ironing board"].translation[:2] - placement.root[:2]) @ ahead))
    assert away[0] < away[1] < away[2]
    assert away[2] - away[1] == pytest.approx(
        standoffs("far", posture_shape(body, "sit"))[0] - standoffs("arm", posture_shape(body, "sit"))[0]
    )
