"""Parts that are not there: how many of them are reported, and how many parts that are there are kept.

Each mesh is asked for its own parts together, and for every part that it does not have alone and beside its own ones.
The meshes and words are in `tests/data/absent_parts.toml`: labeled ones, on which the test for presence was made, and
built-in ones, which it had not seen.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.meshes import mesh_folder
from benchmarks.part_labels import read_labels
from zeroshot_hoi.affordance.base import AbsentPartError
from zeroshot_hoi.affordance.geometric import PartSearch, find_parts
from zeroshot_hoi.affordance.report import parse_part
from zeroshot_hoi.core.plan import ObjectPlan, PartDescription
from zeroshot_hoi.core.scene import SceneObject
from zeroshot_hoi.geometry.builtin import builtin_mesh
from zeroshot_hoi.geometry.prepare import prepare_object

ABSENT = Path(__file__).parents[1] / "tests" / "data" / "absent_parts.toml"
KEPT_BAR, REPORTED_BAR = 0.95, 0.80


@dataclass(frozen=True)
class AskedMesh:
    """A mesh with parts that it has and parts that it has not."""

    source: str
    """`labeled` or `builtin`."""
    obj: SceneObject
    present: tuple[PartDescription, ...]
    absent: tuple[PartDescription, ...]


@dataclass(frozen=True)
class Presence:
    """What was answered about one part."""

    source: str
    mesh: str
    part: str
    there: bool
    how: str
    """`alone`, or `beside` the mesh's own parts."""
    fit: float
    found: bool


def file_hash(path: Path = ABSENT) -> str:
    """SHA-256 of the list, which is frozen."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def asked_meshes(names: list[str] | None = None, anonymous: bool = False) -> Iterator[AskedMesh]:
    """Every mesh that is here, prepared."""
    table = tomllib.loads(ABSENT.read_text())
    folder = mesh_folder()
    for entry in read_labels():
        if (folder / entry.file).is_file() and (not names or entry.stem in names):
            obj = replace(prepare_object(entry.object, entry.mesh(folder)), name=entry.stem)
            present = tuple(PartDescription(p.name, count=p.count) for p in entry.parts)
            absent = tuple(map(parse_part, table["labeled"][entry.stem]))
            yield AskedMesh("labeled", _unnamed(obj, anonymous), present, absent)
    for name, words in table["builtin"]["absent"].items():
        if not names or name in names:
            obj = _unnamed(prepare_object(name, builtin_mesh(name)), anonymous)
            present = tuple(map(parse_part, table["builtin"]["present"].get(name, ())))
            yield AskedMesh("builtin", obj, present, tuple(map(parse_part, words)))


def _unnamed(obj: SceneObject, anonymous: bool) -> SceneObject:
    return replace(obj, nodes=("",) * len(obj.faces)) if anonymous else obj


def ask(mesh: AskedMesh, seed: int = 0) -> list[Presence]:
    """Its own parts together; every absent one alone, and beside them."""
    search = PartSearch(mesh.obj, seed)
    own = _fits(search, mesh.obj, mesh.present)
    answers = [_answer(mesh, part, True, "beside", own) for part in mesh.present]
    for part in mesh.absent:
        answers.append(_answer(mesh, part, False, "alone", _fits(search, mesh.obj, (part,))))
        if mesh.present:
            answers.append(_answer(mesh, part, False, "beside", _fits(search, mesh.obj, (*mesh.present, part))))
    return answers


def _answer(mesh: AskedMesh, part: PartDescription, there: bool, how: str, fits: dict) -> Presence:
    fit, found = fits[part.name]
    return Presence(mesh.source, mesh.obj.name, part.name, there, how, fit, found)


def _fits(search: PartSearch, obj: SceneObject, parts: tuple[PartDescription, ...]) -> dict[str, tuple[float, bool]]:
    """Part -> its fit, and whether it was found."""
    if not parts:
        return {}
    try:
        found = find_parts(obj, ObjectPlan(obj.name, parts=parts), search=search).parts
        return {name: (region.confidence, True) for name, region in found.items()}
    except AbsentPartError as error:
        return {name: (fit, True) for name, fit in error.found.items()} | {
            name: (fit, False) for name, fit in error.absent.items()
        }


def presence_table(names: list[str] | None, anonymous: bool, console: Console) -> int:
    """Print what was answered wrongly and the shares; exit code 0 where both bars hold on every set, else 1."""
    answers = [answer for mesh in asked_meshes(names, anonymous) for answer in ask(mesh)]
    table = Table("set", "mesh", "part", "asked", "answered wrongly", "fit")
    for a in answers:
        if a.found != a.there:
            table.add_row(a.source, a.mesh, a.part, a.how, "found" if a.found else "not there", f"{a.fit:.2f}")
    console.print(table)
    good = True
    for source in dict.fromkeys(a.source for a in answers):
        own = [a for a in answers if a.source == source]
        kept = [a.found for a in own if a.there]
        console.print(f"{source}: kept {sum(kept)} of {len(kept)} parts that are there ({np.mean(kept):.1%})")
        good &= float(np.mean(kept)) >= KEPT_BAR
        for how in ("alone", "beside"):
            reported = [not a.found for a in own if not a.there and a.how == how]
            console.print(
                f"  reported {sum(reported)} of {len(reported)} that are not, asked {how} ({np.mean(reported):.1%})"
            )
            good &= float(np.mean(reported)) >= REPORTED_BAR
        console.print(f"  area under the curve of the fit: {_area_under_curve(own):.3f}")
    return int(not good)


def _area_under_curve(answers: list[Presence]) -> float:
    """How often a part that is there fits better than one that is not."""
    there = np.array([a.fit for a in answers if a.there])
    absent = np.array([a.fit for a in answers if not a.there])
    return float(((there[:, None] > absent) + 0.5 * (there[:, None] == absent)).mean())
