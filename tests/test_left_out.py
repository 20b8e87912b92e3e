"""Ablations of the default pipeline: each leaves out what it says, and its row says what became of it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmarks import ablation_table, left_out
from benchmarks.ablation_table import AblationOptions, make_table, orderings, run_ablations
from benchmarks.left_out import (
    RANDOM_PLACE,
    VARIANTS,
    Given,
    no_motion_states,
    no_part_contact,
    no_part_fitting,
    no_relation,
)
from tests.plain_scene import SCENES
from zeroshot_hoi.body import load_body
from zeroshot_hoi.core.errors import RecipeError
from zeroshot_hoi.evaluation.cases import Case
from zeroshot_hoi.optimization import clip, static_poses
from zeroshot_hoi.optimization.compile import Compiler
from zeroshot_hoi.optimization.holds import Holds
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.pose.prior import place
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.reference.scripted import script_motion


def given(recipe: str) -> Given:
    plan = plan_from_recipe(Recipe.load(recipe), frames=9)
    (objects, parts), bodies = SCENES[recipe](), {"person 1": load_body("neutral")}
    initial = place(plan, bodies, objects, parts)
    return Given(plan, bodies, objects, parts, initial, script_motion(plan, bodies, objects, parts, initial))


@pytest.fixture(scope="module")
def lifting() -> Given:
    return given("lift_dumbbell")


def test_without_part_contact_nothing_holds_or_pulls(lifting: Given) -> None:
    left = no_part_contact(lifting)
    assert lifting.plan.graph.edges
    assert not left.plan.graph.edges
    holds = Holds(left.plan, left.objects, left.parts, left.initial, left.reference)
    assert not holds.grips
    assert not holds.carriers
    assert not holds.free
    compiler = Compiler(left.plan, left.bodies, left.objects, left.parts, left.initial, left.reference)
    start = static_poses._starts(compiler, {})[0]
    compiler.shape_hands(start)
    problem = compiler.problem([start], [0])
    assert not [t.name for t in problem.terms if t.name.startswith(("contact:", "drift:"))]
    assert [o.kind for o in problem.objects] == ["fixed"], "the dumbbell follows its script alone"


def test_without_motion_states_everything_may_move() -> None:
    left = no_motion_states(given("sit_on_chair"))
    state = left.plan.graph.state("chair")
    assert state.is_translational
    assert state.is_rotational
    assert left.plan.graph.edges, "contacts stay"


def test_without_part_fitting_every_part_is_the_whole_object(lifting: Given) -> None:
    left = no_part_fitting(lifting)
    thing, before = lifting.objects["dumbbell"], lifting.parts["dumbbell"].parts["handle"]
    after = left.parts["dumbbell"].parts["handle"]
    assert len(before.faces) < len(thing.faces) == len(after.faces)
    corners = thing.vertices[thing.faces]
    areas = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    assert after.center == pytest.approx(np.average(corners.mean(1), axis=0, weights=areas))
    assert abs(after.axis @ before.axis) > 0.99, "a dumbbell is longest along its handle"
    assert np.linalg.norm(after.axis) == pytest.approx(1.0)


def test_without_a_relation_people_start_anywhere_near_as_they_stood() -> None:
    whole = given("sit_on_chair")
    left = no_relation(whole)
    assert len(left.initial.people["person 1"]) == len(whole.initial.people["person 1"])
    for before, after in zip(whole.initial.people["person 1"], left.initial.people["person 1"], strict=True):
        assert 0.0 < np.linalg.norm(after.root - before.root) <= RANDOM_PLACE
        assert after.root[2] == before.root[2]
        turn = after.heading - before.heading
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        for side, (x, y, yaw) in before.feet.items():
            ahead = np.array([x, y]) - before.root[:2]
            assert np.array(after.feet[side][:2]) - after.root[:2] == pytest.approx(rotation @ ahead)
            assert after.feet[side][2] - yaw == pytest.approx(turn)
    again = no_relation(whole).initial.people["person 1"][0]
    assert again.heading == left.initial.people["person 1"][0].heading, "the seed decides"


class FakeResult:
    def save(self, path: Any) -> None:
        path.write_bytes(b"")

    def metrics(self) -> dict[str, Any]:
        return {}


def test_rows_resume_and_refusals_and_crashes_are_rows(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    monkeypatch.setattr(ablation_table, "measure_variant", lambda result, name: {"non-collision:both": 0.5})
    monkeypatch.setattr(ablation_table, "_together", lambda rows, options, out: {})

    def runner(case: Case, variant: str, frames: int | None) -> FakeResult:
        ran.append(variant)
        if variant == "no relation":
            raise RecipeError("nobody stands there")
        if variant == "no refinement" and ran.count(variant) == 1:
            raise RuntimeError("planted crash")
        return FakeResult()

    options = AblationOptions((Case("a"),), ("full", "no relation", "no refinement"))
    console = Console(file=io.StringIO(), width=200)
    assert run_ablations(options, tmp_path, console, runner) == 1
    assert run_ablations(options, tmp_path, console, runner) == 0, "what crashed runs again, what was refused does not"
    assert ran == ["full", "no relation", "no refinement", "no refinement"]
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "planted crash" in said
    assert "REFUSED RecipeError: nobody stands there" in said
    row = json.loads((tmp_path / "a" / "built-in" / "seed_0" / "all_frames" / "full" / "row.json").read_text())
    assert row["measures"] == {"non-collision:both": 0.5}
    assert run_ablations(replace(options, variants=("nothing",)), tmp_path, console, runner) == 2


def test_the_table_has_the_papers_numbers_and_tells_what_is_better() -> None:
    def row(contact: float, deepest: float) -> dict[str, Any]:
        return {"measures": {"hoi-page contact": contact, "maximum depth:both": deepest}}

    rows = {"full": {"a": row(0.8, 4.0), "b": row(0.6, 6.0)}, "no part contact": {"a": row(0.2, 3.0)}}
    console = Console(file=io.StringIO(), width=200)
    console.print(make_table(rows, {}))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "0.7 (0.76)" in said
    assert "0.2 (0.26)" in said
    found = orderings(rows)
    assert "contact (HOI-PAGE): full is best" in found
    assert "deepest, mm: better than the full run: no part contact" in found
    assert set(ablation_table.PRINTED) <= set(VARIANTS)


def test_without_refinement_a_clip_is_solved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The switch reaches the constant that the schedule reads."""
    seen = []

    class Stages:
        plan = bodies = objects = parts = pose = reference = None

        def replace(self, optimization: Any) -> Any:
            return self

        measured = "measured"

    pipeline = type("P", (), {"stages": lambda self, meshes: Stages()})()
    monkeypatch.setattr("zeroshot_hoi.pipeline.Pipeline.from_recipe", lambda *a, **k: pipeline)
    monkeypatch.setattr(left_out, "solve_given", lambda given: seen.append(clip.PASSES))
    before = clip.PASSES
    for variant in ("full", "no refinement"):
        assert left_out.run_variant(Case("x"), variant) == "measured"
    assert seen == [before, 1]
    assert clip.PASSES == before > 1
