"""One vocabulary of array operations for numpy, JAX and torch.

Energies and kinematics are written once with Python operators and the `Namespace` passed in as `xp`; nothing there
imports an array library. numpy and `jax.numpy` already agree, so they are used as they are through `Namespace`;
torch gets the few functions whose names or arguments differ. `stop` gives a value without its derivative: what only
chooses (an argmax) needs none, and an eager library would carry it along.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

Array = Any
Namespace = Any

_SHARED = (
    "abs argmax arccos arctan2 asarray broadcast_to clip concatenate cos cross einsum exp floor linalg log log1p "
    "logaddexp matmul maximum minimum moveaxis ones ones_like reshape sign sin sqrt stack sum tanh transpose where "
    "zeros zeros_like max min mean swapaxes"
).split()

SMALL = 4
"""Rows and columns up to which a batch of products is written as sums."""


def _from_module(module: Any, name: str, **extra: Any) -> Namespace:
    return SimpleNamespace(name=name, **{key: getattr(module, key) for key in _SHARED}, **extra)


def numpy_namespace() -> Namespace:
    """The operations on numpy arrays."""

    def take(array: Array, indices: Array, axis: int = 0) -> Array:
        return np.take(array, indices, axis=axis)

    return _from_module(np, "numpy", take=take, index=lambda a: np.asarray(a, dtype=np.int64), stop=lambda a: a)


def jax_namespace() -> Namespace:
    """The operations on JAX arrays."""
    import jax
    import jax.numpy as jnp

    def take(array: Array, indices: Array, axis: int = 0) -> Array:
        return jnp.take(array, indices, axis=axis, mode="clip")

    def matmul(a: Array, b: Array) -> Array:
        """Points times rotations, a batch of them, as sums: XLA's loop over small products is many times slower on a
        CPU."""
        if a.ndim == b.ndim == 3 and b.shape[-2] <= SMALL and b.shape[-1] <= SMALL:
            return sum(a[..., k, None] * b[..., None, k, :] for k in range(b.shape[-2]))
        return jnp.matmul(a, b)

    def argmax(a: Array, axis: int) -> Array:
        """Of finite values, in one maximum: each value's number takes its last bits, so that of two that differ by less
        than 1 in 30,000 (256 values) either may be chosen. XLA's own takes twice as long on a CPU."""
        if a.dtype != jnp.float32:
            return jnp.argmax(a, axis=axis)
        count = a.shape[axis]
        low = (1 << max(1, (count - 1).bit_length())) - 1
        numbers = jnp.arange(count, dtype=jnp.int32).reshape([-1 if k == axis % a.ndim else 1 for k in range(a.ndim)])
        coded = (jax.lax.bitcast_convert_type(a, jnp.int32) & ~low) | numbers
        greatest = jnp.max(jax.lax.bitcast_convert_type(coded, jnp.float32), axis=axis)
        return jax.lax.bitcast_convert_type(greatest, jnp.int32) & low

    space = _from_module(
        jnp, "jax", take=take, index=lambda a: jnp.asarray(a).astype(jnp.int32), stop=jax.lax.stop_gradient
    )
    space.matmul, space.argmax = matmul, argmax
    return space


def torch_namespace(device: Any = None) -> Namespace:
    """The operations on torch tensors, with numpy's argument names; arrays that come in land on `device`."""
    import torch

    def asarray(value: Array, dtype: Any = None) -> Array:
        if isinstance(value, torch.Tensor):
            return value if dtype is None else value.to(dtype)
        tensor = torch.as_tensor(np.asarray(value), device=device)
        if dtype is None and tensor.is_floating_point():
            dtype = torch.get_default_dtype()
        return tensor if dtype is None else tensor.to(dtype)

    def pair(function: Any) -> Any:
        def apply(a: Array, b: Array) -> Array:
            reference = a if isinstance(a, torch.Tensor) else b
            return function(torch.as_tensor(a, dtype=reference.dtype), torch.as_tensor(b, dtype=reference.dtype))

        return apply

    def where(condition: Array, a: Array, b: Array) -> Array:
        return torch.where(torch.as_tensor(condition), a, b)

    def reduce(function: Any) -> Any:
        def apply(a: Array, axis: Any = None, keepdims: bool = False) -> Array:
            return function(a) if axis is None else function(a, dim=axis, keepdim=keepdims)

        return apply

    def take(array: Array, indices: Array, axis: int = 0) -> Array:
        indices = torch.as_tensor(indices, device=array.device)
        axis = axis % array.ndim
        flat = torch.index_select(array, axis, indices.reshape(-1))
        return flat.reshape(array.shape[:axis] + tuple(indices.shape) + array.shape[axis + 1 :])

    def matmul(a: Array, b: Array) -> Array:
        """Many rows times few columns as the transposed product: under vmap torch then runs one product for all frames
        and tangents, where it would copy the rows for each."""
        if a.ndim == b.ndim == 2 and a.shape[0] > b.shape[1]:
            return torch.matmul(b.mT, a.mT).mT
        return torch.matmul(a, b)

    return SimpleNamespace(
        name="torch",
        abs=torch.abs,
        arccos=torch.arccos,
        arctan2=pair(torch.arctan2),
        argmax=lambda a, axis: torch.argmax(a, dim=axis),
        asarray=asarray,
        broadcast_to=torch.broadcast_to,
        clip=torch.clamp,
        concatenate=lambda arrays, axis=0: torch.cat(list(arrays), dim=axis),
        cos=torch.cos,
        cross=lambda a, b: torch.linalg.cross(*torch.broadcast_tensors(a, b)),
        einsum=torch.einsum,
        exp=torch.exp,
        floor=torch.floor,
        index=lambda a: torch.as_tensor(a, device=None if isinstance(a, torch.Tensor) else device).to(torch.int64),
        linalg=torch.linalg,
        log=torch.log,
        log1p=torch.log1p,
        logaddexp=pair(torch.logaddexp),
        matmul=matmul,
        maximum=pair(torch.maximum),
        minimum=pair(torch.minimum),
        max=reduce(torch.amax),
        min=reduce(torch.amin),
        mean=reduce(torch.mean),
        moveaxis=torch.movedim,
        ones=torch.ones,
        ones_like=torch.ones_like,
        reshape=torch.reshape,
        sign=torch.sign,
        sin=torch.sin,
        sqrt=torch.sqrt,
        stop=lambda a: a.detach(),
        stack=lambda arrays, axis=0: torch.stack(list(arrays), dim=axis),
        sum=reduce(torch.sum),
        swapaxes=torch.swapaxes,
        take=take,
        tanh=torch.tanh,
        transpose=lambda a, axes: a.permute(*axes),
        where=where,
        zeros=torch.zeros,
        zeros_like=torch.zeros_like,
    )
