"""Two results side by side: what was asked differently, how far the motions lie apart, which metrics are better."""

from __future__ import annotations

import base64
import difflib
import io
import math
import os
from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np

from zeroshot_hoi.core.errors import ResultError
from zeroshot_hoi.metrics import Metric, stored
from zeroshot_hoi.recipe_toml import recipe_to_toml
from zeroshot_hoi.results.result import Result

SAME = 1e-3
"""Relative difference of two values below which neither counts as better."""

MOMENTS = 3


@dataclass(frozen=True)
class MetricPair:
    """One metric in both results; None where a result does not have it."""

    key: str
    first: Metric | None
    second: Metric | None

    @property
    def better(self) -> str:
        """`first`, `second`, or empty where they are alike or cannot be compared."""
        if self.first is None or self.second is None:
            return ""
        a, b = self.first.value, self.second.value
        if math.isnan(a) or math.isnan(b) or abs(a - b) <= SAME * max(abs(a), abs(b)):
            return ""
        return "first" if (a < b) == (self.first.direction == "lower") else "second"


@dataclass(frozen=True)
class Distance:
    """How far one person or object is apart in the two results, over all frames."""

    name: str
    mean: float
    """Metres: of vertices that have the same number, or of an object's origin."""
    largest: float
    """Metres."""
    turn: float | None = None
    """Degrees, at most; None for people."""


@dataclass(frozen=True)
class Comparison:
    """Prints as text, shows itself in a notebook."""

    first: Result
    second: Result
    names: tuple[str, str] = ("first", "second")

    @cached_property
    def metrics(self) -> tuple[MetricPair, ...]:
        """Every metric that either result has, those with a bar first."""
        one, two = (stored(result) or result.metrics() for result in (self.first, self.second))
        pairs = [MetricPair(key, one.get(key), two.get(key)) for key in dict.fromkeys([*one, *two])]
        return tuple(sorted(pairs, key=lambda pair: _bar(pair) is None))

    @cached_property
    def distances(self) -> tuple[Distance, ...]:
        """Of every person and object that both have, where frames and vertices are the same in number."""
        found = []
        for name, person in self.first.people.items():
            other = self.second.people.get(name)
            if other is not None and other.vertices.shape == person.vertices.shape:
                apart = np.linalg.norm(person.vertices.astype(float) - other.vertices, axis=-1)
                found.append(Distance(name, float(apart.mean()), float(apart.max())))
        for name, thing in self.first.objects.items():
            twin = self.second.objects.get(name)
            if twin is not None and twin.translation.shape == thing.translation.shape:
                apart = np.linalg.norm(thing.translation - twin.translation, axis=-1)
                trace = np.einsum("tij,tij->t", thing.rotation.astype(float), twin.rotation.astype(float))
                turn = np.degrees(np.arccos(np.clip((trace - 1.0) / 2.0, -1.0, 1.0)))
                found.append(Distance(name, float(apart.mean()), float(apart.max()), float(turn.max())))
        return tuple(found)

    @cached_property
    def recipe_changes(self) -> tuple[str, ...]:
        """Lines of the recipes that differ, `-` of the first and `+` of the second."""
        one, two = (_recipe(result).splitlines() for result in (self.first, self.second))
        lines = difflib.unified_diff(one, two, n=2, lineterm="")
        return tuple(line for line in lines if not line.startswith(("---", "+++")))

    def __str__(self) -> str:
        heading = f"{self.names[0]} | {self.names[1]}"
        parts = [heading, "-" * len(heading)]
        parts += [_sentence(distance) for distance in self.distances]
        parts += self.recipe_changes or ["The recipes are the same."]
        width = max((len(pair.key) for pair in self.metrics), default=0)
        for pair in self.metrics:
            marks = {"first": ("*", " "), "second": (" ", "*"), "": (" ", " ")}[pair.better]
            cells = [f"{_cell(m):>22}{mark}" for m, mark in zip((pair.first, pair.second), marks, strict=True)]
            parts.append(f"{pair.key:<{width}} {' '.join(cells)} {_bar(pair) or ''}".rstrip())
        parts.append("* the better of two")
        return "\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Pictures of both, and the tables."""
        pictures = "".join(
            f'<td style="width:50%"><b>{escape(name)}</b><br><img style="max-width:100%" src="{_picture(result)}"></td>'
            for name, result in zip(self.names, (self.first, self.second), strict=True)
        )
        sentences = "<br>".join(escape(_sentence(distance)) for distance in self.distances)
        changes = escape("\n".join(self.recipe_changes) or "The recipes are the same.")
        rows = []
        for pair in self.metrics:
            cells = [escape(pair.key)]
            for side, metric in (("first", pair.first), ("second", pair.second)):
                strong = f"<b>{escape(_cell(metric))}</b>" if pair.better == side else escape(_cell(metric))
                missed = metric is not None and metric.passed is False
                cells.append(f'<span style="color:#c2412d">{strong}</span>' if missed else strong)
            rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in [*cells, escape(_bar(pair) or "")]) + "</tr>")
        heads = "".join(f"<th>{escape(head)}</th>" for head in ("metric", *self.names, "bar"))
        return (
            f'<div><table style="width:100%"><tr>{pictures}</tr></table>{sentences}<pre>{changes}</pre>'
            f"<table><tr>{heads}</tr>{''.join(rows)}</table></div>"
        )

    def as_json(self) -> dict:
        """The same for other programs; no NaN, which JSON has not."""
        return {
            "names": list(self.names),
            "metrics": {
                pair.key: {
                    "first": _number(pair.first), "second": _number(pair.second), "better": pair.better,
                    "unit": next(m.unit for m in (pair.first, pair.second) if m is not None),
                }
                for pair in self.metrics
            },
            "distances": {d.name: {"mean": d.mean, "largest": d.largest, "turn": d.turn} for d in self.distances},
            "recipe": list(self.recipe_changes),
        }  # fmt: skip


