"""What a suite measures of one result, of its pictures, and of all results together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zeroshot_hoi.core.graph import PartAffordanceGraph
from zeroshot_hoi.geometry.exact import ExactMesh
from zeroshot_hoi.metrics.baselines import Interaction, measure_interaction
from zeroshot_hoi.metrics.published import contact, distribution, semantics, smoothness
from zeroshot_hoi.metrics.published.features import Features, kinematic_features
from zeroshot_hoi.render.renderer import render_frame
from zeroshot_hoi.render.surface import body_surface
from zeroshot_hoi.results.result import Result
from zeroshot_hoi.results.views import SceneSurfaces, frame_scene, spread_frames

VIEWS = 4
PICTURE = 336
"""Pixels along a side."""

VIDEO_FRAMES = 16
"""Of the video that X-CLIP is given; it thins them further."""


@dataclass(frozen=True)
class Networks:
    """What a user passes in; a measure whose network is None is not taken."""

    clip: tuple[Features, Features] | None = None
    """Of pictures and of sentences."""
    video: tuple[Features, Features] | None = None
    """Of one video and of sentences."""
    choose: semantics.Chooser | None = None
    """A vision-language model."""


def pairs(result: Result, name: str) -> list[Interaction]:
    """Every person with every object that an edge of the graph joins them to."""
    graph = PartAffordanceGraph.from_json(result.meta["pag"])
    joined = {(e.first.owner, e.second.owner) for e in graph.edges}
    return [
        Interaction(
            f"{name}/{person}|{thing}", thing, float(result.meta["fps"]), one.joints, one.joint_names, one.vertices,
            one.faces, track.vertices, track.faces, track.rotation, track.translation,
        )
        for person, one in result.people.items() for thing, track in result.objects.items()
        if (person, thing) in joined
    ]  # fmt: skip


def measure_result(result: Result, name: str) -> dict[str, float]:
    """Key -> mean over pairs of a person and an object, of every measure that needs no network."""
    found: dict[str, list[float]] = defaultdict(list)
    for one in pairs(result, name):
        for metric in measure_interaction(one):
            found[metric.key].append(metric.value)
        corners = one.box_corners()
        if corners is not None:
            found["jerk per frame:object"].append(smoothness.jerk_per_frame(corners))
    found["hand vertex contact:hands"] = list(_hands(result))
    return {key: float(np.mean(values)) for key, values in found.items() if values}


def _hands(result: Result) -> Sequence[float]:
    graph, shares = PartAffordanceGraph.from_json(result.meta["pag"]), []
    for edge in graph.edges:
        if (
            edge.first.owner in result.people
            and edge.first.part.endswith("hand")
            and edge.second.owner in result.objects
        ):
            person, thing = result.people[edge.first.owner], result.objects[edge.second.owner]
            skin = person.vertices[:, person.part_labels == edge.first.part]
            local = (skin - thing.translation[:, None]) @ thing.rotation
            distance = ExactMesh(thing.vertices, thing.faces).distances(local.reshape(-1, 3))
            shares.append(contact.hand_vertex_contact(distance.reshape(local.shape[:2])))
    return shares


def draw_views(result: Result, folder: Path, seed: int = 0) -> list[np.ndarray]:
    """VIEWS pictures (H, W, 3) around the middle frame: objects as they are, people in random colors; kept as PNG."""
    rng = np.random.default_rng(seed)
    scene = SceneSurfaces.of(result)
    people = []
    for person in result.people.values():
        labels, index = np.unique(person.part_labels, return_inverse=True)
        colors = rng.integers(40, 220, (len(labels), 3)).astype(np.uint8)[index]
        people.append(body_surface(person.vertices[0].astype(float), person.faces, colors))
    surfaces = replace(scene, people=tuple(people)).at(result.frames // 2)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for k in range(VIEWS):
        camera = frame_scene(result, 2.0 * np.pi * k / VIEWS + 0.4, width=PICTURE, height=PICTURE)
        pictures.append(render_frame(surfaces, camera))
        Image.fromarray(pictures[-1]).save(folder / f"view_{k}.png")
    return pictures


def measure_pictures(result: Result, text: str, networks: Networks, folder: Path) -> dict[str, float]:
    """Key -> value of the measures whose networks are there; pictures are drawn all the same, for a later choice."""
    pictures, found = draw_views(result, folder), {}
    if networks.clip is not None:
        found["CLIP score"] = semantics.clip_score(np.stack(pictures), text, *networks.clip)
    if networks.video is not None:
        scene, camera = SceneSurfaces.of(result), frame_scene(result, 0.7, width=PICTURE, height=PICTURE)
        frames = spread_frames(result, VIDEO_FRAMES)
        video = np.stack([render_frame(scene.at(frame), camera) for frame in frames])
        found["X-CLIP score"] = semantics.video_text_score(video, text, *networks.video)
    return found


def measure_all(results: Mapping[str, Result]) -> dict[str, float]:
    """Measures of all results of a suite together."""
    found = {}
    tracks: dict[tuple[int, int], list[np.ndarray]] = defaultdict(list)
    features = []
    for name, result in results.items():
        for one in pairs(result, name):
            corners = one.box_corners()
            if corners is not None and one.joints is not None:
                tracks[corners.shape[:2]].append(corners - one.joints[0, 0])
        features += [kinematic_features(p.joints[:, :22], float(result.meta["fps"])) for p in result.people.values()]
    largest = max(tracks.values(), key=len, default=[])
    if len(largest) > 1:
        found["object diversity"] = distribution.object_diversity(np.stack(largest))
    if len(features) > 1:
        found["Diversity"] = distribution.all_pairs_diversity(np.stack(features))
    return found


def measure_choice(
    texts: Mapping[str, str], ours: Path, rivals: Mapping[str, Path], choose: Callable[..., Any]
) -> dict[str, float]:
    """How often a model chooses ours among methods, by the first view of every prompt that all have drawn."""
    trials = []
    for key, text in texts.items():
        files = {"ours": ours / key / "view_0.png", **{name: folder / f"{key}.png" for name, folder in rivals.items()}}
        if all(path.is_file() for path in files.values()):
            trials.append((text, {name: np.asarray(Image.open(path).convert("RGB")) for name, path in files.items()}))
    if not trials:
        return {}
    questions = {"overall": semantics.OVERALL, "contact": semantics.CONTACT}
    chosen = {name: semantics.model_choice(trials, choose, question) for name, question in questions.items()}
    return {f"model choice, {name}": choice.share["ours"] for name, choice in chosen.items()}
