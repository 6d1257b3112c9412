"""Clauses that tell what is wrong with the clip: "it is overexposed" asks for less light.

Asked for ("make it overexposed", "an overexposed look"), a fault is a look like any other.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.lexicon import Lexicon
from refilm.engines.effects.language.phrases import Piece

#: What says that the clip is something, as "is" does, and what turns that into a wish.
_IT_IS, _WISHING = (
    {"its", "its a", "esta", "está"},
    {"should", "must", "want", "ought", "supposed", "like", "let", "need", "needs", "wish"},
)


def mended(clause: Clause, lexicon: Lexicon) -> Clause:
    """The clause with what mends it in the place of a fault that it tells of: "it is overexposed" asks for less light.

    Asked for ("make it overexposed", "an overexposed look"), a fault is a look like any other.
    """
    if clause.has("less", "excess"):
        return clause
    return replace(clause, pieces=tuple(_cure(piece, lexicon) if piece.cure else piece for piece in clause.pieces))


def _cure(piece: Piece, lexicon: Lexicon) -> Piece:
    return replace(piece, kind="looks" if piece.cure in lexicon.looks else "unreleased", value=piece.cure)


def finds_fault(clause: Clause) -> bool:
    """Whether a clause says what is wrong with the clip, and not what it should be."""
    # "The colours look dull": the verb after one that looks so.
    look = any(before.kind == "aspect" and piece.value == "look" for before, piece in pairwise(clause.pieces))
    it_is = not clause.has("aspect") and any(piece.value in _IT_IS for piece in clause.pieces)
    said = clause.has("states") or look or it_is
    wished = any(piece.kind == "filler" and _WISHING & set(str(piece.value).split()) for piece in clause.pieces)
    faulty = any(piece.cure for piece in clause.pieces)
    # "It looks dull": a phrase that is its own cure is told of the clip already.
    said = said or any(piece.cure == piece.value for piece in clause.pieces)
    return faulty and said and not wished and clause.verbless and not clause.has("simile", "style")


def leans(clause: Clause) -> bool:
    """Whether a clause only goes on with what the one before it tells: "it is overexposed and blurry"."""
    return clause.link in ("and", "or", "comma") and clause.verbless and not clause.has("aspect", "style", "simile")


def finds_too_much(clause: Clause) -> bool:
    """Whether a clause says that the clip has too much of something: "it feels too clinical and blue"."""
    return clause.has("excess") and clause.has("states") and not clause.has("make", "add", "change", "remove", "keep")
