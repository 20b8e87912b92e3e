"""A small honest grammar of English: who does what to which thing, with what, where.

`[person] verb [particle] [thing] [preposition thing]*`, clauses joined by `and`, `while` or a comma, sub-tasks by
`then` or a full stop. A word counts as a verb only where a verb can stand. What the grammar does not understand it
lists; it never guesses a verb.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from zeroshot_hoi.planning.base import TextError
from zeroshot_hoi.planning.lexicon_words import Lexicon, Verb, all_verb_words, plural

PEOPLE = frozenset(
    "person man woman human someone somebody boy girl guy lady child kid worker musician player cook chef student "
    "teacher gardener carpenter athlete user he she they i we you one".split()
)
SEVERAL = frozenset("people persons men women children humans both everyone everybody friends".split())
DETERMINERS = frozenset("a an the his her their its my your our this that these those some one".split())
PREPOSITIONS = frozenset(
    "on onto upon over across at in into inside against from to toward towards beside near by under around with using "
    "through along above behind off out".split()
)
AUXILIARIES = frozenset(
    "is are was were be being been will would can could starts begins start begin to does do".split()
)
POURED = frozenset("in into from".split())
"""What follows these and then "on" is a thing on another one: "into the mug on the table"."""
JOINERS = frozenset("and while , but as who which that by".split())
BREAKS = frozenset(". ; then afterwards afterward finally next".split())
NEARNESS = {
    ("from", "far"): "far", ("from", "steps"): "far", ("from", "length"): "arm", ("from", "step"): "step",
    ("from", "away"): "step", ("to", "close"): "close",
}  # fmt: skip
"""(Preposition, a word before it) -> class of distance: "at arm's length from the table". The first that fits."""
LYING = frozenset("stands standing lies lying sits sitting rests resting is are placed kept".split())
"""Between two things: what says of the first one that it is on the second."""
NEGATIONS = frozenset("not never without no don't doesn't isn't".split())
IDLE = DETERMINERS | PREPOSITIONS | AUXILIARIES | JOINERS | BREAKS | frozenset("of up down it them there front".split())
TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[.;,]")
CONFIGURE = (
    "A language model understands far more: name one with --model (or ZEROSHOT_HOI_MODEL), see docs/language.md."
)


@dataclass(frozen=True)
class Mention:
    """A thing in the text."""

    thing: str
    start: int
    end: int
    """Tokens start..end-1."""
    preposition: str = ""
    distance: str = ""
    """How far from it the person is, where the words around it say so."""
    on: str = ""
    """The thing that it stands on: "the mug that stands on the table", "into the mug on the table"."""


@dataclass(frozen=True)
class Clause:
    """One verb and the things around it."""

    verb: Verb
    words: str
    """As written."""
    mentions: tuple[Mention, ...]
    hand: str = ""
    """`left`, `right` or `both`; empty where no hand is named."""


@dataclass(frozen=True)
class Parsed:
    """One sub-task."""

    text: str
    clauses: tuple[Clause, ...]
    unknown: tuple[str, ...] = field(default=())
    """Words without a meaning here."""


def parse(text: str, things: Mapping[str, Iterable[str]], lexicon: Lexicon) -> tuple[Parsed, ...]:
    """The sub-tasks of `text`; `things` maps names of objects to the words that mean them."""
    found = list(TOKEN.finditer(text))
    tokens = [match[0].lower().replace("’", "'") for match in found]
    _refuse(tokens)
    parsed: list[Parsed] = []
    start, last = 0, ""
    for end in [*(i for i, token in enumerate(tokens) if token in BREAKS), len(tokens)]:
        piece = tokens[start:end]
        if any(token.isalpha() and token not in IDLE | PEOPLE for token in piece):
            words = text[found[start].start() : found[end - 1].end()].strip()
            parsed.append(_piece(words, piece, things, lexicon, last))
            mentions = [m for clause in parsed[-1].clauses for m in clause.mentions]
            last = mentions[-1].thing if mentions else last
        start = end + 1
    if not parsed:
        raise TextError(f'There is no action in "{_short(text)}". Say who does what, as in "a person lifts the mug".')
    return tuple(parsed)


def _refuse(tokens: Sequence[str]) -> None:
    """What this grammar knows that it does not understand."""
    wrong = [token for token in tokens if token in NEGATIONS]
    if wrong:
        raise TextError(f"The sentence says '{wrong[0]}'. Say what happens, not what doesn't. {CONFIGURE}")
    several = [token for token in tokens if token in SEVERAL - {"both"}]
    pairs = [f"{a} {b}" for a, b in pairwise(tokens) if a in ("another", "second", "other") and b in PEOPLE]
    if several or pairs:
        word = (several or pairs)[0]
        raise TextError(f"'{word}': the built-in vocabulary plans for one person. {CONFIGURE}")


def _piece(text: str, tokens: list[str], things: Mapping[str, Iterable[str]], lexicon: Lexicon, last: str) -> Parsed:
    mentions, told = _standing(_mentions(tokens, things, lexicon, last), tokens)
    hand, used = _hands(tokens)
    covered = used | told | {i for mention in mentions for i in range(mention.start, mention.end)}
    verbs: list[tuple[int, Verb, set[int]]] = []
    for i, token in enumerate(tokens):
        if i in covered or not _verb_position(i, tokens, mentions, verbs):
            continue
        verb, particles = _match(i, tokens, covered, lexicon)
        if verb is not None:
            verbs.append((i, verb, particles))
            covered |= {i, *particles}
        elif _looks_like_a_verb(i, tokens, mentions):
            raise TextError(_unknown_verb(token, lexicon))
    if not verbs:
        candidates = [t for i, t in enumerate(tokens) if i not in covered and t.isalpha() and t not in IDLE | PEOPLE]
        raise TextError(
            _unknown_verb(candidates[0], lexicon) if candidates else f'There is no verb in "{_short(text)}".'
        )
    clauses = []
    for k, (i, verb, particles) in enumerate(verbs):
        end = verbs[k + 1][0] if k + 1 < len(verbs) else len(tokens)
        begin = 0 if k == 0 else i
        own = tuple(_with_preposition(m, tokens, i) for m in mentions if begin <= m.start < end)
        words = " ".join(tokens[j] for j in sorted({i, *particles}))
        clauses.append(Clause(verb, words, own, hand))
    said = any(mention.distance for clause in clauses for mention in clause.mentions)
    idle = IDLE | PEOPLE | (frozenset(word for _, word in NEARNESS) if said else frozenset())
    unknown = [t for i, t in enumerate(tokens) if i not in covered and t not in idle and t.isalnum()]
    return Parsed(text, tuple(clauses), tuple(dict.fromkeys(unknown)))


def _mentions(tokens: Sequence[str], things: Mapping[str, Iterable[str]], lexicon: Lexicon, last: str) -> list[Mention]:
    """Things by their words, the longest first; `it` is the thing named last."""
    phrases = {
        tuple(TOKEN.findall(form)): name for name, words in things.items() for w in words for form in (w, plural(w))
    }
    mentions: list[Mention] = []
    i = 0
    while i < len(tokens):
        sizes = [len(p) for p in phrases if p and tuple(tokens[i : i + len(p)]) == p]
        if sizes and not (max(sizes) == 1 and tokens[i] in lexicon.starts and _stands_as_verb(i, tokens)):
            size = max(sizes)
            mentions.append(Mention(phrases[tuple(tokens[i : i + size])], i, i + size))
            i += size
            continue
        if tokens[i] in ("it", "them") and (mentions or last):
            mentions.append(Mention(mentions[-1].thing if mentions else last, i, i + 1))
        i += 1
    return mentions


def _standing(mentions: Sequence[Mention], tokens: Sequence[str]) -> tuple[list[Mention], set[int]]:
    """Things with what they stand on, and the tokens that say so: no verbs of the person's."""
    placed, told = list(mentions), set[int]()
    for k, (one, other) in enumerate(pairwise(mentions)):
        between = tokens[one.end : other.start]
        is_relative = between[:1] in (["that"], ["which"])
        *stands, last = [token for token in between if token not in DETERMINERS | {"which"}] or [""]
        said = len(stands) == 1 and stands[0] in LYING and (is_relative or stands[0].endswith("ing"))
        poured = not stands and _with_preposition(one, tokens, -1).preposition in POURED
        if last in ("on", "upon") and (said or poured):
            placed[k] = replace(one, on=other.thing)
            told |= set(range(one.end, other.start))
    return placed, told


