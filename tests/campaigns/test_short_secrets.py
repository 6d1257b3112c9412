"""R15 in short: planted secrets are looked for in everything that a server tells; and that the search finds them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from planted import Kind, Planted
from r15_secrets import Found, Trial, Wishes, run, search_log


@pytest.mark.slow
def test_nothing_tells_a_secret(tmp_path: Path):
    """More than forty secrets, all endpoints, all failures, and none in logs, answers, commands or rows."""
    found = run(Wishes("postgres", 3, tmp_path, forms=("json",), commands=False, keys=("key",)))

    assert found.wrong == []
    assert found.secrets >= 40
    assert {400, 401, 403, 404, 405, 413, 416, 429, 500, 503} <= found.statuses
    assert {"INTERNAL", "ASSET.INVALID", "INPUT_PREPROCESSING.UNSUPPORTED", "SUCCEEDED"} <= found.tasks


def test_a_leak_is_noticed(tmp_path: Path):
    """A prompt or a password in a log is named with its line, and a log in which nothing happened proves nothing."""
    happened = "request_failed\ntask started\nattempt broke off\n"
    trial = Trial(Wishes("sqlite", 4, tmp_path), tmp_path, "text", {}, None, Found())
    prompt, password = trial.planted.content("a prompt"), trial.planted.credential("a password")

    search_log(happened.encode(), trial)
    assert trial.found.wrong == []
    search_log(f"{happened}{prompt} came\nopened with {password}\n".encode(), trial)
    search_log(b"nothing", trial)

    assert len(trial.found.wrong) == 5
    assert trial.found.wrong[0].endswith(f"log tells the a prompt: b'{prompt} came'")
    assert "the a password" in trial.found.wrong[1]
    assert all("proves nothing" in fault for fault in trial.found.wrong[2:])


def test_a_secret_is_found_in_every_spelling():
    """As it is, quoted, and in base64, alone as within a longer text."""
    planted = Planted(1)
    word = planted.credential("a/word", "pa/ss ")
    planted.content("other")

    for text in (word, "pa/ss%20" + word[6:], *(_coded(before + word + "end") for before in ("", "a", "ab", "abc"))):
        assert [each.name for each in planted.found_in(f"x{text}x".encode())] == ["a/word"], text
    assert not list(planted.found_in(word.encode(), [Kind.CONTENT]))
    assert not list(planted.found_in(word[1:].encode()))


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
