"""Tokens to pieces: the longest known phrase at each place, and what is left over.

Knows the lexicon's phrases and likely typing errors; knows nothing of what pieces do to each other (`clauses`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz.distance import OSA

from refilm.engines.effects.language.lexicon import Entry, Language
from refilm.engines.effects.language.text import Token
from refilm.engines.effects.language.times import TimeToken

#: A prompt with more strange words than this is not full of typing errors.
_MOST_TYPOS = 12


@dataclass(frozen=True)
class Piece:
    """A phrase of the prompt. kind and value: as its `Entry`, or "unknown", "number", "multiple", "mention", "quoted".

    start, end: its place in the cleaned text.  words: how many it has.  read_as: the word that a typo was taken for.
    borrowed, name, cure, beside: as its `Entry`.
    """

    kind: str
    value: Any
    start: int
    end: int
    words: int = 1
    read_as: str = ""
    borrowed: bool = False
    name: bool = False
    cure: str = ""
    beside: frozenset[str] = frozenset()


def cover(tokens: Sequence[Token], language: Language, *, exactly: bool) -> tuple[Piece, ...]:
    """Cover `tokens` with phrases of `language`, left to right, longest first.

    exactly: compare accents too. What no phrase covers is "unknown", a word at a time.
    """
    trie = language.exact if exactly else language.plain
    if any(token.kind == "quoted" for token in tokens):
        trie = language.beside_text_exact if exactly else language.beside_text
    spelled = [token.exact if exactly or token.foreign else token.plain for token in tokens]
    slips = {} if exactly else _typos(tokens, language)
    words = tuple(slips.get(position, word) for position, word in enumerate(spelled))
    pieces, at = [], 0
    while at < len(tokens):
        found = trie.longest(words, at)
        end, entry = found if found is not None else (at + 1, _left_over(tokens[at]))
        read_as = " ".join(words[position] for position in range(at, end) if position in slips)
        pieces.append(
            Piece(
                entry.kind,
                entry.value,
                tokens[at].start,
                tokens[end - 1].end,
                end - at,
                read_as,
                entry.borrowed,
                entry.name,
                entry.cure,
                entry.beside,
            )
        )
        at = end
    return tuple(pieces)


def _left_over(token: Token) -> Entry:
    if isinstance(token, TimeToken):
        return Entry("span", token.why if token.span is None else token.span)
    if token.kind == "number":
        return Entry("number", float(token.plain))
    if token.kind == "clock":
        return Entry("topics", "time")
    if token.kind == "multiple":
        return Entry("multiple", float(token.plain[1:-1]))
    if token.kind == "mention":
        return Entry("mention", token.plain)
    if token.kind == "mark":
        return Entry("stop", token.plain)
    if token.kind == "quoted":
        return Entry("quoted", token.plain[1:-1])
    return Entry("unknown", token.plain)


def _typos(tokens: Sequence[Token], language: Language) -> dict[int, str]:
    """Position -> the look word at distance 1, for strange words of five letters and more.

    Nothing is guessed between words of different stems ("darker" and "darken" are one stem). The first letter must
    agree: it is rarely mistyped, and "light" is not a mistyped "night".
    """
    strange = [
        (position, token.plain)
        for position, token in enumerate(tokens)
        if token.kind == "word" and 5 <= len(token.plain) <= 24 and _is_strange(token.plain, language)
    ]
    if len(strange) > _MOST_TYPOS:
        return {}
    slips = {}
    for position, word in strange:
        near = [
            known for known in language.vocabulary.get(word[0], ()) if OSA.distance(word, known, score_cutoff=1) <= 1
        ]
        if near and len({known[:4] for known in near}) == 1:
            slips[position] = near[0]
    return slips


def _is_strange(word: str, language: Language) -> bool:
    return word.isascii() and word.isalpha() and word not in language.not_typos and word not in language.known
