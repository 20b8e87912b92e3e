"""What words for parts say about geometry: the prior of a part that a plan only names.

A prior is a `PartDescription` with a few numbers more. Whatever the plan itself describes (shape, position, facing)
wins over the prior; an unknown word has none and is searched by what the plan says, the file's names and how cleanly it
comes off the rest. The words are those of furniture, tools, vessels, vehicles and instruments in general; nothing here
knows a single object.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from zeroshot_hoi.core.plan import PartDescription


@dataclass(frozen=True)
class PartPrior:
    """How a kind of part looks."""

    shape: str = ""
    """A shape of `PartDescription`, or one of `loop` (a handle of any course), `rod`, `tube`, `disk`, `thread`,
    `array` (many alike side by side), `band`, `post` (stands on little ground), `platform` (level, for a foot)."""
    position: tuple[str, ...] = ()
    facing: str = ""
    area: tuple[float, float] = (0.0, 1.0)
    """Share of the object's surface, for all instances together."""
    container: bool = False
    """What remains when the object's other parts are taken off (a body, a case, a frame)."""
    attachments: int = 0
    """Places where it meets the rest; 0 where that says nothing."""
    grounded: bool = False
    """Reaches the ground."""
    upright: bool = False
    """Stands up: its shortest extent is level."""
    across: tuple[float, float] = (0.0, np.inf)
    """Metres: the second of its extents, of what a hand or a foot works."""
    beside: tuple[str, ...] = ()
    """Other parts that it touches, where the plan names them too."""
    need: str = ""
    """What it cannot do without, a key of `presence.NEEDS`."""


FINER = {"ring": ("loop", "band"), "bar": ("rod", "tube", "post", "thread"), "plate": ("disk", "platform")}
"""What a word of the vocabulary knows better than the plan's coarse shape: an ear is a ring that a hand holds, a spout
a bar that is hollow and tapers."""


def _prior(*words: str, **fields: object) -> dict[str, PartPrior]:
    return dict.fromkeys(words, PartPrior(**fields))  # type: ignore[arg-type]


