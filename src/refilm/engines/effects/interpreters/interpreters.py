"""Which interpreter is asked about a request, and how its answer travels: as engine options, in JSON.

The chat model is asked where one is lent. The sentence model is asked where there is no chat model, or where it failed;
what a chat model refuses stays refused. Without either nothing happens. Knows nothing of what an answer does to the
plan (`compiler`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refilm.domain.edit import EditRequest
from refilm.engines.base import Aids
from refilm.errors import Unavailable

if TYPE_CHECKING:
    from refilm.engines.effects.interpreters.likeness import Likenesses
    from refilm.engines.effects.language.interpreted import Interpretation

#: The members of the options that carry an answer, and why there is none.
FOUND, PROBLEM = "interpretations", "interpreter_problem"


def interpret(request: EditRequest, aids: Aids) -> dict[str, Any]:
    """Options that tell the engine what the unread clauses of a request mean. Nothing where all can be read.

    May take as long as the chat model may, and a second when the sentence model is first
    needed, half a minute once for each model. Raises what `aids.poll`
    raises; an interpreter that fails is told of in the options.
    """
    words = (request.prompt_text or "").strip()
    if not words or (aids.chat is None and aids.sentence_model is None):
        return {}
    from refilm.engines.effects.compiler import gist_asked_of, unread_of
    from refilm.engines.effects.interpreters import chat

    unread = unread_of(words, references=len(request.references))
    gist = gist_asked_of(words, references=len(request.references))
    asked: list[Callable[[], list[Interpretation]]] = []
    if aids.chat is not None and unread:
        lent, count = aids.chat, len(request.references)
        asked.append(lambda: chat.ask(lent, words, unread, references=count, poll=aids.poll))
    if aids.sentence_model is not None and (unread or gist):
        folder = aids.sentence_model
        asked.append(lambda: _likenesses(folder).interpret((*unread, *gist)))
    return _first_answer(asked) if asked else {}


def _first_answer(asked: Sequence[Callable[[], list[Interpretation]]]) -> dict[str, Any]:
    """What the first interpreter says that can be asked, and why others could not."""
    problems: list[str] = []
    for ask in asked:
        try:
            answer: dict[str, Any] = {FOUND: [each.to_json() for each in ask()]}
        except Unavailable as failure:
            problems.append(str(failure))
            continue
        return {**answer, PROBLEM: " ".join(problems)} if problems else answer
    return {PROBLEM: " ".join(problems)}


def interpretations(options: Mapping[str, Any]) -> list[Interpretation]:
    """The interpretations in an engine's options."""
    if not options.get(FOUND):
        return []
    from refilm.engines.effects.language.interpreted import Interpretation

    return [Interpretation.from_json(values) for values in options[FOUND]]


def problem(options: Mapping[str, Any]) -> list[str]:
    """A sentence on an interpreter that could not be asked, where there is one."""
    return [f"The interpreter gave no answer: {options[PROBLEM]}"] if options.get(PROBLEM) else []


@cache
def _likenesses(folder: Path) -> Likenesses:
    from refilm.engines.effects.interpreters.likeness import Likenesses

    return Likenesses(folder)
