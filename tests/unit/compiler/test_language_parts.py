"""The smaller parts of reading a prompt, each alone: stems, shares, names of clips, complaints, subjects, gists."""

import pytest

from refilm.engines.effects.compiler import compile_prompt, gist_asked_of
from refilm.engines.effects.language import shares
from refilm.engines.effects.language.clauses import split
from refilm.engines.effects.language.continuing import asked_in, complains
from refilm.engines.effects.language.gist import LEAST_CERTAINTY, family_of, gist_of
from refilm.engines.effects.language.lexicon import lexicon
from refilm.engines.effects.language.naming import named
from refilm.engines.effects.language.phrases import Piece, cover
from refilm.engines.effects.language.shown import shown
from refilm.engines.effects.language.stems import stems
from refilm.engines.effects.language.text import tokenize


def pieces(text: str) -> tuple[Piece, ...]:
    """The pieces of an English text."""
    return cover(tokenize(text), lexicon().languages["en"], exactly=False)


def kinds(found: tuple[Piece, ...]) -> list[str]:
    return [piece.kind for piece in found]


def test_stems_are_of_words_and_numbers() -> None:
    """Marks have no stem, accents and endings fall away, words of other scripts stay."""
    assert stems("Glowing, 3 LEAVES; más 雪!") == ("glow", "3", "leav", "mas", "雪")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("desaturate by about half", ["desaturate", "50", "%"]),
        ("by a third", ["33", "%"]),
        ("film grain 0.3", ["film", "grain", "30", "%"]),
        ("saturation -20%", ["saturation", "down", "20", "%"]),
        ("turn it by a quarter turn", ["turn", "it", "by", "a", "quarter", "turn"]),
        ("longer by half a second", ["longer", "by", "half", "a", "second"]),
    ],
)
def test_shares_become_percentages(text: str, told: list[str]) -> None:
    """Fractions and decimals are percentages; a quarter of a turn or of a second is none."""
    assert [token.plain for token in shares.set_apart(tokenize(text), text)] == told


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("turn my dog video into a cartoon", "dog video"),
        ("make this video of my cats warmer", "video of my cats"),
        ("add my dog video to the cartoon", "video"),
    ],
)
def test_nouns_beside_a_clip_name_it(text: str, whole: str) -> None:
    """They become part of its name, except where something is brought in."""
    (clause,) = split(pieces(text), text)

    assert whole in [text[piece.start : piece.end] for piece in named(clause, text).of("whole")]


def test_a_complaint_is_known_by_what_mends_it() -> None:
    """ "It's a little soft" complains beside "sharpen", and beside nothing else."""
    clauses = split(pieces("sharpen it, it's a little soft"), "sharpen it, it's a little soft")

    assert complains(clauses[1], asked_in(clauses))
    assert not complains(clauses[1], {"snow"})
    assert not complains(clauses[0], asked_in(clauses))


@pytest.mark.parametrize(
    ("text", "merged"),
    [
        ("turn the wedding dance into a cartoon", True),
        ("put thick mist over our village", True),
        ("turn only the wedding dance into a cartoon", False),
        ("make her face brighter", False),
        ("remove the street from the cartoon", False),
    ],
)
def test_a_subject_becomes_the_clip_or_stays(text: str, merged: bool) -> None:
    """What fills the picture becomes a piece that stands for the clip and keeps its place; no other piece changes."""
    before = pieces(text)

    after = shown(before, text, lexicon())

    assert (after != before) == merged
    assert ("whole" in kinds(after)) == merged
    assert (after[0].start, after[-1].end) == (before[0].start, before[-1].end)


def test_looks_of_the_same_operators_are_a_family() -> None:
    """Light and heavy snow are one, brighter and darker are two, and every colour is its own."""
    assert family_of("snow") == family_of("snowstorm")
    assert family_of("brighter") != family_of("darker")
    assert family_of("red") != family_of("blue")


def test_the_gist_is_surer_of_more_hints() -> None:
    """One more hint at the same look makes the gist more certain; no hint makes none."""
    few, more = gist_of("imagine some stars"), gist_of("imagine the stars and the moonlight at midnight")

    assert more is not None
    assert more.look == "night"
    assert more.certainty >= LEAST_CERTAINTY
    assert few is None or few.certainty < more.certainty
    assert gist_of("the quick brown table") is None


def test_a_whole_prompt_is_a_question_only_where_rules_leave_it_open() -> None:
    """Quoted words, times and references close it; a refused clause of strange words opens it."""
    assert [question.text for question in gist_asked_of("something for a lonely lighthouse keeper")] == [
        "something for a lonely lighthouse keeper"
    ]
    assert gist_asked_of("something “lonely” for a keeper") == ()
    assert gist_asked_of("something lonely from 2 s to 4 s") == ()
    assert compile_prompt("something for a lonely lighthouse keeper").refused
