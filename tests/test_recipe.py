"""Recipes: the bundled ones make plans, and each kind of mistake gets a sentence that helps."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zeroshot_hoi.core.errors import GraphError, HoiError, RecipeError
from zeroshot_hoi.core.plan import ContactPlan, MotionPhrase, PartDescription
from zeroshot_hoi.planning import plan_from_recipe
from zeroshot_hoi.recipe import MAX_BYTES, Recipe, list_recipes, recipes_folder


def ironing() -> dict[str, Any]:
    return tomllib.loads((recipes_folder() / "ironing.toml").read_text(encoding="utf-8"))


def plan_of(change: Callable[[dict[str, Any]], Any]) -> Any:
    data = ironing()
    change(data)
    return plan_from_recipe(Recipe.from_mapping(data, "mine.toml"))


def test_bundled_recipes_are_listed() -> None:
    assert {"ironing", "lift_dumbbell", "sit_on_chair"} <= set(list_recipes())


@pytest.mark.parametrize("name", list_recipes())
def test_every_bundled_recipe_makes_a_plan(name: str) -> None:
    recipe = Recipe.load(name)
    plan = plan_from_recipe(recipe)
    assert plan.name == recipe.name == name
    assert set(plan.contacts) == {edge.name for edge in plan.graph.edges}
    assert set(plan.objects) == set(plan.graph.objects)
    assert set(plan.people) == set(plan.graph.people)
    assert plan.graph.advice() == ()
    assert (plan.frames, plan.fps, plan.seed, plan.engine) == (49, 16.0, 0, "jax")


def test_the_ironing_plan_in_detail() -> None:
    plan = plan_from_recipe(Recipe.load("ironing"))
    grip, rest = "person 1.right hand->iron.handle", "iron.soleplate->ironing board.top"
    assert plan.contacts == {grip: ContactPlan(grip, "grip"), rest: ContactPlan(rest, "rest")}
    assert plan.objects["iron"].size == (0.12, 0.40)
    assert plan.objects["iron"].parts[0] == PartDescription("handle", "bar", ("upper",), aliases=("grip",))
    parameters = {"over": "ironing board, top", "distance": 0.30, "cycles": 2.0}
    assert plan.script == (MotionPhrase("iron", "stroke", 0.0, 1.0, parameters),)
    assert plan.graph.state("iron").is_translational


def test_kind_defaults_and_upholstery() -> None:
    def change(data: dict[str, Any]) -> None:
        for edge in data["edges"]:
            edge.pop("kind")
        data["edges"][0]["upholstery"] = True

    contacts = plan_of(change).contacts
    assert [contact.kind for contact in contacts.values()] == ["touch", "rest"]
    assert [contact.upholstery for contact in contacts.values()] == [True, False]


def test_overrides() -> None:
    recipe = Recipe.load("ironing")
    plan = plan_from_recipe(recipe, seed=3, engine="torch", frames=25, fps=12.5)
    assert (plan.seed, plan.engine, plan.frames, plan.fps) == (3, "torch", 25, 12.5)
    assert plan_from_recipe(recipe, seed=None).seed == 0
    assert recipe.seed == 0
    assert recipe.with_overrides(seed=1).origin == recipe.origin


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"sed": 1}, "'seed'"),
        ({"people": []}, "cannot be overridden"),
        ({"engine": "tpu"}, "'jax' or 'torch'"),
        ({"frames": 2}, "frames = 2: frames"),
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"fps": float("nan")}, "fps"),
    ],
)
def test_bad_overrides_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        plan_from_recipe(Recipe.load("ironing"), **overrides)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda d: d.update(scrip=1), RecipeError, "mine.toml: unknown key 'scrip' at the top level.*'script'"),
        (lambda d: d["objects"][1].update(sise=1), RecipeError, "'sise' in objects 2.*'size'"),
        (
            lambda d: d["objects"][0]["parts"][1].update(face="up"),
            RecipeError,
            "'face' in objects 1, parts 2.*'facing'",
        ),
        (lambda d: d["edges"][0].pop("is_rel_static"), RecipeError, "'is_rel_static' is missing in edges 1"),
        (lambda d: d["edges"][0].update(is_continuous=1), RecipeError, "edges 1, is_continuous: must be a valid bool"),
        (lambda d: d["edges"][0].update(kind="gripp"), RecipeError, "'grip', 'touch'"),
        (lambda d: d["edges"][0].update(kind="rest"), RecipeError, "for two objects"),
        (lambda d: d["edges"][1].update(kind="support"), RecipeError, "needs a body part"),
        (lambda d: d["edges"][0].update(nodes=["person 1, head", "iron, handle"]), RecipeError, "only a hand grips"),
        (lambda d: d["edges"][0].update(nodes=["person 1, right hand", "iron, handel"]), GraphError, "'iron, handle'"),
        (lambda d: d["edges"][0].update(nodes=["person 1, right hnd", "iron, handle"]), GraphError, "'right hand'"),
        (lambda d: d["edges"][0].update(nodes=["person 2, right hand", "iron, handle"]), GraphError, "'person 1'"),
        (lambda d: d["edges"][0].update(nodes=["iron", "iron, handle"]), RecipeError, "owner, part"),
        (lambda d: d["edges"].append(d["edges"][0]), GraphError, "mine.toml: Edge .* more than once"),
        (lambda d: d["object_states"].pop(), GraphError, "flags are missing"),
        (lambda d: d["objects"][0].update(name="../iron"), RecipeError, "1 to 64"),
        (lambda d: d["objects"][0].update(name="ironing board"), RecipeError, "more than once"),
        (lambda d: d["objects"][0].update(name="person 2"), RecipeError, "person's name"),
        (lambda d: d["objects"][0].update(size=[2.0, 1.0]), RecipeError, "smallest, largest"),
        (lambda d: d["objects"][0].update(mass="heavy"), RecipeError, "objects 1, mass"),
        (lambda d: d["objects"][0].update(mass=0.0), RecipeError, "objects 1, mass"),
        (lambda d: d["objects"][0].update(rests_on="bord"), RecipeError, "'bord'"),
        (lambda d: d["objects"][0]["parts"][0].update(shape="rod"), RecipeError, "'bar'"),
        (lambda d: d["objects"][0]["parts"][0].update(position=["uper"]), RecipeError, "'upper'"),
        (lambda d: d["people"][0].update(name="Anna"), RecipeError, "person 1"),
        (lambda d: d["people"][0].update(gaze="irn"), RecipeError, "'iron'"),
        (lambda d: d["people"][0].update(gaze="iron, tip"), RecipeError, "unknown part 'iron, tip'"),
        (lambda d: d["relations"][0].update(object="sofa"), RecipeError, "'sofa'"),
        (lambda d: d["script"][0].update(subject="irn"), RecipeError, "'iron'"),
        (lambda d: d["script"][0].update(over="ironing board, tip"), RecipeError, "unknown part"),
        (lambda d: d["script"][0].update(path=[1, 2]), RecipeError, "a number or a text"),
        (lambda d: d["script"][0].update(end=0.0), RecipeError, "not after its start"),
        (lambda d: d["script"][0].update(end=1.5), RecipeError, "script 1, end"),
        (lambda d: d.update(schema=2), RecipeError, "schema"),
        (lambda d: d.update(people=[]), RecipeError, "people"),
        (lambda d: d.update(frames=49.5), RecipeError, "frames"),
    ],
)
def test_mistakes_are_named(change: Callable[[dict[str, Any]], Any], error: type[HoiError], message: str) -> None:
    with pytest.raises(error, match=message):
        plan_of(change)


def test_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'ironing'"):
        Recipe.load("ironign")
    with pytest.raises(RecipeError, match=r"no recipe file .*mine\.toml"):
        Recipe.load("somewhere/mine.toml")


def test_a_recipe_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text((recipes_folder() / "sit_on_chair.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert Recipe.load(path).origin == str(path)
    assert Recipe.load(str(path)).model_dump() == Recipe.load("sit_on_chair").model_dump()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = ", "not valid TOML"),
        (b"\xff\xfe", "not valid TOML"),
        (b"#" * (MAX_BYTES + 1), "at most"),
        (b"", "missing"),
    ],
)
def test_files_that_are_no_recipe(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=message):
        Recipe.load(path)


def test_a_recipe_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Recipe.load("ironing").seed = 4
