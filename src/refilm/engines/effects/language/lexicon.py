"""The lexicon: what words mean, read once from the package's `lexicon/*.toml`.

`looks.toml` says what each look is in operators, which is the same in every language; `en.toml`, `vi.toml`, `zh.toml`
and `es.toml` say which phrases name it, and carry the small words that the grammar needs; `names.toml` has the films,
painters and games that stand for a look in all of them. A look that is made of an
operator outside the registry counts as one of a later release. Knows nothing of clauses.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain, product
from typing import Any

from refilm.engines.effects.language.text import Words, spell
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Value

LANGUAGES = ("en", "vi", "zh", "es")
#: The verbs of making that speak of paint and brush, so that a reference is meant with its style.
REPAINT = "repaint"


@dataclass(frozen=True)
class Ingredient:
    """One operator of a look. scale: multiplies the default of its main parameter; negative means the other way."""

    operator: str
    scale: float = 1.0
    parameters: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """Something that can be asked for.

    less: the look that "less" of this one is, "" where less of it cannot be had.  note: how the words are understood
    where that is not obvious.  thing: also the name of an object that can stand in a scene ("a cartoon").
    tool: a thing that with an article is nothing else ("a pencil").
    matter: named by a noun that can be listed ("snow"), not a quality of the picture ("dark").
    scenery: also the name of what a picture may show ("the sunset").
    worded: needs words of the person's own, in quotation marks.
    axis: a measure that goes up and down ("contrast"), so that "less contrast and saturation" is less of both.
    absorbs: looks, had or not, whose words only describe this one where both stand in a clause ("vintage sepia",
    "a rainy day").
    """

    name: str
    steps: tuple[Ingredient, ...]
    less: str = ""
    note: str = ""
    thing: bool = False
    tool: bool = False
    matter: bool = False
    axis: bool = False
    scenery: bool = False
    worded: bool = False
    absorbs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Entry:
    """What a phrase is. kind: its part in the grammar.  value: which look, topic, factor or set of looks.

    borrowed: it is an English word in another language.  name: it is somebody's or something's name, a film's perhaps.
    cure: the look that mends a clip of which this is told ("overexposed"), "" where nothing is wrong with it.
    beside: the looks beside which a topic is only a part of the look ("shadows" beside a noir).
    """

    kind: str
    value: Any = None
    borrowed: bool = False
    name: bool = False
    cure: str = ""
    beside: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Phrases:
    """Phrases as sequences of words, for finding the longest that starts somewhere.

    lengths: how many words the longest phrase has that begins with a word.  behind: phrases of another language, which
    count where none of these is as long.
    """

    entries: Mapping[Words, Entry]
    lengths: Mapping[str, int]
    behind: Phrases | None = None

    @classmethod
    def of(cls, named: Iterable[tuple[Words, Entry]], behind: Phrases | None = None) -> Phrases:
        """Of a phrase that is named twice the first meaning counts."""
        entries: dict[Words, Entry] = {}
        lengths: dict[str, int] = {}
        for words, entry in named:
            entries.setdefault(words, entry)
            if lengths.get(words[0], 0) < len(words):
                lengths[words[0]] = len(words)
        return cls(entries, lengths, behind)

    def longest(self, words: Words, start: int) -> tuple[int, Entry] | None:
        """The end and the entry of the longest phrase that begins at `start`."""
        found = self._longest_own(words, start)
        other = None if self.behind is None else self.behind.longest(words, start)
        return other if other is not None and (found is None or other[0] > found[0]) else found

    def _longest_own(self, words: Words, start: int) -> tuple[int, Entry] | None:
        most = self.lengths.get(words[start], 0)
        for end in range(min(start + most, len(words)), start, -1):
            entry = self.entries.get(words[start:end])
            if entry is not None:
                return end, entry
        return None


@dataclass(frozen=True)
class Language:
    """The phrases of one language, by plain and by exact spelling.

    beside_text, beside_text_exact: the same, with the phrases that say how text stands in the frame before them.
    known: every word of every phrase.  vocabulary: the words that a typo may stand for, by first letter.
    not_typos: words that look like a slip of the pen and are not.
    """

    name: str
    plain: Phrases
    exact: Phrases
    beside_text: Phrases
    beside_text_exact: Phrases
    known: frozenset[str]
    vocabulary: Mapping[str, tuple[str, ...]]
    not_typos: frozenset[str]


@dataclass(frozen=True)
class Lexicon:
    """All of it.

    topics: topic -> reason for refusing.  unreleased: name -> reason.  courses: those unreleased that tell how a clip
    runs, not how it looks.  order: which operators of one stage work first.  exclusive: groups of operators of which a
    clip takes one.  several: operator -> the parameter in which those of one clip differ, where it may have more than
    one.  undoes: operator -> those that leave nothing beside it.  measures: an aspect of the picture -> the look that
    more of it is ("boost the colours").
    """

    looks: Mapping[str, Look]
    topics: Mapping[str, str]
    unreleased: Mapping[str, str]
    order: tuple[str, ...]
    exclusive: tuple[frozenset[str], ...]
    several: Mapping[str, str]
    undoes: Mapping[str, frozenset[str]]
    measures: Mapping[str, str]
    courses: frozenset[str]
    languages: Mapping[str, Language]

    def is_tint(self, look: str) -> bool:
        """Whether a look is, among other things, the name of a colour."""
        return any(step.operator == "tint" for step in self.looks[look].steps)


@cache
def lexicon() -> Lexicon:
    """The packaged lexicon, for the operators of the registry."""
    return build(frozenset(OPERATORS))


def build(operators: Set[str]) -> Lexicon:
    """The packaged lexicon as far as `operators` go: the looks that need others are not in this release."""
    meanings = read_table("looks")
    looks = {name: _look(name, row) for name, row in meanings["looks"].items() if _needs(row) <= operators}
    missing = frozenset(meanings["looks"]) - looks.keys()
    return Lexicon(
        looks={name: replace(look, less="" if look.less in missing else look.less) for name, look in looks.items()},
        topics=meanings["topics"],
        unreleased={name: _unreleased(row) for name, row in meanings["unreleased"].items()}
        | {name: _unreleased({"title": _title(name)}) for name in missing},
        order=tuple(meanings["order"]),
        exclusive=tuple(frozenset(group) for group in meanings["exclusive"]),
        several=meanings["several"],
        undoes={name: frozenset(lost) for name, lost in meanings["undoes"].items()},
        courses=frozenset(name for name, row in meanings["unreleased"].items() if row.get("course")),
        measures={aspect: look for name in LANGUAGES for aspect, look in _measures(name) if look in looks},
        languages=_languages(missing),
    )


def _needs(row: Mapping[str, Any]) -> Set[str]:
    return {step["operator"] for step in row["steps"]}


def _title(look: str) -> str:
    """A look's first name in English."""
    return str(next(iter(read_table("en")["looks"].get(look, ())), look.replace("_", " ")))


