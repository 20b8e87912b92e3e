"""A picture of a Part Affordance Graph: people on the left, objects on the right, contacts between their parts.

Parts are ordered by the height of what they touch, the barycenter rule of layered graph drawing, which keeps lines
from crossing. A solid line is a contact in every frame, a dashed one in some; blue stays fixed, orange
slides. Drawn with Pillow at three times the size and reduced, so that lines are smooth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx
from PIL import Image, ImageDraw, ImageFont

from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.core.graph_nodes import PartNode

if TYPE_CHECKING:
    from zeroshot_hoi.core.graph import Edge, OwnerState, PartAffordanceGraph

_SCALE = 3
WIDTH, _ROW, _TOP, _BOTTOM = 1120, 74, 74, 56
_COLUMNS = (120, 390, 730, 1000)
"""Centers of the four layers: person, body part, object part, object; pixels."""

_INK, _MUTED, _PAPER = (38, 44, 56), (126, 134, 148), (255, 255, 255)
_PERSON, _OBJECT = (253, 236, 216), (222, 236, 250)
_FIXED, _SLIDING = (40, 98, 190), (214, 110, 24)

Point = tuple[float, float]


def draw_graph(graph: PartAffordanceGraph, path: str | None = None) -> Image.Image:
    """The picture as an RGB image, also written to `path` where one is given."""
    places = node_places(graph)
    height = picture_height(places)
    image = Image.new("RGB", (WIDTH * _SCALE, height * _SCALE), _PAPER)
    pen = ImageDraw.Draw(image)
    _text(pen, (24, 24), shorten(graph.interaction, 120), 17, _INK, "lm")
    for node in graph.nodes:
        _line(pen, [places[node.owner], places[node]], (205, 210, 218), 1.5)
    for edge in graph.edges:
        _contact(pen, edge, places[edge.first], places[edge.second])
    for node in graph.nodes:
        _pill(pen, places[node], 190, 36, _PERSON if node.is_body else _OBJECT, [(node.part, 15, _INK)])
    for state in graph.states:
        _owner(pen, state, places[state.name], state.name in graph.people)
    _legend(pen, height - 24)
    image = image.resize((WIDTH, height), Image.Resampling.LANCZOS)
    if path is not None:
        _save(image, path)
    return image


def picture_height(places: Mapping[str | PartNode, Point]) -> int:
    """Pixels from the top to below the legend."""
    return int(max(y for _, y in places.values()) + _ROW / 2 + _BOTTOM)


def node_places(graph: PartAffordanceGraph) -> dict[str | PartNode, Point]:
    """Pixel position of every owner and part: parts stand in their columns, an owner at the middle of its parts."""
    bodies = _grouped(graph.people, graph, {})
    heights = {node: float(row) for row, node in enumerate(bodies)}
    things = _grouped(graph.objects, graph, heights)
    rows = max(len(bodies), len(things), len(graph.people), len(graph.objects))
    places: dict[str | PartNode, Point] = {}
    for outer, inner, members in ((0, 1, bodies), (3, 2, things)):
        top = _TOP + (rows - len(members)) * _ROW / 2
        for row, node in enumerate(members):
            places[node] = (_COLUMNS[inner], top + (row + 0.5) * _ROW)
        for owner in dict.fromkeys(node.owner for node in members):
            own = [places[node][1] for node in members if node.owner == owner]
            places[owner] = (_COLUMNS[outer], sum(own) / len(own))
    return places


def _grouped(owners: Sequence[str], graph: PartAffordanceGraph, heights: Mapping[PartNode, float]) -> list[PartNode]:
    """Parts in groups by owner; groups and parts are ordered by the mean height of what they touch."""

    def barycenter(nodes: Sequence[PartNode]) -> float:
        neighbors = [other for node in nodes for other in nx.all_neighbors(graph.network, node)]
        known = [heights[other] for other in neighbors if other in heights]
        return sum(known) / len(known) if known else len(heights) / 2

    groups = [[node for node in graph.nodes if node.owner == owner] for owner in owners]
    return [node for group in sorted(groups, key=barycenter) for node in sorted(group, key=lambda n: barycenter([n]))]


def _contact(pen: ImageDraw.ImageDraw, edge: Edge, start: Point, end: Point) -> None:
    """A curve from part to part; parts of one layer are joined by an arc at their left."""
    color = _FIXED if edge.is_rel_static else _SLIDING
    _line(pen, _bezier(edge_curve(start, end)), color, 3.0, dashed=not edge.is_continuous)


def edge_curve(start: Point, end: Point) -> list[Point]:
    """Four control points of the curve between two parts' pills."""
    if start[0] == end[0]:
        bulge = start[0] - 95 - 90
        return [(start[0] - 95, start[1]), (bulge, start[1]), (bulge, end[1]), (end[0] - 95, end[1])]
    begin, stop = (start[0] + 95, start[1]), (end[0] - 95, end[1])
    middle = (begin[0] + stop[0]) / 2
    return [begin, (middle, begin[1]), (middle, stop[1]), stop]


