"""Thirty sentences on real meshes through the built-in vocabulary: planned, run, and measured from the files alone."""

from __future__ import annotations

import time
import tomllib
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.bars import Bar, measure_bars
from benchmarks.meshes import mesh_folder
from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.core.scene import Mesh

LIST = Path(__file__).with_name("sentences.toml")

WANTED = 0.85
"""Share of the sentences whose every bar should hold."""


@dataclass(frozen=True)
class Sentence:
    """One line of the list."""

    key: str
    text: str
    meshes: dict[str, Mesh]


@dataclass(frozen=True)
class Outcome:
    """What became of one sentence."""

    sentence: Sentence
    seconds: float
    plan: str = ""
    """Edges of the graph and verbs of the script."""
    bars: tuple[Bar, ...] = ()
    error: str = ""


def read_sentences(folder: Path) -> list[Sentence]:
    """The list, with meshes of `folder`."""
    data = tomllib.loads(LIST.read_text(encoding="utf-8"))
    return [
        Sentence(key, row["text"], dict(_mesh(entry, data["meshes"], folder) for entry in row["objects"]))
        for key, row in data["sentences"].items()
    ]


def _mesh(entry: str, meshes: dict[str, Any], folder: Path) -> tuple[str, Mesh]:
    """`mug`, or `ball as exercise ball`: the mesh and the name it goes by in the sentence."""
    key, _, name = entry.partition(" as ")
    known = dict(meshes[key])
    return name or key, Mesh(folder / known.pop("file"), **known)


def sentences_table(keys: Sequence[str] | None, plan_only: bool, out: Path, console: Console) -> int:
    """Exit code 0 where at least WANTED of the sentences hold: every bar, or every plan with `plan_only`."""
    chosen = [s for s in read_sentences(mesh_folder()) if not keys or s.key in keys]
    missing = [str(mesh.source) for s in chosen for mesh in s.meshes.values() if not Path(mesh.source).is_file()]
    if missing or not chosen:
        console.print(f"Nothing to run: {missing[0] + ' is missing' if missing else 'no such sentence'}.")
        return 2
    outcomes = []
    for sentence in chosen:
        outcome = _outcome(sentence, plan_only, out)
        console.print(_line(outcome, plan_only), markup=False, highlight=False, soft_wrap=True)
        outcomes.append(outcome)
    good = sum(_holds(outcome, plan_only) for outcome in outcomes)
    table = Table(title=f"{good} of {len(outcomes)} sentences hold")
    for heading in ("", "sentence", "s", "plan", "missed"):
        table.add_column(heading, overflow="fold")
    for o in outcomes:
        missed = o.error or "; ".join(bar.name for bar in o.bars if not bar.holds)
        table.add_row(o.sentence.key, o.sentence.text, f"{o.seconds:.0f}", o.plan, missed)
    console.print(table)
    return int(good < WANTED * len(outcomes))


def _outcome(sentence: Sentence, plan_only: bool, out: Path) -> Outcome:
    from zeroshot_hoi.pipeline import Pipeline
    from zeroshot_hoi.sentence import TextOptions

    start, plan, bars, error = time.perf_counter(), "", (), ""
    try:
        pipeline = Pipeline.from_text(sentence.text, sentence.meshes, options=TextOptions(planner="lexicon"))
        edges = ", ".join(edge.name for edge in pipeline.plan.graph.edges)
        plan = f"{edges}; {' '.join(phrase.verb for phrase in pipeline.plan.script)}"
        if not plan_only:
            path = out / f"{sentence.key}.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            result = pipeline.run()
            result.save(path)
            result.export(path.with_suffix(".png"))
            bars = tuple(measure_bars(path))
    except HoiError as problem:
        error = str(problem)
    except Exception:
        error = traceback.format_exc(limit=3)
    return Outcome(sentence, time.perf_counter() - start, plan, bars, error)


def _holds(outcome: Outcome, plan_only: bool) -> bool:
    if plan_only:
        return not outcome.error
    return not outcome.error and bool(outcome.bars) and all(bar.holds for bar in outcome.bars)


def _line(outcome: Outcome, plan_only: bool) -> str:
    word = "holds" if _holds(outcome, plan_only) else "MISSED"
    missed = [f"{bar.name} {bar.value:.3g} {bar.unit}" for bar in outcome.bars if not bar.holds]
    details = outcome.error or "; ".join(missed) or outcome.plan
    return f"{outcome.sentence.key} {word} {outcome.seconds:5.0f} s  {outcome.sentence.text}  {details}"
