"""A plan from a recipe: the file's tables become the graph and the records that later stages read."""

from __future__ import annotations

from typing import Any

from zeroshot_hoi.core.errors import GraphError, RecipeError, nearest_name
from zeroshot_hoi.core.graph import Edge, OwnerState, PartAffordanceGraph, PartNode, ordered_edge
from zeroshot_hoi.core.plan import (
    ContactPlan,
    ModelPlan,
    MotionPhrase,
    ObjectPlan,
    PartDescription,
    PersonPlan,
    Plan,
    Relation,
)
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.recipe_tables import EdgeTable, ObjectTable, ScriptTable

OUT_OF_REACH = ("step", "far")
"""Classes of distance at which nothing can be touched before somebody walks."""


def plan_from_recipe(recipe: Recipe, **overrides: Any) -> Plan:
    """The plan that a recipe describes; `overrides` replace keys in `recipe.OVERRIDES`."""
    recipe = recipe.with_overrides(**overrides)
    try:
        graph = _graph(recipe)
        _check_part_references(recipe, graph)
        _check_distances(recipe, graph)
    except GraphError as error:
        raise GraphError(f"{recipe.origin}: {error}") from None
    return Plan(
        name=recipe.name,
        text=recipe.text,
        graph=graph,
        people={person.name: PersonPlan(**person.model_dump()) for person in recipe.people},
        objects={entry.name: _object_plan(entry) for entry in recipe.objects},
        contacts={_edge(entry).name: _contact_plan(entry) for entry in recipe.edges},
        relations=tuple(Relation(**relation.model_dump()) for relation in recipe.relations),
        script=tuple(_phrase(entry) for entry in recipe.script),
        frames=recipe.frames,
        fps=float(recipe.fps),
        seed=recipe.seed,
        engine=recipe.engine,
        affordance=recipe.affordance,
        missing_parts=recipe.missing_parts,
        models=ModelPlan(**recipe.models.model_dump()),
    )


def _graph(recipe: Recipe) -> PartAffordanceGraph:
    """Nodes are all described parts of the objects, and the body parts that edges name."""
    edges = tuple(_edge(entry) for entry in recipe.edges)
    bodies = dict.fromkeys(node for edge in edges for node in (edge.first, edge.second) if node.is_body)
    parts = [PartNode(entry.name, part.name) for entry in recipe.objects for part in entry.parts]
    people = {person.name for person in recipe.people}
    for node in bodies:
        if node.owner not in people:
            raise GraphError(
                f"An edge names '{node}', but there is no '{node.owner}'. {nearest_name(node.owner, people)}"
            )
    return PartAffordanceGraph(
        nodes=(*bodies, *parts),
        edges=edges,
        states=(
            *(OwnerState(s.name, s.description, s.is_translational, s.is_rotational) for s in recipe.object_states),
            *(OwnerState(s.name, s.description) for s in recipe.human_states),
        ),
        interaction=recipe.text,
    )


def _check_distances(recipe: Recipe, graph: PartAffordanceGraph) -> None:
    """Nobody touches from the first frame on what is out of reach."""
    for relation in recipe.relations:
        ends = {relation.person, relation.object}
        always = [e for e in graph.edges if e.is_continuous and {e.first.owner, e.second.owner} == ends]
        if relation.distance in OUT_OF_REACH and always:
            raise RecipeError(
                f"{recipe.origin}: '{relation.person}' starts at the distance '{relation.distance}' from "
                f"'{relation.object}', but '{always[0].name}' touches in every frame. Say close, reach or arm, or "
                "is_continuous = false."
            )


def _edge(entry: EdgeTable) -> Edge:
    first, second = (PartNode.parse(text) for text in entry.nodes)
    return ordered_edge(first, second, entry.is_rel_static, entry.is_continuous)


def _contact_plan(entry: EdgeTable) -> ContactPlan:
    edge = _edge(entry)
    kind = entry.kind or ("touch" if edge.first.is_body else "rest")
    return ContactPlan(edge=edge.name, kind=kind, upholstery=entry.upholstery)


def _object_plan(entry: ObjectTable) -> ObjectPlan:
    parts = tuple(PartDescription(**part.model_dump()) for part in entry.parts)
    return ObjectPlan(**{**entry.model_dump(), "parts": parts})


def _phrase(entry: ScriptTable) -> MotionPhrase:
    return MotionPhrase(entry.subject, entry.verb, entry.start, entry.end, dict(entry.model_extra or {}))


def _check_part_references(recipe: Recipe, graph: PartAffordanceGraph) -> None:
    """Every `owner, part` that a gaze or a script parameter writes must name a described part."""
    gazes = [(f"gaze of {person.name}", person.gaze) for person in recipe.people]
    phrases = [(f"script '{e.verb}'", value) for e in recipe.script for value in (e.model_extra or {}).values()]
    for where, value in (*gazes, *phrases):
        owner, _, part = (piece.strip() for piece in str(value).partition(","))
        if part and owner in graph.objects and part not in graph.parts(owner):
            raise RecipeError(
                f"{recipe.origin}: {where} names the unknown part '{value}'. {nearest_name(part, graph.parts(owner))}"
            )
