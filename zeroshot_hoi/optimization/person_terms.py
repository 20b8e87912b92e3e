"""What one person should do by themself: a natural pose, planted feet, balance, a gaze, hands on the thighs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zeroshot_hoi.optimization import reaching
from zeroshot_hoi.optimization.clearance_terms import apart, self_clearance
from zeroshot_hoi.optimization.energies import contact, penetration, posture
from zeroshot_hoi.optimization.interaction import SIGMA, Interaction
from zeroshot_hoi.optimization.person import SIDES, PersonRows
from zeroshot_hoi.optimization.problem import Term
from zeroshot_hoi.optimization.start import Start

PALM_OFFSET = 0.022
"""Metres between the middle of a palm's hollow and the thigh that the hand lies on."""

SWING = 0.1
"""How firmly a foot in the air follows its arc, against 1 for one on the ground."""

ARM = ("collar", "shoulder", "elbow", "forearm", "wrist")
"""How the names of an arm's freedoms begin, after the side."""

BODY_MASS = 70.0
"""kg, where a body does not say."""


def person_terms(scene: Interaction, name: str, starts: Sequence[Start], t: np.ndarray) -> list[Term]:
    p, rows, reference = scene.people.index(name), scene.rows[name], scene.reference.people[name]
    stiffness = np.sqrt(scene.bodies[name].freedoms.stiffness)
    inactive = np.setdiff1d(np.arange(len(stiffness)), rows.active)
    stiffness[inactive] = 0.0
    wanted = np.stack([s.placements[name].q for s in starts]) + reference.q[t]
    roots = scene.roots(name, starts, t)
    soles = np.concatenate([rows.soles["left"].rows, rows.soles["right"].rows])
    anchors, gate, over = _stance(scene, name, starts, t)
    terms = [
        Term(f"natural:{name}", posture.natural_pose, SIGMA["natural"], p,
             constants={"stiffness": stiffness}, frames={"reference": wanted}),
        Term(f"root:{name}", posture.root_position, SIGMA["root"], p,
             constants={"rows": rows.root, "radius": np.float64(0.03)}, frames={"reference": roots}),
        Term(f"planted:{name}", posture.planted, SIGMA["planted"], p,
             constants={"rows": soles}, frames={"anchor": anchors, "gate": gate}),
        Term(f"ground:{name}", penetration.body_in_ground, SIGMA["ground"], p,
             constants={"rows": rows.skin.rows}),
        Term(f"self:{name}", penetration.body_in_itself, SIGMA["body in itself"], p,
             constants={"rows": rows.spheres.centers.rows, "radii": rows.spheres.radii,
                        "apart": penetration.sphere_pairs(len(rows.spheres.radii), rows.pairs)}),
        _balance(scene, name, p, rows, over, t),
        Term(f"trunk:{name}", posture.trunk, SIGMA["trunk"], p,
             constants={"rows": rows.trunk}, frames={"gate": _unsupported(scene, name, t)}),
        Term(f"arms:{name}", posture.arms, SIGMA["arms"], p, constants={"rows": rows.arms}),
        self_clearance(scene, name, p, starts, t),
    ]  # fmt: skip
    terms += _relaxed(scene, name, p, wanted, t)
    terms += _gaze(scene, name, p, rows) + _palms(scene, name, p, rows, t)
    for other in range(p):
        terms.append(apart(scene, p, other))
    return terms


def _relaxed(scene: Interaction, name: str, p: int, wanted: np.ndarray, t: np.ndarray) -> list[Term]:
    """Arms whose hand has let go, or does not reach yet, are drawn to the posture: a free arm hangs."""
    if not scene.reference.people[name].away:
        return []
    names = scene.bodies[name].freedoms.names
    firm = np.zeros((len(t), len(names)))
    for side in SIDES:
        free = [reaching.relaxed(scene.away(e, t)) for e in scene.holds.grips_of(name) if e.first.part.startswith(side)]
        arm = [k for k, freedom in enumerate(names) if freedom.startswith(tuple(f"{side} {word}" for word in ARM))]
        if free:
            firm[:, arm] = np.min(free, axis=0)[:, None]
    return [Term(f"relaxed:{name}", posture.natural_pose, SIGMA["relaxed"], p,
                 frames={"reference": wanted, "stiffness": firm})]  # fmt: skip


