"""`python -m benchmarks speed`: what a run costs, what limits it, and how that compares with a paper's loop.

Every ratio is of two times of one run on one machine. The paper-style loop is eager torch with Adam, one start after
another, all frames at once; where the whole of it takes too long a sample of its steps is timed and the rest is
multiplied, which the report says. `--full` runs all of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.clock import Spent, counted, exponent, forget_peak, measure_machine, peak_bytes, spend

STAGES_RECIPE = "lift_dumbbell"
BARS = {
    "evaluation: JAX over eager torch": 3.0,
    "hoi_page: compiled loop over the paper-style loop": 5.0,
    "default solver over the paper-style loop": 20.0,
}
"""Ratio -> what it should reach on 2 cores."""

STARTS = 4
STEPS = 600


@dataclass(frozen=True)
class Line:
    """One line of the report."""

    section: str
    what: str
    value: float
    unit: str
    note: str = ""


@dataclass(frozen=True)
class Options:
    """What to time and how long."""

    frames: int = 49
    sample: int = 3
    """Steps of the paper-style loop that are timed."""
    full: bool = False
    """Run the paper-style loops to their end."""
    result: Path | None = None
    """A result to observe instead of a run of STAGES_RECIPE."""


@cache
def _result(path: Path | None, frames: int) -> Any:
    from zeroshot_hoi.pipeline import Pipeline
    from zeroshot_hoi.results.result import Result

    if path is not None:
        return Result.load(path)
    return Pipeline.from_recipe(STAGES_RECIPE, frames=frames).stages().measured


def _fitting(options: Options) -> Any:
    from benchmarks.observed import observe

    return observe(_result(options.result, options.frames), frames=options.frames)


@cache
def _clip(frames: int) -> Any:
    from benchmarks.solver import all_frames

    problem = all_frames()
    return problem.take(np.arange(min(frames, problem.length)))


def devices() -> list[str]:
    """`cpu`, and `cuda` where torch sees one."""
    try:
        import torch
    except ImportError:
        return ["cpu"]
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def _loop_seconds(loop: Any, steps: int) -> Spent:
    """Mean of `steps` steps after one that compiles; reading the state waits for what runs in the background."""
    state = loop.step(loop.state, 0)
    loop.read(state)
    start, cpu = time.perf_counter(), time.process_time()
    for k in range(1, steps + 1):
        state = loop.step(state, k)
    loop.read(state)
    return Spent((time.perf_counter() - start) / steps, (time.process_time() - cpu) / steps)


def stages(options: Options) -> list[Line]:
    """Seconds of every stage of one run, as its result tells."""
    forget_peak()
    timings = _result(options.result, options.frames).meta["timings"]
    lines = [Line("stages", name, float(seconds), "s") for name, seconds in timings.items()]
    whole = Line("stages", "all", sum(line.value for line in lines), "s", f"{STAGES_RECIPE}, {options.frames} frames")
    return [*lines, whole, Line("stages", "peak memory", peak_bytes() / 2**30, "GiB")]


def evaluation(options: Options) -> list[Line]:
    """One gradient of the default energy over all frames, and the solver's normal equations, by both engines."""
    from benchmarks.solver import reverse_gradient
    from zeroshot_hoi.optimization.engines import make_engine

    problem, lines = _clip(options.frames), []
    x = problem.initial()
    spent: dict[str, Spent] = {}
    makers: dict[str, Callable[[], Any]] = {"JAX": lambda: reverse_gradient(problem)}
    if _has_torch():
        from benchmarks.speed_problems import eager_gradient

        makers |= {f"eager torch {d}": partial(eager_gradient, problem, d) for d in devices()}
    for name, make in makers.items():
        forget_peak()
        gradient = make()
        spent[name] = spend(lambda g=gradient: g(x), 10 if name == "JAX" else options.sample)
        memory = f"{_cpu(spent[name])}, peak {peak_bytes() / 2**30:.2f} GiB"
        lines.append(Line("evaluation", f"gradient, {name}", spent[name].seconds, "s", memory))
    engine = make_engine("jax", problem)
    normal = spend(lambda: engine.normal_equations(x), 3)
    lines.append(Line("evaluation", "normal equations, JAX", normal.seconds, "s", _cpu(normal)))
    if "eager torch cpu" in spent:
        lines.append(_ratio("evaluation: JAX over eager torch", spent["eager torch cpu"], spent["JAX"]))
    return [*lines, *_roofline(problem, spent["JAX"])]


