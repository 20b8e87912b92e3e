"""How many frames a second a browser draws of two people and three objects: in the page of a result, and in the viewer.

What is counted is what the browser did: calls of the page's `draw`, and for the viewer the animation frames in which
new vertices reached WebGL. A browser without a graphics card computes every pixel on the processor, so each scene is
played a second time with `drawElements` doing nothing. What is left then is all that the page, the server and the
connection do themselves: the share that does not depend on a graphics card. Beside the rate stands the processor time
of a frame, by the browser's processes, which depends little on what else the machine does (Linux only).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from zeroshot_hoi.results.result import Result

WANTED = 30.0
"""Frames a second."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]

ASIDE = 2.0
"""Metres to the second person and their things."""

WIDTH, HEIGHT = 1280, 800

PLAY_PAGE = """async ([seconds, drawing]) => {
  const player = hoi.state.player, draw = player.draw.bind(player), elements = player.gl.drawElements;
  if (!drawing) player.gl.drawElements = () => {};
  let drawn = 0; const seen = new Set();
  player.draw = (...given) => {
    draw(...given); drawn++; seen.add(Math.floor(hoi.state.frame));
  };
  hoi.seek(0); hoi.play(true); const start = performance.now();
  await new Promise(done => setTimeout(done, 1000 * seconds));
  hoi.play(false); const took = (performance.now() - start) / 1000;
  player.draw = draw; player.gl.drawElements = elements;
  return { rate: drawn / took, drawn, seen: seen.size };
}"""

WATCH_VIEWER = """(() => {
  const seen = window.__played = { drawn: 0, ticks: 0, fresh: false, drawing: true };
  const gl = WebGL2RenderingContext.prototype;
  for (const [name, place] of [["bufferData", 1], ["bufferSubData", 2]]) {
    const original = gl[name];
    gl[name] = function (...given) {
      if (given[place] && given[place].byteLength > 20000) seen.fresh = true;
      return original.apply(this, given);
    };
  }
  for (const name of ["drawElements", "drawArrays"]) {
    const original = gl[name];
    gl[name] = function (...given) { if (seen.drawing) return original.apply(this, given); };
  }
  const tick = () => {
    seen.ticks++; if (seen.fresh) { seen.drawn++; seen.fresh = false; }
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
})()"""


@dataclass(frozen=True)
class Played:
    """One way of playing the scene."""

    where: str
    drawing: bool
    """Whether triangles were drawn, or everything but that was done."""
    rate: float
    """Frames a second that the browser drew."""
    page_ms: float = float("nan")
    """Processor time of a frame in the process that runs the page, milliseconds."""
    picture_ms: float = float("nan")
    """And in the one that draws: a graphics card's work where there is one."""
    note: str = ""


class Processors:
    """Processor time of this program's browser since the last look, by kind of process."""

    def __init__(self) -> None:
        self._before = self._now()

    def spent(self, frames: float) -> tuple[float, float]:
        """Milliseconds a frame of the page's process and of the drawing one; NaN where the system does not tell."""
        before, self._before = self._before, self._now()
        if not self._before:
            return float("nan"), float("nan")
        kinds = [self._before.get(kind, 0.0) - before.get(kind, 0.0) for kind in ("renderer", "gpu-process")]
        return tuple(1000.0 * seconds / max(frames, 1.0) for seconds in kinds)  # type: ignore[return-value]

    @staticmethod
    def _now() -> dict[str, float]:
        """Seconds by `--type` of all descendants of this process."""
        parents: dict[int, int] = {}
        told: dict[int, tuple[str, float]] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            kind = re.search(r"--type=([\w-]+)", command)
            parents[int(folder.name)] = int(words[1])
            seconds = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
            told[int(folder.name)] = (kind.group(1) if kind else "", seconds)
        total: dict[str, float] = {}
        for process, (kind, seconds) in told.items():
            above = process
            while above in parents and above != os.getpid():
                above = parents[above]
            if above == os.getpid():
                total[kind] = total.get(kind, 0.0) + seconds
        return total


