"""`python -m benchmarks suite NAME`: a paper's protocol run from its prompts to its table.

A suite is a file of benchmarks/suites: prompts, measures, what the paper prints, what is not measured and why. Every
prompt leaves one row, `OUT/KEY.json`, beside its result and pictures; a second run takes the rows that are there. A
prompt that the library refuses (a sentence beyond the offline vocabulary, an object that cannot serve) has the reason
as its row; one that crashes its error; the rest goes on.
"""

from __future__ import annotations

import json
import math
import os
import time
import tomllib
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.suite_measures import Networks, measure_all, measure_choice, measure_pictures, measure_result
from zeroshot_hoi.core.errors import HoiError
from zeroshot_hoi.results.result import Result

SUITES: dict[str, Path] = {
    name: Path(__file__).with_name("suites") / f"{name}.toml"
    for name in ("hoi_page", "interactanything", "openhoi", "pam", "scar")
}
"""To add a suite: its file, and its name here."""


@dataclass(frozen=True)
class Prompt:
    """One line of a suite: a recipe, or a sentence with the built-in meshes of its objects."""

    key: str
    group: str
    recipe: str = ""
    text: str = ""
    objects: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Suite:
    """A file of benchmarks/suites."""

    name: str
    paper: str
    prompts: tuple[Prompt, ...]
    measures: tuple[str, ...]
    not_measured: Mapping[str, str]
    """Measure -> why."""
    published: Mapping[str, Mapping[str, float]]
    """Measure -> method -> what the paper prints."""
    ablations: Mapping[str, Mapping[str, bool]]
    published_ablations: Mapping[str, Mapping[str, float]]
    frames: int | None = None


@dataclass(frozen=True)
class PromptRow:
    """What became of one prompt."""

    key: str
    group: str
    text: str
    seconds: float
    """That its run took, or until it failed."""
    measures: Mapping[str, float]
    """Not in it: what could not be measured."""
    missed: tuple[str, ...] = ()
    """The library's own bars that do not hold."""
    error: str = ""
    refused: bool = False
    """Whether the error is the library's own sentence about what it cannot do, and no crash."""


@dataclass(frozen=True)
class SuiteOptions:
    """How a suite is run."""

    only: tuple[str, ...] = ()
    """Keys or groups; empty for all."""
    again: bool = False
    """Run also what has a row without an error."""
    seed: int = 0
    frames: int | None = None
    networks: Networks = field(default_factory=Networks)
    rivals: Mapping[str, Path] = field(default_factory=dict)
    """Other methods' pictures: name -> folder of KEY.png."""
    ablation_steps: int = 0
    """Steps of the paper's ablations; 0 leaves them out."""
    results: Path | None = None
    """A folder of `zeroshot-hoi evaluate --all`: its results on built-in meshes serve for prompts that are recipes."""


Runner = Callable[[Prompt, SuiteOptions], Result]


def read_suite(path: Path) -> Suite:
    """The suite in a file; KeyError or TypeError name a mistake in it."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    prompts = tuple(Prompt(key, **entry) for key, entry in data["prompts"].items())
    return Suite(
        path.stem, data["paper"], prompts, tuple(data["measures"]), data.get("not_measured", {}),
        data.get("published", {}), data.get("ablations", {}), data.get("published_ablations", {}), data.get("frames"),
    )  # fmt: skip


def run_prompt(prompt: Prompt, options: SuiteOptions) -> Result:
    """The result of one prompt, planned without any model; one that is there is taken where the options say so."""
    from zeroshot_hoi.geometry.builtin import builtin_mesh
    from zeroshot_hoi.pipeline import Pipeline
    from zeroshot_hoi.sentence import TextOptions

    keys = {"seed": options.seed, "frames": options.frames}
    if options.results is not None and prompt.recipe:
        made = options.results / prompt.recipe / "built-in" / f"seed_{options.seed}" / "result.npz"
        if made.is_file():
            return Result.load(made)
    if prompt.recipe:
        return Pipeline.from_recipe(prompt.recipe, **keys).run()
    meshes = {name: builtin_mesh(builtin) for name, builtin in prompt.objects.items()}
    return Pipeline.from_text(prompt.text, meshes, options=TextOptions(planner="lexicon"), **keys).run()


def run_suite(
    suite: Suite, options: SuiteOptions, out: Path, console: Console, runner: Runner = run_prompt
) -> list[PromptRow]:
    """A row for every chosen prompt, from its file where there is one."""
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for prompt in _chosen(suite, options.only):
        row = None if options.again else _kept(out / f"{prompt.key}.json")
        if row is None:
            row = _run(suite, prompt, options, out, runner)
            _keep(row, out / f"{prompt.key}.json")
        console.print(_line(row), markup=False, highlight=False, soft_wrap=True)
        rows.append(row)
    return rows


def suite_command(name: str, options: SuiteOptions, out: Path, console: Console) -> int:
    """0 where every prompt ran or was refused with a reason, 1 where one crashed, 2 for a name that is not known."""
    path = SUITES.get(name, Path(name))
    if not path.is_file():
        console.print(f"There is no suite '{name}'. Known: {', '.join(SUITES)}, or the path of a .toml file.")
        return 2
    suite = read_suite(path)
    if not _chosen(suite, options.only):
        console.print(f"'{suite.name}' has no prompt or group {', '.join(options.only)}.")
        return 2
    rows = run_suite(suite, options, out, console)
    results = {row.key: Result.load(out / row.key / "result.npz") for row in rows if not row.error}
    together = measure_all(results)
    if options.networks.choose is not None:
        texts = {row.key: row.text for row in rows if not row.error}
        together |= measure_choice(texts, out, options.rivals, options.networks.choose)
    console.print(make_table(suite, rows, together))
    if options.ablation_steps and suite.ablations:
        console.print(ablation_table(suite, results, options.ablation_steps, out))
    for measure, reason in suite.not_measured.items():
        console.print(f"Not measured: {measure} ({reason})", markup=False, soft_wrap=True)
    for row in rows:
        if row.refused:
            console.print(f"Refused: {row.key}, {row.text}: {row.error}", markup=False, soft_wrap=True)
    return int(any(row.error and not row.refused for row in rows))


def summarize(suite: Suite, rows: Sequence[PromptRow], together: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Measure -> group -> mean over the prompts that have it; `all` is over all of them."""
    groups = {"all": list(rows), **{g: [r for r in rows if r.group == g] for g in dict.fromkeys(r.group for r in rows)}}
    found: dict[str, dict[str, float]] = {}
    for measure in suite.measures:
        means = {}
        for group, members in groups.items():
            values = [r.measures[measure] for r in members if math.isfinite(r.measures.get(measure, math.nan))]
            if values:
                means[group] = sum(values) / len(values)
        if measure in together:
            means["all"] = together[measure]
        found[measure] = means
    return found


