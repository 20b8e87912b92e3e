"""Stages that run when their output is asked for, and again only when something that they depend on has changed.

A stage names what it needs: outputs of earlier stages, and fields of the plan, beside which it can read nothing. The
hash of all that is its key. An output is looked for under its key in memory, then in a folder if there is one, and only
then made. So changing one edge of the graph runs what reads edges, and a run that was interrupted goes on.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from html import escape
from typing import Any

from zeroshot_hoi.core.errors import HoiError, RecipeError, ResultError, nearest_name
from zeroshot_hoi.core.plan import ContactPlan, Plan
from zeroshot_hoi.core.solution import Progress, ProgressListener
from zeroshot_hoi.stage_folder import StageFolder, code_version
from zeroshot_hoi.stage_records import content_digest

NEWEST = 4
"""Outputs of a stage that stay in memory."""

EDGE_FLAGS = ("is_rel_static", "is_continuous")
CONTACT_KEYS = ("kind", "upholstery")


@dataclass(frozen=True)
class Inputs:
    """What a running stage is given."""

    plan: Any
    """The plan, of which only the fields that the stage named can be read."""
    outputs: Mapping[str, Any]
    """Stage name -> its output, for the stages that it needs."""
    seconds: Mapping[str, float]
    """Stage name -> how long it ran, for every stage that has run."""
    tell: ProgressListener


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline."""

    name: str
    make: Callable[[Inputs], Any]
    describe: Callable[[Any], str]
    """An output in one line."""
    sees: tuple[str, ...]
    """Fields of the plan that it may read."""
    needs: tuple[str, ...] = ()
    narrow: Callable[[Plan], Plan] = lambda plan: plan
    """Drops what the stage does not read of the fields that it sees."""
    outside: Callable[[Plan], Any] = lambda plan: None
    """Digests of what it reads beside the plan: files that the plan names, the user's meshes."""
    kept: bool = True
    """Whether its output goes to the folder; others are quick to make."""
    newest: int = NEWEST
    """How many outputs stay in memory."""
    each: str = ""
    """`people` or `objects` where the output is a mapping with one record for each."""


@dataclass(frozen=True)
class Made:
    """An output, and where it comes from."""

    output: Any
    digest: str
    seconds: float
    origin: str
    """`made`, `reused` (from memory), `kept` (from the folder) or `replaced` (by the user)."""


