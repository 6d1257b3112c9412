"""When a prompt wants its looks: times in four languages, and which of its clauses they speak of."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.engines.effects.compiler import compile_prompt
from refilm.engines.effects.language.text import clean, tokenize
from refilm.engines.effects.language.times import set_apart
from refilm.engines.effects.plan import Plan, Span


def spans(prompt: str) -> list[Span | None]:
    """The spans that a text names, None for a time that names none."""
    text = clean(prompt)
    return [getattr(token, "span", None) for token in set_apart(tokenize(text), text) if token.kind == "time"]


def told(plan: Plan) -> set[tuple[str, Span | None]]:
    return {(step.operator, step.span) for step in plan.steps}


@pytest.mark.parametrize(
    ("prompt", "span"),
    [
        ("from 2 s to 4 s", (2, 4)), ("from 2 to 4 seconds", (2, 4)), ("from 2-4 s", (2, 4)), ("2s–4s", (2, 4)),
        ("between 0:02 and 0:04", (2, 4)), ("from second 2 to second 4", (2, 4)), ("from 5s to 20s", (5, 20)),
        ("from 1:00 to 1:30.", (60, 90)), ("from minute 1 to minute 2", (60, 120)), ("from 0 to 2.5 sec", (0, 2.5)),
        ("for the first 3 seconds", (0, 3)), ("during the first three seconds", (0, 3)),
        ("in the first second", (0, 1)),
        ("after 2 seconds", (2, None)), ("starting at 5s", (5, None)), ("from 5 s on", (5, None)),
        ("from 3 s until the end", (3, None)), ("from the start to 3 s", (0, 3)), ("until 00:05", (0, 5)),
        ("in the last second", (-1, None)), ("in the last 2 seconds", (-2, None)), ("until 1:00:00", (0, 3600)),
        ("từ giây 2 đến giây 4", (2, 4)), ("tu giay 2 den giay 4", (2, 4)), ("từ giây thứ 2 đến giây thứ 4", (2, 4)),
        ("trong 3 giây đầu tiên", (0, 3)), ("3 giây cuối", (-3, None)), ("sau 5 giây", (5, None)),
        ("cho đến 00:05", (0, 5)), ("从2秒到4秒", (2, 4)), ("从第2秒到第4秒", (2, 4)), ("前3秒", (0, 3)),
        ("最后三秒", (-3, None)), ("5秒后", (5, None)), ("5秒之前", (0, 5)), ("从5秒开始", (5, None)),
        ("de 2 a 4 segundos", (2, 4)), ("del segundo 2 al 4", (2, 4)), ("entre 0:02 y 0:04", (2, 4)),
        ("desde el segundo 2 hasta el segundo 4", (2, 4)), ("durante los primeros 3 segundos", (0, 3)),
        ("los últimos dos segundos", (-2, None)), ("a partir del segundo 5", (5, None)), ("hasta el segundo 5", (0, 5)),
    ],
)  # fmt: skip
def test_times_are_read(prompt: str, span: Span) -> None:
    """The ways of saying when, in four languages, with and without accents."""
    assert spans(prompt) == [span]


@pytest.mark.parametrize(
    "prompt",
    ["a 70s look", "in the 20s", "contrast from 20 % to 40 %", "4k at 60 fps", "a film from 1920", "an 8 mm film",
     "the first shot", "Super 8", "16:9", "第一", "una vez", "hai"],
)  # fmt: skip
def test_other_numbers_are_no_times(prompt: str) -> None:
    """Decades, shares, rates, years, formats and shapes name no time."""
    assert spans(prompt) in ([], [None])
    assert not any(spans(prompt))


@pytest.mark.parametrize(
    ("prompt", "steps"),
    [
        ("make it sepia from 2 s to 4 s", {("sepia", (2, 4))}),
        ("sepia with film grain from 2 s to 4 s", {("sepia", (2, 4)), ("film_grain", (2, 4))}),
        ("from 2 s to 4 s, sepia and film grain", {("sepia", (2, 4)), ("film_grain", (2, 4))}),
        ("make it blue, from 2 s to 4 s", {("tint", (2, 4))}),
        ("sepia, snow from 2 s to 4 s", {("sepia", None), ("snow", (2, 4))}),
        ("make it sepia and add snow from 2 s to 4 s", {("sepia", None), ("snow", (2, 4))}),
        ("sepia from 0 to 2 s and snow from 3 to 5 s", {("sepia", (0, 2)), ("snow", (3, 5))}),
        ("snow from 0 to 2 s and from 4 to 6 s", {("snow", (0, 2)), ("snow", (4, 6))}),
        ("sepia for the first 3 seconds, then black and white", {("sepia", (0, 3)), ("black_and_white", (3, None))}),
        ("0:00-0:02: sepia; 0:02-0:04: snow", {("sepia", (0, 2)), ("snow", (2, 4))}),
        ("sepia until 4 s, then back to normal", {("sepia", (0, 4))}),
        ("watercolour until 3 s, cartoon from 3 s on", {("watercolour", (0, 3)), ("cartoon", (3, None))}),
        ("noir from 2 s to 4 s, black and white", {("noir", (2, 4)), ("black_and_white", None)}),
        ("black and white from 2 s to 4 s, noir", {("noir", None)}),
        ("reverse, and black and white from 2 s to 4 s", {("reverse", None), ("black_and_white", (2, 4))}),
        ("crop to a square and sepia from 2 s to 4 s", {("reframe", None), ("sepia", (2, 4))}),
        ('write "A" from 0 s to 2 s and "B" from 2 s to 4 s', {("text", (0, 2)), ("text", (2, 4))}),
        ("前3秒黑白，5秒后下雪", {("black_and_white", (0, 3)), ("snow", (5, None))}),
        ("3 giây đầu đen trắng, sau đó tuyết rơi", {("black_and_white", (0, 3)), ("snow", (3, None))}),
        ("los primeros 3 segundos en sepia, luego nieve", {("sepia", (0, 3)), ("snow", (3, None))}),
    ],
)
def test_each_look_has_its_time(prompt: str, steps: set[tuple[str, Span | None]]) -> None:
    """A time holds for its own clause and for those listed with it; "then" begins where the time before it ends."""
    plan = compile_prompt(prompt)

    assert told(plan) == steps
    assert plan.refused == ()
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("make it sepia at 3 s", "not how long"),
        ("sepia at 0:03", "not how long"),
        ("make it sepia from 4 s to 2 s", "ends before it begins"),
        ("sepia in the first half", "without seconds"),
        ("at the end, make it sepia", "without seconds"),
        ("from 2 s to 4 s", "names no look"),
        ("add a dog from 2 s to 4 s", "does not change people"),
        ("sepia, but keep it unchanged after 4 s", "while “sepia” changes it"),
        ("from 2 s to 4 s sepia from 6 s to 8 s snow", "put a comma between them"),
        ("watercolour until 3 s, cartoon from 2 s on", "cannot be had together"),
        ("from 2 s to 4 s, reverse and sepia", "the whole clip another course"),
        ("reverse and sepia, from 2 s to 4 s", "the whole clip another course"),
        ("make the first half black and white", "for the last 3 seconds"),
    ],
)
def test_times_that_cannot_be_are_refused(prompt: str, reason: str) -> None:
    """A moment without a length, a time that runs backwards, a vague one: each is told in a sentence."""
    assert reason in compile_prompt(prompt).refused[0].reason


@given(st.text(st.sampled_from("0123456789:., -–s秒从到前后最 afirstlongd于giâyđếphút")))
def test_any_text_is_covered_by_its_times_and_tokens(text: str) -> None:
    """Setting times apart raises for no text, keeps the order of the tokens and loses none outside the times."""
    tokens = tokenize(text)

    apart = set_apart(tokens, text)

    assert [token.start for token in apart] == sorted(token.start for token in apart)
    times = [token for token in apart if token.kind == "time"]
    kept = [token for token in tokens if not any(time.start <= token.start < time.end for time in times)]
    assert [token for token in apart if token.kind != "time"] == kept
