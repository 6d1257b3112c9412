"""Clauses that only remark on something: on who filmed and how ("my hands were trembling"), on why ("because nobody can
follow"), what for ("so people look at the middle"), or on how the clip is now ("it feels too clinical").

Beside a wish such a clause changes nothing, and the plan says so; alone, it is refused as it was. The words that tell
a remark are data: `[remarks]` in each language's table. Knows nothing of what clauses ask for (`meaning`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.lexicon import LANGUAGES, read_table
from refilm.engines.effects.language.text import Words, spell
from refilm.engines.effects.language.wish import Reading

#: Kinds of pieces with which a clause asks for something, whoever speaks in it.
_ASKING = ("add", "remove", "change", "keep", "quoted", "mention", "refer")
#: What a reason or a complaint may be about for it to be of the clip and of nothing in it.
_CLIP, _LEADING = ("whole", "aspect", "states", "excess"), ("filler", "article", "simile", "strength", "adverb", "and")
#: What comes and goes with the hour, the season and the weather: told of the shoot, it is not what is wished for.
_SCENES = frozenset({
    "night", "snow", "snowstorm", "winter", "autumn", "spring", "summer", "golden_hour", "rain", "drizzle", "downpour",
    "fog", "thick_fog",
})  # fmt: skip
#: Comparisons with what happens, not with a picture.
_WHEN = {"like when", "like the time when", "like every time", "như lúc", "como cuando"}
#: Within how many words its verb follows who is to see something.
_SOON = 3


@dataclass(frozen=True)
class _Telling:
    """What tells a remark in one language.

    speakers: how a clause about who filmed begins.  told: words of what was done or seen.  endings: of other such
    words.  seeing: what viewers do.  anybody: subjects of reasons beside the clip itself.
    """

    speakers: frozenset[Words]
    told: frozenset[Words]
    endings: tuple[str, ...]
    seeing: frozenset[Words]
    anybody: frozenset[Words]


@cache
def _tellings() -> tuple[tuple[_Telling, ...], frozenset[Words]]:
    """The languages' words, and those of all of them by which somebody wishes for something."""
    tables = [read_table(name)["remarks"] for name in LANGUAGES]
    tellings = tuple(
        _Telling(
            _spelled(table["speakers"]),
            _spelled(table["told"]),
            tuple(table["endings"]),
            _spelled(table["seeing"]),
            _spelled(table["anybody"]),
        )
        for table in tables
    )
    return tellings, frozenset().union(*(_spelled(table["wishing"]) for table in tables))


def _spelled(phrases: Iterable[str]) -> frozenset[Words]:
    return frozenset(spell(phrase)[0] for phrase in phrases)


def as_remark(reading: Reading, before: Reading | None = None) -> Reading:
    """The reading, or one that asks for nothing and remembers it, where its clause only remarks on something.

    before: the reading of the clause before it in its sentence.
    """
    clause = reading.clause
    scenery = bool(reading.wishes) and all(wish.look in _SCENES for wish in reading.wishes)
    if not (reading.reason or scenery) or reading.removes or clause.has(*_ASKING):
        return reading
    tellings, wishing = _tellings()
    words = spell(clause.text)[0]
    if _any_of(wishing, words):
        return reading
    told = any(_of_speaker(clause, words, each) for each in tellings)
    if not told and reading.reason:
        told = _complains(clause) or _likens_to_life(clause)
        told = told or any(_of_viewers(clause, words, each) for each in tellings)
        told = told or (before is not None and before.remark is not None and _goes_on(clause))
    return Reading(clause, remark=reading) if told else reading


def _of_speaker(clause: Clause, words: Words, telling: _Telling) -> bool:
    """Whether a clause tells what somebody of the shoot did or saw, or a reason that lies in the clip."""
    if clause.has("simile"):
        return False
    begins = [position for position in range(min(len(words), _SOON)) if _begins(telling.speakers, words[position:])]
    told = _any_of(telling.told, words) or any(
        word.endswith(telling.endings) and len(word) > _SOON + 1 for word in words if telling.endings
    )
    if begins and told:
        return True
    reasoned = _begins(telling.anybody, words) or (clause.hinge == "since" and _is_of_clip(clause))
    return reasoned and not clause.has("make") and not _brings(clause)


def _of_viewers(clause: Clause, words: Words, telling: _Telling) -> bool:
    """Whether a clause says only what those who watch shall look at: "so people look at the middle"."""
    return clause.hinge == "purpose" and _any_of(telling.seeing, words[:_SOON]) and not _brings(clause)


def _goes_on(clause: Clause) -> bool:
    """Whether a clause goes on with the remark before it: "our camera was cheap and old"."""
    plain = all(piece.kind in (*_LEADING, "unknown", "companion") for piece in clause.pieces)
    return clause.link in ("and", "or") and plain and not clause.has("article")


def _likens_to_life(clause: Clause) -> bool:
    """Whether a clause is a comparison with something that happens: "like when you come home on Sundays"."""
    return clause.pieces[0].value in _WHEN and not clause.has("looks", "unreleased")


def _complains(clause: Clause) -> bool:
    """Whether a clause finds the clip too much of something, in words that are not known: "it feels too clinical"."""
    plain = all(piece.kind in (*_CLIP, *_LEADING, "unknown", "companion", "looks") for piece in clause.pieces)
    return plain and clause.has("excess") and not clause.has("article")


def _is_of_clip(clause: Clause) -> bool:
    """Whether the clip, its weather or its light is what a clause is about."""
    first = next((piece for piece in clause.pieces if piece.kind not in _LEADING), None)
    return first is not None and first.kind in _CLIP


def _brings(clause: Clause) -> bool:
    """Whether a clause speaks of a thing as one that is new: "because a dragon lands"."""
    return clause.has("article") and clause.has("unknown", "topics")


def _begins(phrases: frozenset[Words], words: Words) -> bool:
    return any(words[: len(phrase)] == phrase for phrase in phrases)


def _any_of(phrases: frozenset[Words], words: Words) -> bool:
    """Whether a phrase stands somewhere in `words`."""
    longest = max(map(len, phrases), default=0)
    return any(
        words[start : start + length] in phrases for start in range(len(words)) for length in range(1, longest + 1)
    )


def settled(readings: Sequence[Reading], *, asking: bool = False) -> tuple[Reading, ...]:
    """The readings, each remark a note where something else is wished for, and what it was where nothing is.

    asking: whether an unread clause may still become a wish.
    """
    if any(each.wishes or (asking and each.unread) for each in readings):
        return tuple(_noted(each) for each in readings)
    return tuple(each.remark or each for each in readings)


def _noted(reading: Reading) -> Reading:
    if reading.remark is None:
        return reading
    return replace(reading, note=f"taken as a remark: {reading.clause.text}")
