"""Runs cases one after another, each in a process of its own, and keeps what is finished.

A folder of a run holds `case.json` (what was asked), the files of `work.py`, `log.txt` and `run.json` (how it ended). A
run that ended with a result is kept, so that an evaluation that was stopped goes on; one that crashed runs again.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.evaluation.cases import Case
from zeroshot_hoi.evaluation.work import REFUSED, RESULT, SHEET, STRIP
from zeroshot_hoi.mesh_digest import file_digest
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.stage_folder import code_version

FINISHED, CRASHED, REFUSED_STATE, TIMED_OUT = "finished", "crashed", "refused", "timed out"
LIMIT_S = 7200.0
"""Of one run; a run that takes longer is ended and is a row."""


@dataclass(frozen=True)
class Run:
    """How one case ended."""

    recipe: str
    meshes: str
    seed: int
    state: str
    seconds: float
    peak_mb: float
    """Largest resident memory of its process, MB; NaN where the system does not tell."""
    error: str = ""
    code: str = ""
    """First letters of the digest of the package that made it."""
    asked: str = ""
    """Digest of the recipe and the meshes."""
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    """As `Result.meta["metrics"]` has them: value, unit, direction, threshold."""

    @property
    def missed(self) -> list[str]:
        """Metrics whose bar does not hold."""
        return [metric.key for metric in self.judged if not metric.passed]

    @property
    def judged(self) -> list[Any]:
        """The metrics that have a bar."""
        from zeroshot_hoi.metrics.metric import Metric

        return [Metric(key, **told) for key, told in self.metrics.items() if told["threshold"] is not None]

    @property
    def holds(self) -> bool:
        """Whether it finished and every bar holds."""
        return self.state == FINISHED and bool(self.metrics) and not self.missed


Command = Callable[[Path], list[str]]


def work_command(case_file: Path) -> list[str]:
    """The process that runs one case."""
    return [sys.executable, "-m", "zeroshot_hoi.evaluation.work", str(case_file)]


def run_case(case: Case, out: Path, *, fresh: bool = False, command: Command = work_command) -> tuple[Run, bool]:
    """The run of a case, and whether it was kept from before."""
    folder = out / case.folder
    asked = _digest(case)
    before = None if fresh else read_run(folder)
    if before is not None and before.state == FINISHED and before.asked == asked and (folder / RESULT).is_file():
        return before, True
    folder.mkdir(parents=True, exist_ok=True)
    meshes = {name: asdict(mesh) | {"source": os.path.abspath(mesh.source)} for name, mesh in case.meshes.items()}
    for name in ("run.json", RESULT, SHEET, STRIP):
        (folder / name).unlink(missing_ok=True)
    (folder / "case.json").write_text(
        json.dumps({"recipe": case.recipe, "seed": case.seed, "meshes": meshes}, indent=1) + "\n", "utf-8"
    )
    start = time.perf_counter()
    code, peak = _run_process(command(folder / "case.json"), folder / "log.txt")
    seconds = time.perf_counter() - start
    state, error, metrics = _outcome(code, folder)
    run = Run(
        case.recipe, case.mesh_names, case.seed, state, round(seconds, 1), peak, error, code_version()[:12], asked,
        metrics,
    )  # fmt: skip
    (folder / "run.json").write_text(json.dumps(asdict(run), indent=1) + "\n", "utf-8")
    return run, False


def read_run(folder: Path) -> Run | None:
    """What `run.json` tells, or None where there is none that can be read."""
    try:
        told = json.loads((folder / "run.json").read_text("utf-8"))
        return Run(**told)
    except (OSError, ValueError, TypeError):
        return None


def _digest(case: Case) -> str:
    """Of the recipe as it is read and the files of the meshes: what was asked, without who answers."""
    recipe = Recipe.load(case.recipe).model_dump(mode="json")
    meshes = [
        (name, file_digest(str(mesh.source)), mesh.unit, mesh.up, mesh.front) for name, mesh in case.meshes.items()
    ]
    return hashlib.sha256(json.dumps([recipe, case.seed, meshes]).encode()).hexdigest()[:16]


def _run_process(command: list[str], log: Path) -> tuple[int | None, float]:
    """Exit code (None after the time limit) and the largest resident memory in MB."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            return _wait(process)
        except BaseException:
            process.kill()
            process.wait()
            raise


def _wait(process: subprocess.Popen[bytes]) -> tuple[int | None, float]:
    if not hasattr(os, "wait4"):
        try:
            return process.wait(LIMIT_S), float("nan")
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None, float("nan")
    end, ended = time.monotonic() + LIMIT_S, True
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > end and ended:
            process.kill()
            ended = False
        time.sleep(0.2)
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return (process.returncode if ended else None), round(peak, 1)


def _outcome(code: int | None, folder: Path) -> tuple[str, str, dict[str, dict[str, Any]]]:
    """State, error and metrics of a process that ended."""
    last = _last_line(folder / "log.txt")
    if code is None:
        return TIMED_OUT, f"longer than {LIMIT_S:.0f} s", {}
    if code != 0:
        return (REFUSED_STATE if code == REFUSED else CRASHED), last or f"exit code {code}", {}
    from zeroshot_hoi.results.result import Result

    try:
        return FINISHED, "", Result.load(folder / RESULT).meta["metrics"]
    except HoiError as error:
        return CRASHED, f"{type(error).__name__}: {error}", {}


def _last_line(path: Path) -> str:
    lines = [line.strip() for line in path.read_text("utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1][:400] if lines else ""