def _stands_as_verb(i: int, tokens: Sequence[str]) -> bool:
    """A word that is both, such as `iron`: a verb after a person, an auxiliary or a joiner, or at the beginning."""
    return i == 0 or tokens[i - 1] in (PEOPLE - {"one"}) | AUXILIARIES | JOINERS or tokens[i - 1].endswith("ly")


def _verb_position(i: int, tokens: Sequence[str], mentions: Sequence[Mention], verbs: Sequence[object]) -> bool:
    before = tokens[i - 1] if i else ""
    if tokens[i] in IDLE and tokens[i] not in ("is", "are", "be"):
        return False
    if not before or before in PEOPLE | AUXILIARIES | JOINERS or before.endswith("ly"):
        return True
    return any(m.end == i for m in mentions) and tokens[i].endswith(("s", "ing", "ed"))


def _looks_like_a_verb(i: int, tokens: Sequence[str], mentions: Sequence[Mention]) -> bool:
    """Nothing but a verb can stand right after a person, or open an instruction; elsewhere it may be an adverb."""
    word = tokens[i]
    if word.endswith("ly") or word in IDLE | PEOPLE or not word[0].isalpha():
        return False
    return (bool(i) and tokens[i - 1] in PEOPLE - {"one"}) or (not i and not any(t in PEOPLE for t in tokens))


