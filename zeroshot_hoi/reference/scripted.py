"""The embedded reference: the plan's motion script, played with eased timing in place of a video.

Each object's phrases add up to a path and a turn from where it rests; each person's phrases add up to changes of
posture, on top of the slow sway and breath of a living body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.kinematics import bone_transforms, joint_positions
from zeroshot_hoi.body.postures import posture_shape
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.reference import (
    InitialScene,
    ObjectReference,
    PersonReference,
    Placement,
    ReferenceMotion,
)
from zeroshot_hoi.core.scene import ObjectParts, SceneObject
from zeroshot_hoi.reference.timing import minimum_jerk, phrase_time
from zeroshot_hoi.reference.verbs import OBJECT_VERBS, Parameters, Workspace, complete

COMFORTABLE_REACH = 0.38
"""Metres in front of the pelvis where work is done with a bent elbow."""

LANDING = 0.3
"""Share of an eased way down that is cut off, so that the hips meet the seat with some 25 cm/s."""

BREATHS_PER_SECOND = 0.25
SWAY_PER_SECOND = 0.35


def script_motion(
    plan: Plan,
    bodies: Mapping[str, SkinnedBody],
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
    scene: InitialScene,
) -> ReferenceMotion:
    """The reference motion of every object that moves and of every person."""
    for phrase in plan.script:
        complete(phrase.verb, phrase.parameters, phrase.subject in plan.people)
    moving = [n for n in plan.objects if any(p.subject == n for p in plan.script)]
    held = [n for n in plan.objects if plan.objects[n].rests_on == "hand" and n not in moving]
    tracks = {n: _object_reference(n, plan, bodies, objects, parts, scene) for n in moving + held}
    people = {n: _person_reference(n, plan, body, scene.people[n][0]) for n, body in bodies.items()}
    return ReferenceMotion(tracks, people)


def _worker(name: str, plan: Plan) -> tuple[str, str]:
    """The person and the side of the hand that holds an object; the first person's right hand if nobody does."""
    for edge in plan.graph.edges_of(name):
        if edge.first.owner in plan.people and edge.first.part.endswith("hand"):
            return edge.first.owner, edge.first.part.split()[0]
    return next(iter(plan.people)), "right"


def _workspace(body: SkinnedBody, placement: Placement, side: str, along: np.ndarray | None) -> Workspace:
    xp, turn = numpy_namespace(), Rotation.from_euler("z", placement.heading)
    local = joint_positions(xp, body, bone_transforms(xp, body, to_pose(xp, body.freedoms, placement.q), np.zeros(3)))
    joints = dict(zip(body.joint_names, turn.apply(local) + placement.root, strict=True))
    forward, left = turn.apply([1.0, 0.0, 0.0]), turn.apply([0.0, 1.0, 0.0])
    rest = dict(zip(body.joint_names, body.rest_joints, strict=True))
    forearm = np.linalg.norm(rest[f"{side}_wrist"] - rest[f"{side}_elbow"])
    palm = 0.7 * np.linalg.norm(rest[f"{side}_middle1"] - rest[f"{side}_wrist"])
    track = left if along is None else along
    track = track if track @ left >= 0.0 else -track
    shoulder, elbow = joints[f"{side}_shoulder"], joints[f"{side}_elbow"]
    return Workspace(forward, left, shoulder, elbow, float(forearm + palm), track)


def _object_reference(
    name: str,
    plan: Plan,
    bodies: Mapping[str, SkinnedBody],
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
    scene: InitialScene,
) -> ObjectReference:
    person, side = _worker(name, plan)
    placement, pose = scene.people[person][0], scene.objects[name]
    support = plan.objects[name].rests_on
    on = _support_region(name, support, plan, objects, parts, scene) if support not in ("ground", "hand") else None
    workspace = _workspace(bodies[person], placement, side, on[1] if on else None)
    seconds = plan.frames / plan.fps
    base = pose.translation if on is None else _work_center(on[0], placement, workspace, side, objects[name])
    if support == "hand":
        base = workspace.shoulder + 0.35 * workspace.forward - np.array([0.0, 0.0, 0.25])
    path, turn = np.repeat(base[None], plan.frames, 0), Rotation.from_rotvec(np.zeros((plan.frames, 3)))
    for phrase in (p for p in plan.script if p.subject == name):
        verb = OBJECT_VERBS[phrase.verb]
        given = complete(phrase.verb, phrase.parameters, False)
        duration = (phrase.end - phrase.start) * seconds
        moved, turned = verb.move(workspace, phrase_time(plan.frames, phrase.start, phrase.end), given, duration)
        path = moved if verb.absolute else path + moved
        turn = Rotation.from_rotvec(turned) * turn
    if support == "hand":
        part = _held_part(name, plan, parts)
        across = Rotation.align_vectors([workspace.left], [part.axis])[0]
        rotation = (turn * across).as_matrix()
        return ObjectReference(rotation, path, part.center, part.axis, 0.02, 1.0, symmetric=True)
    heading = Rotation.from_matrix(pose.rotation)
    up = heading.inv().apply([0.0, 0.0, 1.0])
    return ObjectReference((turn * heading).as_matrix(), path, np.zeros(3), up, 0.004 if on else 0.02, 3.0)


