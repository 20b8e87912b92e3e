"""How a person's phrases add up: changes of posture and a way over the floor, on top of sway and breath."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from zeroshot_hoi.body.postures import posture_shape
from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.errors import RecipeError
from zeroshot_hoi.core.plan import Plan
from zeroshot_hoi.core.reference import PersonReference, Placement, Travel
from zeroshot_hoi.core.variation import Variation
from zeroshot_hoi.reference.feet import flat_track, foot_shape
from zeroshot_hoi.reference.hands import brought_to_face, hand_strokes, hold_times
from zeroshot_hoi.reference.legs import solve_legs
from zeroshot_hoi.reference.phrases import scripted_walk
from zeroshot_hoi.reference.timing import minimum_jerk, phrase_time
from zeroshot_hoi.reference.verbs import Parameters, complete, number

LANDING = 0.3
"""Share of an eased way down that is cut off, so that the hips meet the seat with some 25 cm/s."""

BREATHS_PER_SECOND = 0.25
SWAY_PER_SECOND = 0.35

WEIGHT_SHIFT = np.array([0.004, 0.012, 0.0])
"""Metres, amplitudes ahead and aside: hips of people who stand and do something wander by some centimeters (Duarte &
Zatsiorsky 1999, Motor Control 3: shifts of the center of pressure in natural standing)."""

ARM_SWAY = np.radians(3.0)
"""Amplitude at the shoulder of an arm that hangs."""


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


def person_reference(name: str, plan: Plan, body: SkinnedBody, placement: Placement) -> PersonReference:
    """The reference of one person, begun at a placement."""
    frames = plan.frames
    script = _Script(
        body,
        np.zeros((frames, len(body.freedoms.names))),
        np.zeros((frames, 3)),
        {e.name: np.ones(frames) for e in plan.graph.edges_of(name)},
        np.ones(frames),
    )
    _live(script, frames, plan.fps, Variation(plan.seed), name)
    for phrase in (p for p in plan.script if p.subject == name):
        given = complete(phrase.verb, phrase.parameters, True)
        u = phrase_time(frames, phrase.start, phrase.end)
        if phrase.verb in ("lean_back", "lean_forward"):
            _lean(script, phrase.verb, minimum_jerk(u), given, plan, name)
        elif phrase.verb == "bounce":
            _bounce(script, u, given, placement)
        elif phrase.verb == "sit_down":
            end = round(phrase.end * (frames - 1)) / (frames - 1)  # touch down in a frame, not between two
            u = phrase_time(frames, phrase.start, end)
            recover = phrase_time(frames, phrase.start, end + 0.35 * (end - phrase.start))
            _sit_down(script, u, recover, given, plan, name, placement)
    away = hold_times(name, plan)
    script.gates.update({edge: (seconds == 0.0).astype(float) for edge, seconds in away.items()})
    faces, gates = brought_to_face(name, plan)
    script.gates.update(gates)
    travel = _walk(script, plan, name)
    shape = posture_shape(body, "stand")
    ankles = np.mean([shape.joints[f"{side}_ankle"] for side in ("left", "right")], axis=0)
    stance = np.array([-ankles[0], -ankles[1], -shape.lowest])
    shift = None
    rides = any((p.subject, p.verb) == (name, "ride") for p in plan.script)
    if travel is None and plan.people[name].posture == "stand" and not rides:
        shift = _weight_shift(script, plan, name)
    if travel is None and not rides:
        _stand_on_feet(script, placement, stance, np.zeros(3) if shift is None else shift)
    planted = {side: np.ones(frames) for side in ("left", "right")}
    if travel is not None:
        planted = {side: foot.heel_down * foot.toe_down for side, foot in travel.feet.items()}
    along = Variation(plan.seed).offset(-0.12, 0.1, name, "palms")
    palms = _resting_palms(name, plan, script.q[:, body.freedoms.index("lumbar flexion")], along)
    return PersonReference(
        script.q, script.standing, stance, planted, script.gates, palms, script.palms, travel, shift,
        away=away, strokes=hand_strokes(name, plan), faces=faces,
    )  # fmt: skip


def _weight_shift(script: _Script, plan: Plan, name: str) -> np.ndarray:
    """(T, 3) metres that a standing person's hips wander, in the person's frame; arms that hang swing along."""
    sway = _sway(plan.frames, plan.fps, Variation(plan.seed), name)
    busy = {edge.first.part for edge in plan.graph.edges_of(name)}
    for side, late in (("left", 0.6), ("right", 1.1)):
        if f"{side} hand" not in busy:
            script.add(ARM_SWAY * np.sin(sway - late), {f"{side} shoulder flexion": 1.0})
    return WEIGHT_SHIFT * np.stack([np.cos(0.7 * sway), np.sin(sway), 0.0 * sway], axis=1)


def _stand_on_feet(script: _Script, placement: Placement, stance: np.ndarray, shift: np.ndarray) -> None:
    """Bends the legs so that the feet stay where they are placed, wherever the script takes the hips.

    Angles blended between two postures leave the floor on the way: the solver would have to find 30 cm back, with the
    knees on the wrong side of the seat's front edge.
    """
    frames, turn = len(script.q), Rotation.from_euler("z", placement.heading)
    over_feet = np.append(np.mean([foot[:2] for foot in placement.feet.values()], axis=0), 0.0) + turn.apply(stance)
    root = placement.root + turn.apply(turn.inv().apply(over_feet - placement.root) * script.standing + shift)
    shapes = {side: foot_shape(script.body, side) for side in placement.feet}
    tracks = {
        side: flat_track(shapes[side], np.tile([x, y, 0.0], (frames, 1)), np.full(frames, yaw))
        for side, (x, y, yaw) in placement.feet.items()
    }
    q, _ = solve_legs(script.body, placement.q + script.q, root, np.full(frames, placement.heading), tracks, shapes)
    script.q[:] = q - placement.q


def _walk(script: _Script, plan: Plan, name: str) -> Travel | None:
    """Adds the walks and squats of one person to the script; None without any."""
    phrases = [p for p in plan.script if p.subject == name and p.verb in ("walk", "squat")]
    if not phrases:
        return None
    if plan.people[name].posture != "stand":
        verb, posture = phrases[0].verb, plan.people[name].posture
        raise RecipeError(f"'{name}' has the verb '{verb}', but begins in the posture '{posture}'. Use 'stand'.")
    busy = {edge.first.part for edge in plan.graph.edges_of(name)}
    free = [side for side in ("left", "right") if f"{side} hand" not in busy]
    motion = scripted_walk(script.body, phrases, plan.frames, plan.frames / plan.fps, free)
    script.q[:] += motion.q - posture_shape(script.body, "stand").q
    return motion.travel


def _sway(frames: int, fps: float, draws: Variation, name: str) -> np.ndarray:
    """(T,) radians: where a person is between both feet; the seed says where it begins."""
    clock = 2.0 * np.pi * np.arange(frames) / fps
    return SWAY_PER_SECOND * clock + draws.offset(0.0, 2.0 * np.pi, name, "sway")


def _live(script: _Script, frames: int, fps: float, draws: Variation, name: str) -> None:
    """Breath lifts the chest and the shoulders, weight sways from foot to foot; seeds begin elsewhere in both."""
    clock = 2.0 * np.pi * np.arange(frames) / fps
    breath = BREATHS_PER_SECOND * clock + draws.offset(0.0, 2.0 * np.pi, name, "breath")
    sway = _sway(frames, fps, draws, name)
    script.add(np.radians(1.0) * np.sin(breath), {"thorax flexion": -1.0, "side collar elevation": 0.7})
    script.add(np.radians(1.2) * draws.factor(0.6, 1.4, name, "sway") * np.sin(sway), {"lumbar bending": 1.0})


def _resting_palms(name: str, plan: Plan, lean: np.ndarray, along: float) -> dict[str, np.ndarray]:
    """A sitter's free hands lie on the thighs, and slide toward the knees as far as the trunk leans."""
    if plan.people[name].posture != "sit":
        return {}
    busy = {e.first.part for e in plan.graph.edges_of(name)}
    place = np.clip(0.58 + along + 0.9 * lean, 0.4, 0.85)
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


def _bounce(script: _Script, u: np.ndarray, given: Parameters, placement: Placement) -> None:
    """A sitter swings by `height` metres about the rest on something soft; the trunk gives way at the lowest points."""
    cycles = number(given, "cycles")
    swing = minimum_jerk(2.0 * cycles * np.minimum(u, 1.0 - u)) * np.sin(2.0 * np.pi * cycles * u)
    standing = -posture_shape(script.body, "stand").lowest
    script.standing[:, 2] -= 0.5 * number(given, "height") * swing / max(standing - float(placement.root[2]), 0.05)
    script.add(np.radians(4.0) * swing, {"lumbar flexion": 1.0, "neck flexion": -0.7})


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