def _match(i: int, tokens: Sequence[str], covered: set[int], lexicon: Lexicon) -> tuple[Verb | None, set[int]]:
    """The verb with the most particles that follow in order, at most five words apart."""
    for verb, particles in lexicon.starts.get(tokens[i], ()):
        at, places = i, set()
        for particle in particles:
            following = [j for j in range(at + 1, min(at + 6, len(tokens))) if tokens[j] == particle]
            if not following or any(t in JOINERS for t in tokens[at + 1 : following[0]]):
                break
            at = following[0]
            places.add(at)
        else:
            return verb, places
    return None, set()


def _with_preposition(mention: Mention, tokens: Sequence[str], verb: int) -> Mention:
    """The nearest preposition between the verb (or a joiner) and the thing."""
    for j in range(mention.start - 1, max(verb, mention.start - 6), -1):
        if tokens[j] in JOINERS:
            break
        if tokens[j] in PREPOSITIONS:
            word, before = "out of" if tokens[j] == "out" else tokens[j], tokens[max(verb + 1, j - 3) : j]
            distance = next((how for (at, near), how in NEARNESS.items() if at == word and near in before), "")
            return replace(mention, preposition=word, distance=distance)
    return mention


def _hands(tokens: Sequence[str]) -> tuple[str, set[int]]:
    """Which hand is named, if any, and the tokens that say so."""
    for i, token in enumerate(tokens[1:], 1):
        if token in ("hand", "hands") and tokens[i - 1] in ("left", "right", "both", "two", "one"):
            hand = {"two": "both", "one": "right"}.get(tokens[i - 1], tokens[i - 1])
            return hand, {i - 1, i}
    return "", set()


def _unknown_verb(word: str, lexicon: Lexicon) -> str:
    known = sorted(set(all_verb_words(lexicon)))
    near = difflib.get_close_matches(word, known, n=5, cutoff=0.5)
    nearest = f"Nearest: {', '.join(near)}. " if near else ""
    names = ", ".join(sorted(lexicon.verbs))
    return f"The built-in vocabulary does not know the verb '{_short(word)}'. {nearest}Known: {names}. {CONFIGURE}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
