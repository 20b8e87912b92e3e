"""The way back: a plan as a recipe, so that every run can be written down, read, edited and run again."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from typing import Any

from zeroshot_hoi.core.graph import is_person
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.recipe_tables import EdgeTable, HumanStateTable, ObjectStateTable


def recipe_from_plan(plan: Plan) -> Recipe:
    """The recipe whose plan is `plan`; records of plan and recipe share their keys."""
    data: dict[str, Any] = {"schema": 1, "people": [], "objects": []}
    data |= {f.name: getattr(plan, f.name) for f in fields(plan) if f.name in Recipe.model_fields}
    data["people"] = [asdict(person) for person in plan.people.values()]
    data["objects"] = [asdict(thing) for thing in plan.objects.values()]
    data["models"] = asdict(plan.models)
    data["relations"] = [asdict(relation) for relation in plan.relations]
    data["script"] = [
        {"subject": p.subject, "verb": p.verb, "start": p.start, "end": p.end, **p.parameters} for p in plan.script
    ]
    data["edges"] = [_edge(plan, edge) for edge in plan.graph.edges]
    states = plan.graph.states
    data["object_states"] = [_chosen(s, ObjectStateTable) for s in states if not is_person(s.name)]
    data["human_states"] = [_chosen(s, HumanStateTable) for s in states if is_person(s.name)]
    return Recipe.from_mapping(data, f"the plan '{plan.name}'")


def _edge(plan: Plan, edge: Any) -> dict[str, Any]:
    known = EdgeTable.model_fields
    contact = {key: value for key, value in asdict(plan.contacts[edge.name]).items() if key in known}
    flags = {key: getattr(edge, key) for key in ("is_rel_static", "is_continuous")}
    return {"nodes": [str(edge.first), str(edge.second)], **flags, **contact}


def _chosen(record: Any, table: type) -> dict[str, Any]:
    assert is_dataclass(record)
    return {f.name: getattr(record, f.name) for f in fields(record) if f.name in table.model_fields}  # type: ignore[attr-defined]
