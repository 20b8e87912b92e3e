"""Every quality bar of one result file, measured without the library's metrics, distance grids or optimization."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.signal import butter, filtfilt
from scipy.spatial.transform import Rotation

from benchmarks.clips import File, read_file
from benchmarks.overlap import body_and_object, two_objects, two_people, with_itself
from benchmarks.touch import Touch, drift, grip_around, measure_touch, seat_area
from benchmarks.weight import outside

ARMS = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist"))
TRUNK = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")


@dataclass(frozen=True)
class Bar:
    """One number against its bar."""

    name: str
    value: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """NaN never holds."""
        return bool(self.value >= self.limit if self.at_least else self.value <= self.limit)


def measure_bars(path: Path) -> list[Bar]:
    """All bars of a result file."""
    file = read_file(path)
    touches = {name: measure_touch(file, *_ends(name)) for name in file.meta["edges"] if _on_object(file, name)}
    bars = [bar for name in touches for bar in _edge_bars(file, name, touches[name])]
    bars += _overlap_bars(file)
    for person in file.names("people"):
        bars += _person_bars(file, person, touches)
        joints = {str(name) for name in file.person(person, "joint_names")}
        if set(ARMS) <= joints:
            bars.append(Bar(f"elbows {person}", _elbow_over_arm(file, person), 5.0, "cm"))
        if set(ARMS) | set(TRUNK) <= joints:
            bars += _reaching_back(file, person)
        if not any(support and _ends(edge)[0][0] == person for edge, (_, support, _) in file.meta["edges"].items()):
            bars.append(Bar(f"balance {person}", outside(file, person, touches), 2.0, "cm"))
            if set(TRUNK) <= joints:
                bars.append(Bar(f"trunk {person}", _bent_wrongly(file, person), 25.0, "deg"))
                bars.append(Bar(f"stoop {person}", _stoop(file, person), 75.0, "deg"))
    for thing in file.names("objects"):
        bars += _object_bars(file, thing)
    return bars


def _ends(edge: str) -> tuple[tuple[str, str], tuple[str, str]]:
    first, second = edge.split("->")
    return tuple(first.split(".", 1)), tuple(second.split(".", 1))  # type: ignore[return-value]


def _on_object(file: File, edge: str) -> bool:
    return _ends(edge)[1][0] in file.names("objects")


def _edge_bars(file: File, name: str, touch: Touch) -> list[Bar]:
    (owner, part), (thing, _) = _ends(name)
    flags, (kind, _, soft) = file.flags(*name.split("->")), file.meta["edges"][name]
    hand = part.endswith("hand")
    holds = touch.distance.min(axis=1) <= (0.005 if hand else 0.01)
    if kind == "grip" and hand:
        holds &= grip_around(file, touch, owner, thing)
    elif kind == "support" and (part == "hips" or part.endswith("leg")):
        holds = seat_area(file, touch, thing) >= 0.01
    bars = [Bar(f"contact {name}", float(holds.mean()), 0.95, "share", at_least=True)] if flags["is_continuous"] else []
    if flags["is_rel_static"]:
        frames = np.arange(len(holds)) if flags["is_continuous"] else np.flatnonzero(holds)
        value = drift(touch, frames, bool(soft)) if len(frames) else 0.0
        bars.append(Bar(f"drift {name}", value, 5.0, "mm"))
    return bars


def _allowed(file: File, person: str, thing: str) -> tuple[float, float]:
    found = [(10.0, 3.0)]
    for name, (_, support, upholstery) in file.meta["edges"].items():
        if support and (_ends(name)[0][0], _ends(name)[1][0]) == (person, thing):
            found.append((40.0, 20.0) if upholstery else (20.0, 10.0))
    return max(found)


def _overlap_bars(file: File) -> list[Bar]:
    bars, people, things = [], file.names("people"), file.names("objects")
    for person in people:
        bars.append(Bar(f"self {person}", with_itself(file, person).max(), 10.0, "mm"))
        for thing in things:
            depth, (most, mean) = body_and_object(file, person, thing), _allowed(file, person, thing)
            bars.append(Bar(f"deepest {person}|{thing}", depth.max(), most, "mm"))
            bars.append(Bar(f"mean depth {person}|{thing}", depth.mean(), mean, "mm"))
    bars += [Bar(f"deepest {a}|{b}", two_objects(file, a, b).max(), 3.0, "mm") for a, b in combinations(things, 2)]
    bars += [Bar(f"deepest {a}|{b}", two_people(file, a, b).max(), 10.0, "mm") for a, b in combinations(people, 2)]
    return bars


def _bent_wrongly(file: File, person: str) -> float:
    """Degrees: the largest angle of the line from hips to shoulders with the upright half plane in which one bows."""
    names = [str(name) for name in file.person(person, "joint_names")]
    left, right, *shoulders = (file.person(person, "joints")[:, names.index(name)] for name in TRUNK)
    worst = 0.0
    for hips, trunk in zip(left - right, np.mean(shoulders, axis=0) - 0.5 * (left + right), strict=True):
        turn = Rotation.from_euler("z", -np.arctan2(hips[1], hips[0]) + np.pi / 2)  # left becomes y, ahead x
        x, y, z = turn.apply(trunk)
        bow = np.array([max(x, 0.0), 0.0, z])  # nearest direction of the half plane
        cosine = bow @ [x, y, z] / max(float(np.linalg.norm(bow) * np.linalg.norm([x, y, z])), 1e-9)
        worst = max(worst, float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))))
    return worst


def _elbow_over_arm(file: File, person: str) -> float:
    """Centimetres by which an elbow is ever higher than both ends of its arm, of the worse arm."""
    names = [str(name) for name in file.person(person, "joint_names")]
    height = dict(zip(names, 100.0 * np.moveaxis(file.person(person, "joints")[..., 2], 1, 0), strict=True))
    over = [
        np.minimum(
            height[f"{side}_elbow"] - height[f"{side}_shoulder"], height[f"{side}_elbow"] - height[f"{side}_wrist"]
        )
        for side in ("left", "right")
    ]
    return float(np.max(over))


def _reaching_back(file: File, person: str) -> list[Bar]:
    """Centimetres, in the mean, by which a hand at work is farther behind the trunk than below the shoulders."""
    names = [str(name) for name in file.person(person, "joint_names")]
    hips, shoulders, wrists = (
        np.stack([file.person(person, "joints")[:, names.index(f"{side}_{joint}")] for side in ("left", "right")])
        for joint in ("hip", "shoulder", "wrist")
    )
    behind = []
    for edge, (_, support, _) in file.meta["edges"].items():
        (owner, part), _ = _ends(edge)
        if owner == person and part in ("left hand", "right hand") and not support:
            frames = []
            for hip, shoulder, wrist in zip(
                hips.mean(0),
                np.moveaxis(shoulders, 1, 0),
                wrists["left right".split().index(part.split()[0])],
                strict=True,
            ):
                neck = shoulder.mean(0)
                axes, _ = np.linalg.qr(np.stack([hip - neck, shoulder[0] - shoulder[1]], axis=1), mode="complete")
                down, left, ahead = axes.T  # but for their signs
                down = down * np.sign(down @ (hip - neck))
                left = left * np.sign(left @ (shoulder[0] - shoulder[1]))
                ahead = ahead * np.sign(np.linalg.det([ahead, left, -down]))
                frames.append(-(wrist - neck) @ ahead - max(float((wrist - neck) @ down), 0.0))
            behind.append(100.0 * float(np.mean(frames)))
    return [Bar(f"hands behind {person}", max(behind), 10.0, "cm")] if behind else []


def _stoop(file: File, person: str) -> float:
    """Degrees, at most, between the way from hips to shoulders and the vertical."""
    names = [str(name) for name in file.person(person, "joint_names")]
    ends = [[names.index(f"{side}_{joint}") for side in ("left", "right")] for joint in ("hip", "shoulder")]
    hips, shoulders = (file.person(person, "joints")[:, pair].mean(axis=1) for pair in ends)
    way = shoulders - hips
    return float(np.degrees(np.arctan2(np.linalg.norm(way[:, :2], axis=1), way[:, 2])).max())


def _person_bars(file: File, person: str, touches: dict[str, Touch]) -> list[Bar]:
    vertices, joints, fps = file.person(person, "vertices"), file.person(person, "joints"), file.meta["fps"]
    carried = np.zeros(len(vertices), dtype=bool)
    for name, touch in touches.items():
        if file.meta["edges"][name][1] and _ends(name)[0][0] == person:
            carried |= touch.distance.min(axis=1) <= 0.005
    soles = vertices[:, np.char.endswith(file.person(person, "regions"), "sole")]
    carried |= (soles[..., 2] <= 0.005).any(axis=1)
    limits, inner = file.person(person, "joint_limits"), file.person(person, "joint_parents") >= 0
    pose = file.person(person, "pose")
    beyond = np.maximum(pose - limits[..., 1], limits[..., 0] - pose)[:, inner].max()
    speed = 100.0 * fps * np.linalg.norm(np.diff(joints, axis=0), axis=2).mean()
    return [
        Bar(f"below ground {person}", -1000.0 * vertices[..., 2].min(), 5.0, "mm"),
        Bar(f"supported {person}", float(carried.mean()), 1.0, "share", at_least=True),
        Bar(f"foot slides {person}", _slide(soles), 10.0, "mm"),
        Bar(f"joint limits {person}", float(beyond), 1e-3, "rad"),
        Bar(f"joint speed {person}", float(speed), 5.0, "cm/s", at_least=True),
        Bar(f"jitter {person}", _jitter(joints, fps), 2.0, "mm"),
    ]


def _slide(soles: np.ndarray) -> float:
    """mm, the longest way a sole vertex of `soles (T, N, 3)` goes on the ground without lifting."""
    down = np.abs(soles[..., 2]) <= 0.005
    worst = 0.0
    for vertex in range(soles.shape[1]):
        stances = np.split(np.arange(len(soles)), np.flatnonzero(np.diff(down[:, vertex])) + 1)
        for stance in stances:
            if down[stance[0], vertex]:
                way = np.linalg.norm(np.diff(soles[stance, vertex, :2], axis=0), axis=1).sum()
                worst = max(worst, float(way))
    return 1000.0 * worst


def _jitter(points: np.ndarray, fps: float) -> float:
    if fps <= 10.0:
        return 0.0
    numerator, denominator = np.asarray(butter(4, 5.0 / (0.5 * fps), "highpass"))
    fast = filtfilt(numerator, denominator, points, axis=0)
    return 1000.0 * float(np.sqrt((fast**2).sum(axis=2).mean()))


def _object_bars(file: File, thing: str) -> list[Bar]:
    vertices, rotation = file.thing(thing, "vertices"), file.thing(thing, "rotation")
    world = file.world(thing, vertices)
    state = next((s for s in file.meta["pag"]["object states"] if s["name"] == thing), {})
    travels, turns = bool(state.get("is_translational")), bool(state.get("is_rotational"))
    relative = Rotation.from_matrix(np.einsum("sji,tjk->stik", rotation, rotation).reshape(-1, 3, 3))
    turn = float(np.degrees(relative.magnitude()).max())
    # The point that the motion moves least stands for an object that only turns; its middle for any other.
    reach = [np.linalg.norm(path[:, None] - path[None], axis=2).max() for path in np.swapaxes(world[:, ::37], 0, 1)]
    corners = np.stack([vertices.min(axis=0), vertices.max(axis=0)])
    way = file.world(thing, corners.mean(axis=0)[None])[:, 0]
    middle = float(np.linalg.norm(way[:, None] - way[None], axis=2).max())
    travel = 100.0 * (float(min(reach)) if turns and not travels else middle)
    box = file.world(thing, np.stack(np.meshgrid(*corners.T), axis=-1).reshape(-1, 3))
    return [
        Bar(f"below ground {thing}", -1000.0 * world[..., 2].min(), 5.0, "mm"),
        Bar(f"travel {thing}", travel, 10.0 if travels else 1.0, "cm", at_least=travels),
        Bar(f"turn {thing}", turn, 15.0 if turns else 2.0, "deg", at_least=turns),
        Bar(f"jitter {thing}", _jitter(box, file.meta["fps"]), 2.0, "mm"),
    ]
