"""Careful repair on plain arrays: weld, drop what carries no surface, orient what can be oriented, refine.

Every function returns new arrays and says what it did; none guesses. Only closed, edge-manifold components are
turned: on an open one (a bar modeled as a tube without caps, a sheet) a signed volume means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

WELD_RATIO = 1e-6
"""Vertices closer than about this share of the bounding box's diagonal are one; float32 files are good to 1e-7."""


@dataclass(frozen=True)
class Surface:
    """Triangles with what rides on them."""

    vertices: np.ndarray
    """(V, 3) metres."""
    faces: np.ndarray
    """(F, 3)"""
    attributes: np.ndarray
    """(V, K) texture coordinates or colors; K may be 0."""
    origin: np.ndarray
    """(F,) index of the file's face each face came from."""


def face_normals(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals (F, 3), zero where there is no area, and areas (F,) in m^2."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    length = np.linalg.norm(cross, axis=1)
    return cross / np.maximum(length, 1e-30)[:, None], 0.5 * length


def used_vertices(faces: np.ndarray) -> np.ndarray:
    """Indices of the vertices that `faces (F, 3)` name, sorted."""
    return np.flatnonzero(np.bincount(faces.reshape(-1)))


def _distinct_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First index of each distinct row of the integers `rows (N, K)`, and each row's place among them (N,).

    Columns are packed into one integer: ten times faster than `np.unique` over an axis.
    """
    label, span = np.zeros(len(rows), dtype=np.int64), 1
    for column in (rows - rows.min(axis=0)).T:
        width = int(column.max()) + 1
        if span > (1 << 62) // width:
            label = np.unique(label, return_inverse=True)[1].reshape(-1)
            span = int(label.max()) + 1
        label, span = label * width + column, span * width
    _, first, label = np.unique(label, return_index=True, return_inverse=True)
    return first, label.reshape(-1)


def weld(surface: Surface, seams: bool) -> Surface:
    """One vertex where several share a position, and, with `seams`, the attributes too; unused vertices go."""
    used = used_vertices(surface.faces)
    vertices = surface.vertices[used]
    tolerance = WELD_RATIO * np.linalg.norm(np.ptp(vertices, axis=0))
    keys = np.round((vertices - vertices.min(axis=0)) / tolerance).astype(np.int64)
    if seams and surface.attributes.shape[1]:
        keys = np.concatenate([keys, np.round(surface.attributes[used] * 1e4).astype(np.int64)], axis=1)
    first, label = _distinct_rows(keys)
    lookup = np.zeros(len(surface.vertices), dtype=np.int64)
    lookup[used] = label
    return replace(
        surface,
        vertices=vertices[first],
        attributes=surface.attributes[used][first],
        faces=lookup[surface.faces],
    )


def drop_empty_faces(surface: Surface, positions: np.ndarray) -> tuple[Surface, int, int]:
    """Without degenerate and repeated faces, and how many of each there were.

    `positions (F, 3)` are the faces over vertices welded by position. Two faces over the same three positions are
    repeated even when they look opposite ways.
    """
    _, areas = face_normals(surface.vertices, surface.faces)
    ordered = np.sort(positions, axis=1)
    degenerate = (ordered[:, 0] == ordered[:, 1]) | (ordered[:, 1] == ordered[:, 2]) | (areas <= 0.0)
    kept = np.flatnonzero(~degenerate)
    first, _ = _distinct_rows(ordered[kept])
    chosen = kept[np.sort(first)]
    repeated = len(kept) - len(chosen)
    return replace(surface, faces=surface.faces[chosen], origin=surface.origin[chosen]), int(degenerate.sum()), repeated


@dataclass(frozen=True)
class Topology:
    """How faces hang together along edges, vertices welded by position."""

    components: np.ndarray
    """(F,) connected-component index."""
    pairs: np.ndarray
    """(E, 2) faces on both sides of every edge that exactly two faces share."""
    agree: np.ndarray
    """(E,) whether the two run along the edge in opposite directions, as they should."""
    closed: np.ndarray
    """(C,) whether every edge of the component is shared by exactly two of its faces."""


def read_topology(positions: np.ndarray, nodes: np.ndarray) -> Topology:
    """Components and edge neighbors of `positions (F, 3)`: faces over vertices welded by position.

    An edge with more than two faces is read once for each of the file's `nodes (F,)`: a lid that touches its pot along
    a ring stays a component of its own, while one surface cut into nodes by material holds together.
    """
    count = len(positions)
    start, end = positions.reshape(-1), np.roll(positions, -1, axis=1).reshape(-1)
    keys = np.minimum(start, end) * (positions.max() + 1) + np.maximum(start, end)
    _, keys, uses = np.unique(keys, return_inverse=True, return_counts=True)
    crowded = uses[keys] > 2
    keys = keys * (nodes.max() + 2) + np.where(crowded, 1 + np.repeat(nodes, 3), 0)
    order = np.argsort(keys, kind="stable")
    _, edge, uses = np.unique(keys[order], return_inverse=True, return_counts=True)
    edge = edge.reshape(-1)
    owner, forward = order // 3, (start < end)[order]
    links = coo_matrix((np.ones(len(edge)), (owner, count + edge)), shape=(count + len(uses),) * 2)
    _, labels = connected_components(links, directed=False)
    _, components = np.unique(labels[:count], return_inverse=True)
    components = components.reshape(-1)
    paired = np.flatnonzero(uses[edge] == 2).reshape(-1, 2)
    closed = np.ones(components.max() + 1, dtype=bool)
    closed[components[owner[uses[edge] != 2]]] = False
    return Topology(components, owner[paired], forward[paired[:, 0]] != forward[paired[:, 1]], closed)


def orient_closed(surface: Surface, topology: Topology) -> tuple[Surface, int, int]:
    """Closed components with all faces outward, and how many faces were turned singly and components as a whole.

    Turning one face of a pair that disagrees is a two-coloring: in the graph whose nodes are (face, kept) and (face,
    turned) an orientable component falls into two halves. A closed component of negative volume that lies inside
    another one is a cavity and stays.
    """
    count, (left, right) = len(surface.faces), topology.pairs.T
    swap = count * (~topology.agree)
    rows = np.concatenate([left, left + count])
    columns = np.concatenate([right + swap, (right + count + swap) % (2 * count)])
    _, halves = connected_components(
        coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(2 * count,) * 2), directed=False
    )
    movable = topology.closed[topology.components]
    turned = movable & (halves[:count] > halves[count:])
    turned ^= movable & _majority(turned, topology.components)
    faces = np.where(turned[:, None], surface.faces[:, ::-1], surface.faces)
    inverted = _inverted_components(surface.vertices, faces, topology)
    faces = np.where(inverted[topology.components][:, None], faces[:, ::-1], faces)
    return replace(surface, faces=faces), int(turned.sum()), int(inverted.sum())


def _majority(turned: np.ndarray, components: np.ndarray) -> np.ndarray:
    """(F,) whether more than half of the face's component is turned: then the other half is the smaller change."""
    return (np.bincount(components, turned) > 0.5 * np.bincount(components))[components]


def _inverted_components(vertices: np.ndarray, faces: np.ndarray, topology: Topology) -> np.ndarray:
    """(C,) closed components of negative volume that are not cavities of another one."""
    corners = vertices[faces] - vertices.mean(axis=0)
    volume = np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6.0
    negative = topology.closed & (np.bincount(topology.components, volume) < 0.0)
    for index in np.flatnonzero(negative):
        own = topology.components == index
        outer = ~own & topology.closed[topology.components] & ~negative[topology.components]
        if outer.any() and winding_number(vertices, faces[outer], vertices[faces[own][0, 0]]) > 0.5:
            negative[index] = False
    return negative


def winding_number(vertices: np.ndarray, faces: np.ndarray, point: np.ndarray) -> float:
    """Generalized winding number of one `point (3,)`: the solid angles (Van Oosterom and Strackee 1983) over 4 pi."""
    a, b, c = (vertices[faces[:, k]] - point for k in range(3))
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    numerator = np.einsum("fi,fi->f", a, np.cross(b, c))
    ab, bc, ca = (np.einsum("fi,fi->f", u, v) for u, v in ((a, b), (b, c), (c, a)))
    return float(np.arctan2(numerator, la * lb * lc + ab * lc + bc * la + ca * lb).sum() / (2.0 * np.pi))


def subdivide(surface: Surface, longest: float) -> Surface:
    """Every edge split at its middle until none is longer than `longest` metres; attributes are averaged.

    Both faces of an edge split it alike, also across a seam, so no crack opens.
    """
    while True:
        edges = np.sort(surface.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        first, inverse = _distinct_rows(edges)
        unique = edges[first]
        ends = surface.vertices[unique]
        split = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1) > longest
        if not split.any():
            return surface
        middle = np.full(len(unique), -1, dtype=np.int64)
        middle[split] = len(surface.vertices) + np.arange(split.sum())
        faces, parent = _split_faces(surface, middle[inverse].reshape(-1, 3))
        halfway = unique[split]
        surface = Surface(
            np.concatenate([surface.vertices, surface.vertices[halfway].mean(axis=1)]),
            faces,
            np.concatenate([surface.attributes, surface.attributes[halfway].mean(axis=1)]),
            surface.origin[parent],
        )


def _split_faces(surface: Surface, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Children of every face and their parents, given the new vertex on each of its edges `(F, 3)`, -1 for none.

    A face is rolled so that its only split edge comes first, or its only whole edge last.
    """
    count = (middle >= 0).sum(axis=1)
    children, parents = [surface.faces[count == 0]], [np.flatnonzero(count == 0)]
    roll = np.where(count == 2, (np.argmin(middle, axis=1) + 1) % 3, np.argmax(middle, axis=1))
    columns = (roll[:, None] + np.arange(3)) % 3
    a, b, c = np.take_along_axis(surface.faces, columns, axis=1).T
    ab, bc, ca = np.take_along_axis(middle, columns, axis=1).T
    at_a, at_b, at_c = (surface.vertices[corner] for corner in (a, b, c))
    # A face with two split edges leaves a quad a, ab, bc, c: cut it along its shorter diagonal.
    first = np.linalg.norm(0.5 * (at_b + at_c) - at_a, axis=1) <= np.linalg.norm(0.5 * (at_a + at_b) - at_c, axis=1)
    recipes = [
        (count == 1, [(a, ab, c), (ab, b, c)]),
        ((count == 2) & first, [(ab, b, bc), (a, ab, bc), (a, bc, c)]),
        ((count == 2) & ~first, [(ab, b, bc), (a, ab, c), (ab, bc, c)]),
        (count == 3, [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]),
    ]
    for chosen, triangles in recipes:
        for triangle in triangles:
            children.append(np.stack(triangle, axis=1)[chosen])
            parents.append(np.flatnonzero(chosen))
    return np.concatenate(children), np.concatenate(parents)
