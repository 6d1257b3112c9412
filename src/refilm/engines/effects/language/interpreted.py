"""Unread clauses, and what an interpreter takes them to mean.

A clause is unread where no rule says that it would change what the clip shows, and only its words are not known.
Interpretations come from outside and are matched by their words; those of any other clause have no effect, so that
what a rule refuses stays refused. Knows nothing of who interprets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Self

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.lexicon import Ingredient, Lexicon
from refilm.engines.effects.language.strength import loose_strength
from refilm.engines.effects.language.wish import Reading, Wish
from refilm.engines.effects.plan import Value


@dataclass(frozen=True)
class Unread:
    """Neighbouring clauses that nobody could read. text: all of them as written.  clauses: each of them.

    sentence: the whole sentence around them, "" where a rule refuses something of it.  doubtful: those of these texts
    that have words of things, people or places in them, so that only a clear answer counts.  whole: it is all of a
    prompt of which something is refused, and asks for its gist.
    """

    text: str
    clauses: tuple[str, ...]
    sentence: str = ""
    doubtful: frozenset[str] = field(default=frozenset())
    whole: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """What may be interpreted: all of it together, or a clause by itself."""
        return tuple(dict.fromkeys((self.text, *self.clauses)))


@dataclass(frozen=True)
class Interpretation:
    """What somebody takes unread words to mean: a look of the lexicon, or operators with parameters.

    text: the words, as in `Unread.texts`, or a sentence.  note: who says so and how, for the record; begins with
    "interpreted as".  whole: it is the gist of all of a prompt, and says nothing of a clause.
    """

    text: str
    note: str
    look: str = ""
    steps: tuple[tuple[str, Mapping[str, Value]], ...] = ()
    whole: bool = False

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        steps = [{"operator": operator, "parameters": dict(parameters)} for operator, parameters in self.steps]
        return {"text": self.text, "note": self.note, "look": self.look, "steps": steps, "whole": self.whole}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        steps = tuple((step["operator"], step["parameters"]) for step in values["steps"])
        return cls(values["text"], values["note"], values["look"], steps, bool(values.get("whole")))


def unread(readings: Sequence[Reading], text: str) -> tuple[Unread, ...]:
    """The runs of unread clauses, in order; a run ends with its sentence.  text: the cleaned prompt."""
    return tuple(_question(run, sentence, text) for sentence in _sentences(readings) for run in _runs(sentence))


def interpret(
    readings: Sequence[Reading], text: str, given: Iterable[Interpretation], lexicon: Lexicon
) -> tuple[Reading, ...]:
    """The readings, the unread ones as `given` interprets them. Of two interpretations of a text the first counts."""
    known: dict[str, Interpretation] = {}
    for each in given:
        if not each.whole:
            known.setdefault(each.text, each)
    return tuple(
        reading
        for sentence in _sentences(readings)
        for reading in (_interpreted(sentence, text, known, lexicon) if known else sentence)
    )


def _interpreted(
    sentence: Sequence[Reading], text: str, known: Mapping[str, Interpretation], lexicon: Lexicon
) -> Iterator[Reading]:
    """A sentence's readings, with what is known of its runs, of their clauses, or else of all of it."""
    read: dict[int, Reading] = {}
    for run in _runs(sentence):
        question = _question(run, sentence, text)
        whole = known.get(question.text)
        if whole is not None:
            read |= _of_run(run, whole, lexicon)
        else:
            read |= {id(part): _granted(part, known.get(part.clause.text), lexicon) for part in run}
        around = known.get(question.sentence)
        if around is not None and any(read[id(part)].unread for part in run):
            read |= _of_sentence(run, sentence, around, lexicon)
    return (read.get(id(reading), reading) for reading in sentence)


def _of_run(run: Sequence[Reading], meant: Interpretation, lexicon: Lexicon) -> dict[int, Reading]:
    """The clauses of a run whose words mean something together: the first carries it."""
    first, *rest = run
    granted = _granted(first, meant, lexicon)
    if granted.unread:
        return {id(part): part for part in run}
    return {id(first): granted} | {id(part): replace(part, reason="", unread=False) for part in rest}


def _of_sentence(
    run: Sequence[Reading], sentence: Sequence[Reading], meant: Interpretation, lexicon: Lexicon
) -> dict[int, Reading]:
    """The clauses of a run in a sentence that means something as a whole.

    Where nothing of it could be read, that is what the run means. Where a look was read, it must be the same one, and
    the run, which asks for nothing with a verb of its own, goes on about it: "it should look analog, not so digital".
    """
    wishes = [wish for reading in sentence for wish in reading.wishes]
    if not wishes:
        return _of_run(run, meant, lexicon)
    if any(not part.clause.verbless or _presents(part.clause) for part in run) or not any(
        _agree(meant, wish, lexicon) for wish in wishes
    ):
        return {}
    note = f"“{{}}” {meant.note}"
    return {id(part): replace(part, reason="", unread=False, note=note.format(part.clause.text)) for part in run}


