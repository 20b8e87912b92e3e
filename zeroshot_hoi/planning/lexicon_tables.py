"""What clauses become on their way to a recipe's tables: motions that can be made, scenes that are one, edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zeroshot_hoi.core.vocabulary import Vocabulary
from zeroshot_hoi.planning.base import TextError
from zeroshot_hoi.planning.lexicon_grammar import Clause, Mention
from zeroshot_hoi.planning.lexicon_words import Verb

POSTURES = {"seat": "sit", "saddle": "ride", "bed": "lie", "floor": "kneel"}
"""Manner of a verb -> the posture of who does it; who does anything else stands."""

UPON = ("", "on", "onto", "in", "into", "upon", "down", "over", "against")
"""Prepositions after which stands what carries; "sits on the chair at the table" names the table for where it is."""


def check_motion(verb: Verb, vocabulary: Vocabulary) -> None:
    """Raises `TextError` where a verb is understood and its motion cannot be made."""
    missing = []
    for phrase in verb.script:
        table = vocabulary.verbs(phrase["subject"] == "person")
        if phrase["verb"] not in table:
            missing.append(f"{'person' if phrase['subject'] == 'person' else 'object'} motion '{phrase['verb']}'")
    posture = POSTURES.get(verb.manner, "stand")
    if posture not in vocabulary.postures:
        missing.append(f"posture '{posture}'")
    if verb.manner == "worn" and not missing:
        missing.append(f"placement '{verb.manner}'")
    if verb.people > 1:
        missing.append("second person (the built-in vocabulary plans for one)")
    if verb.hands == 2 and not vocabulary.two_handed:
        missing.append("two-handed grips")
    if missing:
        lacking = " and no ".join(missing)
        raise TextError(
            f"'{verb.name}' is understood, but its motion cannot be made yet: there is no {lacking}. "
            "Use another verb, or write the motion you want as a recipe."
        )


def merged(carried: Sequence[Clause]) -> list[Clause]:
    """Sitting and then leaning back are one scene: the verb that says more, with the thing that either names."""
    if len(carried) < 2:
        return list(carried)
    manners = {clause.verb.manner for clause in carried}
    things = {m.thing for clause in carried for m in clause.mentions if m.preposition in UPON}
    if len(manners) > 1 or len(things) > 1:
        words = " and ".join(clause.words for clause in carried)
        raise TextError(f"'{words}' cannot happen at the same time. Join them with 'then'.")
    richest = max(carried, key=lambda clause: (clause.verb.leans, len(clause.verb.script)))
    mentions: tuple[Mention, ...] = tuple(m for clause in carried for m in clause.mentions)
    return [Clause(richest.verb, " and ".join(c.words for c in carried), mentions, richest.hand)]


def mirrored(phrase: dict[str, Any]) -> dict[str, Any]:
    """What the right hand does, for the left: things reach to the other side and are brought to the other side."""
    swapped = dict(phrase)
    if "keep" in phrase:
        words = {"left": "right", "right": "left"}
        swapped["keep"] = " ".join(words.get(word, word) for word in str(phrase["keep"]).split())
    if "aside" in phrase:
        swapped["aside"] = -phrase["aside"]
    if "about" in phrase:
        swapped["about"] = {"forward": "back", "back": "forward"}.get(phrase["about"], phrase["about"])
    return swapped


def edge_table(first: str, second: str, static: bool, continuous: bool, kind: str) -> dict[str, Any]:
    return {"nodes": [first, second], "is_rel_static": static, "is_continuous": continuous, "kind": kind}
