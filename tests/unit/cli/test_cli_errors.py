"""How a command ends that cannot go on: one sentence, and never a secret."""

from __future__ import annotations

import pytest

from refilm import cli
from refilm.errors import Unavailable


def ended(error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints that ends with this error."""

    def app() -> None:
        raise error

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    return capsys.readouterr().err


def test_our_sentences_are_told_without_secrets(monkeypatch, capsys) -> None:
    """A URL that a setting holds may stand in a sentence; its password may not."""
    told = ended(Unavailable("postgresql://refilm:hunter2@db.lan/x is away."), monkeypatch, capsys)

    assert told == "refilm: postgresql://[cut]@db.lan/x is away.\n"


def test_what_nobody_foresaw_is_told_by_place_and_kind(monkeypatch, capsys) -> None:
    """What a library says may be anything."""
    told = ended(LookupError("hunter2"), monkeypatch, capsys)

    assert "Please report this" in told
    assert "test_cli_errors.py:" in told
    assert told.endswith("LookupError\n")
    assert "hunter2" not in told
