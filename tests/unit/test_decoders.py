"""Whether a server starts with the FFmpeg at hand, and what it says about it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from refilm.bootstrap import decoders
from refilm.bootstrap.process import build
from refilm.config import Settings
from refilm.errors import Unavailable
from refilm.media.versions import Build
from refilm.runner.lockdown import Controls, Sandbox

OLD = Build("7.1.3", "")


def judged(monkeypatch: pytest.MonkeyPatch, build: Build, locked: bool = True, **settings: object) -> None:
    monkeypatch.setattr(decoders, "ffmpeg_build", lambda: build)
    monkeypatch.setattr(decoders, "available", lambda: Controls(True, True, True, 7 if locked else 0, locked))
    decoders.judge_ffmpeg(Settings(data=Path("unused"), **settings))  # type: ignore[arg-type]


def test_covered_holes_are_told_and_do_not_stop_the_start(monkeypatch, caplog) -> None:
    """The log names each of them with the control that covers it."""
    with caplog.at_level(logging.INFO):
        judged(monkeypatch, Build("8.1.2", ""), sandbox=Sandbox.REQUIRE)

    assert "CVE-2026-107697" in caplog.text
    assert "containers outside the allow-list are refused unread" in caplog.text
    assert "CVE-2026-8461" not in caplog.text


@pytest.mark.parametrize(("sandbox", "locked"), [(Sandbox.OFF, True), (Sandbox.BEST_EFFORT, False)])
def test_a_hole_that_nothing_covers_stops_the_start(monkeypatch, sandbox, locked) -> None:
    """Switched off, or not to be had on this machine: the sentence names the hole and three ways out."""
    with pytest.raises(Unavailable, match=r"CVE-2026-40962.*-U av.*REFILM_SANDBOX=require.*REFILM_FFMPEG_FIXED=CVE-"):
        judged(monkeypatch, OLD, locked, sandbox=sandbox)


def test_the_lock_or_the_operators_word_covers_it(monkeypatch) -> None:
    """With either of them the same FFmpeg is good enough."""
    judged(monkeypatch, OLD, sandbox=Sandbox.REQUIRE)
    judged(monkeypatch, OLD, sandbox=Sandbox.BEST_EFFORT)
    judged(monkeypatch, OLD, sandbox=Sandbox.OFF, ffmpeg_fixed="CVE-2026-40962")


def test_a_snapshot_is_told_and_used(monkeypatch, caplog) -> None:
    """Nobody can say what it has: the log says that much."""
    judged(monkeypatch, Build("N-118000-gabcdef", ""), sandbox=Sandbox.OFF)

    assert "is no release" in caplog.text


def test_a_server_asks_and_keeps_ffmpeg_out_of_its_process(tmp_path: Path, monkeypatch) -> None:
    """A build is refused before anything is made in the data folder; no build loads PyAV."""
    monkeypatch.setattr(decoders, "ffmpeg_build", lambda: OLD)
    loaded = "av" in sys.modules

    with pytest.raises(Unavailable, match="nothing covers"):
        build(Settings(data=tmp_path / "data", sandbox=Sandbox.OFF))

    assert not (tmp_path / "data").exists()
    assert ("av" in sys.modules) is loaded
