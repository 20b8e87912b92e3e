"""Named parts of any mesh from geometry and words alone.

1. Measure the surface (`surface.py`): thickness, medial axis, local shape, what is buried or in sight.
2. Propose candidates (`segments.py`): the file's own pieces, pieces of one shape, straight runs, patches that
   face one way.
3. Score each against the recipe's description (`scoring.py`) and take the best.
4. Where a description needs the object's front and nobody gave it, try eight fronts and keep the one under which all
   parts fit best: a backrest faces the front and stands at the back under one of them only.
5. Spread the chosen samples to the mesh's faces as a smooth probability (`regions.py`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.affordance.assignment import Option, assign, make_options, without_overlap
from zeroshot_hoi.affordance.base import AbsentPartError
from zeroshot_hoi.affordance.correction import corrected_faces
from zeroshot_hoi.affordance.fitness import Measured, Rulers, fit
from zeroshot_hoi.affordance.groups import list_components
from zeroshot_hoi.affordance.presence import NEEDS, presence
from zeroshot_hoi.affordance.proposals import all_segments
from zeroshot_hoi.affordance.regions import Faces, find_front, given_region, make_region
from zeroshot_hoi.affordance.scoring import Frame, names_part, score_segment
from zeroshot_hoi.affordance.segments import Segment, facing_segments, near_pairs, solid_segments
from zeroshot_hoi.affordance.surface import Surface, measure_surface
from zeroshot_hoi.affordance.vocabulary import Wanted, complete
from zeroshot_hoi.core.plan import ObjectPlan, PartDescription
from zeroshot_hoi.core.scene import ObjectParts, SceneObject

SIDES = ("front", "back", "left", "right")
LEAST_CONFIDENCE = 0.15
"""Below this nothing on the mesh fits; plain misfits (a handle on a ball) score under .1."""
RANKS = 0.3
"""What a place keeps of its fit that lacks everything its word asks for, where the plan described the part itself."""
STRAIGHT = 0.58
"""Where no straight bar scores as much, what a plan calls a bar is what its name means (a flat or curved handle)."""
AMBIGUOUS = 0.92
"""A runner-up elsewhere with this share of the best score is worth a note."""


class PartSearch:
    """One object's candidates, each family computed once; it serves several questions about the object."""

    def __init__(self, obj: SceneObject, seed: int) -> None:
        self.obj = obj
        self.nodes = obj.nodes
        self.surface: Surface = measure_surface(obj, seed)
        self.tree = KDTree(self.surface.points)
        self.rulers = Rulers(self.surface, self.tree, obj.nodes)
        self._pairs = near_pairs(self.surface)
        self._solid: list[Measured] | None = None
        self._bars: list[Measured] | None = None
        self._facing: dict[tuple[float, ...], list[Measured]] = {}
        self._options: dict[tuple[PartDescription, tuple[float, ...]], list[Option]] = {}
        self._present: dict[tuple[str | bytes, ...], float] = {}

    def solid(self) -> list[Measured]:
        if self._solid is None:
            self._solid = [self.rulers.measure(s) for s in all_segments(self.surface, self.nodes, self._pairs)]
        return self._solid

    def bars(self) -> list[Measured]:
        """Candidates for a part that the plan itself calls a bar: what a hand closes around in one straight grip."""
        if self._bars is None:
            found = list_components(self.surface, self._pairs)
            segments = solid_segments(self.surface, self.nodes, found.members)
            self._bars = [self.rulers.measure(s) for s in segments]
        return self._bars

    def facing(self, direction: np.ndarray) -> list[Measured]:
        key = tuple(np.round(direction, 3))
        if key not in self._facing:
            patches = facing_segments(self.surface, self.nodes, direction, self._pairs)
            self._facing[key] = [self.rulers.measure(s) for s in patches]
        return self._facing[key]

    def fixed(self, faces: np.ndarray) -> Option:
        """The user's own answer, `faces (F,) bool`, which other parts then leave alone."""
        members = faces[self.surface.faces]
        segment = Segment(np.flatnonzero(members), "user")
        return Option(1.0, (segment,), members, float(self.surface.areas[members].sum()))

    def options(self, wanted: Wanted, frame: Frame) -> list[Option]:
        """Ways to place a part, best first."""
        part, described = wanted.part, wanted.explicit
        key = (part, tuple(np.round(frame.front, 3)) if _needs_front(part) else ())
        if key not in self._options:
            if part.facing:
                found = self.facing(frame.direction(part.facing))
                scores = self._described(found, part, frame)
            elif wanted.explicit and part.shape == "bar":
                found = self.bars()
                scores = self._described(found, part, frame)
                if max(scores, default=0.0) < STRAIGHT:
                    wanted = complete(replace(part, shape=""))
            if not part.facing and not (wanted.explicit and part.shape == "bar"):
                found = self.solid()
                scores = [fit(self.rulers, m, wanted, frame) for m in found]
            self._options[key] = make_options(
                np.asarray(scores), found, part.count, self.surface.areas,
                None if part.facing else self.rulers.named(wanted), whole=wanted.shape != "bar",
                present=lambda places: self.presence(places, wanted.prior.need, RANKS if described else 0.0),
            )  # fmt: skip
        return self._options[key]

    def presence(self, places: tuple[Segment, ...], need: str, least: float) -> float:
        """How much a part in these places has what its kind cannot do without, `least` or more."""
        key = need, *(segment.members.tobytes() for segment in places)
        if key not in self._present:
            self._present[key] = presence(self.rulers, places, need)
        return max(self._present[key], least)

    def _described(self, found: list[Measured], part: PartDescription, frame: Frame) -> list[float]:
        named = any(names_part(node, part) for node in set(self.nodes))
        return [score_segment(self.surface, self.tree, m.segment, part, frame, named) for m in found]