def energies(options: Options) -> list[Line]:
    """One gradient of each term alone, body included."""
    from benchmarks.solver import reverse_gradient
    from benchmarks.speed_problems import eager_gradient

    problem, lines = _clip(options.frames), []
    for term in problem.terms:
        alone = replace(problem, terms=(term,))
        x = alone.initial()
        fast = spend(partial(reverse_gradient(alone), x), 5)
        note = _cpu(fast)
        if _has_torch():
            slow = spend(partial(eager_gradient(alone), x), 2)
            note = f"{note}; eager torch {slow.seconds * 1e3:.3g} ms, {slow.seconds / fast.seconds:.1f} times"
        lines.append(Line("energies", term.name, 1e3 * fast.seconds, "ms", note))
    return lines


def hoi_page(options: Options) -> list[Line]:
    """The paper's own objective: our compiled loop over all starts against the eager one, a start after another."""
    from zeroshot_hoi.optimization.hoi_page import Preset
    from zeroshot_hoi.optimization.hoi_page_loop import jax_loop, torch_loop

    problem, preset, lines = _fitting(options), Preset(steps=STEPS, starts=STARTS), []
    forget_peak()
    start = time.perf_counter()
    ours = jax_loop(problem, preset)
    ours.read(ours.step(ours.state, 0))
    compiled = time.perf_counter() - start
    steps = STEPS if options.full else 30
    fast = _loop_seconds(ours, steps)
    note = f"{STEPS} steps, {STARTS} starts, {problem.frames} frames; {_sampled(steps)}; {_cpu(fast)}"
    lines.append(Line("hoi_page", "loop, JAX", STEPS * fast.seconds, "s", note))
    lines.append(Line("hoi_page", "compilation", compiled, "s", "once"))
    lines.append(Line("hoi_page", "peak memory, JAX", peak_bytes() / 2**30, "GiB"))
    for device in devices() if _has_torch() else []:
        forget_peak()
        steps = STEPS if options.full else options.sample
        slow = _loop_seconds(torch_loop(problem, preset, device), steps)
        note = f"one start after another; {_sampled(steps)}; {_cpu(slow)}"
        lines.append(Line("hoi_page", f"loop, paper-style on {device}", STEPS * slow.seconds, "s", note))
        lines.append(Line("hoi_page", f"peak memory, paper-style on {device}", peak_bytes() / 2**30, "GiB"))
        if device == "cpu":
            lines.append(_ratio("hoi_page: compiled loop over the paper-style loop", slow, fast))
    return lines


