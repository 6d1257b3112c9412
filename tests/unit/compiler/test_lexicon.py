"""The lexicon's files agree with each other and with the registry of operators."""

import subprocess
import sys
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.engines.effects.language.lexicon import LANGUAGES, Entry, Phrases, build, lexicon, read_table, rows
from refilm.engines.effects.language.text import spell, tokenize
from refilm.engines.effects.operators import OPERATORS

#: The kinds of small words that the grammar knows.
KINDS = {
    "article", "whole", "aspect", "style", "make", "add", "change", "take", "remove", "not", "without", "keep", "refer",
    "with", "and", "or", "then", "next", "more", "less", "excess", "percent", "intensity", "anything", "filler",
    "particle", "states", "into", "repaint", "simile", "since", "purpose", "result",
}  # fmt: skip


def test_every_look_is_made_of_operators_that_exist() -> None:
    """Looks name registered operators, with parameters that these accept."""
    for look in lexicon().looks.values():
        for step in look.steps:
            OPERATORS[step.operator].spec.resolve(step.parameters)
        assert not look.less or look.less in lexicon().looks
        assert look.absorbs <= set(lexicon().looks) | set(lexicon().unreleased)


def test_every_operator_can_be_asked_for() -> None:
    """Each registered operator is the whole of some look."""
    alone = {look.steps[0].operator for look in lexicon().looks.values() if len(look.steps) == 1}

    assert alone == set(OPERATORS)


def test_orders_and_groups_name_operators() -> None:
    """The working order, the exclusive groups and what undoes what name operators that some look is made of."""
    undoing = chain(lexicon().undoes, *lexicon().undoes.values())
    named = set(chain(lexicon().order, *lexicon().exclusive, undoing))

    assert named <= {step["operator"] for row in read_table("looks")["looks"].values() for step in row["steps"]}


def test_looks_without_their_operator_are_not_in_this_release() -> None:
    """Rows may come before their operator: their words are refused as those of a later release, in every language."""
    words = build({"snow", "cool", "brightness"})

    assert "winter" not in words.looks
    assert words.unreleased["winter"] == "not in this release: winter"
    assert words.unreleased["oil"] == "not in this release: oil painting"
    for name, phrase in (("en", "oil painting"), ("es", "al oleo"), ("zh", "油画"), ("vi", "sơn dầu"), ("vi", "noir")):
        found = words.languages[name].exact.longest(tuple(token.exact for token in tokenize(phrase)), 0)
        assert found is not None
        assert found[1].kind == "unreleased"


def test_what_less_of_a_look_is_may_be_missing() -> None:
    """Without the opposite of a look, less of it is refused and nothing breaks."""
    words = build({"warm", "brightness"})

    assert words.looks["warm"].less == ""
    assert words.looks["brighter"].less == "darker"


@pytest.mark.parametrize("name", LANGUAGES)
def test_phrases_are_spelled_as_prompts_are(name: str) -> None:
    """The words of every phrase are the tokens that a prompt with it has."""
    for phrase, _ in rows(read_table(name)):
        tokens = tokenize(phrase)
        assert spell(phrase) == (tuple(t.plain for t in tokens), tuple(t.exact for t in tokens)), phrase


@given(st.text(st.sampled_from("abZéặđßñİ 雪가ガﬁ'-7s:\n\u0301")))
def test_any_text_is_spelled_as_its_tokens(text: str) -> None:
    """The quick way of spelling letters gives what the tokens give, whatever the letters."""
    tokens = tokenize(text)

    assert spell(text) == (tuple(t.plain for t in tokens), tuple(t.exact for t in tokens))


def test_the_longest_phrase_is_found() -> None:
    """Of all phrases that begin at a place the longest counts; one's own come before those of another language."""
    own, other, late = Entry("own"), Entry("other"), Entry("late")
    behind = Phrases.of([(("a",), other), (("a", "b", "c"), other), (("d",), other)])
    phrases = Phrases.of([(("a",), own), (("a", "b"), own), (("a",), late)], behind)

    assert phrases.longest(("a", "x"), 0) == (1, own)
    assert phrases.longest(("x", "a", "b", "x"), 1) == (3, own)
    assert phrases.longest(("a", "b", "c"), 0) == (3, other)
    assert phrases.longest(("d",), 0) == (1, other)
    assert phrases.longest(("b", "a"), 0) is None


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_language_speaks_of_what_exists(name: str) -> None:
    """Rows of a language name looks, refusals and kinds that exist, and the grammar lacks no kind."""
    table, words = read_table(name), lexicon()

    assert set(table["looks"]) <= set(read_table("looks")["looks"])
    assert set(table["unreleased"]) <= set(words.unreleased)
    assert set(table["topics"]) <= set(words.topics)
    assert set(table["companions"]) | set(table["measures"]) <= set(read_table("looks")["looks"])
    assert set(table["grammar"]) == KINDS


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_operator_has_words_in_every_language(name: str) -> None:
    """No operator is out of reach in any of the languages, colours of a reference apart: those have a grammar."""
    table = read_table(name)["looks"]
    looks = [lexicon().looks[look] for look, phrases in table.items() if phrases and look in lexicon().looks]

    reached = {look.steps[0].operator for look in looks if len(look.steps) == 1}

    assert reached == set(OPERATORS) - {"color_transfer", "patch_style"}


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
