"""Ours beside trained baselines: the same measures of all, on the objects that all have, in one table.

No method is run and no weights are read; what the methods wrote is. The last columns are what papers report on their
own objects with their own networks: near, but not the same experiment.
"""

from __future__ import annotations

import csv
import html
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.metrics.baselines import READERS, Interaction, measure_interaction, read_interactions
from zeroshot_hoi.metrics.metric import HIGHER, Metric
from zeroshot_hoi.metrics.published import MetricError, Summary

PUBLISHED = Path(__file__).with_name("suites") / "published.toml"
"""What papers report, by our names of the measures."""


@dataclass(frozen=True)
class Source:
    """Where one method's results lie."""

    method: str
    kind: str
    folder: Path
    fps: float | None = None
    meshes: Path | None = None


@dataclass(frozen=True)
class Row:
    """One measure of all methods."""

    key: str
    unit: str
    direction: str
    values: Mapping[str, Summary]
    """Method -> its results; a method that lacks the data is not in it."""
    published: Mapping[str, float]
    """Method as the paper calls it -> value."""


def parse_source(text: str) -> Source:
    """A source from `NAME=DIR[,format=chois|hoi-diff|plain|ours][,fps=FLOAT][,meshes=DIR]`.

    The format is the name where that is one. Raises MetricError where the text is not of this form.
    """
    first, *rest = text.split(",")
    method, equals, folder = first.partition("=")
    pairs = [part.partition("=") for part in rest]
    options = {key: value for key, _, value in pairs}
    unknown = set(options) - {"format", "fps", "meshes"}
    if not equals or not method or not folder or unknown:
        raise MetricError(f"'{text}' is not NAME=DIR[,format=...][,fps=...][,meshes=DIR].")
    kind = options.get("format", method)
    if kind not in READERS:
        raise MetricError(
            f"'{text}' has the format '{kind}'. Known: {', '.join(READERS)}; say format=... for another name."
        )
    try:
        fps = float(options["fps"]) if "fps" in options else None
    except ValueError:
        raise MetricError(f"'{text}' has fps={options['fps']}, which is no number.") from None
    return Source(method, kind, Path(folder), fps, Path(options["meshes"]) if "meshes" in options else None)


def compare_methods(sources: Sequence[Source], every_object: bool = False) -> tuple[list[Row], list[str]]:
    """A row for each measure, and the objects compared: those that all methods have, or all where that is asked for.

    Raises MetricError where no object is common to all.
    """
    found: dict[str, list[Interaction]] = {}
    for source in sources:
        found[source.method] = read_interactions(source.kind, source.folder, source.fps, source.meshes)
    objects = {method: {one.object_name for one in clips} for method, clips in found.items()}
    compared = set.union(*objects.values()) if every_object else set.intersection(*objects.values())
    if not compared:
        lists = "; ".join(f"{method}: {', '.join(sorted(names))}" for method, names in objects.items())
        raise MetricError(f"No object is common to all methods ({lists}). --all-objects compares them all the same.")
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    about: dict[str, Metric] = {}
    for method, clips in found.items():
        for one in clips:
            if one.object_name in compared:
                for metric in measure_interaction(one):
                    values[metric.key][method].append(metric.value)
                    about[metric.key] = metric
    papers = read_published()
    rows = [
        Row(
            key, about[key].unit, about[key].direction, {m: Summary.of(v) for m, v in each.items()}, papers.get(key, {})
        )
        for key, each in values.items()
    ]
    return rows, sorted(compared)


