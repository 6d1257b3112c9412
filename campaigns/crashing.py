"""`refilm`, armed: the process kills itself (SIGKILL) when it comes by a named point for the so-manieth time.

    python campaigns/crashing.py POINT COUNT serve --data DIR ...

A point is a function of the product and "before" or "after" it; the product itself knows nothing of this.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

#: Where a crash could tear two things apart: between rows and files, a commit and its answer, a step and its record.
FUNCTIONS = (
    "refilm.service:Service._accepted",
    "refilm.service:Service._add",
    "refilm.service:Service._stored",
    "refilm.service:Service._delete",
    "refilm.service:Service._remove",
    "refilm.service:Service._clean",
    "refilm.service:Service.start",
    "refilm.service:Service.succeed",
    "refilm.service:Service.fail",
    "refilm.intake:Intake._write",
    "refilm.uploads:Uploads._probed",
    "refilm.uploads:Uploads._keep",
    "refilm.admission:Admission.promote",
    "refilm.queue:Queue.enqueue",
    "refilm.workflow:Workflow.run",
    "refilm.workflow:Workflow.fetch",
    "refilm.workflow:Workflow.check",
    "refilm.workflow:Workflow.interpret",
    "refilm.workflow:Workflow.edit",
    "refilm.runner.process:Runner.edit",
    "refilm.store.tasks:TaskRows.admit",
    "refilm.store.tasks:TaskRows.finish",
    "refilm.store.tasks:TaskRows.hide",
    "refilm.assets.local:LocalAssets._publish",
    "refilm.assets.local:LocalAssets.delete",
)

POINTS = tuple(f"{when} {function.partition(':')[2]}" for function in FUNCTIONS for when in ("before", "after"))


class Trigger:
    """Ends the process when it was pulled so many times."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._lock = threading.Lock()

    def pull(self) -> None:
        """Once more."""
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str, count: int) -> None:
    """Put a trigger at a point. Raises ValueError where there is no such point."""
    when, _, name = point.partition(" ")
    function = next((function for function in FUNCTIONS if function.endswith(f":{name}")), None)
    if function is None or when not in ("before", "after"):
        raise ValueError(f"there is no point {point!r}")
    module, _, path = function.partition(":")
    owner_name, _, method = path.partition(".")
    owner = getattr(importlib.import_module(module), owner_name)
    setattr(owner, method, armed(getattr(owner, method), when, Trigger(count)))


def armed(work: Callable[..., Any], when: str, trigger: Trigger) -> Callable[..., Any]:
    """`work` with the trigger before or after it; after a failed call the trigger is left alone."""
    if inspect.iscoroutinefunction(work):

        @functools.wraps(work)
        async def waiting(*arguments: Any, **named: Any) -> Any:
            if when == "before":
                trigger.pull()
            result = await work(*arguments, **named)
            if when == "after":
                trigger.pull()
            return result

        return waiting

    @functools.wraps(work)
    def plain(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            trigger.pull()
        result = work(*arguments, **named)
        if when == "after":
            trigger.pull()
        return result

    return plain


def main() -> None:
    point, count, *arguments = sys.argv[1:]
    arm(point, int(count))
    from refilm.cli import main as refilm

    sys.argv = ["refilm", *arguments]
    refilm()


if __name__ == "__main__":
    main()
