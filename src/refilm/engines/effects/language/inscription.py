"""Words that are to be written over the picture: `add the text "Hello" at the top`.

They may be anything, the names of looks included, and so they are set apart before the rest of a prompt is read: each
becomes one token of kind "quoted". Quotation marks around anything else stay without meaning. Knows the phrases of
[inscription] in the languages' tables; knows nothing of other looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from refilm.engines.effects.language import times
from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.lexicon import LANGUAGES, Lexicon, read_table
from refilm.engines.effects.language.text import Token, tokenize
from refilm.engines.effects.plan import Value

#: The look that is text, and the most characters of it.
LOOK, LONGEST = "text", 120
#: Keys of [inscription] that say how large the text is; the others that are no positions.
SIZES, ASIDE = frozenset({"small", "medium", "large"}), frozenset({"saying", "aside"})
_MARKS = re.compile(
    r"\"(?P<a>[^\"\n]+)\"|“(?P<b>[^”\n]+)”|„(?P<c>[^“”\n]+)[“”]|«(?P<d>[^»\n]+)»|「(?P<e>[^」\n]+)」|『(?P<f>[^』\n]+)』"
    r"|`(?P<g>[^`\n]+)`|(?<!\w)‘(?P<h>[^\n]+?)’(?!\w)|(?<!\w)'(?P<i>[^\n]+?)'(?!\w)"
)
_STOPS = r"[,.;!?\n、，。；！？]"
_JOINS = r"(?<!\w)(?:and|then|but|with|y|luego|después|pero|con|và|rồi|sau đó|nhưng|với)(?!\w)|并且|并|然后|同时|和|但"
_BREAK = re.compile(f"{_STOPS}|{_JOINS}", re.IGNORECASE)
#: After one of these a prompt speaks of something else: `write "A" at the top and "B" at the bottom` is one wish.
_ENDS = re.compile(r"[.;!?\n。；！？]")
#: "Put “Hello” on the video", without the words in marks and those of where they stand: they can only be written.
_LAID = re.compile(
    r"\W*(?:(?:please|pls|can|could|you)\s+)*(?:put|place|display|lay|stick|pon)(?:\s+(?:on|over|across|onto|en|sobre)?\s*"
    r"(?:the |my |our |this |el |la |mi )?(?:video|vídeo|clip|footage|screen|picture|image|frame|imagen|pantalla)?)?"
    r"\W*(?:please|pls|por favor)?\W*",
    re.IGNORECASE,
)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
#: Verbs of making that give a picture its text; others would change a text that is in it.
_GIVING = {
    "give",
    "gives",
    "giving",
    "make",
    "makes",
    "making",
    "show",
    "put it",
    "da",
    "dale",
    "dar",
    "haz",
    "cho",
    "给",
}
#: What else may stand beside the words to be written.
_ALLOWED = {"add", "article", "filler", "whole", "placing", "quoted", "take", "anything"}


class Quoted(NamedTuple):
    """Words to be written, and where they stand in the prompt, their marks included."""

    start: int
    end: int
    words: str


def set_apart(tokens: Sequence[Token], text: str) -> tuple[Token, ...]:
    """The tokens of a prompt, each text to be written as a single one."""
    quoted = find(text)
    if not quoted:
        return tuple(tokens)
    kept = [token for token in tokens if not any(each.start <= token.start < each.end for each in quoted)]
    kept += [_token(each) for each in quoted]
    return tuple(sorted(kept, key=lambda token: token.start))


def find(text: str) -> list[Quoted]:
    """The words that `text`, a cleaned prompt, wants to have written."""
    marked = [
        Quoted(match.start(), match.end(), match[match.lastgroup or 0].strip()) for match in _MARKS.finditer(text)
    ]
    bare = _without(text, marked)
    timeless = _without_times(bare) if len(marked) > 1 else bare
    breaks = [(match.start(), match.end()) for match in _BREAK.finditer(timeless)]
    told: dict[str, tuple[bool, bool]] = {}  # of each part of the prompt: whether it names text, or only a place
    found: list[Quoted] = []
    for each in marked:
        start = max((end for _, end in breaks if end <= each.start), default=0)
        around = timeless[start : next((begin for begin, _ in breaks if begin >= each.end), len(bare))]
        if around not in told:
            told[around] = bool(_names().search(around)), not re.sub(r"\W", "", _placings().sub(" ", around))
        named, placed = told[around]
        named = named or bool(_LAID.fullmatch(_placings().sub(" ", around)))
        if named or (placed and found and not _ENDS.search(bare, found[-1].end, start)):
            found.append(each)
    return [each for each in found if each.words] or ([] if marked else list(_unmarked(text)) or _capitals(text))


def _token(quoted: Quoted) -> Token:
    # No phrase has quotation marks, so that no phrase is ever found in it.
    written = f"“{quoted.words}”"
    return Token("quoted", quoted.start, quoted.end, written, written)


def _without(text: str, marked: Sequence[Quoted]) -> str:
    """The text with blanks in the place of what stands in quotation marks."""
    parts, at = [], 0
    for each in marked:
        parts += [text[at : each.start], " " * (each.end - each.start)]
        at = each.end
    return "".join([*parts, text[at:]])


def _without_times(text: str) -> str:
    """The text with blanks in the place of words of time: `"A" until 2 s and "B" after it`."""
    for token in times.set_apart(tokenize(text), text):
        if isinstance(token, times.TimeToken):
            text = f"{text[: token.start]}{' ' * (token.end - token.start)}{text[token.end :]}"
    return text


def _unmarked(text: str) -> Iterator[Quoted]:
    """Words without quotation marks that cannot be taken for anything else: "put a caption saying Happy birthday"."""
    for match in _saying().finditer(text):
        words = match["words"]
        while (place := _placings().search(words)) and not words[place.end() :].strip(" !?"):
            words = words[: place.start()]
        lead = len(words) - len(words.lstrip())
        start, words = match.start("words") + lead, words.strip()
        if words and not re.search(_JOINS, words, re.IGNORECASE):
            yield Quoted(start, start + len(words), words)


def _capitals(text: str) -> list[Quoted]:
    """Words in capitals behind a name of the text: "write SUMMER TOUR 2024 over the video"; none where all are."""
    match = _shouted().search(text) if any(char.islower() for char in text) else None
    if match is None or text[match.start() : match.start("words")].isupper():
        return []
    return [Quoted(*match.span("words"), match["words"])]


def read_inscription(clause: Clause, lexicon: Lexicon) -> dict[str, Value] | str:
    """The parameters of the text that a clause with quoted words asks for, or the reason for refusing it.

    Every other word of the clause must say where and how the text stands.
    """
    quoted = clause.of("quoted")
    words = str(quoted[0].value)
    named = any(piece.kind == "looks" and piece.value == LOOK for piece in clause.pieces)
    for piece in clause.pieces:
        giving = piece.kind == "make" and piece.value in _GIVING
        into = piece.kind == "into" and clause.has("add") and not clause.has("make", "change")
        look = piece.kind == "looks" and piece.value == LOOK
        if not (piece.kind in _ALLOWED or look or into or (giving and named)):
            return lexicon.topics[LOOK]
    if len(quoted) > 1:
        return lexicon.topics["texts"]
    if len(words) > LONGEST:
        return lexicon.topics["long_text"]
    lacking = _lacking(words)
    if lacking:
        return lexicon.topics["characters"].format(characters=" ".join(lacking))
    told = [str(piece.value) for piece in clause.of("placing") if piece.value not in ASIDE]
    sizes, places = [each for each in told if each in SIZES], [each for each in told if each not in SIZES]
    if len(set(sizes)) > 1 or len(set(places)) > 1:
        return lexicon.topics[LOOK]
    return {"words": words, **({"position": places[0]} if places else {}), **({"size": sizes[0]} if sizes else {})}


def _lacking(words: str) -> str:
    from refilm.engines.effects.typeface import missing

    return missing(words)


@cache
def _names() -> re.Pattern[str]:
    """What the text is called, in any language: "caption", "write", "chữ", ..."""
    return _any_of(phrase for name in LANGUAGES for phrase in read_table(name)["looks"][LOOK])


@cache
def _placings() -> re.Pattern[str]:
    """Where and how large it stands."""
    tables = [read_table(name)["inscription"] for name in LANGUAGES]
    return _any_of(
        phrase for table in tables for key, phrases in table.items() if key != "saying" for phrase in phrases
    )


@cache
def _saying() -> re.Pattern[str]:
    """A name of the text, and words or a colon after which nothing but the text can stand."""
    said = _any_of(phrase for name in LANGUAGES for phrase in read_table(name)["inscription"]["saying"]).pattern
    return re.compile(
        rf"(?:{_names().pattern})(?:[^,.;\n，。；]*?(?:{said})\s*[:：]?|\s*[:：])(?P<words>[^,.;:\n，。；]+)",
        re.IGNORECASE,
    )


@cache
def _shouted() -> re.Pattern[str]:
    """A name of the text, and right behind it words in capitals, with numbers between or after them."""
    word = r"[A-Z\u00c0-\u00de][A-Z\u00c0-\u00de'&-]+"
    names = rf"(?i:{_names().pattern})(?:\s+(?i:the|a|text|words?|title|caption|saying))*"
    return re.compile(rf"(?:{names})\s+(?P<words>{word}(?:\s+(?:{word}|\d+|&))*)(?![\w.])")


def _any_of(phrases: Iterator[str]) -> re.Pattern[str]:
    """A pattern for any of the phrases, the longest first; words are whole where words have spaces between them."""
    told = sorted(dict.fromkeys(phrases), key=len, reverse=True)
    return re.compile("|".join(_whole(phrase) for phrase in told), re.IGNORECASE)


def _whole(phrase: str) -> str:
    return re.escape(phrase) if _CJK.search(phrase) else rf"(?<!\w){re.escape(phrase)}(?!\w)"
