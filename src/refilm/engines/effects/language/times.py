"""Times in a prompt: "from 2 s to 4 s", "for the first 3 seconds", "after 00:05", in any of the languages.

They are set apart before the rest of a prompt is read: each becomes one token that carries its span. What counts is a
number with a unit, or a point of time, and the small words of `lexicon/times.toml` around it. Knows nothing of looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile

from refilm.engines.effects.language.lexicon import Entry, Phrases, read_table
from refilm.engines.effects.language.text import Token, spell
from refilm.engines.effects.plan import Span
from refilm.engines.effects.spans import check

#: Why times that name no stretch of the clip are refused, as keys of the lexicon's topics.
NO_LENGTH, BACKWARDS = "no_length", "backwards"
_SIGNS: Mapping[str, str] = {
    "second": "u", "minute": "m", "from": "f", "onward": "o", "to": "t", "between": "b", "and": "a", "first": "p",
    "last": "l", "after": "r", "until": "x", "begin": "s", "at": "k", "in": "i", "small": "g",
}  # fmt: skip
_DASHES = "-\u2010\u2011\u2012\u2013\u2014~\uff5e"
_BARE = re.compile(r"(\d+(?:[.,]\d+)?)(s|secs?|seconds?|m|mins?|minutes?)")
_MINUTES = ("m", "min", "mins", "minute", "minutes")
_MOST_SECONDS = 86_400.0
#: The one shape of a picture that is written as a point of time is.
_SHAPE = "9:16"
_POINTING = {"at", "from", "until", "till", "after", "before", "since", "desde", "hasta", "tu", "den", "luc"}


@dataclass(frozen=True)
class TimeToken(Token):
    """Words of time as one token.  span: None where they name none, and `why` is the topic that says so."""

    span: Span | None = None
    why: str = ""


@dataclass(frozen=True)
class _Sign:
    """What a token, or a few, may be within a time: `letters` are all its parts in the grammar, "" where none.

    value: its number, or its seconds where it is a whole point of time.
    """

    letters: str
    first: int
    last: int
    value: float = 0.0


def set_apart(tokens: Sequence[Token], text: str) -> tuple[Token, ...]:
    """The tokens of a prompt, each time in it as a single one."""
    if not any(_speaks_of_time(token) for token in tokens):
        return tuple(tokens)
    signs = _signs(tokens, text)
    kept: list[Token] = []
    at = 0
    while at < len(signs):
        found = _longest(signs, at)
        if found is None:
            kept += tokens[signs[at].first : signs[at].last + 1]
            at += 1
            continue
        end, span, why = found
        begin, until = tokens[signs[at].first].start, tokens[signs[end - 1].last].end
        # No phrase has these marks, so that no phrase is ever found in it.
        kept.append(TimeToken("time", begin, until, "\u2039time\u203a", "\u2039time\u203a", span, why))
        at = end
    return tuple(kept)


def _speaks_of_time(token: Token) -> bool:
    return token.kind in ("number", "clock") or token.plain[:1].isdigit() or token.plain in _units()


_T = "(?:c|ng*[um]|[um]g*n)"
_LOOSE = "(?:c|d|ng*[um]|[um]g*n|n)"
_LEAD = "(?:ig*)?g*"
#: The forms of a time, the more telling first. Whatever stands twice in a form is joined by "to".
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("range", re.compile(f"{_LEAD}[fbk]?g*(?P<one>{_LOOSE})g*[tax]g*(?P<two>{_LOOSE})")),
    ("until", re.compile(f"{_LEAD}[fb]?g*sg*[tx]g*(?P<two>{_T})")),
    ("onward", re.compile(f"{_LEAD}[fr]g*(?P<one>{_T}|[um]g*n)o?")),
    ("onward", re.compile(f"{_LEAD}[fk]?g*(?P<one>{_T})o")),
    ("first", re.compile(f"{_LEAD}pg*(?P<two>n?g*[um])|{_LEAD}(?P<three>ng*[um])g*p|{_LEAD}(?P<four>n)g*pg*[um]")),
    ("last", re.compile(f"{_LEAD}lg*(?P<two>n?g*[um])|{_LEAD}(?P<three>ng*[um])g*l|{_LEAD}(?P<four>n)g*lg*[um]")),
    ("until", re.compile(f"{_LEAD}[xt]g*(?P<two>{_T})")),
    ("none", re.compile(f"{_LEAD}k?g*(?P<one>c|ng*[um]|[um]g*n)g*")),
)


def _longest(signs: Sequence[_Sign], at: int) -> tuple[int, Span | None, str] | None:
    """(end, span, why not) of the time that begins at a sign, None where none does."""
    best: tuple[int, Span | None, str] | None = None
    for spelled in _spellings(signs, at):
        for form, pattern in _FORMS:
            match = pattern.match(spelled)
            if match is None or (best is not None and match.end() + at <= best[0]):
                continue
            if form == "range" and not re.search("[cum]", match["one"] + match["two"]):
                continue
            span, why = _span(form, match, signs[at : at + len(spelled)])
            best = at + match.end(), span, why
    return best


#: How many signs a time has at most.
_REACH = 14
_MOST_SPELLINGS = 32


def _spellings(signs: Sequence[_Sign], at: int) -> Iterator[str]:
    """The signs from `at` on, a letter each, in every reading: "a" joins in "between 2 and 4 s" alone."""
    run = list(takewhile(lambda sign: sign.letters, signs[at : at + _REACH]))
    if not any(set(sign.letters) & set("cum") for sign in run):
        return
    spellings = [""]
    for sign in run:
        spellings = [before + letter for before in spellings for letter in sign.letters][:_MOST_SPELLINGS]
    yield from spellings


def _span(form: str, match: re.Match[str], signs: Sequence[_Sign]) -> tuple[Span | None, str]:
    """The span that a form means, or the topic that says why it means none."""
    told = {name: (match.start(name), match.end(name)) for name, found in match.groupdict().items() if found}
    if form == "none":
        return None, NO_LENGTH
    if form == "range":
        minutes = _in_minutes(match["two"]) or _in_minutes(match["one"])
        start, end = (_seconds(match, signs, told[name], minutes) for name in ("one", "two"))
        return _checked((start, end))
    if form == "onward":
        return _checked((_seconds(match, signs, told["one"], _in_minutes(match["one"])), None))
    place = next(told[name] for name in ("two", "three", "four") if name in told)
    length = _seconds(match, signs, place, _in_minutes(match.group()))
    return _checked((-length, None) if form == "last" else (0.0, length))


def _checked(span: Span) -> tuple[Span | None, str]:
    try:
        check(span)
    except ValueError:
        return None, BACKWARDS
    return span, ""


def _in_minutes(letters: str) -> bool:
    return "m" in letters and "u" not in letters


def _seconds(match: re.Match[str], signs: Sequence[_Sign], place: tuple[int, int], minutes: bool) -> float:
    """The seconds of one point of time; of a unit alone, one of it."""
    begin, end = place
    for position in range(begin, end):
        letter = match.string[position]
        if letter in "cd":
            return min(signs[position].value, _MOST_SECONDS)
        if letter == "n":
            return min(signs[position].value * (60 if minutes else 1), _MOST_SECONDS)
    return 60.0 if minutes else 1.0


def _signs(tokens: Sequence[Token], text: str) -> list[_Sign]:
    """What each token may be within a time; a dash between two of them is a sign of its own."""
    words = tuple(token.plain for token in tokens)
    signs: list[_Sign] = []
    at = 0
    while at < len(tokens):
        if at and any(dash in text[tokens[at - 1].end : tokens[at].start] for dash in _DASHES):
            signs.append(_Sign("t", at, at - 1))
        found = _words().longest(words, at)
        if found is not None:
            end, entry = found
            signs.append(_Sign(entry.kind, at, end - 1, entry.value))
            at = end
            continue
        signs.append(_Sign("", at, at) if _is_shape(tokens, at) else _number(tokens[at], at))
        at += 1
    return signs


def _is_shape(tokens: Sequence[Token], at: int) -> bool:
    """Whether a point of time is width to height: "crop it to 9:16", with no other point of time beside it."""
    pointed = at > 0 and tokens[at - 1].plain in _POINTING
    return tokens[at].plain == _SHAPE and not pointed and sum(each.kind == "clock" for each in tokens) == 1


def _number(token: Token, at: int) -> _Sign:
    """The sign of a token that is no word of time: a number, a point of time, or nothing."""
    if token.plain in _DASHES:
        return _Sign("t", at, at)
    if token.kind == "number":
        return _Sign("n", at, at, min(float(token.plain), _MOST_SECONDS))
    bare = _BARE.fullmatch(token.plain)
    if bare is not None:
        value = min(float(bare[1].replace(",", ".")), _MOST_SECONDS) * (60 if bare[2] in _MINUTES else 1)
        # Of words, "20s" may be a decade: it is a time beside another one only.
        return _Sign("d" if token.kind == "word" and bare[2] == "s" else "c", at, at, value)
    if token.kind == "clock":
        value = 0.0
        for part in token.plain.split(":"):
            value = 60 * value + float(part)
        return _Sign("c", at, at, value)
    return _Sign("", at, at)


@cache
def _words() -> Phrases:
    """The words of time with the letters of every part that they may have in the grammar."""
    table = read_table("times")
    letters: dict[tuple[str, ...], str] = {}
    for name, letter in _SIGNS.items():
        for phrase in table[name]:
            words = spell(phrase)[0]
            letters[words] = letters.get(words, "") + letter
    values: dict[tuple[str, ...], float] = {}
    for phrase, value in table["numbers"].items():
        words = spell(phrase)[0]
        values[words] = float(value)
        letters[words] = letters.get(words, "") + "n"
    return Phrases.of((words, Entry(told, values.get(words, 0.0))) for words, told in letters.items())


@cache
def _units() -> frozenset[str]:
    table = read_table("times")
    return frozenset(spell(phrase)[0][0] for name in ("second", "minute") for phrase in table[name])
