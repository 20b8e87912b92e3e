"""The report: its numbers come back exactly enough, it needs no network, and in a browser it plays."""

from __future__ import annotations

import base64
import io
import json
import re
import zlib
from dataclasses import replace

import numpy as np
import pytest
from browser import Watched, chromium
from PIL import Image
from test_results import EDGE, make_result

from zeroshot_hoi.render.appearance import Appearance
from zeroshot_hoi.results.contact_lines import contact_lines, part_points
from zeroshot_hoi.results.report.page import report_html, safe_json
from zeroshot_hoi.results.report.payload import encode_frames, make_payload, metric_rows, quantize
from zeroshot_hoi.results.result import Result


def make_meeting() -> Result:
    """Two people, an iron with a handle and a board with a top; the first contact opens halfway."""
    result = make_result()
    person = result.people["person 1"]
    second = replace(person, vertices=person.vertices + np.float32([0.0, 1.0, 0.0]))
    parts = {"iron": "handle", "ironing board": "top"}
    objects = {}
    for name, thing in result.objects.items():
        likely = np.zeros((1, len(thing.faces)))
        likely[0, : len(thing.faces) // 3] = 0.9
        objects[name] = replace(thing, part_names=(parts[name],), part_probability=likely)
    distance = np.where(np.arange(result.frames) < 5, 0.002, 0.3)
    metrics = {
        "contact:held": {"value": 1.0, "unit": "share of frames", "direction": "higher", "threshold": 0.95},
        "jitter:shaky": {"value": 9.0, "unit": "mm", "direction": "lower", "threshold": 2.0},
        "diversity": {"value": 0.3, "unit": "m", "direction": "higher", "threshold": None},
    }
    return replace(
        result, people={"person 1": person, "person 2": second}, objects=objects, contacts={EDGE: distance},
        meta={**result.meta, "metrics": metrics, "prompts": {"recipe.toml": "name = 'meeting'\n" * 40}},
    )  # fmt: skip


@pytest.mark.parametrize("travel", [0.0, 30.0])
def test_codes_of_frames_come_back_within_half_a_step(travel):
    rng = np.random.default_rng(0)
    vertices = rng.normal(size=(7, 50, 3)) + np.linspace(0, travel, 7)[:, None, None]
    codes, low, step = quantize(vertices)
    data = encode_frames(codes)
    count = data.size // 2
    steps = (data[:count].astype(np.uint16) | data[count:].astype(np.uint16) << 8).reshape(codes.shape)
    decoded = np.cumsum(steps, axis=0, dtype=np.uint16)
    assert np.abs(low + step * decoded - vertices).max() <= 0.5001 * step
    assert step == pytest.approx(max(1e-4, np.ptp(vertices, axis=(0, 1)).max() / 65535))


def test_the_block_holds_every_array_where_the_description_says():
    result = make_meeting()
    description, block = make_payload(result)
    data = zlib.decompress(base64.b64decode(block))

    def read(place):
        return np.frombuffer(data, place["type"], place["count"], place["at"])

    board = description["objects"][1]
    positions, faces = read(board["positions"]).reshape(-1, 3), read(board["faces"]).reshape(-1, 3)
    track = result.objects["ironing board"]
    np.testing.assert_allclose(positions[faces], track.vertices[track.faces], atol=1e-6)
    np.testing.assert_array_equal(read(board["rotation"]), track.rotation.reshape(-1))
    assert read(board["likely"])[faces[0]].max() > 200
    assert read(board["likely"])[faces[-1]].max() < 60
    assert {read(description["people"][k]["faces"]).size for k in (0, 1)} == {result.people["person 1"].faces.size}


def test_contact_lines_end_on_the_touched_part_at_its_place_in_the_world():
    result = make_meeting()
    line = next(line for line in contact_lines(result) if line.edge == EDGE)
    handle, thing = part_points(result, "iron.handle"), result.objects["iron"]
    frame = result.frames - 1
    chosen = np.unique(thing.faces[thing.part_probability[0] > 0.5])
    np.testing.assert_allclose(handle[frame], thing.vertices_at(frame)[chosen], atol=1e-6)
    hand = part_points(result, "person 1.right hand")
    nearest = np.linalg.norm(hand[frame][:, None] - handle[frame][None], axis=-1).min(axis=0)
    assert np.linalg.norm(handle[frame] - line.end[frame], axis=1).argmin() == nearest.argmin()
    assert line.closed.tolist() == [True] * 5 + [False] * 4


def test_parts_that_a_file_lacks_leave_a_contact_without_a_line():
    assert contact_lines(make_result()) == []


def test_verdicts_follow_bars_and_directions():
    rows = metric_rows(make_meeting().meta["metrics"] | {
        "lost": {"value": float("nan"), "unit": "mm", "direction": "lower", "threshold": 1.0}
    })  # fmt: skip
    verdicts = {row["key"]: row["passed"] for row in rows}
    assert verdicts == {"contact:held": True, "jitter:shaky": False, "lost": False, "diversity": None}
    assert rows[-1]["key"] == "diversity"


def test_the_page_asks_for_nothing_and_text_stays_text(tmp_path):
    result = make_meeting()
    evil = "</script><script>alert(1)</script><img src=https://example.com/x.png>"
    page = report_html(replace(result, meta={**result.meta, "text": evil}))
    assert "<script>alert" not in page
    assert "<img" not in page
    addresses = set(re.findall(r"https?://[^\s\"'<>\\]+", page.replace("https://example.com/x.png", "")))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert json.loads(safe_json({"a": evil})) == {"a": evil}


def test_a_texture_reaches_the_picture(tmp_path):
    result = make_meeting()
    board = result.objects["ironing board"]
    stripes = np.zeros((8, 8, 4), np.uint8)
    stripes[:4] = (255, 0, 0, 255)
    stripes[4:] = (0, 255, 0, 255)
    look = Appearance(base_color=(255, 255, 255, 255), uv=board.vertices[:, [0, 1]] + 0.5, texture=stripes)
    textured = replace(result, objects={**result.objects, "ironing board": replace(board, look=look)})
    path = tmp_path / "textured.html"
    textured.export(path)
    with chromium() as browser:
        watched = Watched(browser.new_page(viewport={"width": 800, "height": 600}))
        watched.page.goto(path.as_uri())
        watched.wait_until("window.hoi !== undefined && hoi.state.player.objects[1].picture !== null")
        shown = picture(watched)
        assert watched.errors == []
    red = (shown[..., 0] > 2 * shown[..., 1]).mean()
    green = (shown[..., 1] > 2 * shown[..., 0]).mean()
    assert red > 0.03
    assert green > 0.003


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """The report of the meeting in a browser, and the result."""
    result = make_meeting()
    path = tmp_path_factory.mktemp("report") / "meeting.html"
    result.export(path)
    with chromium() as browser:
        watched = Watched(browser.new_page(viewport={"width": 1100, "height": 800}))
        watched.page.goto(path.as_uri())
        watched.wait_until("window.hoi !== undefined")
        yield watched, result
        assert watched.errors == []
        assert {address.split(":")[0] for address in watched.addresses} <= {"file", "data", "blob"}


def picture(watched) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(watched.page.locator("#picture").screenshot())).convert("RGB"), int)


