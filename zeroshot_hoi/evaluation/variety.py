"""How different the seeds of one recipe on the same meshes are: those that hold every bar, so that it is no noise."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zeroshot_hoi.evaluation.cases import Case
from zeroshot_hoi.evaluation.runs import Run
from zeroshot_hoi.evaluation.work import RESULT
from zeroshot_hoi.metrics import diversity
from zeroshot_hoi.results.archive import replacing


@dataclass(frozen=True)
class Variety:
    """The seeds of one recipe on the same meshes."""

    recipe: str
    meshes: str
    seeds: tuple[int, ...]
    """Those whose runs hold every bar, two or more."""
    diversity: float
    """Metres: `metrics.diversity` of these runs."""


def varieties(cases: Sequence[Case], runs: Sequence[Run], out: Path) -> list[Variety]:
    """Of every recipe and meshes of which two seeds or more hold every bar."""
    groups: dict[tuple[str, str], list[tuple[int, Path]]] = {}
    for case, run in zip(cases, runs, strict=True):
        if run.holds:
            groups.setdefault((run.recipe, run.meshes), []).append((run.seed, out / case.folder / RESULT))
    return [
        Variety(*group, tuple(seed for seed, _ in held), diversity([path for _, path in held]).value)
        for group, held in groups.items()
        if len(held) > 1
    ]


def variety_line(found: Sequence[Variety]) -> str:
    """Mean, least and most over recipes and meshes."""
    ordered = sorted(found, key=lambda one: one.diversity)
    mean = np.mean([one.diversity for one in ordered])
    ends = [f"{one.diversity:.3f} m ({one.recipe}, {one.meshes})" for one in (ordered[0], ordered[-1])]
    return (
        f"Diversity between seeds that hold every bar, mean joint distance seen from the first frame's root: "
        f"{mean:.3f} m over {len(ordered)} recipes and meshes; least {ends[0]}, most {ends[1]}."
    )


def write_varieties(found: Sequence[Variety], out: Path) -> Path:
    """Write `diversity.csv`; the path."""
    path, target = out / "diversity.csv", io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(["recipe", "meshes", "seeds", "diversity_m"])
    writer.writerows([one.recipe, one.meshes, " ".join(map(str, one.seeds)), f"{one.diversity:.6g}"] for one in found)
    with replacing(path) as temporary:
        temporary.write_text(target.getvalue(), "utf-8")
    return path
