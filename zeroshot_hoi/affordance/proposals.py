"""All solid candidates of an object, from the file's own pieces down to cuts of one piece; each set of samples once."""

from __future__ import annotations

import numpy as np

from zeroshot_hoi.affordance.cuts import bands, filled, flats, panels, revolution, slices
from zeroshot_hoi.affordance.groups import Components, component_groups, list_components
from zeroshot_hoi.affordance.segments import LEAST, Segment, distinct, solid_segments, with_node
from zeroshot_hoi.affordance.surface import Surface

LARGE = 0.06
"""Components with more of the object's surface than this are cut further, the largest first."""
MOST_CUT = 6


def all_segments(surface: Surface, nodes: tuple[str, ...], pairs: np.ndarray) -> list[Segment]:
    """Every solid candidate; `pairs (P, 2)` are samples close in space."""
    names = np.asarray(nodes, dtype=str)[surface.faces]
    found = list_components(surface, pairs)
    large = _large(found, surface)
    segments = solid_segments(surface, nodes, [found.members[i] for i in large])
    segments += [with_node(members, source, names) for source, members in component_groups(surface, found)]
    everything = np.flatnonzero(~surface.buried)
    wholes = [found.members[i] for i in large]
    if len(found.ids) > 1:
        wholes.append(everything)
        segments.append(with_node(everything, "whole", names))
    for whole in wholes:
        for kind, pieces in _cut(surface, whole):
            segments += [with_node(piece, kind, names) for piece in pieces if len(piece) >= LEAST]
    owner = {int(found.ids[i]): found.members[i] for i in large}
    grown = []
    for segment in distinct(segments):
        whole = owner.get(int(surface.components[segment.members[0]]))
        if segment.source in ("shape", "run") and whole is not None and len(segment.members) < len(whole):
            grown.append(with_node(filled(surface, segment.members, whole), segment.source, names))
    return distinct(segments + grown)


def _large(found: Components, surface: Surface) -> list[int]:
    order = np.argsort(-found.area, kind="stable")
    total = surface.areas.sum()
    return [int(i) for i in order[:MOST_CUT] if found.area[i] > LARGE * total] or [int(i) for i in order[:1]]


def _cut(surface: Surface, whole: np.ndarray) -> list[tuple[str, list[np.ndarray]]]:
    outside, body = revolution(surface, whole)
    families = [
        ("slice", slices(surface, whole)),
        ("panel", panels(surface, whole)),
        ("out", outside),
        ("flat", flats(surface, whole)),
    ]
    families.append(("band", bands(surface, whole)))
    if body is not None:
        families += [("round", [body]), ("band", bands(surface, body)), ("slice", slices(surface, body))]
    return families
