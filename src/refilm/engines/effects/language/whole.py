"""A prompt of which some clause is refused, taken as a whole: what it means if there is one look that it is about.

Only where no rule forbids it: words at certain times, words about a reference and words to be written are read clause
by clause or not at all, and so is what is to stay or to go. Knows nothing of who interprets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.gist import LEAST_CERTAINTY, gist_of
from refilm.engines.effects.language.interpreted import Interpretation, Unread
from refilm.engines.effects.language.lexicon import Ingredient, lexicon, read_table
from refilm.engines.effects.language.reference import REFERENCE, REFERENCE_STYLE
from refilm.engines.effects.language.stems import stem, stems
from refilm.engines.effects.language.wish import Reading, Wish
from refilm.engines.effects.plan import Plan

#: Words in quotation marks, which somebody may want written or said.
_QUOTED = re.compile('["\u201c\u201d\u300c\u00ab]')
#: Pieces of a clause that only clause by clause can be understood.
_OWN_TERMS = ("mention", "refer", "quoted", "span")
#: Why clauses are refused that mean something else than a look.
_HARD = (
    "tempo", "crowded_times", "no_length", "backwards", "whole_clip", "keep_time", "texts", "long_text", "characters",
    "no_reference", "one_reference",
)  # fmt: skip
#: Pieces of a clause that asks for a look outright, and how many pieces such a clause has without them.
_OUTRIGHT, _BARE = ("make", "add", "change", "style", "aspect", "into"), 3
#: How many words a prompt has that tells more of what it asked for at first.
_LONG = 12
#: How many of the words that hint at a look are told.
_MOST_TOLD = 4


def meant(
    readings: Sequence[Reading], plan: Plan, text: str, given: Iterable[Interpretation], references: int
) -> Wish | None:
    """The wish that a prompt of which something is refused comes to, None where it comes to none.

    plan: what its clauses came to.  given: what interpreters say; of the whole prompt, it counts before hints.
    references: how many reference pictures came with it.
    """
    prompt = text.strip()
    if references and (look := _of_reference(text)):
        taken = "colours" if look == REFERENCE else "style"
        return Wish(look, prompt, note=f"interpreted as: take the {taken} of the reference picture, nothing else of it")
    if not _is_open(readings, plan, text):
        return None
    said = next((each for each in given if each.whole and each.text == prompt), None)
    if said is not None and said.steps:
        ingredients = tuple(Ingredient(operator, parameters=parameters) for operator, parameters in said.steps)
        return Wish("", prompt, note=said.note, ingredients=ingredients)
    if said is not None and said.look in lexicon().looks:
        return Wish(said.look, prompt, note=said.note)
    gist = gist_of(text)
    if gist is None or gist.certainty < LEAST_CERTAINTY:
        return None
    told = ", ".join(f"“{hint}”" for hint in gist.hints[:_MOST_TOLD])
    return Wish(gist.look, prompt, note=f"interpreted from the words {told}")


def _of_reference(text: str) -> str:
    """The look that a prompt about a picture sent with it asks for, "" where it asks for none or for more."""
    said, manner = set(stems(text)), _reference_words()
    if not said & manner["pictures"] or said & manner["more"]:
        return ""
    return REFERENCE_STYLE if said & manner["style"] else REFERENCE if said & manner["colours"] else ""


@cache
def _reference_words() -> dict[str, frozenset[str]]:
    return {name: frozenset(map(stem, words)) for name, words in read_table("cues")["reference"].items()}


def unread(readings: Sequence[Reading], plan: Plan, text: str) -> tuple[Unread, ...]:
    """The question about all of a prompt, where it may be asked."""
    if not _is_open(readings, plan, text):
        return ()
    prompt = text.strip()
    return (Unread(prompt, (), doubtful=frozenset({prompt}), whole=True),)


def _is_open(readings: Sequence[Reading], plan: Plan, text: str) -> bool:
    """Whether a prompt may be taken as a whole: nothing in it has to be read clause by clause, and what is refused
    is no second request beside a first that was understood ("make it night, and a wolf howls").
    """
    if _QUOTED.search(text):
        return False
    words = lexicon()
    hard = {words.topics[name] for name in _HARD}
    if any(reading.clause.has(*_OWN_TERMS) or reading.spans or reading.reason in hard for reading in readings):
        return False
    if not any(reading.reason for reading in readings):
        return len({clause.text for clause in plan.refused}) == 1 and len(readings) == 1
    forbidden = any(reading.reason and not reading.unread for reading in readings)
    brief = sum(len(reading.clause.text.split()) for reading in readings) < _LONG
    return not (readings[0].wishes and _commands(readings[0].clause) and (forbidden or brief))


def _commands(clause: Clause) -> bool:
    """Whether a clause asks for its look outright: "make it night", "comic style", "noir"."""
    return clause.has(*_OUTRIGHT) or len(clause.pieces) <= _BARE
