"""One assignment over all parts of an object at once: no two parts share a place, pairs are found whole.

Every part has options: a candidate, or as many alike as the plan expects. A beam search over parts maximizes the sum
of the logarithms of their scores less a penalty for every overlap. Parts that are what remains (a body, a case) may
contain others; they give up what the others take.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroshot_hoi.affordance.fitness import Measured
from zeroshot_hoi.affordance.segments import Segment
from zeroshot_hoi.affordance.vocabulary import Wanted

OPTIONS = 24
"""Options of each part that take part in the search."""
NEARLY = 0.87
"""A candidate that contains another and scores this share of it or more comes first: a piece of a part is no part."""
BEAM = 80
CANDIDATES = 150
"""Candidates of each part, best first, from which options are made."""
OVERLAP = 5.0
"""Penalty in nats of a part that lies wholly in another one."""
MISSING = 0.02
"""Score of leaving a part out, so that one that is not there does not push others away."""


@dataclass(frozen=True)
class Option:
    """One way to place a part."""

    score: float
    segments: tuple[Segment, ...]
    members: np.ndarray
    """(N,) bool over samples."""
    area: float
    """m^2"""


def make_options(
    scores: np.ndarray,
    measured: list[Measured],
    count: int,
    areas: np.ndarray,
    named: np.ndarray | None = None,
    whole: bool = True,
) -> list[Option]:
    """The best options of a part that is expected `count` times; candidates of like score and place come once.

    `named (N,)` says how much the file's names call each sample the part; an option that leaves much of that out is
    the less likely. `whole` prefers what contains other good candidates (a straight bar is best as it is).
    """
    keep = OPTIONS
    order = np.argsort(-scores, kind="stable")
    order = order[:CANDIDATES]
    scores = _prefer_whole(scores, measured, order, areas) if whole else scores
    order = order[np.argsort(-scores[order], kind="stable")]
    options: list[Option] = []
    for i in order:
        chosen = [int(i)] if count == 1 else _alike(int(i), order, scores, measured, count, len(areas))
        score = float(scores[i])
        if count > 1:
            score = float(np.mean(scores[chosen])) * (len(chosen) / count) ** 0.5
        members = np.zeros(len(areas), bool)
        for k in chosen:
            members[measured[k].segment.members] = True
        area = float(areas[members].sum())
        if named is not None and named.any():
            score *= 0.3 + 0.7 * float((areas * named)[members].sum() / (areas * named).sum())
        if any(_same(option, members, area, areas) for option in options):
            continue
        options.append(Option(score, tuple(measured[k].segment for k in chosen), members, area))
        if len(options) == 2 * keep:
            break
    return sorted(options, key=lambda option: -option.score)[:keep]


def _prefer_whole(scores: np.ndarray, measured: list[Measured], order: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Scores with every candidate raised to what it contains, where it scores nearly as well itself."""
    inside = np.zeros((len(order), len(areas)), np.float32)
    for row, k in enumerate(order):
        inside[row, measured[k].segment.members] = 1.0
    common = (inside * areas.astype(np.float32)) @ inside.T
    own = np.diag(common)
    contains = (common > 0.9 * own[None]) & (own[:, None] > 1.1 * own[None])
    near = scores[order][:, None] > NEARLY * scores[order][None]
    raised = scores.copy()
    raised[order] = np.maximum(scores[order], 1.01 * np.where(contains & near, scores[order][None], 0.0).max(axis=1))
    return raised


def _same(option: Option, members: np.ndarray, area: float, areas: np.ndarray) -> bool:
    common = float(areas[option.members & members].sum())
    return common > 0.85 * (option.area + area - common)


def _alike(
    first: int, order: np.ndarray, scores: np.ndarray, measured: list[Measured], count: int, samples: int
) -> list[int]:
    """`first` and candidates of its size that lie elsewhere, best first, at most `count`."""
    own = measured[first]
    covered = np.zeros(samples, bool)
    covered[own.segment.members] = True
    chosen = [first]
    for k in order:
        other = measured[k]
        if scores[k] < 0.5 * scores[first] or not 0.55 < other.area / own.area < 1.8:
            continue
        if (np.abs(other.size - own.size) > 0.3 * own.size[0]).any() or covered[other.segment.members].mean() > 0.1:
            continue
        chosen.append(int(k))
        covered[other.segment.members] = True
        if len(chosen) == count:
            break
    return chosen


def assign(options: dict[str, list[Option]], wanted: dict[str, Wanted], areas: np.ndarray) -> dict[str, Option | None]:
    """The option of every part under which all fit best together; None where none fits."""
    order = sorted(options, key=lambda name: (wanted[name].prior.container, -_best(options[name])))
    overlaps: dict[tuple[str, int, str, int], float] = {}

    def overlap(a: str, i: int, b: str, j: int) -> float:
        key = (a, i, b, j)
        if key not in overlaps:
            overlaps[key] = _penalty(options[a][i], wanted[a], options[b][j], wanted[b], areas)
        return overlaps[key]

    beam: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for position, name in enumerate(order):
        grown = []
        for total, chosen in beam:
            grown.append((total + np.log(MISSING), (*chosen, -1)))
            for i, option in enumerate(options[name]):
                lost = sum(overlap(order[k], j, name, i) for k, j in enumerate(chosen[:position]) if j >= 0)
                grown.append((total + np.log(max(option.score, 1e-6)) - lost, (*chosen, i)))
        beam = sorted(grown, key=lambda entry: -entry[0])[:BEAM]
    best = beam[0][1]
    return {name: options[name][i] if i >= 0 else None for name, i in zip(order, best, strict=True)}


def _best(options: list[Option]) -> float:
    return options[0].score if options else 0.0


def _penalty(first: Option, one: Wanted, second: Option, two: Wanted, areas: np.ndarray) -> float:
    """Nats lost where two parts lie on the same samples, by the share of the smaller one."""
    common = float(areas[first.members & second.members].sum())
    if common == 0.0:
        return 0.0
    small = min(first.area, second.area)
    if one.prior.container != two.prior.container:
        container, other = (first, second) if one.prior.container else (second, first)
        left = max(container.area - common, 0.0)
        return 0.0 if left > 0.4 * container.area and other.area <= container.area else OVERLAP * (1 - left / small)
    return OVERLAP * common / small


def without_overlap(chosen: dict[str, Option], wanted: dict[str, Wanted]) -> dict[str, tuple[Segment, ...]]:
    """The segments of every part, each sample left to the smallest part that has it."""
    order = sorted(chosen, key=lambda name: (wanted[name].prior.container, chosen[name].area))
    taken: np.ndarray | None = None
    result = {}
    fixed = [name for name in order if chosen[name].segments[0].source == "user"]
    for name in [*fixed, *(name for name in order if name not in fixed)]:
        option = chosen[name]
        taken = np.zeros(len(option.members), bool) if taken is None else taken
        kept = []
        for segment in option.segments:
            rest = segment.members[~taken[segment.members]]
            if len(rest):
                kept.append(Segment(rest, segment.source, segment.node))
        taken = taken | option.members
        if kept:
            result[name] = tuple(kept)
    return result
