"""Clauses that only go on with what another clause asks for.

"Frost on the grass and trees": the look covers the whole frame, and the second place is in it. "Sharpen it, it's a
little soft": the clip has what the look mends. "Cooler, more towards blue": a colour that the look has already.
"Reverse it with the sound": the sound goes with the clip. The words are data: `[settings]`, `[complaints]` and
`[following]` in the languages' tables. Knows nothing of what clauses ask for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import cache

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.lexicon import LANGUAGES, Lexicon, read_table
from refilm.engines.effects.language.tempo import COURSES
from refilm.engines.effects.language.text import Words, spell
from refilm.engines.effects.language.wish import Reading

#: Words before a list of places.
_UPON = {"on", "over", "across", "onto", "upon"}
#: Kinds of pieces with which a colour is named loosely, and those that say so.
_LOOSE = {"more", "into", "filler", "strength", "adverb", "looks", "article"}
_GRADING = ("warm", "cool")


def is_listed(reading: Reading, heard: Sequence[Reading], nearby: Set[str]) -> bool:
    """Whether a clause only goes on with the places of a look that covers the whole frame.

    heard: the readings before it in its sentence.  nearby: the looks of the sentence.
    """
    if not reading.reason or reading.clause.link not in ("and", "comma") or not heard or not _looks() & nearby:
        return False
    if not _are_places(reading.clause):
        return False
    first = next((each for each in reversed(heard) if not _are_places(each.clause)), heard[0])
    understood = not (first.reason or first.negated or first.constraint)
    return understood and bool(_UPON & set(spell(first.clause.text)[0]))


def follows(reading: Reading, heard: Sequence[Reading], lexicon: Lexicon) -> bool:
    """Whether a clause only names the sound, behind a course that it follows: "reverse it with the sound"."""
    clause = reading.clause
    if not heard or not heard[-1].wishes or clause.link not in ("with", "and") or not reading.reason:
        return False
    words = spell(clause.text)[0]
    steps = [step.operator for wish in heard[-1].wishes for step in lexicon.looks[wish.look].steps]
    return all(word in _following() for word in words) and all(operator in COURSES for operator in steps)


def _are_places(clause: Clause) -> bool:
    """Whether a clause is of names of places or things outdoors, and of nothing else."""
    words = spell(clause.text)[0]
    return (
        bool(words)
        and not clause.has("article")
        and all(word in _covered() or word in ("the", "all") for word in words)
    )


def asked_in(clauses: Sequence[Clause]) -> frozenset[str]:
    """The looks of all clauses but those that begin as a complaint does."""
    return frozenset(
        str(piece.value) for clause in clauses if not _opened(spell(clause.text)[0]) for piece in clause.of("looks")
    )


def complains(clause: Clause, asked: Set[str]) -> bool:
    """Whether a clause tells of the fault that a look in `asked` mends: "it's a little soft" beside "sharpen it"."""
    words = spell(clause.text)[0]
    return any(
        faults.get(_unhedged(words[length:], hedges), frozenset()) & asked for length, hedges, faults in _opened(words)
    )


def _opened(words: Words) -> list[tuple[int, frozenset[Words], Mapping[Words, frozenset[str]]]]:
    """For each language in which `words` begin a complaint, how many words its opening has, its hedges and faults."""
    found = [(_longest(openings, words), hedges, faults) for openings, hedges, faults in _complaints()]
    return [each for each in found if each[0]]


def _unhedged(words: Words, hedges: frozenset[Words]) -> Words:
    while length := _longest(hedges, words):
        words = words[length:]
    return words


def _longest(phrases: frozenset[Words], words: Words) -> int:
    """How many words the longest of the phrases has that `words` begin with, 0 where none does."""
    return max((len(each) for each in phrases if words[: len(each)] == each), default=0)


def repeats(reading: Reading, heard: Sequence[Reading], lexicon: Lexicon) -> bool:
    """Whether a clause only says loosely the colour that the grade before it has: "cooler, more towards blue"."""
    clause, before = reading.clause, heard[-1] if heard else reading
    if not reading.wishes or not before.wishes or before.wishes[-1].look not in _GRADING or reading.less:
        return False
    if not clause.has("more", "into") or any(piece.kind not in _LOOSE for piece in clause.pieces):
        return False
    grade = lexicon.looks[before.wishes[-1].look]
    turned = any(wish.less for wish in before.wishes)
    return not turned and all(
        lexicon.is_tint(wish.look) and lexicon.looks[wish.look].less == grade.less for wish in reading.wishes
    )


@cache
def _looks() -> frozenset[str]:
    return frozenset(read_table("en")["settings"]["looks"])


@cache
def _covered() -> frozenset[str]:
    return frozenset(word for name in LANGUAGES for word in read_table(name).get("settings", {}).get("covered", ()))


@cache
def _following() -> frozenset[str]:
    return frozenset(word for name in LANGUAGES for word in read_table(name).get("following", {}).get("words", ()))


@cache
def _complaints() -> tuple[tuple[frozenset[Words], frozenset[Words], dict[Words, frozenset[str]]], ...]:
    """Of each language: how a complaint begins, what weakens it, and the faults with the looks that mend them."""
    told = []
    for table in (read_table(name)["complaints"] for name in LANGUAGES if "complaints" in read_table(name)):
        faults: dict[Words, frozenset[str]] = {}
        for row in table["faults"]:
            for fault in row["words"]:
                words = spell(fault)[0]
                faults[words] = faults.get(words, frozenset()) | frozenset(row["looks"])
        told.append((_spelled(table["openings"]), _spelled(table["hedges"]), faults))
    return tuple(told)


def _spelled(phrases: Sequence[str]) -> frozenset[Words]:
    return frozenset(spell(phrase)[0] for phrase in phrases)
