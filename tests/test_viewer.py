"""The viewer: what it draws is the result, and in a browser play, scrub and switches do what they say."""

from __future__ import annotations

import io
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import Watched, chromium
from PIL import Image
from scipy.spatial.transform import Rotation
from test_report import make_meeting
from test_results import make_result

from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.results.viewer.garments import cut

pytest.importorskip("viser", reason="needs viser: pip install 'zeroshot-hoi[viewer]'")

from zeroshot_hoi.results.viewer.app import Viewer, viewer_names
from zeroshot_hoi.results.viewer.depth import Depths
from zeroshot_hoi.results.viewer.scene import NO_PART, PART_COLORS, part_mesh


def area(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float(0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())


def test_garments_cover_the_body_once_and_meet_at_equal_shares():
    person = make_result().people["person 1"]
    rest = person.vertices[0].astype(float)
    height = rest[:, 2]
    shares = np.stack([np.maximum(height - 0.8, 0), np.maximum(0.8 - height, 0)], axis=1)
    pieces = cut(person.faces, shares)
    assert set(pieces) == {0, 1}
    total = sum(area(piece.vertices(rest), piece.faces) for piece in pieces.values())
    assert total == pytest.approx(area(rest, person.faces), rel=1e-6)
    assert pieces[0].vertices(rest)[:, 2].min() == pytest.approx(0.8, abs=1e-6)
    assert pieces[1].vertices(rest)[:, 2].max() == pytest.approx(0.8, abs=1e-6)
    posed = person.vertices[4].astype(float)
    for piece in pieces.values():
        on_corner = piece.way[:, 0] == 0.0
        np.testing.assert_array_equal(piece.vertices(posed)[on_corner], posed[piece.first[on_corner]])


def test_depth_is_the_distance_to_the_nearest_face_of_the_box():
    result = make_meeting()
    depths, frame = Depths(result), 3
    world = result.people["person 1"].vertices[frame].astype(float)
    inside = np.zeros(len(world))
    for thing in result.objects.values():
        local = (world - thing.translation[frame]) @ thing.rotation[frame].astype(float)
        low, high = thing.vertices.min(0), thing.vertices.max(0)
        inside = np.maximum(inside, np.minimum(local - low, high - local).min(axis=1))
    assert (inside > 0.01).any()
    np.testing.assert_allclose(depths.at("person 1", frame), inside, atol=1e-5)


@pytest.fixture(scope="module")
def viewer():
    running = Viewer({"first": make_meeting(), "second": make_result()}, port=0)
    yield running
    running.stop()


@pytest.mark.parametrize("frame", [0, 5, 8])
def test_nodes_are_where_the_result_is(viewer, frame):
    viewer.show(frame)
    for name, scene in viewer.scenes.items():
        result = viewer.results[name]
        for who, pieces in scene._pieces.items():
            for handle, piece in pieces:
                np.testing.assert_allclose(
                    handle.vertices, piece.vertices(result.people[who].vertices[frame]), atol=1e-6
                )
        for what, handle in scene._things.items():
            track = result.objects[what]
            turn = Rotation.from_quat(handle.wxyz, scalar_first=True).as_matrix()
            np.testing.assert_allclose(turn, track.rotation[frame], atol=1e-5)
            np.testing.assert_allclose(handle.position, track.translation[frame], atol=1e-6)
    assert viewer._panel._slider.value == frame


def test_results_stand_side_by_side_without_overlap(viewer):
    (_, first_high), (second_low, _) = viewer._bounds
    assert second_low[1] > first_high[1] + 0.5


def test_parts_are_colored_by_their_likelihood():
    track = make_meeting().objects["iron"]
    count = len(track.faces)
    likely = np.zeros((2, count))
    likely[0, 0], likely[1, 1] = 1.0, 0.5
    mesh = part_mesh(replace(track, part_names=("handle", "sole"), part_probability=likely))
    colors = np.asarray(mesh.visual.vertex_colors)[:, :3].reshape(count, 3, 3).astype(int)
    np.testing.assert_array_equal(colors[0], [PART_COLORS[0]] * 3)
    half = 0.5 * (np.array(NO_PART) + np.array(PART_COLORS[1]))
    assert np.abs(colors[1] - half).max() <= 1
    np.testing.assert_array_equal(colors[2:], np.broadcast_to(NO_PART, (count - 2, 3, 3)))
    np.testing.assert_allclose(mesh.vertices[mesh.faces], track.vertices[track.faces], atol=1e-6)


def test_the_distance_plot_has_its_dot_at_the_frame(viewer):
    for frame in (0, 6):
        viewer.show(frame)
        (plot,) = [plot for plot in viewer._panel._plots if plot._plot.title.startswith("first")]
        times, *rows = plot._plot.data
        count = len(rows) // 2
        assert count == len(viewer.scenes["first"].lines) > 0
        for row, dots in zip(rows[:count], rows[count:], strict=True):
            assert np.flatnonzero(np.isfinite(dots)).tolist() == [frame]
            assert dots[frame] == row[frame]
        assert times[frame] == pytest.approx(frame / viewer.fps)


def test_a_taken_port_is_left_alone_and_only_this_machine_is_served(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = Viewer({"only": make_result()}, port=port)
        try:
            assert other.url.startswith("http://127.0.0.1:")
            assert int(other.url.rsplit(":", 1)[1]) != port
            assert other.url in other._repr_html_()
            assert capsys.readouterr().out == "", "what is printed is for those who ask for the viewer to say"
        finally:
            other.stop()


def test_nothing_to_show_is_an_error():
    with pytest.raises(ResultError, match="at least one"):
        Viewer({})


def test_files_of_one_name_get_numbers():
    paths = [Path("a/lift.npz"), Path("b/lift.npz"), Path("c/sit (old).npz")]
    assert viewer_names(paths) == ["lift 1", "lift 2", "sit _old_"]


@pytest.fixture(scope="module")
def opened(viewer):
    viewer._server.scene.configure_default_lights(cast_shadow=False)  # costs seconds a frame without a graphics card
    with chromium() as browser:
        watched = Watched(browser.new_page(viewport={"width": 640, "height": 420}))
        watched.page.goto(viewer.url)
        watched.page.get_by_role("button", name="Play").wait_for()
        watched.page.wait_for_timeout(3000)
        yield watched
        ours = [fault for fault in watched.errors if "deprecated" not in fault]
        assert ours == []
        assert {address.split("/")[2] for address in watched.addresses if "://" in address} <= {
            viewer.url.split("/")[2], ""
        }  # fmt: skip


def picture(watched) -> np.ndarray:
    data = watched.page.screenshot(clip={"x": 0, "y": 130, "width": 200, "height": 280})
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int)


def changed(watched, before: np.ndarray, share: float = 0.003) -> bool:
    """Whether the picture differs, given time to be drawn."""
    for _ in range(40):
        if (np.abs(picture(watched) - before).max(axis=-1) > 20).mean() > share:
            return True
        watched.page.wait_for_timeout(250)
    return False


def test_scrubbing_in_the_browser_shows_the_named_frame(opened, viewer):
    viewer.play(False)
    viewer.show(0)
    opened.page.wait_for_timeout(1000)
    before = picture(opened)
    box = opened.page.locator("input.mantine-NumberInput-input, input[type=text]").first
    box.fill("7")
    box.press("Enter")
    for _ in range(40):
        if viewer.frame == 7:
            break
        opened.page.wait_for_timeout(100)
    assert viewer.frame == 7
    opened.wait_until("document.body.innerText.includes('frame 7 of 8')")
    assert changed(opened, before)


def test_play_in_the_browser_moves_the_frames_and_pause_stops(opened, viewer):
    viewer.show(0)
    opened.page.get_by_role("button", name="Play").click()
    seen = set()
    for _ in range(60):
        seen.add(viewer.frame)
        opened.page.wait_for_timeout(50)
    opened.page.get_by_role("button", name="Pause").click()
    opened.page.get_by_role("button", name="Play").wait_for()
    assert len(seen) >= 4
    stopped = viewer.frame
    opened.page.wait_for_timeout(300)
    assert viewer.frame == stopped


@pytest.mark.parametrize("switch", ["Object parts", "Ghosts"])
def test_switches_change_the_picture_and_back(opened, viewer, switch):
    viewer.show(5)
    opened.page.wait_for_timeout(1500)
    before = picture(opened)
    box = opened.page.get_by_label(switch).or_(opened.page.locator(f"text={switch} >> xpath=../.. >> input")).first
    box.check(force=True)
    assert changed(opened, before, 0.001)
    box.uncheck(force=True)


def test_the_command_tells_its_address_as_json_and_ends_at_ctrl_c(tmp_path, checkout):
    make_result().save(tmp_path / "a.npz")
    command = [sys.executable, "-m", "zeroshot_hoi", "view", str(tmp_path / "a.npz"), "--json", "--port", "0"]
    process = subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = []
        while not lines or lines[-1].rstrip() != "}":
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        url = json.loads("".join(lines))["url"]
        with urllib.request.urlopen(url, timeout=60) as page:
            assert page.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert process.stdout.read() == ""
    finally:
        process.kill()
        process.communicate()


def test_pausing_brings_slider_graph_and_plots_to_the_frame(viewer):
    viewer.show(0)
    viewer.playing = True  # the clock stands, because its frames are shown here
    viewer._told = float("inf")
    viewer.show(6)
    assert viewer._panel._slider.value == 0, "too soon after the last update"
    viewer.play(False)
    assert viewer._panel._slider.value == viewer.frame
    (plot,) = [plot for plot in viewer._panel._plots if plot._plot.title.startswith("first")]
    assert np.isfinite(plot._plot.data[-1][viewer.frame])