def compare(
    first: Result | str | os.PathLike[str],
    second: Result | str | os.PathLike[str],
    names: tuple[str, str] = ("first", "second"),
) -> Comparison:
    """Two results, or their files, side by side: print it, or end a notebook's cell with it."""
    loaded = [Result.load(given) if isinstance(given, str | os.PathLike) else given for given in (first, second)]
    for given in loaded:
        if not isinstance(given, Result):
            raise ResultError(f"compare takes results or paths of .npz files, not {type(given).__name__}.")
    return Comparison(loaded[0], loaded[1], (str(names[0]), str(names[1])))


def _recipe(result: Result) -> str:
    try:
        return recipe_to_toml(result.recipe)
    except ResultError:
        return ""


def _sentence(distance: Distance) -> str:
    text = f"{distance.name}: {1000.0 * distance.mean:.1f} mm apart on average, {1000.0 * distance.largest:.1f} at most"
    return text + (f", turned by {distance.turn:.1f} degrees at most" if distance.turn is not None else "")


def _cell(metric: Metric | None) -> str:
    if metric is None:
        return "-"
    missed = " missed" if metric.passed is False else ""
    return f"{metric.value:.4g} {metric.unit}{missed}"


def _number(metric: Metric | None) -> float | None:
    return metric.value if metric is not None and math.isfinite(metric.value) else None


def _bar(pair: MetricPair) -> str | None:
    for metric in (pair.first, pair.second):
        if metric is not None and metric.threshold is not None:
            return f"{'<=' if metric.direction == 'lower' else '>='} {metric.threshold:g}"
    return None


def _picture(result: Result) -> str:
    from zeroshot_hoi.results.export.sheet import contact_sheet

    data = io.BytesIO()
    contact_sheet(result, frames=MOMENTS).save(data, format="JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
