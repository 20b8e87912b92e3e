"""The sections of the speed report but its scaling: stages, one evaluation, every energy, and the loops."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clock import Spent, counted, forget_peak, measure_machine, peak_bytes, spend
from benchmarks.speed_report import STARTS, STEPS, Line, Options, cpu_note, devices, has_torch, ratio_line, sampled

STAGES_RECIPE = "lift_dumbbell"

PATIENCE = 5
"""Times the paper's number of steps after which Adam is no longer followed toward our energy."""

PAPER, SAME = "the paper-style loop to its energy", "the paper-style loop to ours"


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
    if has_torch():
        from benchmarks.speed_problems import eager_gradient

        makers |= {f"eager torch {d}": partial(eager_gradient, problem, d) for d in devices()}
    for name, make in makers.items():
        forget_peak()
        gradient = make()
        spent[name] = spend(lambda g=gradient: g(x), 10 if name == "JAX" else options.sample)
        memory = f"{cpu_note(spent[name])}, peak {peak_bytes() / 2**30:.2f} GiB"
        lines.append(Line("evaluation", f"gradient, {name}", spent[name].seconds, "s", memory))
    engine = make_engine("jax", problem)
    normal = spend(lambda: engine.normal_equations(x), 3)
    lines.append(Line("evaluation", "normal equations, JAX", normal.seconds, "s", cpu_note(normal)))
    if "eager torch cpu" in spent:
        lines.append(ratio_line("evaluation: JAX over eager torch", spent["eager torch cpu"], spent["JAX"]))
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
        note = cpu_note(fast)
        if has_torch():
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
    note = f"{STEPS} steps, {STARTS} starts, {problem.frames} frames; {sampled(steps)}; {cpu_note(fast)}"
    lines.append(Line("hoi_page", "loop, JAX", STEPS * fast.seconds, "s", note))
    lines.append(Line("hoi_page", "compilation", compiled, "s", "once"))
    lines.append(Line("hoi_page", "peak memory, JAX", peak_bytes() / 2**30, "GiB"))
    for device in devices() if has_torch() else []:
        forget_peak()
        steps = STEPS if options.full else options.sample
        slow = _loop_seconds(torch_loop(problem, preset, device), steps)
        note = f"one start after another; {sampled(steps)}; {cpu_note(slow)}"
        lines.append(Line("hoi_page", f"loop, paper-style on {device}", STEPS * slow.seconds, "s", note))
        lines.append(Line("hoi_page", f"peak memory, paper-style on {device}", peak_bytes() / 2**30, "GiB"))
        if device == "cpu":
            lines.append(ratio_line("hoi_page: compiled loop over the paper-style loop", slow, fast))
    return lines


def solver(options: Options) -> list[Line]:
    """The default solver against the paper-style loop on the same energy of all frames, from the same start.

    The loop is Adam in eager torch, at the rate that is lowest after a few steps. Both are timed to the same energy,
    twice: to the one that the loop's 600 steps end at, and to the one that the solver ends at; how many steps Adam
    would take there is counted in JAX, where steps are the same numbers and cheap. One start is solved, and all times
    are multiplied by the starts: others have other energies, not costs.
    """
    from benchmarks.solver import RATES, TRIAL_STEPS, reverse_gradient
    from zeroshot_hoi.optimization.engines import make_engine
    from zeroshot_hoi.optimization.schedule import CLIP_SETTINGS, smoothness
    from zeroshot_hoi.optimization.solver import Settings, adam, solve

    problem = _clip(options.frames)
    engine, smooth, x = make_engine("jax", problem), smoothness(problem, 1.0), problem.initial()
    reached: list[float] = []

    def timed(settings: Settings) -> tuple[Any, Spent]:
        reached.clear()
        start, cpu = time.perf_counter(), time.process_time()
        solution = solve(
            engine, x, smooth, settings, lambda told: reached.append(np.inf if told.energy is None else told.energy)
        )
        return solution, Spent(STARTS * (time.perf_counter() - start), STARTS * (time.process_time() - cpu))

    timed(CLIP_SETTINGS)  # compiles
    ours, spent = timed(CLIP_SETTINGS)
    lines = [_solver_line("default solver", ours, spent)]
    energies = list(reached)
    gradient = reverse_gradient(problem)
    gradient(x)
    trials = {rate: adam(engine, x, smooth, TRIAL_STEPS, rate, gradient_of=gradient).energy for rate in RATES}
    rate = min(trials, key=lambda r: trials[r])
    whole = adam(engine, x, smooth, STEPS, rate, gradient_of=gradient)
    lines.append(Line("solver", f"energy of Adam after {STEPS} steps", whole.energy, "", f"rate {rate:g}"))
    early, sooner = ours, spent
    taken = next((k for k, energy in enumerate(energies, start=1) if energy <= whole.energy), None)
    if taken is not None:
        early, sooner = timed(replace(CLIP_SETTINGS, iterations=taken))
        lines.append(_solver_line("default solver to the loop's energy", early, sooner))
    longer = adam(engine, x, smooth, PATIENCE * STEPS, rate, ours.energy, gradient)
    needed, there = int(longer.stats["iterations"]) + 1, longer.energy <= ours.energy
    note = f"rate {rate:g}" if there else f"rate {rate:g}; still at {longer.energy:.5g}, so a lower bound"
    lines.append(Line("solver", "Adam's steps to our energy", needed, "steps", note))
    if not has_torch():
        return lines
    step, note = _eager_step(problem, engine, smooth, rate, options)
    for name, steps, energy, solution, of_ours in (
        (PAPER, STEPS, whole.energy, early, sooner), (SAME, needed, longer.energy, ours, spent),
    ):  # fmt: skip
        loop = Spent(STARTS * steps * step.seconds, STARTS * steps * step.cpu)
        about = f"{steps} steps x {STARTS} starts, to energy {energy:.5g}; {note}"
        lines.append(Line("solver", f"{name}, eager torch", loop.seconds, "s", f"{about}; {cpu_note(step)} a step"))
        if solution.energy <= energy:
            found = f"ours is then at {solution.energy:.5g}"
            lines.append(ratio_line(f"default solver over {name}", loop, of_ours, found))
        else:
            lines.append(Line("ratio", f"default solver over {name}", float("nan"), "times", "ours ends above it"))
    return lines


def _solver_line(name: str, solution: Any, spent: Spent) -> Line:
    about = f"{STARTS} x one start, to energy {solution.energy:.5g} in {solution.stats['iterations']:.0f} iterations"
    return Line("solver", name, spent.seconds, "s", f"{about}; {cpu_note(spent)}")


def _eager_step(problem: Any, engine: Any, smooth: Any, rate: float, options: Options) -> tuple[Spent, str]:
    """The mean of one step of Adam in eager torch, over all steps of one start where everything is timed."""
    from benchmarks.speed_problems import eager_gradient
    from zeroshot_hoi.optimization.solver import adam

    gradient, x = eager_gradient(problem), problem.initial()
    gradient(x)
    steps = STEPS if options.full else options.sample
    start, cpu = time.perf_counter(), time.process_time()
    found = adam(engine, x, smooth, steps, rate, gradient_of=gradient)
    spent = Spent((time.perf_counter() - start) / steps, (time.process_time() - cpu) / steps)
    if options.full:
        return spent, f"all {steps} steps of one start timed, which end at energy {found.energy:.5g}"
    return spent, f"{steps} steps timed, the rest multiplied"


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
