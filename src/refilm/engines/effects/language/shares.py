"""Shares that are written otherwise than as a percentage: "by about half", "down to a third",
"-0.3", "roughly 30 %".

They are set apart before the rest of a prompt is read: each becomes the number and the sign of a percentage, and words
that only say that it is not exact become nothing. It knows English fractions, decimals of any language, and no look.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from refilm.engines.effects.language.text import Token

_FRACTIONS = {
    "half": 50.0, "a half": 50.0, "one half": 50.0, "a third": 33.0, "one third": 33.0, "a quarter": 25.0,
    "one quarter": 25.0, "a fourth": 25.0, "two thirds": 67.0, "three quarters": 75.0,
}  # fmt: skip
_ABOUT = (
    r"(?:just |only )?"
    r"(?:about|around|roughly|approximately|approx|circa|nearly|almost|some|maybe|more or less|like|say)"
)
#: What a fraction is of behind these words is no strength: "by half a second".
_OF = r"(?!\s+(?:of|an?|the|stops?|tones?|steps?|seconds?|minutes?|speed|turns?|rotations?|circles?)\b)"
_FRACTION = re.compile(
    rf"(?<!\w)by\s+(?:{_ABOUT}\s+)?(?P<fraction>{'|'.join(sorted(_FRACTIONS, key=len, reverse=True))})(?!\w){_OF}",
    re.IGNORECASE,
)
#: "Turned down to a third" leaves a third, so that two thirds go.
_LEFT = re.compile(
    r"(?<!\w)(?:down|reduced?|lowered?|lower|decreased?|cut|drop(?:ped)?)\s(?:[^,.;!?\n]{0,40}?\s)??"
    rf"(?P<left>to\s+(?:{_ABOUT}\s+)?(?P<fraction>{'|'.join(sorted(_FRACTIONS, key=len, reverse=True))}))(?!\w){_OF}"
    r"(?!\s+(?:an?|the|its|of|hour|size|length|height|width|screen|frame|picture)\b)",
    re.IGNORECASE,
)
#: "0.3" and "-0.3", with nothing behind it that makes it something else.
_DECIMAL = re.compile(
    r"(?<![^\s(:=])(?P<sign>[-+\u2212\u2013]?)(?P<decimal>0[.,]\d{1,4})(?![\w:/]|[.,]\d|\s*[%°倍秒度]|\s*(?:x|times|s|secs?"
    r"|seconds?|m|mins?|minutes?|stops?|ev|deg|degrees?|fps|px|hz|percent|per cent|pct|veces|segundos?|lần|giây|độ)\b)",
    re.IGNORECASE,
)
_NEGATIVE = re.compile(r"(?<![^\s(:=])(?P<sign>[-\u2212\u2013])(?P<percentage>\d{1,3}(?:[.,]\d+)?)(?=\s?(?:%|percent))")
_APPROXIMATE = re.compile(rf"(?<!\w){_ABOUT}\s+(?=\d|half\b)", re.IGNORECASE)


def set_apart(tokens: Sequence[Token], text: str) -> tuple[Token, ...]:
    """The tokens of a prompt without times and multiples, each share in it as a percentage."""
    words = {token.start for token in tokens if token.kind == "word"}
    numbers = {token.start for token in tokens if token.kind == "number"}
    made: dict[tuple[int, int], list[Token]] = {}
    for match in _FRACTION.finditer(text):
        if match.start() in words:
            made[match.span()] = _percentage(_FRACTIONS[" ".join(match["fraction"].lower().split())], *match.span())
    for match in _LEFT.finditer(text):
        if match.start("left") in words:
            share = 100.0 - _FRACTIONS[" ".join(match["fraction"].lower().split())]
            made[match.span("left")] = _percentage(share, *match.span("left"))
    for match in _DECIMAL.finditer(text):
        share = 100 * float(match["decimal"].replace(",", "."))
        if match.start("decimal") in numbers and share > 0:
            made[match.span()] = _sign(match) + _percentage(share, *match.span("decimal"))
    for match in _NEGATIVE.finditer(text):
        made[match.span("sign")] = _sign(match)
    for match in _APPROXIMATE.finditer(text):
        if match.start() in words:
            made.setdefault(match.span(), [])
    if not made:
        return tuple(tokens)
    kept = [
        token
        for token in tokens
        if token.kind not in ("word", "number") or not any(start <= token.start < end for start, end in made)
    ]
    return tuple(sorted([*kept, *(token for each in made.values() for token in each)], key=lambda token: token.start))


def _percentage(share: float, start: int, end: int) -> list[Token]:
    number = f"{share:g}"
    return [Token("number", start, end, number, number), Token("mark", end - 1, end, "%", "%")]


def _sign(match: re.Match[str]) -> list[Token]:
    """What a minus says beside a measure: "saturation down 30 %"."""
    start, end = match.span("sign")
    return [] if match["sign"] in ("", "+") else [Token("word", start, end, "down", "down")]
