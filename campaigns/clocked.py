"""`refilm` with a wall clock that steps: it is off by as many seconds as a file says, read again at every look.

    REFILM_CAMPAIGN_CLOCK=FILE python campaigns/clocked.py serve --data DIR ...

Monotonic clocks and sleeps stay true, as they do where an operator or NTP sets a machine's clock. libfaketime 0.9.10
would be the honest tool, but with true monotonic clocks it breaks Python's sleep (clock_nanosleep answers EINVAL).
"""

from __future__ import annotations

import datetime
import os
import sys
import time
from pathlib import Path
from typing import Any

true_time, true_time_ns, TrueDatetime = time.time, time.time_ns, datetime.datetime


class Offset:
    """The seconds in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last = 0

    def __call__(self) -> int:
        """As of now; the last good number while the file is being written."""
        try:
            self._last = int(self._file.read_text())
        except (OSError, ValueError):
            return self._last
        return self._last


offset = Offset(Path(os.environ.pop("REFILM_CAMPAIGN_CLOCK", "/dev/null")))


class _LooksTrue(type):
    """Every true datetime is an instance of the stepping one, so that nobody's isinstance notices."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TrueDatetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, TrueDatetime)


class SteppingDatetime(TrueDatetime, metaclass=_LooksTrue):
    """datetime whose now() steps; what it returns are true datetimes."""

    def __new__(cls, *values: Any, **named: Any) -> Any:
        return TrueDatetime(*values, **named)

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return TrueDatetime.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return TrueDatetime.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)


def main() -> None:
    time.time = lambda: true_time() + offset()
    time.time_ns = lambda: true_time_ns() + offset() * 1_000_000_000
    datetime.datetime = SteppingDatetime  # type: ignore[misc]
    from refilm.cli import main as refilm

    sys.argv = ["refilm", *sys.argv[1:]]
    refilm()


if __name__ == "__main__":
    main()
