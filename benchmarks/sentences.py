"""Thirty sentences on real meshes through the built-in vocabulary: planned, run, and measured from the files alone.

Every sentence leaves `OUT/ID.npz`, its pictures `OUT/ID.png` and its row `OUT/ID.json`; a second run takes the rows
whose plan is still the same and makes the others. `OUT/sentences.md` is written anew after every sentence. A sentence
that crashes leaves its error as its row, and the rest goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import tomllib
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
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

    key: str
    text: str
    seconds: float
    plan: str = ""
    """Edges of the graph and verbs of the script."""
    digest: str = ""
    """Of the whole recipe and the meshes: a row of another plan is not taken."""
    bars: tuple[Bar, ...] = ()
    error: str = ""

    @property
    def missed(self) -> str:
        """What does not hold, with its number, or the error."""
        words = [f"{bar.name} {bar.value:.3g} {bar.unit} ({bar.limit:g})" for bar in self.bars if not bar.holds]
        return self.error.strip().splitlines()[-1] if self.error else "; ".join(words)

    @property
    def holds(self) -> bool:
        """Whether every bar was measured and holds."""
        return not self.error and bool(self.bars) and all(bar.holds for bar in self.bars)


@dataclass(frozen=True)
class Options:
    """Which sentences are run, and how far."""

    only: tuple[str, ...] = ()
    plan_only: bool = False
    again: bool = False
    """Run also what has a row of the same plan."""


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


def sentences_table(options: Options, out: Path, console: Console) -> int:
    """Exit code 0 where at least WANTED of the sentences hold: every bar, or every plan with `plan_only`."""
    chosen = [s for s in read_sentences(mesh_folder()) if not options.only or s.key in options.only]
    missing = [str(mesh.source) for s in chosen for mesh in s.meshes.values() if not Path(mesh.source).is_file()]
    if missing or not chosen:
        console.print(f"Nothing to run: {missing[0] + ' is missing' if missing else 'no such sentence'}.")
        return 2
    out.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for sentence in chosen:
        outcome = outcome_of(sentence, options, out)
        outcomes.append(outcome)
        console.print(_line(outcome, options.plan_only), markup=False, highlight=False, soft_wrap=True)
        if not options.plan_only:
            _write(out / f"{sentence.key}.json", json.dumps(asdict(outcome), indent=1) + "\n")
            _write(out / "sentences.md", markdown(outcomes))
    good = sum(_good(outcome, options.plan_only) for outcome in outcomes)
    table = Table(title=f"{good} of {len(outcomes)} sentences hold")
    for heading in ("", "sentence", "s", "plan", "missed"):
        table.add_column(heading, overflow="fold")
    for o in outcomes:
        table.add_row(o.key, o.text, f"{o.seconds:.0f}", o.plan, o.missed)
    console.print(table)
    return int(good < WANTED * len(outcomes))


def outcome_of(sentence: Sentence, options: Options, out: Path) -> Outcome:
    """The kept row where its plan is still the same, or a new one."""
    from zeroshot_hoi.pipeline import Pipeline
    from zeroshot_hoi.planning.plan_to_recipe import recipe_from_plan
    from zeroshot_hoi.recipe_toml import recipe_to_toml
    from zeroshot_hoi.sentence import TextOptions

    start, plan, digest, bars, error = time.perf_counter(), "", "", (), ""
    try:
        pipeline = Pipeline.from_text(sentence.text, sentence.meshes, options=TextOptions(planner="lexicon"))
        edges = ", ".join(edge.name for edge in pipeline.plan.graph.edges)
        plan = f"{edges}; {' '.join(phrase.verb for phrase in pipeline.plan.script)}"
        made_of = [recipe_to_toml(recipe_from_plan(pipeline.plan)), *map(repr, sentence.meshes.items())]
        digest = hashlib.sha256("\n".join(made_of).encode()).hexdigest()
        path = out / f"{sentence.key}.npz"
        kept = None if options.again or options.plan_only else kept_row(path.with_suffix(".json"), digest)
        if kept is not None:
            return kept
        if not options.plan_only:
            result = pipeline.run()
            result.save(path)
            result.export(path.with_suffix(".png"))
            bars = tuple(measure_bars(path))
    except HoiError as problem:
        error = str(problem)
    except Exception:
        error = traceback.format_exc(limit=3)
    return Outcome(sentence.key, sentence.text, time.perf_counter() - start, plan, digest, bars, error)


def kept_row(path: Path, digest: str) -> Outcome | None:
    """The row of an earlier run of the same plan; None where there is none, or it crashed, or its file is broken."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        row = Outcome(**{**record, "bars": tuple(Bar(**bar) for bar in record["bars"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return row if row.digest == digest and not row.error else None


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The table as a person reads it."""
    good = sum(outcome.holds for outcome in outcomes)
    lines = [f"{good} of {len(outcomes)} sentences hold every bar.", ""]
    lines += ["| | sentence | bars | missed (bar) | s |", "|---|---|---|---|---|"]
    for o in outcomes:
        held = f"{sum(bar.holds for bar in o.bars)} of {len(o.bars)}" if o.bars else "-"
        lines.append(f"| {o.key} | {o.text} | {held} | {o.missed.replace('|', ' / ')} | {o.seconds:.0f} |")
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def _good(outcome: Outcome, plan_only: bool) -> bool:
    return not outcome.error if plan_only else outcome.holds


def _line(outcome: Outcome, plan_only: bool) -> str:
    word = "holds" if _good(outcome, plan_only) else "MISSED"
    details = outcome.missed or outcome.plan
    return f"{outcome.key} {word} {outcome.seconds:5.0f} s  {outcome.text}  {details}"
