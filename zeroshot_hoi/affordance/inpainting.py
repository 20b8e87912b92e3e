"""Contact regions from imagined people (InteractAnything, section 3.3).

The object is drawn from several sides with room for the person that the plan places. A frozen inpainting model paints
that person into each picture; while it denoises, the person is segmented in its prediction and the mask shrinks to
them. A pose model reads the joints; views without a whole person are rejected and counted. Every surface point then
gets a probability from its distance to the body part (equations 4 and 5 in `contact_map`): the map W_M, which weighs
the part that the graph names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zeroshot_hoi.affordance.backprojection import (
    FaceGeometry,
    View,
    cameras_around,
    project,
    smooth_votes,
    take_views,
)
from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.affordance.contact_map import (
    CONSISTENT_VIEWS,
    LEAST_JOINTS,
    ContactView,
    average_views,
    is_whole_person,
    normalize,
    part_lines,
    view_probability,
    visible_points,
)
from zeroshot_hoi.affordance.face_regions import region_of
from zeroshot_hoi.affordance.inpainting_masks import PlacedBody, body_part_mask, dilate, full_body_mask
from zeroshot_hoi.core.scene import ObjectParts, SceneObject
from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.models.base import Detector, Inpainter, KeypointDetector, Keypoints, Segmenter

NO_CONTACT = float(np.exp(-1.0))
"""Where the likeliest point's mean probability is lower, a falloff away or seen near in few views only, the pictures
show no contact at all."""


@dataclass(frozen=True)
class ContactModels:
    """The frozen models that imagine contact."""

    inpainter: Inpainter
    detector: Detector
    segmenter: Segmenter
    keypoints: KeypointDetector


@dataclass(frozen=True)
class ContactSettings:
    """How people are imagined; lengths in the picture are for 512 pixels and scale with `size`."""

    elevations: tuple[float, ...] = (15.0,)
    """Degrees."""
    azimuths: tuple[float, ...] = tuple(45.0 * k for k in range(8))
    """Degrees; their number times the elevations' is the paper's n_p, which it does not publish (ComA uses 8)."""
    size: int = 512
    grow: float = 20.0
    """Pixels by which masks exceed the body; in adaptive masks this falls to 0 (ComA)."""
    rim: float = 12.0
    """Pixels inside the object's outline that may be painted over; less on objects thinner than that."""
    noise: float = 4.0
    """Pixels, standard deviation of the shift of the masks (the noise terms of equations 2 and 3)."""
    falloff: float = 0.03
    """Picture diagonals at which equation 4 falls to 1/e; the paper's unit is not published."""
    adaptive: bool = True
    """Whether masks are made anew while denoising; a model that can't do that must be asked without."""
    part_masks: bool = True
    """Whether each accepted picture is painted once more around the body part (equation 3)."""
    least_views: int = CONSISTENT_VIEWS
    """Views with a whole person that are needed (GenZI)."""
    least_joints: int = LEAST_JOINTS
    prompt: str = "a photo of one whole person, head to feet, {text}"


@dataclass(frozen=True)
class ContactMaps:
    """What the pictures of one object say."""

    maps: Mapping[str, np.ndarray]
    """Body part -> W_M (F,) in [0, 1] on each face."""
    views: int
    rejected: Mapping[str, int]
    """Reason -> views."""
    used: Mapping[str, int]
    """Body part -> views in which it was found."""

    def sentence(self) -> str:
        """`6 of 8 views show a whole person (2 without a person).`"""
        words = ", ".join(f"{count} {reason}" for reason, count in sorted(self.rejected.items()))
        good = self.views - sum(self.rejected.values())
        return f"{good} of {self.views} views show a whole person" + (f" ({words})" if words else "")


def imagine_contacts(
    obj: SceneObject,
    body: PlacedBody,
    body_parts: Sequence[str],
    text: str,
    models: ContactModels,
    settings: ContactSettings | None = None,
    seed: int = 0,
) -> ContactMaps:
    """W_M of each of `body_parts` on `obj`; raises `PartError` where too few pictures show a person or a part."""
    settings = settings or ContactSettings()
    scene = np.concatenate([obj.vertices, body.vertices])
    views = take_views(obj, cameras_around(scene, settings.elevations, settings.azimuths, settings.size))
    rejected: Counter[str] = Counter()
    found: dict[str, list[ContactView]] = {part: [] for part in body_parts}
    for index, view in enumerate(views):
        person = _imagine(view, body, body_parts, text, models, settings, np.random.default_rng([seed, index]))
        if isinstance(person, str):
            rejected[person] += 1
            continue
        for part in body_parts:
            lines = part_lines(person, part)
            if len(lines):
                found[part].append(ContactView(view.camera, lines))
    maps = ContactMaps({}, len(views), dict(rejected), {part: len(seen) for part, seen in found.items()})
    if len(views) - sum(rejected.values()) < settings.least_views:
        raise PartError(
            f"Inpainting shows no person with '{obj.name}' reliably: {maps.sentence()}, at least "
            f"{settings.least_views} are needed. "
            'Use another inpainting checkpoint, more views or another text, or affordance = "geometric".'
        )
    for part, seen in found.items():
        if not seen:
            raise PartError(
                f"No picture shows the {part} of the person with '{obj.name}': {maps.sentence()}, but its keypoints "
                'were found in none. Use a pose model with hands and feet (Sapiens2), or affordance = "geometric".'
            )
    geometry = FaceGeometry.of(obj)
    mesh = ExactMesh(obj.vertices, obj.faces)
    return replace(maps, maps={part: _contact_map(geometry, mesh, seen, settings) for part, seen in found.items()})


