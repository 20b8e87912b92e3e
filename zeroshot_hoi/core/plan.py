"""The output of planning: what happens, between which parts, in words and numbers that geometry can obey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zeroshot_hoi.core.graph import PartAffordanceGraph


@dataclass(frozen=True)
class PartDescription:
    """How to recognize a named part on any mesh of its category. Every field but the name may be empty."""

    name: str
    shape: str = ""
    """One of `bar` (long, graspable), `plate` (thin and wide), `block`, `ball`, `ring`, `knob`."""
    position: tuple[str, ...] = ()
    """Any of `top bottom upper lower front back left right middle end side`, in the object frame (z up)."""
    facing: str = ""
    """Where its outward normal points: `up down front back left right`; empty for all around."""
    aliases: tuple[str, ...] = ()
    """Other words a mesh's node names may use."""
    count: int = 1
    """Instances expected (two pedals, two armrests)."""
    box: tuple[tuple[float, float, float], ...] = ()
    """The user's own answer: two corners, metres, in the prepared object's frame; wins over what is found."""
    vertices: tuple[int, ...] = ()
    """The same, as vertices of the prepared mesh."""
    painted: str = ""
    """The same, as the path of the prepared mesh with the part's vertices painted."""


@dataclass(frozen=True)
class ObjectPlan:
    """One object of the interaction."""

    name: str
    builtin: str = ""
    """Name of the parametric mesh used when the user gives none."""
    size: tuple[float, float] = (0.0, 0.0)
    """Plausible longest extent (low, high), metres; zeros where anything goes."""
    mass: float = 1.0
    """kg"""
    rests_on: str = "ground"
    """`ground`, `hand` (held from the first frame) or another object's name."""
    parts: tuple[PartDescription, ...] = ()


@dataclass(frozen=True)
class PersonPlan:
    """One person of the interaction."""

    name: str
    body: str = "neutral"
    """`neutral`, `female`, `male`, or the path of a body-model `.npz`."""
    posture: str = "stand"
    """One of pose.POSTURES."""
    gaze: str = ""
    """Object, or `object, part`, that the head turns to; empty looks ahead."""


@dataclass(frozen=True)
class ContactPlan:
    """How one edge of the graph is carried out; the graph itself holds the four flags."""

    edge: str
    """Name of the graph's edge: `person 1.right hand->iron.handle`."""
    kind: str = "touch"
    """`grip` (power grip around a part), `touch`, `support` (carries a body's weight) or `rest` (object on object)."""
    upholstery: bool = False
    """Whether the second side gives way: a cushion under a person, loose earth or sand around a blade."""


@dataclass(frozen=True)
class Relation:
    """Where a person is to an object at the start (InteractAnything's initial relation)."""

    person: str
    object: str
    """An object, or another person."""
    side: str = "front"
    """Which side of the object the person is on: `front back left right`, `on`, `near` (longest free side)."""
    facing: str = "toward"
    """`toward`, `away` or `along` the object."""
    distance: str = "reach"
    """How far from the object: `close`, `reach`, `arm`, `step` or `far` (see pose.prior.standoffs)."""


@dataclass(frozen=True)
class MotionPhrase:
    """One entry of the motion script: a verb of the closed vocabulary, its subject and its time."""

    subject: str
    """An object or a person."""
    verb: str
    """One of reference.VERBS."""
    start: float = 0.0
    end: float = 1.0
    """Fractions of the clip."""
    parameters: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelPlan:
    """Which frozen models a plan uses and how they are loaded; the embedded tier needs none."""

    detector: str = ""
    """Folder or hub id (`owner/name`, or `owner/name@revision`); empty takes the default of models.weights.DEFAULTS."""
    segmenter: str = ""
    inpainter: str = ""
    keypoints: str = ""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`, `mps`."""
    dtype: str = "auto"
    """`auto`, `float32`, `float16`, `bfloat16`."""
    offload: str = "none"
    """`none`, `model`, `sequential`."""
    views: int = 8
    """Pictures of each object."""
    size: int = 512
    """Pixels along a side of each picture."""
    adaptive: bool = True
    """Whether inpainting masks are made anew while denoising."""


@dataclass(frozen=True)
class Plan:
    """Everything later stages need to know about what should happen."""

    name: str
    text: str
    graph: PartAffordanceGraph
    people: Mapping[str, PersonPlan]
    objects: Mapping[str, ObjectPlan]
    contacts: Mapping[str, ContactPlan]
    """Edge name -> how it is carried out; one for every edge of the graph."""
    relations: tuple[Relation, ...]
    script: tuple[MotionPhrase, ...]
    frames: int = 49
    fps: float = 16.0
    seed: int = 0
    engine: str = "jax"
    affordance: str = "geometric"
    """How parts are found: `geometric`, `segmentation` or `inpainting`."""
    missing_parts: str = "stop"
    """What happens where frozen models do not find a part: `stop`, or `geometric` to go on with geometry."""
    models: ModelPlan = field(default_factory=ModelPlan)
