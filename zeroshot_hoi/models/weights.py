"""Weights that this library knows how to use: what each is for, its license, its size, and the line that gets it.

None of them comes with the package or is downloaded unasked. Any other checkpoint of a listed architecture works too:
give its folder or its hub id. Licenses and sizes are those of the hub pages in 2026; read the license before you use a
model, because some exclude commercial use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROLES = ("detector", "segmenter", "inpainter", "keypoints", "depth")
"""What frozen models are asked for; keys of a recipe's `[models]`."""


@dataclass(frozen=True)
class Weights:
    """One published checkpoint."""

    role: str
    id: str
    """On the Hugging Face hub."""
    license: str
    gigabytes: float
    """To download, about."""
    use: str
    gated: bool = False
    """Whether the hub asks to accept the license with an account first."""


KNOWN = (
    Weights("detector", "IDEA-Research/grounding-dino-base", "Apache-2.0", 0.9, "boxes for phrases"),
    Weights("detector", "IDEA-Research/grounding-dino-tiny", "Apache-2.0", 0.7, "the same, smaller"),
    Weights("detector", "google/owlv2-base-patch16-ensemble", "Apache-2.0", 0.6, "boxes for phrases"),
    Weights("segmenter", "facebook/sam2.1-hiera-large", "Apache-2.0", 0.9, "masks from boxes"),
    Weights("segmenter", "facebook/sam2.1-hiera-tiny", "Apache-2.0", 0.2, "the same, smaller"),
    Weights(
        "inpainter",
        "stable-diffusion-v1-5/stable-diffusion-inpainting",
        "CreativeML OpenRAIL-M (use restrictions)",
        5.5,
        "people into pictures, adaptive masks",
    ),
    Weights(
        "inpainter",
        "diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
        "CreativeML OpenRAIL++-M (use restrictions)",
        14.0,
        "people into pictures, adaptive masks",
    ),
    Weights(
        "inpainter",
        "black-forest-labs/FLUX.1-Fill-dev",
        "FLUX.1 [dev] Non-Commercial License",
        34.0,
        "people into pictures, fixed masks",
        gated=True,
    ),
    Weights("keypoints", "usyd-community/vitpose-base-simple", "Apache-2.0", 0.35, "17 body joints"),
    Weights("keypoints", "facebook/sapiens2-pose-0.4b", "Sapiens2 License", 1.6, "body, hands and feet"),
    Weights("depth", "depth-anything/Depth-Anything-V2-Small-hf", "Apache-2.0", 0.1, "relative depth"),
    Weights(
        "depth", "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf", "Apache-2.0", 0.1, "metric depth, indoors"
    ),
    Weights("depth", "apple/DepthPro-hf", "Apple research license (non-commercial)", 1.9, "metric depth"),
)
"""Every checkpoint that is named in an error, in `doctor --weights` or in the documentation."""

DEFAULTS = {
    "detector": "IDEA-Research/grounding-dino-base",
    "segmenter": "facebook/sam2.1-hiera-large",
    "inpainter": "stable-diffusion-v1-5/stable-diffusion-inpainting",
    "keypoints": "usyd-community/vitpose-base-simple",
    "depth": "depth-anything/Depth-Anything-V2-Small-hf",
}
"""Role -> what is used when a recipe asks for a variant and names no model."""


def known(model_id: str) -> Weights | None:
    """The row of a hub id, or None."""
    return next((row for row in KNOWN if row.id == model_id), None)


def fetch_line(model_id: str, revision: str | None = None) -> str:
    """The command that puts a checkpoint into the hub's cache."""
    return f"hf download {model_id}" + (f" --revision {revision}" if revision else "")


def describe(row: Weights) -> str:
    """`Apache-2.0, about 0.9 GB`"""
    gate = ", gated: accept the license on its hub page and run `hf auth login` first" if row.gated else ""
    return f"{row.license}, about {row.gigabytes:g} GB{gate}"


def list_weights() -> str:
    """Every known checkpoint: its role, whether it is here, its license and size, and the line that gets it."""
    return "\n".join(_report())


def _report() -> Iterator[str]:
    from zeroshot_hoi.models.files import find_cached

    yield "Weights of frozen models (none is needed by the embedded tier; nothing is downloaded unasked)"
    for role in ROLES:
        yield f"{role}"
        for row in KNOWN:
            if row.role != role:
                continue
            star = "*" if DEFAULTS[role] == row.id else " "
            folder: Path | None = find_cached(row.id)
            yield f" {star} {row.id}: {row.use}"
            yield f"     {describe(row)}"
            yield f"     {f'here: {folder}' if folder else f'missing: {fetch_line(row.id)}'}"
    yield "* is what a recipe gets that names none. Any folder or hub id of the same architectures works."
