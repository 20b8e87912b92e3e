"""Where edge attributes meet energies: a plan, its scene and its reference become the terms of a problem.

`is_continuous` decides the gate of a contact over time, `is_rel_static` whether the contact is anchored (a gripped
object rides on the wrist instead), the motion flags how firmly an object keeps its place, the kind of an edge which
energy pulls (grip, touch, support, rest). Nothing after this file knows what a hand or an iron is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.surface import concatenate
from zeroshot_hoi.core.body import BodyPoints, SkinnedBody
from zeroshot_hoi.core.graph import Edge
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.reference import InitialScene, ReferenceMotion, Travel
from zeroshot_hoi.core.scene import ObjectParts, SceneObject
from zeroshot_hoi.geometry.grid import bake_part_grid
from zeroshot_hoi.geometry.query import GridArrays, pad_grid
from zeroshot_hoi.geometry.sampling import farthest_points
from zeroshot_hoi.optimization.energies import contact, penetration, posture, tracking
from zeroshot_hoi.optimization.hand import flat_hand
from zeroshot_hoi.optimization.holds import Holds
from zeroshot_hoi.optimization.person import PAD_POINTS, SIDES, PersonRows, person_rows
from zeroshot_hoi.optimization.problem import ObjectUnknowns, PersonUnknowns, Problem, Term
from zeroshot_hoi.optimization.start import CORNERS, FOLDED_POINTS, NEAR_POINTS, PRESSED_POINTS, Start

SIGMA = {
    "support": 0.006, "touch": 0.003, "held": 0.001, "rest": 0.0008, "anchor": 0.0005, "body in object": 0.0012,
    "object in body": 0.004, "object in object": 0.001, "body in itself": 0.004, "ground": 0.003, "planted": 0.002,
    "balance": 0.02, "gaze": 0.25, "head": 0.08, "natural": 0.3, "root": 0.05, "path": 0.01, "axis": 0.02,
    "palm": 0.012, "skin": 0.002,
}  # fmt: skip
"""Standard deviation of each kind of residual in its own unit (metres, radians, cosine)."""

LOCKED = 0.006
"""Radians: how firmly an object that must not turn keeps its orientation once it has been found."""

SINK = {False: 0.004, True: 0.015}
"""Metres that a body sinks into a support: hard, upholstered."""

BODY_MARGIN = 0.002
"""Metres that the rest of the body keeps clear of objects."""

PALM_OFFSET = 0.022
"""Metres between the middle of a palm's hollow and the thigh that the hand lies on."""

SPHERE_SKIN = 0.001
"""Metres by which spheres are taken smaller than they are."""

FAR_REACH = 0.25
"""Metres from which a palm is drawn to what it should touch."""

SWING = 0.1
"""How firmly a foot in the air follows its arc, against 1 for one on the ground."""

BODY_MASS = 70.0
"""kg, where a body does not say."""


