"""What is logged: one line per event, in two forms, and never a secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from refilm.accounts import new_secret
from refilm.telemetry import configure_logging, metrics_registry, redacted

SECRET = new_secret()
DATA_URI = "data:video/mp4;codecs=avc1;base64,AAAAIGZ0eXBpc29t+/8="
LINK = "https://refilm.example/files/outputs/t/1.mp4?expires=1&key_id=k&signature=abc-DEF_123"


@pytest.fixture
def logging_to(capsys):
    """logs = logging_to("json"); logs(): the lines since then. The test run's own logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()

    def begin(form: str) -> Callable[[], str]:
        configure_logging(form, "info")
        return lambda: capsys.readouterr().err

    yield begin
    root.handlers[:], root.level = handlers, level
    structlog.configure(**before)


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_reaches_a_log(logging_to, form):
    """Keys, bearer tokens, signatures and data URIs are cut out of fields, nested ones, messages and traces."""
    logs = logging_to(form)
    log = structlog.get_logger("refilm.test")
    library = logging.getLogger("some.library")

    log.info("came", authorization=f"Bearer {SECRET}", url=LINK, body={"videoUri": DATA_URI, "list": [SECRET]})
    log.warning(f"odd key {SECRET}", notes=(f"Bearer opaque-token-1 {LINK}",), error=ValueError(SECRET))
    library.warning("got %s and %s", SECRET, DATA_URI)
    try:
        raise ValueError(f"cannot use {SECRET} with {DATA_URI}")
    except ValueError:
        log.exception("broke", where=LINK)
        library.exception("broke too")

    told = logs()
    assert "came" in told
    assert "broke too" in told
    assert "ValueError" in told
    for secret in (SECRET[4:60], "AAAAIGZ0", "abc-DEF_123", "opaque-token-1"):
        assert secret not in told


def test_json_is_one_object_a_line(logging_to):
    """Each event is one line of JSON with its fields, level, logger and time."""
    logs = logging_to("json")
    structlog.get_logger("refilm.test").info("task ended", task_id="t1", attempt=2, notes=["a\nb"])
    logging.getLogger("library").error("line one\nline two")

    first, second = (json.loads(line) for line in logs().splitlines())

    assert (first["event"], first["task_id"], first["attempt"]) == ("task ended", "t1", 2)
    assert (first["level"], first["logger"], first["notes"]) == ("info", "refilm.test", ["a\nb"])
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["level"]) == ("line one\nline two", "error")


def test_text_shows_event_and_fields(logging_to):
    """A person sees the event's words and its fields, without colours."""
    logs = logging_to("text")
    structlog.get_logger("refilm.test").info("task ended", task_id="t1")
    structlog.get_logger("refilm.test").debug("not told")

    told = logs()

    assert "task ended" in told
    assert "task_id=t1" in told
    assert "\x1b" not in told
    assert "not told" not in told


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=10))
def test_what_is_no_secret_is_left_as_it_is(value):
    """Ordinary values pass unchanged, unless they spell a secret."""
    assert redacted(value) == value or "data:" in repr(value) or "key_" in repr(value) or "=" in repr(value)


def test_metrics_count_tasks_by_status():
    """Prometheus sees each unfinished status, zeros too, counted when it asks."""
    counts = {"PENDING": 3}
    registry = metrics_registry(lambda: counts)
    counts["RUNNING"] = 1

    told = generate_latest(registry).decode()

    assert 'refilm_tasks{status="PENDING"} 3.0' in told
    assert 'refilm_tasks{status="RUNNING"} 1.0' in told
    assert 'refilm_tasks{status="THROTTLED"} 0.0' in told
