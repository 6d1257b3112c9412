"""What is installed is what was locked: every file by its hash; and what a release consists of can be told."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")


def locked() -> list[dict[str, Any]]:
    """Every package of the lock file."""
    return list(tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"])


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def exported(*options: str) -> str:
    """What uv makes of the lock file, without asking anybody."""
    command = [UV, "export", "--quiet", "--frozen", "--offline", "--no-emit-project", "--all-extras", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_file_is_locked_by_its_hash() -> None:
    """No package comes from anywhere but the index, and none of its files without a SHA-256."""
    own = [each["name"] for each in locked() if "registry" not in each["source"]]
    files = [(each["name"], file) for each in locked() for file in (*each.get("wheels", ()), each.get("sdist")) if file]

    assert own == ["refilm"]
    assert len(files) > 500
    assert [name for name, file in files if not file["hash"].startswith("sha256:")] == []
    assert {each["name"] for each in locked()} - {name for name, _ in files} == {"refilm"}


def test_the_audit_sees_everything_with_hashes() -> None:
    """What `make audit` hands to pip-audit names every package of the lock, each with hashes."""
    lines = exported("--all-groups").splitlines()
    pinned = [line for line in lines if line and line[0] not in "# "]
    hashed = [number for number, line in enumerate(lines) if line in pinned and "--hash=sha256:" in lines[number + 1]]

    named = {line.partition("==")[0].partition("[")[0] for line in pinned}
    assert len(hashed) == len(pinned)
    assert {each["name"] for each in locked()} - named == {"refilm"}


def test_what_a_release_consists_of_is_told_in_cyclonedx() -> None:
    """`make sbom` names every package that the release depends on, with its address in the index and its hashes."""
    told = json.loads(exported("--no-dev", "--format", "cyclonedx1.5"))
    components = {each["name"]: each for each in told["components"]}

    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.5")
    for need in project()["project"]["dependencies"]:
        name = need.split(";")[0].split(">")[0].split("~")[0].split("=")[0].strip()
        assert components[name]["purl"].startswith(f"pkg:pypi/{name}@")
        hashes = [each["hashes"] for each in components[name]["externalReferences"] if each["type"] == "distribution"]
        assert all(entry[0]["alg"] == "SHA-256" for entry in hashes)
    assert not {"pytest", "mypy", "pip-audit"} & set(components)


@pytest.mark.parametrize("group", ["audit", "bench"])
def test_what_the_tests_do_not_need_is_not_installed_for_them(group: str) -> None:
    """`make test` sets up the group dev alone."""
    assert project()["tool"]["uv"]["default-groups"] == ["dev"]
    assert group in project()["dependency-groups"]
    assert not set(project()["dependency-groups"][group]) & set(project()["dependency-groups"]["dev"])
