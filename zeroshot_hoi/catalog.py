"""The one list of stage variants: where each lives and the extra that installs what it needs.

Read-only and lazy: nothing is imported until a row is loaded, and nothing registers itself by being imported. A variant
that was asked for loads or raises with the line that installs it; there is no silent fallback.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from zeroshot_hoi.core.errors import EngineError, nearest_name


@dataclass(frozen=True)
class Variant:
    """One way to carry out one stage."""

    stage: str
    name: str
    target: str
    """`module:attribute`"""
    extra: str = ""
    """Optional dependency group that installs it; empty for what the core has."""
    needs: tuple[str, ...] = ()
    """Modules that must be importable."""


CATALOG = (
    Variant("planning", "recipe", "zeroshot_hoi.planning.recipe:plan_from_recipe"),
    Variant("planning", "lexicon", "zeroshot_hoi.planning.lexicon:LexiconPlanner"),
    Variant("planning", "language", "zeroshot_hoi.planning.language:LanguagePlanner", "llm", ("openai",)),
    Variant("affordance", "geometric", "zeroshot_hoi.affordance.geometric:find_parts"),
    Variant(
        "affordance",
        "segmentation",
        "zeroshot_hoi.affordance.segmentation:segment_parts",
        "models",
        ("torch", "transformers", "diffusers", "accelerate", "safetensors"),
    ),
    Variant(
        "affordance",
        "inpainting",
        "zeroshot_hoi.affordance.inpainting:imagine_contacts",
        "models",
        ("torch", "transformers", "diffusers", "accelerate", "safetensors"),
    ),
    Variant("pose", "prior", "zeroshot_hoi.pose.prior:place"),
    Variant("engine", "jax", "zeroshot_hoi.optimization.engines.jax:JaxEngine", needs=("jax",)),
    Variant("engine", "torch", "zeroshot_hoi.optimization.engines.torch:TorchEngine", "torch", ("torch",)),
)
"""Every variant there is; `scripted` reference motion and the embedded pose prior have no alternative yet."""


def find(stage: str, name: str) -> Variant:
    """The row of one variant."""
    rows = [row for row in CATALOG if row.stage == stage]
    if not rows:
        raise EngineError(f"There is no stage '{stage}'. {nearest_name(stage, {row.stage for row in CATALOG})}")
    for row in rows:
        if row.name == name:
            return row
    raise EngineError(f"Stage '{stage}' has no variant '{name}'. {nearest_name(name, [row.name for row in rows])}")


def install_line(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install 'zeroshot-hoi[{extra}]'" if extra else "pip install zeroshot-hoi"


def missing_modules(row: Variant) -> tuple[str, ...]:
    """The modules that a variant needs and this Python cannot import."""
    return tuple(name for name in row.needs if find_spec(name) is None)


def require(stage: str, name: str) -> Variant:
    """The row, once it is certain that everything it needs is installed."""
    row = find(stage, name)
    missing = missing_modules(row)
    if missing:
        raise EngineError(
            f"The {row.stage} '{row.name}' needs {', '.join(missing)}, which is not installed. "
            f"Install it: {install_line(row.extra)}"
        )
    return row


def load(stage: str, name: str) -> Any:
    """The function or class that carries out a variant."""
    module, _, attribute = require(stage, name).target.partition(":")
    return getattr(import_module(module), attribute)
