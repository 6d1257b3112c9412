"""The words of what a clip shows: what points at it, what is as large as the picture, what is never all of it.

They are data: `[subjects]` in the languages' tables, here of all languages together. Knows nothing of clauses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from refilm.engines.effects.language.lexicon import LANGUAGES, read_table
from refilm.engines.effects.language.text import Words, spell


@dataclass(frozen=True)
class SubjectWords:
    """What subjects are made of, in all languages together.

    pointing, owning: words before a subject, and those that make it one's own.  placing: small words before what a
    picture shows.  events, places: what is as large as the picture.  parts: what is never all of it.  local: looks that
    are mostly asked for a part.  sparing: words by which a part is meant.
    """

    pointing: frozenset[str]
    owning: frozenset[str]
    people: frozenset[str]
    placing: frozenset[str]
    events: frozenset[str]
    places: frozenset[str]
    parts: frozenset[str]
    local: frozenset[str]
    sparing: frozenset[Words]


def is_person(words: Words) -> bool:
    """Whether all the words are of persons or animals: "my brother" without its "my"."""
    return all_in(words, subject_words().people)


def all_in(words: Words, known: frozenset[str]) -> bool:
    """Whether there are words, and each is one of `known`."""
    return bool(words) and all(word in known for word in words)


@cache
def subject_words() -> SubjectWords:
    """The words of all languages."""
    return SubjectWords(
        pointing=_told("pointing"),
        owning=_told("owning"),
        people=_told("people"),
        placing=_told("placing"),
        events=_told("events"),
        places=_told("places"),
        parts=_told("parts"),
        local=_told("local"),
        sparing=_phrases("sparing"),
    )


def _told(key: str) -> frozenset[str]:
    return frozenset(word for phrase in _phrases(key) for word in phrase)


def _phrases(key: str) -> frozenset[Words]:
    tables = [read_table(name).get("subjects", {}) for name in LANGUAGES]
    return frozenset(spell(phrase)[0] for table in tables for phrase in table.get(key, ()))
