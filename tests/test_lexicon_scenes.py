"""Scenes of the embedded planner: where people stand, walks, two palms, carts, things on things."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.core.plan import ObjectPlan
from zeroshot_hoi.core.scene import ObjectParts
from zeroshot_hoi.core.vocabulary import Vocabulary
from zeroshot_hoi.planning.base import GivenObject, PlannedText, TextError
from zeroshot_hoi.planning.lexicon import LexiconPlanner
from zeroshot_hoi.planning.lexicon_scene import POSTURES
from zeroshot_hoi.planning.lexicon_words import load_lexicon
from zeroshot_hoi.planning.plan_to_recipe import recipe_from_plan
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.recipe_toml import recipe_from_toml, recipe_to_toml
from zeroshot_hoi.sentence import vocabulary

LEXICON = load_lexicon()


def plan(text: str, *things: str | GivenObject) -> PlannedText:
    given = [GivenObject(thing) if isinstance(thing, str) else thing for thing in things]
    return LexiconPlanner(vocabulary()).plan(text, given)


def recipe_of(text: str, *things: str | GivenObject) -> Recipe:
    (recipe,) = plan(text, *things).recipes
    return recipe


def edges(recipe: Recipe) -> list[tuple[str, ...]]:
    return [(*edge.nodes, edge.kind or "") for edge in recipe.edges]


def script(recipe: Recipe) -> list[tuple[str, str, dict[str, Any]]]:
    return [(phrase.subject, phrase.verb, dict(phrase.model_extra or {})) for phrase in recipe.script]


def places(recipe: Recipe) -> list[tuple[str, str, str, str]]:
    return [(r.object, r.side, r.facing, r.distance) for r in recipe.relations]


# -- how far --

FAR = [
    ("A person lifts the mug near the table.", "reach"),
    ("A person lifts the mug close to the table.", "close"),
    ("A person lifts the mug at arm's length from the table.", "arm"),
    ("A person lifts the mug a step away from the table.", "step"),
    ("A person lifts the mug far from the table.", "far"),
    ("A person lifts the mug some steps from the table.", "far"),
    ("A person stands far away from the table and lifts the mug.", "far"),
    ("A person waits close to the table and lifts the mug.", "close"),
]


@pytest.mark.parametrize(("text", "distance"), FAR)
def test_words_say_how_far_the_person_is(text: str, distance: str) -> None:
    planned = plan(text, "mug", "table")
    (recipe,) = planned.recipes
    assert places(recipe) == [("table", "near", "toward", distance)]
    assert not any("left aside" in note for note in planned.notes), planned.notes
    again = recipe_from_toml(recipe_to_toml(recipe), "again")
    assert again.relations == recipe.relations
    assert plan_from_recipe(again).relations[0].distance == distance


def test_what_is_touched_all_the_time_is_not_out_of_reach() -> None:
    with pytest.raises(HoiError, match=r"starts at the distance 'far' from 'door', but .*door\.handle' touches"):
        plan("A person stands far from the door and opens it.", "door")


def test_a_place_alone_is_no_interaction() -> None:
    with pytest.raises(TextError, match="'stands at' touches nothing"):
        plan("A person stands at the table.", "table")


def test_a_place_names_no_part_of_what_another_clause_handles() -> None:
    recipe = recipe_of("A person stands at the door and opens it.", "door")
    assert [part.name for part in recipe.objects[0].parts] == ["handle"]
    assert places(recipe) == [("door", "near", "toward", "arm")]
    for word in ("opens", "closes"):
        recipe = recipe_of(f"A person {word} the door.", "door")
        assert places(recipe) == [("door", "near", "toward", "arm")], "room for the door to turn"
        assert script(recipe)[0][1] == word.removesuffix("s")


def test_a_sitter_has_the_table_before_them() -> None:
    for text in ("A person sits on the chair at the table and lifts the mug.", "A person sits at the table."):
        things = ("chair", "table", "mug") if "mug" in text else ("table", "chair")
        recipe = recipe_of(text, *things)
        assert places(recipe) == [("chair", "on", "away", "reach"), ("table", "near", "toward", "reach")]
        assert edges(recipe)[0] == ("person 1, hips", "chair, seat", "support")


# -- on foot --


def test_carrying_is_walking_and_what_hangs_hangs_at_the_side() -> None:
    recipe = recipe_of("A person carries the bag.", "bag")
    assert script(recipe) == [
        ("bag", "hold", {"keep": "down", "at": "side"}),
        ("person 1", "walk", {"speed": 0.7}),
    ]
    assert recipe.people[0].gaze == ""
    mug = recipe_of("A person carries the mug.", "mug")
    assert "at" not in script(mug)[0][2]


def test_who_walks_to_something_starts_far_from_it() -> None:
    recipe = recipe_of("A person carries the mug to the table.", "mug", "table")
    assert places(recipe) == [("table", "near", "toward", "far")]


def test_nobody_walks_or_squats_while_sitting() -> None:
    seated = recipe_of("A person sits on the chair and carries the mug.", "chair", "mug")
    assert [phrase[1] for phrase in script(seated)] == ["sit", "hold", "carry"]
    with pytest.raises(TextError, match="'squat' needs 'squat', which no sitter does"):
        plan("A person sits on the chair and squats with the mug.", "chair", "mug")


def test_a_curl_begins_above_the_thighs_of_who_sits() -> None:
    standing = script(recipe_of("A person curls the dumbbell.", "dumbbell"))
    seated = script(recipe_of("A person sits on the chair and curls the dumbbell.", "chair", "dumbbell"))
    assert "from" not in standing[0][2]
    assert seated[1][2]["from"] > 40


def test_squats_go_down_with_what_is_held() -> None:
    recipe = recipe_of("A person squats with the dumbbell.", "dumbbell")
    assert [phrase[:2] for phrase in script(recipe)] == [("person 1", "squat"), ("dumbbell", "hold")]
    assert recipe.object_states[0].is_translational


# -- both hands --


def test_a_cart_is_pushed_from_behind_with_both_hands() -> None:
    for text in ("A person pushes the mower.", "A person mows with the mower.", "A person wheels the mower along."):
        recipe = recipe_of(text, "mower")
        assert {edge[0] for edge in edges(recipe)} == {"person 1, right hand", "person 1, left hand"}
        assert {edge[1:] for edge in edges(recipe)} == {("mower, handlebar", "grip")}
        assert places(recipe) == [("mower", "back", "toward", "reach")]
        assert [phrase[:2] for phrase in script(recipe)] == [("person 1", "walk"), ("mower", "push")]
        assert recipe.objects[0].rests_on == "ground"


POURS = (
    ("A person pours tea from the teapot into a mug that stands on the table.", "right"),
    ("A person pours the teapot into the mug on the table.", "right"),
    ("A person pours the teapot into a mug which stands on that table.", "right"),
    ("A person pours tea from the teapot into the mug standing on the table with the left hand.", "left"),
)


@pytest.mark.parametrize(("text", "hand"), POURS)
def test_what_is_poured_goes_into_what_stands_on_the_table(text: str, hand: str) -> None:
    recipe = recipe_of(text, "teapot", "mug", "table")
    away = {"right": ("left", "back"), "left": ("right", "forward")}[hand]
    grip = (f"person 1, {hand} hand", "teapot, handle", "grip")
    assert edges(recipe) == [("mug, bottom", "table, top", "rest"), grip]
    assert [who for who, *_ in places(recipe)] == ["table"]
    hold, bring, tilt = (given for _, _, given in script(recipe))
    assert hold["keep"] == f"upright {away[0]}", "the spout points away from the arm"
    assert (bring["to"], bring["part"], tilt["about"]) == ("mug", "spout", away[1])


def test_what_is_poured_into_a_mug_on_the_floor_is_said_to_miss_it() -> None:
    planned = plan("A person pours the teapot into the mug.", "teapot", "mug")
    assert [verb for _, verb, _ in script(planned.recipes[0])] == ["hold", "lift", "tilt"]
    assert any("the mug stands on the floor" in note for note in planned.notes)


def test_what_stands_on_something_is_put_there_once() -> None:
    twice = "A person pours the teapot into the mug on the table and pours the bottle into the mug on the table."
    rests = [edge for edge in edges(recipe_of(twice, "teapot", "bottle", "mug", "table")) if edge[2] == "rest"]
    assert rests == [("mug, bottom", "table, top", "rest")]


def test_what_a_thing_stands_on_is_no_ride_of_the_person() -> None:
    recipe = recipe_of("A person drinks from the mug that is on the table.", "mug", "table")
    assert edges(recipe) == [("person 1, right hand", "mug, handle", "grip")], "what is held stands nowhere"
    assert places(recipe)[0][0] == "table"


def test_boxes_go_between_two_palms() -> None:
    recipe = recipe_of("A person carries the box.", "box")
    assert edges(recipe) == [
        ("person 1, right hand", "box, sides", "touch"),
        ("person 1, left hand", "box, sides", "touch"),
    ]
    assert all(edge.is_rel_static and edge.is_continuous for edge in recipe.edges)


def part_finder(*names: str) -> Any:
    """Finds only parts of these names."""
    import numpy as np

    from zeroshot_hoi.core.scene import PartRegion

    def find(wanted: ObjectPlan) -> ObjectParts:
        part = wanted.parts[-1]
        if part.name not in names:
            raise PartError(f"no {part.name}")
        zero = np.zeros(3)
        region = PartRegion(part.name, np.ones(1), np.zeros(1, int), 0.8, zero, zero, zero)
        return ObjectParts("x", {part.name: region}, zero)

    return find


def test_what_no_hand_closes_around_goes_between_two_palms() -> None:
    thick = GivenObject("zorg", (0.4, 0.3, 0.3), find=part_finder("sides", "middle"))
    assert {edge[1:] for edge in edges(recipe_of("A person lifts the zorg.", thick))} == {("zorg, sides", "touch")}
    handled = GivenObject("zorg", (0.4, 0.3, 0.3), find=part_finder("handle", "sides"))
    assert edges(recipe_of("A person lifts the zorg.", handled)) == [("person 1, right hand", "zorg, handle", "grip")]
    thin = GivenObject("zorg", (0.4, 0.3, 0.05), find=part_finder("sides", "middle"))
    assert edges(recipe_of("A person lifts the zorg.", thin)) == [("person 1, right hand", "zorg, middle", "grip")]


def test_some_things_take_two_hands_unless_one_is_named() -> None:
    assert len(recipe_of("A person looks through the binoculars.", "binoculars").edges) == 2
    one = recipe_of("A person looks through the binoculars with the left hand.", "binoculars")
    assert [edge[0] for edge in edges(one)] == ["person 1, left hand"]


# -- things on things --


def test_a_keyboard_lies_on_something_while_hands_touch_it_now_and_then() -> None:
    recipe = recipe_of("A person types on the keyboard on the table.", "keyboard", "table")
    assert edges(recipe) == [
        ("person 1, right hand", "keyboard, keys", "touch"),
        ("person 1, left hand", "keyboard, keys", "touch"),
        ("keyboard, foot", "table, top", "rest"),
    ]
    assert [(edge.is_rel_static, edge.is_continuous) for edge in recipe.edges] == [(False, False)] * 2 + [(True, True)]
    assert places(recipe) == [("table", "near", "toward", "reach")]
    with pytest.raises(TextError, match="say on what"):
        plan("A person types on the keyboard.", "keyboard")


def test_the_broom_begins_on_the_floor() -> None:
    first = script(recipe_of("A person sweeps with the broom.", "broom"))[0]
    assert first == ("broom", "hold", {"keep": "down", "on": "ground"})


def test_eyes_do_not_follow_what_is_at_the_mouth() -> None:
    assert recipe_of("A person drinks from the mug.", "mug").people[0].gaze == ""
    assert recipe_of("A person lifts the mug.", "mug").people[0].gaze == "mug"


# -- every verb --


def sentence_of(name: str) -> tuple[str, tuple[str, ...]]:
    """A sentence with the verb, and the things in it."""
    verb = LEXICON.verbs[name]
    word = (*verb.words, *verb.phrases)[0]
    if verb.manner in ("seat", "bed", "floor", "saddle", "board"):
        return f"A person {word} on the chair", ("chair",)
    if verb.manner == "slid" or verb.lies:
        return f"A person {word} the float over the table", ("float", "table")
    if verb.manner == "pushed":
        return f"A person {word} the cart", ("cart",)
    if verb.manner == "place":
        return f"A person {word} near the table and lifts the mug", ("table", "mug")
    return f"A person {word} the mug", ("mug",)


def refused(name: str) -> bool:
    """Whether a verb needs a motion, a posture or a placement that does not exist."""
    verb, known = LEXICON.verbs[name], vocabulary()
    motions = [phrase["verb"] in known.verbs(phrase["subject"] == "person") for phrase in verb.script]
    return (
        not all(motions)
        or POSTURES.get(verb.manner, "stand") not in known.postures
        or verb.manner == "worn"
        or verb.people > 1
    )


def rides() -> Vocabulary:
    """What the library knows, and riding."""
    known = vocabulary()
    objects = {**known.object_verbs, "roll": {"distance": 2.0, "direction": "forward"}}
    people = {**known.person_verbs, "ride": {"object": "", "pushes": 0.0}}
    return replace(known, object_verbs=objects, person_verbs=people, postures=(*known.postures, "ride"))


def test_riding_takes_hips_hands_and_feet() -> None:
    planned = LexiconPlanner(rides()).plan("A person rides the bicycle.", [GivenObject("bicycle")])
    (recipe,) = planned.recipes
    assert edges(recipe) == [
        ("person 1, hips", "bicycle, saddle", "support"),
        ("person 1, left hand", "bicycle, grips", "grip"),
        ("person 1, right hand", "bicycle, grips", "grip"),
        ("person 1, left foot", "bicycle, pedals", "touch"),
        ("person 1, right foot", "bicycle, pedals", "touch"),
    ]
    assert places(recipe) == [("bicycle", "on", "away", "reach")]
    assert recipe.people[0].posture == "ride"
    assert recipe.object_states[0].is_translational
    assert script(recipe)[1] == ("person 1", "ride", {"object": "bicycle"})


def test_what_has_a_deck_is_ridden_standing() -> None:
    for text, name in (
        ("A person rides the skateboard.", "skateboard"),
        ("A person skates on the longboard.", "longboard"),
    ):
        (recipe,) = LexiconPlanner(rides()).plan(text, [GivenObject(name)]).recipes
        assert edges(recipe) == [("person 1, left foot", f"{name}, deck", "support")]
        assert recipe.people[0].posture == "stand"
    (seated,) = LexiconPlanner(rides()).plan("A person rides on the bike.", [GivenObject("bike")]).recipes
    assert len(seated.edges) == 5


@pytest.mark.parametrize("name", LEXICON.verbs)
def test_every_verb_becomes_a_recipe_that_round_trips_or_names_the_missing_motion(name: str) -> None:
    text, things = sentence_of(name)
    if refused(name):
        with pytest.raises(TextError, match="its motion cannot be made yet: there is no"):
            plan(text, *things)
        return
    (recipe,) = plan(text, *things).recipes
    first = plan_from_recipe(recipe)
    written = recipe_from_plan(first)
    assert plan_from_recipe(recipe_from_toml(recipe_to_toml(written), name)) == first
    decoded = json.loads(written.model_dump_json(by_alias=True))
    assert plan_from_recipe(Recipe.from_mapping(decoded, name)) == first


def test_the_docs_list_the_verbs_that_are_refused(checkout: Any) -> None:
    text = " ".join((checkout / "docs" / "language.md").read_text().split())
    found = re.search(r"an error that names the motion\. Today: (.*?)\.", text)
    assert found is not None
    listed = set(re.findall(r"`(\w+)`", found[1]))
    assert listed >= {name for name in LEXICON.verbs if refused(name)}


@pytest.mark.parametrize("name", LEXICON.verbs)
def test_flags_say_what_the_script_does(name: str) -> None:
    """A thing that is said to travel or turn has a motion that makes it, so that the bars can hold."""
    verb = LEXICON.verbs[name]
    if refused(name):
        return
    motions = {phrase["verb"] for phrase in verb.script}
    turning = motions & {*"tilt swing curl open close".split()}
    assert not verb.travels or motions & {*"lift carry stroke swing press toss bring curl walk squat tilt roll".split()}
    assert bool(turning) == verb.turns


# -- the benchmark's list --

LISTED = tomllib.loads((Path(__file__).parent.parent / "benchmarks" / "sentences.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("key", LISTED["sentences"])
def test_the_thirty_sentences_are_understood_whole(key: str) -> None:
    entry = LISTED["sentences"][key]
    names = [row.partition(" as ")[2] or row for row in entry["objects"]]
    planned = plan(entry["text"], *names)
    (recipe,) = planned.recipes
    assert {thing.name for thing in recipe.objects} == set(names)
    aside = {note.removeprefix("left aside: ") for note in planned.notes if note.startswith("left aside")}
    assert aside <= {"tea", "teeth"}, "things that are no objects here"
    moving = {state.name for state in recipe.object_states if state.is_translational or state.is_rotational}
    assert moving <= {phrase.subject for phrase in recipe.script}
    assert recipe.script
