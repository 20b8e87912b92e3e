"""Compiled JAX functions that outlive the process: their program is stored, so that a warm run traces nothing.

XLA's own cache keeps machine code but is found by the lowered program, and tracing and lowering the whole-body energy
takes 3 s of every run. Here the lowered program itself is kept (`jax.export`, StableHLO), under a key of everything
that it depends on: this package's source, the problem's structure, the content of its bodies, shapes and types.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import export

from zeroshot_hoi.geometry.cache import cached_bytes, content_key


def compile_stored(function: Callable[..., Any], arguments: tuple[Any, ...], *key: Any) -> Callable[..., Any]:
    """`function` compiled for arguments of these shapes and types.

    `key` names what the function computes besides its arguments: equal keys must mean equal programs.
    """
    leaves, structure = jax.tree.flatten(arguments)

    def flat(*values: Any) -> Any:
        return function(*jax.tree.unflatten(structure, values))

    shapes = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves]
    name = content_key(_source(), jax.__version__, jax.default_backend(), str(structure), str(shapes), *_flat(key))
    program = cached_bytes("programs", name, lambda: bytes(export.export(jax.jit(flat))(*shapes).serialize()))
    compiled = jax.jit(export.deserialize(bytearray(program)).call).lower(*shapes).compile()
    return lambda *values: compiled(*jax.tree.leaves(values))


@cache
def _source() -> str:
    """A digest of this package's source: a change of any formula makes new programs."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for folder in ("core", "body", "geometry", "optimization"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _flat(value: Any) -> list[Any]:
    """The arrays and plain values inside records, mappings and sequences, in a fixed order."""
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *(item for f in fields(value) for item in _flat(getattr(value, f.name)))]
    if isinstance(value, Mapping):
        return [item for name in sorted(value) for item in (name, *_flat(value[name]))]
    if isinstance(value, (tuple, list)):
        return [len(value), *(item for part in value for item in _flat(part))]
    if callable(value):
        return [f"{value.__module__}.{value.__qualname__}"]
    return [value if isinstance(value, np.ndarray) else repr(value)]
