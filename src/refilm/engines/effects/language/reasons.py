"""Clauses that say why something is wished for, or what comes of it: "tone the colours down, they are too strong",
"reverse it so the milk flows back".

A reason asks for nothing of its own where a wish beside it mends what it tells of, or where it comes behind a wish and
cannot be read. The words are data: `[reasons]` in the languages' tables. Knows nothing of what clauses ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.lexicon import LANGUAGES, Lexicon, read_table
from refilm.engines.effects.language.subject_words import subject_words
from refilm.engines.effects.language.text import Words, spell
from refilm.engines.effects.language.wish import Reading

#: Operators of one kind of fault: who says that a picture looks harsh and wants less contrast wants nothing else.
_KINDS = (
    frozenset({"brightness", "contrast", "saturation", "fade"}),
    frozenset({"warm", "cool", "tint", "saturation", "teal_orange", "black_and_white"}),
    frozenset({"sharpen", "blur"}),
    frozenset({"speed", "slow_motion"}),
    frozenset({"rotate", "mirror"}),
)
#: Operators that show the same otherwise, so that what is seen then needs no act of its own.
_SHOWING = frozenset({
    "speed", "slow_motion", "reverse", "rotate", "mirror", "reframe", "stabilise", "brightness", "contrast", "blur",
    "sharpen", "vignette", "tilt_shift",
})  # fmt: skip
#: Kinds of pieces with which a clause asks for something.
_ASKING = ("make", "add", "remove", "change", "keep", "quoted", "mention", "refer", "simile", "style", "more", "less")
#: Within how many words its verb follows what a reason is about.
_SOON = 7


@dataclass(frozen=True)
class _Telling:
    """What tells a reason. verbs: of being and having been.  past: those of which nothing else is asked.

    hedges: words of how much, one of which others need.  wishing: words that wish, whatever else stands there.
    """

    verbs: frozenset[str]
    past: frozenset[str]
    hedges: frozenset[str]
    wishing: frozenset[Words]


def without_reasons(readings: Sequence[Reading], lexicon: Lexicon) -> tuple[Reading, ...]:
    """The readings of a prompt, those of reasons for its wishes as notes."""
    telling: list[bool] = []
    for reading in readings:
        leans = bool(telling) and telling[-1] and reading.clause.link in ("and", "or") and reading.clause.verbless
        telling.append(_tells(reading.clause) or leans)
    asked = [_operators(each, lexicon) for each, tells in zip(readings, telling, strict=True) if not tells]
    if not any(asked):
        return tuple(readings)
    told: list[Reading] = []
    wished: frozenset[str] = frozenset()
    for reading, tells in zip(readings, telling, strict=True):
        mended = tells and any(_mends(operators, _operators(reading, lexicon)) for operators in asked)
        refused = bool(reading.reason) and not reading.removes
        mended = mended or (tells and refused and _is_of_the_whole(reading.clause) and _finds(reading, asked, lexicon))
        told.append(_noted(reading) if mended or (refused and _follows(reading.clause, wished)) else reading)
        wished = _operators(reading, lexicon) or wished
    return tuple(told)


def _noted(reading: Reading) -> Reading:
    return Reading(reading.clause, note=f"taken as a remark: {reading.clause.text}")


def _is_of_the_whole(clause: Clause) -> bool:
    """Whether a refused clause speaks of no person and no part of the picture: "the room was dark"."""
    apart = subject_words().parts & set(spell(clause.text)[0])
    return not apart and not any(piece.value in ("person", "part", "relight") for piece in clause.of("topics"))


def _finds(reading: Reading, asked: Sequence[frozenset[str]], lexicon: Lexicon) -> bool:
    """Whether a clause names a fault that a wish of the prompt mends."""
    looks = [lexicon.looks[piece.value] for piece in reading.clause.of("looks")]
    told = frozenset(step.operator for look in looks for step in look.steps)
    return any(_mends(operators, told) for operators in asked)


def _mends(asked: frozenset[str], told: frozenset[str]) -> bool:
    """Whether what is asked for mends a fault that is told of."""
    return any(asked & kind and told & kind for kind in _KINDS)


def _follows(clause: Clause, wished: frozenset[str]) -> bool:
    """Whether a refused clause only gives the reason of a wish before it, or tells what comes of that.

    wished: the operators of the last wish before it, none where there is none.
    """
    if not wished or _brings(clause) or clause.has("add", "remove", "quoted", "refer", "mention"):
        return False
    if clause.hinge in ("purpose", "result"):
        return wished <= _SHOWING
    return _tells(clause) and _is_complaint(clause)


def _operators(reading: Reading, lexicon: Lexicon) -> frozenset[str]:
    looks = [lexicon.looks[wish.look] for wish in reading.wishes if wish.look in lexicon.looks]
    return frozenset(step.operator for look in looks for step in look.steps)


def _brings(clause: Clause) -> bool:
    """Whether a clause speaks of a thing as one that is new: "a dragon was flying by"."""
    return clause.has("article") and clause.has("unknown", "topics")


def _tells(clause: Clause) -> bool:
    """Whether a clause states something: "it looks harsh", "they are too strong"."""
    words = spell(clause.text)[0]
    told = _telling()
    stated = words[:1] and words[0] in told.past
    if clause.has(*_ASKING) or not (stated or any(word in told.verbs for word in words[1:_SOON])):
        return False
    longest = max(map(len, told.wishing))
    return not any(words[at : at + n] in told.wishing for at in range(len(words)) for n in range(1, longest + 1))


def _is_complaint(clause: Clause) -> bool:
    """Whether it says how much, or what was, or how something is that is no thing of the picture."""
    words = spell(clause.text)[0]
    plain = clause.has("states") and not clause.has("topics", "unreleased", "article", "looks")
    if plain and not any(word.endswith("ing") for word in words):
        return True
    return bool(_telling().hedges & set(words)) or bool(_telling().past & set(words))


@cache
def _telling() -> _Telling:
    tables = [read_table(name).get("reasons", {}) for name in LANGUAGES]
    wishing = [phrase for name in LANGUAGES for phrase in read_table(name)["remarks"]["wishing"]]

    def words(key: str) -> frozenset[str]:
        return frozenset(word for table in tables for each in table.get(key, ()) for word in spell(each)[0])

    past = words("past")
    return _Telling(words("verbs") | past, past, words("hedges"), frozenset(spell(each)[0] for each in wishing))
