"""Times, memory and the limits of the machine, as the speed report needs them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Spent:
    """One timed call, or the mean of several."""

    seconds: float
    """Wall time."""
    cpu: float
    """Processor time of all threads: noise of other programs is not in it, waiting is not either."""


def spend(job: Callable[[], Any], repeats: int, warm: int = 1) -> Spent:
    """The mean of `repeats` calls after `warm` that are not counted."""
    for _ in range(warm):
        job()
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        job()
    return Spent((time.perf_counter() - start) / repeats, (time.process_time() - cpu) / repeats)


def least_cpu(job: Callable[[], Any], repeats: int) -> float:
    """Processor time of the cheapest of `repeats` calls after one that is not counted: other programs only add."""
    job()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return min(times)


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """b of the power law time = a size^b that fits best in logarithms; NaN for fewer than two sizes."""
    if len(set(sizes)) < 2:
        return float("nan")
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def forget_peak() -> None:
    """Lets `peak_bytes` start anew, where Linux allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_bytes() -> float:
    """The process's largest memory since `forget_peak`; NaN where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next((1024.0 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), float("nan"))


@dataclass(frozen=True)
class Machine:
    """What this machine does at best, measured in the same run."""

    flops: float
    """Operations per second of a large float32 matrix product."""
    bandwidth: float
    """Bytes per second of adding two long arrays."""
    load: float
    """One-minute load average before the measurement."""
    cores: int


def measure_machine() -> Machine:
    """Both limits by JAX on its default device, so that they are those of what is measured."""
    import jax

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    square = jax.numpy.ones((1024, 1024), dtype="float32")
    long = jax.numpy.ones(16_000_000, dtype="float32")
    product = jax.jit(lambda a: a @ a)
    total = jax.jit(lambda a: a + 1.0)
    flops = min(spend(lambda: jax.block_until_ready(product(square)), 1).seconds for _ in range(4))
    moved = min(spend(lambda: jax.block_until_ready(total(long)), 1).seconds for _ in range(4))
    return Machine(2.0 * 1024**3 / flops, 2.0 * long.nbytes / moved, load, os.cpu_count() or 1)


def counted(compiled: Any) -> tuple[float, float]:
    """Operations and bytes of a compiled JAX function by XLA's own count; NaN where it does not say."""
    analysis = compiled.cost_analysis()
    analysis = analysis[0] if isinstance(analysis, list) else analysis or {}
    return float(analysis.get("flops", np.nan)), float(analysis.get("bytes accessed", np.nan))
