"""What this installation has, what it lacks, and the line that adds it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

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


def facts() -> dict[str, Any]:
    """Everything that `examine` says, as JSON values; a version is None where a package is missing."""
    return {
        "version": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "jax": _jax_devices(),
        "core": {name: _installed(name) for name in CORE_PACKAGES},
        "optional": {
            name: {"version": _installed(name), "install": install_line(extra), "use": EXTRA_USES[extra]}
            for extra, packages in EXTRA_PACKAGES.items()
            for name in packages
        },
        "stages": {
            f"{row.stage} {row.name}": {"missing": list(missing_modules(row)), "install": install_line(row.extra)}
            for row in CATALOG
        },
        "recipes": _recipes(),
        "cache": {"folder": str(cache_root()), "state": _cache_state(cache_root())},
    }


def examine() -> str:
    """The whole report, one fact a line."""
    return "\n".join(_lines(facts()))


def weights_facts() -> dict[str, Any]:
    """Every checkpoint that the library knows how to use, by role: license, size, where it is, what fetches it."""
    from zeroshot_hoi.models.files import find_cached
    from zeroshot_hoi.models.weights import DEFAULTS, KNOWN, ROLES, fetch_line

    told: dict[str, Any] = {role: {} for role in ROLES}
    for row in KNOWN:
        here = find_cached(row.id)
        told[row.role][row.id] = {
            "use": row.use,
            "license": row.license,
            "gigabytes": row.gigabytes,
            "gated": row.gated,
            "default": DEFAULTS[row.role] == row.id,
            "here": str(here) if here else None,
            "fetch": fetch_line(row.id),
        }
    return told


def _lines(told: dict[str, Any]) -> Iterator[str]:
    yield f"zeroshot-hoi {told['version']}, Python {told['python']}, {told['system']}"
    yield f"{told['cores']} CPU cores; JAX computes on: {told['jax']}"
    yield "\nCore"
    for name, found in told["core"].items():
        yield f"  {name:<20} {found or 'missing: ' + install_line('')}"
    yield "\nOptional"
    for name, row in told["optional"].items():
        yield f"  {name:<20} {row['version'] or 'not installed: ' + row['install']}  ({row['use']})"
    yield "\nStages"
    for name, row in told["stages"].items():
        state = f"needs {', '.join(row['missing'])}: {row['install']}" if row["missing"] else "ready"
        yield f"  {name:<20} {state}"
    recipes = told["recipes"]
    yield f"\nRecipes   {recipes if isinstance(recipes, str) else f'{recipes_folder()}: ' + ', '.join(recipes)}"
    yield f"Cache     {told['cache']['state']}"


def _jax_devices() -> str:
    try:
        import jax

        return ", ".join(str(device) for device in jax.devices())
    except (ImportError, RuntimeError) as error:
        return f"nothing ({error})"


def _recipes() -> list[str] | str:
    """Their names, or what is wrong with their folder."""
    try:
        return list(list_recipes())
    except RecipeError as error:
        return str(error)


def _cache_state(root: Path) -> str:
    """Whether compiled kernels and distance grids can be kept between runs."""
    nearest = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        return f"{root} cannot be written: every run compiles anew. Set ZEROSHOT_HOI_CACHE to a writable folder."
    if not root.is_dir():
        return f"{root} (empty)"
    size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
    return f"{root} ({size / 1e6:.0f} MB; safe to delete)"


def _installed(name: str) -> str | None:
    """Version of a distribution, or nothing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
