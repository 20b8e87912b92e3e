"""Result files in others' hands: every GLB through the Khronos validator, every USD through usd-core.

Both are also played back by readers that know nothing of the writers (`gltf_player.py`, `usd_player.py`), frame by
frame, and compared with the result: skin, objects and joints, in millimetres. The bar is 1 mm.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.spatial import KDTree

from benchmarks.gltf_player import GltfPlayer
from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.results.export.glb import GLTF_FROM_OURS
from zeroshot_hoi.results.export.usd import prim_name
from zeroshot_hoi.results.result import Result

BAR_MM = 1.0
"""Largest distance between what a file plays and the result."""

VALIDATE = (
    "const v=require(process.argv[1]),fs=require('fs');v.validateBytes(new Uint8Array(fs.readFileSync("
    "process.argv[2]))).then(r=>console.log(JSON.stringify(r.issues)))"
)

LOG_WIDTH = 130
"""Columns where output is no terminal."""

MISSING = float("nan")
"""Of what could not be looked at, because its reader is not installed."""


@dataclass(frozen=True)
class Row:
    """One result file and what became of it."""

    name: str
    glb_mb: float = MISSING
    errors: float = MISSING
    """Of the validator, as are the warnings."""
    warnings: float = MISSING
    glb_skin_mm: float = MISSING
    glb_objects_mm: float = MISSING
    usd_joints_mm: float = MISSING
    usd_skin_mm: float = MISSING
    usd_objects_mm: float = MISSING
    failure: str = ""

    @property
    def holds(self) -> bool:
        """Nothing wrong among what was looked at."""
        far = (self.glb_skin_mm, self.glb_objects_mm, self.usd_joints_mm, self.usd_skin_mm, self.usd_objects_mm)
        return not (self.failure or self.errors > 0 or self.warnings > 0 or any(d > BAR_MM for d in far))


def result_files(places: Sequence[Path]) -> list[Path]:
    """The `.npz` files among the places and below the folders among them, sorted; those of AMASS left out."""
    found = [path for place in places for path in (place.rglob("*.npz") if place.is_dir() else [place])]
    return sorted(path for path in set(found) if not path.name.endswith(".amass.npz"))


def validator_folder() -> Path | None:
    """Where npm put the Khronos validator: below ZEROSHOT_HOI_NODE_MODULES or ./node_modules; None without it."""
    folder = Path(os.environ.get("ZEROSHOT_HOI_NODE_MODULES", "node_modules")) / "gltf-validator"
    return folder.resolve() if folder.is_dir() and shutil.which("node") else None


def validate(path: Path, validator: Path) -> dict:
    """The validator's issues: numErrors, numWarnings, ..., messages."""
    command = ["node", "-e", VALIDATE, str(validator), str(path)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def check_file(path: Path, name: str, step: int = 1) -> Row:
    """Export one result and play back every `step`-th frame and the last one."""
    try:
        result = Result.load(path)
        with TemporaryDirectory() as scratch:
            told: dict[str, Any] = {}
            for part in (_check_glb, _check_usd):
                told |= part(result, Path(scratch), _frames(result, step))
        return Row(name, **told)
    except (HoiError, AssertionError, ValueError, subprocess.CalledProcessError) as error:
        return Row(name, failure=f"{type(error).__name__}: {error}"[:200])


def _frames(result: Result, step: int) -> list[int]:
    return sorted({*range(0, result.frames, step), result.frames - 1})


def _check_glb(result: Result, folder: Path, frames: Sequence[int]) -> dict[str, float]:
    path = folder / "a.glb"
    result.export(path)
    told = {"glb_mb": path.stat().st_size / 1e6}
    if (validator := validator_folder()) is not None:
        issues = validate(path, validator)
        told |= {"errors": issues["numErrors"], "warnings": issues["numWarnings"]}
    player = GltfPlayer(path)

    def played(name: str, frame: int) -> np.ndarray:
        return player.vertices(name, frame / result.fps) @ GLTF_FROM_OURS

    skin = [_largest(played(n, k) - p.vertices[k]) for k in frames for n, p in result.people.items()]
    rigid = [_apart(played(n, k), o.vertices_at(k)) for k in frames for n, o in result.objects.items()]
    return told | {"glb_skin_mm": _millimetres(skin), "glb_objects_mm": _millimetres(rigid)}


def _check_usd(result: Result, folder: Path, frames: Sequence[int]) -> dict[str, float]:
    if find_spec("pxr") is None:
        return {}
    from benchmarks.usd_player import UsdPlayer

    path = folder / "a.usdc"
    result.export(path)
    player = UsdPlayer(path)
    joints, skin, rigid = [], [], []
    for frame in frames:
        for name, person in result.people.items():
            home = f"/scene/{prim_name(name)}"
            played = player.joints(home, frame)[: len(person.joint_names)]
            joints.append(_largest(played - person.joints[frame]))
            skin.append(_largest(player.vertices(home, frame) - person.vertices[frame]))
        for name, thing in result.objects.items():
            rigid.append(_apart(player.moved(f"/scene/{prim_name(name)}/mesh", frame), thing.vertices_at(frame)))
    return {
        "usd_joints_mm": _millimetres(joints),
        "usd_skin_mm": _millimetres(skin),
        "usd_objects_mm": _millimetres(rigid),
    }


def _largest(difference: np.ndarray) -> float:
    """The longest of the vectors (N, 3)."""
    return float(np.linalg.norm(difference, axis=1).max())


def _apart(first: np.ndarray, second: np.ndarray) -> float:
    """The farthest that a point of one set is from the other set; exported vertices are split at hard edges."""
    return float(max(KDTree(second).query(first)[0].max(), KDTree(first).query(second)[0].max()))


def _millimetres(metres: Sequence[float]) -> float:
    return 1000.0 * max(metres, default=0.0)


def exports_table(places: Sequence[Path], step: int, out: Path | None, console: Console) -> int:
    """Check every result file, print the table; 1 where a file does not hold, 2 where there is none."""
    files = result_files(places)
    if not files:
        console.print(f"There is no .npz file in {', '.join(map(str, places))}.", markup=False)
        return 2
    if validator_folder() is None:
        console.print("Not validated: node or `npm install gltf-validator` is missing (ZEROSHOT_HOI_NODE_MODULES).")
    if find_spec("pxr") is None:
        console.print("No USD: pip install 'zeroshot-hoi[usd]'", markup=False)
    rows = list(_check_all(files, step, console))
    if not console.is_terminal:
        console.width = max(console.width, LOG_WIDTH)
    console.print(_table(rows))
    for row in rows:
        if row.failure:
            console.print(f"{row.name}: {row.failure}", markup=False, style="red")
    console.print(f"{sum(row.holds for row in rows)} of {len(rows)} files hold: no error, no warning, {BAR_MM:g} mm.")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return int(not all(row.holds for row in rows))


def _check_all(files: Sequence[Path], step: int, console: Console) -> Iterator[Row]:
    shared = Path(os.path.commonpath([path.parent for path in files]))
    for path in files:
        name = str(path.relative_to(shared).with_suffix("")).removesuffix("/result")
        with console.status(name):
            row = check_file(path, name, step)
        if not console.is_terminal:
            console.print(f"{name}: {'holds' if row.holds else 'fails'}", markup=False)
        yield row


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="Exports, played back by other readers", title_justify="left")
    heads = ("GLB MB", "errors", "warnings", "GLB skin mm", "objects mm", "USD joints mm", "skin mm", "objects mm")
    table.add_column("result", overflow="fold")
    for head in heads:
        table.add_column(head, justify="right")
    table.add_column("")
    for row in rows:
        counts = ["-" if np.isnan(n) else f"{n:.0f}" for n in (row.errors, row.warnings)]
        far = (row.glb_skin_mm, row.glb_objects_mm, row.usd_joints_mm, row.usd_skin_mm, row.usd_objects_mm)
        cells = [f"{row.glb_mb:.1f}", *counts, *("-" if np.isnan(n) else f"{n:.4f}" for n in far)]
        table.add_row(row.name, *cells, "holds" if row.holds else "[red]fails[/]")
    return table
