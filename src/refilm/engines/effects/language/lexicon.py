"""The lexicon: what words mean, read once from the package's `lexicon/*.toml`.

`looks.toml` says what each look is in operators, which is the same in every language; `en.toml`, `vi.toml`, `zh.toml`
and `es.toml` say which phrases name it, and carry the small words that the grammar needs. Knows nothing of clauses.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from refilm.engines.effects.language.text import Token, tokenize
from refilm.engines.effects.plan import Value

LANGUAGES = ("en", "vi", "zh", "es")


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
    matter: named by a noun that can be listed ("snow"), not a quality of the picture ("dark").
    axis: a measure that goes up and down ("contrast"), so that "less contrast and saturation" is less of both.
    absorbs: looks whose words only describe this one where both stand in a clause ("vintage sepia").
    """

    name: str
    steps: tuple[Ingredient, ...]
    less: str = ""
    note: str = ""
    thing: bool = False
    matter: bool = False
    axis: bool = False
    absorbs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Entry:
    """What a phrase is. kind: its part in the grammar.  value: which look, topic, factor or set of looks."""

    kind: str
    value: Any = None


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
    """All of it. topics: topic -> reason for refusing.  unreleased: name -> reason.  order: which operators of one
    stage work first.  exclusive: groups of operators of which a clip takes one."""

    looks: Mapping[str, Look]
    topics: Mapping[str, str]
    unreleased: Mapping[str, str]
    order: tuple[str, ...]
    exclusive: tuple[frozenset[str], ...]
    languages: Mapping[str, Language]


@cache
def lexicon() -> Lexicon:
    """The packaged lexicon."""
    meanings = read_table("looks")
    return Lexicon(
        looks={name: _look(name, row) for name, row in meanings["looks"].items()},
        topics=meanings["topics"],
        unreleased={name: _unreleased(row) for name, row in meanings["unreleased"].items()},
        order=tuple(meanings["order"]),
        exclusive=tuple(frozenset(group) for group in meanings["exclusive"]),
        languages={name: _language(name) for name in LANGUAGES},
    )


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
        yield from ((phrase, Entry(kind, phrase)) for phrase in phrases)
    owners: dict[str, set[str]] = {}
    for look, phrases in table.get("companions", {}).items():
        for phrase in phrases:
            owners.setdefault(phrase, set()).add(look)
    yield from ((phrase, Entry("companion", frozenset(looks))) for phrase, looks in owners.items())


@cache
def _phrases(name: str) -> tuple[tuple[tuple[Token, ...], Entry], ...]:
    """A language's phrases as tokens."""
    return tuple((tokenize(phrase), entry) for phrase, entry in rows(read_table(name)))


def _language(name: str) -> Language:
    plain, exact = Trie(), Trie()
    known: set[str] = set()
    # Looks travel untranslated ("cartoon", "vintage"), so every language also knows the English ones, after its own.
    borrowed = () if name == "en" else tuple(row for row in _phrases("en") if row[1].kind in ("looks", "unreleased"))
    for tokens, entry in (*_phrases(name), *borrowed):
        known.update(token.plain for token in tokens)
        plain.add(tuple(token.plain for token in tokens), entry)
        exact.add(tuple(token.exact for token in tokens), entry)
    return Language(
        name, plain, exact, frozenset(known), _vocabulary(name), frozenset(read_table(name).get("not_typos", ()))
    )


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
    flags = {flag: bool(row.get(flag)) for flag in ("thing", "matter", "axis")}
    return Look(
        name, steps, row.get("less", ""), row.get("note", ""), absorbs=frozenset(row.get("absorbs", ())), **flags
    )


def _unreleased(row: Mapping[str, Any]) -> str:
    nearest = " or ".join(row.get("nearest", ()))
    return f"not in this release: {row['title']}" + (f"; the nearest that can be had is {nearest}" if nearest else "")