def crowd(result: Result, people: int = 2, objects: int = 3, fps: float = WANTED) -> Result:
    """The result with as many people and objects, its own ones repeated to the side, at `fps` frames a second."""
    aside = np.array([0.0, ASIDE, 0.0], np.float32)
    actors, things = list(result.people.values()), list(result.objects.items())
    crowded, stage = {}, {}
    for k in range(people):
        one = actors[k % len(actors)]
        crowded[f"person {k + 1}"] = replace(one, vertices=one.vertices + k // len(actors) * aside)
    for k in range(objects):
        name, thing = things[k % len(things)]
        again = k // len(things)
        stage[f"{name} {again}" if again else name] = replace(thing, translation=thing.translation + again * aside)
    return replace(result, people=crowded, objects=stage, meta={**result.meta, "fps": fps})


@contextmanager
def browser_page() -> Iterator[Any]:
    """A page of a headless Chromium."""
    from playwright import sync_api

    path = os.environ.get("ZEROSHOT_HOI_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.set_default_timeout(120_000)
            yield page
        finally:
            browser.close()


def play_page(result: Result, seconds: float) -> Iterator[Played]:
    """The page of `export("x.html")`."""
    with TemporaryDirectory() as folder, browser_page() as page:
        path = Path(folder) / "crowd.html"
        result.export(path)
        page.goto(path.as_uri())
        while not page.evaluate("window.hoi !== undefined"):
            page.wait_for_timeout(100)
        page.evaluate(PLAY_PAGE, [1.0, True])  # compiles
        for drawing in (True, False):
            processors = Processors()
            told = page.evaluate(PLAY_PAGE, [seconds, drawing])
            spent = processors.spent(told["drawn"])
            yield Played("page", drawing, told["rate"], *spent, f"{told['seen']} of {result.frames} frames were seen")


def play_viewer(result: Result, seconds: float) -> Iterator[Played]:
    """The viewer, its server on this machine too."""
    from zeroshot_hoi.results.viewer.app import Viewer

    viewer = Viewer({"crowd": result}, port=0)
    try:
        with browser_page() as page:
            page.add_init_script(WATCH_VIEWER)
            page.goto(viewer.url)
            page.get_by_role("button", name="Play").wait_for()
            page.wait_for_timeout(5000)
            for shadows, drawing in ((True, True), (False, True), (False, False)):
                viewer._server.scene.configure_default_lights(cast_shadow=shadows)
                page.evaluate(f"window.__played.drawing = {json.dumps(drawing)}")
                page.wait_for_timeout(2000)
                yield _play_viewer(viewer, page, seconds, shadows, drawing)
    finally:
        viewer.stop()


def _play_viewer(viewer: Any, page: Any, seconds: float, shadows: bool, drawing: bool) -> Played:
    shown, show = [0], viewer.show

    def counted(frame: int) -> None:
        shown[0] += 1
        show(frame)

    viewer.show = counted
    page.evaluate("window.__played.drawn = window.__played.ticks = 0")
    before, busy, processors = time.monotonic(), time.process_time(), Processors()
    viewer.play(True)
    page.wait_for_timeout(1000 * seconds)
    drawn, ticks = page.evaluate("[window.__played.drawn, window.__played.ticks]")
    spent = processors.spent(drawn)
    viewer.play(False)
    took, used = time.monotonic() - before, time.process_time() - busy
    viewer.show = show
    note = (
        f"{'with' if shadows else 'without'} shadows; server sent {shown[0] / took:.0f} a second, "
        f"{1000 * used / max(shown[0], 1):.1f} ms of a processor each; {ticks / took:.0f} animation frames a second"
    )
    return Played("viewer", drawing, drawn / took, *spent, note)


PLAYERS: Mapping[str, Callable[[Result, float], Iterator[Played]]] = {"page": play_page, "viewer": play_viewer}


def playback_table(path: Path, where: Sequence[str], seconds: float, out: Path | None, console: Console) -> int:
    """Play the crowd made of a result in both places; 1 where drawing left out does not reach 30 frames a second."""
    result = crowd(Result.load(path))
    count = sum(person.vertices.shape[1] for person in result.people.values())
    console.print(f"{result.frames} frames, {count:,} vertices of people, {WIDTH} x {HEIGHT} pixels, "
                  f"{os.cpu_count()} processors")  # fmt: skip
    rows = [row for name in where for row in PLAYERS[name](result, seconds)]
    table = Table(title="Frames a second that Chromium drew", title_justify="left")
    for head in ("where", "drawing", "frames a second", "page, ms", "picture, ms", ""):
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(row.where, "by the processor" if row.drawing else "left out", f"{row.rate:.1f}",
                      f"{row.page_ms:.1f}", f"{row.picture_ms:.1f}", row.note)  # fmt: skip
    if not console.is_terminal:
        console.width = max(console.width, 150)
    console.print(table)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return int(any(row.rate < WANTED - 1.0 for row in rows if not row.drawing))
