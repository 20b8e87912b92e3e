"""The renderer: geometry of the picture, light and shadow, textures, automatic cameras."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from zeroshot_hoi.core.camera import look_at
from zeroshot_hoi.core.errors import MeshError
from zeroshot_hoi.render.appearance import Appearance, read_appearance
from zeroshot_hoi.render.cameras import frame_points, view_direction
from zeroshot_hoi.render.palette import dress, to_linear, to_srgb
from zeroshot_hoi.render.proxy import coarse_faces, solid_faces
from zeroshot_hoi.render.renderer import Style, render_frame, render_views, visible_pixels
from zeroshot_hoi.render.shot import Shot
from zeroshot_hoi.render.studio import Studio
from zeroshot_hoi.render.surface import crease_normals, make_surface, vertex_normals

BARE = Style(ground=False)


def _ball(center=(0.0, 0.0, 1.0), radius=0.3, color=(200, 40, 40)):
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    return make_surface(mesh.vertices + np.array(center), mesh.faces, color, smooth=True)


def _box(extents, center, color=(180, 180, 180)):
    mesh = trimesh.creation.box(extents)
    return make_surface(mesh.vertices + np.array(center), mesh.faces, color)


def test_sphere_covers_its_projected_disk():
    camera = look_at(np.array([4.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0]), np.radians(30.0), 200, 160)
    pixels = visible_pixels([_ball()], camera)[0]
    focal = 80.0 / np.tan(np.radians(15.0))
    radius = focal * np.tan(np.arcsin(0.3 / 4.0))
    assert pixels == pytest.approx(np.pi * radius**2, rel=0.02)


def test_image_axes_left_is_plus_y_from_the_front_and_up_is_z():
    camera = look_at(np.array([4.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0]), np.radians(40.0), 120, 120)
    red, blue = _ball((0, -0.7, 1.6), 0.2, (220, 20, 20)), _ball((0, 0.7, 0.4), 0.2, (20, 20, 220))
    image = render_frame([red, blue], camera, BARE).astype(int)
    redness, blueness = image[..., 0] - image[..., 2], image[..., 2] - image[..., 0]
    rows, columns = np.nonzero(redness > 60)
    assert columns.mean() < 60 < np.nonzero(blueness > 60)[1].mean()
    assert rows.mean() < 60 < np.nonzero(blueness > 60)[0].mean()


def test_nearer_surface_hides_the_farther_one():
    camera = look_at(np.array([4.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0]), np.radians(30.0), 64, 64)
    near, far = _ball((1.0, 0, 1), 0.3), _ball((-1.0, 0, 1), 0.3)
    for order, hidden in (([near, far], 1), ([far, near], 0)):
        assert visible_pixels(order, camera)[hidden] == 0


def test_shadow_darkens_the_floor_under_a_box_and_not_far_away():
    camera = look_at(np.array([0.0, -4.0, 3.0]), np.array([0.0, 0.0, 0.2]), np.radians(40.0), 160, 160)
    box = _box((0.6, 0.6, 0.05), (0.0, 0.0, 0.5))
    image = render_frame([box], camera, Style(line_spacing=100.0)).astype(float).mean(axis=2)
    lit = np.median(image[130:, 60:100])
    assert image[60:130].min() < 0.8 * lit


def test_picture_is_deterministic_and_has_the_cameras_size():
    camera = frame_points(_ball().vertices, 0.4, 0.2, width=90, height=60)
    first, second = (render_frame([_ball()], camera) for _ in range(2))
    assert first.shape == (60, 90, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, second)


def test_texture_reaches_the_right_side():
    picture = np.zeros((32, 32, 4), np.uint8)
    picture[:, :16] = (230, 20, 20, 255)
    picture[:, 16:] = (20, 230, 20, 255)
    vertices = np.array([[0, -1, 0], [0, 1, 0], [0, 1, 2], [0, -1, 2]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    surface = Appearance((255, 255, 255, 255), uv=uv, texture=picture).surface(vertices, faces)
    camera = look_at(np.array([5.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0]), np.radians(25.0), 100, 100)
    image = render_frame([surface], camera, BARE).astype(int)
    assert image[50, 25, 0] > image[50, 25, 1] + 60
    assert image[50, 75, 1] > image[50, 75, 0] + 60


@pytest.mark.parametrize("azimuth", [0.0, 2.0, -2.5])
@pytest.mark.parametrize("shape", [(480, 720), (720, 300)])
def test_framing_sees_every_point_and_touches_the_margin(azimuth, shape):
    points = np.random.default_rng(0).normal(size=(200, 3)) * [0.3, 0.8, 0.5] + [2.0, 1.0, 1.0]
    width, height = shape
    camera = frame_points(points, azimuth, 0.3, width=width, height=height, margin=0.1)
    local = (points - camera.T_world_camera[:3, 3]) @ camera.T_world_camera[:3, :3]
    slope = np.tan(camera.vertical_fov / 2)
    x = local[:, 0] / -local[:, 2] / (slope * width / height)
    y = local[:, 1] / -local[:, 2] / slope
    assert np.all(local[:, 2] < 0)
    reach = max(np.abs(x).max(), np.abs(y).max())
    assert reach == pytest.approx(0.8, abs=1e-6)


def test_view_direction_is_counterclockwise_from_x():
    np.testing.assert_allclose(view_direction(np.pi / 2, 0.0), [0, 1, 0], atol=1e-12)


def test_crease_normals_keep_a_box_sharp_and_a_sphere_smooth():
    box = trimesh.creation.box()
    corner = crease_normals(np.asarray(box.vertices), np.asarray(box.faces))
    np.testing.assert_allclose(corner, np.repeat(box.face_normals[:, None], 3, axis=1), atol=1e-9)
    ball = trimesh.creation.icosphere(subdivisions=3)
    smooth = crease_normals(np.asarray(ball.vertices), np.asarray(ball.faces))
    radial = ball.vertices[ball.faces]
    assert np.einsum("fki,fki->fk", smooth, radial).min() > 0.995


def test_vertex_normals_point_outward_on_a_sphere():
    ball = trimesh.creation.icosphere(subdivisions=2)
    normals = vertex_normals(np.asarray(ball.vertices), np.asarray(ball.faces))
    assert np.einsum("vi,vi->v", normals, ball.vertices).min() > 0.99


def test_colors_round_trip_through_linear_light():
    values = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_srgb(to_linear(values)), values)


def test_clothes_cover_what_they_should_and_hems_stay_near_their_labels():
    skin, shirt, trousers, hand = dress(("head", "torso", "left leg", "right hand")).tolist()
    assert skin == hand
    assert skin != shirt != trousers
    strip = trimesh.creation.cylinder(radius=0.1, height=1.0, sections=24).subdivide().subdivide().subdivide()
    labels = np.where(strip.vertices[:, 2] > 0.0, "torso", "hips")
    plain, smooth = dress(labels), dress(labels, 0, np.asarray(strip.faces))
    far = np.abs(strip.vertices[:, 2]) > 0.3
    assert np.abs(plain[far].astype(int) - smooth[far]).max() <= 2


def test_vertex_colors_and_unset_defaults_are_read():
    mesh = trimesh.creation.box()
    assert read_appearance(mesh.visual, 1).base_color != read_appearance(mesh.visual, 2).base_color
    mesh.visual.vertex_colors = np.tile([10, 20, 30, 255], (len(mesh.vertices), 1))
    colors = read_appearance(mesh.visual).colors
    assert colors is not None
    np.testing.assert_array_equal(colors[0], [10, 20, 30, 255])


def test_a_gltf_factor_is_linear_light_and_a_diffuse_color_is_not():
    factor = trimesh.visual.TextureVisuals(
        material=trimesh.visual.material.PBRMaterial(baseColorFactor=[55, 55, 0, 255])
    )
    assert read_appearance(factor).base_color == (128, 128, 0, 255)
    diffuse = trimesh.visual.TextureVisuals(material=trimesh.visual.material.SimpleMaterial(diffuse=[55, 55, 0, 255]))
    assert read_appearance(diffuse).base_color == (55, 55, 0, 255)


def test_views_are_side_by_side():
    ball = trimesh.creation.icosphere(subdivisions=2)
    cameras = [frame_points(ball.vertices, a, 0.2) for a in (0.0, 1.5)]
    image = render_views([(ball.vertices, ball.faces)], [ball], cameras, size=(40, 30))
    assert image.shape == (40, 60, 3)


def test_nothing_to_draw_is_an_error():
    with pytest.raises(MeshError, match="at least one"):
        render_frame([], look_at(np.ones(3), np.zeros(3), 0.5, 8, 8))


def test_a_studio_moves_and_reshapes_surfaces_like_new_ones():
    ball, box = _ball(), _box((0.3, 0.3, 0.3), (0.0, 0.0, 0.0))
    turn, shift = Rotation.from_rotvec([0.0, 0.0, 0.7]).as_matrix(), np.array([0.2, 0.8, 0.3])
    longer = ball.vertices * [1.0, 1.0, 1.3]
    camera = look_at(np.array([4.0, 1.0, 2.0]), np.array([0.0, 0.3, 0.8]), np.radians(35.0), 120, 120)
    points = np.concatenate([longer, box.moved(turn, shift).vertices])
    studio = Studio([ball, box], bounds=(points.min(axis=0), points.max(axis=0)), coarse=True)
    drawn = Shot(studio, camera).draw(studio.arrange([longer, (turn, shift)])).astype(int)
    anew = render_frame([ball.posed(longer), box.moved(turn, shift)], camera).astype(int)
    difference = np.abs(drawn - anew).max(axis=-1)
    assert difference.mean() < 0.5
    assert np.quantile(difference, 0.999) < 16
    still = render_frame([ball, box], camera).astype(int)
    assert np.abs(drawn - still).max(axis=-1).mean() > 2.0


def test_only_closed_shells_that_face_outward_are_solid():
    box = trimesh.creation.box()
    vertices, faces = np.asarray(box.vertices), np.asarray(box.faces)
    assert solid_faces(vertices + 5.0, faces).all()
    assert not solid_faces(vertices, faces[:, ::-1]).any()
    assert not solid_faces(vertices, faces[1:]).any()
    both = np.concatenate([faces, faces[:, ::-1] + len(vertices)])
    np.testing.assert_array_equal(solid_faces(np.tile(vertices, (2, 1)), both), np.arange(24) < 12)


def test_an_open_sheet_is_drawn_from_behind_too():
    square = np.array([[0, -1, 0], [0, 1, 0], [0, 1, 2], [0, -1, 2]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    for side in (4.0, -4.0):
        camera = look_at(np.array([side, 0.0, 1.0]), np.array([0.0, 0.0, 1.0]), np.radians(40.0), 50, 50)
        assert visible_pixels([make_surface(square, faces)], camera)[0] > 500


def test_coarse_faces_use_old_vertices_and_keep_the_shape():
    ball = trimesh.creation.icosphere(subdivisions=4)
    kept, faces = coarse_faces(np.asarray(ball.vertices), np.asarray(ball.faces), 600)
    assert 300 < len(faces) <= 600
    assert faces.max() < len(kept) < len(ball.vertices)
    coarse = trimesh.Trimesh(ball.vertices[kept], faces, process=False)
    assert coarse.volume == pytest.approx(ball.volume, rel=0.03)
