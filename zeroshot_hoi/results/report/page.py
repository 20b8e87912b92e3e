"""The page itself: a template, its style and scripts, the graph, and the payload, in one file without a network."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from pathlib import Path

from zeroshot_hoi.core.graph_svg import graph_svg
from zeroshot_hoi.results.archive import replacing
from zeroshot_hoi.results.report.payload import graph_of, make_payload
from zeroshot_hoi.results.result import Result

SCRIPTS = ("decode.js", "camera.js", "player.js", "charts.js", "page.js")
"""In the order in which they depend on each other."""


def write_report(result: Result, path: Path) -> None:
    """Write the page; it opens from disk in any browser with WebGL 2."""
    page = report_html(result)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def report_html(result: Result) -> str:
    """The whole page. What comes from the result enters as JSON that cannot end its script, or escaped."""
    description, block = make_payload(result)
    graph = graph_of(result)
    pieces = {
        "{{title}}": escape(f"{description['title']}: {description['text']}"),
        "{{style}}": _asset("style.css"),
        "{{graph}}": graph_svg(graph) if graph is not None else "<p>The file holds no valid graph.</p>",
        "{{description}}": safe_json(description),
        "{{block}}": block,
        "{{scripts}}": "\n".join(_asset(name) for name in SCRIPTS),
    }
    before, *rest = _asset("page.html").split("{{")
    page = [before]
    for piece in rest:
        name, _, after = piece.partition("}}")
        page += [pieces["{{" + name + "}}"], after]
    return "".join(page)


def safe_json(value: object) -> str:
    """JSON for the inside of a script element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _asset(name: str) -> str:
    return files("zeroshot_hoi.results.report").joinpath("assets", name).read_text(encoding="utf-8")
