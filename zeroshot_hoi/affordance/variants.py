"""Which way of finding parts a plan asks for, and the models it needs.

`geometric` needs none. `segmentation` replaces it. `inpainting` comes after geometry and the first placement of people,
whose bodies it needs, and weighs the parts that people touch. A variant that was asked for runs or raises; where frozen
models do not find a part, only `missing_parts = "geometric"` lets the plan go on, and the result says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.affordance.geometric import find_parts
from zeroshot_hoi.affordance.inpainting import (
    ContactMaps,
    ContactModels,
    ContactSettings,
    imagine_contacts,
    weigh_parts,
)
from zeroshot_hoi.affordance.inpainting_masks import PlacedBody
from zeroshot_hoi.affordance.segmentation import SegmentationSettings, segment_parts
from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.kinematics import pose_vertices
from zeroshot_hoi.catalog import require
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.reference import InitialScene, Placement, RigidPose
from zeroshot_hoi.core.scene import ObjectParts, SceneObject
from zeroshot_hoi.core.solution import Progress, ProgressListener, silent
from zeroshot_hoi.models.build import load_model
from zeroshot_hoi.models.files import locate
from zeroshot_hoi.models.settings import ModelSettings
from zeroshot_hoi.models.weights import DEFAULTS

ROLES = {
    "geometric": (),
    "segmentation": ("detector", "segmenter"),
    "inpainting": ("inpainter", "detector", "segmenter", "keypoints"),
}
"""Variant -> the frozen models it needs."""

Loader = Callable[[str, str, ModelSettings], Any]
"""(role, source, settings) -> model; `models.build.load_model`."""


def used_sources(plan: Plan) -> dict[str, str]:
    """Role -> folder or hub id of every frozen model that the plan uses."""
    return {role: getattr(plan.models, role) or DEFAULTS[role] for role in ROLES[plan.affordance]}


def check_models(plan: Plan) -> None:
    """Raise with the remedy, before any work, where packages or weights of the plan's variant are missing."""
    require("affordance", plan.affordance)
    for source in used_sources(plan).values():
        locate(*_split(source))


def ground_parts(
    plan: Plan, objects: Mapping[str, SceneObject], listener: ProgressListener = silent, load: Loader = load_model
) -> dict[str, ObjectParts]:
    """Object name -> its parts, from geometry or from frozen detectors and segmenters; the same for every seed."""
    models = _load(plan, load) if plan.affordance == "segmentation" else {}
    parts = {}
    for index, (name, thing) in enumerate(objects.items()):
        listener(Progress("parts", index, len(objects), note=name))
        parts[name] = _segmented(plan, thing, models) if models else find_parts(thing, plan.objects[name])
    listener(Progress("parts", len(parts), len(parts)))
    return parts


def imagine_parts(
    plan: Plan,
    bodies: Mapping[str, SkinnedBody],
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
    initial: InitialScene,
    listener: ProgressListener = silent,
    load: Loader = load_model,
) -> dict[str, ObjectParts]:
    """`parts` with every part that a person touches weighed by the contact that frozen models imagine."""
    models = ContactModels(**_load(plan, load))
    settings = ContactSettings(
        azimuths=tuple(360.0 / plan.models.views * k for k in range(plan.models.views)),
        size=plan.models.size,
        adaptive=plan.models.adaptive,
    )
    result = dict(parts)
    for index, (name, thing) in enumerate(objects.items()):
        listener(Progress("contacts", index, len(objects), note=name))
        try:
            result[name] = _imagined(plan, thing, parts[name], bodies, initial, models, settings)
        except PartError as error:
            result[name] = replace(parts[name], notes=(*parts[name].notes, _allowed(plan, error)))
    listener(Progress("contacts", len(objects), len(objects)))
    return result


def place_body(body: SkinnedBody, placement: Placement, pose: RigidPose) -> PlacedBody:
    """The person of a placement in the frame of an object that stands at `pose`."""
    xp = numpy_namespace()
    vertices = pose_vertices(xp, body, to_pose(xp, body.freedoms, np.asarray(placement.q, float)), np.zeros(3))
    c, s = np.cos(placement.heading), np.sin(placement.heading)
    world = vertices @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]) + placement.root
    return PlacedBody((world - pose.translation) @ pose.rotation, body.faces, body.part_labels)


def _segmented(plan: Plan, thing: SceneObject, models: Mapping[str, Any]) -> ObjectParts:
    half = plan.models.views // 2
    settings = SegmentationSettings(azimuths=tuple(45.0 + 360.0 / half * k for k in range(half)), size=plan.models.size)
    entry = plan.objects[thing.name]
    try:
        return segment_parts(thing, entry, models["detector"], models["segmenter"], settings)
    except PartError as error:
        note = _allowed(plan, error)
        found = find_parts(thing, entry)
        return replace(found, notes=(*found.notes, note))


def _imagined(
    plan: Plan,
    thing: SceneObject,
    parts: ObjectParts,
    bodies: Mapping[str, SkinnedBody],
    initial: InitialScene,
    models: ContactModels,
    settings: ContactSettings,
) -> ObjectParts:
    """The parts of one object, weighed for every person who touches it."""
    contacts: dict[str, list[str]] = {}
    everyone = ContactMaps({}, 0, {}, {})
    for person in plan.people:
        edges = [e for e in plan.graph.edges_of(person) if e.second.owner == thing.name]
        if not edges:
            continue
        placed = place_body(bodies[person], initial.people[person][0], initial.objects[thing.name])
        touching = tuple(dict.fromkeys(edge.first.part for edge in edges))
        maps = imagine_contacts(thing, placed, touching, plan.text, models, settings, plan.seed)
        everyone = _merge(everyone, maps, person)
        for edge in edges:
            contacts.setdefault(edge.second.part, []).append(f"{edge.first.part} of {person}")
    return weigh_parts(thing, parts, contacts, everyone) if contacts else parts


def _merge(everyone: ContactMaps, maps: ContactMaps, person: str) -> ContactMaps:
    reasons = {*everyone.rejected, *maps.rejected}
    return ContactMaps(
        {**everyone.maps, **{f"{part} of {person}": weight for part, weight in maps.maps.items()}},
        everyone.views + maps.views,
        {reason: everyone.rejected.get(reason, 0) + maps.rejected.get(reason, 0) for reason in reasons},
        {**everyone.used, **{f"{part} of {person}": count for part, count in maps.used.items()}},
    )


def _allowed(plan: Plan, error: PartError) -> str:
    """The note of a plan that goes on without frozen models; raises where it may not."""
    if plan.missing_parts != "geometric":
        raise error
    return f'{error} This object\'s parts come from geometry, as missing_parts = "geometric" allows.'


def _load(plan: Plan, load: Loader) -> dict[str, Any]:
    models = {}
    for role, source in used_sources(plan).items():
        name, revision = _split(source)
        settings = ModelSettings(plan.models.device, plan.models.dtype, revision, offload=plan.models.offload)
        models[role] = load(role, name, settings)
    return models


def _split(source: str) -> tuple[str, str | None]:
    """Folder or hub id, and the revision after an `@`."""
    name, _, revision = source.rpartition("@")
    return (name, revision) if name and not Path(source).expanduser().is_dir() else (source, None)
