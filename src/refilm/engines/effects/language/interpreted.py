"""Unread clauses, and what an interpreter takes them to mean.

A clause is unread where nothing refuses it but that its words are not known. Interpretations come from outside and are
matched by their words; those of any other clause have no effect, so that what a rule refuses stays refused. Knows
nothing of who interprets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Self

from refilm.engines.effects.language.lexicon import Ingredient, Lexicon
from refilm.engines.effects.language.strength import loose_strength
from refilm.engines.effects.language.wish import Reading, Wish
from refilm.engines.effects.plan import Value


@dataclass(frozen=True)
class Unread:
    """Neighbouring clauses that nobody could read. text: all of them as written.  clauses: each of them."""

    text: str
    clauses: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """What may be interpreted: all of it together, or a clause by itself."""
        return tuple(dict.fromkeys((self.text, *self.clauses)))


@dataclass(frozen=True)
class Interpretation:
    """What somebody takes unread words to mean: a look of the lexicon, or operators with parameters.

    text: the words, as in `Unread.texts`.  note: who says so and how, for the record; begins with "interpreted as".
    """

    text: str
    note: str
    look: str = ""
    steps: tuple[tuple[str, Mapping[str, Value]], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        steps = [{"operator": operator, "parameters": dict(parameters)} for operator, parameters in self.steps]
        return {"text": self.text, "note": self.note, "look": self.look, "steps": steps}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        steps = tuple((step["operator"], step["parameters"]) for step in values["steps"])
        return cls(values["text"], values["note"], values["look"], steps)


def unread(readings: Sequence[Reading], text: str) -> tuple[Unread, ...]:
    """The runs of unread clauses, in order; a run ends with its sentence.  text: the cleaned prompt."""
    return tuple(_joined(run, text) for run in _runs(readings))


def interpret(
    readings: Sequence[Reading], text: str, given: Iterable[Interpretation], lexicon: Lexicon
) -> tuple[Reading, ...]:
    """The readings, the unread ones as `given` interprets them. Of two interpretations of a text the first counts."""
    known: dict[str, Interpretation] = {}
    for each in given:
        known.setdefault(each.text, each)
    read: dict[int, Reading] = {}
    for run in _runs(readings):
        whole = known.get(_joined(run, text).text)
        if whole is not None:
            first, *rest = run
            read[id(first)] = _granted(first, whole, lexicon)
            read |= {id(part): replace(part, reason="", unread=False) for part in rest}
            continue
        for part in run:
            if part.clause.text in known:
                read[id(part)] = _granted(part, known[part.clause.text], lexicon)
    return tuple(read.get(id(reading), reading) for reading in readings)


def _runs(readings: Sequence[Reading]) -> list[list[Reading]]:
    """Neighbouring unread clauses of a sentence. One that leans on a clause refused by a rule is refused with it."""
    numbered, number, refused = [], 0, False
    for reading in readings:
        leaning = refused and reading.clause.verbless and reading.clause.link in ("and", "or", "with")
        unread = reading.unread and not leaning
        refused = bool(reading.reason) and not unread
        if not unread or reading.clause.link == "start":
            number += 1
        numbered.append((number if unread else -number, reading))
    return [[each for _, each in run] for number, run in groupby(numbered, key=lambda pair: pair[0]) if number > 0]


def _joined(run: Sequence[Reading], text: str) -> Unread:
    start, end = run[0].clause.pieces[0].start, run[-1].clause.pieces[-1].end
    return Unread(text[start:end], tuple(reading.clause.text for reading in run))


def _granted(reading: Reading, meant: Interpretation, lexicon: Lexicon) -> Reading:
    """The reading with the wishes of an interpretation; the strength that its clause names goes to a look."""
    if meant.steps:
        ingredients = tuple(Ingredient(operator, parameters=parameters) for operator, parameters in meant.steps)
        wish = Wish("", meant.text, note=meant.note, ingredients=ingredients)
    elif meant.look in lexicon.looks:
        factor, amount = loose_strength(reading.clause)
        wish = Wish(meant.look, meant.text, factor, amount, note=meant.note)
    else:
        return reading
    wishes = tuple(replace(wish, span=span) for span in reading.spans) or (wish,)
    return replace(reading, wishes=wishes, reason="", unread=False)
