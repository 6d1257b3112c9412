"""The lexicon: what words mean, read once from the package's `lexicon/*.toml`.

`looks.toml` says what each look is in operators, which is the same in every language; `en.toml`, `vi.toml`, `zh.toml`
and `es.toml` say which phrases name it, and carry the small words that the grammar needs. A look that is made of an
operator outside the registry counts as one of a later release. Knows nothing of clauses.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

from refilm.engines.effects.language.text import Token, tokenize
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
    absorbs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Entry:
    """What a phrase is. kind: its part in the grammar.  value: which look, topic, factor or set of looks.

    borrowed: it is an English word in another language.
    """

    kind: str
    value: Any = None
    borrowed: bool = False


@dataclass
class Trie:
    """Phrases as sequences of words, for finding the longest that starts somewhere."""

    entry: Entry | None = None
    children: dict[str, Trie] = field(default_factory=dict)

    def add(self, words: tuple[str, ...], entry: Entry) -> Entry | None:
        """Make `words` mean `entry`, unless they mean something already; returns that."""
        node = self
        for word in words:
            node = node.children.setdefault(word, Trie())
        if node.entry is not None:
            return node.entry
        node.entry = entry
        return None

    def longest(self, words: tuple[str, ...], start: int) -> tuple[int, Entry] | None:
        """The end and the entry of the longest phrase that begins at `start`."""
        node, found = self, None
        for position in range(start, len(words)):
            following = node.children.get(words[position])
            if following is None:
                break
            node = following
            if node.entry is not None:
                found = position + 1, node.entry
        return found


@dataclass(frozen=True)
class Language:
    """The phrases of one language, by plain and by exact spelling.

    known: every word of every phrase.  vocabulary: the words that a typo may stand for, by first letter.
    not_typos: words that look like a slip of the pen and are not.
    """

    name: str
    plain: Trie
    exact: Trie
    known: frozenset[str]
    vocabulary: Mapping[str, tuple[str, ...]]
    not_typos: frozenset[str]


@dataclass(frozen=True)
class Lexicon:
    """All of it.

    topics: topic -> reason for refusing.  unreleased: name -> reason.  courses: those unreleased that tell how a clip
    runs, not how it looks.  order: which operators of one stage work first.  exclusive: groups of operators of which a
    clip takes one.  undoes: operator -> those that leave nothing beside it.  measures: an aspect of the picture -> the
    look that more of it is ("boost the colours").
    """

    looks: Mapping[str, Look]
    topics: Mapping[str, str]
    unreleased: Mapping[str, str]
    order: tuple[str, ...]
    exclusive: tuple[frozenset[str], ...]
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
        undoes={name: frozenset(lost) for name, lost in meanings["undoes"].items()},
        courses=frozenset(name for name, row in meanings["unreleased"].items() if row.get("course")),
        measures={aspect: look for name in LANGUAGES for aspect, look in _measures(name) if look in looks},
        languages={name: _language(name, missing) for name in LANGUAGES},
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
    folder = files("refilm.engines.effects") / "lexicon"
    return tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))


def rows(table: Mapping[str, Any]) -> Iterator[tuple[str, Entry]]:
    """Each phrase of a language's table with what it is, the more telling kinds first."""
    for kind in ("looks", "unreleased", "topics"):
        for value, phrases in table.get(kind, {}).items():
            yield from ((phrase, Entry(kind, value)) for phrase in phrases)
    for row in table.get("strength", ()):
        kind = "adverb" if row.get("after") else "strength"
        yield from ((phrase, Entry(kind, float(row["factor"]))) for phrase in row["words"])
    for kind, phrases in table["grammar"].items():
        for phrase in phrases:
            yield phrase, Entry("make", REPAINT) if kind == REPAINT else Entry(kind, phrase)
    owners: dict[str, set[str]] = {}
    for look, phrases in table.get("companions", {}).items():
        for phrase in phrases:
            owners.setdefault(phrase, set()).add(look)
    yield from ((phrase, Entry("companion", frozenset(looks))) for phrase, looks in owners.items())


@cache
def _phrases(name: str) -> tuple[tuple[tuple[Token, ...], Entry], ...]:
    """A language's phrases as tokens."""
    return tuple((tokenize(phrase), entry) for phrase, entry in rows(read_table(name)))


def _language(name: str, missing: Set[str]) -> Language:
    plain, exact = Trie(), Trie()
    known: set[str] = set()
    # Looks travel untranslated ("cartoon", "vintage"), so every language also knows the English ones, after its own.
    english = () if name == "en" else tuple(row for row in _phrases("en") if row[1].kind in ("looks", "unreleased"))
    borrowed = tuple((tokens, replace(entry, borrowed=True)) for tokens, entry in english)
    for tokens, named in (*_phrases(name), *borrowed):
        absent = named.kind == "looks" and named.value in missing
        entry = replace(named, kind="unreleased") if absent else named
        known.update(token.plain for token in tokens)
        plain.add(tuple(token.plain for token in tokens), entry)
        exact.add(tuple(token.exact for token in tokens), entry)
    return Language(name, plain, exact, frozenset(known), _vocabulary(name), _not_typos())


@cache
def _not_typos() -> frozenset[str]:
    """Of all languages: an English word is no slip in Spanish either."""
    return frozenset(word for name in LANGUAGES for word in read_table(name)["not_typos"])


def _vocabulary(name: str) -> dict[str, tuple[str, ...]]:
    """Words of five letters and more that name looks or strengths: a typo becomes one of these, never a small word."""
    words: dict[str, set[str]] = {}
    for tokens, entry in _phrases(name):
        if entry.kind in ("looks", "strength", "adverb"):
            for token in tokens:
                if token.kind == "word" and len(token.plain) >= 5 and token.plain.isascii():
                    words.setdefault(token.plain[0], set()).add(token.plain)
    return {letter: tuple(sorted(group)) for letter, group in words.items()}


def _look(name: str, row: Mapping[str, Any]) -> Look:
    steps = tuple(
        Ingredient(step["operator"], float(step.get("scale", 1.0)), step.get("parameters", {})) for step in row["steps"]
    )
    flags = {flag: bool(row.get(flag)) for flag in ("thing", "tool", "matter", "axis")}
    return Look(
        name, steps, row.get("less", ""), row.get("note", ""), absorbs=frozenset(row.get("absorbs", ())), **flags
    )


def _unreleased(row: Mapping[str, Any]) -> str:
    nearest = " or ".join(row.get("nearest", ()))
    return f"not in this release: {row['title']}" + (f"; the nearest that can be had is {nearest}" if nearest else "")
