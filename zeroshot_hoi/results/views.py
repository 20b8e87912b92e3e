"""A result as pictures: its surfaces in any frame, and cameras that find the person, the side and the contact."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from zeroshot_hoi.core.camera import Camera
from zeroshot_hoi.core.errors import ResultError, nearest_name
from zeroshot_hoi.render.cameras import closest_view, frame_points, view_direction
from zeroshot_hoi.render.palette import dress
from zeroshot_hoi.render.renderer import render_frame
from zeroshot_hoi.render.studio import Placement, Studio
from zeroshot_hoi.render.style import Style
from zeroshot_hoi.render.surface import Surface, body_surface
from zeroshot_hoi.results.result import Result

FRAMED_FRAMES = 12
"""Frames spread over the clip that automatic framing looks at."""

WORKERS = min(4, os.cpu_count() or 1)
"""Pictures that are drawn at the same time."""

AHEAD = 2 * WORKERS
"""Pictures that may be drawn before their turn."""

Item = TypeVar("Item")

THREE_QUARTER = np.radians(40.0)
"""Azimuth of the front view, to the side that shows more of the contacts."""


FARTHER_ROUND = (np.radians(90.0), np.radians(140.0))
"""Azimuths that are tried where the front view shows less than SHOWN."""

SHOWN = 0.6
"""Share of people's pixels that things in front of them must leave."""


@dataclass(frozen=True)
class SceneSurfaces:
    """Every surface of a result, ready to be put into any frame."""

    result: Result
    people: tuple[Surface, ...]
    objects: tuple[Surface, ...]

    @classmethod
    def of(cls, result: Result) -> SceneSurfaces:
        people = tuple(
            body_surface(person.vertices[0].astype(float), person.faces, dress(person.part_labels, index, person.faces))
            for index, person in enumerate(result.people.values())
        )
        objects = tuple(
            thing.look.surface(thing.vertices.astype(float), thing.faces) for thing in result.objects.values()
        )
        return cls(result, people, objects)

    def at(self, frame: int) -> list[Surface]:
        """The surfaces in the world in one frame."""
        people = zip(self.people, self.result.people.values(), strict=True)
        objects = zip(self.objects, self.result.objects.values(), strict=True)
        placed = [surface.posed(person.vertices[frame].astype(float)) for surface, person in people]
        return placed + [
            surface.moved(thing.rotation[frame].astype(float), thing.translation[frame].astype(float))
            for surface, thing in objects
        ]

    def placements(self, frame: int) -> list[Placement]:
        """Where the surfaces are in one frame, for a studio."""
        people = [person.vertices[frame] for person in self.result.people.values()]
        return people + [(thing.rotation[frame], thing.translation[frame]) for thing in self.result.objects.values()]

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest corner (3,) of a box around everything in every frame, metres."""
        points = [person.vertices.reshape(-1, 3) for person in self.result.people.values()]
        for thing in self.result.objects.values():
            ends = np.stack([thing.vertices.min(axis=0), thing.vertices.max(axis=0)])
            corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(-1, 3)
            moved = np.einsum("tij,cj->tci", thing.rotation, corners) + thing.translation[:, None]
            points.append(moved.reshape(-1, 3))
        return np.min([p.min(axis=0) for p in points], axis=0), np.max([p.max(axis=0) for p in points], axis=0)

    def studio(self, style: Style | None = None) -> Studio:
        """What draws many frames."""
        return Studio(self.people + self.objects, style, bounds=self.bounds(), coarse=True)


def draw_all(draw: Callable[[Item], np.ndarray], items: Sequence[Item]) -> Iterator[np.ndarray]:
    """`draw` of every item in order, on all cores: Warp's kernels run outside Python's lock. A few pictures ahead of
    the reader wait in memory, not all of them."""
    waiting: deque[Future[np.ndarray]] = deque()
    with ThreadPoolExecutor(WORKERS) as pool:
        for item in items:
            waiting.append(pool.submit(draw, item))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def render_result(result: Result, frame: int, camera: Camera) -> np.ndarray:
    """One picture `(H, W, 3)` uint8 of one frame."""
    return render_frame(SceneSurfaces.of(result).at(frame), camera)


def facing(result: Result) -> float:
    """Azimuth in radians of where the first person's hips face, on average; 0 without people."""
    for person in result.people.values():
        names = person.joint_names
        if "left_hip" in names and "right_hip" in names:
            across = person.joints[:, names.index("left_hip")] - person.joints[:, names.index("right_hip")]
            mean = across.mean(axis=0)
            return float(np.arctan2(-mean[0], mean[1]))
    return 0.0


def scene_points(result: Result) -> np.ndarray:
    """(N, 3) points on everything, over frames spread through the clip."""
    points = []
    for frame in spread_frames(result, FRAMED_FRAMES):
        points += [person.vertices[frame][::7] for person in result.people.values()]
        points += [thing.vertices_at(frame)[::3] for thing in result.objects.values()]
    if not points:
        raise ResultError("The result has neither people nor objects, so there is nothing to show.")
    return np.concatenate(points)


def spread_frames(result: Result, count: int) -> list[int]:
    """At most `count` frames, the first and the last among them."""
    return np.unique(np.linspace(0, result.frames - 1, count).round().astype(int)).tolist()


