"""`refilm effects`: all operators, with what each takes and what to say for it."""

from __future__ import annotations

import contextlib
import json
import sys

import pytest

from refilm.cli import main
from refilm.cli.effects import words_for
from refilm.engines.effects.compiler import compile_prompt
from refilm.engines.effects.operators import OPERATORS

#: How a phrase is said where it is not enough alone: what a colour colours, which words are written.
SAID = {
    "tint": {"en": "a {} tint", "vi": "tông {}", "zh": "{}调", "es": "un tinte {}"},
    "text": dict.fromkeys(("en", "vi", "zh", "es"), '{} "Hello"'),
}


@pytest.fixture
def listed(monkeypatch, capsys):
    """listed("--json") -> what `refilm effects --json` prints on standard output; nothing else may be printed."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["refilm", "effects", *arguments])
        with contextlib.suppress(SystemExit):
            main()
        told = capsys.readouterr()
        assert told.err == ""
        return told.out

    return run


def test_every_operator_is_listed_for_people(listed):
    """Each operator is a paragraph: name, stage, title, and every parameter with default, range and meaning."""
    paragraphs = {text.split()[0]: text for text in listed().split("\n\n")}

    assert list(paragraphs) == list(OPERATORS)
    for name, operator in OPERATORS.items():
        spec, text = operator.spec, paragraphs[name]
        assert f"({spec.stage}) {spec.title}" in text
        for key, parameter in spec.parameters.items():
            assert f"  {key} = {parameter.default}, " in text
            assert parameter.meaning in text


def test_json_is_complete(listed):
    """--json carries every operator with a range or choices for each parameter, and the default inside it."""
    operators = json.loads(listed("--json"))

    assert [each["name"] for each in operators] == list(OPERATORS)
    for each in operators:
        assert set(each["parameters"]) == set(OPERATORS[each["name"]].spec.parameters)
        for parameter in each["parameters"].values():
            assert parameter["meaning"]
            if "choices" in parameter:
                assert parameter["default"] in parameter["choices"]
            elif "longest" in parameter:
                assert 1 <= len(parameter["default"]) <= parameter["longest"]
            else:
                assert parameter["minimum"] <= parameter["default"] <= parameter["maximum"]


def test_words_in_all_languages(listed):
    """What people can ask for by name, they can ask for in English, Vietnamese, Chinese and Spanish."""
    words = {each["name"]: each["words"] for each in json.loads(listed("--json"))}

    called = {name for name in words if words[name]}

    # These two follow from a reference picture, not from a name.
    assert set(OPERATORS) - called <= {"color_transfer", "patch_style"}
    assert all(set(words[name]) == {"en", "vi", "zh", "es"} for name in called)


@pytest.mark.parametrize("name", sorted(set(OPERATORS) - {"color_transfer", "patch_style"}))
def test_the_words_do_call_the_operator(name):
    """A phrase of each language, typed as a prompt, is this operator and nothing else, less of it where it says so."""
    for less in (False, True):
        for language, phrases in words_for(name, less=less).items():
            steps = compile_prompt(SAID.get(name, {}).get(language, "{}").format(phrases[0])).steps

            assert [step.operator for step in steps] == [name], (language, phrases[0])
            if less:
                assert any(float(value) < 0 for value in steps[0].parameters.values())
