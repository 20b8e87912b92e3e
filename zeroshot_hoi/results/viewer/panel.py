"""The controls beside the picture: time, what is shown, cameras, the graph, distances and energies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from zeroshot_hoi.core.errors import GraphError
from zeroshot_hoi.core.graph import PartAffordanceGraph
from zeroshot_hoi.core.graph_svg import graph_svg
from zeroshot_hoi.results.viewer.scene import ResultScene

if TYPE_CHECKING:
    from zeroshot_hoi.results.viewer.app import Viewer

CAMERAS = ("three quarter", "front", "left", "right", "back", "top", "contact")
SWITCHES = (
    ("Contacts", True, "show_contacts"), ("Object parts", False, "show_parts"),
    ("Penetration", False, "show_depth"), ("Ghosts", False, "show_ghosts"),
)  # fmt: skip
"""Label, whether it starts switched on, and the method of `ResultScene` that it calls."""

SPEEDS = ("0.25x", "0.5x", "1x", "2x")
LOWEST_ENERGY = 1e-4
"""Below it a curve stays on the floor of the logarithmic plot."""


class Panel:
    """Widgets and what they do to the viewer."""

    def __init__(self, server: Any, viewer: Viewer) -> None:
        self._gui, self._viewer = server.gui, viewer
        self._following = False
        server.gui.configure_theme(
            control_width="large", show_logo=False, show_share_button=False, brand_color=(22, 135, 107)
        )
        server.gui.main_panel.dock_right()
        self._add_time()
        self._add_switches()
        self._graphs = [_Graph(self._gui, name, scene) for name, scene in viewer.scenes.items()]
        self._plots = [_Distances(self._gui, name, scene) for name, scene in viewer.scenes.items() if scene.lines]
        for name, scene in viewer.scenes.items():
            _add_energies(self._gui, name, scene)

    def _add_time(self) -> None:
        gui, viewer = self._gui, self._viewer
        self._play = gui.add_button("Play", icon=None)
        self._slider = gui.add_slider("Frame", 0, max(viewer.frames - 1, 1), 1, 0)
        self._speed = gui.add_button_group("Speed", SPEEDS)
        self._clock = gui.add_markdown(self._time(0))
        self._play.on_click(lambda _: viewer.play(not viewer.playing))

        @self._slider.on_update
        def _(event: Any) -> None:
            if event.client is not None and not self._following:
                wanted = int(self._slider.value)
                viewer.play(False)
                viewer.show(wanted)

        @self._speed.on_click
        def _(event: Any) -> None:
            viewer.speed = float(event.target.value.removesuffix("x"))

    def _add_switches(self) -> None:
        gui, viewer = self._gui, self._viewer
        for label, shown, method in SWITCHES:
            box = gui.add_checkbox(label, shown)

            @box.on_update
            def _(event: Any, method: str = method) -> None:
                for scene in viewer.scenes.values():
                    getattr(scene, method)(event.target.value)

        cameras = gui.add_button_group("Camera", CAMERAS)

        @cameras.on_click
        def _(event: Any) -> None:
            viewer.look(event.target.value, event.client)

    def follow(self, frame: int) -> None:
        """Put the slider, the clock, the graphs and the cursors at a frame."""
        self._following = True
        try:
            self._slider.value = frame
        finally:
            self._following = False
        self._clock.content = self._time(frame)
        for follower in (*self._graphs, *self._plots):
            follower.follow(frame)

    def show_playing(self, on: bool) -> None:
        """Name the button after what it does next."""
        self._play.label = "Pause" if on else "Play"

    def _time(self, frame: int) -> str:
        return f"frame **{frame}** of {self._viewer.frames - 1}, {frame / self._viewer.fps:.2f} s"


class _Graph:
    """The Part Affordance Graph with its closed contacts lit."""

    def __init__(self, gui: Any, name: str, scene: ResultScene) -> None:
        self._scene, self._graph, self._lit = scene, _read_graph(scene), None
        if self._graph is None:
            return
        gui.add_markdown(f"**{name}**")
        self._html = gui.add_html("")
        self.follow(0)

    def follow(self, frame: int) -> None:
        """Light the edges that touch in a frame."""
        lit = self._scene.closed(frame)
        if self._graph is not None and lit != self._lit:
            self._lit, self._html.content = lit, graph_svg(self._graph, lit)


def _read_graph(scene: ResultScene) -> PartAffordanceGraph | None:
    try:
        return PartAffordanceGraph.from_json(scene.result.meta["pag"])
    except GraphError:
        return None


class _Distances:
    """Distance of every contact over time, with a dot at the current frame."""

    def __init__(self, gui: Any, name: str, scene: ResultScene) -> None:
        from viser import uplot

        self._times = np.arange(scene.result.frames) / scene.result.fps
        self._rows = [np.minimum(1000.0 * line.distance.astype(float), 1e4) for line in scene.lines]
        series: list[Any] = [uplot.Series(label="s")]
        for index, line in enumerate(scene.lines):
            series.append(uplot.Series(label=line.edge, stroke=_color(index), width=2))
        for index in range(len(scene.lines)):
            points = uplot.Series_Points(show=True, size=12, fill=_color(index))
            series.append(uplot.Series(label="now", stroke=_color(index), points=points))
        top = max(max(row.max() for row in self._rows), max(2000.0 * line.reach for line in scene.lines))
        scales = {"x": uplot.Scale(time=False), "y": uplot.Scale(range=(0.0, top))}
        title = f"{name}: distance, mm"
        self._plot = gui.add_uplot(self._data(0), tuple(series), title=title, aspect=1.8, scales=scales)

    def follow(self, frame: int) -> None:
        """Move the dots."""
        self._plot.data = self._data(frame)

    def _data(self, frame: int) -> tuple[np.ndarray, ...]:
        frame = min(frame, len(self._times) - 1)
        now = [np.where(np.arange(len(row)) == frame, row, np.nan) for row in self._rows]
        return (self._times, *self._rows, *now)


def _add_energies(gui: Any, name: str, scene: ResultScene) -> None:
    from viser import uplot

    terms = {term: steps for term, steps in scene.result.energies.items() if len(steps)}
    if not terms:
        return
    length = max(len(steps) for steps in terms.values())
    rows = [np.pad(np.maximum(steps, LOWEST_ENERGY), (0, length - len(steps)), mode="edge") for steps in terms.values()]
    series = [uplot.Series(label="step")]
    series += [uplot.Series(label=term, stroke=_color(index), width=1.5) for index, term in enumerate(terms)]
    scales = {"x": uplot.Scale(time=False), "y": uplot.Scale(distr=3)}
    with gui.add_folder(f"{name}: energies", expand_by_default=False):
        gui.add_uplot((np.arange(length, dtype=float), *rows), tuple(series), scales=scales, aspect=1.4)


def _color(index: int) -> str:
    return f"hsl({(index * 137.5 + 160) % 360:.0f}, 60%, 42%)"