def make_table(suite: Suite, rows: Sequence[PromptRow], together: Mapping[str, float]) -> Table:
    """Ours by group, beside what the paper prints."""
    groups = ["all", *dict.fromkeys(row.group for row in rows)]
    groups = groups[:1] if len(groups) > 6 else groups
    ran = sum(not row.error for row in rows)
    refused = sum(row.refused for row in rows)
    title = f"{suite.name}: {ran} of {len(rows)} prompts ran" + (f", {refused} refused" if refused else "")
    table = Table("measure", *groups, suite.paper, title=title)
    for measure, means in summarize(suite, rows, together).items():
        cells = [f"{means[group]:.3g}" if group in means else "-" for group in groups]
        printed = "; ".join(f"{method} {value:g}" for method, value in suite.published.get(measure, {}).items())
        table.add_row(measure, *cells, printed)
    clean = sum(not row.error and not row.missed for row in rows)
    table.add_row("every bar of ours holds", f"{clean} of {len(rows)}", *[""] * len(groups))
    return table


def ablation_table(suite: Suite, results: Mapping[str, Result], steps: int, out: Path) -> Table:
    """The paper's ablations on what a camera sees of our results, people frozen; kept in OUT/ablations.json."""
    from benchmarks.ablations import run_ablation

    path = out / "ablations.json"
    kept = json.loads(path.read_text()) if path.is_file() else {}
    names = list(next(iter(suite.published_ablations.values()), {}))
    table = Table(
        "ablation", *names, title=f"Objects fitted alone, {steps} steps; in brackets what {suite.paper} prints"
    )
    for title, switches in suite.ablations.items():
        for key, result in results.items():
            mark = f"{title}/{key}/{steps}"
            if mark not in kept:
                kept[mark] = run_ablation(result, steps, switches)
                _write(path, kept)
        means = {}
        for name in names:
            values = [kept[f"{title}/{key}/{steps}"].get(name, math.nan) for key in results]
            values = [value for value in values if math.isfinite(value)]
            means[name] = sum(values) / len(values) if values else math.nan
        printed = suite.published_ablations.get(title, {})
        table.add_row(title, *[f"{means[name]:.3g} ({printed.get(name, math.nan):g})" for name in names])
    return table


def _run(suite: Suite, prompt: Prompt, options: SuiteOptions, out: Path, runner: Runner) -> PromptRow:
    start, text = time.perf_counter(), prompt.text
    try:
        result = runner(prompt, replace(options, frames=options.frames or suite.frames))
        text = text or str(result.meta["text"])
        folder = out / prompt.key
        folder.mkdir(parents=True, exist_ok=True)
        result.save(folder / "result.npz")
        measures = measure_result(result, prompt.key) | measure_pictures(result, text, options.networks, folder)
        missed = tuple(m.key for m in result.metrics().values() if m.passed is False)
        seconds = float(sum(result.meta["timings"].values()))
        return PromptRow(prompt.key, prompt.group, text, seconds, measures, missed)
    except HoiError as problem:
        error, refused = f"{type(problem).__name__}: {problem}", True
    except Exception:
        error, refused = traceback.format_exc(limit=4), False
    return PromptRow(prompt.key, prompt.group, text, time.perf_counter() - start, {}, (), error, refused)


def _chosen(suite: Suite, only: Sequence[str]) -> list[Prompt]:
    return [p for p in suite.prompts if not only or p.key in only or p.group in only]


def _kept(path: Path) -> PromptRow | None:
    """The row of an earlier run; None where there is none, it did not run, or its file is broken."""
    try:
        row = PromptRow(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return None if row.error else row


def _keep(row: PromptRow, path: Path) -> None:
    _write(path, asdict(row))


def _write(path: Path, record: Any) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def _line(row: PromptRow) -> str:
    word = f"misses {', '.join(row.missed)}" if row.missed else "all bars hold"
    word = "REFUSED" if row.refused else "CRASHED" if row.error else word
    detail = row.error.strip().splitlines()[-1] if row.error else ""
    return f"{row.key} {row.seconds:5.0f} s  {row.text or row.group}  {word} {detail}".rstrip()