class Compiler:
    """Builds problems for any list of (start, frame) pairs of one interaction."""

    def __init__(
        self,
        plan: Plan,
        bodies: Mapping[str, SkinnedBody],
        objects: Mapping[str, SceneObject],
        parts: Mapping[str, ObjectParts],
        initial: InitialScene,
        reference: ReferenceMotion,
    ) -> None:
        self.plan, self.bodies, self.objects = plan, bodies, objects
        self.parts, self.initial, self.reference = parts, initial, reference
        self.people, self.names = list(bodies), list(objects)
        self._open_rows = {n: person_rows(b) for n, b in bodies.items()}
        self.rows: dict[str, PersonRows] = dict(self._open_rows)
        self.grids: dict[str, GridArrays] = {n: pad_grid(o.grid) for n, o in objects.items()}
        self._part_grids: dict[str, GridArrays] = {}
        self.holds = Holds(plan, objects, parts, initial, reference)

    def shape_hands(self, start: Start) -> None:
        """Fixes the fingers as `start` has them: free hands as in the posture, gripping hands as in the grip."""
        for name, rows in self._open_rows.items():
            q = start.placements[name].q.copy()
            for fingers, values in self._fingers(name, start):
                q[fingers] = values
            self.rows[name] = rows.shaped(q)

    def _fingers(self, name: str, start: Start) -> list[tuple[list[int], np.ndarray]]:
        """Freedoms and values of the fingers of hands that do something: flat where they touch, else as in the grip."""
        found = []
        for edge in self.plan.graph.edges_of(name):
            side = edge.first.part.split()[0]
            fingers = list(self._open_rows[name].fingers.get(side, ()))
            if edge.first.owner != name or not edge.first.part.endswith("hand"):
                continue
            if edge.name in self.holds.grips:
                found.append((fingers, start.grasps[edge.name].q[fingers]))
            elif self.plan.contacts[edge.name].kind == "touch":
                found.append((fingers, flat_hand(self.bodies[name], side)[fingers]))
        return found

    def part_grid(self, edge: Edge) -> GridArrays:
        """Distances to what the edge's second side touches."""
        if edge.name not in self._part_grids:
            faces = self.holds.region(edge).faces
            self._part_grids[edge.name] = pad_grid(bake_part_grid(self.objects[edge.second.owner], faces))
        return self._part_grids[edge.name]

    # -- problems ---------------------------------------------------------------------------------------------------

    def problem(self, starts: Sequence[Start], times: Sequence[int] | np.ndarray) -> Problem:
        """The problem whose k-th frame is frame `times[k]` of the motion, begun as in `starts[k]`."""
        t = np.asarray(times)
        people = tuple(PersonUnknowns(self.rows[n].folded.body, self.rows[n].active) for n in self.people)
        objects = tuple(self._unknowns(n) for n in self.names)
        base: dict[str, np.ndarray] = {}
        for p, name in enumerate(self.people):
            base.update(self._person_base(p, name, starts, t))
        for o, name in enumerate(self.names):
            base.update(self._object_base(o, name, starts, t))
        terms = [term for name in self.people for term in self._person_terms(name, starts, t)]
        terms += [term for edge in self.plan.graph.edges for term in self._edge_terms(edge, starts, t)]
        terms += [term for name in self.names for term in self._object_terms(name, starts, t)]
        return Problem(people, objects, base, tuple(terms))

    def _unknowns(self, name: str) -> ObjectUnknowns:
        if name not in self.holds.carriers:
            return ObjectUnknowns("free" if name in self.holds.free else "fixed")
        edge = self.holds.carriers[name]
        side = edge.first.part.split()[0]
        body = self.rows[edge.first.owner].folded.body
        return ObjectUnknowns("ride", self.people.index(edge.first.owner), body.joint_names.index(f"{side}_wrist"))

    def _person_base(self, p: int, name: str, starts: Sequence[Start], t: np.ndarray) -> dict[str, np.ndarray]:
        body, reference = self.bodies[name], self.reference.people[name]
        low, high = body.freedoms.limits.T
        q = np.stack([s.placements[name].q for s in starts])
        followed = np.setdiff1d(np.arange(q.shape[1]), [i for f in self.rows[name].fingers.values() for i in f])
        q[:, followed] += reference.q[t][:, followed]
        for k, start in enumerate(starts):
            for fingers, values in self._fingers(name, start):
                q[k, fingers] = values
        if reference.travel is None:
            headings = np.array([s.placements[name].heading for s in starts])
        else:
            headings = np.array([w.heading[k] for w, k in zip(self._ways(name, starts), t, strict=True)])
        turned = Rotation.from_euler("z", headings[:, None]).as_matrix()
        return {f"q{p}": np.clip(q, low, high), f"root{p}": self._roots(name, starts, t), f"heading{p}": turned}

    def _ways(self, name: str, starts: Sequence[Start]) -> list[Travel]:
        """For every start, the walking person's way from where that start places them."""
        travel = self.reference.people[name].travel
        assert travel is not None
        placed = {id(s.placements[name]): travel.placed(s.placements[name]) for s in starts}
        return [placed[id(s.placements[name])] for s in starts]

    def _roots(self, name: str, starts: Sequence[Start], t: np.ndarray) -> np.ndarray:
        """(T, 3) where the reference has the root."""
        reference = self.reference.people[name]
        if reference.travel is not None:
            return np.stack([way.root[k] for way, k in zip(self._ways(name, starts), t, strict=True)])
        placed = np.stack([s.placements[name].root for s in starts])
        turn = Rotation.from_euler("z", [[s.placements[name].heading] for s in starts])
        feet = np.array([np.mean([f[:2] for f in s.placements[name].feet.values()], axis=0) for s in starts])
        over_feet = np.pad(feet, ((0, 0), (0, 1))) + turn.apply(reference.stance)
        share = turn.apply(turn.inv().apply(over_feet - placed) * reference.standing[t])
        return placed + share

    def _object_base(self, o: int, name: str, starts: Sequence[Start], t: np.ndarray) -> dict[str, np.ndarray]:
        if name in self.holds.carriers:
            grasps = [s.grasps[self.holds.carriers[name].name] for s in starts]
            rotation, translation = np.stack([g.rotation for g in grasps]), np.stack([g.translation for g in grasps])
        elif name in self.reference.objects:
            reference = self.reference.objects[name]
            rotation = reference.rotation[t]
            translation = reference.translation[t] - np.einsum("tij,j->ti", rotation, reference.anchor)
        else:
            pose = self.initial.objects[name]
            rotation, translation = (
                np.repeat(pose.rotation[None], len(t), 0),
                np.repeat(pose.translation[None], len(t), 0),
            )
        return {f"rotation{o}": rotation, f"translation{o}": translation}

    # -- terms of one person ----------------------------------------------------------------------------------------

    def _person_terms(self, name: str, starts: Sequence[Start], t: np.ndarray) -> list[Term]:
        p, rows, reference = self.people.index(name), self.rows[name], self.reference.people[name]
        stiffness = np.sqrt(self.bodies[name].freedoms.stiffness)
        inactive = np.setdiff1d(np.arange(len(stiffness)), rows.active)
        stiffness[inactive] = 0.0
        wanted = np.stack([s.placements[name].q for s in starts]) + reference.q[t]
        roots = self._roots(name, starts, t)
        soles = np.concatenate([rows.soles["left"].rows, rows.soles["right"].rows])
        anchors, gate, over = self._stance(name, starts, t)
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
            self._balance(name, p, rows, over, t),
            self._folded(name, p, starts, t),
        ]  # fmt: skip
        terms += self._gaze(name, p, rows) + self._palms(name, p, rows, t)
        for other in range(p):
            terms.append(self._apart(p, other))
        return terms

    def _apart(self, p: int, other: int) -> Term:
        """Two people outside each other."""
        mine, theirs = self.rows[self.people[p]].spheres, self.rows[self.people[other]].spheres
        name = f"apart:{self.people[other]}|{self.people[p]}"
        return Term(name, penetration.body_in_body, SIGMA["body in itself"], p, other=other, constants={
            "rows": mine.centers.rows, "radii": mine.radii,
            "other_rows": theirs.centers.rows, "other_radii": theirs.radii})  # fmt: skip

    def _stance(self, name: str, starts: Sequence[Start], t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where sole points stand (T, N, 3), how firmly (T, N, 1), and the place (T, 3) that the weight is over.

        A foot in the air follows its arc loosely; the weight of who walks is over the planned way of the root.
        """
        rows, reference = self.rows[name], self.reference.people[name]
        if reference.travel is None:
            anchors = np.stack([rows.sole_anchors(s.placements[name].feet) for s in starts])
            stance = np.stack([reference.planted["left"][t], reference.planted["right"][t]], 1)
            gate = np.repeat(stance, [len(rows.soles["left"]), len(rows.soles["right"])], axis=1)
            return anchors, gate[..., None], anchors.mean(1)
        local = {side: rows.sole_local(side) for side in SIDES}
        ways = self._ways(name, starts)
        carried = {
            id(way): tuple(
                np.concatenate([getattr(way.feet[side], ask)(local[side]) for side in SIDES], axis=1)
                for ask in ("carry", "held")
            )
            for way in ways
        }
        anchors, held = (np.stack([carried[id(w)][i][k] for w, k in zip(ways, t, strict=True)]) for i in (0, 1))
        over = np.stack([way.root[k] for way, k in zip(ways, t, strict=True)])
        return anchors, np.maximum(held, SWING)[..., None], over

    def _folded(self, name: str, p: int, starts: Sequence[Start], t: np.ndarray) -> Term:
        none = np.full((2, self.plan.frames, FOLDED_POINTS), -1)
        pairs = [s.folded.get(name, none) for s in starts]
        inner, outer = (np.stack([pair[i][k] for pair, k in zip(pairs, t, strict=True)]) for i in (0, 1))
        vertices = self.rows[name].vertices
        return Term(f"self skin:{name}", penetration.body_in_skin, SIGMA["skin"], p,
                    frames={"rows": vertices.rows[inner], "other_rows": vertices.rows[outer],
                            "normal_rows": vertices.normal_rows[outer],
                            "gate": (outer >= 0).astype(float)})  # fmt: skip

    def _balance(self, name: str, p: int, rows: PersonRows, over: np.ndarray, t: np.ndarray) -> Term:
        """Over the feet with whatever is carried; off while a seat carries the person, or is about to."""
        gate = np.ones(len(t))
        for edge in self.plan.graph.edges_of(name):
            if self.plan.contacts[edge.name].kind == "support" and edge.first.part in ("hips", "left leg", "right leg"):
                standing = self.reference.people[name].standing[t, 2]
                gate = gate * (1.0 - self._gate(edge, t)) * np.clip(2.0 * standing - 0.6, 0.0, 1.0)
        loads = [n for n, e in self.holds.carriers.items() if e.first.owner == name]
        load = loads[0] if loads else self.names[0]
        mass = self.plan.objects[load].mass if loads else 0.0
        center = self.objects[load].vertices.mean(0)
        return Term(f"balance:{name}", posture.balance, SIGMA["balance"], p, self.names.index(load),
                    constants={"rows": rows.mass_center, "load_center": center,
                               "load_share": np.float64(mass / (mass + BODY_MASS))},
                    frames={"over": over, "gate": gate})  # fmt: skip

    def _gaze(self, name: str, p: int, rows: PersonRows) -> list[Term]:
        words = [w.strip() for w in self.plan.people[name].gaze.split(",") if w.strip()]
        if not words or words[0] not in self.objects:
            return [Term(f"head:{name}", posture.level_head, SIGMA["head"], p, constants={"rows": rows.gaze})]
        target = self.objects[words[0]].vertices.mean(0)
        if len(words) > 1 and words[1] in self.parts[words[0]].parts:
            target = self.parts[words[0]].parts[words[1]].center
        return [Term(f"gaze:{name}->{words[0]}", posture.gaze, SIGMA["gaze"], p, self.names.index(words[0]),
                     constants={"rows": rows.gaze, "target": target})]  # fmt: skip

    def _palms(self, name: str, p: int, rows: PersonRows, t: np.ndarray) -> list[Term]:
        terms, reference = [], self.reference.people[name]
        gate = np.ones(len(t)) if reference.palms_gate is None else reference.palms_gate[t]
        for side, place in reference.palms_on_thighs.items():
            other, normal = rows.thigh_rows(side, place[t])
            frames = {"other_rows": other, "other_normal_rows": normal, "gate": gate[:, None, None]}
            constants = {"rows": rows.palms[side], "offset": np.array([PALM_OFFSET])}
            label = f"palm on thigh:{name}.{side}"
            terms.append(Term(label, contact.together, SIGMA["palm"], p, constants=constants, frames=frames))
        return terms

    # -- terms of one edge ------------------------------------------------------------------------------------------

    def _gate(self, edge: Edge, t: np.ndarray) -> np.ndarray:
        gates = self.reference.people[edge.first.owner].gates if edge.first.owner in self.bodies else {}
        return np.ones(len(t)) if edge.is_continuous else gates.get(edge.name, np.ones(self.plan.frames))[t]

    def _edge_terms(self, edge: Edge, starts: Sequence[Start], t: np.ndarray) -> list[Term]:
        kind = self.plan.contacts[edge.name].kind
        gate = self._gate(edge, t)
        if edge.first.owner not in self.bodies:
            return self._object_edge(edge, gate)
        if edge.second.owner in self.holds.carriers and self.holds.carriers[edge.second.owner] == edge:
            return []
        if edge.name in self.holds.grips:
            return [self._held(edge, gate, starts)]
        p, rows = self.people.index(edge.first.owner), self.rows[edge.first.owner]
        o, grid = self.names.index(edge.second.owner), self.part_grid(edge)
        terms = []
        if kind == "support":
            points = rows.support(edge.first.part)
            sink = SINK[self.plan.contacts[edge.name].upholstery]
            every = np.ones(len(points))
            weight = gate[:, None] * np.stack([s.touching.get(edge.name, every) for s in starts])
            terms.append(Term(f"contact:{edge.name}", contact.surface, SIGMA["support"], p, o, constants={
                "rows": points.rows, "grid": grid, "depth": np.full(len(points), sink)},
                frames={"weight": weight}))  # fmt: skip
        else:
            points, hand = rows.touching(edge.first.part), edge.first.part.endswith("hand")
            pads = points.rows.reshape(-1, PAD_POINTS, points.rows.shape[1]) if hand else points.rows[None]
            terms.append(Term(f"contact:{edge.name}", contact.pads, SIGMA["touch"], p, o, constants={
                "rows": pads, "grid": grid, "reach": self._reach(edge, len(pads))},
                frames={"weight": gate[:, None]}))  # fmt: skip
        if edge.is_rel_static:
            center = points.rows.mean(0, keepdims=True)
            known = np.array([float(edge.name in s.anchors) for s in starts])
            anchor = np.stack([s.anchors.get(edge.name, np.zeros((1, 3))) for s in starts])
            terms.append(Term(f"drift:{edge.name}", contact.anchored, SIGMA["anchor"], p, o, constants={
                "rows": center}, frames={"anchor": anchor, "gate": (known * gate)[:, None, None]}))  # fmt: skip
        return terms

    def _reach(self, edge: Edge, pads: int) -> np.ndarray:
        """(P,) metres from which each pad is drawn: fingers only from near, a palm or any other part from afar."""
        if not edge.first.part.endswith("hand"):
            return np.full(pads, FAR_REACH)
        names = self.rows[edge.first.owner].pad_names
        return np.array([FAR_REACH if "palm" in name else contact.CONTACT_REACH for name in names])

    def _held(self, edge: Edge, gate: np.ndarray, starts: Sequence[Start]) -> Term:
        """A grip on what does not ride on this hand: the wrist is where the grip, found for the hand alone, has it."""
        p, o = self.people.index(edge.first.owner), self.names.index(edge.second.owner)
        wrist = self._open_rows[edge.first.owner].wrists[edge.first.part.split()[0]].rest
        grasps = [s.grasps[edge.name] for s in starts]
        anchor = np.stack([(wrist - g.translation) @ g.rotation for g in grasps])
        rows = self.rows[edge.first.owner].wrists[edge.first.part.split()[0]].rows
        return Term(f"contact:{edge.name}", contact.anchored, SIGMA["held"], p, o, constants={"rows": rows},
                    frames={"anchor": anchor, "gate": gate[:, None, None]})  # fmt: skip

    def _object_edge(self, edge: Edge, gate: np.ndarray) -> list[Term]:
        first, second = edge.first, edge.second
        points = self._part_points(first.owner, first.part, 40)
        o, other = self.names.index(first.owner), self.names.index(second.owner)
        return [Term(f"contact:{edge.name}", contact.rest, SIGMA["rest"], 0, o, other, constants={
            "points": points, "grid": self.part_grid(edge)},
            frames={"gate": gate[:, None]})]  # fmt: skip

    def _part_points(self, owner: str, part: str, count: int) -> np.ndarray:
        scene_object = self.objects[owner]
        centers = scene_object.vertices[scene_object.faces[self.parts[owner].parts[part].faces]].mean(1)
        return np.resize(centers[farthest_points(centers, min(count, len(centers)))], (count, 3))

    # -- terms of one object ----------------------------------------------------------------------------------------

    def _object_terms(self, name: str, starts: Sequence[Start], t: np.ndarray) -> list[Term]:
        o = self.names.index(name)
        terms = [term for person in self.people for term in self._contactless(name, o, person, starts, t)]
        for other in self.names:
            moved = name in self.holds.carriers or name in self.holds.free
            if other != name and moved and other not in self.holds.carriers and other not in self.holds.free:
                points = self.objects[name].samples.points[:300]
                terms.append(Term(f"penetration:{name}->{other}", penetration.object_in_object,
                                  SIGMA["object in object"], 0, o, self.names.index(other),
                                  constants={"points": points, "grid": self.grids[other],
                                             "margin": np.float64(0.0)}))  # fmt: skip
        if name in self.holds.carriers or name in self.holds.free:
            terms += self._tracking(name, o, starts, t)
        return terms

    def _tracking(self, name: str, o: int, starts: Sequence[Start], t: np.ndarray) -> list[Term]:
        reference, state = self.reference.objects[name], self.plan.graph.state(name)
        locked = not state.is_rotational and all(name in s.rotations for s in starts)
        rotation = np.stack([s.rotations[name] for s in starts]) if locked else reference.rotation[t]
        firm = LOCKED if not state.is_rotational else SIGMA["axis"]
        axis = np.asarray(reference.axis, float)
        side = np.linalg.svd(axis[None])[2][1]
        sign = np.ones(len(t))
        if reference.symmetric and name in self.holds.carriers:
            sign = np.array([self._axis_sign(name, s, axis, k) for s, k in zip(starts, t, strict=True)])
        return [
            Term(f"path:{name}", tracking.path, SIGMA["path"], 0, o,
                 constants={"anchor": reference.anchor, "dead_zone": np.float64(reference.dead_zone)},
                 frames={"target": reference.translation[t]}),
            Term(f"axis:{name}", tracking.axis, firm, 0, o, constants={"axis": axis},
                 frames={"target": sign[:, None] * (rotation @ axis)}),
            Term(f"spin:{name}", tracking.axis, firm if locked else reference.spin, 0, o, constants={"axis": side},
                 frames={"target": rotation @ side}),
        ]  # fmt: skip

    def _axis_sign(self, name: str, start: Start, axis: np.ndarray, time: int) -> float:
        """Which way a symmetric axis points for this grip: outward on the thumb's side, as when a palm looks up."""
        edge = self.holds.carriers[name]
        side = edge.first.part.split()[0]
        across = self.rows[edge.first.owner].radial[side]
        thumb = 1.0 if start.grasps[edge.name].rotation @ axis @ across > 0 else -1.0
        left = Rotation.from_euler("z", start.placements[edge.first.owner].heading).apply([0.0, 1.0, 0.0])
        outward = left if side == "left" else -left
        wanted = self.reference.objects[name].rotation[time] @ axis @ outward
        return thumb * (1.0 if wanted >= 0.0 else -1.0)

    def watched(self, person: str, name: str) -> np.ndarray:
        """(V,) which body vertices must not enter the object: all but those of the hands that close around it."""
        return ~np.isin(np.array(self.bodies[person].part_labels), self.holds.hands_on(person, name))

    def allowed_depth(self, person: str, name: str, points: BodyPoints) -> np.ndarray:
        """(N,) metres that body points may sink into the object: little but for what it supports or what touches it."""
        rows = self.rows[person]
        allowed = np.full(len(points), -BODY_MARGIN)
        for edge in self.plan.graph.edges_of(person):
            if edge.second.owner != name or edge.name in self.holds.grips:
                continue
            plan = self.plan.contacts[edge.name]
            if plan.kind == "support":
                allowed[rows.near_support(points, edge.first.part)] = SINK[plan.upholstery] + 0.002
            else:
                allowed[~rows.outside_part(points, edge.first.part)] = 0.001
        return allowed

    def _contactless(self, name: str, o: int, person: str, starts: Sequence[Start], t: np.ndarray) -> list[Term]:
        """Penetration both ways between one person and one object."""
        p, rows, watched = self.people.index(person), self.rows[person], self.watched(person, name)
        skin = rows.skin_where(watched)
        hands = self.holds.hands_on(person, name)
        alike = all(start is starts[0] for start in starts)
        chosen = starts[0].near.get((person, name)) if alike else None
        near = rows.vertex_points(rows.default_near(watched, NEAR_POINTS, hands) if chosen is None else chosen)
        points = concatenate([skin, near])
        mine = np.array([not any(rows.is_of_hand(label, hand) for hand in hands) for label in rows.spheres.parts])
        radii = rows.spheres.radii - SPHERE_SKIN
        for edge in self.plan.graph.edges_of(person):
            if edge.second.owner == name and self.plan.contacts[edge.name].kind == "support":
                labels = np.array(rows.spheres.parts)
                pressed = np.isin(
                    labels, ("hips", "left leg", "right leg") if edge.first.part == "hips" else (edge.first.part,)
                )
                radii = radii - pressed * SINK[self.plan.contacts[edge.name].upholstery]
        corners = starts[0].corners.get((person, name)) if alike else None
        corners = self._default_corners(name) if corners is None else corners
        return [
            Term(f"penetration:{person}->{name}", penetration.body_in_object, SIGMA["body in object"], p, o, constants={
                "rows": points.rows, "grid": self.grids[name], "allowed": self.allowed_depth(person, name, points),
                "weight": np.ones(len(points))}),
            Term(f"penetration:{name}->{person}", penetration.object_in_body, SIGMA["object in body"], p, o, constants={
                "points": self.objects[name].vertices[corners], "rows": rows.spheres.centers.rows[mine],
                "radii": radii[mine]}),
            self._pressed(name, o, person, p, starts, t),
        ]  # fmt: skip

    def _pressed(self, name: str, o: int, person: str, p: int, starts: Sequence[Start], t: np.ndarray) -> Term:
        rows, key = self.rows[person], (person, name)
        if all(key in s.pressed for s in starts):
            points = np.stack([s.pressed[key].points[k] for s, k in zip(starts, t, strict=True)])
            vertices = np.stack([s.pressed[key].vertices[k] for s, k in zip(starts, t, strict=True)])
        else:
            points = np.zeros((len(t), PRESSED_POINTS, 3))
            vertices = np.full((len(t), PRESSED_POINTS), -1)
        allowed = self.allowed_depth(person, name, rows.vertices)
        return Term(f"penetration:{name}->{person} skin", penetration.object_in_skin, SIGMA["body in object"], p, o,
                    frames={"points": points, "rows": rows.vertices.rows[vertices],
                            "normal_rows": rows.vertices.normal_rows[vertices], "allowed": allowed[vertices],
                            "gate": (vertices >= 0).astype(float)})  # fmt: skip

    def _default_corners(self, name: str) -> np.ndarray:
        """Vertices spread over an object, where nothing is known yet."""
        return np.resize(farthest_points(self.objects[name].vertices[::3], CORNERS) * 3, CORNERS)
