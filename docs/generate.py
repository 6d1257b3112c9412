"""Writes the reference pages that follow from the code: settings, commands, operators, and the tables of failures.

    python docs/generate.py            writes docs/reference/{settings,commands,operators,failures}.md
    python docs/generate.py --check    writes nothing; exit status 1 and the names of pages that are out of date

`tests/docs` runs the check. Of failures.md the tables are made, between their marks; the rest is written by hand, as
are the other pages.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from enum import EnumType
from pathlib import Path
from typing import Any, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic_core import to_json

from refilm.api.refusals import REFUSALS
from refilm.cli import app
from refilm.config import Settings
from refilm.domain.failures import CAUSES
from refilm.engines.effects.language.lexicon import Look, lexicon, read_table
from refilm.engines.effects.operator import OperatorSpec, Parameter
from refilm.engines.effects.operators import DRAWING, OPERATORS
from refilm.engines.effects.plan import STAGES

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/generate.py from the code; edit the code and run it again. -->"

#: The setting that begins each group, and the group's heading.
SETTING_GROUPS = {
    "host": "Where the server lives",
    "trusted_proxies": "The front door",
    "engine": "Engines",
    "embedding_model": "Interpreters of prompts",
    "workers": "How much runs at once",
    "max_body_bytes": "What comes in",
    "output_url_seconds": "What goes out",
    "prices": "Prices",
    "log_format": "Logs",
}
LANGUAGES = {"en": "English", "es": "Spanish", "vi": "Vietnamese", "zh": "Chinese"}
#: Phrases shown of each look, by language; the lexicon knows many more.
PHRASES_SHOWN = {"en": 3, "es": 1, "vi": 1, "zh": 1}
COSTS = {"S": "about 2 ms", "M": "about 10 ms", "L": "about 35 ms", "XL": "more"}


def main() -> None:
    """Write the pages, or with --check only compare them."""
    stale = [name for name, text in pages().items() if current(name) != text]
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"docs/reference/{name} is out of date: run `python docs/generate.py`", file=sys.stderr)
        sys.exit(bool(stale))
    for name in stale:
        (REFERENCE / name).write_text(pages()[name], encoding="utf-8")
        print(f"wrote docs/reference/{name}")


def current(name: str) -> str | None:
    """The page as it lies in the folder, or None."""
    path = REFERENCE / name
    return path.read_text(encoding="utf-8") if path.exists() else None


def pages() -> dict[str, str]:
    """Every generated page by file name."""
    made = {"settings.md": settings_page(), "commands.md": commands_page(), "operators.md": operators_page()}
    whole = {name: "\n".join([MADE, "", *lines]).rstrip() + "\n" for name, lines in made.items()}
    tables = {"tasks": task_failures(), "requests": refusals()}
    return {**whole, "failures.md": with_tables(current("failures.md") or "", tables)}


def with_tables(page: str, tables: Mapping[str, list[str]]) -> str:
    """The page with these tables between the marks that name them."""
    for name, lines in tables.items():
        marks = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        text = "\n".join(["", *lines, "", ""])
        page, found = marks.subn(lambda mark, text=text: mark[1] + text + mark[2], page)
        if found != 1:
            raise SystemExit(f"failures.md must have the marks of {name!r} once")
    return page


def row(*cells: str) -> str:
    """A row of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def table(*heads: str) -> list[str]:
    """The two lines that begin a table."""
    return [row(*heads), row(*("---" for _ in heads))]


# failures


def task_failures() -> list[str]:
    """Every way in which a task fails."""
    rows = [
        row(f"`{each.code}`", f"`{each.raised.__name__}`", each.cause, yes_or_no(each.retried), "yes", each.advice)
        for each in CAUSES
    ]
    return [*table("`failureCode`", "Raised as", "Cause", "Tried again", "Refunded", "What to do"), *rows]


def yes_or_no(so: bool) -> str:
    """In a word."""
    return "yes" if so else "no"


def refusals() -> list[str]:
    """Every way in which a request is refused."""
    rows = [row(str(each.status), f"`{each.raised.__name__}`", each.cause, each.advice) for each in REFUSALS]
    return [*table("Status", "Raised as", "Cause", "What to do"), *rows]


# settings


def settings_page() -> list[str]:
    """Every setting with its values, default and meaning."""
    lines = [
        "# Settings",
        "",
        "Every setting is an environment variable `REFILM_<NAME>`, read once, when a command starts. An option of the",
        "command line (`--port`, `--data`, ...) beats the variable. A value that cannot be used stops the start with a",
        "line that names it. [Run a server](../howto/run-a-server.md) shows the common ones at work.",
    ]
    for name, field in Settings.model_fields.items():
        if name in SETTING_GROUPS:
            lines += ["", f"## {SETTING_GROUPS[name]}", "", *table("Variable", "Values", "Default", "Meaning")]
        lines.append(
            row(f"`REFILM_{name.upper()}`", values_of(field), default_of(name, field), field.description or "")
        )
    return lines


