"""How fast a clip should run: "twice as fast", "slow it down by 30 %", "play it backwards at 0.5x speed".

Multiples ("3x", "three times", "3倍") are set apart before the rest of a prompt is read: each becomes one token. A
clause that speaks of nothing but the clip's course becomes wishes here. It knows percentages, multiples and words of
strength; it knows nothing of other looks, and a speed that cannot be had is refused and never rounded to one that can.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.lexicon import Lexicon
from refilm.engines.effects.language.phrases import Piece
from refilm.engines.effects.language.text import Token
from refilm.engines.effects.plan import Value

#: The looks that a speed becomes, and the one that turns the clip round.
FASTER, SLOWER, REVERSE = "faster", "slow_motion", "reverse"
#: The topic that only names a clip's speed, and the one that says which speeds there are.
PACE, TOO_FAR = "pace", "tempo"
COURSES = frozenset({"speed", "slow_motion", "reverse"})
#: What else may stand in such a clause.
_ASIDE = frozenset({
    "filler", "whole", "make", "take", "article", "into", "particle", "states", "simile", "more", "less", "excess",
    "multiple", "number", "percent", "strength", "adverb", "change", "time",
})  # fmt: skip
#: Small words before a percentage that is the speed itself, and no change of it.
_ABSOLUTE = frozenset({"to", "at", "a", "al", "en", "hasta", "đến", "tới", "còn", "với", "ở", "到", "至", "以", "在"})
_PLAYING = frozenset({"play", "plays", "run", "playback", "reproduce", "reproducir", "phát", "播放"})
_FASTEST, _SLOWEST, _USUAL = 8.0, 0.25, 2.0
#: Above this speed nothing is made between frames: one repeated now and then is not seen.
_HARDLY_SLOWER = 0.8

_NUMBERS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8, "ten": 10, "dos": 2, "tres": 3, "cuatro": 4,
    "cinco": 5, "ocho": 8, "diez": 10, "hai": 2, "đôi": 2, "ba": 3, "bốn": 4, "năm": 5, "tám": 8, "mười": 10, "两": 2,
    "二": 2, "三": 3, "四": 4, "五": 5, "八": 8, "十": 10,
}  # fmt: skip
_UNITS = r"(?:x|×|-?\s?times|-?\s?fold|\s?veces|\s?lần|倍)"
_MULTIPLE = re.compile(
    rf"(?<![^\W\u3040-\u9fff])(?<![.,])(?:(?P<digits>\d+(?:[.,]\d+)?)\s?|(?P<word>{'|'.join(_NUMBERS)})\s?){_UNITS}(?![^\W\d_\u3040-\u9fff])",
    re.IGNORECASE,
)
#: "Gấp đôi", "gấp 3 lần": so many times in Vietnamese, where a unit need not follow; "gap 3 lan" without its accents.
_FOLD = re.compile(
    r"(?<!\w)(?:gấp|gap(?=\s+\w+\s+l[aầ]n\b))\s+(?:(?P<digits>\d+(?:[.,]\d+)?)|(?P<word>đôi|hai|ba|bốn|năm|tám|mười))"
    r"(?!\w)(?:\s*l[aầ]n(?!\w))?",
    re.IGNORECASE,
)
_GEOMETRIC = re.compile(r"(?<![\w.,])(?:x|×)\s?(?P<digits>\d+(?:[.,]\d+)?)(?![\w])", re.IGNORECASE)
#: What may stand between a speed and how much of it is meant, and then is no clause's end.
_LED = re.compile(
    r"(?<=[\w)])\s*[,:\uff0c]?\s*\b(?:like|about|around|say|maybe|roughly|approximately|khoảng|unas?|大概|大约|约)\s*$"
    r"|(?<=[\w)])\s*[,:\uff0c]\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Course:
    """A wish for the clip's time: a look with its parameters."""

    look: str
    parameters: dict[str, Value]


def set_apart(tokens: Sequence[Token], text: str) -> tuple[Token, ...]:
    """The tokens of a prompt, each multiple in it as a single one of kind "multiple"."""
    folds = list(_FOLD.finditer(text))
    others = [*_MULTIPLE.finditer(text), *_GEOMETRIC.finditer(text)]
    found = folds + [each for each in others if not any(fold.start() <= each.start() < fold.end() for fold in folds)]
    if not found:
        return tuple(tokens)
    spans = [(_leading_in(text, each.start()), each.end()) for each in found]
    kept = [token for token in tokens if not any(start <= token.start < end for start, end in spans)]
    # No phrase has these marks, so that no phrase is ever found in it.
    kept += [Token("multiple", each.start(), each.end(), f"\u2039{_value(each)}\u203a", each.group()) for each in found]
    return tuple(sorted(kept, key=lambda token: token.start))


def _leading_in(text: str, start: int) -> int:
    """Where what leads to a multiple begins: the comma and the "like" of "make it faster, like 1.5 times"."""
    led = _LED.search(text, 0, start)
    return led.start() if led else start


