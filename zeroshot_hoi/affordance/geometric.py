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

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.affordance.regions import find_front, make_region
from zeroshot_hoi.affordance.scoring import Frame, names_part, score_segment
from zeroshot_hoi.affordance.segments import Segment, facing_segments, near_pairs, solid_segments
from zeroshot_hoi.affordance.surface import Surface, measure_surface
from zeroshot_hoi.core.plan import ObjectPlan, PartDescription
from zeroshot_hoi.core.scene import ObjectParts, SceneObject

SIDES = ("front", "back", "left", "right")
LEAST_CONFIDENCE = 0.15
"""Below this nothing on the mesh fits; plain misfits (a handle on a ball) score under .1."""
AMBIGUOUS = 0.92
"""A runner-up elsewhere with this share of the best score is worth a note."""


@dataclass(frozen=True)
class _Choice:
    """Candidates of one part, best first."""

    scores: list[float]
    segments: list[Segment]


class _Search:
    """One object's candidates, each family computed once."""

    def __init__(self, obj: SceneObject, seed: int) -> None:
        self.nodes = obj.nodes
        self.surface: Surface = measure_surface(obj, seed)
        self.tree = KDTree(self.surface.points)
        self._pairs = near_pairs(self.surface)
        self._solid: list[Segment] | None = None
        self._facing: dict[tuple[float, ...], list[Segment]] = {}
        self._choices: dict[tuple[str, tuple[float, ...]], _Choice] = {}

    def candidates(self, part: PartDescription, frame: Frame) -> list[Segment]:
        if part.facing:
            direction = frame.direction(part.facing)
            key = tuple(np.round(direction, 3))
            if key not in self._facing:
                self._facing[key] = facing_segments(self.surface, self.nodes, direction, self._pairs)
            return self._facing[key]
        if self._solid is None:
            self._solid = solid_segments(self.surface, self.nodes)
        return self._solid

    def choose(self, part: PartDescription, frame: Frame) -> _Choice:
        """Every candidate of `part` in order of its score."""
        key = (part.name, tuple(np.round(frame.front, 3)) if _needs_front(part) else ())
        if key not in self._choices:
            segments = self.candidates(part, frame)
            named = any(names_part(node, part) for node in set(self.nodes))
            scores = [score_segment(self.surface, self.tree, s, part, frame, named) for s in segments]
            order = np.argsort(-np.asarray(scores), kind="stable")
            self._choices[key] = _Choice([scores[i] for i in order], [segments[i] for i in order])
        return self._choices[key]


def find_parts(obj: SceneObject, plan: ObjectPlan, seed: int = 0) -> ObjectParts:
    """Every part that `plan` names, as a probability on each face of `obj`; raises `PartError` where nothing fits."""
    search = _Search(obj, seed)
    notes: list[str] = []
    frame = _choose_frame(search, obj, plan, notes)
    choices = _assign(search, plan.parts, frame)
    parts = {}
    for part in plan.parts:
        choice = choices[part.name]
        if not choice.scores or choice.scores[0] < LEAST_CONFIDENCE:
            raise PartError(_no_such_part(obj, part, choice))
        chosen = _instances(search.surface, choice, part, notes)
        parts[part.name] = make_region(obj, search.surface, part, chosen, choice.scores[0], frame)
    front = find_front(obj, plan, parts, frame, notes)
    return ObjectParts(obj.name, parts, front, tuple(notes))


def _needs_front(part: PartDescription) -> bool:
    return part.facing in SIDES or any(word in SIDES for word in part.position)


def axis_vector(axis: str) -> np.ndarray:
    """`x`, `-y`, ... as a unit vector (3,); empty gives zeros."""
    vector = np.zeros(3)
    if axis:
        vector["xyz".index(axis[-1])] = -1.0 if axis.startswith("-") else 1.0
    return vector


def _choose_frame(search: _Search, obj: SceneObject, plan: ObjectPlan, notes: list[str]) -> Frame:
    """The front that was given, none where no word needs it, or the one under which all parts fit best."""
    needing = [part for part in plan.parts if _needs_front(part)]
    if obj.front or not needing:
        return Frame(axis_vector(obj.front))
    turns = np.arange(8) * np.pi / 4
    frames = [Frame(np.round([np.cos(t), np.sin(t), 0.0], 6)) for t in turns]
    fits = np.zeros(len(frames))
    for i, frame in enumerate(frames):
        choices = _assign(search, plan.parts, frame)
        best = [max(choices[part.name].scores[:1] or [0.0]) for part in needing]
        fits[i] = np.exp(np.mean(np.log(np.maximum(best, 1e-4)))) * (1.0 if i % 2 == 0 else 0.97)
    order = np.argsort(-fits)
    rivals = [i for i in order[1:] if frames[i].front @ frames[order[0]].front < 0.5]
    if fits[rivals[0]] > 0.97 * fits[order[0]]:
        notes.append(
            f"The front of '{obj.name}' is doubtful: its parts fit two directions almost equally well. "
            "Give front= (for example front=-x) to decide."
        )
    return frames[order[0]]


def _assign(search: _Search, parts: tuple[PartDescription, ...], frame: Frame) -> dict[str, _Choice]:
    """Candidates of every part; the surest part chooses first and the others leave its samples alone."""
    choices = {part.name: search.choose(part, frame) for part in parts}
    order = sorted(parts, key=lambda part: -max(choices[part.name].scores[:1] or [0.0]))
    taken = np.zeros(len(search.surface.points), bool)
    for part in order:
        choice = choices[part.name]
        free = [i for i, s in enumerate(choice.segments) if taken[s.members].mean() < 0.35]
        if free:
            choice = _Choice([choice.scores[i] for i in free], [choice.segments[i] for i in free])
        choices[part.name] = choice
        for segment in choice.segments[: part.count]:
            taken[segment.members] = True
    return choices


def _instances(surface: Surface, choice: _Choice, part: PartDescription, notes: list[str]) -> list[Segment]:
    """The best candidate and, where several are expected, the next ones that lie elsewhere and are of like size."""
    first = choice.segments[0]
    taken = [first]
    area = surface.areas[first.members].sum()
    covered = np.zeros(len(surface.points), bool)
    covered[first.members] = True
    rival = 0.0
    for score, segment in zip(choice.scores[1:], choice.segments[1:], strict=True):
        if covered[segment.members].mean() > 0.2:
            continue
        rival = rival or score
        share = surface.areas[segment.members].sum() / area
        if len(taken) < part.count and score > 0.6 * choice.scores[0] and 0.4 < share < 2.5:
            taken.append(segment)
            covered[segment.members] = True
        if len(taken) == part.count:
            break
    if len(taken) < part.count:
        notes.append(f"Found {len(taken)} of {part.count} instances of '{part.name}'.")
    elif part.count == 1 and rival > AMBIGUOUS * choice.scores[0]:
        notes.append(f"Another place fits '{part.name}' almost as well ({rival:.2f} against {choice.scores[0]:.2f}).")
    return taken


def _no_such_part(obj: SceneObject, part: PartDescription, choice: _Choice) -> str:
    wanted = ", ".join([part.shape or "any shape", *part.position, *([f"facing {part.facing}"] if part.facing else [])])
    best = (
        f"the best of {len(choice.scores)} candidates scores {choice.scores[0]:.2f}"
        if choice.scores
        else "no candidate"
    )
    return (
        f"Nothing on '{obj.name}' looks like its part '{part.name}' ({wanted}): {best}, at least {LEAST_CONFIDENCE} is "
        "needed. Check the mesh's unit, up axis and front, name a node of the file after the part, or describe the "
        "part otherwise in the recipe."
    )
