"""What is logged: one line per event, in two forms, and never a secret."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import structlog
from prometheus_client import generate_latest

from refilm.accounts import new_secret
from refilm.telemetry import configure_logging, metrics_registry

SECRET = new_secret()
DATA_URI = "data:video/mp4;codecs=avc1;base64,AAAAIGZ0eXBpc29t+/8="
LINK = "https://refilm.example/files/outputs/t/1.mp4?expires=1&key_id=k&signature=abc-DEF_123"


@pytest.fixture
def logging_to(capsys):
    """logs = logging_to("json"); logs(): the lines since then. The test run's own logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    ours, hooks = logging.getLogger("refilm"), (sys.excepthook, threading.excepthook, sys.unraisablehook)

    def begin(form: str, level: str = "info", **more) -> Callable[[], str]:
        configure_logging(form, level, **more)
        return lambda: capsys.readouterr().err

    yield begin
    logging.captureWarnings(False)
    ours.setLevel(logging.NOTSET)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
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


def test_prompts_and_urls_are_told_only_where_they_are_wanted(logging_to):
    """The setting shows what tasks are about; secrets are cut out of that, too."""
    for wanted in (False, True):
        logs = logging_to("json", content=wanted)
        structlog.get_logger("refilm.test").info("task started", prompt="a red cat", inputs=[LINK], words=SECRET)

        told = logs()

        assert ("a red cat" in told) is wanted
        assert ("outputs/t/1.mp4" in told) is wanted
        assert ("words" in json.loads(told)) is wanted
        assert "abc-DEF_123" not in told
        assert SECRET not in told


def test_secrets_of_the_settings_are_cut_out_of_anything(logging_to):
    """Of libraries' messages, of exceptions and of fields, whatever they look like there."""
    logs = logging_to("json", known={"correct horse"}, content=True)
    log = logging.getLogger("some.library")
    log.warning("trying correct horse")
    try:
        raise ValueError("correct horse")
    except ValueError:
        log.exception("no")

    assert "correct horse" not in logs()


def test_debug_is_for_our_own_lines(logging_to):
    """Libraries tell at debug level what they send and receive; they are not asked."""
    logs = logging_to("text", level="debug")
    structlog.get_logger("refilm.test").debug("ours")
    logging.getLogger("some.library").debug("theirs")
    logging.getLogger("uvicorn.access").info("GET /?token=1")

    told = logs()

    assert "ours" in told
    assert "theirs" not in told
    assert "token" not in told


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_nobody_catches_is_logged_without_its_words(logging_to):
    """On the main thread, on others, where an object is thrown away: the kind, the place and a name for it."""
    logs = logging_to("json")

    def broken() -> None:
        raise ValueError("a stranger's words")

    for hook in (threading.excepthook, sys.unraisablehook):
        try:
            broken()
        except ValueError as error:
            hook(SimpleNamespace(exc_value=error, thread=None, object=None))
            sys.excepthook(ValueError, error, error.__traceback__)

    lines = [json.loads(line) for line in logs().splitlines()]
    assert len(lines) == 4
    for line in lines:
        assert (line["event"], line["level"]) == ("uncaught", "critical")
        assert line["trace"].endswith("ValueError")
        assert len(line["fault"]) == 12
    assert len({line["fault"] for line in lines}) == 4


def test_metrics_count_tasks_by_status():
    """Prometheus sees each unfinished status, zeros too, counted when it asks."""
    counts = {"PENDING": 3}
    registry = metrics_registry(lambda: counts)
    counts["RUNNING"] = 1

    told = generate_latest(registry).decode()

    assert 'refilm_tasks{status="PENDING"} 3.0' in told
    assert 'refilm_tasks{status="RUNNING"} 1.0' in told
    assert 'refilm_tasks{status="THROTTLED"} 0.0' in told
