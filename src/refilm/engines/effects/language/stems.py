"""Words without their endings, for comparing what is said with hints: "glowing" and "glows" are "glow".

Only what English adds to words is taken off; words of other languages stay. Knows nothing of meaning.
"""

from __future__ import annotations

from functools import lru_cache

from refilm.engines.effects.language.text import fold, tokenize

_ENDINGS = ("ing", "ed", "es", "s")
#: How many letters stay at least, and the letters that are double at a word's end by nature: "roll", "glass".
_LEAST, _DOUBLE = 3, "ls"


def stems(text: str) -> tuple[str, ...]:
    """The stems of the words and numbers of a cleaned text, in order."""
    return tuple(stem(token.plain) for token in tokenize(text) if token.kind in ("word", "number", "clock", "multiple"))


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """`word`, any case, without accents and endings."""
    word = fold(word)
    if not word.isascii() or len(word) <= _LEAST:
        return word
    ending = next((each for each in _ENDINGS if word.endswith(each) and len(word) - len(each) >= _LEAST), "")
    if ending and not word.endswith("ss"):
        word = word[: -len(ending)]
        if len(word) > _LEAST and ending in ("ing", "ed") and word[-1] == word[-2] and word[-1] not in _DOUBLE:
            word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > _LEAST else word
