"""What came out of each stage, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zeroshot_hoi.core.body import SkinnedBody
from zeroshot_hoi.core.motion import Motion
from zeroshot_hoi.core.reference import InitialScene, ReferenceMotion
from zeroshot_hoi.core.scene import ObjectParts, SceneObject
from zeroshot_hoi.core.solution import Solution
from zeroshot_hoi.metrics import failed, stored
from zeroshot_hoi.optimization import Compiler
from zeroshot_hoi.optimization.grasp import Grasp
from zeroshot_hoi.optimization.schedule import Candidate
from zeroshot_hoi.results.result import Result


def bodies_line(bodies: Mapping[str, SkinnedBody]) -> str:
    """`person 1: anny neutral`"""
    return "; ".join(f"{name}: {body.model} {body.name}" for name, body in bodies.items())


def objects_line(objects: Mapping[str, SceneObject]) -> str:
    """`iron: 6,120 faces, 0.26 m`, with the number of warnings where there are any."""
    lines = []
    for name, thing in objects.items():
        extent = float((thing.vertices.max(axis=0) - thing.vertices.min(axis=0)).max())
        warned = f", {len(thing.report.warnings)} warnings" if thing.report.warnings else ""
        lines.append(f"{name}: {len(thing.faces):,} faces, {extent:.2f} m{warned}")
    return "; ".join(lines)


def parts_line(parts: Mapping[str, ObjectParts]) -> str:
    """`iron: handle 0.97 of 1,204 faces`"""
    return "; ".join(
        f"{name}: " + (", ".join(f"{k} {r.confidence:.2f} of {len(r.faces):,} faces" for k, r in found.parts.items()))
        for name, found in parts.items()
    )


def scene_line(scene: InitialScene) -> str:
    """How many placements each person may start from."""
    return "; ".join(f"{name}: {len(placements)} placements" for name, placements in scene.people.items())


def reference_line(reference: ReferenceMotion) -> str:
    """Who has a reference to follow, over how many frames."""
    frames = next((len(track.q) for track in reference.people.values()), 0)
    return f"{frames} frames of {', '.join([*reference.people, *reference.objects])}"


def interaction_line(interaction: Compiler) -> str:
    """Who holds what."""
    held = ", ".join(interaction.holds.grips)
    return f"held: {held}" if held else "nobody holds anything"


def grips_line(grips: Mapping[str, tuple[Grasp, ...]]) -> str:
    """How many grips each hand may take, and how well the best one holds."""
    lines = []
    for edge, found in grips.items():
        best = found[0]
        around = "around the part" if best.opposed else "not around the part"
        lines.append(f"{edge}: {len(found)} grips, the best {around}, {1000 * best.depth:.1f} mm deep")
    return "; ".join(lines) or "no hand holds anything"


def candidates_line(candidates: Sequence[Candidate]) -> str:
    """`3 starts of 7 frames, energies 12.1, 14, 20.9`"""
    energies = ", ".join(f"{candidate.energy:,.4g}" for candidate in candidates)
    frames = max((len(candidate.x) for candidate in candidates), default=0)
    return f"{len(candidates)} starts of {frames} frame{'s' if frames != 1 else ''}, energies {energies}"


def optimization_line(solved: tuple[Motion, Solution]) -> str:
    """The energy and how the solver ended."""
    return f"energy {solved[1].energy:,.4g}. {solved[1].status}"


def result_line(result: Result) -> str:
    """Frames, people, objects, and the bars that hold where it is measured."""
    text = f"{result.frames} frames, {', '.join([*result.people, *result.objects])}"
    if not result.meta["metrics"]:
        return text
    metrics = stored(result)
    judged = [metric for metric in metrics.values() if metric.passed is not None]
    return f"{text}; {len(judged) - len(failed(metrics))} of {len(judged)} bars hold"
