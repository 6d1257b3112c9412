"""The reference names everything that a user can meet: settings, commands, operators, endpoints, failures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image
from prometheus_client import CollectorRegistry
from typer.main import get_command

from refilm import errors
from refilm.api.app import create_app
from refilm.api.refusals import REFUSALS
from refilm.cli import app as commands_app
from refilm.config import Settings
from refilm.engines.effects.operators import DRAWING, OPERATORS
from refilm.engines.registry import Registry

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def kinds_of(error: type[Exception]) -> Iterator[type[Exception]]:
    """An error class of ours and all below it, without private ones."""
    if error.__module__.startswith("refilm"):
        yield error
    for kind in error.__subclasses__():
        yield from kinds_of(kind)


def test_generated_pages_are_current() -> None:
    """Settings, commands and operators in the reference are those of the code."""
    check = [sys.executable, ROOT / "docs" / "generate.py", "--check"]

    done = subprocess.run(check, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr


def test_every_setting_is_documented() -> None:
    """Each setting stands in the reference by the name of its variable."""
    text = page("settings.md")

    missing = [name for name in Settings.model_fields if f"`REFILM_{name.upper()}`" not in text]

    assert not missing


def test_every_command_and_option_is_documented() -> None:
    """Each command has a section, and each of its options a row in it."""
    sections = dict(part.split("\n", 1) for part in page("commands.md").split("\n## ")[1:])

    missing = []
    for words, command in leaves(get_command(commands_app), "refilm"):
        text = sections.get(f"`{words}`", "")
        options = [
            name for each in command.params if each.name != "help" for name in (*each.opts, *each.secondary_opts)
        ]
        missing += [f"{words} {name}" for name in options if name.startswith("-") and f"`{name}`" not in text]
        missing += [] if text else [words]

    assert not missing


def leaves(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_is_documented(name: str) -> None:
    """Each operator has a section with its stage's heading above it and all of its parameters."""
    spec = OPERATORS[name].spec
    before, _, after = page("operators.md").partition(f"### `{name}`")
    section = after.partition("\n##")[0]

    assert f"## Stage: {spec.stage}" in before
    assert all(f"| `{parameter}` |" in section for parameter in spec.parameters)


@pytest.mark.parametrize("name", DRAWING)
def test_every_operator_has_its_picture(name: str) -> None:
    """Each operator's section shows its picture, a JPEG of at most 60 kB, before against after in one size."""
    section = page("operators.md").partition(f"### `{name}`")[2].partition("\n##")[0]
    path = REFERENCE.parent / "pictures" / f"{name}.jpg"

    assert f"](../pictures/{name}.jpg)" in section
    assert path.stat().st_size <= 60_000
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("JPEG", (902, 252))


def test_pictures_are_light_credited_and_no_more_than_needed() -> None:
    """All pictures together are at most 2.5 MB, the contact sheet 1.2 MB; the page credits them; none is left over."""
    pictures = list((REFERENCE.parent / "pictures").iterdir())

    assert {path.name for path in pictures} == {f"{name}.jpg" for name in DRAWING}
    assert sum(path.stat().st_size for path in pictures) <= 2_500_000
    assert (REFERENCE.parent / "contact_sheet.jpg").stat().st_size <= 1_200_000
    assert all(credit in page("operators.md") for credit in ("Big Buck Bunny", "Blender Foundation", "CC BY 3.0"))


def test_every_failure_code_is_documented() -> None:
    """Each kind of EditFailure stands beside its code in a row of failures.md."""
    rows = [line for line in page("failures.md").splitlines() if line.startswith("|")]

    for kind in kinds_of(errors.EditFailure):
        code = cast(type[errors.EditFailure], kind).failure_code
        assert any(f"`{kind.__name__}`" in row and f"`{code}`" in row for row in rows), kind


def test_every_error_that_has_a_status_is_documented() -> None:
    """Each error that the HTTP edge answers with a status of its own is named beside it."""
    rows = [line for line in page("failures.md").splitlines() if line.startswith("|")]

    missing = [
        (each.raised.__name__, each.status)
        for each in REFUSALS
        if not any(f"`{each.raised.__name__}`" in row and row.startswith(f"| {each.status} ") for row in rows)
    ]

    assert not missing


def described() -> dict[str, dict[str, set[str]]]:
    """Path -> method -> statuses, as the server's own OpenAPI document has them."""
    nobody = cast(Any, None)
    document = create_app(nobody, nobody, nobody, metrics=CollectorRegistry()).openapi()
    return {
        path: {method.upper(): set(operation["responses"]) for method, operation in methods.items()}
        for path, methods in document["paths"].items()
    }


def test_every_endpoint_and_status_is_documented() -> None:
    """Each path stands in a row of api.md with its method and exactly the statuses that it may answer."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page("api.md").partition("## Headers")[0].splitlines()
        if line.startswith("| `")
    ]
    told = {
        (path.strip().strip("`"), method.strip("`")): set(statuses.split())
        for method, paths, _, statuses in rows
        for path in paths.split(",")
    }

    served = {(path, method): statuses for path, methods in described().items() for method, statuses in methods.items()}

    assert {**served, ("/openapi.json", "GET"): {"200"}} == told


def test_every_status_is_explained() -> None:
    """Each refusing status that any endpoint may answer has a row that says why and what then."""
    rows = page("api.md").partition("## Errors")[2].splitlines()
    explained = {line.split("|")[1].strip() for line in rows if line.startswith("| ")}

    answered = {status for methods in described().values() for statuses in methods.values() for status in statuses}

    assert {status for status in answered if status >= "400"} <= explained


def test_every_engine_of_ours_is_documented() -> None:
    """Each engine that this package installs has a section."""
    ours = [info.name for info in Registry().list() if info.origin.startswith("refilm ")]

    assert ours
    assert all(f"## `{name}`" in page("engines.md") for name in ours)
