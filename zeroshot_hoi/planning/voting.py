"""One Part Affordance Graph out of several samples: a majority vote over edges and flags (HOI-PAGE samples five).

An edge stays if more than half of the graphs have it; each of its flags, and each object's, is what most of the graphs
that have it say. Where that leaves an object without any edge, the samples disagree on names rather than on facts, and
the graph that agrees most with all others is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zeroshot_hoi.core.graph import Edge, OwnerState, PartAffordanceGraph


def vote(graphs: Sequence[PartAffordanceGraph]) -> tuple[PartAffordanceGraph, float]:
    """The voted graph and the share of edges that two samples have in common on average, in [0, 1]."""
    agreement = [[_overlap(a, b) for b in graphs] for a in graphs]
    medoid = graphs[max(range(len(graphs)), key=lambda i: sum(agreement[i]))]
    others = [agreement[i][j] for i in range(len(graphs)) for j in range(len(graphs)) if i != j]
    mean = sum(others) / len(others) if others else 1.0
    edges = [_voted(versions) for versions in _versions(graphs) if 2 * len(versions) > len(graphs)]
    nodes = dict.fromkeys(node for edge in edges for node in (edge.first, edge.second))
    if {node.owner for node in nodes} < {*medoid.objects, *medoid.people}:
        return medoid, mean
    owners = dict.fromkeys(node.owner for node in nodes)
    states = tuple(_state(owner, graphs, medoid) for owner in owners)
    return PartAffordanceGraph(tuple(nodes), tuple(edges), states, medoid.interaction), mean


def _overlap(a: PartAffordanceGraph, b: PartAffordanceGraph) -> float:
    """Shared edges over all edges of both (Jaccard)."""
    left, right = {edge.name for edge in a.edges}, {edge.name for edge in b.edges}
    return len(left & right) / max(len(left | right), 1)


def _versions(graphs: Sequence[PartAffordanceGraph]) -> Iterable[list[Edge]]:
    """The same edge as each graph has it, edges in order of first mention."""
    names = dict.fromkeys(edge.name for graph in graphs for edge in graph.edges)
    return ([edge for graph in graphs for edge in graph.edges if edge.name == name] for name in names)


def _voted(versions: Sequence[Edge]) -> Edge:
    first = versions[0]
    static = _most(edge.is_rel_static for edge in versions)
    return Edge(first.first, first.second, static, _most(edge.is_continuous for edge in versions))


def _state(owner: str, graphs: Sequence[PartAffordanceGraph], medoid: PartAffordanceGraph) -> OwnerState:
    having = [graph for graph in graphs if owner in (*graph.objects, *graph.people)]
    states = [graph.state(owner) for graph in having]
    words = medoid.state(owner).description if medoid in having else states[0].description
    travels = _most(state.is_translational for state in states)
    return OwnerState(owner, words, travels, _most(state.is_rotational for state in states))


def _most(flags: Iterable[bool]) -> bool:
    """What more than half say; a tie is no."""
    votes = list(flags)
    return 2 * sum(votes) > len(votes)