def solver(options: Options) -> list[Line]:
    """The default solver against Adam on the same energy of all frames: time, and energy at the end.

    Adam's energy is that of all its steps (taken in JAX, where they are the same numbers); its time is that of eager
    torch, a step's mean times the steps and the starts. One start is solved: others have other energies, not costs.
    """
    from benchmarks.solver import reverse_gradient
    from zeroshot_hoi.optimization.engines import make_engine
    from zeroshot_hoi.optimization.schedule import CLIP_SETTINGS, smoothness
    from zeroshot_hoi.optimization.solver import adam, solve

    problem = _clip(options.frames)
    engine, smooth, x = make_engine("jax", problem), smoothness(problem, 1.0), problem.initial()
    solve(engine, x, smooth, CLIP_SETTINGS)  # compiles
    start, cpu = time.perf_counter(), time.process_time()
    ours = solve(engine, x, smooth, CLIP_SETTINGS)
    spent = Spent(time.perf_counter() - start, time.process_time() - cpu)
    note = f"energy {ours.energy:.5g} in {ours.stats['iterations']:.0f} iterations; {_cpu(spent)}"
    lines = [Line("solver", "default, one start", spent.seconds, "s", note)]
    gradient = reverse_gradient(problem)
    gradient(x)
    reached = adam(engine, x, smooth, STEPS, 1e-2, gradient_of=gradient)
    lines.append(Line("solver", f"energy of Adam after {STEPS} steps", reached.energy, "", f"rate 0.01; ours {note}"))
    if _has_torch():
        from benchmarks.speed_problems import eager_gradient

        slow = spend(partial(eager_gradient(problem), x), options.sample)
        paper = Spent(slow.seconds * STEPS * STARTS, slow.cpu * STEPS * STARTS)
        note = f"{STEPS} steps x {STARTS} starts; {_sampled(options.sample)}; {_cpu(slow)} a step"
        lines.append(Line("solver", "paper-style loop", paper.seconds, "s", note))
        every = Spent(spent.seconds * STARTS, spent.cpu * STARTS)
        found = "lower or equal energy" if ours.energy <= reached.energy else "HIGHER energy"
        lines.append(_ratio("default solver over the paper-style loop", paper, every, f"{STARTS} starts each, {found}"))
    return lines


def scaling(options: Options) -> list[Line]:
    """How a step grows; the exponent of the power law that fits best."""
    from benchmarks.solver import reverse_gradient
    from benchmarks.speed_problems import fewer_frames, more_objects, skin_vertices, with_people
    from zeroshot_hoi.optimization.engines import make_engine
    from zeroshot_hoi.optimization.hoi_page import Preset
    from zeroshot_hoi.optimization.hoi_page_loop import jax_loop

    fitting, clip = _fitting(options), _clip(options.frames)
    count = clip.length

    def step(problem: Any, starts: int = STARTS) -> float:
        return _loop_seconds(jax_loop(problem, Preset(starts=starts)), 8).cpu

    def gradient(problem: Any) -> float:
        return spend(partial(reverse_gradient(problem), problem.initial()), 4).cpu

    def normal(problem: Any) -> float:
        engine = make_engine("jax", problem)
        return spend(partial(engine.normal_equations, problem.initial()), 2).cpu

    lengths = sorted({max(3, round(count * share)) for share in (0.25, 0.5, 1.0)})
    table: list[tuple[str, Sequence[int], Callable[[int], float]]] = [
        ("frames, hoi_page step", lengths, lambda n: step(fewer_frames(fitting, n))),
        ("vertices, hoi_page step", [1024, 4096, 16384], lambda n: step(skin_vertices(fitting, n))),
        ("objects, hoi_page step", [1, 2, 4], lambda n: step(more_objects(fitting, n))),
        ("restarts, hoi_page step", [1, 2, 4, 8], lambda n: step(fitting, n)),
        ("frames, gradient", lengths, lambda n: gradient(clip.take(np.arange(n)))),
        ("people, gradient", [1, 2, 3], lambda n: gradient(with_people(clip.take(np.arange(min(count, 14))), n))),
        ("frames, normal equations", lengths, lambda n: normal(clip.take(np.arange(n)))),
        ("people, normal equations", [1, 2], lambda n: normal(with_people(clip.take(np.arange(min(count, 14))), n))),
    ]
    lines = []
    for what, sizes, job in table:
        times = [job(n) for n in sizes]
        note = "processor time: " + ", ".join(f"{n}: {1e3 * t:.3g} ms" for n, t in zip(sizes, times, strict=True))
        lines.append(Line("scaling", what, exponent(sizes, times), "exponent", note))
    return lines


