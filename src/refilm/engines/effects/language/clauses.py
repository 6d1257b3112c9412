"""Pieces to clauses: where one edit of a prompt ends and the next begins.

Knows connectors and marks; knows nothing of what a clause asks for (`meaning`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from refilm.engines.effects.language.phrases import Piece

#: How a clause hangs on the one before it: not at all, or by a comma, "and", "or", "with", "then"; "next" where it
#: comes later in time.
Link = Literal["start", "comma", "and", "or", "with", "then", "next"]

_COMMAS = {",", "\u3001", "\uff0c"}
_JOINED: dict[str, Link] = {
    "and": "and", "or": "or", "with": "with", "then": "then", "next": "next", "without": "with", "since": "then",
    "purpose": "then", "result": "then",
}  # fmt: skip
#: Pieces behind which a clause says why, or what for.
_HINGES = ("since", "purpose", "result")
#: Pieces that fill a clause enough for a following "with" to begin another.
_CONTENT = {"looks", "unreleased", "topics", "unknown", "refer", "mention", "companion", "quoted"}
_VERBS = {"make", "add", "change", "remove", "keep", "take", "into", "not", "without", "more", "less", "excess"}


@dataclass(frozen=True)
class Clause:
    """Words that ask for one thing, or for several in one breath.

    hinge: "since" behind a word like "because", "purpose" behind one like "so that people", "result" behind one like
    "so the", else "".
    """

    pieces: tuple[Piece, ...]
    link: Link
    text: str
    hinge: str = ""

    def has(self, *kinds: str) -> bool:
        """Whether a piece of one of these kinds is in it."""
        return any(piece.kind in kinds for piece in self.pieces)

    def of(self, *kinds: str) -> tuple[Piece, ...]:
        """Its pieces of these kinds."""
        return tuple(piece for piece in self.pieces if piece.kind in kinds)

    @property
    def verbless(self) -> bool:
        """Whether it leans on the verb or the negation of the clause before."""
        return not self.has(*_VERBS)


def split(pieces: Sequence[Piece], text: str) -> tuple[Clause, ...]:
    """The clauses of a prompt, in order."""
    clauses: list[Clause] = []
    current: list[Piece] = []
    link: Link = "start"
    hinge = ""

    def close(following: Link, hinged: str = "") -> None:
        nonlocal link, hinge
        if current:
            clauses.append(Clause(tuple(current), link, text[current[0].start : current[-1].end], hinge))
            current.clear()
            link = following
        elif link != "start":
            # "snow, and grain": the word says more than the comma before it.
            link = following
        hinge = hinged

    for piece in pieces:
        if piece.kind == "stop":
            close("comma" if piece.value in _COMMAS else "start")
        elif piece.kind in ("and", "or", "then", "next"):
            close(_JOINED[piece.kind])
        elif piece.kind in _HINGES:
            close(_JOINED[piece.kind], piece.kind)
        elif piece.kind in ("with", "without") and _full(current):
            close("with")
            if piece.kind == "without":
                current.append(piece)
        elif piece.kind == "without" or piece.kind != "with":
            current.append(piece)
    close("start")
    return tuple(clauses)


def sentences(clauses: Sequence[Clause]) -> list[range]:
    """The runs of clauses that hang together, as ranges of positions."""
    starts = [position for position, clause in enumerate(clauses) if position == 0 or clause.link == "start"]
    return [range(start, end) for start, end in pairwise([*starts, len(clauses)])]


def _full(pieces: Iterable[Piece]) -> bool:
    return any(piece.kind in _CONTENT for piece in pieces)