def _value(match: re.Match[str]) -> str:
    if match["digits"]:
        return match["digits"].replace(",", ".")
    return str(_NUMBERS[match["word"].lower()])


def read_courses(clause: Clause, lexicon: Lexicon) -> list[Course] | str | None:
    """What `clause` wants of the clip's time; a topic where that cannot be had; None where it speaks of more, or says
    nothing that could be done.
    """
    tempos = [piece for piece in clause.pieces if _is_tempo(piece, lexicon)]
    if clause.link == "start" and all(piece.kind == "multiple" for piece in clause.pieces):
        return _alone(float(clause.pieces[0].value))
    if not tempos and _plays_at(clause):
        return _alone(float(clause.of("multiple")[0].value))
    if not tempos or any(piece not in tempos and not _is_aside(piece, tempos) for piece in clause.pieces):
        return None
    courses = [Course(REVERSE, {}) for piece in tempos if piece.value == REVERSE][:1]
    rest = [piece for piece in tempos if piece.value != REVERSE]
    if not rest:
        return courses
    speed = _speed(clause, rest, lexicon)
    if speed is None:
        return None
    if not _SLOWEST <= speed <= _FASTEST:
        return TOO_FAR
    return [*courses, _course(speed, repeats=_repeats(rest, lexicon))]


def _plays_at(clause: Clause) -> bool:
    """Whether a clause says at how many times its speed the clip is to be played: "play it at 1.25x"."""
    plays = any(str(piece.value).split()[0] in _PLAYING for piece in clause.of("take"))
    return plays and clause.has("multiple") and all(piece.kind in _ASIDE for piece in clause.pieces)


def _alone(speed: float) -> list[Course] | str:
    """What a multiple means that is all a prompt says: "0.25x"."""
    return [_course(speed, repeats=False)] if _SLOWEST <= speed <= _FASTEST else TOO_FAR


def _is_tempo(piece: Piece, lexicon: Lexicon) -> bool:
    if piece.kind == "topics":
        return bool(piece.value == PACE)
    return piece.kind == "looks" and all(step.operator in COURSES for step in lexicon.looks[piece.value].steps)


def _is_aside(piece: Piece, tempos: Sequence[Piece]) -> bool:
    """Whether a piece says nothing beside a course, or only what follows from it: "reverse it, sound included"."""
    owners = piece.value if piece.kind == "companion" else piece.beside
    return piece.kind in _ASIDE or any(tempo.value in owners for tempo in tempos)


def _repeats(tempos: Sequence[Piece], lexicon: Lexicon) -> bool:
    """Whether the words want frames repeated rather than made: "step printing"."""
    looks = [lexicon.looks[piece.value].steps[0] for piece in tempos if piece.kind == "looks"]
    return any(step.operator == "speed" and float(step.parameters.get("factor", _USUAL)) < 1 for step in looks)


def _course(speed: float, *, repeats: bool) -> Course:
    """The look that makes the clip run at `speed`."""
    if repeats or speed > _HARDLY_SLOWER:
        return Course(FASTER, _factor(speed))
    return Course(SLOWER, _factor(1 / speed))


def _factor(value: float) -> dict[str, Value]:
    """The parameter that says it; what is usual need not be said."""
    return {} if value == _USUAL else {"factor": round(value, 4)}


def _speed(clause: Clause, tempos: Sequence[Piece], lexicon: Lexicon) -> float | None:
    """How many times faster the clip should run, None where nothing says it."""
    usual = _usual(tempos, lexicon)
    if clause.has("less", "excess"):
        usual = 1 / _USUAL if usual is None or usual > 1 else _USUAL
    elif usual is None and clause.has("more"):
        usual = _USUAL
    told = [float(piece.value) for piece in clause.of("multiple")]
    if told:
        return 1 / told[0] if usual is not None and usual < 1 < told[0] else told[0] or None
    if clause.has("number"):
        return _percentage(clause, usual)
    factors = [float(piece.value) for piece in clause.of("strength", "adverb")]
    if usual is None or not factors:
        return usual
    change = max(usual, 1 / usual) - 1
    return (1 + change * factors[0]) ** (1 if usual > 1 else -1)


def _usual(tempos: Sequence[Piece], lexicon: Lexicon) -> float | None:
    """The speed that the words mean where no number stands beside them."""
    for piece in tempos:
        if piece.kind == "looks":
            step = lexicon.looks[piece.value].steps[0]
            factor = float(step.parameters.get("factor", _USUAL))
            return 1 / factor if step.operator == "slow_motion" else factor
    return None


def _percentage(clause: Clause, usual: float | None) -> float | None:
    """The speed that a percentage means: itself, or what is added or taken."""
    if not clause.has("percent"):
        return None
    share = float(clause.of("number")[0].value) / 100
    position = next(place for place, piece in enumerate(clause.pieces) if piece.kind == "number")
    before = clause.pieces[position - 1].value if position else ""
    if usual is None or before in _ABSOLUTE:
        return share
    return 1 + share if usual > 1 else 1 - share
