"""The inpainting tier through the whole pipeline: from a recipe's words to a motion that the contact map weighs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imagined_people import TruePeople
from test_stages import STILL

pytest.importorskip("transformers", reason="needs the extra 'models'")
pytest.importorskip("diffusers", reason="needs the extra 'models'")

import zeroshot_hoi.pipeline as pipeline
from zeroshot_hoi.affordance.backprojection import FaceGeometry, cameras_around, take_views
from zeroshot_hoi.affordance.variants import imagine_parts, place_body
from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.kinematics import bone_transforms, joint_positions
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.pipeline import Pipeline
from zeroshot_hoi.planning.plan_to_recipe import recipe_from_plan
from zeroshot_hoi.planning.recipe import plan_from_recipe
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.recipe_toml import recipe_to_toml

BALL, PERSON, EDGE = "exercise ball", "person 1", "person 1.hips->exercise ball.top"


def recipe_file(folder: Path, **models: Any) -> Path:
    """`bounce_on_ball`, asking for imagined contact."""
    plan = plan_from_recipe(
        Recipe.load("bounce_on_ball"), affordance="inpainting", missing_parts="geometric", frames=9, models=models
    )
    path = folder / "imagined.toml"
    path.write_text(recipe_to_toml(recipe_from_plan(plan)), encoding="utf-8")
    return path


def test_tiny_random_models_from_a_recipe_to_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model is a checkpoint on disk with random weights; the run ends alike twice, in weights or in a report."""
    from tiny_models import write
    from tiny_pipelines import write_pipeline

    folders = {role: str(write(kind, tmp_path / kind)) for role, kind in
               (("detector", "owlv2"), ("segmenter", "sam2"), ("keypoints", "vitpose"))}  # fmt: skip
    folders["inpainter"] = str(write_pipeline("sd", tmp_path / "sd"))
    path = recipe_file(tmp_path, **folders, device="cpu", views=4, size=64)
    for name, step in STILL.items():
        monkeypatch.setattr(pipeline, name, step)
    result = Pipeline.from_recipe(path).run()
    again = Pipeline.from_recipe(path).stages().contacts[BALL]
    assert result.meta["models"]["inpainter"] == folders["inpainter"]
    told = " ".join(again.notes)
    assert "imagined from pictures" in told or "as missing_parts" in told
    np.testing.assert_array_equal(result.objects[BALL].part_probability[0], again.parts["top"].probability)


def test_a_true_contact_map_weighs_the_contact_energy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models that are right, and the real optimization: the region carries the weights and the energy reads them."""
    empty = {role: str(tmp_path) for role in ("detector", "segmenter", "inpainter", "keypoints")}
    path = recipe_file(tmp_path, **empty, views=8, size=192)
    stages = Pipeline.from_recipe(path).stages()
    body, thing = stages.bodies[PERSON], stages.objects[BALL]
    placement, stand = stages.pose.people[PERSON][0], stages.pose.objects[BALL]
    placed, xp = place_body(body, placement, stand), numpy_namespace()
    joints = joint_positions(xp, body, bone_transforms(xp, body, to_pose(xp, body.freedoms, placement.q), np.zeros(3)))
    c, s = np.cos(placement.heading), np.sin(placement.heading)
    joints = joints @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]) + placement.root
    joints = (joints - stand.translation) @ stand.rotation
    points = np.concatenate([thing.vertices, placed.vertices])
    cameras = cameras_around(points, (15.0,), tuple(45.0 * k for k in range(8)), 192)
    people = TruePeople(take_views(thing, cameras), placed, body, joints)
    monkeypatch.setattr(pipeline, "imagine_parts", partial(imagine_parts, load=lambda role, name, settings: people))
    region = stages.contacts[BALL].parts["top"]
    assert region.weight is not None
    geometry = FaceGeometry.of(thing)
    hips = joints[body.joint_names.index("pelvis")]
    peak = geometry.centers[region.weight > 0.9]
    assert np.linalg.norm(peak - hips, axis=1).max() < 0.35, "a seat is 35 cm wide"
    motion, solution = stages.optimization
    place = solution.energies[f"place:{EDGE}"]
    assert np.isfinite(place).all()
    assert sum(energy[-1] for energy in solution.energies.values()) < sum(
        energy[0] for energy in solution.energies.values()
    )
    assert place[-1] < 1.05 * place[0], "what the solve gives up elsewhere is not bought from the map"
    ball, sat = motion.objects[BALL], motion.people[PERSON].translation
    sat = np.einsum("tji,tj->ti", ball.rotation, sat - ball.translation)
    center = np.average(geometry.centers, axis=0, weights=region.weight)
    assert np.linalg.norm((sat - center)[:, :2], axis=1).max() < 0.15, "sits over the middle of the map"