def _bezier(control: Sequence[Point], steps: int = 48) -> list[Point]:
    """Points along a cubic Bezier curve."""
    points = []
    for step in range(steps + 1):
        t = step / steps
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        points.append((_dot(weights, [p[0] for p in control]), _dot(weights, [p[1] for p in control])))
    return points


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


def _owner(pen: ImageDraw.ImageDraw, state: OwnerState, place: Point, person: bool) -> None:
    if person:
        motion = ""
    else:
        words = [word for word, flag in (("travels", state.is_translational), ("turns", state.is_rotational)) if flag]
        motion = " and ".join(words) or "stays"
    lines = [(state.name, 16, _INK)] + ([(motion, 12, _MUTED)] if motion else [])
    _pill(pen, place, 200, 54, _PERSON if person else _OBJECT, lines, outline=_INK)


def _legend(pen: ImageDraw.ImageDraw, y: float) -> None:
    x = 24.0
    entries = (("fixed", _FIXED, False), ("sliding", _SLIDING, False), ("in every frame", _MUTED, False))
    for label, color, dashed in (*entries, ("in some frames", _MUTED, True)):
        _line(pen, [(x, y), (x + 44, y)], color, 3.0, dashed)
        _text(pen, (x + 52, y), label, 13, _MUTED, "lm")
        x += 180


def _pill(
    pen: ImageDraw.ImageDraw,
    center: Point,
    width: float,
    height: float,
    fill: tuple[int, int, int],
    lines: Sequence[tuple[str, int, tuple[int, int, int]]],
    outline: tuple[int, int, int] | None = None,
) -> None:
    x, y = center
    box = [value * _SCALE for value in (x - width / 2, y - height / 2, x + width / 2, y + height / 2)]
    pen.rounded_rectangle(box, radius=14 * _SCALE, fill=fill, outline=outline or _MUTED, width=_SCALE)
    for row, (text, size, color) in enumerate(lines):
        _text(pen, (x, y + (row - (len(lines) - 1) / 2) * 19), shorten(text, int(width / 8)), size, color, "mm")


def _line(
    pen: ImageDraw.ImageDraw, points: Sequence[Point], color: tuple[int, int, int], width: float, dashed: bool = False
) -> None:
    """A polyline of closely set dots, which has no ragged joints; where dashed, 10 pixels of every 16 are drawn."""
    travelled, radius = 0.0, width / 2
    for (x0, y0), (x1, y1) in pairwise(points):
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        dots = max(1, round(2 * length))
        for a in (dot / dots for dot in range(dots)):
            if not dashed or (travelled + a * length) % 16.0 < 10.0:
                x, y = x0 + a * (x1 - x0), y0 + a * (y1 - y0)
                pen.ellipse([v * _SCALE for v in (x - radius, y - radius, x + radius, y + radius)], fill=color)
        travelled += length


def _text(
    pen: ImageDraw.ImageDraw, place: Point, text: str, size: int, color: tuple[int, int, int], anchor: str
) -> None:
    font = ImageFont.load_default(size * _SCALE)
    pen.text((place[0] * _SCALE, place[1] * _SCALE), text, fill=color, font=font, anchor=anchor)


def shorten(text: str, letters: int) -> str:
    """At most so many letters."""
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "..."


def _save(image: Image.Image, path: str) -> None:
    try:
        image.save(Path(path), format="PNG")
    except OSError as error:
        raise ResultError(
            f"The graph cannot be drawn to {path}: {error.strerror}. Give a writable .png path."
        ) from None
