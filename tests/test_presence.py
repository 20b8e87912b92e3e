"""Parts that are not there: told so, with what was found; and the parts that are there stay."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import trimesh

from benchmarks.absent_parts import asked_meshes, file_hash
from zeroshot_hoi.affordance.base import AbsentPartError
from zeroshot_hoi.affordance.geometric import PartSearch, find_parts
from zeroshot_hoi.affordance.presence import NEEDS, filled, ramp, roundness
from zeroshot_hoi.affordance.vocabulary import VOCABULARY, complete
from zeroshot_hoi.core.plan import ObjectPlan, PartDescription
from zeroshot_hoi.core.scene import ObjectParts
from zeroshot_hoi.geometry.builtin import builtin_mesh
from zeroshot_hoi.geometry.prepare import prepare_object

FROZEN = "b723fb89ad21399198478c5e146b726660bbabb6691759cb4964d6a855b4d12e"


@lru_cache
def search(name: str) -> PartSearch:
    """A built-in mesh, measured once for all questions about it."""
    return PartSearch(prepare_object(name, builtin_mesh(name)), 0)


def found(name: str, *words: str, **options: bool) -> ObjectParts:
    plan = ObjectPlan(name, parts=tuple(PartDescription(word) for word in words))
    return find_parts(search(name).obj, plan, search=search(name), **options)


def test_the_list_is_frozen() -> None:
    assert file_hash() == FROZEN, "what is absent was decided from pictures, and is never changed to suit the code"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("table", "spout"), ("table", "backrest"), ("exercise ball", "handle"), ("mug", "spout"), ("mug", "leg"),
        ("chair", "wheel"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_reported(name: str, word: str) -> None:
    with pytest.raises(AbsentPartError, match=f"its part '{word}'.*; it {NEEDS[word].words}") as caught:
        found(name, word)
    assert caught.value.found == {}
    assert set(caught.value.absent) == {word}


def test_the_report_says_what_was_found() -> None:
    with pytest.raises(AbsentPartError, match=r"its part 'spout'.*Found: top \(\d\.\d\d\)") as caught:
        found("table", "top", "spout")
    assert caught.value.found["top"] > 0.5 > caught.value.absent["spout"]


def test_what_is_there_can_be_had_with_a_note_on_the_rest() -> None:
    result = found("table", "top", "spout", absent_is_note=True)
    assert set(result.parts) == {"top"}
    assert any("its part 'spout'" in note for note in result.notes)
    with pytest.raises(AbsentPartError):
        found("table", "spout", absent_is_note=True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("teapot", ("spout", "handle")), ("chair", ("seat", "backrest")), ("mug", ("handle", "rim")),
    ],
)  # fmt: skip
def test_what_is_there_stays(name: str, words: tuple[str, ...]) -> None:
    assert set(found(name, *words).parts) == set(words)


def test_a_plan_that_means_another_thing_by_a_word_is_not_held_to_it() -> None:
    """A `handle` that a recipe describes as a plate at the bottom need not be thin enough for a hand."""
    assert complete(PartDescription("handle")).prior.need == "handle"
    assert complete(PartDescription("handle", "bar")).prior.need == "handle"
    assert complete(PartDescription("handle", "plate", ("bottom",))).prior.need == ""
    assert complete(PartDescription("seat", "plate", facing="front")).prior.need == ""


def test_every_need_has_a_word_and_every_word_a_need() -> None:
    assert {prior.need for prior in VOCABULARY.values()} - {""} == set(NEEDS)


def test_measures_on_known_shapes() -> None:
    angle = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], -1)
    square = circle / np.abs(circle).max(axis=1, keepdims=True)
    assert roundness(circle) < 0.02
    assert roundness(square) == pytest.approx(np.sqrt(2.0) / 1.08 - 1 / 1.08, abs=0.06)
    assert roundness(circle[:200]) == 1.0, "half a circle is none"
    rng = np.random.default_rng(0)
    disk = circle[rng.integers(0, 400, 4000)] * np.sqrt(rng.random((4000, 1)))
    assert filled(disk) > 0.95
    assert filled(circle) < 0.4
    assert [ramp(0.5, 0.0, 1.0), ramp(0.5, 1.0, 0.0), ramp(2.0, 0.0, 1.0), ramp(2.0, 1.0, 0.0)] == [0.5, 0.5, 1.0, 0.0]


def test_a_wheel_is_round_and_a_crate_has_none() -> None:
    wheel = trimesh.creation.cylinder(0.1, height=0.03, sections=48)
    wheel.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0]))
    bed = trimesh.creation.box((0.8, 0.4, 0.15))
    bed.apply_translation([0, 0, 0.15])
    wheels = [wheel.copy().apply_translation([x, y, 0]) for x in (-0.3, 0.3) for y in (-0.24, 0.24)]
    cart = prepare_object("cart", trimesh.util.concatenate([bed, *wheels]))
    plan = ObjectPlan("cart", parts=(PartDescription("wheel", count=4),))
    assert find_parts(cart, plan).parts["wheel"].instances.max() == 3
    crate = prepare_object("crate", bed)
    with pytest.raises(AbsentPartError, match="round about a level axle"):
        find_parts(crate, plan)


def test_the_list_names_meshes_and_words_that_exist() -> None:
    asked = [mesh for mesh in asked_meshes(["mug", "table"])]
    assert {mesh.obj.name for mesh in asked if mesh.source == "builtin"} == {"mug", "table"}
    assert all(mesh.absent for mesh in asked)
