"""One assignment over all parts of an object at once: no two parts share a place, pairs are found whole.

Every part has options: a candidate, or as many alike as the plan expects. A beam search over parts maximizes the sum
of the logarithms of their scores less a penalty for every overlap. Parts that are what remains (a body, a case) may
contain others; they give up what the others take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix

from zeroshot_hoi.affordance.fitness import WHOLE, Measured
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
FLAT = 0.35
"""Candidates are flat where the shortest extent is less than this share of the second."""
APART = 0.35
"""Nats lost where a part does not touch the one that it belongs beside."""
BLURRED = 0.15
"""Share of the smaller of two parts that may lie in the other at no cost: where parts meet, borders are uncertain."""
UNLIKELY = 0.2
"""Options that fit less are not asked whether they have what their kind cannot do without: they are no part anyway."""
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
    present: Callable[[tuple[Segment, ...]], float] | None = None,
) -> list[Option]:
    """The best options of a part that is expected `count` times; candidates of like score and place come once.

    `named (N,)` says how much the file's names call each sample the part; an option that leaves much of that out is
    the less likely. `whole` prefers what contains other good candidates (a straight bar is best as it is).
    `present` is asked of each option how much it has what its kind cannot do without.
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
            if count == len(chosen) == 2:
                score *= pair_fit(measured[chosen[0]], measured[chosen[1]])
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
    if present is not None:
        likely = [option for option in options if option.score > UNLIKELY]
        rest = [option for option in options if option.score <= UNLIKELY]
        options = [*(replace(o, score=o.score * present(o.segments)) for o in likely), *rest]
    return sorted(options, key=lambda option: -option.score)[:keep]


def _prefer_whole(scores: np.ndarray, measured: list[Measured], order: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Scores with every candidate raised to what it contains, where it scores nearly as well itself; what the file
    itself separates does not give way to a cut that goes through more."""
    inside = np.zeros((len(order), len(areas)), np.float32)
    for row, k in enumerate(order):
        inside[row, measured[k].segment.members] = 1.0
    common = (inside * areas.astype(np.float32)) @ inside.T
    own = np.diag(common)
    contains = (common > 0.9 * own[None]) & (own[:, None] > 1.1 * own[None])
    near = scores[order][:, None] > NEARLY * scores[order][None]
    own_piece = np.array([measured[k].segment.source in WHOLE for k in order])
    near &= own_piece[:, None] | ~own_piece[None]
    raised = scores.copy()
    raised[order] = np.maximum(scores[order], 1.01 * np.where(contains & near, scores[order][None], 0.0).max(axis=1))
    return raised


def _same(option: Option, members: np.ndarray, area: float, areas: np.ndarray) -> bool:
    common = float(areas[option.members & members].sum())
    return common > 0.85 * (option.area + area - common)


def pair_fit(one: Measured, two: Measured) -> float:
    """How much two alike candidates are a pair: mirrored about the object's middle, and parallel where they are flat
    (the sides by which a box is carried, not two neighboring ones)."""
    apart = (two.center - one.center)[:2]
    middle = abs(float((one.center + two.center)[:2] @ apart)) / max(float(apart @ apart), 1e-12)
    fit = 1.0 - 0.35 * min(1.0, middle)
    if max(one.size[2] / one.size[1], two.size[2] / two.size[1]) < FLAT:
        fit *= 0.7 + 0.3 * float(one.axes[2] @ two.axes[2]) ** 2
    return fit


def _alike(
    first: int, order: np.ndarray, scores: np.ndarray, measured: list[Measured], count: int, samples: int
) -> list[int]:
    """`first` and candidates of its size that lie elsewhere, best first (of a pair: the best partner)."""
    own = measured[first]
    covered = np.zeros(samples, bool)
    covered[own.segment.members] = True
    likely = [
        int(k)
        for k in order
        if scores[k] >= 0.5 * scores[first]
        and 0.55 < measured[k].area / own.area < 1.8
        and (np.abs(measured[k].size - own.size) <= 0.3 * own.size[0]).all()
    ]
    if count == 2:
        likely.sort(key=lambda k: -scores[k] * pair_fit(own, measured[k]))
    chosen = [first]
    for k in likely:
        other = measured[k].segment.members
        if covered[other].mean() > 0.1:
            continue
        chosen.append(k)
        covered[other] = True
        if len(chosen) == count:
            break
    return chosen


def assign(
    options: dict[str, list[Option]], wanted: dict[str, Wanted], areas: np.ndarray, near: csr_matrix | None = None
) -> dict[str, Option | None]:
    """The option of every part under which all fit best together; None where none fits.

    `near (N, N)` tells which samples are close; without it nobody asks what touches.
    """
    order = sorted(options, key=lambda name: (wanted[name].prior.container, -_best(options[name])))
    members = {name: _stacked(options[name], len(areas)) for name in order}
    totals, chosen = np.zeros(1), np.zeros((1, 0), int)
    for position, name in enumerate(order):
        scores = [MISSING, *(max(option.score, 1e-6) for option in options[name])]
        grown = totals[:, None] + np.log(scores)
        for k, other in enumerate(order[:position]):
            common = (members[other] * areas) @ members[name].T
            lost = _penalties(common, options[other], wanted[other], options[name], wanted[name])
            if near is not None and _belong(wanted[other], wanted[name]):
                lost = lost + APART * (members[other] @ (near @ members[name].T) == 0)
            grown[:, 1:] -= np.concatenate([np.zeros((1, lost.shape[1])), lost])[chosen[:, k]]
        best = np.argsort(-grown, axis=None, kind="stable")[:BEAM]
        row, column = np.unravel_index(best, grown.shape)
        totals, chosen = grown[row, column], np.column_stack([chosen[row], column])
    return {name: options[name][i - 1] if i else None for name, i in zip(order, chosen[0], strict=True)}


def _belong(one: Wanted, two: Wanted) -> bool:
    return two.part.name in one.prior.beside or one.part.name in two.prior.beside


def _best(options: list[Option]) -> float:
    return options[0].score if options else 0.0


def _stacked(options: list[Option], samples: int) -> np.ndarray:
    return np.stack([option.members for option in options]).astype(float) if options else np.zeros((0, samples))


def _penalties(common: np.ndarray, first: list[Option], one: Wanted, second: list[Option], two: Wanted) -> np.ndarray:
    """(A, B) nats lost where two parts lie on the same samples (`common (A, B)` m^2), by the share of the smaller."""
    large, small = np.array([o.area for o in first])[:, None], np.array([o.area for o in second])[None]
    least = np.minimum(large, small)
    if one.prior.container == two.prior.container:
        return OVERLAP * np.maximum(common / least - BLURRED, 0.0) / (1.0 - BLURRED)
    container, other = (large, small) if one.prior.container else (small, large)
    left = np.maximum(container - common, 0.0)
    allowed = (common == 0.0) | ((left > 0.4 * container) & (other <= container))
    return np.where(allowed, 0.0, OVERLAP * (1.0 - left / least))


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