def _measures(language: str) -> Iterator[tuple[str, str]]:
    for look, aspects in read_table(language)["measures"].items():
        yield from ((aspect, look) for aspect in aspects)


@cache
def read_table(name: str) -> dict[str, Any]:
    """The TOML file `lexicon/<name>.toml` of the package."""
    return tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8"))


def read_all_tables() -> None:
    """Read every table now, for processes that may open no file later."""
    for file in _folder().iterdir():
        if file.name.endswith(".toml"):
            read_table(file.name.removesuffix(".toml"))


def _folder() -> Traversable:
    return files("refilm.engines.effects") / "lexicon"


def rows(table: Mapping[str, Any]) -> Iterator[tuple[str, Entry]]:
    """Each phrase of a language's table with what it is, the more telling kinds first."""
    cures = {phrase: cure for cure, phrases in table.get("faults", {}).items() for phrase in phrases}
    owners: dict[str, set[str]] = {}
    for look, phrases in table.get("companions", {}).items():
        for phrase in phrases:
            owners.setdefault(phrase, set()).add(look)
    for phrase in table.get("settings", {}).get("places", ()):
        owners.setdefault(phrase, set()).update(table["settings"]["looks"])
    for phrases, entry in _groups(table):
        for phrase in phrases:
            if entry.kind == "topics" and phrase in owners:
                yield phrase, replace(entry, beside=frozenset(owners[phrase]))
            else:
                cure = cures.get(phrase, "") if entry.kind == "looks" else ""
                yield phrase, replace(entry, cure=cure) if cure else entry
    for kind, phrases in table.get("grammar", {}).items():
        for phrase in phrases:
            yield phrase, Entry("make", REPAINT) if kind == REPAINT else Entry(kind, phrase)
    yield from ((phrase, Entry("companion", frozenset(looks))) for phrase, looks in owners.items())


def _composed(table: Mapping[str, Any]) -> Iterator[tuple[str, Entry]]:
    """The phrases of `[[composed]]`: one word of each list of a row, and where a phrase has a meaning of its own, that
    one counts."""
    for row in table.get("composed", ()):
        for words in product(*row["words"]):
            phrase = " ".join(filter(None, words))
            yield phrase, Entry(row["kind"], phrase)


def _groups(table: Mapping[str, Any]) -> Iterator[tuple[list[str], Entry]]:
    """The phrases that share a meaning, with it."""
    for kind in ("looks", "unreleased", "topics"):
        for value, phrases in table.get(kind, {}).items():
            yield phrases, Entry(kind, value)
    for row in table.get("strength", ()):
        yield row["words"], Entry("adverb" if row.get("after") else "strength", float(row["factor"]))


