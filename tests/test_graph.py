"""The graph: what goes in comes out, every rule refuses what breaks it, and the picture shows it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from PIL import Image

from zeroshot_hoi.core.errors import GraphError, ResultError
from zeroshot_hoi.core.graph import Edge, OwnerState, PartAffordanceGraph, PartNode

TWO_PEOPLE: dict[str, Any] = {
    "object part nodes": ["sofa, armrest", "sofa, cushion", "cup, handle", "table, top"],
    "body part nodes": ["person 1, right hand", "person 1, hips", "person 2, left hand", "person 2, torso"],
    "interaction edges": [
        {"nodes": ["person 1, right hand", "cup, handle"], "is_rel_static": True, "is_continuous": True},
        {"nodes": ["sofa, cushion", "person 1, hips"], "is_rel_static": True, "is_continuous": True},
        {"nodes": ["person 2, left hand", "sofa, armrest"], "is_rel_static": False, "is_continuous": False},
        {"nodes": ["cup, handle", "table, top"], "is_rel_static": False, "is_continuous": False},
        {"nodes": ["person 2, torso", "person 1, right hand"], "is_rel_static": False, "is_continuous": False},
    ],
    "interaction": "One person drinks on the sofa, the other leans over.",
    "object states": [
        {"name": "sofa", "is_translational": False, "is_rotational": False, "description": "stands"},
        {"name": "cup", "is_translational": True, "is_rotational": True, "description": "is raised and tilted"},
        {"name": "table", "is_translational": False, "is_rotational": False, "description": "stands"},
    ],
    "human states": [
        {"name": "person 1", "description": "sits and drinks"},
        {"name": "person 2", "description": "leans over the back"},
    ],
}


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    data = copy.deepcopy(TWO_PEOPLE)
    change(data)
    return data


def test_json_round_trip() -> None:
    graph = PartAffordanceGraph.from_json(json.dumps(TWO_PEOPLE))
    again = PartAffordanceGraph.from_json(json.loads(json.dumps(graph.to_json())))
    assert again == graph
    assert hash(again) == hash(graph)
    expected = copy.deepcopy(TWO_PEOPLE)
    expected["interaction edges"][1]["nodes"].reverse()  # the body part comes first
    assert graph.to_json() == expected


def test_people_objects_edges_and_flags() -> None:
    graph = PartAffordanceGraph.from_json(TWO_PEOPLE)
    assert graph.people == ("person 1", "person 2")
    assert graph.objects == ("sofa", "cup", "table")
    assert [edge.name for edge in graph.edges] == [
        "person 1.right hand->cup.handle",
        "person 1.hips->sofa.cushion",
        "person 2.left hand->sofa.armrest",
        "cup.handle->table.top",
        "person 2.torso->person 1.right hand",
    ]
    assert graph.parts("sofa") == ("armrest", "cushion")
    assert graph.state("cup") == OwnerState("cup", "is raised and tilted", True, True)
    assert {edge.name for edge in graph.edges_of("sofa")} == {
        "person 1.hips->sofa.cushion",
        "person 2.left hand->sofa.armrest",
    }
    assert graph.edge("cup.handle->table.top").is_continuous is False
    assert graph.edge("person 1.hips->sofa.cushion").is_rel_static is True


def test_network_has_virtual_parents_and_is_frozen() -> None:
    network = PartAffordanceGraph.from_json(TWO_PEOPLE).network
    assert nx.is_frozen(network)
    for node, data in network.nodes(data=True):
        if data["kind"] == "part":
            parents = [a for a, _, kind in network.in_edges(node, data="kind") if kind == "part"]
            assert parents == [node.owner]
    assert network.nodes["cup"]["state"].is_rotational
    contact = network.edges[PartNode("person 1", "right hand"), PartNode("cup", "handle")]
    assert contact["is_rel_static"] is True
    assert sum(kind == "contact" for *_, kind in network.edges(data="kind")) == 5


def test_a_person_without_a_state_is_fine() -> None:
    graph = PartAffordanceGraph.from_json(changed(lambda d: d.pop("human states")))
    assert graph.state("person 2") == OwnerState("person 2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["interaction edges"][0].update(nodes=["person 1, right hand", "cup, handel"]), "'cup, handle'"),
        (lambda d: d["interaction edges"][0].update(nodes=["person 3, right hand", "cup, handle"]), "unknown node"),
        (lambda d: d["interaction edges"][0].update(nodes=["sofa, armrest", "sofa, cushion"]), "stays inside 'sofa'"),
        (lambda d: d["interaction edges"][0].update(nodes=["person 1, hips", "person 1, right hand"]), "stays inside"),
        (lambda d: d["interaction edges"][0].update(nodes=["cup, handle"]), "joins two nodes"),
        (lambda d: d["interaction edges"][0].pop("is_continuous"), "lacks 'is_continuous'"),
        (lambda d: d["interaction edges"][0].update(is_rel_static="true"), "without quotes"),
        (lambda d: d["interaction edges"][0].update(is_static=True), "'is_rel_static'"),
        (lambda d: d["interaction edges"].append(d["interaction edges"][0]), "more than once"),
        (
            lambda d: d["interaction edges"].append(
                {"nodes": ["table, top", "cup, handle"], "is_rel_static": True, "is_continuous": True}
            ),
            "more than once",
        ),
        (lambda d: d["body part nodes"].append("person 1, left wing"), "unknown body part"),
        (lambda d: d["body part nodes"].append("person 1, hips"), "more than once"),
        (lambda d: d["body part nodes"].append("sofa, legs"), "person 1"),
        (lambda d: d["object part nodes"].append("person 1, head"), "body part nodes"),
        (lambda d: d["object part nodes"].append("cup/..,handle"), "1 to 64"),
        (lambda d: d["object part nodes"].append("cup, " + "x" * 65), "1 to 64"),
        (lambda d: d["object part nodes"].append("cup"), "owner, part"),
        (lambda d: d["object part nodes"].append("a, b, c"), "owner, part"),
        (lambda d: d["object part nodes"].append(7), "owner, part"),
        (lambda d: d["object part nodes"].append("lamp, switch"), "'lamp' has no state"),
        (lambda d: d["object states"].append(d["object states"][0]), "more than once"),
        (lambda d: d["object states"][1].pop("is_rotational"), "lacks 'is_rotational'"),
        (lambda d: d["object states"][1].update(is_rotational=1), "true or false"),
        (lambda d: d["object states"][1].update(name="cpu"), "'cup'"),
        (lambda d: d["human states"][1].update(name="Anna"), "person 1"),
        (lambda d: d.pop("object states"), "lacks 'object states'"),
        (lambda d: d.update({"object state": []}), "'object states'"),
        (lambda d: d.update({"object part nodes": "cup, handle"}), "is a list"),
        (lambda d: d.update({"interaction": 3}), "is a text"),
    ],
)
def test_broken_graphs_are_refused(change: Callable[[dict[str, Any]], Any], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        PartAffordanceGraph.from_json(changed(change))


@pytest.mark.parametrize("text", ["{", "[]", "3", "null", "[" * 100_000, "x" * 1_000_001, '{"a": 1}'])
def test_what_is_no_graph_is_refused(text: str) -> None:
    with pytest.raises(GraphError):
        PartAffordanceGraph.from_json(text)


def test_torso_and_neck_are_accepted() -> None:
    edge = Edge(PartNode("person 1", "torso"), PartNode("chair", "backrest"), True, True)
    graph = PartAffordanceGraph((edge.first, edge.second), (edge,), (OwnerState("chair"),))
    assert graph.people == ("person 1",)


def test_a_body_part_may_not_come_second() -> None:
    edge = Edge(PartNode("chair", "seat"), PartNode("person 1", "hips"), True, True)
    with pytest.raises(GraphError, match="body part first"):
        PartAffordanceGraph((edge.first, edge.second), (edge,), (OwnerState("chair"),))


@pytest.mark.parametrize("lookup", [lambda g: g.state("cap"), lambda g: g.parts("cap"), lambda g: g.edges_of("cap")])
def test_unknown_owner_names_the_nearest(lookup: Callable[[PartAffordanceGraph], Any]) -> None:
    with pytest.raises(GraphError, match="'cup'"):
        lookup(PartAffordanceGraph.from_json(TWO_PEOPLE))


@pytest.mark.parametrize(
    ("part", "expected"),
    [("surface", "too general"), ("left armrest", "no left or right"), ("leg 2", "numbered"), ("backrest", None)],
)
def test_advice_is_advice(part: str, expected: str | None) -> None:
    graph = PartAffordanceGraph.from_json(changed(lambda d: d["object part nodes"].append(f"sofa, {part}")))
    advice = graph.advice()
    assert (len(advice) == 0) if expected is None else (len(advice) == 1 and expected in advice[0])


def test_advice_about_the_whole() -> None:
    def change(data: dict[str, Any]) -> None:
        data["interaction"] = "word " * 151
        data["interaction edges"] = [data["interaction edges"][3]]

    advice = " ".join(PartAffordanceGraph.from_json(changed(change)).advice())
    assert "150 words" in advice
    assert "No person touches" in advice


def test_drawing(tmp_path: Path) -> None:
    graph = PartAffordanceGraph.from_json(TWO_PEOPLE)
    image = graph.draw(str(tmp_path / "graph.png"))
    pixels = np.asarray(image).reshape(-1, 3)
    for color in ((40, 98, 190), (214, 110, 24), (253, 236, 216), (222, 236, 250)):
        assert (np.abs(pixels.astype(int) - color).max(axis=1) < 40).sum() > 100, f"nothing is drawn in {color}"
    with Image.open(tmp_path / "graph.png") as stored:
        assert stored.size == image.size
    with pytest.raises(ResultError, match="cannot be drawn"):
        graph.draw(str(tmp_path / "missing" / "graph.png"))


def test_drawing_nothing_but_an_object() -> None:
    graph = PartAffordanceGraph((PartNode("cup", "rim"),), (), (OwnerState("cup"),))
    assert graph.draw().size[0] > 0


def test_the_svg_names_every_contact_and_is_well_formed() -> None:
    from xml.etree import ElementTree

    graph = PartAffordanceGraph.from_json(TWO_PEOPLE)
    root = ElementTree.fromstring(graph._repr_html_())
    paths = [item for item in root.iter() if item.get("class") == "edge"]
    assert [path.get("data-edge") for path in paths] == [edge.name for edge in graph.edges]
    texts = [item.text for item in root.iter() if item.tag.endswith("text")]
    assert {node.part for node in graph.nodes} <= set(texts)


def test_a_sentence_with_markup_stays_text() -> None:
    from dataclasses import replace

    graph = replace(PartAffordanceGraph.from_json(TWO_PEOPLE), interaction='<script>alert("x")</script> & more')
    assert "<script" not in graph._repr_html_()
