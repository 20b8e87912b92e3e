"""Weights that this library knows how to use: what each is for, its license, its size, and the line that gets it.

None of them comes with the package or is downloaded unasked. Any other checkpoint of a listed architecture works too:
give its folder or its hub id. Licenses and sizes were read in stored copies of the hub's pages, as each row says; they
can change. Read the license before you use a model: some exclude commercial use.
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
    skip: tuple[str, ...] = ()
    """Files of the repository that nothing here reads: pickles, second copies of the same weights."""
    checked: str = ""
    """Where license and size were read, and what could not be."""


KNOWN = (
    Weights("detector", "IDEA-Research/grounding-dino-base", "Apache-2.0", 0.93, "boxes for phrases", skip=("*.bin",),
            checked="license on the hub page; size from 232.3 M parameters"),
    Weights("detector", "IDEA-Research/grounding-dino-tiny", "Apache-2.0", 0.69, "the same, smaller", skip=("*.bin",),
            checked="size from 172.2 M parameters; license that of the base model's hub page"),
    Weights("detector", "google/owlv2-base-patch16-ensemble", "Apache-2.0", 0.62, "boxes for phrases", skip=("*.bin",),
            checked="license and file on the hub page"),
    Weights("segmenter", "facebook/sam2.1-hiera-large", "Apache-2.0", 0.9, "masks from boxes", skip=("*.pt",),
            checked="license in the authors' README; size of the authors' checkpoint"),
    Weights("segmenter", "facebook/sam2.1-hiera-tiny", "Apache-2.0", 0.16, "the same, smaller", skip=("*.pt",),
            checked="license in the authors' README; size of the authors' checkpoint"),
    Weights("inpainter", "stable-diffusion-v1-5/stable-diffusion-inpainting",
            "CreativeML OpenRAIL-M (use restrictions)", 2.7, "people into pictures, adaptive masks",
            skip=("*.bin", "*.ckpt"),
            checked="license and files on the hub page, where only half precision comes as safetensors"),
    Weights("inpainter", "diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
            "CreativeML OpenRAIL++-M (use restrictions)", 14.0, "people into pictures, adaptive masks",
            skip=("*.fp16.safetensors",), checked="license and files on the hub page"),
    Weights("inpainter", "black-forest-labs/FLUX.1-Fill-dev", "FLUX.1 [dev] Non-Commercial License", 34.0,
            "people into pictures, fixed masks", gated=True, skip=("flux1-fill-dev.safetensors", "ae.safetensors"),
            checked="license and files on a copy's hub page; that access is gated is not checked"),
    Weights("keypoints", "usyd-community/vitpose-base-simple", "Apache-2.0", 0.34, "17 body joints",
            checked="license and file on the hub page"),
    Weights("keypoints", "facebook/sapiens2-pose-0.4b", "Sapiens2 License", 1.6, "body, hands and feet",
            skip=("sapiens2_*.safetensors",), checked="license on the hub page; size from 0.398 B parameters"),
    Weights("depth", "depth-anything/Depth-Anything-V2-Small-hf", "Apache-2.0", 0.1, "relative depth",
            checked="license and file on the hub page"),
    Weights("depth", "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf",
            "none stated there (Apache-2.0 for the small models of its authors)", 0.1, "metric depth, indoors",
            checked="file on the hub page, which names no license"),
    Weights("depth", "apple/DepthPro-hf", "Apple Machine Learning Research Model License (research only)", 1.9,
            "metric depth", checked="license and file on the hub page"),
)  # fmt: skip
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
    """The command that puts a checkpoint into the hub's cache, without what is not read of it."""
    row = known(model_id)
    skipped = "".join(f' --exclude "{pattern}"' for pattern in (row.skip if row else ()))
    return f"hf download {model_id}" + (f" --revision {revision}" if revision else "") + skipped


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
