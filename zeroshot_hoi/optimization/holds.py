"""Who holds what, and where: which edges are grips, what rides on which hand, and whose stretch of a part is whose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.graph import Edge
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.reference import InitialScene, ReferenceMotion
from zeroshot_hoi.core.scene import ObjectParts, PartRegion, SceneObject
from zeroshot_hoi.optimization.person import SIDES
from zeroshot_hoi.optimization.plates import Plate, plate_of
from zeroshot_hoi.optimization.stretches import (
    HAND_SPAN,
    across_hand,
    near_side_of,
    nearest_of,
    rim_of,
    side_of,
    top_of,
)

HANDS_APART = 0.36
"""Metres between two hands on one long handle."""


HANDS_ABOVE_HIPS = 0.14
"""Metres above the root joint at which hands work with bent elbows: where they take what stands upright."""

WIDE_SHAPES = ("plate", "block")
"""Of parts that a hand takes at their rim where they are wider than it."""

HANGING = 0.85
"""Cosine from which on an object hangs below the part that is held."""

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

    def together(self) -> list[list[str]]:
        """Names of grips, those of one person's hands on one thing together."""
        groups: dict[tuple[str, str], list[str]] = {}
        for name, edge in self.grips.items():
            groups.setdefault((edge.first.owner, edge.second.owner), []).append(name)
        return list(groups.values())

    def hands_on(self, person: str, name: str) -> tuple[str, ...]:
        """The person's hands that close around an object: their skin is the grip's matter."""
        return tuple(e.first.part for e in self.grips_of(person) if e.second.owner == name)

    def region(self, edge: Edge) -> PartRegion:
        """What the edge's second side touches of an object's part.

        Left and right body parts take different instances of it (pedals, armrests). Two hands on one instance each have
        a stretch of it, HANDS_APART, or a third of it where that is less: the left one toward the person's left where
        it lies across, the right one lower where it stands, around the height at which hands work. On a plate
        that both touch each has the half on its side.
        """
        region = self.parts[edge.second.owner].parts[edge.second.part]
        side = edge.first.part.split()[0]
        stretch = self._stretch(edge, region)
        if stretch is not None:
            return stretch
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
        elif edge.first.part.endswith("hand") and self.plate(edge) is not None:
            left = self._leftward(edge)
            across = centers @ (left if side == "left" else -left)
            mine = chosen & (across > np.median(across[chosen]))
            center, axis = centers[mine].mean(0), region.axis
        else:
            return region
        return replace(region, probability=region.probability * mine, center=center, axis=axis)

    def plate(self, edge: Edge) -> Plate | None:
        """What a hand touches, as a plate, where it is flat."""
        thing, name = self.objects[edge.second.owner], edge.second
        return plate_of(thing, self.parts[name.owner].parts[name.part])

    def _stretch(self, edge: Edge, region: PartRegion) -> PartRegion | None:
        """The stretch that a hand takes of a part too large for it: a plate's rim, a ball's side, a loop's top."""
        if edge.name not in self.grips:
            return None
        thing = self.objects[edge.second.owner]
        kind = self.plan.contacts[edge.name].kind
        both = sum(e.second == edge.second and e.first.owner == edge.first.owner for e in self.grips.values()) > 1
        alone = len(np.unique(region.instances[(region.probability > 0.5) & (region.instances >= 0)])) < 2
        left, ahead, up = self._leftward(edge), self.ahead(edge), self._turn(edge)[2]
        sign = 1.0 if edge.first.part.startswith("left") else -1.0
        if kind == "touch" and both and alone:
            return side_of(thing, region, sign * left)
        if self.at_rim(edge):
            return rim_of(thing, region, left, ahead, sign, both)
        if kind == "grip" and not both and self.plan.objects[edge.second.owner].rests_on != "hand":
            one = region if alone else nearest_of(thing, region, -ahead)
            near = near_side_of(thing, one, -ahead)
            if near is not None or not alone:
                return near or one
        below = region.center - thing.vertices.mean(0)
        hangs = self.plan.objects[edge.second.owner].rests_on == "hand" and below @ up > HANGING * np.linalg.norm(below)
        if kind == "grip" and self._shape(edge) == "ring" and hangs and not both:
            return top_of(thing, region, up)
        return None

    def at_rim(self, edge: Edge) -> bool:
        """Whether a hand takes the rim of a plate: it may come from all around, and the arm from few sides only."""
        region = self.parts[edge.second.owner].parts[edge.second.part]
        wide = self._shape(edge) in WIDE_SHAPES and across_hand(self.objects[edge.second.owner], region) > HAND_SPAN
        return edge.name in self.grips and self.plan.contacts[edge.name].kind == "grip" and wide

    def placed(self, edge: Edge, share: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Rotation (3, 3) and translation (3,) of an edge's object in the world after that `share` of the hold: 0 when
        the hand takes hold of it, 1 in the last frame in which it holds. Of who walks, as they would have it before
        them where they began."""
        track, pose = self.reference.objects.get(edge.second.owner), self.initial.objects[edge.second.owner]
        k = round((1.0 - share) * self._begin(edge) + share * self._end_frame(edge))
        rotation, translation = pose.rotation, pose.translation
        if track is not None:
            rotation, translation = track.rotation[k], track.translation[k] - track.rotation[k] @ track.anchor
        travel = self.reference.people[edge.first.owner].travel
        if travel is None:
            return rotation, translation
        way = travel.placed(self.initial.people[edge.first.owner][0])
        back = Rotation.from_euler("z", way.heading[0] - way.heading[k])
        begun, gone = way.root[0] * [1.0, 1.0, 0.0], way.root[k] * [1.0, 1.0, 0.0]
        return back.as_matrix() @ rotation, back.apply(translation - gone) + begun

    def _shape(self, edge: Edge) -> str:
        """How the plan describes the part of an edge."""
        parts = self.plan.objects[edge.second.owner].parts
        return next((part.shape for part in parts if part.name == edge.second.part), "")

    def _toward_hands(self, edge: Edge, center: np.ndarray, axis: np.ndarray, middle: float) -> float:
        """Metres along a standing handle from its `middle` to the height at which the person's hands work."""
        name = edge.second.owner
        track, turn = self.reference.objects.get(name), self._turn(edge)
        rise = float(turn[2] @ axis)
        if abs(rise) < UPRIGHT:
            return 0.0
        anchor, place = (np.zeros(3), self.initial.objects[name].translation) if track is None else (
            track.anchor, track.translation[0]
        )  # fmt: skip
        height = float(turn[2] @ (center + (middle - center @ axis) * axis - anchor) + place[2])
        return (float(self.initial.people[edge.first.owner][0].root[2]) + HANDS_ABOVE_HIPS - height) / rise

    def ahead(self, edge: Edge) -> np.ndarray:
        """(3,) where the person of an edge looks when the hand takes hold, in the object's frame."""
        heading = self.initial.people[edge.first.owner][0].heading
        return np.array([np.cos(heading), np.sin(heading), 0.0]) @ self._turn(edge)

    def _leftward(self, edge: Edge) -> np.ndarray:
        """(3,) the person's left in the object's frame, when the hand takes hold."""
        return np.cross(self._turn(edge)[2], self.ahead(edge))

    def _turn(self, edge: Edge) -> np.ndarray:
        """(3, 3) of an edge's object when the hand takes hold of it, object to world."""
        track = self.reference.objects.get(edge.second.owner)
        if track is None:
            return self.initial.objects[edge.second.owner].rotation
        return track.rotation[self._begin(edge)]

    def _begin(self, edge: Edge) -> int:
        """The frame in which a hand takes hold."""
        away = self.reference.people[edge.first.owner].away.get(edge.name)
        return 0 if away is None else int(np.argmin(away))

    def _end_frame(self, edge: Edge) -> int:
        """The last frame in which a hand holds."""
        away = self.reference.people[edge.first.owner].away.get(edge.name)
        return self.plan.frames - 1 if away is None else int(np.flatnonzero(away == away.min())[-1])

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
