"""The Part Affordance Graph (PAG): which part touches which part, always or sometimes, fixed or sliding.

Part nodes are (owner, part) pairs; every person and object also has one virtual parent node, which carries what
concerns the whole: its description and, for objects, whether it travels and turns. Contact edges carry the two
remaining flags. The JSON keys are those of HOI-PAGE. A graph is checked when it is made and cannot change after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import networkx as nx

from zeroshot_hoi.core import graph_json, graph_rules
from zeroshot_hoi.core.errors import GraphError, nearest_name
from zeroshot_hoi.core.graph_nodes import Edge, OwnerState, PartNode, check_name, is_person, ordered_edge

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Edge", "OwnerState", "PartAffordanceGraph", "PartNode", "check_name", "is_person", "ordered_edge"]


@dataclass(frozen=True)
class PartAffordanceGraph:
    """A checked, frozen graph. Make it with `from_json`, or directly from nodes, edges and states."""

    nodes: tuple[PartNode, ...]
    """Body parts first."""
    edges: tuple[Edge, ...]
    states: tuple[OwnerState, ...]
    """One for every object; a person may do without."""
    interaction: str = ""
    """What happens, in words."""
    _states: Mapping[str, OwnerState] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        graph_rules.check_nodes(self.nodes)
        graph_rules.check_edges(self.edges, self.nodes)
        graph_rules.check_states(self.states, self.nodes)
        given = {state.name: state for state in self.states}
        nodes = sorted(self.nodes, key=lambda node: not node.is_body)
        states = {node.owner: given.get(node.owner, OwnerState(node.owner)) for node in nodes}
        object.__setattr__(self, "nodes", tuple(nodes))
        object.__setattr__(self, "states", tuple(states.values()))
        object.__setattr__(self, "_states", states)

    @property
    def people(self) -> tuple[str, ...]:
        return tuple(owner for owner in self._states if is_person(owner))

    @property
    def objects(self) -> tuple[str, ...]:
        return tuple(owner for owner in self._states if not is_person(owner))

    def state(self, owner: str) -> OwnerState:
        """What is known of a whole person or object."""
        if owner not in self._states:
            raise GraphError(f"The graph has no person or object '{owner}'. {nearest_name(owner, self._states)}")
        return self._states[owner]

    def parts(self, owner: str) -> tuple[str, ...]:
        """Names of the parts of one person or object."""
        return tuple(node.part for node in self.nodes if node.owner == self.state(owner).name)

    def edges_of(self, owner: str) -> tuple[Edge, ...]:
        """Contacts in which a person or object takes part."""
        name = self.state(owner).name
        return tuple(edge for edge in self.edges if name in (edge.first.owner, edge.second.owner))

    def edge(self, name: str) -> Edge:
        """The edge called `person 1.right hand->iron.handle`."""
        for edge in self.edges:
            if edge.name == name:
                return edge
        raise GraphError(f"The graph has no edge '{name}'. {nearest_name(name, [edge.name for edge in self.edges])}")

    @cached_property
    def network(self) -> nx.DiGraph:
        """The frozen networkx graph: owners (str) -> their PartNodes (`kind="part"`), contacts (`kind="contact"`)."""
        network = nx.DiGraph(interaction=self.interaction)
        for owner, state in self._states.items():
            network.add_node(owner, kind="owner", state=state)
        for node in self.nodes:
            network.add_node(node, kind="part")
            network.add_edge(node.owner, node, kind="part")
        for edge in self.edges:
            flags = {"is_rel_static": edge.is_rel_static, "is_continuous": edge.is_continuous}
            network.add_edge(edge.first, edge.second, kind="contact", name=edge.name, **flags)
        return nx.freeze(network)

    @classmethod
    def from_json(cls, source: str | Mapping[str, Any]) -> PartAffordanceGraph:
        """The graph that a JSON text or an already decoded mapping with HOI-PAGE's keys describes."""
        return cls(*graph_json.read_graph(source))

    def to_json(self) -> dict[str, Any]:
        """A mapping with HOI-PAGE's keys, ready for `json.dumps`; `from_json` makes the same graph of it."""
        return graph_json.write_graph(self.nodes, self.edges, self.states, self.interaction)

    def advice(self) -> tuple[str, ...]:
        """Sentences about naming that a model's output should follow; a graph that ignores them still works."""
        return tuple(graph_rules.naming_advice(self.nodes, self.edges, self.interaction))

    def draw(self, path: str | None = None) -> Image:
        """A picture of the graph, made without a display; also written to `path` (PNG) where one is given."""
        from zeroshot_hoi.core.graph_picture import draw_graph

        return draw_graph(self, path)

    def _repr_html_(self) -> str:
        """The graph as a notebook shows it."""
        from zeroshot_hoi.core.graph_svg import graph_svg

        return graph_svg(self)