def read_published(path: Path = PUBLISHED) -> dict[str, dict[str, float]]:
    """Measure with its subject -> method -> value, of every table that papers print."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["table"]
    merged: dict[str, dict[str, float]] = defaultdict(dict)
    for table in tables:
        for method, value in table["values"].items():
            merged[table["measure"]][f"{method} in {table['paper']}"] = float(value)
    return dict(merged)


def make_table(rows: Sequence[Row], methods: Sequence[str], objects: Sequence[str]) -> Table:
    """The text that the command prints; the best value of each row is bold."""
    table = Table("measure", "unit", "better", *methods, "papers report", title=f"On {', '.join(objects)}")
    for row in rows:
        best = _best(row)
        cells = [f"[bold]{_cell(row, m)}[/bold]" if m in best else _cell(row, m) for m in methods]
        table.add_row(row.key, row.unit, row.direction, *cells, _papers(row))
    return table


def write_csv(rows: Sequence[Row], methods: Sequence[str], path: Path) -> None:
    """One line a measure and method; the papers' values as methods of their own, without a count."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["measure", "unit", "direction", "method", "mean", "deviation", "count", "undefined"])
        for row in rows:
            for method in methods:
                if method in row.values:
                    one = row.values[method]
                    numbers = [one.mean, one.deviation, one.count, one.undefined]
                    writer.writerow([row.key, row.unit, row.direction, method, *numbers])
            for method, value in row.published.items():
                writer.writerow([row.key, row.unit, row.direction, method, value, "", "", ""])


def write_html(rows: Sequence[Row], methods: Sequence[str], objects: Sequence[str], path: Path) -> None:
    """A page of its own without scripts."""
    head = "".join(f"<th>{html.escape(text)}</th>" for text in ("measure", "unit", "better", *methods, "papers report"))
    lines = []
    for row in rows:
        best = _best(row)
        cells = [f"<td>{html.escape(text)}</td>" for text in (row.key, row.unit, row.direction)]
        cells += [f"<td{' class=best' if m in best else ''}>{html.escape(_cell(row, m))}</td>" for m in methods]
        lines.append(f"<tr>{''.join(cells)}<td>{html.escape(_papers(row))}</td></tr>")
    style = (
        "body{font:15px system-ui,sans-serif;margin:2rem}table{border-collapse:collapse}"
        "td,th{padding:.35rem .7rem;border-bottom:1px solid #ddd;text-align:left}.best{font-weight:700}"
    )
    note = "Papers measure on their own objects, with their own networks and frame rates."
    path.write_text(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Comparison</title><style>{style}</style>"
        f"<h1>Comparison</h1><p>On {html.escape(', '.join(objects))}. {note}</p>"
        f"<table><tr>{head}</tr>{''.join(lines)}</table></html>\n",
        encoding="utf-8",
    )


def run_compare(ours: str | None, baselines: Sequence[str], out: Path, every_object: bool, console: Console) -> int:
    """The command: 0 once the table is printed and written, 2 for a mistake in what was given."""
    try:
        sources = [Source("ours", "ours", Path(ours))] if ours else []
        sources += [parse_source(text) for text in baselines]
        methods = [source.method for source in sources]
        if not sources or len(set(methods)) != len(methods):
            raise MetricError(f"Give --ours or --baseline, each name once; it got {', '.join(methods) or 'nothing'}.")
        rows, objects = compare_methods(sources, every_object)
    except HoiError as error:
        console.print(f"error: {error}", markup=False, style="red", soft_wrap=True)
        return 2
    console.print(make_table(rows, methods, objects))
    out.mkdir(parents=True, exist_ok=True)
    write_csv(rows, methods, out / "compare.csv")
    write_html(rows, methods, objects, out / "compare.html")
    console.print(f"Written: {out / 'compare.csv'}, {out / 'compare.html'}", soft_wrap=True)
    return 0


def _best(row: Row) -> set[str]:
    """Methods with the best mean, where there are two to choose from and the direction says what is best."""
    means = {method: one.mean for method, one in row.values.items() if one.count}
    if len(means) < 2 or row.direction not in (HIGHER, "lower") or len(set(means.values())) < 2:
        return set()
    top = (max if row.direction == HIGHER else min)(means.values())
    return {method for method, mean in means.items() if mean == top}


def _cell(row: Row, method: str) -> str:
    one = row.values.get(method)
    if one is None:
        return "not written"
    if not one.count:
        return "undefined"
    return f"{one.mean:.3g}" + (f" ± {one.deviation:.2g}" if one.count > 1 else "")


def _papers(row: Row) -> str:
    return "; ".join(f"{method} {value:g}" for method, value in row.published.items())
