"""Contact imagined by frozen models: the formulas, the masks, the true region from true pictures, and every failure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from imagined_people import TruePeople
from plain_scene import box, part_of, plain_object

from zeroshot_hoi.affordance.backprojection import FaceGeometry, cameras_around, project, take_views
from zeroshot_hoi.affordance.base import PartError
from zeroshot_hoi.affordance.contact_map import (
    ContactView,
    average_views,
    is_whole_person,
    line_distances,
    normalize,
    part_lines,
    view_probability,
)
from zeroshot_hoi.affordance.inpainting import ContactMaps, ContactSettings, imagine_contacts, weigh_parts
from zeroshot_hoi.affordance.inpainting_masks import PlacedBody, body_part_mask, dilate, full_body_mask
from zeroshot_hoi.body.freedoms import to_pose
from zeroshot_hoi.body.kinematics import bone_transforms, joint_positions, pose_vertices
from zeroshot_hoi.body.load import load_body
from zeroshot_hoi.body.postures import angles
from zeroshot_hoi.core.arrays import numpy_namespace
from zeroshot_hoi.core.camera import look_at
from zeroshot_hoi.core.scene import ObjectParts
from zeroshot_hoi.models.base import Keypoints
from zeroshot_hoi.models.keypoint_names import COCO_BODY, COCO_WHOLE_BODY, GOLIATH

SMALL = ContactSettings(size=256, elevations=(0.0, 30.0), azimuths=(0.0, 72.0, 144.0, 216.0, 288.0))
CAMERA = look_at(np.array([0.0, -5.0, 0.0]), np.zeros(3), 0.5, 300, 400)


def fine(mesh: trimesh.Trimesh, edge: float) -> trimesh.Trimesh:
    return trimesh.Trimesh(*trimesh.remesh.subdivide_to_size(mesh.vertices, mesh.faces, edge), process=False)


@pytest.fixture(scope="module")
def scene():
    """A rail 1.2 m long that a standing person holds with the right hand at one place; the hand covers it there."""
    xp, body = numpy_namespace(), load_body("neutral")
    q = angles(body, {"right shoulder flexion": 60.0, "right elbow flexion": 20.0, "left shoulder abduction": 12.0})
    pose = to_pose(xp, body.freedoms, q)
    vertices = pose_vertices(xp, body, pose, np.zeros(3))
    joints = joint_positions(xp, body, bone_transforms(xp, body, pose, np.zeros(3)))
    palm = vertices[np.array([region == "right palm" for region in body.regions])].mean(axis=0)
    shift = -palm + np.array([-0.02, 0.25, 0.5])  # the hand is at y = .25 of the rail, which runs along y
    rail = fine(trimesh.creation.box(bounds=[[-0.02, -0.6, 0.48], [0.02, 0.6, 0.52]]), 0.02)
    foot = fine(trimesh.creation.box(bounds=[[-0.03, -0.5, 0.0], [0.03, -0.44, 0.48]]), 0.03)
    thing = plain_object("rail", rail + foot, box((-0.02, -0.6, 0.0), (0.02, 0.6, 0.52)), 0.03)
    person = PlacedBody(vertices + shift, body.faces, body.part_labels)
    return thing, body, person, joints + shift, np.arange(len(rail.faces)), palm + shift


def true_people(scene, settings: ContactSettings) -> TruePeople:
    thing, body, person, joints, _, _ = scene
    points = np.concatenate([thing.vertices, person.vertices])
    views = take_views(thing, cameras_around(points, settings.elevations, settings.azimuths, settings.size))
    return TruePeople(views, person, body, joints)


def imagine(scene, people: TruePeople, settings: ContactSettings = SMALL, parts=("right hand",)) -> ContactMaps:
    return imagine_contacts(scene[0], scene[2], parts, "holding the rail", people.models(), settings, seed=1)


def test_contact_peaks_where_the_true_hand_is(scene) -> None:
    thing, _, _, _, rail, palm = scene
    people = true_people(scene, SMALL)
    maps = imagine(scene, people)
    weight, geometry = maps.maps["right hand"], FaceGeometry.of(thing)
    assert weight.min() >= 0.0
    assert weight.max() == pytest.approx(1.0)
    peak = geometry.centers[weight > 0.9]
    assert np.linalg.norm(peak - palm, axis=1).max() < 0.12, "a hand is 19 cm long"
    far = np.linalg.norm(geometry.centers - palm, axis=1) > 0.35
    assert weight[far].max() < 0.5
    parts = ObjectParts("rail", {"rail": part_of(thing, "rail", rail, np.array([0.0, 0.0, 1.0]))}, np.zeros(3))
    weighed = weigh_parts(thing, parts, {"rail": ["right hand"]}, maps).parts["rail"]
    assert abs(weighed.center[1] - palm[1]) < 0.06
    assert np.ptp(geometry.centers[weighed.faces, 1]) < 0.6, "the part shrinks to where contact is likely"
    assert set(weighed.faces) <= set(rail)
    assert all("holding the rail" in prompt for prompt in people.prompts)


def test_body_parts_that_touch_nothing_get_no_map(scene) -> None:
    """Only the right hand touches; the others come near the rail in single pictures, which is no contact."""
    maps = imagine(scene, true_people(scene, SMALL), parts=("right hand", "left hand", "head", "left foot"))
    assert maps.maps["right hand"].max() == pytest.approx(1.0)
    for part in ("left hand", "head", "left foot"):
        assert not maps.maps[part].any(), part


def test_the_same_seed_asks_for_the_same_pictures(scene) -> None:
    first, again = true_people(scene, SMALL), true_people(scene, SMALL)
    one, two = imagine(scene, first), imagine(scene, again)
    np.testing.assert_array_equal(one.maps["right hand"], two.maps["right hand"])
    np.testing.assert_array_equal(np.stack(first.asked), np.stack(again.asked))


def test_masks_leave_the_object_and_shrink_to_the_person(scene) -> None:
    people = true_people(scene, SMALL)
    imagine(scene, people, replace(SMALL, noise=0.0))
    full, refined = people.asked[0], people.refined[0]
    assert (full & people.masks[0]).sum() == people.masks[0].sum(), "the whole placed body may be painted"
    assert refined.sum() < full.sum()
    np.testing.assert_array_equal(refined, full & dilate(people.masks[0], SMALL.grow * 0.5 * 0.5))


def test_views_without_a_whole_person_are_rejected_and_counted(scene) -> None:
    people = true_people(scene, SMALL)
    people.hidden, people.partial = {0, 3}, {1}
    maps = imagine(scene, people)
    assert maps.rejected == {"without a person": 2, "with fewer than 13 joints": 1}
    assert maps.used == {"right hand": 7}
    assert maps.sentence() == "7 of 10 views show a whole person (1 with fewer than 13 joints, 2 without a person)"
    people.hidden = set(range(8))
    with pytest.raises(PartError, match=r"2 of 10 views show a whole person.*8 without a person.*at least 3"):
        imagine(scene, people)


def test_a_part_without_keypoints_is_reported(scene) -> None:
    people = true_people(scene, SMALL)
    people.scores[[COCO_BODY.index("right_wrist")]] = 0.1
    with pytest.raises(PartError, match=r"No picture shows the right hand.*10 of 10 views.*hands and feet"):
        imagine(scene, people)


def test_a_part_that_no_contact_reaches_is_reported(scene) -> None:
    thing, *_ = scene
    maps = ContactMaps({"head": np.zeros(len(thing.faces))}, 8, {}, {"head": 8})
    parts = ObjectParts("rail", {"rail": part_of(thing, "rail", scene[4], np.array([0.0, 0.0, 1.0]))}, np.zeros(3))
    with pytest.raises(PartError, match="No picture places the head near the 'rail'"):
        weigh_parts(thing, parts, {"rail": ["head"]}, maps)


def test_equation_4_in_picture_diagonals() -> None:
    """500 pixels of diagonal: a point 50 pixels away is .1 diagonals away."""
    view = ContactView(CAMERA, np.array([[[100.0, 100.0], [200.0, 100.0]]]))
    points = np.array([[150.0, 100.0], [150.0, 150.0], [230.0, 140.0]])
    np.testing.assert_allclose(line_distances(points, view.lines), [0.0, 50.0, 50.0])
    np.testing.assert_allclose(view_probability(points, view, 1.0), np.exp([0.0, -0.1, -0.1]))
    np.testing.assert_allclose(view_probability(points, view, 0.1), np.exp([0.0, -1.0, -1.0]))


def test_equation_5_averages_over_the_views_that_see_a_point() -> None:
    probability = np.array([[1.0, 0.5, 0.3], [0.0, 0.9, 0.4]])
    visible = np.array([[True, True, False], [True, False, False]])
    mean, count = average_views(probability, visible, least=1)
    np.testing.assert_allclose(mean, [0.5, 0.5, 0.0])
    np.testing.assert_allclose(average_views(probability, visible, least=2)[0], [0.5, 0.25, 0.0])
    assert count.tolist() == [2, 1, 0]
    np.testing.assert_allclose(normalize(np.array([0.2, 0.6, 0.4, 9.0]), np.array([1, 1, 1, 0], bool)), [0, 1, 0.5, 1])
    assert not normalize(np.full(3, 0.4), np.ones(3, bool)).any()


def test_projection_agrees_with_a_pinhole() -> None:
    focal = 200.0 / np.tan(0.25)
    np.testing.assert_allclose(project(CAMERA, np.zeros((1, 3))), [[150.0, 200.0]])
    np.testing.assert_allclose(project(CAMERA, np.array([[0.5, 0.0, 0.2]])), [[150 + focal * 0.1, 200 - focal * 0.04]])
    assert np.isnan(project(CAMERA, np.array([[0.0, -6.0, 0.0]]))).all()


def people_of(names: tuple[str, ...], **points: tuple[float, float]) -> Keypoints:
    scores = np.array([0.9 if name in points else 0.0 for name in names])
    return Keypoints(names, np.array([points.get(name, (0.0, 0.0)) for name in names], float), scores)


def test_lines_through_body_parts() -> None:
    body = people_of(COCO_BODY, left_elbow=(0, 0), left_wrist=(0, 100), left_hip=(5, 5), right_hip=(15, 5))
    np.testing.assert_allclose(part_lines(body, "left hand"), [[[0, 120], [0, 150]]])
    np.testing.assert_allclose(part_lines(body, "hips"), [[[5, 5], [15, 5]]])
    np.testing.assert_allclose(part_lines(body, "left arm"), [[[0, 0], [0, 100]]])
    assert part_lines(body, "right hand").shape == (0, 2, 2)
    assert part_lines(body, "left leg").shape == (0, 2, 2)
    for names in (COCO_WHOLE_BODY, GOLIATH):
        fingers = people_of(names, right_index_1=(1, 2), right_index_2=(3, 4), right_thumb_1=(7, 7))
        np.testing.assert_allclose(part_lines(fingers, "right hand"), [[[7, 7], [7, 7]], [[1, 2], [3, 4]]])


def test_a_whole_person_shows_thirteen_joints() -> None:
    names = COCO_BODY[:13]
    assert is_whole_person(people_of(COCO_BODY, **{name: (1.0, 1.0) for name in names}))
    assert not is_whole_person(people_of(COCO_BODY, **{name: (1.0, 1.0) for name in names[:12]}))
    faces = people_of(COCO_WHOLE_BODY, **{f"face_{k}": (1.0, 1.0) for k in range(68)})
    assert not is_whole_person(faces), "a face is no whole person, however many points it has"


def test_masks_are_projections_grown_and_moved(scene) -> None:
    thing, _, person, *_ = scene
    view = take_views(thing, cameras_around(np.concatenate([thing.vertices, person.vertices]), (10.0,), (30.0,), 200))[
        0
    ]
    rng = np.random.default_rng(0)
    mask = full_body_mask(view, person, 5.0, 1.0, 0.0, rng)
    vertices = project(view.camera, person.vertices).astype(int)
    assert mask[vertices[:, 1], vertices[:, 0]].mean() > 0.99
    assert not mask[:3].any(), "the mask does not fill the picture"
    body_alone = dilate(full_body_mask(view, person, 0.0, 0.0, 0.0, rng), 0.0)
    rail = view.silhouette & ~body_alone
    assert (rail & ~mask).sum() > 0.2 * rail.sum(), "a thin object is not painted over whole"
    target = np.array([60.0, 80.0])
    hand = body_part_mask(view.camera, person, "right hand", target, 3.0, 0.0, rng)
    rows, columns = np.nonzero(hand)
    np.testing.assert_allclose([columns.mean(), rows.mean()], target, atol=3.0)
    assert hand.sum() < 0.1 * mask.sum()
    assert not body_part_mask(view.camera, person, "tail", target, 3.0, 0.0, rng).any()


def test_tiny_random_models_run_every_step(scene, tmp_path: Path) -> None:
    """Real pipelines with random weights: two runs end alike, in a map or in a report."""
    pytest.importorskip("diffusers", reason="needs the extra 'models'")
    from tiny_models import write
    from tiny_pipelines import write_pipeline

    from zeroshot_hoi.affordance.inpainting import ContactModels
    from zeroshot_hoi.models.build import load_model
    from zeroshot_hoi.models.settings import ModelSettings

    cpu = ModelSettings("cpu")
    models = ContactModels(
        load_model("inpainter", str(write_pipeline("sd", tmp_path / "sd")), cpu),
        load_model("detector", str(write("owlv2", tmp_path / "owlv2")), cpu),
        load_model("segmenter", str(write("sam2", tmp_path / "sam2")), cpu),
        load_model("keypoints", str(write("vitpose", tmp_path / "vitpose")), cpu),
    )
    object.__setattr__(models.inpainter, "steps", 3)
    object.__setattr__(models.detector, "threshold", 0.0)
    settings = ContactSettings(size=64, azimuths=(0.0, 180.0), least_views=1, least_joints=0)
    answers = []
    for _ in range(2):
        try:
            made = imagine_contacts(scene[0], scene[2], ("right hand",), "holding the rail", models, settings)
            answers.append(made.maps["right hand"].tolist())
        except PartError as error:
            answers.append(str(error))
    assert answers[0] == answers[1]
