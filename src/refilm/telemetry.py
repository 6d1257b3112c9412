"""What Refilm tells about itself: one log formatter, and numbers for Prometheus.

Events carry ids, codes and sizes. Prompts, URLs and keys are not logged; what looks like one is cut out all the same.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SECRET = re.compile(r"key_[0-9a-f]{16,}|(?<=Bearer )\S+|(?<=signature=)[^&\s]+|data:[\w/+.;=-]*;base64,[\w+/=%-]+")


def redacted(value: Any) -> Any:
    """A value fit for a log: keys, signatures and data URIs in its text are cut out, however deep they stand."""
    if isinstance(value, str):
        return SECRET.sub("[cut]", value)
    if isinstance(value, Mapping):
        return {name: redacted(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redacted(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float)) else redacted(repr(value))


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last look at an event before it is written."""
    return {name: value if name.startswith("_") else redacted(value) for name, value in event.items()}


def configure_logging(form: str, level: str) -> None:
    """Send every log line of this process, ours and the libraries', to standard error. form: "text" or "json"."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact_event,
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
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("uvicorn.access", "httpx2", "httpcore2", "dbos", "numba"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


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
