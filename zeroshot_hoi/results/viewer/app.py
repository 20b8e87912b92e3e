"""The viewer: a server on this machine, a scene per result, and one clock for all of them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from html import escape
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.results.result import Result
from zeroshot_hoi.results.viewer.panel import Panel
from zeroshot_hoi.results.viewer.scene import ResultScene
from zeroshot_hoi.results.views import facing, scene_points

HOST, PORT = "127.0.0.1", 8080
"""Where the viewer is found: only from this machine. The next free port is taken where this one is in use."""

ASIDE = 0.6
"""Metres between two results."""

FIELD_OF_VIEW = float(np.radians(35.0))
"""Of the camera, top to bottom."""

TICK = 1 / 60
"""Seconds between two looks at the clock while playing."""

PANEL = 0.1
"""Seconds between two updates of slider, graph and plots while playing."""

INSTALL = "The viewer needs viser. Install it: pip install 'zeroshot-hoi[viewer]'"


class Viewer:
    """A running viewer. `url` opens it, `show(frame)` and `play()` drive it, `stop()` ends it."""

    def __init__(self, results: Mapping[str, Result], host: str = HOST, port: int = PORT) -> None:
        if not results:
            raise ResultError("The viewer got no result; give at least one.")
        try:
            import viser
        except ImportError:
            raise ResultError(INSTALL) from None
        self.results = dict(results)
        with redirect_stdout(StringIO()):  # viser draws a box around its address; who made the viewer tells `url`
            self._server = viser.ViserServer(host=host, port=port, label="zeroshot_hoi", verbose=False)
        self.url = f"http://{host}:{self._server.get_port()}"
        self.frames = max(result.frames for result in self.results.values())
        self.fps = next(iter(self.results.values())).fps
        self.frame, self.speed, self.playing = 0, 1.0, False
        self._told = 0.0
        self._lock, self._stopped = threading.RLock(), threading.Event()
        self._build_scene()
        self._panel = Panel(self._server, self)
        self._server.on_client_connect(lambda client: self.look("three quarter", client))
        self._clock = threading.Thread(target=self._run, name="viewer clock", daemon=True)
        self._clock.start()

    def _build_scene(self) -> None:
        scene = self._server.scene
        scene.set_up_direction("+z")
        # Without a word about fog viser's haze begins at a few metres.
        scene.configure_fog(near=50.0, far=100.0, enabled=True)
        scene.add_grid("/floor", width=12.0, height=12.0, cell_size=0.5, section_size=1.0, shadow_opacity=0.35,
                       cell_color=(205, 207, 210), section_color=(190, 193, 198), plane_color=(232, 232, 230),
                       plane_opacity=1.0)  # fmt: skip
        self.scenes: dict[str, ResultScene] = {}
        self._bounds: list[tuple[np.ndarray, np.ndarray]] = []
        edge = 0.0
        for name, result in self.results.items():
            points = scene_points(result)
            low, high = points.min(axis=0), points.max(axis=0)
            offset = np.array([0.0, edge - low[1] if self._bounds else 0.0, 0.0])
            self.scenes[name] = ResultScene(self._server, name, result, offset)
            self._bounds.append((low + offset, high + offset))
            edge = float(high[1] + offset[1]) + ASIDE

    def show(self, frame: int) -> None:
        """Show one frame of every result."""
        with self._lock:
            self.frame = int(np.clip(frame, 0, self.frames - 1))
            with self._server.atomic():
                for scene in self.scenes.values():
                    scene.show(self.frame)
                if not self.playing or time.monotonic() - self._told >= PANEL:
                    self._panel.follow(self.frame)
                    self._told = time.monotonic()

    def play(self, on: bool = True) -> None:
        """Start or stop the clock."""
        paused, self.playing = self.playing and not on, on
        if paused:
            self.show(self.frame)
        self._panel.show_playing(on)

    def _run(self) -> None:
        """The clock: real time decides the frame, so a slow browser drops frames and keeps the speed."""
        before, position = time.monotonic(), 0.0
        while not self._stopped.wait(TICK):
            now = time.monotonic()
            elapsed, before = now - before, now
            if not self.playing:
                position = float(self.frame)
                continue
            if int(position) != self.frame:
                position = float(self.frame)
            position = (position + elapsed * self.fps * self.speed) % self.frames
            if int(position) != self.frame:
                self.show(int(position))

    def look(self, name: str, client: Any = None) -> None:
        """Turn the camera of one browser, or of all, to a preset: `three quarter`, `front`, `left`, `right`, `back`,
        `top` or `contact`."""
        turns = {"three quarter": (0.7, 0.25), "front": (0.0, 0.1), "left": (1.57, 0.1), "right": (-1.57, 0.1),
                 "back": (3.14, 0.15), "top": (0.0, 1.5), "contact": (0.9, 0.5)}  # fmt: skip
        turn, tilt = turns[name]
        low = np.min([low for low, _ in self._bounds], axis=0)
        high = np.max([high for _, high in self._bounds], axis=0)
        target, distance = 0.5 * (low + high), 0.6 * float(np.linalg.norm(high - low)) / np.tan(0.5 * FIELD_OF_VIEW)
        first = next(iter(self.scenes.values()))
        if name == "contact" and first.lines:
            target, distance = first.lines[0].end[first.frame] + first.offset, 1.1
        azimuth = facing(first.result) + turn
        flat = np.cos(tilt)
        back = np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(tilt)])
        for each in [client] if client is not None else self._server.get_clients().values():
            each.camera.fov = FIELD_OF_VIEW
            each.camera.up_direction = (0.0, 0.0, 1.0)
            each.camera.position, each.camera.look_at = target + back * distance, target

    @property
    def clients(self) -> int:
        """How many browsers are connected."""
        return len(self._server.get_clients())

    def wait(self) -> None:
        """Block until Ctrl-C or `stop`."""
        try:
            while not self._stopped.wait(0.5):
                pass
        except KeyboardInterrupt:
            self.stop()

    def stop(self) -> None:
        """End the server."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._clock.join(timeout=5.0)
            with redirect_stdout(StringIO()):
                self._server.stop()

    def _repr_html_(self) -> str:
        """The viewer inside a notebook."""
        return f'<iframe src="{escape(self.url)}" width="100%" height="620" style="border:0"></iframe>'


def viewer_names(paths: Sequence[Path]) -> list[str]:
    """A name for each file that a scene may carry: its stem, numbered where several are alike."""
    stems = [re.sub(r"[^\w -]", "_", path.stem)[:64] or "result" for path in paths]
    return [
        stem if stems.count(stem) == 1 else f"{stem} {stems[: index + 1].count(stem)}"
        for index, stem in enumerate(stems)
    ]
