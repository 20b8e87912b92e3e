"""All metrics of one result: does it touch, does it intersect, does it stand, does it move?"""

from __future__ import annotations

from typing import Any

from zeroshot_hoi.metrics.clip import read_clip
from zeroshot_hoi.metrics.contact import contact_metrics, measure_edge
from zeroshot_hoi.metrics.ground import ground_metrics
from zeroshot_hoi.metrics.metric import Metric
from zeroshot_hoi.metrics.motion import motion_metrics
from zeroshot_hoi.metrics.penetration import penetration_metrics
from zeroshot_hoi.metrics.self_penetration import self_metrics


def evaluate(result: Any) -> dict[str, Metric]:
    """Every metric of a result: a file's path, a mapping of its arrays, or a Result."""
    clip = read_clip(result)
    measured = {edge.name: measure_edge(clip, edge) for edge in clip.edges}
    metrics = contact_metrics(clip, measured)
    metrics += penetration_metrics(clip)
    for person in clip.people.values():
        metrics += self_metrics(person)
    metrics += ground_metrics(clip, measured)
    metrics += motion_metrics(clip)
    return {metric.key: metric for metric in metrics}


def failed(metrics: dict[str, Metric]) -> list[Metric]:
    """The metrics whose bar does not hold."""
    return [metric for metric in metrics.values() if metric.passed is False]
