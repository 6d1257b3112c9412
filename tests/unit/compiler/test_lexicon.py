"""The lexicon's files agree with each other and with the registry of operators."""

import subprocess
import sys
from itertools import chain

import pytest

from refilm.engines.effects.language.lexicon import LANGUAGES, lexicon, read_table, rows
from refilm.engines.effects.language.text import tokenize
from refilm.engines.effects.operators import OPERATORS

#: The kinds of small words that the grammar knows.
KINDS = {
    "article", "whole", "aspect", "style", "make", "add", "change", "take", "remove", "not", "without", "keep", "refer",
    "with", "and", "or", "then", "more", "less", "excess", "percent", "intensity", "anything", "filler", "particle",
    "states", "into",
}  # fmt: skip


def test_every_look_is_made_of_operators_that_exist() -> None:
    """Looks name registered operators, with parameters that these accept."""
    for look in lexicon().looks.values():
        for step in look.steps:
            OPERATORS[step.operator].spec.resolve(step.parameters)
        assert not look.less or look.less in lexicon().looks
        assert look.absorbs <= set(lexicon().looks)


def test_every_operator_can_be_asked_for() -> None:
    """Each registered operator is the whole of some look."""
    alone = {look.steps[0].operator for look in lexicon().looks.values() if len(look.steps) == 1}

    assert alone == set(OPERATORS)


def test_orders_and_groups_name_operators() -> None:
    """The working order and the groups of exclusive operators name registered ones."""
    named = set(chain(lexicon().order, *lexicon().exclusive))

    assert named <= set(OPERATORS)


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_language_speaks_of_what_exists(name: str) -> None:
    """Rows of a language name looks, refusals and kinds that exist, and the grammar lacks no kind."""
    table, words = read_table(name), lexicon()

    assert set(table["looks"]) <= set(words.looks)
    assert set(table["unreleased"]) <= set(words.unreleased)
    assert set(table["topics"]) <= set(words.topics)
    assert set(table["companions"]) <= set(words.looks)
    assert set(table["grammar"]) == KINDS


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_operator_has_words_in_every_language(name: str) -> None:
    """No operator is out of reach in any of the languages, colours of a reference apart: those have a grammar."""
    looks = [lexicon().looks[look] for look, phrases in read_table(name)["looks"].items() if phrases]

    reached = {look.steps[0].operator for look in looks if len(look.steps) == 1}

    assert reached == set(OPERATORS) - {"color_transfer"}


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_phrase_means_one_thing(name: str) -> None:
    """No phrase stands twice in a language, except that descriptive words may also stand elsewhere."""
    seen: dict[tuple[str, ...], str] = {}

    for phrase, entry in rows(read_table(name)):
        words = tuple(token.exact for token in tokenize(phrase))
        assert words, phrase
        assert entry.kind == "companion" or words not in seen, (phrase, seen.get(words))
        seen.setdefault(words, phrase)


def test_the_compiler_loads_nothing_heavy() -> None:
    """Importing the compiler and compiling a prompt loads neither numpy, OpenCV, numba nor PyAV."""
    code = (
        "import sys; from refilm.engines.effects.compiler import compile_prompt; compile_prompt('add snow');"
        "print([name for name in ('numpy', 'cv2', 'numba', 'av') if name in sys.modules])"
    )

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert answer.stdout.strip() == "[]"
