"""Where edge attributes meet energies: a plan, its scene and its reference become the terms of a problem.

`is_continuous` decides the gate of a contact over time, `is_rel_static` whether the contact is anchored (a gripped
object rides on the wrist instead), the motion flags how firmly an object keeps its place, the kind of an edge which
energy pulls (grip, touch, support, rest). Nothing after this file knows what a hand or an iron is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.optimization import reaching
from zeroshot_hoi.optimization.clearance_terms import object_clearance
from zeroshot_hoi.optimization.edge_terms import edge_terms
from zeroshot_hoi.optimization.interaction import Interaction
from zeroshot_hoi.optimization.person_terms import person_terms
from zeroshot_hoi.optimization.problem import ObjectUnknowns, PersonUnknowns, Problem
from zeroshot_hoi.optimization.reaching import open_hand
from zeroshot_hoi.optimization.start import Start
from zeroshot_hoi.optimization.tracking_terms import tracking_terms


class Compiler(Interaction):
    """Builds problems for any list of (start, frame) pairs of one interaction."""

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
        terms = [term for name in self.people for term in person_terms(self, name, starts, t)]
        terms += [term for edge in self.plan.graph.edges for term in edge_terms(self, edge, starts, t)]
        for name in self.names:
            terms += object_clearance(self, name, starts, t)
            if self.holds.moves(name):
                terms += tracking_terms(self, name, starts, t)
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
            for fingers, values in self.fingers(name, start):
                q[k, fingers] = values
        self._open_hands(name, starts, t, q)
        if reference.travel is None:
            headings = np.array([s.placements[name].heading for s in starts])
        else:
            headings = np.array([w.heading[k] for w, k in zip(self.ways(name, starts), t, strict=True)])
        turned = Rotation.from_euler("z", headings[:, None]).as_matrix()
        return {f"q{p}": np.clip(q, low, high), f"root{p}": self.roots(name, starts, t), f"heading{p}": turned}

    def _open_hands(self, name: str, starts: Sequence[Start], t: np.ndarray, q: np.ndarray) -> None:
        """Opens the fingers of `q (T, D)` where a hand has let go, or does not hold yet; a flat hand stays flat."""
        for edge in self.holds.grips_of(name):
            away, side = self.away(edge, t), edge.first.part.split()[0]
            if not away.any():
                continue
            fingers, opened = list(self.rows[name].fingers[side]), open_hand(self.bodies[name], side)
            kind = self.plan.contacts[edge.name].kind
            for k in np.flatnonzero(away).tolist():
                relaxed = starts[k].placements[name].q[fingers]
                held = q[k, fingers]
                wide = opened[fingers] if kind == "grip" else held
                q[k, fingers] = reaching.fingers(away[k], held, wide, relaxed)

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