def frame_scene(
    result: Result, azimuth: float, elevation: float = 0.2, *, width: int = 480, height: int = 720
) -> Camera:
    """A still camera that sees everything in every frame; azimuth is measured from where the person faces,
    counterclockwise, so pi / 2 sees their left side. Radians."""
    return frame_points(scene_points(result), facing(result) + azimuth, elevation, width=width, height=height)


def front_camera(
    result: Result, *, width: int = 480, height: int = 720, surfaces: SceneSurfaces | None = None
) -> Camera:
    """The three-quarter view from the side on which more of the touching body parts can be seen; where things hide
    people from there, as a door does, the view from farther round that hides less."""
    scene, best = surfaces or SceneSurfaces.of(result), (-1.0, None)
    for turn in (THREE_QUARTER, *FARTHER_ROUND):
        cameras = [frame_scene(result, sign * turn, width=width, height=height) for sign in (1.0, -1.0)]
        shown = [_share_of_people(scene, camera) for camera in cameras]
        open_to = [camera for camera, share in zip(cameras, shown, strict=True) if share >= SHOWN]
        if open_to:
            return open_to[_most_visible(scene, open_to, result.frames // 2)]
        best = max(best, *zip(shown, cameras, strict=True), key=lambda one: one[0])
    assert best[1] is not None
    return best[1]


def side_camera(
    result: Result, *, width: int = 480, height: int = 720, surfaces: SceneSurfaces | None = None
) -> Camera:
    """The view from the person's left or right, whichever shows more of the touching body parts."""
    cameras = [frame_scene(result, sign * np.pi / 2, 0.1, width=width, height=height) for sign in (1.0, -1.0)]
    return cameras[_most_visible(surfaces or SceneSurfaces.of(result), cameras, result.frames // 2)]


def close_up(
    result: Result, edge: str, frame: int | None = None, *, width: int = 480, height: int = 480, radius: float = 0.0
) -> Camera:
    """A camera on one contact, `person 1.right hand->iron.handle`, from where most of the body part is visible.

    `radius` in metres is what the picture spans around the part; 0 takes the part's own size.
    """
    if edge not in result.meta["edges"]:
        raise ResultError(f"There is no edge '{edge}'. {nearest_name(edge, result.meta['edges'])}")
    frame = result.frames // 2 if frame is None else frame
    owner, part = edge.split("->")[0].split(".")
    if owner in result.people:
        person = result.people[owner]
        points = person.vertices[frame][person.part_labels == part]
    else:
        thing = result.objects[owner]
        chosen = thing.part_probability[thing.part_names.index(part)] > 0.5
        points = thing.vertices_at(frame)[np.unique(thing.faces[chosen])]
    center = 0.5 * (points.min(axis=0) + points.max(axis=0)).astype(float)
    radius = radius or 1.5 * float(np.linalg.norm(points - center, axis=1).max())
    turns = facing(result) + np.linspace(-np.pi, np.pi, 10, endpoint=False)
    cameras = [
        closest_view(center, view_direction(turn, tilt), radius, width, height)
        for tilt in (0.35, 0.8)
        for turn in turns
    ]
    return cameras[_most_visible(SceneSurfaces.of(result), cameras, frame, [edge])]


def _most_visible(
    scene: SceneSurfaces, cameras: Sequence[Camera], frame: int, edges: Sequence[str] | None = None
) -> int:
    """Index of the camera whose picture shows most of the body parts that touch; the first of equals."""
    result, surfaces = scene.result, scene.at(frame)
    touching, rest = [], []
    for surface, (name, person) in zip(surfaces, result.people.items(), strict=False):
        chosen = np.isin(person.part_labels, _touching_parts(result, name, edges))[surface.faces].all(axis=1)
        touching.append(replace(surface, faces=surface.faces[chosen]))
        rest.append(replace(surface, faces=surface.faces[~chosen]))
    studio = Studio(touching + rest + surfaces[len(result.people) :], device="cpu")
    arrangement = studio.arrange(lit=False)
    seen = [int(studio.visible_pixels(arrangement, _small(c))[: len(touching)].sum()) for c in cameras]
    return int(np.argmax(seen))


def _small(camera: Camera) -> Camera:
    return replace(camera, width=120, height=120 * camera.height // camera.width)


def _share_of_people(scene: SceneSurfaces, camera: Camera) -> float:
    """Share of the pixels of all people that no object hides, over the first, the middle and the last frame; 1 without
    people."""
    seen = alone = 0
    for frame in spread_frames(scene.result, 3):
        surfaces = scene.at(frame)
        people = surfaces[: len(scene.people)]
        if not people:
            return 1.0
        for among in (surfaces, people):
            studio = Studio(among, device="cpu")
            pixels = studio.visible_pixels(studio.arrange(lit=False), _small(camera))[: len(people)].sum()
            seen, alone = (seen + int(pixels), alone) if among is surfaces else (seen, alone + int(pixels))
    return seen / max(alone, 1)


def _touching_parts(result: Result, person: str, edges: Sequence[str] | None) -> list[str]:
    names = result.meta["edges"] if edges is None else edges
    ends = [end.split(".") for edge in names for end in edge.split("->")]
    return [part for owner, part in ends if owner == person]


def portrait(result: Result) -> bool:
    """Whether the scene is taller than wide from the front."""
    points = scene_points(result)
    turn = facing(result) + THREE_QUARTER
    across = points[:, :2] @ np.array([-np.sin(turn), np.cos(turn)])
    return bool(np.ptp(points[:, 2]) > np.ptp(across))
