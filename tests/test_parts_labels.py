"""The labeled part regions: frozen, disjoint, present on the meshes they describe."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import trimesh

from benchmarks.part_labels import LABELS, LabeledPart, face_areas, read_labels
from zeroshot_hoi.geometry.prepare import prepare_object

FROZEN = "e317ed0fe94231e1ccd72a534779a9005e8eb1d94e8a9b49e399319646434ecd"
"""SHA-256 over names and bytes of all label files."""


def test_labels_are_frozen() -> None:
    digest = hashlib.sha256()
    for path in sorted(LABELS.glob("*.toml")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    assert digest.hexdigest() == FROZEN, "labels are never changed to suit an algorithm"


def test_every_mesh_has_labels() -> None:
    labels = read_labels()
    assert len(labels) == 24
    assert sum(len(entry.parts) for entry in labels) == 74
    assert all(len({part.name for part in entry.parts}) == len(entry.parts) for entry in labels)


def test_region_keys_mean_what_they_say() -> None:
    obj = prepare_object("box", trimesh.creation.box((2.0, 2.0, 2.0)))
    areas = face_areas(obj)

    def area(**region: object) -> float:
        return float(areas[LabeledPart("part", 1, (region,), ()).faces(obj)].sum())

    assert area(facing=[0, 0, 1, 40.0]) == pytest.approx(4.0)
    assert area(box=[[-9, -9, 1.0], [9, 9, 9]]) == pytest.approx(12.0, rel=0.05)
    assert area(halfspaces=[[1, 0, 0, 0.999]]) == pytest.approx(4.0)
    assert area(components=[[-1, -1, 0], [1, 1, 2]]) == pytest.approx(24.0)
    assert area(components=[[-1, -1, 0], [1, 1, 1.9]]) == 0.0
    top = {"facing": [0, 0, 1, 40.0]}
    assert areas[LabeledPart("rest", 1, ({"box": [[-9] * 3, [9] * 3]},), (top,)).faces(obj)].sum() == pytest.approx(20)


@pytest.mark.parametrize("name", ["mug", "hex_dumbbell", "armchair_dining_cm", "broom"])
def test_labels_fit_their_meshes(name: str, meshes_dir: Path) -> None:
    entry = next(entry for entry in read_labels() if entry.stem == name)
    obj = prepare_object(entry.object, entry.mesh(meshes_dir))
    covered = np.zeros(len(obj.faces), int)
    for part in entry.parts:
        faces = part.faces(obj)
        assert faces.any(), part.name
        covered += faces
    assert face_areas(obj)[covered > 1].sum() < 0.001 * face_areas(obj).sum()
