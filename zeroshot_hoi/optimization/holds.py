"""Who holds what, and where: which edges are grips, what rides on which hand, and whose stretch of a part is whose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from zeroshot_hoi.core.graph import Edge
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.reference import InitialScene, ReferenceMotion
from zeroshot_hoi.core.scene import ObjectParts, PartRegion, SceneObject
from zeroshot_hoi.optimization.person import SIDES

HANDS_APART = 0.36
"""Metres between two hands on one long handle."""


HANDS_ABOVE_HIPS = 0.12
"""Metres above the root joint at which hands work with bent elbows: where they take what stands upright."""

UPRIGHT = 0.5
"""Vertical share of a handle's direction from which on its height matters."""


class Holds:
    """The hands of one interaction and what they keep their place on."""

    def __init__(
        self,
        plan: Plan,
        objects: Mapping[str, SceneObject],
        parts: Mapping[str, ObjectParts],
        initial: InitialScene,
        reference: ReferenceMotion,
    ) -> None:
        self.plan, self.objects, self.parts = plan, objects, parts
        self.initial, self.reference = initial, reference
        self.grips = self._find_grips()
        self.carriers = self._find_carriers()
        self.free = self._find_free()

    def moves(self, name: str) -> bool:
        """Whether an object goes where somebody takes it."""
        return name in self.carriers or name in self.free

    def _find_grips(self) -> dict[str, Edge]:
        """Edge name -> every edge whose hand keeps its place: around a part, or flat on what moves with it."""
        return {e.name: e for e in self.plan.graph.edges if e.first.owner in self.plan.people and self._is_grip(e)}

    def _is_grip(self, edge: Edge) -> bool:
        kind, track = self.plan.contacts[edge.name].kind, self.reference.objects.get(edge.second.owner)
        carried = track is not None and not track.guided and edge.is_rel_static
        return kind == "grip" or (kind == "touch" and edge.first.part.endswith("hand") and carried)

    def grips_of(self, person: str) -> list[Edge]:
        return [edge for edge in self.grips.values() if edge.first.owner == person]

    def hands_on(self, person: str, name: str) -> tuple[str, ...]:
        """The person's hands that close around an object: their skin is the grip's matter."""
        return tuple(e.first.part for e in self.grips_of(person) if e.second.owner == name)

    def region(self, edge: Edge) -> PartRegion:
        """What the edge's second side touches of an object's part.

        Left and right body parts take different instances of it (pedals, armrests). Two hands on one instance each have
        a stretch of it, HANDS_APART, or a third of it where that is less: the left one toward the person's left where
        it lies across, the right one lower where it stands, around the height at which hands work.
        """
        region = self.parts[edge.second.owner].parts[edge.second.part]
        side = edge.first.part.split()[0]
        sharing = [e for e in self.plan.graph.edges if e.second == edge.second and e.first.owner == edge.first.owner]
        if side not in SIDES or len(sharing) < 2:
            return region
        thing = self.objects[edge.second.owner]
        centers = thing.vertices[thing.faces].mean(1)
        chosen = region.probability > 0.5
        known = np.unique(region.instances[chosen & (region.instances >= 0)])
        if len(known) > 1:
            middles = np.stack([centers[chosen & (region.instances == k)].mean(0) for k in known])
            order = np.argsort(middles @ self._leftward(edge))
            mine = chosen & (region.instances == known[order[-1 if side == "left" else 0]])
            center, axis = (
                centers[mine].mean(0),
                np.linalg.svd(centers[mine] - centers[mine].mean(0), full_matrices=False)[2][0],
            )
        elif edge.name in self.grips:
            along, axis = centers @ region.axis, region.axis
            low, high = float(along[chosen].min()), float(along[chosen].max())
            apart = min(HANDS_APART, (high - low) / 3.0)
            middle = 0.5 * (low + high)
            room = max(0.5 * (high - low) - apart, 0.0)
            middle += float(np.clip(self._toward_hands(edge, region.center, axis, middle), -room, room))
            spot = middle + 0.5 * apart * self._end(edge, axis)
            mine = chosen & (np.abs(along - spot) < max(0.5 * apart, 0.05))
            center = region.center + (spot - region.center @ axis) * axis
        else:
            return region
        return replace(region, probability=region.probability * mine, center=center, axis=axis)

    def _toward_hands(self, edge: Edge, center: np.ndarray, axis: np.ndarray, middle: float) -> float:
        """Metres along a standing handle from its `middle` to the height at which the person's hands work."""
        name = edge.second.owner
        track, turn = self.reference.objects.get(name), self._turn(name)
        rise = float(turn[2] @ axis)
        if abs(rise) < UPRIGHT:
            return 0.0
        anchor, place = (np.zeros(3), self.initial.objects[name].translation) if track is None else (
            track.anchor, track.translation[0]
        )  # fmt: skip
        height = float(turn[2] @ (center + (middle - center @ axis) * axis - anchor) + place[2])
        return (float(self.initial.people[edge.first.owner][0].root[2]) + HANDS_ABOVE_HIPS - height) / rise

    def ahead(self, edge: Edge) -> np.ndarray:
        """(3,) where the person of an edge looks at the start, in the object's frame."""
        heading = self.initial.people[edge.first.owner][0].heading
        return np.array([np.cos(heading), np.sin(heading), 0.0]) @ self._turn(edge.second.owner)

    def _leftward(self, edge: Edge) -> np.ndarray:
        """(3,) the person's left in the object's frame, at the start."""
        return np.cross(self._turn(edge.second.owner)[2], self.ahead(edge))

    def _turn(self, name: str) -> np.ndarray:
        """(3, 3) of an object at the start, object to world."""
        track = self.reference.objects.get(name)
        return self.initial.objects[name].rotation if track is None else track.rotation[0]

    def _end(self, edge: Edge, axis: np.ndarray) -> float:
        """Which way along a shared part's axis a hand goes, 1 or -1."""
        across = float(axis @ self._leftward(edge))
        toward = across if abs(across) > 0.3 else float(axis[2])
        return (1.0 if edge.first.part.startswith("left") else -1.0) * (1.0 if toward >= 0.0 else -1.0)

    def _find_carriers(self) -> dict[str, Edge]:
        """Object -> the edge whose hand carries it all the time: it rides on that wrist."""
        carriers: dict[str, Edge] = {}
        for edge in self.grips.values():
            held = self.reference.objects.get(edge.second.owner)
            if edge.is_rel_static and edge.is_continuous and held is not None and not held.guided:
                carriers.setdefault(edge.second.owner, edge)
        return carriers

    def _find_free(self) -> tuple[str, ...]:
        """Objects that people move with no hand that holds them all the time: between palms, thrown, handed over."""
        touched = {e.second.owner for e in self.plan.graph.edges if e.first.owner in self.plan.people}
        moving = self.reference.objects.items()
        return tuple(n for n, track in moving if n in touched and n not in self.carriers and not track.guided)
