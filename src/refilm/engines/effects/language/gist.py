"""The gist of a prompt: the one look that its words, taken together, hint at.

Where a clause cannot be read, the prompt as a whole may still leave no doubt: "put the sun to bed, I'd like stars over
the barn" is about the night. Hints are data (`lexicon/cues.toml` and the names of looks in every language's table).
Each look is scored by the hints at it; whether the best may be taken is the answer of a small logistic model of the
score, its lead, and how the prompt is told: a short command about a thing ("snow on her hair") is no hint at a look.
Knows nothing of clauses.

The model's weights were fitted on the development sets by regularised maximum likelihood.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from refilm.engines.effects.language.lexicon import LANGUAGES, lexicon, phrases_of, read_table
from refilm.engines.effects.language.stems import stem, stems
from refilm.engines.effects.language.text import Words

#: What a hint counts: one of a strong list, a colour, one of a weak list, a word of a look's world.
_STRONG, _COLOUR, _WEAK, _COMPANION = 2.0, 1.2, 0.6, 0.3
#: What the name of a look counts: of one word, of more.
_NAME, _LONG_NAME = 1.5, 2.0
#: What speaks against any look, as a look of its own, and what it counts.
_AGAINST, _WEIGHT_AGAINST = "", 2.0
#: Looks that need more than words: a text, a reference picture.
_NEEDY = frozenset({"text", "color_transfer", "patch_style"})
#: How sure the gist must be, 0..1.
LEAST_CERTAINTY = 0.75
#: What the best look must score: one strong hint, or three weak ones.
LEAST_SCORE = 1.5

#: The logistic model: what each measure of a prompt adds to the certainty.
_WEIGHTS: Mapping[str, float] = {
    "score": 4.02, "lead": 0.66, "against": -1.4, "length": 2.97, "strong": -2.07, "hints": -1.07, "share": 3.16,
    "likening": 1.67, "people": -1.81, "commands": -1.13, "making": -2.21, "one": -0.97, "inside": -0.52, "over": 1.02,
    "sparing": -3.32, "always": -6.23,
}  # fmt: skip


@dataclass(frozen=True)
class Gist:
    """What a prompt hints at. look: of the lexicon.  hints: the words that say so, as stems, in order.

    scores: what every family of looks reached, by its name.  certainty: 0..1.
    """

    look: str
    hints: tuple[str, ...]
    scores: Mapping[str, float]
    certainty: float


@dataclass(frozen=True)
class _Hints:
    """Phrases of stems with the looks that they hint at, and how much. joined: hints of several parts, by the first."""

    phrases: Mapping[Words, Mapping[str, float]]
    joined: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
    longest: int


def gist_of(text: str) -> Gist | None:
    """What a cleaned text hints at, None where it hints at nothing. Whether that says enough: `certainty`."""
    words = stems(text)
    found = list(_found(words))
    scores, looks = _scores(found)
    if max(scores.values(), default=0.0) < LEAST_SCORE:
        return None
    ranked = sorted(scores, key=lambda name: -scores[name])
    family = ranked[0]
    look = max(looks[family], key=lambda name: looks[family][name])
    own = [phrase for phrase, hinted in found if any(family_of(name) == family for name in hinted if name)]
    measures = _measures(words, found, family, scores, own)
    certainty = 1 / (1 + math.exp(-sum(_WEIGHTS[name] * value for name, value in measures.items())))
    return Gist(look, tuple(dict.fromkeys(map(" ".join, own))), scores, certainty)


def _measures(
    words: Sequence[str],
    found: Sequence[tuple[Words, Mapping[str, float]]],
    family: str,
    scores: Mapping[str, float],
    own: Sequence[Words],
) -> dict[str, float]:
    """The measures of the logistic model, each about 0..3."""
    score = scores[family]
    rival = max((value for name, value in scores.items() if name != family), default=0.0)
    strong = {
        phrase
        for phrase, hinted in found
        if any(name and family_of(name) == family and weight >= _NAME for name, weight in hinted.items())
    }
    said, manner = set(words), _manner()
    return {
        "always": 1.0,
        "score": min(score, 6) / 2,
        "lead": min(score - rival, 4) / 2,
        "against": min(sum(hinted.get(_AGAINST, 0.0) for _, hinted in found), 6) / 2,
        "length": min(len(words), 25) / 8,
        "strong": min(len(strong), 3),
        "hints": min(len(own), 4) / 2,
        "share": sum(map(len, own)) / max(1, len(words)),
        "likening": float(bool(said & manner["likening"])),
        "people": float(bool(said & manner["people"])),
        "commands": float(bool(words) and words[0] in manner["commands"]),
        "making": float(len(words) > 1 and words[0] in manner["making"] and words[1] in manner["pointing"]),
        "one": min(2, sum(word in manner["one"] for word in words)),
        "inside": float(bool(said & manner["inside"])),
        "over": float(bool(said & manner["over"])),
        "sparing": float(bool(said & manner["sparing"])),
    }


def _scores(
    found: Iterable[tuple[Words, Mapping[str, float]]],
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """What each family of looks reaches, and each look in it. A hint counts once, however often it is said."""
    scores: dict[str, float] = {}
    looks: dict[str, dict[str, float]] = {}
    for hinted in dict(found).values():
        best: dict[str, float] = {}
        for look, weight in hinted.items():
            if look == _AGAINST:
                continue
            family = family_of(look)
            best[family] = max(best.get(family, 0.0), weight)
            told = looks.setdefault(family, {})
            told[look] = told.get(look, 0.0) + weight
        for family, weight in best.items():
            scores[family] = scores.get(family, 0.0) + weight
    return scores, looks


def _found(words: Sequence[str]) -> Iterator[tuple[Words, Mapping[str, float]]]:
    """The hints in a text, the longest at each place, then those of several parts."""
    hints = _hints()
    at = 0
    while at < len(words):
        for end in range(min(at + hints.longest, len(words)), at, -1):
            hinted = hints.phrases.get(tuple(words[at:end]))
            if hinted is not None:
                yield tuple(words[at:end]), hinted
                at = end
                break
        else:
            at += 1
    said = set(words)
    for word in dict.fromkeys(words):
        for parts, look in hints.joined.get(word, ()):
            if said.issuperset(parts):
                yield parts, {look: _STRONG}


@cache
def family_of(look: str) -> str:
    """The name of the looks that are the same operators in the same direction; colours stand apart."""
    steps = lexicon().looks[look].steps
    if any(step.operator == "tint" for step in steps):
        return look
    return "+".join(sorted(("-" if step.scale < 0 else "") + step.operator for step in steps))


@cache
def _manner() -> Mapping[str, frozenset[str]]:
    return {name: frozenset(map(stem, words)) for name, words in read_table("cues")["manner"].items()}


@cache
def _hints() -> _Hints:
    table = read_table("cues")
    phrases: dict[Words, dict[str, float]] = {}
    joined: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for look, phrase, weight in _told(table):
        if "+" in phrase:
            parts = tuple(stems(phrase.replace("+", " ")))
            joined.setdefault(parts[0], []).append((parts, look))
            continue
        words = tuple(stems(phrase))
        hinted = phrases.setdefault(words, {})
        hinted[look] = max(weight, hinted.get(look, 0.0))
    for name in LANGUAGES:
        _add_names(phrases, name)
    return _Hints(phrases, {first: tuple(rest) for first, rest in joined.items()}, max(map(len, phrases)))


def _told(table: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[tuple[str, str, float]]:
    """(look, phrase, weight) of every hint of the table whose look can be had."""
    for group, weight in (("strong", _STRONG), ("colours", _COLOUR), ("weak", _WEAK)):
        for look, phrases in table[group].items():
            if look in lexicon().looks:
                yield from ((look, phrase, weight) for phrase in phrases)
    yield from ((_AGAINST, phrase, _WEIGHT_AGAINST) for phrase in table["against"]["words"])


def _add_names(phrases: dict[Words, dict[str, float]], language: str) -> None:
    """The names that a language gives to looks of one operator, and words of their worlds, where no hint says more."""
    for plain, _, entry in phrases_of(language):
        words = tuple(map(stem, plain))
        if entry.kind == "looks" and _is_plain(entry.value):
            hinted = phrases.get(words, {})
            known = any(look and family_of(look) == family_of(entry.value) for look in hinted)
            if not known and (len(plain) > 1 or not hinted):
                weight = _LONG_NAME if len(plain) > 1 or entry.name else _NAME
                phrases.setdefault(words, {})[entry.value] = weight
        elif entry.kind == "companion" and words not in phrases:
            phrases[words] = {look: _COMPANION for look in sorted(entry.value) if _is_plain(look)}


def _is_plain(look: str) -> bool:
    steps = lexicon().looks[look].steps if look in lexicon().looks else ()
    return len(steps) == 1 and steps[0].operator not in _NEEDY
