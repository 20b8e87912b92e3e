"""The terms of one edge: its kind (grip, touch, support, rest) says which energy pulls, its flags when."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.body import BodyPoints
from zeroshot_hoi.core.graph import Edge
from zeroshot_hoi.geometry.query import GridArrays
from zeroshot_hoi.geometry.sampling import farthest_points
from zeroshot_hoi.optimization import reaching
from zeroshot_hoi.optimization.energies import contact, penetration
from zeroshot_hoi.optimization.interaction import SIGMA, SINK, Interaction
from zeroshot_hoi.optimization.person import PAD_POINTS
from zeroshot_hoi.optimization.plates import Plate
from zeroshot_hoi.optimization.problem import Term
from zeroshot_hoi.optimization.start import Start

BALL_PADS = 2
"""Pads of a foot that stands on its ball."""

FOOT_LENGTH = 0.2
"""Metres of a part on which a whole foot stands."""

RESTING = 0.003
"""Metres above the lowest of a part that still rest with it."""

BEARING_AREA = 0.015
"""Square metres of skin that bear on a support, or half of what a body part has: a bicycle saddle's rear."""

HAND_LENGTH = 0.2
"""Metres from wrist to fingertips of a large hand."""

FAR_REACH = 0.25
"""Metres from which what should touch first is drawn to its part: a palm, fingertips, anything but a hand."""


def edge_terms(scene: Interaction, edge: Edge, starts: Sequence[Start], t: np.ndarray) -> list[Term]:
    kind = scene.plan.contacts[edge.name].kind
    gate = scene.gate(edge, t)
    if edge.first.owner not in scene.bodies:
        if scene.plan.contacts[edge.name].upholstery:
            return []  # what enters loose material touches it anywhere
        return _object_edge(scene, edge, gate)
    if edge.second.owner in scene.holds.carriers and scene.holds.carriers[edge.second.owner] == edge:
        return []
    if edge.name in scene.holds.grips:
        return [_held(scene, edge, gate, starts, t)]
    p, rows = scene.people.index(edge.first.owner), scene.rows[edge.first.owner]
    o, grid = scene.names.index(edge.second.owner), scene.part_grid(edge)
    terms = []
    if kind == "support" and not edge.first.part.endswith("foot"):
        points = rows.support(edge.first.part)
        terms += _supported(scene, edge, points, gate, starts, t)
    else:
        points, hand = rows.touching(edge.first.part), edge.first.part.endswith("hand")
        plate = scene.holds.plate(edge) if hand else None
        pads, reach = _hand_pads(scene, edge, points, plate) if hand else _pads(scene, edge, points)
        terms.append(Term(f"contact:{edge.name}", contact.pads, SIGMA["touch"], p, o, constants={
            "rows": pads, "grid": grid, "reach": reach}, frames={"weight": gate[:, None]}))  # fmt: skip
        terms += [] if plate is None else _in_front(scene, edge, plate, gate)
    place = scene.place_grid(edge)
    if place is not None:
        terms.append(_placed(scene, edge, gate, place))
    terms += _stroke(scene, edge, points, starts, t)
    if edge.is_rel_static:
        center = anchored(scene, edge)
        known = np.array([float(edge.name in s.anchors) for s in starts])
        anchor = np.stack([s.anchors.get(edge.name, np.zeros((len(center), 3))) for s in starts])
        if kind == "support":
            given = scene.sink(edge, t) - SINK[scene.plan.contacts[edge.name].upholstery]
            upward = scene.initial.objects[edge.second.owner].rotation[2]  # in the object's frame
            anchor = anchor - (given[:, None] * upward)[:, None]
        terms.append(Term(f"drift:{edge.name}", contact.anchored, SIGMA["anchor"], p, o, constants={
            "rows": center}, frames={"anchor": anchor, "gate": (known * gate)[:, None, None]}))  # fmt: skip
    return terms


def _supported(
    scene: Interaction, edge: Edge, points: BodyPoints, gate: np.ndarray, starts: Sequence[Start], t: np.ndarray
) -> list[Term]:
    """A body part on what carries it: its skin at the depth to which it sinks, enough of it, and drawn to it from
    afar, because skin that is off its support for a while does not feel it any more."""
    p, o, grid = scene.people.index(edge.first.owner), scene.names.index(edge.second.owner), scene.part_grid(edge)
    every, depth, weight = np.ones(len(points)), scene.sink(edge, t)[:, None], gate[:, None]
    seated = (weight >= 1.0).astype(float)  # not yet while somebody sits down
    own = np.array(scene.bodies[edge.first.owner].part_labels)[points.vertices] == edge.first.part
    areas = points.areas * own
    wanted = np.array([min(BEARING_AREA, 0.5 * areas.sum())])
    skin = {"rows": points.rows, "grid": grid}
    touching = np.stack([s.touching.get(edge.name, every) for s in starts])
    return [
        Term(f"contact:{edge.name}", contact.surface, SIGMA["support"], p, o, constants=skin,
             frames={"weight": weight * touching, "depth": depth}),
        Term(f"carried:{edge.name}", contact.carried, SIGMA["support"], p, o, constants={
            **skin, "reach": np.array([FAR_REACH])}, frames={"weight": seated, "depth": depth}),
        Term(f"bearing:{edge.name}", contact.bearing_area, SIGMA["bearing"], p, o, constants={
            **skin, "areas": areas, "wanted": wanted}, frames={"weight": seated}),
    ]  # fmt: skip


