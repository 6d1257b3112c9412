"""The audit log: whole lines, appended by whoever has something to note, through rotation and full disks."""

from __future__ import annotations

import json
import logging
import stat
import threading

import pytest

from refilm.audit import AuditLog


@pytest.fixture
def log(tmp_path, clock):
    """A log that has not begun."""
    log = AuditLog(tmp_path / "audit.jsonl", clock)
    yield log
    log.close()


def lines(path):
    """The lines of a log, read."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_line_says_who_what_when(log, tmp_path):
    """Time, event, outcome and details; what is not known is left out; only the owner may read it."""
    assert not (tmp_path / "audit.jsonl").exists()

    log.note("task.create", "ok", account="acc_1", key="k_1", address="192.0.2.1", target="t-1", count=None)

    said = {"account": "acc_1", "key": "k_1", "address": "192.0.2.1", "target": "t-1"}
    at = "2026-11-22T12:00:00.000+00:00"
    assert lines(tmp_path / "audit.jsonl") == [{"at": at, "event": "task.create", "outcome": "ok", **said}]
    assert stat.S_IMODE((tmp_path / "audit.jsonl").stat().st_mode) == 0o600


def test_what_comes_from_outside_stays_on_its_line(log, tmp_path):
    """No target can begin a line of its own."""
    log.note("task.delete", "NotFound", target='x"}\n{"event": "key.create"\u2028')

    assert [line["event"] for line in lines(tmp_path / "audit.jsonl")] == ["task.delete"]


def test_several_append_to_one_file(log, tmp_path, clock):
    """A server's threads and a command beside it: every line is whole, and none is lost."""
    beside = AuditLog(tmp_path / "audit.jsonl", clock)
    writers = [
        threading.Thread(target=lambda own=own: [own.note("e", "ok", target="x" * 200, count=n) for n in range(200)])
        for own in (log, log, beside)
    ]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    beside.close()

    assert sorted(line["count"] for line in lines(tmp_path / "audit.jsonl")) == sorted([*range(200)] * 3)


def test_a_file_that_was_moved_away_is_begun_anew(log, tmp_path):
    """Rotation needs no signal and no restart."""
    log.note("a", "ok")
    (tmp_path / "audit.jsonl").rename(tmp_path / "audit.1")

    log.note("b", "ok")

    assert [line["event"] for line in lines(tmp_path / "audit.1")] == ["a"]
    assert [line["event"] for line in lines(tmp_path / "audit.jsonl")] == ["b"]


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path, clock, caplog):
    """It is said once that lines are lost, and again after it had worked in between."""
    folder = tmp_path / "gone"
    log = AuditLog(folder / "audit.jsonl", clock)

    with caplog.at_level(logging.ERROR):
        log.note("a", "ok")
        log.note("b", "ok")
        assert len(caplog.records) == 1
        folder.mkdir()
        log.note("c", "ok")
        log.close()
        (folder / "audit.jsonl").unlink()
        folder.rmdir()
        log.note("d", "ok")

    assert len(caplog.records) == 2
    assert "audit.jsonl cannot be written" in caplog.text
