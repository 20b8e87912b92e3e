"""What this installation has, what it lacks, and the line that adds it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from zeroshot_hoi import __version__
from zeroshot_hoi.catalog import CATALOG, install_line, missing_modules
from zeroshot_hoi.core.errors import RecipeError
from zeroshot_hoi.geometry.cache import cache_root
from zeroshot_hoi.recipe import list_recipes, recipes_folder

CORE_PACKAGES = (
    "numpy", "scipy", "networkx", "trimesh", "fast-simplification", "warp-lang", "jax", "jaxlib", "flatbuffers",
    "pydantic", "tyro", "rich", "pillow", "pygltflib", "av",
)  # fmt: skip
"""Distributions that `pip install zeroshot-hoi` brings."""

EXTRA_PACKAGES = {"torch": ("torch",), "models": ("transformers", "diffusers", "accelerate", "safetensors"),
                  "anny": ("anny",), "smplx": ("smplx",), "viewer": ("viser",),
                  "usd": ("usd-core",), "llm": ("openai",)}  # fmt: skip
"""Extra -> the distributions it adds."""

EXTRA_USES = {
    "llm": "planning by a language model (docs/language.md)",
    "torch": "the torch engine",
    "models": "frozen vision models; `doctor --weights` lists their weights",
    "anny": "baking other bodies with scripts/bake_body.py",
    "smplx": "cross-checks of SMPL-X files (code for non-commercial research only)",
    "viewer": "zeroshot-hoi view and Result.view()",
    "usd": "exports to .usd",
}


def examine() -> str:
    """The whole report, one fact a line."""
    return "\n".join((*_machine(), "", *_core(), "", *_extras(), "", *_variants(), "", *_data()))


def _machine() -> Iterator[str]:
    yield f"zeroshot-hoi {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield f"{os.cpu_count()} CPU cores; JAX computes on: {_jax_devices()}"


def _jax_devices() -> str:
    try:
        import jax

        return ", ".join(str(device) for device in jax.devices())
    except (ImportError, RuntimeError) as error:
        return f"nothing ({error})"


def _core() -> Iterator[str]:
    yield "Core"
    for name in CORE_PACKAGES:
        found = _installed(name)
        yield f"  {name:<20} {found or 'missing: ' + install_line('')}"


def _extras() -> Iterator[str]:
    yield "Optional"
    for extra, packages in EXTRA_PACKAGES.items():
        for name in packages:
            found = _installed(name)
            yield f"  {name:<20} {found or 'not installed: ' + install_line(extra)}  ({EXTRA_USES[extra]})"


def _variants() -> Iterator[str]:
    yield "Stages"
    for row in CATALOG:
        lacking = missing_modules(row)
        state = f"needs {', '.join(lacking)}: {install_line(row.extra)}" if lacking else "ready"
        yield f"  {row.stage + ' ' + row.name:<20} {state}"


def _data() -> Iterator[str]:
    try:
        yield f"Recipes   {recipes_folder()}: {', '.join(list_recipes())}"
    except RecipeError as error:
        yield f"Recipes   {error}"
    yield f"Cache     {_cache_state(cache_root())}"


def _cache_state(root: Path) -> str:
    """Whether compiled kernels and distance grids can be kept between runs."""
    nearest = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        return f"{root} cannot be written: every run compiles anew. Set ZEROSHOT_HOI_CACHE to a writable folder."
    if not root.is_dir():
        return f"{root} (empty)"
    size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
    return f"{root} ({size / 1e6:.0f} MB; safe to delete)"


def _installed(name: str) -> str:
    """Version of a distribution, or nothing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