def find_parts(
    obj: SceneObject, plan: ObjectPlan, seed: int = 0, *, absent_is_note: bool = False, search: PartSearch | None = None
) -> ObjectParts:
    """Every part that `plan` names, as a probability on each face of `obj`.

    Where a part is not there: `AbsentPartError` with what was found; with `absent_is_note` the parts that are there,
    and a note on every other one, as long as there is one.
    """
    search = search or PartSearch(obj, seed)
    notes: list[str] = []
    wanted = {part.name: complete(part) for part in plan.parts}
    frame = _choose_frame(search, obj, list(wanted.values()), notes)
    given = {part.name: faces for part in plan.parts if (faces := corrected_faces(obj, part)) is not None}
    options = {
        name: [search.fixed(given[name])] if name in given else search.options(entry, frame)
        for name, entry in wanted.items()
    }
    placed = assign(options, wanted, search.surface.areas, search.rulers.near)
    chosen = {name: option for name, option in placed.items() if option and option.score >= least_fit(wanted[name])}
    if len(chosen) < len(wanted):
        error = _absent(obj, wanted, options, placed, chosen)
        if not (absent_is_note and chosen):
            raise error
        notes.append(str(error))
        wanted = {name: entry for name, entry in wanted.items() if name in chosen}
    cleared = without_overlap(chosen, wanted)
    parts = {}
    faces = Faces(obj, search.surface)
    for name, entry in wanted.items():
        if name in given:
            parts[name] = given_region(obj, faces, entry.part, given[name], frame)
            continue
        segments = list(cleared.get(name, chosen[name].segments))
        _note(entry.part, options[name], chosen[name], notes)
        parts[name] = make_region(obj, search.surface, faces, entry.part, segments, chosen[name].score, frame)
    completed = replace(plan, parts=tuple(entry.part for entry in wanted.values()))
    front = find_front(obj, completed, parts, frame, notes)
    return ObjectParts(obj.name, parts, front, tuple(notes))


def least_fit(wanted: Wanted) -> float:
    """The fit from which a part counts as being there: higher where only its word describes it, and says what such a
    part cannot do without."""
    return NEEDS[wanted.prior.need].least if wanted.prior.need and not wanted.explicit else LEAST_CONFIDENCE


