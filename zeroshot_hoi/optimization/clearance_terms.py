"""What keeps things out of one another: people and objects, both ways, people and themselves, people and people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zeroshot_hoi.body.surface import concatenate
from zeroshot_hoi.core.body import BodyPoints
from zeroshot_hoi.geometry.sampling import farthest_points
from zeroshot_hoi.optimization.energies import penetration
from zeroshot_hoi.optimization.interaction import SIGMA, SINK, Interaction
from zeroshot_hoi.optimization.problem import Term
from zeroshot_hoi.optimization.start import CORNERS, FOLDED_POINTS, NEAR_POINTS, PRESSED_POINTS, Start

BODY_MARGIN = 0.002
"""Metres that the rest of the body keeps clear of objects."""

SPHERE_SKIN = 0.001
"""Metres by which spheres are taken smaller than they are."""


def watched(scene: Interaction, person: str, name: str) -> np.ndarray:
    """(V,) which body vertices must not enter the object: all but those of the hands that close around it."""
    return ~np.isin(np.array(scene.bodies[person].part_labels), scene.holds.hands_on(person, name))


def allowed_depth(scene: Interaction, person: str, name: str, points: BodyPoints, t: np.ndarray) -> np.ndarray:
    """(T, N) metres that body points may sink into the object: little but for what it supports or what touches it."""
    rows = scene.rows[person]
    allowed = np.full((len(t), len(points)), -BODY_MARGIN)
    for edge in scene.plan.graph.edges_of(person):
        if edge.second.owner != name or edge.name in scene.holds.grips:
            continue
        plan = scene.plan.contacts[edge.name]
        if plan.kind == "support":
            most = np.maximum(scene.sink(edge, t), SINK[plan.upholstery])  # thighs stay when the hips rise
            allowed[:, rows.near_support(points, edge.first.part)] = most[:, None] + 0.002
        else:
            allowed[:, ~rows.outside_part(points, edge.first.part)] = 0.001
    return allowed


def object_clearance(scene: Interaction, name: str, starts: Sequence[Start], t: np.ndarray) -> list[Term]:
    """One object and every person, and what moves outside of what stands."""
    o = scene.names.index(name)
    terms = [term for person in scene.people for term in _person_and_object(scene, name, person, starts, t)]
    for other in scene.names:
        if (
            other != name
            and scene.holds.moves(name)
            and not scene.holds.moves(other)
            and not _enters(scene, name, other)
        ):
            points = scene.objects[name].samples.points[:300]
            terms.append(Term(f"penetration:{name}->{other}", penetration.object_in_object,
                              SIGMA["object in object"], 0, o, scene.names.index(other),
                              constants={"points": points, "grid": scene.grids[other],
                                         "margin": np.float64(0.0)}))  # fmt: skip
    return terms


def _enters(scene: Interaction, name: str, other: str) -> bool:
    """Whether one of two objects gives way to the other."""
    between = (e for e in scene.plan.graph.edges_of(name) if {e.first.owner, e.second.owner} == {name, other})
    return any(scene.plan.contacts[e.name].upholstery for e in between)


def apart(scene: Interaction, p: int, other: int) -> Term:
    """Two people outside each other."""
    mine, theirs = scene.rows[scene.people[p]].spheres, scene.rows[scene.people[other]].spheres
    name = f"apart:{scene.people[other]}|{scene.people[p]}"
    return Term(name, penetration.body_in_body, SIGMA["body in itself"], p, other=other, constants={
        "rows": mine.centers.rows, "radii": mine.radii,
        "other_rows": theirs.centers.rows, "other_radii": theirs.radii})  # fmt: skip


def self_clearance(scene: Interaction, name: str, p: int, starts: Sequence[Start], t: np.ndarray) -> Term:
    none = np.full((2, scene.plan.frames, FOLDED_POINTS), -1)
    pairs = [s.folded.get(name, none) for s in starts]
    inner, outer = (np.stack([pair[i][k] for pair, k in zip(pairs, t, strict=True)]) for i in (0, 1))
    vertices = scene.rows[name].vertices
    return Term(f"self skin:{name}", penetration.body_in_skin, SIGMA["skin"], p,
                frames={"rows": vertices.rows[inner], "other_rows": vertices.rows[outer],
                        "normal_rows": vertices.normal_rows[outer],
                        "gate": (outer >= 0).astype(float)})  # fmt: skip


def _person_and_object(
    scene: Interaction, name: str, person: str, starts: Sequence[Start], t: np.ndarray
) -> list[Term]:
    """Penetration both ways between one person and one object."""
    p, o, rows = scene.people.index(person), scene.names.index(name), scene.rows[person]
    looked_at = watched(scene, person, name)
    skin = rows.skin_where(looked_at)
    hands = scene.holds.hands_on(person, name)
    alike = all(start is starts[0] for start in starts)
    chosen = starts[0].near.get((person, name)) if alike else None
    near = rows.vertex_points(rows.default_near(looked_at, NEAR_POINTS, hands) if chosen is None else chosen)
    points = concatenate([skin, near])
    mine = np.array([not any(rows.is_of_hand(label, hand) for hand in hands) for label in rows.spheres.parts])
    radii = rows.spheres.radii - SPHERE_SKIN
    for edge in scene.plan.graph.edges_of(person):
        if edge.second.owner == name and scene.plan.contacts[edge.name].kind == "support":
            labels = np.array(rows.spheres.parts)
            pressed = np.isin(
                labels, ("hips", "left leg", "right leg") if edge.first.part == "hips" else (edge.first.part,)
            )
            radii = radii - pressed * scene.deepest_sink(edge)
    corners = starts[0].corners.get((person, name)) if alike else None
    corners = _default_corners(scene, name) if corners is None else corners
    return [
        Term(f"penetration:{person}->{name}", penetration.body_in_object, SIGMA["body in object"], p, o, constants={
            "rows": points.rows, "grid": scene.grids[name], "weight": np.ones(len(points))},
            frames={"allowed": allowed_depth(scene, person, name, points, t)}),
        Term(f"penetration:{name}->{person}", penetration.object_in_body, SIGMA["object in body"], p, o, constants={
            "points": scene.objects[name].vertices[corners], "rows": rows.spheres.centers.rows[mine],
            "radii": radii[mine]}),
        _pressed(scene, name, person, starts, t),
    ]  # fmt: skip


def _pressed(scene: Interaction, name: str, person: str, starts: Sequence[Start], t: np.ndarray) -> Term:
    """Object points that were found at or below the skin, outside it."""
    p, o = scene.people.index(person), scene.names.index(name)
    rows, key = scene.rows[person], (person, name)
    if all(key in s.pressed for s in starts):
        points = np.stack([s.pressed[key].points[k] for s, k in zip(starts, t, strict=True)])
        vertices = np.stack([s.pressed[key].vertices[k] for s, k in zip(starts, t, strict=True)])
    else:
        points = np.zeros((len(t), PRESSED_POINTS, 3))
        vertices = np.full((len(t), PRESSED_POINTS), -1)
    allowed = np.take_along_axis(allowed_depth(scene, person, name, rows.vertices, t), np.maximum(vertices, 0), axis=1)
    return Term(f"penetration:{name}->{person} skin", penetration.object_in_skin, SIGMA["body in object"], p, o,
                frames={"points": points, "rows": rows.vertices.rows[vertices],
                        "normal_rows": rows.vertices.normal_rows[vertices], "allowed": allowed,
                        "gate": (vertices >= 0).astype(float)})  # fmt: skip


def _default_corners(scene: Interaction, name: str) -> np.ndarray:
    """Vertices spread over an object, where nothing is known yet."""
    return np.resize(farthest_points(scene.objects[name].vertices[::3], CORNERS) * 3, CORNERS)