VOCABULARY: dict[str, PartPrior] = {
    **_prior("handle", "bail", "pull", "haft", shape="loop", area=(0.005, 0.75), need="handle"),
    **_prior("grip", "hold", "hand grip", shape="loop", position=("end",), area=(0.005, 0.5), need="handle"),
    **_prior("shaft", "pole", "stick", "stem", "post", "column", "rod", shape="rod", area=(0.02, 0.8)),
    **_prior("neck", shape="rod", position=("middle",), area=(0.02, 0.2)),
    **_prior("headstock", shape="block", position=("end",), area=(0.01, 0.2), beside=("neck",)),
    **_prior("head", shape="block", position=("end",), area=(0.03, 0.95)),
    **_prior("bristles", "brush", "brush head", "bristle head", "broom head", "mop head", "sponge", "tip",
             shape="block", position=("end",), area=(0.01, 0.5)),
    **_prior("blade", "scoop", "paddle", shape="plate", position=("end",), area=(0.1, 0.9)),
    **_prior("spout", "beak", shape="tube", position=("side", "upper"), area=(0.01, 0.3), attachments=1, need="spout"),
    **_prior("nozzle", shape="tube", position=("end",), area=(0.005, 0.3), attachments=1),
    **_prior("lid", shape="block", position=("top",), area=(0.02, 0.4), attachments=1, need="lid"),
    **_prior("cap", "stopper", "cork", shape="block", position=("top",), area=(0.02, 0.4), attachments=1),
    **_prior("rim", "lip", "brim", "mouth", "opening", shape="band", position=("top",), area=(0.005, 0.1)),
    **_prior("bottom", "sole", "soleplate", "underside", "foot plate",
             shape="plate", position=("bottom",), facing="down", area=(0.02, 0.6)),
    **_prior("body", "bowl", "case", "casing", "housing", "container", "vessel", "barrel", "frame", "leaf", "shell",
             "hull", "tank", "pot", "cup", "pan", "torso", "chassis", "door leaf", "panel", container=True,
             area=(0.15, 1.0)),
    **_prior("cover", "binding", container=True, area=(0.2, 1.0)),
    **_prior("side", "wall", shape="plate", position=("side",), area=(0.2, 1.0), upright=True),
    **_prior("surface", "ball", "whole", "outside", container=True, area=(0.8, 1.0)),
    **_prior("pages", "filling", "page block", "content", area=(0.05, 0.5)),
    **_prior("spine", shape="plate", position=("side",), area=(0.04, 0.25)),
    **_prior("plate", "board", "slab", shape="plate", area=(0.2, 0.95)),
    **_prior("flap", shape="plate", position=("upper",), area=(0.05, 0.5), attachments=1),
    **_prior("shelf", "drawer", shape="plate", area=(0.03, 0.5)),
    **_prior("seat", shape="plate", position=("middle",), facing="up", area=(0.03, 0.4), need="seat"),
    **_prior("backrest", "back", shape="plate", position=("upper", "back"), facing="front", area=(0.03, 0.4),
             need="backrest"),
    **_prior("armrest", "arm", shape="block", position=("middle", "side"), area=(0.01, 0.45), need="armrest"),
    **_prior("leg", shape="post", position=("lower",), area=(0.004, 0.5), grounded=True, need="leg"),
    **_prior("foot", shape="block", position=("bottom",), area=(0.004, 0.4), grounded=True),
    **_prior("base", "stand", "pedestal", shape="", position=("bottom",), area=(0.03, 0.5)),
    **_prior("top", "tabletop", "table top", "desktop", "worktop", "counter", "deck", "platform", "tray",
             shape="plate", position=("upper",), facing="up", area=(0.05, 0.6)),
    **_prior("wheel", "caster", "castor", "tire", "roller",
             shape="disk", position=("bottom",), area=(0.01, 0.75), grounded=True, need="wheel"),
    **_prior("axle", "truck", shape="block", position=("lower",), area=(0.02, 0.3)),
    **_prior("pedal", "foot rest", "footrest", "step", "stirrup",
             shape="platform", position=("lower", "side"), area=(0.003, 0.1), across=(0.03, 0.16),
             need="pedal"),
    **_prior("saddle", shape="block", position=("top",), area=(0.01, 0.2)),
    **_prior("handlebar", "handlebars", "steering bar", shape="loop", position=("top", "end"), area=(0.01, 0.15),
             need="handlebar"),
    **_prior("lever", "crank", shape="rod", area=(0.001, 0.04), attachments=1, across=(0.003, 0.04)),
    **_prior("trigger", "switch", "latch", shape="knob", area=(0.0005, 0.05)),
    **_prior("knob", "button", "dial", "peg", "tuning peg", "tap", "bolt", "focus wheel", "focus knob", "thumb wheel",
             shape="knob", area=(0.0005, 0.1)),
    **_prior("strings", "cord", "wire", "spokes", shape="thread", area=(0.002, 0.3), need="strings"),
    **_prior("cable", "rope", "chain", shape="thread", area=(0.002, 0.3)),
    **_prior("key area", "keys", "keypad", "keyboard", "key field", "buttons", shape="array", position=("upper",),
             area=(0.03, 0.7)),
    **_prior("strap", "belt", "sling", "band", "ribbon", shape="band", area=(0.005, 0.4)),
    **_prior("eyepiece", "eyecup", "ocular", shape="tube", position=("top",), area=(0.03, 0.45)),
    **_prior("lens", "objective", shape="disk", position=("end",), area=(0.01, 0.4)),
    **_prior("window", "glass", "screen", "display", "pane", "mirror", "vision panel",
             shape="plate", position=("middle",), area=(0.02, 0.5)),
    **_prior("kick plate", "bumper", "skirt", shape="plate", position=("bottom",), area=(0.02, 0.3)),
    **_prior("cushion", "pillow", "mattress", shape="block", area=(0.03, 0.6)),
}  # fmt: skip
"""Word or words of a part's name -> its prior."""

UNKNOWN = PartPrior()
SHEETS = ("plate", "platform")
"""A part that a plan calls one of these where its word means none, or the reverse, is not what the word means."""


@dataclass(frozen=True)
class Wanted:
    """What is looked for: the plan's description completed by the word's prior."""

    part: PartDescription
    prior: PartPrior
    explicit: bool
    """Whether the plan itself gave the shape."""

    @property
    def shape(self) -> str:
        return self.part.shape


def prior_of(name: str) -> PartPrior:
    """The prior of a part's name: of the whole name, else of its last words, else of any word, in the singular too."""
    words = re.findall(r"[a-z]+", name.lower())
    tails = [words[i:] for i in range(len(words))] + [[word] for word in words]
    for tail in tails:
        for key in (" ".join(tail), " ".join([*tail[:-1], singular(tail[-1])])):
            if key in VOCABULARY:
                return VOCABULARY[key]
    return UNKNOWN


def complete(part: PartDescription) -> Wanted:
    """`part` with its empty fields filled from the vocabulary."""
    prior = prior_of(part.name)
    for alias in part.aliases:
        prior = prior_of(alias) if prior is UNKNOWN else prior
    described, written = bool(part.shape), prior.facing
    if described and part.facing != prior.facing:
        prior = replace(prior, facing=part.facing)
    finer = prior.shape in FINER.get(part.shape, ())
    filled = replace(
        part, shape=prior.shape if finer else part.shape or prior.shape, position=part.position or prior.position,
        facing=part.facing or ("" if described else prior.facing),
    )  # fmt: skip
    container = prior.container and (not described or part.shape in ("", "block"))
    usual = not described or ((part.shape in SHEETS) == (prior.shape in SHEETS) and part.facing == written)
    return Wanted(filled, replace(prior, container=container, need=prior.need if usual else ""), described)


def singular(word: str) -> str:
    """`wheels` -> `wheel`; short words and double s stay."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