@cache
def phrases_of(name: str) -> tuple[tuple[Words, Words, Entry], ...]:
    """A language's phrases: their words, plain and exact, and what they are. Names count as English."""
    own = tuple((*spell(phrase), entry) for phrase, entry in rows(read_table(name)))
    composed = tuple((*spell(phrase), entry) for phrase, entry in _composed(read_table(name)))
    if name != "en":
        return own + composed
    names = tuple((*spell(phrase), replace(entry, name=True)) for phrase, entry in rows(read_table("names")))
    told = tuple(row for row in own if row[2].kind != "companion")
    return told + names + own[len(told) :] + composed


def _languages(missing: Set[str]) -> dict[str, Language]:
    """Looks travel untranslated ("cartoon", "vintage"): every language also knows the English ones, after its own."""
    english = [row for row in phrases_of("en") if row[2].kind in ("looks", "unreleased")]
    borrowed = _Spelled.of(english, missing, borrowed=True)
    return {name: _language(name, missing, None if name == "en" else borrowed) for name in LANGUAGES}


@dataclass(frozen=True)
class _Spelled:
    """Phrases by plain and by exact spelling, and every plain word of them."""

    plain: Phrases
    exact: Phrases
    known: frozenset[str]

    @classmethod
    def of(
        cls,
        named: Sequence[tuple[Words, Words, Entry]],
        missing: Set[str],
        *,
        borrowed: bool = False,
        behind: _Spelled | None = None,
    ) -> _Spelled:
        plains, exacts, entries = zip(*named, strict=True)
        meant = {entry: _meant(entry, missing, borrowed) for entry in dict.fromkeys(entries)}
        told = [meant[entry] for entry in entries]
        plain, exact = zip(plains, told, strict=True), zip(exacts, told, strict=True)
        known = frozenset(chain.from_iterable(plains))
        if behind is None:
            return cls(Phrases.of(plain), Phrases.of(exact), known)
        return cls(Phrases.of(plain, behind.plain), Phrases.of(exact, behind.exact), known | behind.known)


def _meant(entry: Entry, missing: Set[str], borrowed: bool) -> Entry:
    """What a phrase is where the looks of `missing` cannot be had."""
    absent = entry.kind == "looks" and entry.value in missing
    return replace(entry, kind="unreleased" if absent else entry.kind, borrowed=borrowed)


def _language(name: str, missing: Set[str], borrowed: _Spelled | None) -> Language:
    words = _Spelled.of(phrases_of(name), missing, behind=borrowed)
    placed = _Spelled.of(_placings(name), missing, behind=words)
    return Language(
        name, words.plain, words.exact, placed.plain, placed.exact, words.known, _vocabulary(name), _not_typos()
    )


@cache
def _placings(name: str) -> tuple[tuple[Words, Words, Entry], ...]:
    """The phrases that say how text stands in the frame, as `phrases_of` has the others."""
    return tuple(
        (*spell(phrase), Entry("placing", key))
        for key, phrases in read_table(name)["inscription"].items()
        for phrase in phrases
    )


@cache
def _not_typos() -> frozenset[str]:
    """Of all languages: an English word is no slip in Spanish either."""
    return frozenset(word for name in LANGUAGES for word in read_table(name)["not_typos"])


def _vocabulary(name: str) -> dict[str, tuple[str, ...]]:
    """Words of five letters and more that name looks or strengths: a typo becomes one of these, never a small word."""
    words: dict[str, set[str]] = {}
    for plain, _, entry in phrases_of(name):
        if entry.kind in ("looks", "strength", "adverb"):
            for word in plain:
                if len(word) >= 5 and word.isascii() and word[0].isalpha():
                    words.setdefault(word[0], set()).add(word)
    return {letter: tuple(sorted(group)) for letter, group in words.items()}


def _look(name: str, row: Mapping[str, Any]) -> Look:
    steps = tuple(
        Ingredient(step["operator"], float(step.get("scale", 1.0)), step.get("parameters", {})) for step in row["steps"]
    )
    flags = {flag: bool(row.get(flag)) for flag in ("thing", "tool", "matter", "axis", "scenery", "worded")}
    return Look(
        name, steps, row.get("less", ""), row.get("note", ""), absorbs=frozenset(row.get("absorbs", ())), **flags
    )


def _unreleased(row: Mapping[str, Any]) -> str:
    nearest = " or ".join(row.get("nearest", ()))
    return f"not in this release: {row['title']}" + (f"; the nearest that can be had is {nearest}" if nearest else "")
