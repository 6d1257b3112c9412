"""Which time each clause of a sentence speaks of.

"From 2 s to 4 s, sepia and grain" and "sepia and grain from 2 s to 4 s" are both about two looks; "sepia for the first
3 seconds, then black and white" says when the second begins without a number. Knows nothing of looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.plan import Span

#: Pieces beside which a time still stands alone.
_SMALL = {"span", "filler", "article", "whole", "states", "into", "anything"}
_LISTED = ("and", "or", "with")
#: The topic of a clause with a time before and another behind what it asks for.
CROWDED = "crowded_times"
#: The piece that stands for all that has not been spoken of.
_REST = ("topics", "rest")


@dataclass(frozen=True)
class Scope:
    """A clause without its words of time, and when it holds.

    spans: empty for the whole clip.  why: the topic that says why its time cannot be had, "" where it can.  bare: it
    is of words of time alone.  lent: its time was said at the end of a clause listed after it.
    """

    clause: Clause
    spans: tuple[Span, ...] = ()
    why: str = ""
    bare: bool = False
    lent: bool = False


def scopes(clauses: Sequence[Clause]) -> list[Scope]:
    """The scopes of a sentence's clauses, in order."""
    if not any(clause.has("span") for clause in clauses):
        return [Scope(clause) for clause in clauses]
    told = [_own(clause) for clause in clauses]
    _rest(told)
    used = _look_back(clauses, told)
    _look_ahead(clauses, told, used)
    return [
        replace(scope, why=_unused(scope)) if scope.bare and position not in used else scope
        for position, scope in enumerate(told)
    ]


def _rest(told: list[Scope]) -> None:
    """Give "the rest" what the time before it leaves of the clip: "blur it from 1 s to 3 s, then sharpen the rest"."""
    for position, scope in enumerate(told[1:], 1):
        before = told[position - 1]
        kept = tuple(piece for piece in scope.clause.pieces if (piece.kind, piece.value) != _REST)
        if len(kept) < len(scope.clause.pieces) and len(before.spans) == 1 and not scope.spans and not scope.why:
            start, end = before.spans[0]
            left: list[Span] = [(0.0, start)] if start else []
            left += [(end, None)] if end is not None else []
            told[position] = replace(scope, clause=replace(scope.clause, pieces=kept), spans=tuple(left))


def _unused(scope: Scope) -> str:
    return scope.why or "no_look"


def _own(clause: Clause) -> Scope:
    """What a clause itself says of time."""
    times = clause.of("span")
    rest = replace(clause, pieces=tuple(piece for piece in clause.pieces if piece.kind != "span"))
    bare = bool(times) and all(piece.kind in _SMALL for piece in clause.pieces)
    why = next((piece.value for piece in times if isinstance(piece.value, str)), "")
    if not why and not bare and _is_crowded(clause):
        why = CROWDED
    return Scope(rest, () if why else tuple(piece.value for piece in times), why, bare)


def _is_crowded(clause: Clause) -> bool:
    """Whether something is asked for between two times."""
    places = [position for position, piece in enumerate(clause.pieces) if piece.kind == "span"]
    return len(places) > 1 and any(
        piece.kind not in _SMALL for piece in clause.pieces[places[0] : places[-1]] if piece.kind != "span"
    )


def _leads(clause: Clause) -> bool:
    """Whether its time comes before what it asks for."""
    first = next((piece.kind for piece in clause.pieces if piece.kind not in _SMALL - {"span"}), "")
    return first == "span"


def _timed(scope: Scope) -> bool:
    return bool(scope.spans or scope.why)


def _look_back(clauses: Sequence[Clause], told: list[Scope]) -> set[int]:
    """Give a time at a clause's end to those listed before it. Returns the bare clauses whose time was given away."""
    own = [_timed(scope) for scope in told]
    used: set[int] = set()
    for position in range(len(told) - 1, 0, -1):
        scope, before = told[position], position - 1
        if not own[position] or (_leads(clauses[position]) and not scope.bare):
            continue
        if scope.bare and own[before] and not told[before].bare:
            # "Sepia from 0 to 2 s and from 4 to 6 s."
            told[before] = replace(told[before], spans=told[before].spans + scope.spans, why=scope.why)
            used.add(position)
            continue
        listed = scope.bare or (clauses[position].verbless and clauses[position].link in _LISTED)
        while listed and before >= 0 and not own[before]:
            told[before] = replace(told[before], spans=scope.spans, why=scope.why, lent=not scope.bare)
            own[before] = True
            if scope.bare:
                used.add(position)
            listed = clauses[before].verbless and clauses[before].link in _LISTED
            before -= 1
    return used


def _look_ahead(clauses: Sequence[Clause], told: list[Scope], used: set[int]) -> None:
    """Give a time at a sentence's or a clause's beginning to what follows it, and what comes "then" its beginning."""
    current: Scope | None = None
    carrying = -1
    for position, clause in enumerate(clauses):
        scope = told[position]
        if _timed(scope):
            leads = clause.has("span") and (_leads(clause) if not scope.bare else position not in used)
            current, carrying = scope, position if leads else -1
        elif current is not None and clause.link == "next" and len(current.spans) == 1 and current.spans[0][1]:
            current, carrying = Scope(clause, ((current.spans[0][1], None),)), position
            told[position] = replace(scope, spans=current.spans)
        elif current is not None and carrying >= 0:
            told[position] = replace(scope, spans=current.spans, why=current.why)
            used.add(carrying)
