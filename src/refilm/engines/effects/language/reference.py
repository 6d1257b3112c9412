"""Clauses about the reference picture: its colours, or its style. Knows nothing of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.lexicon import REPAINT, Lexicon
from refilm.engines.effects.language.phrases import Piece
from refilm.engines.effects.language.strength import loose_strength
from refilm.engines.effects.language.wish import Reading, Wish

REFERENCE = "reference_colours"
REFERENCE_STYLE = "reference_style"
#: The operators that change colours only, so that their words describe the colours of a reference.
GRADES = {
    "brightness", "contrast", "saturation", "warm", "cool", "black_and_white", "sepia", "teal_orange", "fade", "tint",
    "autumn", "cyberpunk", "golden_hour",
}  # fmt: skip
#: Looks that only say of a picture that it is painted, so that one that is to look like it is meant with its style.
_PAINTED = frozenset({"painting", "oil", "watercolour", "hand_drawn"})
#: Words of painting behind which the colours of a picture are a part of its style.
_ALL_OF_IT = frozenset({"and", "style", "aspect", "filler", "article"})


def both(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The pieces of a prompt, of "the brush strokes and colours of the picture" the brush strokes: they bring both."""
    told: list[Piece] = []
    at = 0
    while at < len(pieces):
        end = at
        while end < len(pieces) and pieces[end].kind in _ALL_OF_IT:
            end += 1
        run = pieces[at:end]
        listed = {"and", "style", "aspect"} <= {piece.kind for piece in run}
        if listed and end < len(pieces) and pieces[end].kind in ("refer", "mention"):
            told += [piece for piece in run if piece.kind not in ("and", "aspect")]
        else:
            told += run
        told += pieces[end : end + 1]
        at = end + 1
    return tuple(told)


def read_reference(clause: Clause, lexicon: Lexicon, references: int, mention: str) -> Reading:
    """What a clause that speaks of a reference asks for.  references, mention: as `meaning.read_clause`."""
    styled = _means_style(clause)
    others = [piece for piece in clause.of("looks") if not _tells_of_reference(piece, lexicon, styled=styled)]
    reason = _why_no_reference(clause, lexicon, references, mention)
    if reason:
        return Reading(clause, reason=lexicon.topics[reason])
    if clause.has("not", "without"):
        return Reading(clause, negated=True, note=f"left out as asked: {clause.text}")
    if not (styled or clause.has("aspect")) and (clause.has("add") or _recolours(clause, others)):
        return Reading(clause, reason=lexicon.topics["object"])
    if styled and REFERENCE_STYLE not in lexicon.looks:
        return Reading(clause, reason=lexicon.unreleased[REFERENCE_STYLE])
    factor, amount = loose_strength(clause)
    note = "interpreted as: take the colours of the reference picture, nothing else of it"
    note = "" if styled or clause.has("aspect") else note
    look = REFERENCE_STYLE if styled else REFERENCE
    wish = Wish(look, clause.text, factor if amount is None else amount, note=note)
    return Reading(clause, wishes=(wish, *(Wish(piece.value, clause.text) for piece in others)))


def _why_no_reference(clause: Clause, lexicon: Lexicon, references: int, mention: str) -> str:
    if references < 1:
        return "no_reference"
    for piece in clause.of("mention"):
        if piece.value != mention or (piece.value[-1].isdigit() and not piece.value.endswith("1")):
            return "one_reference"
    return ""


def _means_style(clause: Clause) -> bool:
    """Whether a reference is meant with its style: "the art style of", "paint it like"; not "the colour style of"."""
    styled = any(piece.kind == "style" for piece in clause.pieces) and not any(
        before.kind == "aspect" and piece.kind == "style" for before, piece in pairwise(clause.pieces)
    )
    painted = any(piece.value == REPAINT for piece in clause.of("make"))
    painted = painted or (clause.has("simile") and any(piece.value in _PAINTED for piece in clause.of("looks")))
    return styled or (painted and not clause.has("aspect"))


def _tells_of_reference(piece: Piece, lexicon: Lexicon, *, styled: bool) -> bool:
    """Whether a look describes the reference ("its warm colours", "its oil painting style") and is no wish itself."""
    look = lexicon.looks[piece.value]
    if styled:
        return any({step.operator, "patch_style"} <= group for step in look.steps for group in lexicon.exclusive)
    return not look.matter and not look.thing and all(step.operator in GRADES for step in look.steps)


def _recolours(clause: Clause, others: list[Piece]) -> bool:
    """Whether it would change the reference picture itself ("make the reference black and white")."""
    return clause.has("make") and len(clause.of("looks")) > len(others)
