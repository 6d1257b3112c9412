"""What is cut out of texts and values, and what is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.domain.redaction import CUT, LONGEST, redacted, said, told_error, without_secrets
from refilm.errors import EngineCrash, InvalidRequest, Issue, Unavailable, UnsupportedEdit

KEY = "key_" + "0123456789abcdef" * 8


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"got {KEY}!", "got [cut]!"),
        ("Authorization: Bearer abc.def-1", "Authorization: [cut]"),
        ("{'authorization': 'Basic dXNlcjpw'}", "{'authorization': '[cut]'}"),
        ("sent with bearer opaque", "sent with bearer [cut]"),
        ("postgresql://refilm:pa%40ss@db.lan/x", "postgresql://[cut]@db.lan/x"),
        ("https://u:p@host/a.mp4?token=1&x=2 failed", "https://[cut]@host/a.mp4?[cut] failed"),
        ("/files/a.mp4?expires=1&signature=abc-DEF_1&key_id=k", "/files/a.mp4?expires=1&signature=[cut]&key_id=k"),
        ('{"s3_secret_key": "abc/+=", "size": 3}', '{"s3_secret_key": "[cut]", "size": 3}'),
        ("password='hunter2'", "password='[cut]'"),
        ("X-Amz-Credential=AKIA/2026&X-Amz-Signature=00ff", "X-Amz-Credential=[cut]&X-Amz-Signature=[cut]"),
        ("sk-abcdefghijklmnopqrst", CUT),
        ("AKIAIOSFODNN7EXAMPLE", CUT),
        ("data:video/mp4;base64,AAAAIGZ0eXA=", CUT),
    ],
)
def test_what_looks_like_a_secret_is_cut_out(text: str, left: str) -> None:
    """Keys, tokens, signatures, passwords and query strings, in URLs, headers, JSON and plain sentences."""
    assert without_secrets(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "task 9f0c0e7e-1f0e-4b44-8a52-0f6a52f2c7a1 ended with ASSET.INVALID",
        "enqueued again: k_0123456789ab",
        "Refilm listens on http://127.0.0.1:8000",
        "keyframes: 3, tokens_per_second 12",
        "a design signed by nobody",
    ],
)
def test_what_does_not_is_left(text: str) -> None:
    """Ids, codes, addresses and words that only resemble names of secrets are what logs are for."""
    assert redacted(text) == text


def test_known_secrets_are_cut_out_wherever_they_stand() -> None:
    """A password of the settings has no look of its own."""
    assert redacted({"a": ["x hunter22 y"]}, {"hunter22"}) == {"a": ["x [cut] y"]}


def test_content_is_cut_out_by_the_fields_name_and_urls_lose_their_path() -> None:
    """Unless it is wanted; secrets are cut out all the same."""
    event = {"prompt": "a cat", "url": "https://h.test/private/cat.mp4?token=1", "uri": "runway://abc", "token": "1"}

    assert redacted(event) == {
        "prompt": CUT,
        "url": "https://h.test/[cut]?[cut]",
        "uri": "runway://[cut]",
        "token": CUT,
    }
    assert redacted(event, content=True) == {
        "prompt": "a cat",
        "url": "https://h.test/private/cat.mp4?[cut]",
        "uri": "runway://abc",
        "token": CUT,
    }


@given(
    value=st.recursive(st.none() | st.booleans() | st.integers() | st.text("ab [](){}'\"\n"), st.lists, max_leaves=10)
)
def test_ordinary_values_pass_unchanged(value: object) -> None:
    """Whatever cannot spell a secret is told as it is."""
    assert redacted(value) == value


@given(text=st.text("-a:/?@=& httpskey_tokn", max_size=400))
def test_cutting_out_twice_is_cutting_out_once(text: str) -> None:
    """A text without secrets has none: what passes two formatters is not eaten up."""
    once = without_secrets(text)

    assert without_secrets(without_secrets(once)) == without_secrets(once)


@pytest.mark.parametrize("part", ["a-", "http://", "token", "://a", "authorization ", "data:", "key_0"])
def test_a_strangers_text_costs_no_time(part: str) -> None:
    """Twenty thousand characters made to be slow are done within the test's patience."""
    once = redacted(part * LONGEST)

    assert redacted(once) == once


def trouble() -> Exception:
    """An exception that arose from another, both with a stranger's words."""
    try:
        try:
            raise OSError(2, "a stranger's words", "a stranger's file")
        except OSError as error:
            raise KeyError("a stranger's words") from error
    except KeyError as error:
        return error


def test_an_exception_is_told_by_place_and_kind() -> None:
    """What it says is told only where that is wanted; of the system's errors the system's own words are."""
    error = trouble()

    told = told_error(error)

    assert "stranger" not in told
    assert told.splitlines()[1] == "FileNotFoundError: No such file or directory"
    assert told.splitlines()[-1] == "KeyError"
    assert "test_redaction.py:" in told
    assert 'KeyError: "a stranger\'s words"' in told_error(error, content=True)


def test_our_own_sentences_are_told_unless_they_quote_a_client() -> None:
    """An operator needs the one; the other is between the client and the server."""
    assert said(Unavailable("The database is away.")) == "Unavailable: The database is away."
    assert said(EngineCrash("It ended.")) == "EngineCrash: It ended."
    assert said(UnsupportedEdit("“a dragon” cannot be drawn.")) == "UnsupportedEdit"
    assert said(InvalidRequest([Issue((), "custom", "“x” is odd.")])) == "InvalidRequest"
