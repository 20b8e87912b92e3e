"""A SMPL-X-shaped file made of random numbers around a plausible skeleton: enough to test the path, nobody's data."""

from pathlib import Path

import numpy as np

from zeroshot_hoi.body import load_body
from zeroshot_hoi.body.skeleton import SMPLH_JOINTS, SMPLX_JOINTS, mano_joints, parents_of


def _joint_places(joints: tuple[str, ...]) -> np.ndarray:
    """The embedded body's joints in a file's axes (y up, z forward)."""
    body = load_body("neutral")
    ours = body.rest_joints[[body.joint_names.index(joint) for joint in joints]]
    return ours[:, [1, 2, 0]]


def synthetic_arrays(model: str, vertices: int, seed: int = 0) -> dict[str, np.ndarray]:
    joints = {"smplx": SMPLX_JOINTS, "smplh": SMPLH_JOINTS, "mano": mano_joints("right")}[model]
    count, rng = len(joints), np.random.default_rng(seed)
    places, parents = _joint_places(joints), parents_of(joints)
    owner = np.arange(vertices) % count
    template = places[owner] + rng.normal(0.0, 0.01, (vertices, 3))
    weights = rng.uniform(0.0, 0.1, (vertices, count)) ** 3
    weights[np.arange(vertices), owner] += 1.0
    regressor = np.zeros((count, vertices))
    for joint in range(count):
        mine = np.flatnonzero(owner == joint)
        regressor[joint, mine] = 1.0 / len(mine)
    table = np.stack([np.where(parents < 0, 2**32 - 1, parents), np.arange(count)]).astype(np.int64)
    shapes = {"smplx": 20, "smplh": 16, "mano": 10}[model]
    arrays = {
        "v_template": template, "f": rng.integers(0, vertices, (2 * vertices, 3)), "kintree_table": table,
        "weights": weights / weights.sum(1, keepdims=True), "J_regressor": regressor,
        "shapedirs": rng.normal(0.0, 0.01, (vertices, 3, shapes)),
        "posedirs": rng.normal(0.0, 0.001, (vertices, 3, 9 * (count - 1))),
    }  # fmt: skip
    for side in "lr":
        arrays[f"hands_components{side}"] = np.eye(45)
        arrays[f"hands_mean{side}"] = rng.normal(0.0, 0.1, 45)
    arrays["lmk_faces_idx"] = np.zeros(51, int)
    arrays["lmk_bary_coords"] = np.full((51, 3), 1.0 / 3.0)
    return arrays


def write(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(path, **arrays)  # pyright: ignore[reportArgumentType]
    return path
