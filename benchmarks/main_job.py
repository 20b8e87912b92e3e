"""The main job as a user runs it: a fresh process, its wall time and its peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gate import LOWER, Row
from benchmarks.meshes import CASES, Case, available

WALL_TOLERANCE = 1.6
"""Shared machines are noisy."""
MEMORY_TOLERANCE = 1.25
POLL = 0.02
"""Seconds between looks at a child's memory."""


@dataclass(frozen=True)
class Measured:
    """One finished process."""

    seconds: float
    peak_bytes: int


def run_command(arguments: list[str], cache: Path) -> Measured:
    """Run a child to its end; RuntimeError with its last words where it fails."""
    environment = os.environ | {"ZEROSHOT_HOI_CACHE": str(cache)}
    start = time.perf_counter()
    with tempfile.TemporaryFile() as words:
        child = subprocess.Popen(arguments, env=environment, stdout=words, stderr=subprocess.STDOUT)
        peak = _wait(child)
        seconds = time.perf_counter() - start
        if child.returncode != 0:
            words.seek(0)
            tail = words.read()[-600:].decode(errors="replace").strip()
            raise RuntimeError(f"exit code {child.returncode}: {tail}")
    return Measured(seconds, peak)


def _wait(child: subprocess.Popen[bytes]) -> int:
    """Waits for a child to end; its own largest memory in bytes.

    Linux hands the parent's peak on to a child (`ru_maxrss` outlives exec), so that the child's own is read while it
    runs: a high-water mark, at most POLL seconds old. Where there is no /proc, the system's count has to do.
    """
    peak = 0
    while True:
        peak = max(peak, _high_water(child.pid))
        ended, status, usage = os.wait4(child.pid, os.WNOHANG)
        if ended:
            break
        time.sleep(POLL)
    child.returncode = os.waitstatus_to_exitcode(status)
    return peak or usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _high_water(process: int) -> int:
    """Bytes; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def run_case(case: Case, cache: Path, folder: Path) -> Measured:
    """The command line of one case."""
    command = [sys.executable, "-m", "zeroshot_hoi", "run", case.recipe, "--out", str(folder)]
    for argument in case.mesh_arguments():
        command += ["--mesh", argument]
    return run_command(command, cache)


def rows_of(name: str, measured: Measured) -> list[Row]:
    return [
        Row(f"main job {name}:wall", measured.seconds, "s", LOWER, WALL_TOLERANCE),
        Row(f"main job {name}:peak memory", measured.peak_bytes / 2**30, "GiB", LOWER, MEMORY_TOLERANCE),
    ]


def main_job() -> list[Row]:
    """Cold (empty cache), warm, and warm on a mesh the caches have never seen."""
    builtin = CASES["ironing built-in"]
    unseen = CASES["ironing float on table"]
    with tempfile.TemporaryDirectory() as folder:
        cache, out = Path(folder) / "cache", Path(folder)  # a folder each: one that exists keeps finished stages
        rows = rows_of("cold", run_case(builtin, cache, out / "cold"))
        rows += rows_of("warm", run_case(builtin, cache, out / "warm"))
        if available(unseen):
            rows += rows_of("warm on an unseen mesh", run_case(unseen, cache, out / "unseen"))
    return rows