def _held_part(name: str, plan: Plan, parts: Mapping[str, ObjectParts]):
    edge = plan.graph.edges_of(name)[0]
    return parts[name].parts[edge.second.part if edge.second.owner == name else edge.first.part]


def _support_region(
    name: str,
    support: str,
    plan: Plan,
    objects: Mapping[str, SceneObject],
    parts: Mapping[str, ObjectParts],
    scene: InitialScene,
) -> tuple[np.ndarray, np.ndarray]:
    """World vertices (N, 3) of the part that an object rests on, and its long horizontal direction."""
    edge = next(e for e in plan.graph.edges if {e.first.owner, e.second.owner} == {name, support})
    part = parts[support].parts[edge.second.part if edge.second.owner == support else edge.first.part]
    pose, below = scene.objects[support], objects[support]
    points = below.vertices[np.unique(below.faces[part.faces])] @ pose.rotation.T + pose.translation
    flat = points[:, :2] - points[:, :2].mean(0)
    direction = np.linalg.svd(flat, full_matrices=False)[2][0]
    return points, np.array([*direction, 0.0])


def _work_center(
    region: np.ndarray, placement: Placement, workspace: Workspace, side: str, moved: SceneObject
) -> np.ndarray:
    """The spot of a surface where the hand works comfortably, as far from its rim as the moved object is wide."""
    toward_hand = workspace.left * (0.10 if side == "left" else -0.10)
    wanted = placement.root + COMFORTABLE_REACH * workspace.forward + toward_hand
    frame = np.stack([workspace.along, np.cross([0.0, 0.0, 1.0], workspace.along)])
    local, target = region @ frame.T, frame @ wanted
    margin = 0.5 * float(np.sort(np.ptp(moved.vertices[:, :2], axis=0))[0]) + 0.01
    low, high = local.min(0) + margin, local.max(0) - margin
    spot = np.where(low < high, np.clip(target, low, np.maximum(low, high)), local.mean(0))
    top = float(np.quantile(region[:, 2], 0.9))
    return np.array([*(spot @ frame)[:2], top])


@dataclass(frozen=True)
class _Script:
    """One person's motion while its phrases are added up."""

    body: SkinnedBody
    q: np.ndarray
    standing: np.ndarray
    gates: dict[str, np.ndarray]
    palms: np.ndarray

    def add(self, angle: np.ndarray, shares: Mapping[str, float]) -> None:
        """Adds `angle (T,)` in radians to several degrees of freedom, in shares; `side` stands for both sides."""
        for key, share in shares.items():
            sides = ("left", "right") if key.startswith("side ") else ("",)
            for name in [key.replace("side", side, 1) if side else key for side in sides]:
                self.q[:, self.body.freedoms.index(name)] += share * angle


def _person_reference(name: str, plan: Plan, body: SkinnedBody, placement: Placement) -> PersonReference:
    frames = plan.frames
    script = _Script(
        body,
        np.zeros((frames, len(body.freedoms.names))),
        np.zeros((frames, 3)),
        {e.name: np.ones(frames) for e in plan.graph.edges_of(name)},
        np.ones(frames),
    )
    _live(script, frames, plan.fps)
    for phrase in (p for p in plan.script if p.subject == name):
        given = complete(phrase.verb, phrase.parameters, True)
        u = phrase_time(frames, phrase.start, phrase.end)
        if phrase.verb in ("lean_back", "lean_forward"):
            _lean(script, phrase.verb, minimum_jerk(u), given, plan, name)
        elif phrase.verb == "sit_down":
            end = round(phrase.end * (frames - 1)) / (frames - 1)  # touch down in a frame, not between two
            u = phrase_time(frames, phrase.start, end)
            recover = phrase_time(frames, phrase.start, end + 0.35 * (end - phrase.start))
            _sit_down(script, u, recover, given, plan, name, placement)
    planted = {side: np.ones(frames) for side in ("left", "right")}
    palms = _resting_palms(name, plan, script.q[:, body.freedoms.index("lumbar flexion")])
    shape = posture_shape(body, "stand")
    ankles = np.mean([shape.joints[f"{side}_ankle"] for side in ("left", "right")], axis=0)
    stance = np.array([-ankles[0], -ankles[1], -shape.lowest])
    return PersonReference(script.q, script.standing, stance, planted, script.gates, palms, script.palms)


