"""Text to tokens: one pass, linear in the text, for any text whatever.

Knows nothing of meaning. A token keeps its place in the cleaned text, so that refusals can quote what was written.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Words = tuple[str, ...]
Kind = Literal["word", "number", "clock", "mention", "mark", "symbol", "quoted", "multiple", "time"]

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_ANY_CJK, _ALL_CJK = re.compile(rf"[{_CJK}]"), re.compile(rf"[{_CJK}]+")
_TOKEN = re.compile(
    # A point of time: 00:05, 0:01:30, 3s, 2.5 s. Two digits and an s are a decade, "the 70s", unless they begin with 1.
    rf"(?P<mention>@[\w][\w-]*)(?:['\u2019]s(?!\w))?|(?P<clock>(?:\d{{1,2}}(?::[0-5]\d){{1,2}}|1?\d(?:[.,]\d+)?s(?:ecs?)?)(?![^\W{_CJK}]))"
    rf"|(?P<number>\d+(?:[.,]\d+)?(?![^\W{_CJK}]))|(?P<cjk>[{_CJK}])"
    rf"|(?P<word>(?:(?![{_CJK}])[^\W_])+(?:['\u2019](?:(?![{_CJK}])[^\W_])+)*)|(?P<other>\S)"
)
#: The five Vietnamese tones as combining marks: grave, acute, hook above, tilde, dot below.
_TONES = "\u0300\u0301\u0309\u0303\u0323"
#: Letters and tones, apart, that neither Spanish nor the borrowed words of English have.
_VIETNAMESE = frozenset("\u0111\u0103\u01a1\u01b0\u1ea1\u0309\u0323")
#: Marks that join or decorate and say nothing: quotes, brackets, hyphens, colons, underscores, ...
_SILENT = set(
    "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb()[]{}<>-_:*#~|=^\u2010\u2011\u300c\u300d\u300e\u300f\u300a\u300b\u00bf\u00a1"
)


@dataclass(frozen=True)
class Token:
    """A word, number, point of time, mark or symbol of a prompt, or words to be written (`inscription`).

    start, end: its place in the cleaned text.  plain: case and accents folded.  exact: case folded, accents kept with
    the tone mark moved to the word's end, because both spellings of it (hoà, hòa) are in use.
    """

    kind: Kind
    start: int
    end: int
    plain: str
    exact: str

    @property
    def foreign(self) -> bool:
        """Whether it has letters that only Vietnamese has, so that without them it is another word: "đỏ" is no "do"."""
        return not self.exact.isascii() and self.kind == "word" and any(map(_VIETNAMESE.__contains__, self.exact))


def clean(prompt: str) -> str:
    """The prompt in compatibility form (NFKC), without control characters and lone surrogates."""
    whole = prompt.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = unicodedata.normalize("NFKC", whole)
    return "".join(" " if unicodedata.category(char) == "Cc" and char != "\n" else char for char in text)


def tokenize(text: str) -> tuple[Token, ...]:
    """The tokens of a cleaned text. Silent marks and invisible characters make none; a newline is a mark."""
    tokens = []
    for line_start, line in _lines(text):
        if line_start:
            tokens.append(Token("mark", line_start - 1, line_start, "\n", "\n"))
        for match in _TOKEN.finditer(line):
            token = _token(match, line_start)
            if token is not None:
                tokens.append(token)
    return tuple(tokens)


def spell(phrase: str) -> tuple[Words, Words]:
    """The words of a phrase, plain and exact, as `tokenize` has them; quicker for most, which are of letters alone."""
    simple = phrase.replace(" ", "").isalpha()
    if simple and phrase.isascii() and phrase.islower():
        words = tuple(phrase.split())
        return words, words
    simple = simple and not _ANY_CJK.search(phrase)
    if simple or _ALL_CJK.fullmatch(phrase):
        letters = phrase.split() if simple else phrase
        return tuple(map(fold, letters)), tuple(map(exact, letters))
    tokens = tokenize(phrase)
    return tuple(token.plain for token in tokens), tuple(token.exact for token in tokens)


def _lines(text: str) -> list[tuple[int, str]]:
    lines, start = [], 0
    for line in text.split("\n"):
        lines.append((start, line))
        start += len(line) + 1
    return lines


def _token(match: re.Match[str], offset: int) -> Token | None:
    written, group = match.group(), match.lastgroup
    start, end = match.start() + offset, match.end() + offset
    if group == "other":
        category = unicodedata.category(written)
        if written in _SILENT or category[0] in "MC" or category == "Sk":
            return None
        kind: Kind = "mark" if category[0] == "P" or written in "+&" else "symbol"
        return Token(kind, start, end, written, written)
    if group == "number":
        return Token("number", start, end, written.replace(",", "."), written)
    if group == "clock":
        return Token("clock", start, end, written.casefold(), written.casefold())
    if group == "mention":
        name = match["mention"].casefold()
        return Token("mention", start, end, name, name)
    bare = written.replace("'", "").replace("\u2019", "")
    return Token("word", start, end, fold(bare), exact(bare))


@lru_cache(maxsize=4096)
def fold(word: str) -> str:
    """`word` without case and accents."""
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFD", word.casefold()).replace("\u0111", "d")
    return "".join(char for char in apart if not unicodedata.combining(char))


@lru_cache(maxsize=4096)
def exact(word: str) -> str:
    """`word` without case, its tone marks moved to the end."""
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFD", word.casefold())
    tones = "".join(char for char in apart if char in _TONES)
    return unicodedata.normalize("NFC", "".join(char for char in apart if char not in _TONES)) + tones


def accented(tokens: tuple[Token, ...]) -> bool:
    """Whether the writer typed accents at all; without them only the folded spelling can be compared."""
    return any(token.plain != token.exact for token in tokens if token.kind == "word")
