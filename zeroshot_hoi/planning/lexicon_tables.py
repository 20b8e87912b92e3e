"""What clauses become on their way to a recipe's tables: scenes that are one, motions for the left hand, edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zeroshot_hoi.planning.base import TextError
from zeroshot_hoi.planning.lexicon_grammar import Clause, Mention

UPON = ("", "on", "onto", "in", "into", "upon", "down", "over", "against")
"""Prepositions after which stands what carries; "sits on the chair at the table" names the table for where it is."""


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
    return swapped


def edge_table(first: str, second: str, static: bool, continuous: bool, kind: str) -> dict[str, Any]:
    return {"nodes": [first, second], "is_rel_static": static, "is_continuous": continuous, "kind": kind}
