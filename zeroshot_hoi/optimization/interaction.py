"""One interaction as the terms see it: plan, scene, reference, who holds what, and rows of everyone's skin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.graph import Edge
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.reference import InitialScene, ReferenceMotion, Travel
from zeroshot_hoi.core.scene import ObjectParts, SceneObject
from zeroshot_hoi.geometry.grid import bake_part_grid, bake_place_grid
from zeroshot_hoi.geometry.query import GridArrays, pad_grid
from zeroshot_hoi.optimization.hand import flat_hand, hand_frame
from zeroshot_hoi.optimization.holds import Holds
from zeroshot_hoi.optimization.person import PersonRows, person_rows
from zeroshot_hoi.optimization.reaching import follow_through, withdrawal
from zeroshot_hoi.optimization.start import Start

SIGMA = {
    "support": 0.006, "touch": 0.003, "held": 0.001, "rest": 0.0008, "anchor": 0.0005, "body in object": 0.0012,
    "object in body": 0.004, "object in object": 0.001, "body in itself": 0.004, "ground": 0.003, "planted": 0.002,
    "balance": 0.01, "trunk": 0.05, "arms": 0.02, "gaze": 0.25, "head": 0.08, "natural": 0.3, "root": 0.05,
    "path": 0.01, "axis": 0.02, "palm": 0.012, "skin": 0.002, "place": 0.02, "stroke": 0.003, "relaxed": 0.08,
    "front": 0.0012, "facing": 0.15, "bearing": 0.0008,
}  # fmt: skip
"""Standard deviation of each kind of residual in its own unit (metres, square metres, radians, cosine)."""

SINK = {False: 0.004, True: 0.014}
"""Metres that a body sinks into a support: hard, upholstered."""

GIVE = 0.02
"""Metres that upholstery gives way beyond that, or less, under who bounces."""

SPREAD = 0.4
"""Of its way after what it has thrown, how far a hand goes out from it: else it goes along beside it."""


class Interaction:
    """What never changes while problems of one interaction are built, but for the shape of the fingers."""

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
        self.open_rows = {n: person_rows(b) for n, b in bodies.items()}
        """Person -> rows whose fingers rest."""
        self.rows: dict[str, PersonRows] = dict(self.open_rows)
        """Person -> rows whose fingers are as the last start had them."""
        self.grids: dict[str, GridArrays] = {n: pad_grid(o.grid) for n, o in objects.items()}
        self._part_grids: dict[str, GridArrays] = {}
        self._place_grids: dict[str, GridArrays | None] = {}
        self._withdrawals: dict[tuple[str, bytes, bytes], np.ndarray] = {}
        self.holds = Holds(plan, objects, parts, initial, reference)

    def shape_hands(self, start: Start) -> None:
        """Fixes the fingers as `start` has them: free hands as in the posture, gripping hands as in the grip."""
        for name, rows in self.open_rows.items():
            q = start.placements[name].q.copy()
            for fingers, values in self.fingers(name, start):
                q[fingers] = values
            self.rows[name] = rows.shaped(q)

    def fingers(self, name: str, start: Start) -> list[tuple[list[int], np.ndarray]]:
        """Freedoms and values of the fingers of hands that do something: flat where they touch, else as in the grip."""
        found = []
        for edge in self.plan.graph.edges_of(name):
            side = edge.first.part.split()[0]
            fingers = list(self.open_rows[name].fingers.get(side, ()))
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

    def place_grid(self, edge: Edge) -> GridArrays | None:
        """How far points are from where a contact map has the contact; None where no map weighs the edge's part."""
        if edge.name not in self._place_grids:
            region, thing = self.holds.region(edge), self.objects[edge.second.owner]
            self._place_grids[edge.name] = (
                None
                if region.weight is None
                else pad_grid(bake_place_grid(thing, region.faces, region.weight, SIGMA["place"]))
            )
        return self._place_grids[edge.name]

    def gate(self, edge: Edge, t: np.ndarray) -> np.ndarray:
        gates = self.reference.people[edge.first.owner].gates if edge.first.owner in self.bodies else {}
        return np.ones(len(t)) if edge.is_continuous else gates.get(edge.name, np.ones(self.plan.frames))[t]

    def away(self, edge: Edge, t: np.ndarray) -> np.ndarray:
        """(T,) seconds until a hand takes hold or since it let go, 0 while it holds."""
        people = self.reference.people
        away = people[edge.first.owner].away.get(edge.name) if edge.first.owner in people else None
        return np.zeros(len(t)) if away is None else away[t]

    def is_thrown(self, edge: Edge) -> bool:
        """Whether what an edge touches flies for a while."""
        track = self.reference.objects.get(edge.second.owner)
        return track is not None and track.thrown

    def lag(self, edge: Edge, points: np.ndarray, ways: np.ndarray, t: np.ndarray) -> np.ndarray:
        """(T, N, 3) metres from where points of what an edge touches are in frames `t` to where a hand is led, by the
        reference: where they are as the hand takes hold or lets go, and on from there as a hand follows through, which
        spreads the more from what flies off along its `ways (T, 3)` out, in the object's frame."""
        track = self.reference.objects[edge.second.owner]
        away = self.away(edge, np.arange(self.plan.frames))
        holds = np.flatnonzero(away == away.min())
        nearest = holds[np.abs(t[:, None] - holds).argmin(1)]

        def placed(k: np.ndarray) -> np.ndarray:
            return (points - track.anchor) @ np.swapaxes(track.rotation[k], 1, 2) + track.translation[k, None]

        fps = self.plan.fps
        further = follow_through((t - nearest) / fps)[:, None] * fps * np.gradient(track.translation, axis=0)[nearest]
        aside = (
            SPREAD * np.linalg.norm(further, axis=1)[:, None] * np.einsum("tij,tj->ti", track.rotation[nearest], ways)
        )
        return placed(nearest) - placed(t) + (further + aside)[:, None]

    def withdrawal(self, edge: Edge, start: Start) -> np.ndarray:
        """(3,) where the hand of an edge goes when it lets go of its grip in `start`, in the body's rest space.

        What flies off moves on through fingers that are before it: from that a hand goes with its back first.
        """
        grasp = start.grasps[edge.name]
        if self.is_thrown(edge):
            return -hand_frame(self.bodies[edge.first.owner], edge.first.part.split()[0]).normal
        key = (edge.name, grasp.rotation.tobytes(), grasp.translation.tobytes())
        if key not in self._withdrawals:
            body, side = self.bodies[edge.first.owner], edge.first.part.split()[0]
            self._withdrawals[key] = withdrawal(body, side, self.grids[edge.second.owner], grasp)
        return self._withdrawals[key]

    def sink(self, edge: Edge, t: np.ndarray) -> np.ndarray:
        """(T,) metres that a body is in its support: deeper and less deep on upholstery while the script bounces."""
        soft = self.plan.contacts[edge.name].upholstery
        rest = np.full(len(t), SINK[soft])
        person = self.reference.people[edge.first.owner]
        if not soft or person.travel is not None:
            return rest
        rise = person.stance[2] - self.initial.people[edge.first.owner][0].root[2]
        down = -rise * person.standing[t, 2]
        return rest + np.where(np.abs(down) <= GIVE, down, 0.0)  # farther up, one does not sit

    def deepest_sink(self, edge: Edge) -> float:
        """Metres that a body is ever in its support."""
        return float(self.sink(edge, np.arange(self.plan.frames)).max())

    def ways(self, name: str, starts: Sequence[Start]) -> list[Travel]:
        """For every start, the walking person's way from where that start places them."""
        travel = self.reference.people[name].travel
        assert travel is not None
        placed = {id(s.placements[name]): travel.placed(s.placements[name]) for s in starts}
        return [placed[id(s.placements[name])] for s in starts]

    def roots(self, name: str, starts: Sequence[Start], t: np.ndarray) -> np.ndarray:
        """(T, 3) where the reference has the root."""
        reference = self.reference.people[name]
        if reference.travel is not None:
            return np.stack([way.root[k] for way, k in zip(self.ways(name, starts), t, strict=True)])
        placed = np.stack([s.placements[name].root for s in starts])
        turn = Rotation.from_euler("z", [[s.placements[name].heading] for s in starts])
        feet = np.array([np.mean([f[:2] for f in s.placements[name].feet.values()], axis=0) for s in starts])
        over_feet = np.pad(feet, ((0, 0), (0, 1))) + turn.apply(reference.stance)
        share = turn.apply(turn.inv().apply(over_feet - placed) * reference.standing[t])
        return placed + share if reference.shift is None else placed + share + turn.apply(reference.shift[t])
