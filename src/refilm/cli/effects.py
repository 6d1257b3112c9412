"""`refilm effects`: what the effects engine can do, and which words ask for it. Reads descriptions, never a pixel."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from refilm.engines.effects.operator import OperatorSpec, Parameter

#: Phrases of each language in the list for people; `--json` has them all.
PHRASES_SHOWN = 4


def effects(as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False) -> None:
    """List the operators of the effects engine: stage, parameters, and the words that call each."""
    from refilm.engines.effects.operators import OPERATORS

    specs = [operator.spec for operator in OPERATORS.values()]
    if as_json:
        typer.echo(json.dumps([description(spec) for spec in specs], indent=2, ensure_ascii=False))
    else:
        typer.echo("\n\n".join("\n".join(lines_of(spec)) for spec in specs))


def description(spec: OperatorSpec) -> dict[str, Any]:
    """An operator as JSON has it: name, title, summary, stage, cost, noise, needs, parameters, words by language."""
    return {
        "name": spec.name,
        "title": spec.title,
        "summary": spec.summary,
        "stage": spec.stage,
        "cost": spec.cost,
        "noise": spec.noise,
        "needs": sorted(spec.needs),
        "parameters": {name: ranged(parameter) for name, parameter in spec.parameters.items()},
        "words": words_for(spec.name),
        "words_for_less": words_for(spec.name, less=True),
    }


def ranged(parameter: Parameter) -> dict[str, Any]:
    """A parameter as JSON has it: its default, what it takes (a range, choices, or text), and its meaning."""
    takes: dict[str, Any] = {"minimum": parameter.low, "maximum": parameter.high}
    if parameter.choices:
        takes = {"choices": list(parameter.choices)}
    elif parameter.longest:
        takes = {"longest": parameter.longest}
    return {"default": parameter.default, **takes, "meaning": parameter.meaning}


def lines_of(spec: OperatorSpec) -> list[str]:
    """An operator for people."""
    lines = [f"{spec.name}  ({spec.stage}) {spec.title}", f"  {spec.summary}"]
    for name, parameter in spec.parameters.items():
        lines.append(f"  {name} = {parameter.default}, {accepted(parameter)}: {parameter.meaning}")
    for heading, less in (("", False), (" (less)", True)):
        for language, phrases in words_for(spec.name, less=less).items():
            more = ", ..." if len(phrases) > PHRASES_SHOWN else ""
            lines.append(f"  {language}{heading}: {', '.join(phrases[:PHRASES_SHOWN])}{more}")
    return lines


def accepted(parameter: Parameter) -> str:
    """What a parameter takes, in words; a range of one number is that number."""
    if parameter.low is not None and parameter.low == parameter.high:
        return f"only {parameter.low:g}"
    return parameter.accepted


def words_for(operator: str, *, less: bool = False) -> dict[str, list[str]]:
    """Each language's phrases that ask for this operator and for no other; with `less`, for less of it.

    Phrases that mean a mixture of several operators are left out, and so is a language without any. Names of colours
    are said with what they colour: "a red tint".
    """
    from refilm.engines.effects.language.lexicon import LANGUAGES, lexicon, read_table

    looks = [
        name
        for name, look in lexicon().looks.items()
        if [step.operator for step in look.steps] == [operator] and (look.steps[0].scale < 0) == less
    ]
    found = {}
    for language in LANGUAGES:
        phrases = read_table(language)["looks"]
        found[language] = list(dict.fromkeys(phrase for look in looks for phrase in phrases.get(look, ())))
    return {language: phrases for language, phrases in found.items() if phrases}
