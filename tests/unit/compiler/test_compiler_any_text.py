"""Promises of the compiler that hold for any text whatever."""

import json
import sys
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refilm.engines.effects.compiler import compile_prompt, explain
from refilm.engines.effects.language.lexicon import LANGUAGES, read_table, rows
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import STAGES, Plan
from refilm.engines.effects.spans import overlap

WORDS = sorted(
    {phrase for name in LANGUAGES for phrase, _ in rows(read_table(name))}
    | {"dog", ",", ".", "@ref", "40 %", "from 2 s to 4 s", "until 3 s"}
)
ANY_TEXT = st.one_of(
    st.text(max_size=1000),
    st.text(alphabet=st.characters(codec=None, categories=("Cs", "Cc", "So", "Lo", "Nd", "Po")), max_size=200),
    st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join),
)


@settings(max_examples=250, deadline=None)
@given(prompt=ANY_TEXT, references=st.integers(0, 3))
@example(prompt="\x00\ud800 snow \udfff", references=0)
@example(prompt="a" * 1000, references=0)
@example(prompt="," * 1000, references=1)
@example(prompt="\u202eenohs\u202c", references=0)
@example(prompt="👩‍👩‍👧‍👦" * 90, references=0)
@example(prompt="ﷺ" * 1000, references=0)
@example(prompt="@" * 1000, references=1)
@example(prompt="٣ ½ ² 1e999 " + "9" * 400 + "% darker", references=0)
def test_any_text_gives_a_valid_plan(prompt: str, references: int) -> None:
    """Any text compiles without raising; parameters fit their operators, stages are in order, reasons are sentences."""
    plan = compile_prompt(prompt, references=references)

    for step in plan.steps:
        OPERATORS[step.operator].spec.resolve_step(step)
    stages = [STAGES.index(OPERATORS[step.operator].spec.stage) for step in plan.steps]
    assert stages == sorted(stages)
    for one, two in combinations([step for step in plan.steps if step.operator != "text"], 2):
        assert one.operator != two.operator or not overlap(one.span, two.span)
    assert all(clause.reason and clause.text for clause in plan.refused)
    assert len(explain(plan)) == len(plan.steps) + len(plan.refused)
    assert references > 0 or all(step.operator not in ("color_transfer", "patch_style") for step in plan.steps)


@settings(max_examples=100, deadline=None)
@given(prompt=ANY_TEXT)
def test_plans_round_trip_through_json(prompt: str) -> None:
    """A plan written as UTF-8 JSON and read again is the same plan, and compiling again gives it too."""
    plan = compile_prompt(prompt, references=1)

    written = json.dumps(plan.to_json(), ensure_ascii=False).encode("utf-8")

    assert Plan.from_json(json.loads(written)) == plan
    assert compile_prompt(prompt, references=1) == plan


@pytest.mark.parametrize(
    "prompt",
    [
        "a" * 1000,
        "," * 1000,
        "a " * 500,
        "snow " * 200,
        "and " * 250,
        "water color " * 80,
        "雪" * 1000,
        "waterc " * 140,
        "a little " * 110,
    ],
)
def test_work_grows_in_step_with_the_prompt(prompt: str) -> None:
    """Doubling a prompt at most about doubles the calls that compiling it makes."""
    compile_prompt(prompt * 2)
    compile_prompt(prompt)

    once, twice = _calls(prompt), _calls(prompt * 2)

    assert twice <= 2.6 * once + 2000
    assert once <= 300_000


def _calls(prompt: str) -> int:
    """How many Python and C calls compiling makes: a measure of work that the machine's load does not change."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        compile_prompt(prompt)
    finally:
        sys.setprofile(before)
    return count
