"""The pages themselves: links lead somewhere, code is code, the README's promises hold, nobody's machine shows."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])

#: What a reader sees of the README before scrolling, about.
FIRST_SCREEN_LINES = 30

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MACHINE = re.compile(r"/(?:root|work|home/\w+|Users/\w+|tmp/\w+)/|[A-Z]:\\")

named = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", text))


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", _BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def blocks(path: Path, language: str) -> list[str]:
    return [code for name, code in _BLOCK.findall(path.read_text(encoding="utf-8")) if name == language]


@named
def test_links_lead_somewhere(path: Path) -> None:
    """Each link to a file of ours finds the file, and each link to a heading the heading."""
    broken = []
    for target in _LINK.findall(without_code(path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and anchor not in anchors(there.read_text(encoding="utf-8"))):
            broken.append(target)

    assert not broken


@named
def test_python_blocks_are_python(path: Path) -> None:
    """Each block marked as Python parses."""
    for code in blocks(path, "python"):
        ast.parse(code)


@named
def test_bash_blocks_are_bash(path: Path) -> None:
    """Each block marked as bash parses."""
    for code in blocks(path, "bash"):
        done = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True, timeout=10)
        assert done.returncode == 0, done.stderr


@named
def test_data_blocks_are_data(path: Path) -> None:
    """Each block marked as JSON or TOML parses."""
    for code in blocks(path, "json"):
        json.loads(code)
    for code in blocks(path, "toml"):
        tomllib.loads(code)


def test_node_blocks_are_javascript(tmp_path: Path, need: Callable[[bool, str], None]) -> None:
    """Each block marked as JavaScript parses as a module."""
    need(shutil.which("node") is not None, "Node")

    for number, code in enumerate(code for path in PAGES for code in blocks(path, "js")):
        script = tmp_path / f"{number}.mjs"
        script.write_text(code, encoding="utf-8")
        done = subprocess.run(["node", "--check", script], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr


@named
def test_pages_name_no_machine(path: Path) -> None:
    """No page carries a path from the machine of whoever wrote it."""
    assert not _MACHINE.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "said", ["make demo", "make test", "2026-07-30", "RUNWAYML_BASE_URL=http://127.0.0.1:8000", "docs/before_after.jpg"]
)
def test_first_screen_says(said: str) -> None:
    """Before scrolling: the two commands, why this exists, the one line to change, and the picture."""
    first = "\n".join(README.read_text(encoding="utf-8").splitlines()[:FIRST_SCREEN_LINES])

    assert said in first


def test_readme_says_what_it_is_not() -> None:
    """The README says plainly: not generative, no moderation, not affiliated."""
    text = " ".join(README.read_text(encoding="utf-8").split())

    assert "is not a generative model" in text
    assert "There is no moderation" in text
    assert "not affiliated with Runway or CometAPI" in text


def test_picture_is_light_and_credited() -> None:
    """The before/after picture is a small JPEG, and its maker is named under it."""
    picture = ROOT / "docs" / "before_after.jpg"

    assert picture.read_bytes()[:3] == b"\xff\xd8\xff"
    assert picture.stat().st_size <= 250_000
    after = README.read_text(encoding="utf-8").partition("before_after.jpg")[2][:400]
    assert "Big Buck Bunny" in after
    assert "CC BY 3.0" in after


def tree() -> list[str]:
    """The paths that the README's tree names, from the root of the repository."""
    (listing,) = blocks(README, "text")
    paths, folder = [], ""
    for line in listing.splitlines():
        name = line.split()[0]
        if line.startswith("  "):
            paths.append(folder + name)
        else:
            folder = name
            paths.append(name)
    return paths


def test_tree_names_what_exists() -> None:
    """Each line of the README's tree is a file or folder."""
    assert [path for path in tree() if not (ROOT / path).exists()] == []


def test_tree_is_complete() -> None:
    """What is tracked at the root, and every module of the package's top, has its line in the tree."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=30)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    tops = set()
    for tracked in listing.stdout.splitlines():
        parts = tracked.split("/")
        depth = 3 if tracked.startswith("src/refilm/") else 1
        tops.add("/".join(parts[:depth]) + ("/" if len(parts) > depth else ""))

    shown = set(tree()) | {".ci/", "src/", ".gitignore", "src/refilm/__init__.py", "src/refilm/py.typed"}

    assert tops - shown == set()
