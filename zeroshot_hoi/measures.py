"""What is measured of one plan's motions: a motion is judged before it is shipped, and not measured twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from zeroshot_hoi.metrics import evaluate
from zeroshot_hoi.metrics.metric import Metric
from zeroshot_hoi.results.result import Result
from zeroshot_hoi.stage_records import content_digest

NEWEST = 8
"""Results whose metrics stay in memory: the starts that one run tries, and a few more."""


class Measures:
    """The metrics of results that have the same plan."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, dict[str, Metric]] = OrderedDict()

    def of(self, result: Result) -> dict[str, Metric]:
        """All metrics of a result, measured only where its people and objects have not been before."""
        key = content_digest((result.people, result.objects))
        if key not in self._known:
            self._known[key] = evaluate(result)
        self._known.move_to_end(key)
        while len(self._known) > NEWEST:
            self._known.popitem(last=False)
        return self._known[key]


def miss(metrics: Mapping[str, Metric]) -> float:
    """How far metrics are from their bars: each that misses its bar counts with the share of the bar by which it does,
    1 at most."""
    return sum(min(metric.excess, 1.0) for metric in metrics.values() if metric.passed is False)