def _stance(
    scene: Interaction, name: str, starts: Sequence[Start], t: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where sole points stand (T, N, 3), how firmly (T, N, 1), and the place (T, 3) that the weight is over.

    A foot in the air follows its arc loosely; the weight of who walks is over the planned way of the root.
    """
    rows, reference = scene.rows[name], scene.reference.people[name]
    if reference.travel is None:
        anchors = np.stack([rows.sole_anchors(s.placements[name].feet) for s in starts])
        stance = np.stack([reference.planted["left"][t], reference.planted["right"][t]], 1)
        gate = np.repeat(stance, [len(rows.soles["left"]), len(rows.soles["right"])], axis=1)
        return anchors, gate[..., None], anchors.mean(1)
    local = {side: rows.sole_local(side) for side in SIDES}
    ways = scene.ways(name, starts)
    carried = {
        id(way): tuple(
            np.concatenate([getattr(way.feet[side], ask)(local[side]) for side in SIDES], axis=1)
            for ask in ("carry", "held")
        )
        for way in ways
    }
    anchors, held = (np.stack([carried[id(w)][i][k] for w, k in zip(ways, t, strict=True)]) for i in (0, 1))
    over = np.stack([way.root[k] for way, k in zip(ways, t, strict=True)])
    rides = np.concatenate([np.full(len(local[side]), float(reference.travel.feet[side].rides)) for side in SIDES])
    return anchors, (np.maximum(held, SWING) * (1.0 - rides))[..., None], over


def _unsupported(scene: Interaction, name: str, t: np.ndarray) -> np.ndarray:
    """(T,) 1 while the feet alone carry the person, 0 while a seat does, or is about to."""
    gate = np.ones(len(t))
    for edge in scene.plan.graph.edges_of(name):
        if scene.plan.contacts[edge.name].kind == "support" and edge.first.part in ("hips", "left leg", "right leg"):
            standing = scene.reference.people[name].standing[t, 2]
            gate = gate * (1.0 - scene.gate(edge, t)) * np.clip(2.0 * standing - 0.6, 0.0, 1.0)
    return gate


def _balance(scene: Interaction, name: str, p: int, rows: PersonRows, over: np.ndarray, t: np.ndarray) -> Term:
    """Over the feet with whatever is carried; off while a seat carries the person."""
    loads = [n for n, e in scene.holds.carriers.items() if e.first.owner == name]
    load = loads[0] if loads else scene.names[0]
    mass = scene.plan.objects[load].mass if loads else 0.0
    center = scene.objects[load].vertices.mean(0)
    return Term(f"balance:{name}", posture.balance, SIGMA["balance"], p, scene.names.index(load),
                constants={"rows": rows.mass_center, "load_center": center,
                           "load_share": np.float64(mass / (mass + BODY_MASS))},
                frames={"over": over, "gate": _unsupported(scene, name, t)})  # fmt: skip


def _gaze(scene: Interaction, name: str, p: int, rows: PersonRows) -> list[Term]:
    words = [w.strip() for w in scene.plan.people[name].gaze.split(",") if w.strip()]
    if not words or words[0] not in scene.objects:
        return [Term(f"head:{name}", posture.level_head, SIGMA["head"], p, constants={"rows": rows.gaze})]
    target = scene.objects[words[0]].vertices.mean(0)
    if len(words) > 1 and words[1] in scene.parts[words[0]].parts:
        target = scene.parts[words[0]].parts[words[1]].center
    return [Term(f"gaze:{name}->{words[0]}", posture.gaze, SIGMA["gaze"], p, scene.names.index(words[0]),
                 constants={"rows": rows.gaze, "target": target})]  # fmt: skip


def _palms(scene: Interaction, name: str, p: int, rows: PersonRows, t: np.ndarray) -> list[Term]:
    terms, reference = [], scene.reference.people[name]
    gate = np.ones(len(t)) if reference.palms_gate is None else reference.palms_gate[t]
    for side, place in reference.palms_on_thighs.items():
        other, normal = rows.thigh_rows(side, place[t])
        frames = {"other_rows": other, "other_normal_rows": normal, "gate": gate[:, None, None]}
        constants = {"rows": rows.palms[side], "offset": np.array([PALM_OFFSET])}
        label = f"palm on thigh:{name}.{side}"
        terms.append(Term(label, contact.together, SIGMA["palm"], p, constants=constants, frames=frames))
    return terms
