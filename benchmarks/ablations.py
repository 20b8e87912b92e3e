"""HOI-PAGE's ablations without a foundation model: known motions are seen, and fitted with one part left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from benchmarks.observed import observe
from benchmarks.suite_measures import pairs
from zeroshot_hoi.metrics.baselines import measure_interaction
from zeroshot_hoi.optimization.hoi_page import Preset
from zeroshot_hoi.optimization.hoi_page_loop import fit_objects
from zeroshot_hoi.results.result import Result


def run_ablation(result: Result, steps: int, switches: Mapping[str, bool]) -> dict[str, float]:
    """Measures of a result whose objects are fitted anew with these switches of the preset."""
    problem = observe(result)
    poses, solution = fit_objects(problem, replace(Preset(), steps=steps, **switches))
    objects = dict(result.objects)
    for k, thing in enumerate(problem.objects):
        objects[thing.name] = replace(
            objects[thing.name], rotation=np.asarray(poses.rotations[k]), translation=np.asarray(poses.translations[k])
        )
    found: dict[str, list[float]] = {"energy": [solution.energy]}
    for one in pairs(replace(result, objects=objects), "ablation"):
        for metric in measure_interaction(one):
            found.setdefault(metric.key, []).append(metric.value)
    return {key: float(np.mean(values)) for key, values in found.items()}