@pytest.mark.parametrize("frame", [0, 4, 8])
def test_scrubbing_shows_the_named_frame(opened, frame):
    watched, result = opened
    watched.page.locator("#frame").fill(str(frame))
    assert watched.page.locator("#clock").inner_text().startswith(f"frame {frame} of {result.frames - 1}")
    for index, person in enumerate(result.people.values()):
        shown = np.reshape(watched.page.evaluate(f"hoi.positions({index})"), (-1, 3))
        assert np.abs(shown - person.vertices[frame]).max() < 1e-4
    places = watched.page.evaluate(
        "hoi.state.player.objects.map(t => Array.from(hoi.state.player.placeOf(t, hoi.state.frame)))"
    )
    for matrix, thing in zip(places, result.objects.values(), strict=True):
        shown = np.reshape(matrix, (4, 4)).T
        np.testing.assert_allclose(shown[:3, :3], thing.rotation[frame], atol=1e-5)
        np.testing.assert_allclose(shown[:3, 3], thing.translation[frame], atol=1e-6)


def test_the_picture_the_graph_and_the_plots_follow_the_frame(opened):
    watched, _ = opened
    page = watched.page
    page.evaluate("hoi.seek(1)")
    first, closed = picture(watched), page.locator("#graph path.edge.closed").count()
    cursor = float(page.locator("#timeline line").nth(1).get_attribute("x1"))
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 500
    page.evaluate("hoi.seek(7)")
    second = picture(watched)
    assert (np.abs(first - second).max(axis=-1) > 20).mean() > 0.005
    assert page.locator("#graph path.edge.closed").count() == closed - 1
    assert float(page.locator("#timeline line").nth(1).get_attribute("x1")) > cursor


MOVES = """async () => {
  const first = hoi.positions(0); let most = 0;
  for (let look = 0; look < 400 && most < 1e-3; look++) {
    await new Promise(done => setTimeout(done, 25));
    hoi.positions(0).forEach((x, k) => { most = Math.max(most, Math.abs(x - first[k])); });
  }
  return most;
}"""
"""The farthest that a coordinate of the first person gets from where it is now, metres, within ten seconds."""


def test_play_moves_the_person_and_pause_stops(opened):
    watched, _ = opened
    page = watched.page
    page.evaluate("hoi.seek(0)")
    page.click("#play")
    assert page.evaluate(MOVES) >= 1e-3
    page.click("#play")
    stopped = page.evaluate("hoi.state.frame")
    page.wait_for_timeout(200)
    assert page.evaluate("hoi.state.frame") == stopped


def test_long_texts_of_the_provenance_are_folded_and_whole(opened):
    watched, result = opened
    fold = watched.page.locator("#provenance details")
    assert fold.locator("summary").inner_text() == "recipe.toml"
    assert fold.locator("pre").text_content() == result.meta["prompts"]["recipe.toml"]


def test_missed_bars_are_said_first(opened):
    watched, _ = opened
    assert watched.page.locator("#verdict").inner_text() == "1 of 2 bars hold; missed: jitter:shaky"
    assert "jitter:shaky" in watched.page.locator("#metrics tr").first.inner_text()
