"""All metrics of one result: does it touch, does it intersect, does it stand, does it move?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zeroshot_hoi.metrics.balance import balance_metrics
from zeroshot_hoi.metrics.clip import read_clip
from zeroshot_hoi.metrics.contact import contact_metrics, edge_distance, measure_edge
from zeroshot_hoi.metrics.ground import ground_metrics
from zeroshot_hoi.metrics.metric import Metric
from zeroshot_hoi.metrics.motion import motion_metrics
from zeroshot_hoi.metrics.penetration import penetration_metrics
from zeroshot_hoi.metrics.posture import posture_metrics
from zeroshot_hoi.metrics.self_penetration import self_metrics
from zeroshot_hoi.results.result import Result


def evaluate(result: Any) -> dict[str, Metric]:
    """Every metric of a result: a file's path, a mapping of its arrays, or a Result."""
    clip = read_clip(result)
    measured = {edge.name: measure_edge(clip, edge) for edge in clip.edges}
    metrics = contact_metrics(clip, measured)
    metrics += penetration_metrics(clip)
    for person in clip.people.values():
        metrics += self_metrics(person)
    metrics += ground_metrics(clip, measured)
    metrics += balance_metrics(clip, measured)
    metrics += posture_metrics(clip)
    metrics += motion_metrics(clip)
    return {metric.key: metric for metric in metrics}


def attach(result: Result, metrics: Mapping[str, Metric] | None = None) -> Result:
    """The same result with its metrics in `meta`, measured unless given, and the distance of every edge in
    `contacts`."""
    clip = read_clip(result)
    contacts = {edge.name: edge_distance(clip, edge) for edge in clip.edges}
    told = {
        key: {"value": metric.value, "unit": metric.unit, "direction": metric.direction, "threshold": metric.threshold}
        for key, metric in (evaluate(result) if metrics is None else metrics).items()
    }
    return replace(result, meta={**result.meta, "metrics": told}, contacts=contacts)


def stored(result: Result) -> dict[str, Metric]:
    """The metrics that `attach` left in a result, without measuring again."""
    return {key: Metric(key, **fields) for key, fields in result.meta["metrics"].items()}


def failed(metrics: dict[str, Metric]) -> list[Metric]:
    """The metrics whose bar does not hold."""
    return [metric for metric in metrics.values() if metric.passed is False]