def weigh_parts(
    obj: SceneObject, parts: ObjectParts, contacts: Mapping[str, Sequence[str]], maps: ContactMaps
) -> ObjectParts:
    """`parts` with the probability of each touched part (`contacts`: part -> body parts) multiplied by W_M.

    W_M is divided by its largest value on the part, so that the likeliest place of contact keeps its probability and
    the part shrinks to the places that are at least half as likely. The region keeps it as its `weight`, by which the
    optimization draws contact to the likeliest of them (equation 7).
    """
    geometry, regions = FaceGeometry.of(obj), dict(parts.parts)
    for name, body_parts in contacts.items():
        region = regions[name]
        weight = np.max([maps.maps[body] for body in body_parts], axis=0)
        peak = float(weight[region.faces].max(initial=0.0))
        if peak <= 0.0:
            raise PartError(
                f"No picture places the {' or the '.join(body_parts)} near the '{name}' of '{obj.name}' "
                f'({maps.sentence()}). Check the part with affordance = "geometric", or use another text.'
            )
        share = region.confidence * (maps.views - sum(maps.rejected.values())) / maps.views
        count = int(region.instances.max()) + 1
        likely = np.minimum(weight / peak, 1.0)
        regions[name] = region_of(obj, geometry, name, region.probability * likely, share, count, likely)
    note = f"Contact on '{obj.name}' is imagined from pictures: {maps.sentence()}."
    return replace(parts, parts=regions, notes=(*parts.notes, note))


def _imagine(
    view: View,
    body: PlacedBody,
    body_parts: Sequence[str],
    text: str,
    models: ContactModels,
    settings: ContactSettings,
    rng: np.random.Generator,
) -> Keypoints | str:
    """The joints of the person painted into a view, or why it is rejected."""
    scale = settings.size / 512.0
    grow, noise, prompt = settings.grow * scale, settings.noise * scale, settings.prompt.format(text=text)
    mask = full_body_mask(view, body, grow, settings.rim * scale, noise, rng)
    if not mask.any():
        return "without room for a person"

    def refine(predicted: np.ndarray, share: float) -> np.ndarray:
        person = _segment_person(predicted, models)
        return mask & dilate(person, grow * (1.0 - share)) if person is not None else np.zeros_like(mask)

    seed = int(rng.integers(2**31))
    chosen = refine if settings.adaptive else None
    picture = models.inpainter.inpaint(view.image, mask, prompt, seed=seed, refine=chosen)
    person = _read_person(picture, models)
    if person is None:
        return "without a person"
    if not is_whole_person(person, settings.least_joints):
        return f"with fewer than {settings.least_joints} joints"
    for part in body_parts if settings.part_masks else ():
        lines = part_lines(person, part)
        if not len(lines):
            continue
        again = body_part_mask(view.camera, body, part, lines.mean(axis=(0, 1)), grow, noise, rng)
        if not again.any():
            continue
        finer = models.inpainter.inpaint(picture, again, f"{prompt}, detailed {part}", seed=seed + 1)
        better = _read_person(finer, models)
        if better is not None and is_whole_person(better, settings.least_joints) and _surer(better, person, part):
            picture, person = finer, better
    return person


def _person_box(picture: np.ndarray, models: ContactModels) -> np.ndarray | None:
    """(1, 4) the surest box of a person."""
    boxes = models.detector.detect(picture, ["person"])
    return boxes.corners[[int(boxes.scores.argmax())]] if len(boxes) else None


def _segment_person(picture: np.ndarray, models: ContactModels) -> np.ndarray | None:
    box = _person_box(picture, models)
    return None if box is None else models.segmenter.segment(picture, box)[0]


def _read_person(picture: np.ndarray, models: ContactModels) -> Keypoints | None:
    box = _person_box(picture, models)
    return None if box is None else models.keypoints.keypoints(picture, box)[0]


def _surer(one: Keypoints, other: Keypoints, part: str) -> bool:
    """Whether the part's side of the body is seen with no lower scores in `one` than in `other`."""
    side = part.split(" ")[0] if " " in part else ""
    mine = np.array([side in name for name in one.names])
    return bool(len(part_lines(one, part)) and one.scores[mine].sum() >= other.scores[mine].sum())


def _contact_map(
    geometry: FaceGeometry, mesh: ExactMesh, seen: Sequence[ContactView], settings: ContactSettings
) -> np.ndarray:
    """W_M (F,): equation 4 in every view, equation 5 over them, normalized over the surface; zeros where no point of
    the surface comes near the body part."""
    tolerance = 2e-3 * geometry.diagonal
    centers = geometry.centers + 1e-4 * geometry.diagonal * geometry.normals
    visible = np.stack([visible_points(mesh, view.camera, centers, tolerance) for view in seen])
    each = np.stack([view_probability(project(view.camera, centers), view, settings.falloff) for view in seen])
    mean, count = average_views(each, visible)
    known = count > 0
    if mean[known].max(initial=0.0) < NO_CONTACT:
        return np.zeros(len(centers))
    smooth = smooth_votes(geometry, mean[None], count[None].astype(float))[0]
    return normalize(np.where(known | (smooth > 0.0), smooth, mean[known].min(initial=0.0)), known)
