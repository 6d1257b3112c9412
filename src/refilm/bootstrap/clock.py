"""The clock of everything that is built here. Knows nothing of what it is read for."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from refilm.domain.clock import SteadyClock


def wall() -> datetime:
    """The time by the system's clock."""
    return datetime.now(UTC)


def seconds_awake_or_not() -> float:
    """Seconds that never step, and that pass while the machine sleeps, where the system counts them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


#: The clock of everything that is built here.
now = SteadyClock(wall, seconds_awake_or_not)
