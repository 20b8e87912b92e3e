"""Motions are judged by their bars, and nothing is measured twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.test_results import make_result
from zeroshot_hoi import measures
from zeroshot_hoi.measures import NEWEST, Measures, miss
from zeroshot_hoi.metrics.metric import Metric


def test_a_result_is_measured_once_and_again_when_something_in_it_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []
    monkeypatch.setattr(measures, "evaluate", lambda result: measured.append(result) or {})
    known, result = Measures(), make_result()
    known.of(result)
    known.of(replace(result, meta={**result.meta, "timings": {"optimization": 1.0}}))
    assert len(measured) == 1, "how long it took is no matter of its metrics"
    name = next(iter(result.people))
    person = result.people[name]
    moved = {**result.people, name: replace(person, vertices=person.vertices + 0.1)}
    known.of(replace(result, people=moved))
    assert len(measured) == 2
    for k in range(NEWEST):
        known.of(replace(result, people={name: replace(person, vertices=person.vertices + k + 1)}))
    known.of(result)
    assert len(measured) == 3 + NEWEST, "the oldest is forgotten"


def test_what_misses_more_of_its_bar_counts_more_and_a_lost_one_no_more_than_one() -> None:
    def metric(value: float, threshold: float | None = 10.0) -> Metric:
        return Metric("drift:x", value, "mm", "lower", threshold)

    assert miss({"a": metric(9.0), "b": metric(50.0, None)}) == 0.0
    assert miss({"a": metric(12.0), "b": metric(9.0)}) == pytest.approx(0.2)
    assert miss({"a": metric(12.0), "b": metric(900.0), "c": metric(float("nan"))}) == pytest.approx(2.2)
