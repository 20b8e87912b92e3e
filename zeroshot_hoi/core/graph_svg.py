"""A Part Affordance Graph as an SVG, for notebooks and pages: the layout and the signs of the PNG, sharp at any size.

Every contact is a `<path class="edge" data-edge="...">`, so that a page can light it up.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from zeroshot_hoi.core.graph_picture import WIDTH, Point, edge_curve, node_places, picture_height, shorten

if TYPE_CHECKING:
    from zeroshot_hoi.core.graph import Edge, OwnerState, PartAffordanceGraph

INK, MUTED, LINK = "#262c38", "#7e8694", "#cdd2da"
PERSON, THING = "#fdecd8", "#deecfa"
FIXED, SLIDING = "#2862be", "#d66e18"


def graph_svg(graph: PartAffordanceGraph, lit: Collection[str] | None = None) -> str:
    """The `<svg>` element. Where `lit` names edges, those are drawn strong and the others faint."""
    if not graph.nodes:
        return ""
    places = node_places(graph)
    height = picture_height(places)
    parts = [_text((24, 24), shorten(graph.interaction, 120), 17, anchor="start")]
    for node in graph.nodes:
        (x0, y0), (x1, y1) = places[node.owner], places[node]
        parts.append(f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{LINK}"/>')
    parts += [_contact(edge, places[edge.first], places[edge.second], lit) for edge in graph.edges]
    for node in graph.nodes:
        parts.append(_pill(places[node], 190, 36, PERSON if node.is_body else THING, MUTED))
        parts.append(_text(places[node], shorten(node.part, 23), 15))
    for state in graph.states:
        parts += _owner(state, places[state.name], state.name in graph.people)
    parts += _legend(height - 24)
    style = "font-family:system-ui,sans-serif;width:100%;max-width:" + f"{WIDTH}px;height:auto;background:#fff"
    inner = "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Part Affordance Graph" style="{style}">{inner}</svg>'
    )


def _contact(edge: Edge, start: Point, end: Point, lit: Collection[str] | None) -> str:
    begin, *rest = edge_curve(start, end)
    curve = f"M{begin[0]:.1f} {begin[1]:.1f} C" + " ".join(f"{x:.1f} {y:.1f}" for x, y in rest)
    color, dashes = FIXED if edge.is_rel_static else SLIDING, "" if edge.is_continuous else ' stroke-dasharray="10 6"'
    width, opacity = (3, 1) if lit is None else (7, 1) if edge.name in lit else (3, 0.45)
    often = "every frame" if edge.is_continuous else "some frames"
    words = f"{'fixed' if edge.is_rel_static else 'sliding'}, in {often}"
    return (
        f'<path class="edge" data-edge={quoteattr(edge.name)} d="{curve}" fill="none" stroke="{color}" '
        f'stroke-width="{width}" opacity="{opacity}"{dashes}><title>{escape(edge.name)}: {words}</title></path>'
    )


def _owner(state: OwnerState, place: Point, person: bool) -> list[str]:
    words = [word for word, flag in (("travels", state.is_translational), ("turns", state.is_rotational)) if flag]
    motion = "" if person else " and ".join(words) or "stays"
    x, y = place
    name = _text((x, y - 10 if motion else y), shorten(state.name, 25), 16)
    pill = _pill(place, 200, 54, PERSON if person else THING, INK)
    return [pill, name, *([_text((x, y + 10), motion, 12, MUTED)] if motion else [])]


def _legend(y: float) -> list[str]:
    parts, x = [], 24.0
    entries = (("fixed", FIXED, ""), ("sliding", SLIDING, ""), ("in every frame", MUTED, ""))
    for label, color, dashes in (*entries, ("in some frames", MUTED, ' stroke-dasharray="10 6"')):
        parts.append(f'<line x1="{x}" y1="{y}" x2="{x + 44}" y2="{y}" stroke="{color}" stroke-width="3"{dashes}/>')
        parts.append(_text((x + 52, y), label, 13, MUTED, "start"))
        x += 180
    return parts


def _pill(center: Point, width: float, height: float, fill: str, stroke: str) -> str:
    x, y = center[0] - width / 2, center[1] - height / 2
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width}" height="{height}" rx="14" fill="{fill}" stroke="{stroke}"/>'


def _text(place: Point, text: str, size: int, color: str = INK, anchor: str = "middle") -> str:
    return (
        f'<text x="{place[0]:.1f}" y="{place[1]:.1f}" font-size="{size}" fill="{color}" text-anchor="{anchor}" '
        f'dominant-baseline="central">{escape(text)}</text>'
    )
