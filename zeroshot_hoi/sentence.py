"""From a sentence and meshes to recipes: prepares the objects, picks the planner, and lets it look for parts on them.

Which planner: the one that is named; else a language model where one is named (option or environment), else the
built-in vocabulary. Nothing falls back silently: what was picked runs or raises.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zeroshot_hoi.affordance.geometric import find_parts
from zeroshot_hoi.body.postures import POSTURES
from zeroshot_hoi.core.errors import nearest_name
from zeroshot_hoi.core.plan import ObjectPlan
from zeroshot_hoi.core.scene import ObjectParts, SceneObject
from zeroshot_hoi.core.solution import ProgressListener, silent
from zeroshot_hoi.core.vocabulary import Vocabulary
from zeroshot_hoi.geometry.builtin import BUILTINS, builtin_mesh
from zeroshot_hoi.geometry.prepare import prepare_object
from zeroshot_hoi.models.language import Endpoint, OpenAILanguageModel
from zeroshot_hoi.models.language_answers import CachedLanguageModel, Mode
from zeroshot_hoi.models.language_interview import Interview
from zeroshot_hoi.planning.base import GivenObject, PartFinder, PlannedText, TextError, check_objects, check_sentence
from zeroshot_hoi.planning.language import SAMPLES, LanguagePlanner
from zeroshot_hoi.planning.lexicon import LexiconPlanner
from zeroshot_hoi.planning.lexicon_words import load_lexicon
from zeroshot_hoi.recipe import Recipe
from zeroshot_hoi.reference.verbs import DIRECTIONS, OBJECT_VERBS, PERSON_VERBS

PLANNERS = ("lexicon", "language")


@dataclass(frozen=True)
class TextOptions:
    """How a sentence is planned."""

    planner: str = ""
    """`lexicon`, `language`, or empty: `language` where a model is named, else `lexicon`."""
    model: str | None = None
    """The language model; ZEROSHOT_HOI_MODEL where None."""
    base_url: str | None = None
    """Address of an OpenAI-compatible server; ZEROSHOT_HOI_BASE_URL, or OpenAI's, where None."""
    answers: Mode = "use"
    """What to do with recorded answers: `use`, `off` or `replay`."""
    samples: int = SAMPLES
    """Graphs that a language model writes for the vote."""
    timeout: float | None = None
    """Seconds for one answer."""
    max_tokens: int = 4000

    def chosen(self) -> Literal["lexicon", "language"]:
        """The planner that these options mean."""
        named = self.model or os.environ.get("ZEROSHOT_HOI_MODEL")
        planner = self.planner or ("language" if named else "lexicon")
        if planner not in PLANNERS:
            raise TextError(f"There is no planner '{planner}'. {nearest_name(planner, PLANNERS)}")
        return "lexicon" if planner == "lexicon" else "language"


def vocabulary() -> Vocabulary:
    """The motions and postures that the library has today."""
    return Vocabulary(
        {name: verb.parameters for name, verb in OBJECT_VERBS.items()},
        PERSON_VERBS,
        tuple(POSTURES),
        DIRECTIONS,
    )


def plan_text(
    text: str,
    objects: Mapping[str, Any] | None = None,
    options: TextOptions | None = None,
    progress: ProgressListener | None = None,
) -> PlannedText:
    """Recipes for `text`, one for each sub-task.

    `objects` maps names to meshes, or to None for the built-in mesh of that name; left out, the built-in meshes that
    the text names take part.
    """
    options, listener = options or TextOptions(), progress or silent
    planner = options.chosen()
    text = check_sentence(text)
    meshes = _builtins_named(text) if objects is None else dict(objects)
    check_objects([GivenObject(name) for name in meshes])
    interview = _interview(options, listener) if planner == "language" else None
    if interview is None:  # what the words alone rule out is said before meshes are prepared
        LexiconPlanner(vocabulary()).plan(text, [GivenObject(name) for name in meshes])
    given = [_given(name, mesh, listener) for name, mesh in meshes.items()]
    if interview is None:
        return LexiconPlanner(vocabulary()).plan(text, given)
    return LanguagePlanner(interview, vocabulary(), options.samples).plan(text, given)


def one_recipe(planned: PlannedText) -> Recipe:
    """The only recipe; a text of several sub-tasks has no single clip."""
    if len(planned.recipes) != 1:
        tasks = "; ".join(f"{i}. {recipe.text}" for i, recipe in enumerate(planned.recipes, 1))
        raise TextError(
            f"The text has {len(planned.recipes)} sub-tasks: {tasks}. A clip shows one: write a recipe for each with "
            "zeroshot-hoi plan ... --out my.toml, and run them one by one."
        )
    return planned.recipes[0]


def _interview(options: TextOptions, listener: ProgressListener) -> Interview:
    endpoint = Endpoint.from_environment(options.model, options.base_url, options.timeout)
    client = None if options.answers == "replay" else OpenAILanguageModel(endpoint)
    model = CachedLanguageModel(client, f"{endpoint.model} at {endpoint.base_url}", options.answers)
    return Interview(model, max_tokens=options.max_tokens, listener=listener)


def _builtins_named(text: str) -> dict[str, None]:
    """Built-in meshes whose names the text has as whole words; of two that overlap, the longer."""
    left, found = text.lower(), {}
    for name in sorted(BUILTINS, key=len, reverse=True):
        if re.search(rf"\b{re.escape(name)}s?\b", left):
            found[name] = None
            left = re.sub(rf"\b{re.escape(name)}s?\b", " ", left)
    if not found:
        raise TextError(
            f"No object is given, and the sentence names none that has a built-in mesh ({', '.join(BUILTINS)}). "
            "Give a mesh: --mesh NAME=PATH, or objects={NAME: PATH}."
        )
    return dict(sorted(found.items(), key=lambda entry: text.lower().find(entry[0])))


def _given(name: str, mesh: Any, listener: ProgressListener) -> GivenObject:
    """What planning needs to know of one object: its extent, its pieces' names, and a way to look for parts."""
    builtin = ""
    if mesh is None:
        noun = load_lexicon().noun(name)
        builtin = name if name in BUILTINS else (noun.builtin if noun else "")
        if builtin not in BUILTINS:
            raise TextError(f"'{name}' has no built-in mesh ({', '.join(BUILTINS)}). Give one: --mesh \"{name}=PATH\".")
        mesh = builtin_mesh(builtin)
    source = os.fspath(mesh) if isinstance(mesh, Path) else mesh
    thing = prepare_object(name, source, progress=listener)
    low, high = thing.vertices.min(axis=0), thing.vertices.max(axis=0)
    x, y, z = (float(value) for value in np.round(high - low, 4))
    pieces = tuple(dict.fromkeys(node[:64] for node in thing.nodes if node))[:32]
    return GivenObject(name, (x, y, z), pieces, _finder(thing), builtin)


def _finder(thing: SceneObject) -> PartFinder:
    @cache
    def find(plan: ObjectPlan) -> ObjectParts:
        return find_parts(thing, plan)

    return find