class Stages:
    """The stages of one plan and its meshes. Nothing runs before it is asked for.

    `stages.parts` is the output of the stage `parts`, made with everything that it needs; `replace` and `change_edge`
    return other stages that share what has been made, and leave these as they are.
    """

    def __init__(
        self,
        plan: Plan,
        table: Callable[[Plan], tuple[Stage, ...]],
        tell: ProgressListener,
        folder: StageFolder | None = None,
    ) -> None:
        """`table` lists the stages of a plan; what is made is kept in `folder` too, where one is given."""
        self.plan, self._table, self._tell, self._folder = plan, table, tell, folder
        self._stages = {stage.name: stage for stage in table(plan)}
        self._memory: dict[str, OrderedDict[str, Made]] = {}
        self._replaced: dict[str, Made] = {}
        self._made: dict[str, Made] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The stages in the order in which they run."""
        return tuple(self._stages)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._stages:
            raise AttributeError(f"There is no stage '{name}'. {nearest_name(name, self.__dict__.get('_stages', ()))}")
        return self._get(name).output

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.names]

    def run(self, until: str = "") -> Stages:
        """Run every stage up to and with `until`, all of them by default, and return these stages."""
        last = self._known(until) if until else self.names[-1]
        for name in self.names[: self.names.index(last) + 1]:
            self._get(name)
        return self

    def replace(self, *, plan: Plan | None = None, **outputs: Any) -> Stages:
        """Stages that go on from other outputs, as in `replace(parts={**stages.parts, "iron": better})`, or from
        another plan; only what depends on them runs again."""
        other = Stages(plan or self.plan, self._table, self._tell, self._folder)
        other._memory, other._replaced = self._memory, dict(self._replaced)
        for name, output in outputs.items():
            other._check(other._known(name), output)
            try:
                other._replaced[name] = Made(output, content_digest(output), 0.0, "replaced")
            except TypeError as error:
                raise ResultError(f"The stage '{name}' cannot take this output. {error}") from None
        return other

    def change_edge(self, name: str, **changes: Any) -> Stages:
        """Stages in which one edge of the graph is different: `is_rel_static`, `is_continuous`, `kind`,
        `upholstery`."""
        from zeroshot_hoi.planning.plan_to_recipe import recipe_from_plan
        from zeroshot_hoi.planning.recipe import plan_from_recipe

        for key in changes:
            if key not in (*EDGE_FLAGS, *CONTACT_KEYS):
                raise RecipeError(f"An edge has no '{key}'. {nearest_name(key, (*EDGE_FLAGS, *CONTACT_KEYS))}")
        graph, edge = self.plan.graph, self.plan.graph.edge(name)
        flags = {key: value for key, value in changes.items() if key in EDGE_FLAGS}
        about = {key: value for key, value in changes.items() if key in CONTACT_KEYS}
        edges = tuple(replace(edge, **flags) if other.name == name else other for other in graph.edges)
        contact: ContactPlan = replace(self.plan.contacts[name], **about)
        plan = replace(self.plan, graph=replace(graph, edges=edges), contacts={**self.plan.contacts, name: contact})
        # The way over a recipe checks the change as it checks any file.
        return self.replace(plan=plan_from_recipe(recipe_from_plan(plan)))

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Name, state (`made`, `reused`, `kept`, `replaced`, `to do`), seconds and what came out, of every stage."""
        found = []
        for stage in self._stages.values():
            made = self._replaced.get(stage.name) or self._made.get(stage.name)
            if made is None:
                found.append((stage.name, "to do", "", ""))
            else:
                seconds = f"{made.seconds:.2f} s" if made.seconds else ""
                found.append((stage.name, made.origin, seconds, stage.describe(made.output)))
        return found

    def __repr__(self) -> str:
        rows = self.rows()
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)) + f"  {row[3]}" for row in rows]
        return "\n".join([f"Stages of '{self.plan.name}'", *(line.rstrip() for line in lines)])

    def _repr_html_(self) -> str:
        """The stages as a notebook shows them."""
        colors = {"made": "#16876b", "kept": "#3b6fb6", "reused": "#3b6fb6", "replaced": "#b8741a", "to do": "#888"}
        lines = []
        for name, state, seconds, text in self.rows():
            cells = (f"<b>{name}</b>", f'<span style="color:{colors[state]}">{state}</span>', seconds, escape(text))
            lines.append("<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells) + "</tr>")
        return f"<div>Stages of <b>{escape(self.plan.name)}</b><table>{''.join(lines)}</table></div>"

    # -- running ------------------------------------------------------------------------------------------------------

    def _get(self, name: str) -> Made:
        if name in self._replaced:
            return self._replaced[name]
        if name not in self._made:
            stage = self._stages[name]
            needed = {need: self._get(need) for need in stage.needs}
            self._made[name] = self._find_or_make(stage, needed)
        return self._made[name]

    def _find_or_make(self, stage: Stage, needed: Mapping[str, Made]) -> Made:
        key = self._key(stage, needed)
        memory = self._memory.setdefault(stage.name, OrderedDict())
        made = memory.get(key)
        made = replace(made, origin="reused") if made else self._read(stage, key) or self._make(stage, needed, key)
        memory[key] = made
        memory.move_to_end(key)
        while len(memory) > stage.newest:
            memory.popitem(last=False)
        return made

    def _make(self, stage: Stage, needed: Mapping[str, Made], key: str) -> Made:
        start = time.perf_counter()
        seconds = {name: round(made.seconds, 3) for name, made in self._made.items()}
        outputs = {name: made.output for name, made in needed.items()}
        output = stage.make(Inputs(_Seen.of(self.plan, stage), outputs, seconds, self._tell))
        took = time.perf_counter() - start
        if self._folder is not None and stage.kept:
            self._folder.write(stage.name, key, output, took)
        return Made(output, content_digest(output) if stage.kept else key, took, "made")

    def _read(self, stage: Stage, key: str) -> Made | None:
        """What the folder keeps; a damaged file is told and made again."""
        if self._folder is None or not stage.kept:
            return None
        try:
            kept = self._folder.read(stage.name, key)
        except HoiError as error:
            self._tell(Progress("damaged", 1, 1, note=f"{stage.name}: {error} It is made again."))
            return None
        if kept is None:
            return None
        self._tell(Progress(stage.name, 1, 1, note="kept from the run before"))
        return Made(kept.output, kept.digest, kept.seconds, "kept")

    def _key(self, stage: Stage, needed: Mapping[str, Made]) -> str:
        plan = stage.narrow(self.plan)
        seen = {name: getattr(plan, name) for name in stage.sees}
        inputs = {name: made.digest for name, made in needed.items()}
        about = (stage.name, code_version(), content_digest(seen), repr(stage.outside(plan)), inputs)
        return hashlib.sha256(repr(about).encode()).hexdigest()

    def _known(self, name: str) -> str:
        if name not in self._stages:
            raise ResultError(f"There is no stage '{name}'. {nearest_name(name, self._stages)}")
        return name

    def _check(self, name: str, output: Any) -> None:
        each = self._stages[name].each
        if not each:
            return
        wanted = set(getattr(self.plan, each))
        if not isinstance(output, Mapping) or set(output) != wanted:
            found = ", ".join(map(str, output)) if isinstance(output, Mapping) else type(output).__name__
            raise ResultError(
                f"The stage '{name}' hands on one record for each of {', '.join(sorted(wanted))}; got {found}. "
                f"Start from what it made: {{**stages.{name}, ...}}."
            )


class _Seen:
    """A plan whose other fields cannot be read, so that no stage depends on what its key leaves out."""

    def __init__(self, plan: Plan, stage: Stage) -> None:
        self._plan, self._stage = plan, stage

    @classmethod
    def of(cls, plan: Plan, stage: Stage) -> Any:
        """The narrowed plan; the plan itself where the stage sees everything."""
        narrow = stage.narrow(plan)
        return narrow if set(stage.sees) == {field.name for field in fields(Plan)} else cls(narrow, stage)

    def __getattr__(self, name: str) -> Any:
        assert name in self._stage.sees, f"the stage '{self._stage.name}' reads plan.{name}: add it to its `sees`"
        return getattr(self._plan, name)