def _presents(clause: Clause) -> bool:
    """Whether a clause begins with a thing of its own: "foggy, a wolf howls in the woods"."""
    first, *rest = clause.pieces
    pointed = first.kind == "article" or (first.kind == "filler" and first.value == "the")
    return (
        pointed and bool(rest) and rest[0].kind in ("unknown", "topics") and not clause.has("aspect", "style", "whole")
    )


def _sentences(readings: Sequence[Reading]) -> list[list[Reading]]:
    sentences: list[list[Reading]] = []
    for reading in readings:
        if reading.clause.link == "start" or not sentences:
            sentences.append([])
        sentences[-1].append(reading)
    return sentences


def _runs(sentence: Sequence[Reading]) -> list[list[Reading]]:
    """Neighbouring unread clauses. One that leans on a clause refused by a rule is refused with it."""
    numbered, number, refused = [], 0, False
    for reading in sentence:
        leaning = refused and reading.clause.verbless and reading.clause.link in ("and", "or", "with")
        unread = reading.unread and not leaning
        refused = bool(reading.reason) and not unread
        number += not unread
        numbered.append((number if unread else -number - 1, reading))
    return [[each for _, each in run] for number, run in groupby(numbered, key=lambda pair: pair[0]) if number >= 0]


def _question(run: Sequence[Reading], sentence: Sequence[Reading], text: str) -> Unread:
    unread = {id(part) for part in run}
    whole = "" if any(each.reason and id(each) not in unread for each in sentence) else _written(sentence, text)
    joined = _written(run, text)
    doubtful = {part.clause.text for part in run if part.doubtful}
    if doubtful:
        doubtful |= {joined, whole}
    if any(each.wishes for each in sentence):
        # Beside what is understood already, words rarely mean another look.
        doubtful |= {joined, *(part.clause.text for part in run)}
    return Unread(
        joined, tuple(part.clause.text for part in run), "" if whole == joined else whole, frozenset(doubtful)
    )


def _written(readings: Sequence[Reading], text: str) -> str:
    """What was written from the first to the last of some clauses."""
    return text[readings[0].clause.pieces[0].start : readings[-1].clause.pieces[-1].end]


def _granted(reading: Reading, meant: Interpretation | None, lexicon: Lexicon) -> Reading:
    """The reading with the wishes of an interpretation; the strength that its clause names goes to a look.

    Where its clause names a look beside strange words, the interpretation must be of that one.
    """
    if meant is None:
        return reading
    if reading.likely:
        if not any(_agree(meant, wish, lexicon) for wish in reading.likely):
            return reading
        wishes = tuple(replace(wish, note="; ".join(filter(None, (wish.note, meant.note)))) for wish in reading.likely)
    elif meant.steps:
        ingredients = tuple(Ingredient(operator, parameters=parameters) for operator, parameters in meant.steps)
        wishes = (Wish("", meant.text, note=meant.note, ingredients=ingredients),)
    elif meant.look in lexicon.looks:
        factor, amount = loose_strength(reading.clause)
        wishes = (Wish(meant.look, meant.text, factor, amount, note=meant.note),)
    else:
        return reading
    timed = tuple(replace(wish, span=span) for wish in wishes for span in reading.spans) or wishes
    return replace(reading, wishes=timed, reason="", unread=False)


def _agree(meant: Interpretation, wish: Wish, lexicon: Lexicon) -> bool:
    """Whether an interpretation and a wish have an operator in common, in the same direction."""
    if meant.steps:
        return bool({operator for operator, _ in meant.steps} & {name for name, _ in _directions(wish, lexicon)})
    return meant.look in lexicon.looks and bool(_directions(Wish(meant.look, ""), lexicon) & _directions(wish, lexicon))


def _directions(wish: Wish, lexicon: Lexicon) -> set[tuple[str, bool]]:
    """The operators of a wish, each with whether it goes the other way."""
    if wish.ingredients or wish.look not in lexicon.looks:
        return {(step.operator, step.scale < 0) for step in wish.ingredients}
    look = lexicon.looks[wish.look]
    steps = lexicon.looks[look.less].steps if wish.less and look.less else look.steps
    return {(step.operator, step.scale < 0) for step in steps}
