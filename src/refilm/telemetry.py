"""What Refilm tells about itself: one log formatter, and numbers for Prometheus.

Events carry ids, codes and sizes. What must not be seen is cut out in one place, the formatter; `domain.redaction`
says what that is.
"""

from __future__ import annotations

import logging
import secrets
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from refilm.domain.redaction import CONTENT_FIELDS, redacted, told_error

#: Libraries that tell much, and nothing that an operator of Refilm needs.
CHATTY = ("uvicorn.access", "httpx2", "httpcore2", "dbos", "numba", "sqlalchemy", "asyncio")


@dataclass(frozen=True)
class Redaction:
    """The last look at an event before it is written.

    known: secrets of this process, which are cut out wherever they stand.  content: whether prompts, URLs, file names
    and what libraries say may be told.
    """

    known: frozenset[str] = frozenset()
    content: bool = False

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """The event without secrets, and without content where that is not wanted."""
        error = error_in(event.pop("exc_info", None))
        if error is not None:
            event["trace"] = told_error(error, content=self.content)
        event.pop("stack_info", None)
        return {
            name: value if name.startswith("_") else redacted(value, self.known, content=self.content)
            for name, value in event.items()
            if self.content or name not in CONTENT_FIELDS
        }


def error_in(told: Any) -> BaseException | None:
    """The exception that an event came with, however it was handed over."""
    if told is True:
        return sys.exc_info()[1]
    return told[1] if isinstance(told, tuple) else told if isinstance(told, BaseException) else None


def new_fault() -> str:
    """A name for one unforeseen error: in the log beside what is known of it, and all that a client is told."""
    return secrets.token_hex(6)


def configure_logging(form: str, level: str, *, known: Iterable[str] = (), content: bool = False) -> None:
    """Send every log line of this process, ours and the libraries', to standard error. form: "text" or "json".

    known, content: see Redaction. Below "info" only Refilm tells more; libraries might tell anything. What nobody
    catches is logged, too, in the place of Python's own trace.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        Redaction(frozenset(known), content),
    ]
    last = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root, wanted = logging.getLogger(), logging.getLevelNamesMapping()[level.upper()]
    root.handlers[:] = [handler]
    root.setLevel(max(wanted, logging.INFO))
    logging.getLogger("refilm").setLevel(wanted)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    log_what_nobody_catches()


def log_what_nobody_catches() -> None:
    """Let the formatter see what Python would print by itself: uncaught exceptions and warnings."""
    log = structlog.get_logger("refilm")

    def uncaught(error: BaseException | None, where: str) -> None:
        if error is not None and not isinstance(error, KeyboardInterrupt | SystemExit):
            log.critical("uncaught", fault=new_fault(), where=where, exc_info=error)

    sys.excepthook = lambda _kind, error, _at: uncaught(error, "main thread")
    threading.excepthook = lambda told: uncaught(told.exc_value, f"thread {told.thread.name if told.thread else ''}")
    sys.unraisablehook = lambda told: uncaught(told.exc_value, "while something was thrown away")
    logging.captureWarnings(True)


class TaskCounts(Collector):
    """Unfinished tasks by status, counted when they are asked for."""

    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._counts = counts

    def describe(self) -> Iterator[Metric]:
        """What will be collected, so that registering counts nothing."""
        yield GaugeMetricFamily("refilm_tasks", "Unfinished tasks by status.", labels=["status"])

    def collect(self) -> Iterator[Metric]:
        """The numbers of this moment."""
        family = GaugeMetricFamily("refilm_tasks", "Unfinished tasks by status.", labels=["status"])
        counts = self._counts()
        for status in ("PENDING", "THROTTLED", "RUNNING"):
            family.add_metric([status], counts.get(status, 0))
        yield family


def metrics_registry(counts: Callable[[], Mapping[str, int]]) -> CollectorRegistry:
    """A registry of this server's numbers, apart from any other in the process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(TaskCounts(counts))
    return registry