def _needs_front(part: PartDescription) -> bool:
    return part.facing in SIDES or any(word in SIDES for word in part.position)


def axis_vector(axis: str) -> np.ndarray:
    """`x`, `-y`, ... as a unit vector (3,); empty gives zeros."""
    vector = np.zeros(3)
    if axis:
        vector["xyz".index(axis[-1])] = -1.0 if axis.startswith("-") else 1.0
    return vector


def _choose_frame(search: PartSearch, obj: SceneObject, wanted: list[Wanted], notes: list[str]) -> Frame:
    """The front that was given, none where no word needs it, or the one under which all parts fit best."""
    needing = [entry for entry in wanted if _needs_front(entry.part)]
    if obj.front or not needing:
        return Frame(axis_vector(obj.front))
    turns = np.arange(8) * np.pi / 4
    frames = [Frame(np.round([np.cos(t), np.sin(t), 0.0], 6)) for t in turns]
    fits = np.zeros(len(frames))
    for i, frame in enumerate(frames):
        options = {entry.part.name: search.options(entry, frame) for entry in wanted}
        placed = assign(options, {entry.part.name: entry for entry in wanted}, search.surface.areas, search.rulers.near)
        best = [option.score if (option := placed[entry.part.name]) else 0.0 for entry in needing]
        fits[i] = np.exp(np.mean(np.log(np.maximum(best, 1e-4)))) * (1.0 if i % 2 == 0 else 0.97)
    order = np.argsort(-fits)
    rivals = [i for i in order[1:] if frames[i].front @ frames[order[0]].front < 0.5]
    if fits[rivals[0]] > 0.97 * fits[order[0]]:
        notes.append(
            f"The front of '{obj.name}' is doubtful: its parts fit two directions almost equally well. "
            "Give front= (for example front=-x) to decide."
        )
    return frames[order[0]]


def _note(part: PartDescription, options: list[Option], chosen: Option, notes: list[str]) -> None:
    """Say where instances are missing or another place fits almost as well."""
    if len(chosen.segments) < part.count:
        notes.append(f"Found {len(chosen.segments)} of {part.count} instances of '{part.name}'.")
    rivals = [option.score for option in options if not (option.members & chosen.members).any()]
    if part.count == 1 and rivals and rivals[0] > AMBIGUOUS * chosen.score:
        notes.append(f"Another place fits '{part.name}' almost as well ({rivals[0]:.2f} against {chosen.score:.2f}).")


def _absent(
    obj: SceneObject, wanted: dict[str, Wanted], options: dict[str, list[Option]], placed: dict[str, Option | None],
    chosen: dict[str, Option],
) -> AbsentPartError:  # fmt: skip
    """What to say of the parts that are in `wanted` but not `chosen`."""
    absent, told = {}, []
    for name in (name for name in wanted if name not in chosen):
        part, need = wanted[name].part, wanted[name].prior.need
        free = [o.score for o in options[name] if not any((o.members & c.members).any() for c in chosen.values())]
        taken = placed[name]
        absent[name] = max(free, default=taken.score if taken else 0.0)
        words = [part.shape or "any shape", *part.position, *([f"facing {part.facing}"] if part.facing else [])]
        kind = f"; it {NEEDS[need].words}" if need else ""
        told.append(
            f"its part '{name}' ({', '.join(words)}{kind}): the best of {len(options[name])} candidates fits "
            f"{absent[name]:.2f}, at least {least_fit(wanted[name])} is needed"
        )
    found = {name: option.score for name, option in chosen.items()}
    here = ", ".join(f"{name} ({score:.2f})" for name, score in found.items())
    return AbsentPartError(
        f"Nothing on '{obj.name}' looks like {'; or like '.join(told)}. "
        f"Found: {here or 'none of its parts'}. If it is there, check the mesh's unit, up axis and front, name a node "
        "of the file after the part, describe it otherwise, or give it by hand (box, vertices, painted mesh).",
        absent, found,
    )  # fmt: skip
