"""The problems that the speed report times, in other sizes, and the paper-style evaluation of an energy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from zeroshot_hoi.optimization.hoi_page import FittingProblem, Seen, SeenPart, Side
from zeroshot_hoi.optimization.problem import Problem

Gradient = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def eager_gradient(problem: Problem, device: str = "cpu") -> Gradient:
    """Half the energy's gradient (T, n) and energies (T, K) by eager torch: one backward pass over all frames at once.

    What a paper's code does; `benchmarks.solver.reverse_gradient` is the same in JAX.
    """
    import torch
    from torch.func import grad, vmap  # pyright: ignore[reportPrivateImportUsage]
    from torch.utils._pytree import tree_map

    from zeroshot_hoi.core.arrays import torch_namespace
    from zeroshot_hoi.optimization.engines.base import term_arrays, term_energies

    xp = torch_namespace(device)

    def tensor(value: Any) -> Any:
        array = np.asarray(value)
        kind = torch.float32 if np.issubdtype(array.dtype, np.floating) else None
        return torch.as_tensor(array, dtype=kind, device=device)

    def total(x: Any, base: Any, constants: Any, frames: Any) -> Any:
        energies = term_energies(xp, problem, x, base, constants, frames)
        return 0.5 * energies.sum(), energies

    arrays = tree_map(tensor, (dict(problem.base), *term_arrays(problem)))
    evaluate = vmap(grad(total, has_aux=True), (0, 0, None, 0))

    def gradient(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slope, energies = evaluate(tensor(x), *arrays)
        return slope.double().cpu().numpy(), energies.double().cpu().numpy()

    return gradient


def with_people(problem: Problem, count: int, apart: bool = True) -> Problem:
    """The problem `count` times: as many people with terms of their own, each with objects of their own where they
    are `apart`, else all with the same ones."""
    people, objects, base, terms = [], [], {}, []
    width, things = len(problem.people), len(problem.objects) * apart
    for c in range(count):
        people += problem.people
        if apart or not c:
            objects += [replace(o, person=o.person + c * width) for o in problem.objects]
        for key, value in problem.base.items():
            name = key.rstrip("0123456789")
            step = things if name in ("rotation", "translation") else width
            base[f"{name}{int(key[len(name) :]) + c * step}"] = value
        terms += [
            replace(t, name=f"{t.name} {c}", person=t.person + c * width, **_shifted(t, c * things, c * width))
            for t in problem.terms
        ]  # fmt: skip
    return Problem(tuple(people), tuple(objects), base, tuple(terms))


def _shifted(term: Any, things: int, width: int) -> dict[str, int]:
    """Indices of a copy of a term; `other` is an object in terms between objects, else a person."""
    between_objects = term.energy.__name__ in ("rest", "object_in_object")
    return {"object": term.object + things, "other": term.other + (things if between_objects else width)}


def more_frames(problem: FittingProblem, count: int) -> FittingProblem:
    """With `count` frames, repeated where there are fewer."""
    index = np.arange(count) % problem.frames

    def taken(seen: Seen) -> Seen:
        return Seen(seen.points[index], seen.pixels[index])

    objects = tuple(
        replace(o, seen=taken(o.seen), parts={n: SeenPart(p.samples, taken(p.seen)) for n, p in o.parts.items()})
        for o in problem.objects
    )
    edges = tuple(
        e if e.first.object is not None else replace(e, first=Side(e.first.part, None, e.first.points[index]))
        for e in problem.contacts
    )
    return FittingProblem(objects, edges, problem.skin[index], problem.camera)


def people_together(count: int, frames: int) -> Problem:
    """As many people, all with the right hand on one free object, which no hand carries: every frame couples all of
    them through its six unknowns."""
    from benchmarks.solver import clip
    from zeroshot_hoi.core.arrays import numpy_namespace
    from zeroshot_hoi.optimization.energies import contact
    from zeroshot_hoi.optimization.energies.shared import body_in_frame
    from zeroshot_hoi.optimization.problem import ObjectUnknowns, Term, frame_state

    xp, one = numpy_namespace(), clip()
    problem = one.problem.take(np.arange(frames) % one.problem.length)
    rows = one.compiler.rows[one.compiler.people[0]].wrists["right"].rows
    x = problem.initial()
    states = [frame_state(xp, problem, x[k], {n: v[k] for n, v in problem.base.items()}) for k in range(frames)]
    base = dict(problem.base)
    for o in range(len(problem.objects)):
        base[f"rotation{o}"] = np.stack([s.rotations[o] for s in states])
        base[f"translation{o}"] = np.stack([s.translations[o] for s in states])
    anchor = np.stack([body_in_frame(xp, s, 0, 0, rows) for s in states])
    held = Term("held", contact.anchored, 0.001, 0, 0, constants={"rows": rows},
                frames={"anchor": anchor, "gate": np.ones((frames, 1, 1))})  # fmt: skip
    free = tuple(ObjectUnknowns("free") for _ in problem.objects)
    return with_people(Problem(problem.people, free, base, (*problem.terms, held)), count, apart=False)


def still_fitting(frames: int) -> FittingProblem:
    """HOI-PAGE's problem of a person who follows the script with the object in the hand, without any optimization."""
    from benchmarks.observed import observe
    from benchmarks.solver import clip
    from zeroshot_hoi.optimization.schedule import read_motion
    from zeroshot_hoi.results.build import build_result

    one = clip()
    made = one.compiler
    motion = read_motion(made, one.problem, one.problem.initial())
    return observe(build_result(made.plan, made.bodies, made.objects, made.parts, motion), frames=frames)


def more_objects(problem: FittingProblem, count: int) -> FittingProblem:
    """The first object `count` times, each with its contacts; people stay."""
    first = problem.objects[0]
    objects = tuple(replace(first, name=f"{first.name} {k}") for k in range(count))
    own = [e for e in problem.contacts if e.first.object is None and e.second.object == 0]
    edges = tuple(
        replace(e, name=f"{e.name} {k}", second=replace(e.second, object=k)) for k in range(count) for e in own
    )
    return FittingProblem(objects, edges, problem.skin, problem.camera)


def skin_vertices(problem: FittingProblem, count: int) -> FittingProblem:
    """With `count` vertices of the people, repeated where there are fewer: more of one person, or more people."""
    index = np.arange(count) % problem.skin.shape[1]
    return replace(problem, skin=problem.skin[:, index])