def anchored(scene: Interaction, edge: Edge) -> np.ndarray:
    """Rows (K, 4G) of the body points that an edge keeps in their places on the object: the middle of the skin that
    touches, of a whole foot ball and heel, of one that stands on its ball the middle of that.

    About the middle of a sole a ball on a pedal would roll, about the middle of ball and heel a foot tips into a deck.
    """
    rows, part = scene.rows[edge.first.owner], edge.first.part
    if part.endswith("foot"):
        pads, _ = _pads(scene, edge, rows.touching(part))
        middles = pads.mean(1)
        return middles if len(middles) > BALL_PADS else middles.mean(0, keepdims=True)
    points = rows.support(part) if scene.plan.contacts[edge.name].kind == "support" else rows.touching(part)
    return points.rows.mean(0, keepdims=True)


def _pads(scene: Interaction, edge: Edge, points: BodyPoints) -> tuple[np.ndarray, np.ndarray]:
    """Rows (P, K, 4G) of what touches besides hands, P pads of which each is drawn to the part from its reach (P,) m.

    A foot stands on ball and heel, on the ball alone where the part is shorter than a foot; of the head the eyes or the
    mouth touch, where something is brought to them.
    """
    person, part = edge.first.owner, edge.first.part
    rows, face = scene.rows[person], scene.reference.people[person].faces.get(edge.name)
    if face is not None:
        pads = rows.face(face)
    elif part.endswith("foot"):
        region = scene.holds.region(edge)
        thing = scene.objects[edge.second.owner]
        touched = thing.vertices[np.unique(thing.faces[region.faces])]
        pads = rows.foot_pads(part.split()[0], bool(np.ptp(touched, axis=0).max() > FOOT_LENGTH))
    else:
        pads = points.rows[None]
    return pads, np.full(len(pads), FAR_REACH)


