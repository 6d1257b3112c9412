"""Nouns that only say which clip is meant: "turn my dog video into a cartoon", "make this video of my cats warmer".

They become part of the piece that names the clip. Knows nothing of what a clause asks for (`meaning`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.phrases import Piece

#: What a clip is called, what such a name begins with, and who has what a clip is of.
_CLIPS = {"video", "videos", "clip", "clips", "footage", "vid", "recording"}
_POINTING, _OWNING = {"my", "our", "this", "the", "these", "those", "your"}, {"my", "our"}
#: Topics whose words may name a clip, and words of these that speak of a part of the picture.
_TOPICS = {"person", "motion", "background", "object"}
_PARTS = {"background", "backgrounds", "backdrop", "foreground", "sky", "skies", "face", "faces", "camera", "subject"}
#: How many words a name has at most.
_LONGEST = 2
#: Kinds with which a clause would bring in or take away what is named.
_BRINGING = {"add", "remove", "quoted", "not", "without"}
#: Kinds with which a clause asks for something itself.
_WANTING = {"make", "change", "looks", "more", "less"}


def named(clause: Clause, text: str) -> Clause:
    """The clause, the nouns before or behind the clip's name made part of it.

    text: the cleaned prompt. Nothing is a name where something is added or taken away.
    """
    if clause.has(*_BRINGING) or not clause.has(*_WANTING):
        return clause
    told = list(clause.pieces)
    for position in reversed([place for place, piece in enumerate(told) if _is_clip(piece)]):
        end = _named_behind(told, position, text)
        start = _named_before(told, position, text)
        if end > position or start < position:
            told[start : end + 1] = [replace(told[position], start=told[start].start, end=told[end].end)]
    return replace(clause, pieces=tuple(told))


def _is_clip(piece: Piece) -> bool:
    return piece.kind == "whole" and str(piece.value).split()[-1] in _CLIPS


def _named_before(pieces: Sequence[Piece], position: int, text: str) -> int:
    """Where a name before the clip's begins: "my wedding" of "my wedding video"."""
    for length in range(1, _LONGEST + 1):
        start = position - length
        if start < 1 or not (_is_noun(pieces[start], text) or _is_described(pieces, start)):
            return position
        if pieces[start - 1].value in _POINTING and pieces[start - 1].kind in ("filler", "whole"):
            return start
    return position


def _named_behind(pieces: Sequence[Piece], position: int, text: str) -> int:
    """Where a name behind the clip's ends: "of my cats" of "this video of my cats"."""
    behind = pieces[position + 1 : position + 3]
    if [piece.kind for piece in behind] != ["filler"] * 2 or behind[0].value != "of" or behind[1].value not in _OWNING:
        return position
    end = position + 2
    while end < min(position + 2 + _LONGEST, len(pieces) - 1) and _is_noun(pieces[end + 1], text):
        end += 1
    return end if end > position + 2 else position


def _is_described(pieces: Sequence[Piece], position: int) -> bool:
    """Whether a look says what one's own clip shows, beside another that is wished: "make our wedding clip warmer"."""
    others = (piece.kind == "looks" for place, piece in enumerate(pieces) if place != position)
    return pieces[position].kind == "looks" and pieces[position - 1].value in _OWNING and any(others)


def _is_noun(piece: Piece, text: str) -> bool:
    """Whether a piece may be a noun that names a clip, and no part of its picture."""
    word = text[piece.start : piece.end].casefold()
    plain = piece.kind in ("unknown", "companion") or (piece.kind == "topics" and piece.value in _TOPICS)
    return plain and word.isalpha() and word not in _PARTS