def values_of(field: Any) -> str:
    """What a setting takes, in words."""
    patterns = [item.pattern for item in field.metadata if getattr(item, "pattern", None)]
    if patterns:
        return " or ".join(f"`{word}`" for word in patterns[0].strip("^$()").split("|"))
    return kind_of(field.annotation) + bounds_of(field.metadata)


def kind_of(annotation: Any) -> str:
    """The kind of value that an annotation means, the optional ones included."""
    text = str(annotation)
    if annotation is bool:
        return "`true` or `false`"
    if get_origin(annotation) is dict:
        return "JSON object"
    for part in get_args(annotation):
        if isinstance(part, EnumType):
            return " or ".join(f"`{choice}`" for choice in part)
    if "Secret" in text:
        return "secret text"
    kinds = (("tuple", "list"), ("Path", "path"), ("float", "number"), ("int", "whole number"), ("str", "text"))
    return next(word for part, word in kinds if part in text)


def bounds_of(metadata: list[Any]) -> str:
    """The range of a number, where it has one."""
    said = [f"at least {item.ge}" for item in metadata if isinstance(item, Ge)]
    said += [f"more than {item.gt}" for item in metadata if isinstance(item, Gt)]
    said += [f"at most {item.le}" for item in metadata if isinstance(item, Le)]
    return f", {', '.join(said)}" if said else ""


def default_of(name: str, field: Any) -> str:
    """The default as one would write it in the environment."""
    value = field.get_default(call_default_factory=True)
    if name == "data":
        return f"`~/{value.relative_to(Path.home())}`"
    if value is None:
        return "unset"
    if value in ((), {}):
        return "none"
    if isinstance(value, dict):
        return f"`{to_json(value).decode()}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


# commands


def commands_page() -> list[str]:
    """Every command with its arguments and options."""
    from typer.main import get_command

    lines = [
        "# Commands",
        "",
        "`refilm COMMAND --help` says the same. A command ends with exit status 0 when it did its work, with 1 and one",
        "sentence on standard error when it could not, and with 2 where its arguments make no sense. Commands read",
        "the [settings](settings.md) from the environment too.",
    ]
    root = get_command(app)
    lines += ["", *options_of(root)]
    for words, command in commands(root, "refilm"):
        lines += ["", f"## `{words}`", "", command.help or "", "", *options_of(command)]
    return lines


def commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Every command under a group with the words that call it, groups themselves left out."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def options_of(command: Any) -> list[str]:
    """A table of a command's arguments and options, or nothing where there are none."""
    rows = [option_row(each) for each in command.params if each.name != "help"]
    return [*table("Argument or option", "Default", "Meaning"), *rows] if rows else ["No options."]


def option_row(parameter: Any) -> str:
    """One argument or option."""
    if parameter.param_type_name == "argument":
        # An argument's own name is set by `metavar`, else it is that of the function's parameter.
        return row(f"`{(parameter.metavar or parameter.name).strip('{}').upper()}`", "required", parameter.help or "")
    names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
    many = " (may be repeated)" if parameter.multiple else ""
    return row(names, option_default(parameter), f"{parameter.help or ''}{many}")


def option_default(parameter: Any) -> str:
    """The default of an option, as far as it has one of its own."""
    if parameter.required:
        return "required"
    if parameter.default is None or isinstance(parameter.default, bool):
        return "off" if isinstance(parameter.default, bool) else ""
    return f"`{parameter.default}`"


# operators


