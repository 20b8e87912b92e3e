"""What a Part Affordance Graph must obey (errors) and what its names should follow (advice)."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from zeroshot_hoi.core.body import BODY_PARTS, EXTRA_BODY_PARTS
from zeroshot_hoi.core.errors import GraphError, nearest_name
from zeroshot_hoi.core.graph_nodes import Edge, OwnerState, PartNode, check_name, is_person

MAX_INTERACTION_WORDS = 150
"""Longest description of an interaction (HOI-PAGE's limit for a video prompt)."""

GENERIC_PARTS = frozenset({"surface", "edge", "body", "base"})
ENVIRONMENT = frozenset({"floor", "ground", "wall", "walls", "ceiling"})


def check_nodes(nodes: Sequence[PartNode]) -> None:
    """Valid names, known body parts, no duplicates."""
    for node in nodes:
        check_name(node.owner, f"The owner of node '{node}'")
        check_name(node.part, f"The part of node '{node}'")
        allowed = (*BODY_PARTS, *EXTRA_BODY_PARTS)
        if node.is_body and node.part not in allowed:
            raise GraphError(f"'{node}' names an unknown body part. {nearest_name(node.part, allowed)}")
    _refuse_duplicates((str(node) for node in nodes), "Node")


def check_edges(edges: Sequence[Edge], nodes: Sequence[PartNode]) -> None:
    """Known nodes, two different owners, body part first, no duplicates in either order."""
    known = {str(node) for node in nodes}
    for edge in edges:
        for node in (edge.first, edge.second):
            if str(node) not in known:
                raise GraphError(f"Edge '{edge.name}' names the unknown node '{node}'. {_nearest_node(node, known)}")
        if edge.first.owner == edge.second.owner:
            raise GraphError(
                f"Edge '{edge.name}' stays inside '{edge.first.owner}'. An edge joins parts of two different people or "
                "objects. Remove it."
            )
        if edge.second.is_body and not edge.first.is_body:
            raise GraphError(f"Edge '{edge.name}' must name its body part first. Make it with `ordered_edge`.")
    _refuse_duplicates((" - ".join(sorted((str(e.first), str(e.second)))) for e in edges), "Edge")


def check_states(states: Sequence[OwnerState], nodes: Sequence[PartNode]) -> None:
    """One state for every object, none for what has no node."""
    owners = {node.owner for node in nodes}
    _refuse_duplicates((state.name for state in states), "State of")
    for state in states:
        if state.name not in owners:
            raise GraphError(
                f"A state describes '{state.name}', which has no part node. {nearest_name(state.name, owners)}"
            )
    for owner in sorted(owners - {state.name for state in states}):
        if not is_person(owner):
            raise GraphError(
                f"Object '{owner}' has no state, so its flags are missing. Add to 'object states' an entry with "
                f"name, is_translational, is_rotational and description."
            )


def _nearest_node(node: PartNode, known: Iterable[str]) -> str:
    """The closest known node; node names have commas, so a list of them needs quotes."""
    close = difflib.get_close_matches(str(node), known, n=1, cutoff=0.5)
    hint = f"Did you mean '{close[0]}'? " if close else ""
    return hint + "Known: " + ", ".join(f"'{name}'" for name in sorted(known)) + "."


def _refuse_duplicates(names: Iterable[str], what: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise GraphError(f"{what} '{twice[0]}' is given more than once. Keep one.")


def naming_advice(nodes: Sequence[PartNode], edges: Sequence[Edge], interaction: str) -> Iterable[str]:
    """Sentences about names and wording; HOI-PAGE's rules for a language model's output."""
    things = [node for node in nodes if not node.is_body]
    for owner in dict.fromkeys(node.owner for node in things):
        if owner.lower() in ENVIRONMENT:
            yield f"'{owner}' is part of the surroundings: leave it out, the ground is always there."
        if re.search(r"\d", owner):
            yield f"'{owner}' has a number in its name: name objects by what they are."
    for node in things:
        words = node.part.lower().split()
        if node.part.lower() in GENERIC_PARTS:
            yield f"'{node}' is too general to find on a mesh: name what a hand would look for."
        if "left" in words or "right" in words:
            yield f"'{node}': an object's parts have no left or right; the body part's side chooses."
        if re.search(r"\d", node.part):
            yield f"'{node}' is numbered: one name stands for all instances of a part."
    if not any(edge.first.is_body for edge in edges):
        yield "No person touches anything: add the contact that the action is about."
    if len(interaction.split()) > MAX_INTERACTION_WORDS:
        yield f"The interaction has more than {MAX_INTERACTION_WORDS} words: describe the primary action only."
