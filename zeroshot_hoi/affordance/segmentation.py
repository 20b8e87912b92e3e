"""Named parts of any mesh from frozen detectors and segmenters (HOI-PAGE's part grounding).

The mesh is drawn from eight sides; an open-vocabulary detector answers "kettle handle" with boxes, a segmenter turns
each box into a mask, and every pixel of a mask votes for the face behind it. Masks that cover nearly the whole object
say nothing, neither for nor against, and are dropped. Where masks of several parts overlap, a pixel goes to the
smallest, because a part named within another is the more specific one. Votes are smoothed over the surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from zeroshot_hoi.affordance.backprojection import (
    FaceGeometry,
    View,
    cameras_around,
    count_pixels,
    smooth_votes,
    take_views,
)
from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.affordance.face_regions import front_of, region_of
from zeroshot_hoi.core.plan import ObjectPlan, PartDescription
from zeroshot_hoi.core.scene import ObjectParts, PartRegion, SceneObject
from zeroshot_hoi.models.base import Detector, Segmenter


@dataclass(frozen=True)
class SegmentationSettings:
    """How an object is looked at and how votes are counted; the defaults are HOI-PAGE's where it gives them."""

    elevations: tuple[float, ...] = (-15.0, 15.0)
    """Degrees."""
    azimuths: tuple[float, ...] = (45.0, 135.0, 225.0, 315.0)
    """Degrees from the object's x axis."""
    size: int = 512
    """Pixels along a side of the square pictures."""
    whole: float = 0.9
    """A mask with more than this share of the object's pixels is dropped."""
    least_pixels: int = 4
    """A mask with fewer pixels on the object is dropped; one or two are an edge, not a part."""
    neighbors: int = 16
    """Faces that vote together."""
    reach: float = 0.05
    """Of the object's diagonal: how far an answer is carried to faces that no view shows."""
    silence: float = 0.25
    """Weight against a part of a pixel in a view where the detector did not find the part at all. Detectors miss parts
    in single views, so silence is weaker evidence than a mask that leaves the pixel out."""


@dataclass
class _Tally:
    """What became of one part's answers, for the report."""

    views: int = 0
    answered: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)
    silent: int = 0
    tiny: int = 0
    beside: int = 0

    def sentence(self) -> str:
        counts = (
            (self.silent, "without a box from the detector"),
            (len(self.whole), "whose mask covers the whole object"),
            (self.beside, "whose mask misses the object"),
            (self.tiny, "whose mask has too few pixels"),
        )
        words = [f"{count} {what}" for count, what in counts if count]
        return f"{len(self.answered)} of {self.views} views answered" + (f" ({', '.join(words)})" if words else "")


def segment_parts(
    obj: SceneObject,
    plan: ObjectPlan,
    detector: Detector,
    segmenter: Segmenter,
    settings: SegmentationSettings | None = None,
) -> ObjectParts:
    """Every part that `plan` names, as a probability on each face of `obj`.

    Raises `PartError` with a count of what every view answered where a part is not found.
    """
    settings = settings or SegmentationSettings()
    cameras = cameras_around(obj.vertices, settings.elevations, settings.azimuths, settings.size)
    views = take_views(obj, cameras)
    tallies = [_Tally(len(views)) for _ in plan.parts]
    votes = np.zeros((len(plan.parts), len(obj.faces)))
    shown = np.zeros((len(views), len(obj.faces)))
    for index, view in enumerate(views):
        labels = _label_view(index, view, obj.name, plan.parts, detector, segmenter, settings, tallies)
        shown[index] = count_pixels(view, view.silhouette, len(obj.faces))
        for part in range(len(plan.parts)):
            votes[part] += count_pixels(view, labels == part, len(obj.faces))
    for part, tally in zip(plan.parts, tallies):
        if not tally.answered:
            raise PartError(_not_found(obj.name, part.name, tally, settings))
    weight = np.full((len(plan.parts), len(views)), settings.silence)
    for part, tally in enumerate(tallies):
        weight[part, tally.answered], weight[part, tally.whole] = 1.0, 0.0
    seen = weight @ shown
    geometry = FaceGeometry.of(obj)
    smooth = smooth_votes(geometry, votes / np.maximum(seen, 1e-9), seen, settings.neighbors, settings.reach)
    regions = {
        part.name: _region(obj, geometry, part, smooth[k], tallies[k], settings) for k, part in enumerate(plan.parts)
    }
    hidden = float(geometry.areas[shown.sum(axis=0) == 0].sum() / geometry.areas.sum())
    notes = [f"'{part.name}': {tally.sentence()}." for part, tally in zip(plan.parts, tallies)]
    if hidden > 0.01:
        notes.append(f"No view shows {hidden:.0%} of the surface of '{obj.name}'; its parts were carried from nearby.")
    return ObjectParts(obj.name, regions, front_of(obj, plan, regions), tuple(notes))


def _label_view(
    index: int,
    view: View,
    name: str,
    parts: Sequence[PartDescription],
    detector: Detector,
    segmenter: Segmenter,
    settings: SegmentationSettings,
    tallies: list[_Tally],
) -> np.ndarray:
    """(H, W) index of the part that each pixel belongs to, -1 for none."""
    labels = np.full(view.faces.shape, -1)
    object_pixels = int(view.silhouette.sum())
    boxes = detector.detect(view.image, [f"{name} {part.name}" for part in parts])
    masks: list[tuple[int, np.ndarray]] = []
    for k, part in enumerate(parts):
        mine = np.flatnonzero(boxes.phrases == k)
        mine = mine[np.argsort(-boxes.scores[mine], kind="stable")][: part.count]
        if not len(mine):
            tallies[k].silent += 1
            continue
        cut = segmenter.segment(view.image, boxes.corners[mine])
        mask = cut.any(axis=0) & view.silhouette
        pixels = int(mask.sum())
        if pixels == 0:
            tallies[k].beside += 1
        elif pixels < settings.least_pixels:
            tallies[k].tiny += 1
        elif pixels > settings.whole * object_pixels:
            tallies[k].whole.append(index)
        else:
            masks.append((k, mask))
            tallies[k].answered.append(index)
            tallies[k].scores.append(float(boxes.scores[mine].mean()))
    for k, mask in sorted(masks, key=lambda entry: -int(entry[1].sum())):
        labels[mask] = k
    return labels


def _region(
    obj: SceneObject,
    geometry: FaceGeometry,
    part: PartDescription,
    probability: np.ndarray,
    tally: _Tally,
    settings: SegmentationSettings,
) -> PartRegion:
    agreement = float(probability[probability > 0.5].mean()) if (probability > 0.5).any() else 0.0
    try:
        return region_of(obj, geometry, part.name, probability, float(np.mean(tally.scores)) * agreement, part.count)
    except PartError as error:
        raise PartError(f"{error} In the pictures: {tally.sentence()}, {settings.size} pixels wide.") from None


def _not_found(name: str, part: str, tally: _Tally, settings: SegmentationSettings) -> str:
    remedy = "Describe the part in other words"
    if tally.tiny:
        remedy = f"Use larger pictures than {settings.size} pixels"
    elif tally.whole:
        remedy = "Name a smaller part than the object, or use another detector"
    return (
        f"Segmentation did not find '{part}' on '{name}': {tally.sentence()}. {remedy}; a part hidden inside the "
        'object is seen from no side. Or use affordance = "geometric", or missing_parts = "geometric" to continue so.'
    )