def operators_page() -> list[str]:
    """Every operator with its parameters and words, the looks made of several, and what is refused."""
    lines = [
        "# Operators of the effects engine",
        "",
        "A prompt is compiled to a plan: operators with parameters. Whatever the order of the words, they work in the",
        f"order of these stages: {', '.join(STAGES)}.",
        "`refilm edit INPUT --prompt TEXT --plan` shows the plan of any prompt.",
        "",
        "The cost is that of one 1280x720 frame on one core:",
        ", ".join(f"{cost} {meaning}" for cost, meaning in COSTS.items()) + ".",
        "*Noisy* results make larger files. The words are examples; `refilm effects --json` prints them all.",
        "",
        "Each picture shows a frame before and after, with the defaults; `make pictures` renders them. Pixel art alone",
        "is shown with larger blocks, so that they are seen at this size. The frame is from *Big Buck Bunny* © 2008",
        "Blender Foundation, [peach.blender.org](https://peach.blender.org), CC BY 3.0, made smaller and edited. The",
        "cat in a corner, where a reference picture is needed, is Chelsea (Stéfan van der Walt, CC0).",
        "[All looks on four kinds of footage](../contact_sheet.jpg): the same clip, and pans over photographs of",
        "Eileen Collins (NASA, public domain), a cup of coffee (Rachel Michetti, CC0) and a rocket (SpaceX, public",
        "domain). Operators that change only a clip's time or shape have nothing to show in one frame, and no picture.",
    ]
    for stage in STAGES:
        specs = [operator.spec for operator in OPERATORS.values() if operator.spec.stage == stage]
        if specs:
            lines += ["", f"## Stage: {stage}"]
        for spec in specs:
            lines += ["", *operator_section(spec)]
    return [*lines, "", *looks_section(), "", *refusals_section()]


def operator_section(spec: OperatorSpec) -> list[str]:
    """What there is to say about one operator."""
    needs = f" Needs: {', '.join(sorted(spec.needs))}." if spec.needs else ""
    lines = [f"### `{spec.name}`: {spec.title}", "", f"{spec.summary} Cost {spec.cost}, {spec.noise}.{needs}", ""]
    if spec.name in DRAWING:
        lines += [f"![{spec.title}: a frame before and after](../pictures/{spec.name}.jpg)", ""]
    rows = [parameter_row(name, parameter) for name, parameter in spec.parameters.items()]
    lines += [*table("Parameter", "Default", "Accepts", "Meaning"), *rows] if rows else ["No parameters."]
    return [*lines, "", f"Words: {'; '.join(words_for(spec.name)) or 'none of its own'}."]


def parameter_row(name: str, parameter: Parameter) -> str:
    """One parameter of an operator."""
    accepts = parameter.accepted
    if parameter.low is not None and parameter.low == parameter.high:
        accepts = f"only {parameter.low:g}"
    return row(f"`{name}`", f"{parameter.default}", accepts, parameter.meaning)


def words_for(operator: str) -> list[str]:
    """Examples of phrases for the looks that are this operator and nothing else, the other direction marked."""
    told = []
    for name, look in lexicon().looks.items():
        if [step.operator for step in look.steps] == [operator]:
            step = look.steps[0]
            other = " (less)" if step.scale < 0 else ""
            hue = f" ({step.parameters['hue']:g} degrees)" if "hue" in step.parameters else ""
            told.append(f"{phrases(name)}{other}{hue}")
    return told


def phrases(look: str) -> str:
    """The first phrases of a look in each language that has some."""
    found = []
    for language, count in PHRASES_SHOWN.items():
        found += read_table(language)["looks"].get(look, [])[:count]
    return ", ".join(f"“{phrase}”" for phrase in dict.fromkeys(found))


def looks_section() -> list[str]:
    """The looks that are several operators at once."""
    lines = ["## Looks made of several operators", "", *table("Words", "Operators", "Understood as")]
    for name, look in lexicon().looks.items():
        if len(look.steps) > 1:
            lines.append(row(phrases(name), ", ".join(ingredients(look)), look.note))
    return lines


def ingredients(look: Look) -> Iterator[str]:
    """The operators of a look; a factor multiplies the default of the main parameter."""
    for step in look.steps:
        factor = f" x {step.scale:g}" if step.scale != 1 else ""
        own: Mapping[str, Any] = step.parameters
        told = f" ({', '.join(f'{name} {value}' for name, value in own.items())})" if own else ""
        yield f"`{step.operator}`{factor}{told}"


def without_gaps(reason: str) -> str:
    """A reason with words in the place of what only a prompt can fill in."""
    return reason.replace("“{clause}”", "another clause").replace(": {characters}", "")


def refusals_section() -> list[str]:
    """What is understood and refused."""
    words = lexicon()
    lines = ["## Understood, and refused", ""]
    lines += ["A prompt with such a clause ends FAILED with `INPUT_PREPROCESSING.UNSUPPORTED`, free of charge.", ""]
    lines += ["Looks of later releases:", ""]
    lines += [f"- {reason.removeprefix('not in this release: ')}" for reason in words.unreleased.values()]
    lines += ["", "Other clauses, by what they ask for, with the reason that the task gives:", ""]
    reasons = {topic: without_gaps(reason) for topic, reason in words.topics.items()}
    return lines + [f"- *{topic.replace('_', ' ')}*: {reason}" for topic, reason in reasons.items()]


if __name__ == "__main__":
    main()
