"""Any object mesh and a sentence or a recipe -> a person, with hands, moving with that object."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zeroshot_hoi.comparison import compare
    from zeroshot_hoi.core.errors import HoiError
    from zeroshot_hoi.core.scene import Mesh
    from zeroshot_hoi.pipeline import Pipeline
    from zeroshot_hoi.recipe import Recipe, list_recipes
    from zeroshot_hoi.results.result import Result

__version__ = "0.1.0"

__all__ = ["HoiError", "Mesh", "Pipeline", "Recipe", "Result", "compare", "list_recipes"]

_HOMES = {
    "HoiError": "zeroshot_hoi.core.errors",
    "Mesh": "zeroshot_hoi.core.scene",
    "Pipeline": "zeroshot_hoi.pipeline",
    "Recipe": "zeroshot_hoi.recipe",
    "Result": "zeroshot_hoi.results.result",
    "compare": "zeroshot_hoi.comparison",
    "list_recipes": "zeroshot_hoi.recipe",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that `import zeroshot_hoi` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'zeroshot_hoi' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