def _live(script: _Script, frames: int, fps: float) -> None:
    """Breath lifts the chest and the shoulders, weight sways slowly from foot to foot."""
    seconds = np.arange(frames) / fps
    breath = np.radians(1.0) * np.sin(2.0 * np.pi * BREATHS_PER_SECOND * seconds)
    sway = np.radians(1.2) * np.sin(2.0 * np.pi * SWAY_PER_SECOND * seconds)
    script.add(breath, {"thorax flexion": -1.0, "side collar elevation": 0.7})
    script.add(sway, {"lumbar bending": 1.0})


def _resting_palms(name: str, plan: Plan, lean: np.ndarray) -> dict[str, np.ndarray]:
    """A sitter's free hands lie on the thighs, and slide toward the knees as far as the trunk leans."""
    if plan.people[name].posture != "sit":
        return {}
    busy = {e.first.part for e in plan.graph.edges_of(name)}
    place = np.clip(0.58 + 0.9 * lean, 0.4, 0.85)
    return {side: place for side in ("left", "right") if f"{side} hand" not in busy}


def _lean(script: _Script, verb: str, u: np.ndarray, given: Parameters, plan: Plan, name: str) -> None:
    """Leans the trunk over hips and waist; what the back touches, it touches from the end of leaning back on."""
    angle = np.radians(float(given["angle"])) * u * (-1.0 if verb == "lean_back" else 1.0)
    script.add(angle, {
        "root y-rotation": 0.2, "side hip flexion": 0.2, "lumbar flexion": 0.6, "thorax flexion": 0.2,
        "neck flexion": -0.4, "head flexion": -0.3,
    })  # fmt: skip
    if verb == "lean_back":
        for edge in plan.graph.edges_of(name):
            if edge.first.part in ("torso", "neck") and not edge.is_continuous:
                script.gates[edge.name] = np.clip((u - 0.9) / 0.1, 0.0, 1.0)


def _sit_down(
    script: _Script,
    u: np.ndarray,
    recover: np.ndarray,
    given: Parameters,
    plan: Plan,
    name: str,
    placement: Placement,
) -> None:
    """From standing over the feet to the seated placement: the trunk leans forward on the way, the seat takes over.

    Hips travel back and down while the trunk tips forward by up to `lean` degrees, so that the center of mass stays
    over the feet until the seat carries it (Schenkman et al. 1990, Phys. Ther. 70, the phases of rising, reversed).
    They arrive with LANDING of the movement still to come, as one lets oneself down, and the trunk rises after that.
    """
    down = minimum_jerk(u * (1.0 - LANDING)) / minimum_jerk(np.array(1.0 - LANDING))
    back = minimum_jerk(np.clip(u / 0.85, 0.0, 1.0))
    script.q[:] += (1.0 - down)[:, None] * (posture_shape(script.body, "stand").q - placement.q)
    script.standing[:] = 1.0 - np.stack([back, back, down], axis=1)
    lean = np.radians(float(given["lean"]))
    script.add(lean * np.sin(np.pi * minimum_jerk(u) ** 0.8), {"root y-rotation": 0.65, "side hip flexion": 0.65})
    script.add(lean * np.sin(np.pi * minimum_jerk(recover) ** 0.8), {
        "lumbar flexion": 0.3, "thorax flexion": 0.05, "neck flexion": -0.45, "head flexion": -0.2,
        "side shoulder flexion": 0.5,
    })  # fmt: skip
    script.palms[:] *= np.clip((minimum_jerk(recover) - 0.4) / 0.4, 0.0, 1.0)
    for edge in plan.graph.edges_of(name):
        if edge.first.part in ("hips", "left leg", "right leg") and not edge.is_continuous:
            script.gates[edge.name] *= (u > 1.0 - 1e-6).astype(float)
