"""Text to recipes without any model: verb frames, a table of nouns, and parts that are looked for on the mesh.

1. `lexicon_grammar` reads clauses: which verb, which things, after which prepositions.
2. Each sub-task becomes a scene (`lexicon_scene`): how the thing is handled (its *manner*), contacts, motion.
3. Each contact's part is resolved on the mesh: the noun's own description first, then general ones, the best that fits.

It says what it understood and what it left aside. A verb that it does not know is an error with the nearest ones; a
verb whose motion the library cannot make is an error that names the motion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zeroshot_hoi.core.vocabulary import Vocabulary
from zeroshot_hoi.planning.base import GivenObject, PlannedText, TextError, check_objects, check_sentence
from zeroshot_hoi.planning.lexicon_grammar import parse
from zeroshot_hoi.planning.lexicon_scene import Scene
from zeroshot_hoi.planning.lexicon_words import Lexicon, load_lexicon


class LexiconPlanner:
    """Plans text with the built-in vocabulary."""

    def __init__(self, vocabulary: Vocabulary, lexicon: Lexicon | None = None) -> None:
        self._vocabulary, self._lexicon = vocabulary, lexicon or load_lexicon()

    def plan(self, text: str, objects: Sequence[GivenObject]) -> PlannedText:
        """One recipe for each sub-task; raises `TextError` where something is not understood or cannot be done."""
        text = check_sentence(text)
        check_objects(objects)
        things = {thing.name: thing for thing in objects}
        tasks = parse(text, _words_for(things, self._lexicon), self._lexicon)
        mentioned = {m.thing for task in tasks for clause in task.clauses for m in clause.mentions}
        silent = [name for name in things if name not in mentioned]
        recipes, notes = [], []
        for task in tasks:
            scene = Scene(task, things, silent, self._lexicon, self._vocabulary)
            recipes.append(scene.recipe())
            notes += scene.notes
            silent = [name for name in silent if name not in scene.used]
        if silent:
            raise TextError(
                f"The sentence does not say what happens with '{silent[0]}'. Name it in the sentence, or leave it out."
            )
        return PlannedText(tuple(recipes), tuple(notes))


def _words_for(things: Mapping[str, GivenObject], lexicon: Lexicon) -> dict[str, list[str]]:
    """Object -> the words that mean it: its name, the name's endings, and synonyms that mean no other object."""
    words: dict[str, list[str]] = {}
    nouns = {name: lexicon.noun(name) for name in things}
    own = {name: name.lower().replace("_", " ") for name in things}
    for name, noun in nouns.items():
        parts = own[name].split()
        words[name] = [own[name], *(" ".join(parts[i:]) for i in range(1, len(parts)))]
        shared = sum(other is noun for other in nouns.values()) > 1
        if noun is not None and not shared:
            words[name] += [word for word in noun.words if word not in own.values()]
    taken = [word for entries in words.values() for word in entries]
    return {name: [w for w in entries if taken.count(w) == 1 or w == own[name]] for name, entries in words.items()}