def _hand_pads(
    scene: Interaction, edge: Edge, points: BodyPoints, plate: Plate | None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows (P, K, 4G) of a hand's pads and the metres (P,) from which each is drawn to the part.

    The palm is drawn from afar and fingers only from near; a plate shorter than a hand is touched by fingertips, and
    so is what a hand strokes: a palm that lay flat on a guitar could not strum it for its bridge.
    """
    names, pads = scene.rows[edge.first.owner].pad_names, points.rows.reshape(-1, PAD_POINTS, points.rows.shape[1])
    stroked = edge.name in scene.reference.people[edge.first.owner].strokes
    if not stroked and (plate is None or 2.0 * plate.half.min() > HAND_LENGTH):
        return pads, np.where(["palm" in name for name in names], FAR_REACH, contact.CONTACT_REACH)
    tips = np.array(["distal" in name for name in names])
    thumb = np.array(["thumb" in name for name in names])
    return pads[tips], np.where(thumb, contact.CONTACT_REACH, FAR_REACH)[tips]


def _in_front(scene: Interaction, edge: Edge, plate: Plate, gate: np.ndarray) -> list[Term]:
    """The whole hand on the outer side of the flat part that it touches, its palm toward it."""
    rows, p = scene.rows[edge.first.owner], scene.people.index(edge.first.owner)
    o, palm = scene.names.index(edge.second.owner), rows.wrists[edge.first.part.split()[0]]
    mine = np.array([rows.is_of_hand(label, edge.first.part) for label in rows.spheres.parts])
    return [
        Term(f"front:{edge.name}", penetration.body_behind_plate, SIGMA["front"], p, o, constants={
            "rows": rows.spheres.centers.rows[mine], "radii": rows.spheres.radii[mine],
            "center": plate.center, "axes": plate.axes, "half": plate.half}, frames={"gate": gate[:, None]}),
        Term(f"palm:{edge.name}", contact.facing, SIGMA["facing"], p, o, constants={
            "normal_rows": palm.normal_rows[:1], "normal": plate.axes[2]}, frames={"gate": gate[:, None]}),
    ]  # fmt: skip


def _stroke(scene: Interaction, edge: Edge, points: BodyPoints, starts: Sequence[Start], t: np.ndarray) -> list[Term]:
    """A hand that moves on its own over what it touches, around where it touched first."""
    strokes = scene.reference.people[edge.first.owner].strokes.get(edge.name)
    if strokes is None:
        return []
    p, o = scene.people.index(edge.first.owner), scene.names.index(edge.second.owner)
    known = np.array([float(edge.name in s.anchors) for s in starts])
    anchor = np.stack([s.anchors.get(edge.name, np.zeros((1, 3))) for s in starts])
    headings = [[s.placements[edge.first.owner].heading] for s in starts]
    offset = Rotation.from_euler("z", headings).apply(strokes[t])[:, None]
    return [Term(f"stroke:{edge.name}", contact.stroked, SIGMA["stroke"], p, o, constants={
        "rows": points.rows.mean(0, keepdims=True)},
        frames={"anchor": anchor, "offset": offset, "gate": known[:, None, None]})]  # fmt: skip


def _placed(scene: Interaction, edge: Edge, gate: np.ndarray, place: GridArrays) -> Term:
    """Where on its part contact is drawn, by the weights of a contact map (InteractAnything, equation 7): palms, or
    the middle of another body region. Contact itself decides whether it touches; this decides where."""
    rows, p = scene.rows[edge.first.owner], scene.people.index(edge.first.owner)
    points = rows.touching(edge.first.part).rows
    pads = points.mean(0, keepdims=True)[None]
    if edge.first.part.endswith("hand"):
        palms = ["palm" in name for name in rows.pad_names]
        pads = points.reshape(-1, PAD_POINTS, points.shape[1])[palms]
    return Term(f"place:{edge.name}", contact.pads, SIGMA["place"], p, scene.names.index(edge.second.owner), constants={
        "rows": pads, "grid": place, "reach": np.full(len(pads), FAR_REACH)},
        frames={"weight": gate[:, None]})  # fmt: skip


def _held(scene: Interaction, edge: Edge, gate: np.ndarray, starts: Sequence[Start], t: np.ndarray) -> Term:
    """A grip on what does not ride on this hand: the wrist is where the grip, found for the hand alone, has it.

    A hand that takes hold later, or has let go, is led on its way, the less the farther it is in time: to the thing,
    and where that flies, to where it is as the hand takes hold or lets go.
    """
    p, o, away = scene.people.index(edge.first.owner), scene.names.index(edge.second.owner), scene.away(edge, t)
    wrist = scene.open_rows[edge.first.owner].wrists[edge.first.part.split()[0]].rest
    rows = {"rows": scene.rows[edge.first.owner].wrists[edge.first.part.split()[0]].rows}
    grasps = [s.grasps[edge.name] for s in starts]
    anchor = np.stack([(wrist - g.translation) @ g.rotation for g in grasps])
    name, sigma = f"contact:{edge.name}", SIGMA["held"]
    frames = {"anchor": anchor, "gate": gate[:, None, None]}
    if away.any():
        ways = np.stack([scene.withdrawal(edge, s) @ g.rotation for s, g in zip(starts, grasps, strict=True)])
        frames["anchor"] = anchor = anchor + (reaching.distance(away)[:, None] * ways)[:, None]
        frames["gate"] = reaching.firmness(away)[:, None, None]
        if scene.is_thrown(edge):
            frames["offset"] = scene.lag(edge, anchor, ways, t)
            return Term(name, contact.stroked, sigma, p, o, constants=rows, frames=frames)
    return Term(name, contact.anchored, sigma, p, o, constants=rows, frames=frames)


def _object_edge(scene: Interaction, edge: Edge, gate: np.ndarray) -> list[Term]:
    first, second = edge.first, edge.second
    points = _resting_points(scene, edge, 40)
    o, other = scene.names.index(first.owner), scene.names.index(second.owner)
    return [Term(f"contact:{edge.name}", contact.rest, SIGMA["rest"], 0, o, other, constants={
        "points": points, "grid": scene.part_grid(edge)},
        frames={"gate": gate[:, None]})]  # fmt: skip


def _resting_points(scene: Interaction, edge: Edge, count: int) -> np.ndarray:
    """(count, 3) spread over the part by which an object rests: of what lies on something the lowest, for a part found
    as a mug's bottom has the inside of the mug and the foot of its wall too."""
    owner, thing = edge.first.owner, scene.objects[edge.first.owner]
    centers = thing.vertices[thing.faces[scene.parts[owner].parts[edge.first.part].faces]].mean(1)
    track = scene.reference.objects.get(owner)
    if scene.plan.objects[owner].rests_on == edge.second.owner:
        turn = scene.initial.objects[owner].rotation if track is None else track.rotation[0]
        height = centers @ turn[2]
        centers = centers[height < height.min() + RESTING]
    return np.resize(centers[farthest_points(centers, min(count, len(centers)))], (count, 3))