SECTIONS: dict[str, Callable[[Options], list[Line]]] = {
    "stages": stages, "evaluation": evaluation, "energies": energies, "hoi_page": hoi_page, "solver": solver,
    "scaling": scaling,
}  # fmt: skip


def run_speed(names: Sequence[str] | None, options: Options, out: Path, console: Console) -> int:
    """0 where every bar that was measured holds, 1 where one is missed or a section crashed, 2 for a wrong name."""
    unknown = [name for name in names or [] if name not in SECTIONS]
    if unknown:
        console.print(f"No section is called {', '.join(unknown)}. Known: {', '.join(SECTIONS)}.")
        return 2
    machine = measure_machine()
    console.print(
        f"{machine.cores} cores, load {machine.load:.2f}, {machine.flops / 1e9:.3g} GFLOP/s, "
        f"{machine.bandwidth / 1e9:.3g} GB/s, {', '.join(devices())}; {options.frames} frames"
    )
    lines: list[Line] = []
    crashed = False
    for name in names or SECTIONS:
        try:
            fresh = SECTIONS[name](options)
        except Exception as error:
            fresh, crashed = [Line(name, "CRASHED", float("nan"), "", f"{type(error).__name__}: {error}")], True
        for line in fresh:
            console.print(f"{line.section}: {line.what} {line.value:.4g} {line.unit}  {line.note}", markup=False,
                          highlight=False, soft_wrap=True)  # fmt: skip
        lines += fresh
        _write(machine, lines, out)
    missed = missed_bars(lines)
    table = Table("ratio", "measured", "bar")
    for line in lines:
        if line.what in BARS:
            table.add_row(line.what, f"{line.value:.3g}", f"{BARS[line.what]:g}" + (" MISSED" * (line in missed)))
    console.print(table)
    return int(bool(missed) or crashed)


def missed_bars(lines: Sequence[Line]) -> list[Line]:
    """Ratios below their bars, or not a number."""
    return [line for line in lines if line.what in BARS and not line.value >= BARS[line.what]]


def _write(machine: Any, lines: Sequence[Line], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    record = {"machine": asdict(machine), "lines": [asdict(line) for line in lines]}
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _roofline(problem: Any, spent: Spent) -> list[Line]:
    """The least time that a gradient's counted operations and bytes need on this machine, beside the time taken."""
    import jax

    from benchmarks.solver import compiled_gradient

    machine = measure_machine()
    function, arrays = compiled_gradient(problem)
    x = jax.numpy.asarray(problem.initial(), dtype="float32")
    operations, moved = counted(function.lower(x, *arrays).compile())
    work, traffic = operations / machine.flops, moved / machine.bandwidth
    limit = "memory" if traffic > work else "arithmetic"
    note = (
        f"{operations / 1e9:.3g} G operations, {moved / 1e9:.3g} GB (XLA's count, caches ignored): {limit} limits; "
        f"{max(work, traffic) / spent.seconds:.0%} of the time taken"
    )
    return [Line("evaluation", "roofline of the gradient", max(work, traffic), "s", note)]


def _ratio(name: str, slow: Spent, fast: Spent, note: str = "") -> Line:
    """The smaller of the ratios of wall time and of processor time: on a busy machine neither pauses nor idle threads
    flatter."""
    wall, work = slow.seconds / fast.seconds, slow.cpu / max(fast.cpu, 1e-9)
    text = f"{wall:.3g} in wall time, {work:.3g} in processor time; the smaller counts"
    return Line("ratio", name, min(wall, work), "times", text + (f"; {note}" if note else ""))


def _cpu(spent: Spent) -> str:
    return f"{1e3 * spent.cpu:.3g} ms of processor time"


def _sampled(steps: int) -> str:
    return "every step timed" if steps == STEPS else f"{steps} steps timed, the rest multiplied"


def _has_torch() -> bool:
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True
