"""Rotations on the array namespace, finite at zero angle in value and in gradient.

Conversions at the I/O edge use `scipy.spatial.transform.Rotation`; only what an energy differentiates lives here.
"""

from __future__ import annotations

from zeroshot_hoi.core.arrays import Array, Namespace


def _safe_angle(xp: Namespace, squared: Array) -> tuple[Array, Array]:
    """The angle and whether it is small; the square root never sees a zero (the double-where of JAX's FAQ)."""
    small = squared < 1e-10
    return xp.sqrt(xp.where(small, xp.ones_like(squared), squared)), small


def hat(xp: Namespace, v: Array) -> Array:
    """Cross-product matrices `(*batch, 3, 3)` of vectors `(*batch, 3)`."""
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    zero = xp.zeros_like(x)
    rows = [xp.stack([zero, -z, y], -1), xp.stack([z, zero, -x], -1), xp.stack([-y, x, zero], -1)]
    return xp.stack(rows, -2)


def exp_so3(xp: Namespace, v: Array) -> Array:
    """Rotation matrices `(*batch, 3, 3)` of rotation vectors `(*batch, 3)` in radians (Rodrigues)."""
    squared = xp.sum(v * v, axis=-1)
    angle, small = _safe_angle(xp, squared)
    first = xp.where(small, 1.0 - squared / 6.0, xp.sin(angle) / angle)[..., None, None]
    second = xp.where(small, 0.5 - squared / 24.0, (1.0 - xp.cos(angle)) / (angle * angle))[..., None, None]
    k = hat(xp, v)
    identity = xp.asarray([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=v.dtype)
    square = v[..., :, None] * v[..., None, :] - squared[..., None, None] * identity
    return identity + first * k + second * square


def left_jacobian(xp: Namespace, v: Array) -> Array:
    """`(*batch, 3, 3)` that takes the change of a rotation vector `v (*batch, 3)` to the angular velocity of `exp_so3`:
    d exp(v) = hat(J dv) exp(v)."""
    squared = xp.sum(v * v, axis=-1)
    angle, small = _safe_angle(xp, squared)
    cubed = angle * angle * angle
    first = xp.where(small, 0.5 - squared / 24.0, (1.0 - xp.cos(angle)) / (angle * angle))[..., None, None]
    second = xp.where(small, 1.0 / 6.0 - squared / 120.0, (angle - xp.sin(angle)) / cubed)[..., None, None]
    identity = xp.asarray([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=v.dtype)
    square = v[..., :, None] * v[..., None, :] - squared[..., None, None] * identity
    return identity + first * hat(xp, v) + second * square


def twist_angle(xp: Namespace, v: Array, axis: Array) -> Array:
    """Angle in radians, within (-pi, pi), of the rotation vector `v (*batch, 3)` about the unit `axis (3,)`.

    The swing-twist decomposition: with the quaternion (w, u) it is 2 atan2(u . axis, w).
    """
    squared = xp.sum(v * v, axis=-1)
    angle, small = _safe_angle(xp, squared)
    half = xp.where(small, 0.5 - squared / 48.0, xp.sin(0.5 * angle) / angle)
    w = xp.where(small, 1.0 - squared / 8.0, xp.cos(0.5 * angle))
    return 2.0 * xp.arctan2(half * xp.sum(v * axis, axis=-1), w)
