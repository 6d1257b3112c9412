"""Prompts that want words written over the picture, and what stands in quotation marks otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.engines.effects.compiler import compile_prompt
from refilm.engines.effects.typeface import missing


def texts(prompt: str) -> list[dict[str, object]]:
    """The parameters of every text of the plan, in working order; nothing of the prompt is refused."""
    plan = compile_prompt(prompt)
    assert not plan.refused, plan.refused
    return [dict(step.parameters) for step in plan.steps if step.operator == "text"]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ('add the text "Hello world"', {"words": "Hello world"}),
        ('write "Good morning" at the bottom', {"words": "Good morning", "position": "bottom"}),
        ("add the text 'It's fine' at the top", {"words": "It's fine", "position": "top"}),
        ('put a caption saying "Happy birthday, Anna!"', {"words": "Happy birthday, Anna!"}),
        ("put a caption saying Happy birthday", {"words": "Happy birthday"}),
        ("add a caption that says Hello world at the top", {"words": "Hello world", "position": "top"}),
        ("add the text: Hello world", {"words": "Hello world"}),
        (
            'add the title "1999" in large letters in the middle',
            {"words": "1999", "position": "centre", "size": "large"},
        ),
        ('write "snow" in the bottom left corner', {"words": "snow", "position": "bottom left"}),
        ('thêm dòng chữ "Xin chào Việt Nam" ở trên cùng', {"words": "Xin chào Việt Nam", "position": "top"}),
        ('viết "Chúc mừng năm mới" ở dưới', {"words": "Chúc mừng năm mới", "position": "bottom"}),
        ("在底部写上“新年快乐”", {"words": "新年快乐", "position": "bottom"}),
        ('añade el texto "¡Hola, mundo!" arriba', {"words": "¡Hola, mundo!", "position": "top"}),
        ('pon un título que diga "Mi viaje" en el centro', {"words": "Mi viaje", "position": "centre"}),
    ],
)
def test_words_and_their_place_are_read(prompt: str, expected: dict[str, object]) -> None:
    """In each language the words, where they stand and how large they are arrive as they were written."""
    assert texts(prompt) == [expected]


@pytest.mark.parametrize(
    ("prompt", "others"),
    [
        ('add the text "snow"', []),
        ('add the text "make it black and white, then let it snow"', []),
        ('add the text "snow" and make it snow', ["snow"]),
        ('make it "cinematic" and add the text "Hi"', ["teal_orange"]),
        ('black and white with the caption "The End"', ["black_and_white"]),
        ("加字幕「下雪」，变成黑白", ["black_and_white"]),
        ('make it "cinematic"', ["teal_orange"]),
    ],
)
def test_what_is_written_names_no_look(prompt: str, others: list[str]) -> None:
    """Words to be written are never taken for wishes; quotation marks around a look say nothing."""
    plan = compile_prompt(prompt)

    assert not plan.refused
    assert [step.operator for step in plan.steps if step.operator != "text"] == others


def test_several_texts_stand_in_several_places() -> None:
    """A text at the top and another at the bottom are two texts; two in one place contradict each other."""
    assert [text["words"] for text in texts('write "SO MUCH" at the top and "SNOW" at the bottom')] == [
        "SO MUCH",
        "SNOW",
    ]
    assert compile_prompt('write "A" at the top. Write "B" at the top.').refused


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("add the text hello", "quotation marks"),
        ("add some text", "quotation marks"),
        ('change the text to "Hi"', "quotation marks"),
        ('add the text "Hi" on his shirt', "on things"),
        ('make the sign say "open"', "quotation marks"),
        ('add the text "☃ 한국"', "☃ 한 국"),
        (f'write "{"long " * 25}"', "120 characters"),
        ("remove the text", "take away"),
    ],
)
def test_what_cannot_be_written_is_refused(prompt: str, reason: str) -> None:
    """Text in the scene, text without its words, characters without a glyph, overlong text: refused by a reason."""
    plan = compile_prompt(prompt)

    assert not plan.steps
    assert reason in plan.refused[0].reason


@given(st.text(st.characters(codec="utf-8", exclude_characters='"“”\n\r', exclude_categories=("C", "Z")), min_size=1))
def test_any_words_are_written_or_refused(words: str) -> None:
    """Whatever stands in the quotation marks becomes that text or is refused; it never becomes another edit."""
    plan = compile_prompt(f'add the text "{words}"')

    assert {step.operator for step in plan.steps} <= {"text"}
    assert len(plan.steps) + len(plan.refused) == 1
    for step in plan.steps:
        assert not missing(str(step.parameters["words"]))


def test_texts_at_several_times_are_several() -> None:
    """Each text of a sentence keeps its words, its place and its time."""
    plan = compile_prompt('write "First" at the top from 0 to 2 s and "Second" at the bottom from 2 s to 4 s')

    told = [(step.parameters["words"], step.parameters["position"], step.span) for step in plan.steps]
    assert told == [("First", "top", (0, 2)), ("Second", "bottom", (2, 4))]
    assert plan.refused == ()
