"""A Part Affordance Graph as JSON, with the keys of HOI-PAGE."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from zeroshot_hoi.core.errors import GraphError, nearest_name
from zeroshot_hoi.core.graph_nodes import Edge, OwnerState, PartNode, check_name, is_person, ordered_edge

MAX_JSON_CHARACTERS = 1_000_000
"""A graph is a few kilobytes; anything near this is not one."""

_KEYS = ("object part nodes", "body part nodes", "interaction edges", "interaction", "object states", "human states")


Contents = tuple[tuple[PartNode, ...], tuple[Edge, ...], tuple[OwnerState, ...], str]
"""Nodes, edges, states and the interaction's description."""


def read_graph(source: str | Mapping[str, Any]) -> Contents:
    """What a JSON text, or a mapping decoded from one, describes; rules between the pieces are checked later."""
    data = _decode(source)
    objects = [_object_node(text) for text in _list(data, "object part nodes")]
    bodies = [_body_node(text) for text in _list(data, "body part nodes")]
    states = [_object_state(entry) for entry in _list(data, "object states")]
    states += [_human_state(entry) for entry in _list(data, "human states", required=False)]
    interaction = data.get("interaction", "")
    if not isinstance(interaction, str):
        raise GraphError(f"'interaction' is a text; got {type(interaction).__name__}.")
    edges = tuple(_edge(entry) for entry in _list(data, "interaction edges"))
    return (*bodies, *objects), edges, tuple(states), interaction


def write_graph(
    nodes: Sequence[PartNode], edges: Sequence[Edge], states: Sequence[OwnerState], interaction: str
) -> dict[str, Any]:
    """The mapping that `read_graph` reads back."""
    return {
        "object part nodes": [str(node) for node in nodes if not node.is_body],
        "body part nodes": [str(node) for node in nodes if node.is_body],
        "interaction edges": [
            {
                "nodes": [str(edge.first), str(edge.second)],
                "is_rel_static": edge.is_rel_static,
                "is_continuous": edge.is_continuous,
            }
            for edge in edges
        ],
        "interaction": interaction,
        "object states": [
            {
                "name": state.name,
                "is_translational": state.is_translational,
                "is_rotational": state.is_rotational,
                "description": state.description,
            }
            for state in states
            if not is_person(state.name)
        ],
        "human states": [
            {"name": state.name, "description": state.description} for state in states if is_person(state.name)
        ],
    }


def _decode(source: str | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(source, str):
        if len(source) > MAX_JSON_CHARACTERS:
            raise GraphError(f"The graph's JSON has {len(source)} characters; at most {MAX_JSON_CHARACTERS} are read.")
        try:
            source = json.loads(source)
        except (ValueError, RecursionError) as error:
            raise GraphError(f"The graph is not valid JSON: {error}.") from error
    if not isinstance(source, Mapping):
        raise GraphError(f"The graph is a JSON object with the keys {', '.join(_KEYS)}; got {type(source).__name__}.")
    _refuse_unknown(source, _KEYS, "The graph")
    return source


def _refuse_unknown(entry: Mapping[str, Any], allowed: Sequence[str], what: str) -> None:
    for key in entry:
        if key not in allowed:
            raise GraphError(f"{what} has the unknown key {key!r}. {nearest_name(str(key), allowed)}")


def _list(data: Mapping[str, Any], key: str, required: bool = True) -> Sequence[Any]:
    if key not in data and required:
        raise GraphError(f"The graph lacks '{key}'. It has: {', '.join(map(str, data)) or 'nothing'}.")
    value = data.get(key, [])
    if not isinstance(value, list | tuple):
        raise GraphError(f"'{key}' is a list; got {type(value).__name__}.")
    return value


def _entry(entry: object, keys: Sequence[str], required: Sequence[str], what: str) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping):
        raise GraphError(f"{what} is a mapping with {', '.join(keys)}; got {entry!r}.")
    _refuse_unknown(entry, keys, what)
    for key in required:
        if key not in entry:
            raise GraphError(f"{what} {dict(entry)!r} lacks '{key}'. Give it: {', '.join(required)} are required.")
    return entry


def _flag(entry: Mapping[str, Any], key: str, what: str) -> bool:
    if not isinstance(entry[key], bool):
        raise GraphError(f"{what} has {key} = {entry[key]!r}. It is true or false, without quotes.")
    return entry[key]


def _object_node(text: object) -> PartNode:
    node = PartNode.parse(text)
    if node.is_body:
        raise GraphError(f"'{node}' belongs in 'body part nodes': names such as '{node.owner}' are kept for people.")
    return node


def _body_node(text: object) -> PartNode:
    node = PartNode.parse(text)
    if not node.is_body:
        raise GraphError(f"'{node}' is in 'body part nodes', where owners are called 'person 1', 'person 2', ...")
    return node


def _edge(entry: object) -> Edge:
    keys = ("nodes", "is_rel_static", "is_continuous")
    entry = _entry(entry, keys, keys, "An interaction edge")
    pair = entry["nodes"]
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise GraphError(f"An edge joins two nodes: nodes = ['person 1, right hand', 'iron, handle']; got {pair!r}.")
    what = f"Edge {list(pair)!r}"
    static, continuous = _flag(entry, "is_rel_static", what), _flag(entry, "is_continuous", what)
    return ordered_edge(PartNode.parse(pair[0]), PartNode.parse(pair[1]), static, continuous)


def _object_state(entry: object) -> OwnerState:
    flags = ("is_translational", "is_rotational")
    entry = _entry(entry, ("name", *flags, "description"), ("name", *flags), "An object state")
    name = check_name(entry["name"], "An object state")
    if is_person(name):
        raise GraphError(f"'{name}' is in 'object states'. People belong in 'human states'.")
    travels, turns = (_flag(entry, flag, f"Object state '{name}'") for flag in flags)
    return OwnerState(name, str(entry.get("description", "")), travels, turns)


def _human_state(entry: object) -> OwnerState:
    entry = _entry(entry, ("name", "description"), ("name",), "A human state")
    name = check_name(entry["name"], "A human state")
    if not is_person(name):
        raise GraphError(f"'{name}' is in 'human states', where people are called 'person 1', 'person 2', ...")
    return OwnerState(name, str(entry.get("description", "")))
