"""How well prompts are understood, on the development set and on one that nobody tuned to."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from refilm.engines.effects.compiler import compile_prompt
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan

SETS = ("dev_prompts", "held_out_prompts", "dev_looks_prompts", "held_out_looks_prompts")
Case = dict[str, Any]


def cases(name: str, *groups: str) -> list[Case]:
    """The prompts of these groups in a set, as far as the registry has the operators that they want."""
    table = tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))
    found = [case for group in groups for case in table.get(group, [])]
    return [case for case in found if {want.removesuffix("-") for want in case.get("want", ())} <= set(OPERATORS)]


def compiled(case: Case) -> Plan:
    return compile_prompt(case["prompt"], references=case.get("references", 0))


def operators(plan: Plan) -> list[str]:
    """The plan's operators, a minus after those that go the other way."""
    return sorted(step.operator + ("-" if step.parameters.get("amount", 1) < 0 else "") for step in plan.steps)


def exact(case: Case) -> bool:
    plan = compiled(case)
    return operators(plan) == sorted(case["want"]) and not plan.refused


def share(flags: list[bool]) -> float:
    return sum(flags) / len(flags)


@pytest.mark.parametrize("name", SETS)
def test_direct_commands_compile_exactly(name: str) -> None:
    """At least 95 % of direct commands give exactly the operators asked for, and refuse nothing."""
    direct = cases(name, "direct", "multilingual")

    wrong = [case["prompt"] for case in direct if not exact(case)]

    assert len(wrong) <= 0.05 * len(direct), wrong


@pytest.mark.parametrize("name", SETS)
def test_unsupported_prompts_are_refused(name: str) -> None:
    """At least 97 % of prompts that ask for what the engine cannot do have a refused clause."""
    unsupported = cases(name, "unsupported", "multilingual_unsupported")

    missed = [case["prompt"] for case in unsupported if not compiled(case).refused]

    assert len(missed) <= 0.03 * len(unsupported), missed


@pytest.mark.parametrize("name", SETS)
def test_paraphrases_are_understood_rightly_or_not_at_all(name: str) -> None:
    """Where a paraphrase compiles, at least 90 % are right; at least half of them compile."""
    paraphrases = cases(name, "paraphrase")

    accepted = [case for case in paraphrases if not compiled(case).refused]

    assert share([exact(case) for case in accepted]) >= 0.9
    assert len(accepted) >= 0.5 * len(paraphrases)


@pytest.mark.parametrize("name", SETS)
def test_mixed_prompts_keep_what_can_be_done_apart(name: str) -> None:
    """A prompt with a supported and an unsupported clause yields the steps of the one and a reason for the other."""
    for case in cases(name, "mixed"):
        plan = compiled(case)

        assert operators(plan) == sorted(case["want"]), case["prompt"]
        assert plan.refused, case["prompt"]
