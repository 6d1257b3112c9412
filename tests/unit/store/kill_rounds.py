"""Inserts tasks in a child process, kills it with SIGKILL in the middle, again and again; prints what was acknowledged.

Run as `python kill_rounds.py DATABASE ROUNDS`. Prints one JSON list of ids for each round.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from refilm.domain.edit import EditRequest, Model
from refilm.domain.task import Task, TaskStatus
from refilm.store.sqlite import SqliteStore

#: Inserts under way at once: enough to make commits that hold several.
IN_FLIGHT = 8


def insert_for_ever(path: Path, label: int, told: int) -> None:
    """Insert task after task; write an id to the descriptor `told` once its insert is acknowledged."""
    store = SqliteStore(path)
    pending = []
    for number in range(1_000_000):
        task_id = f"{label}-{number}"
        request = EditRequest(Model.GEN4_ALEPH, "asset:x", "make it warm")
        task = Task(task_id, "ann", request, TaskStatus.PENDING, datetime.now(UTC), "effects")
        pending.append((task_id, store.insert_task(task)))
        if len(pending) == IN_FLIGHT:
            for done_id, future in pending:
                future.result()
                os.write(told, f"{done_id}\n".encode())
            pending.clear()


def killed_round(path: Path, label: int) -> list[str]:
    """The ids that one child acknowledged before it was killed."""
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(heard)
        try:
            insert_for_ever(path, label, told)
        finally:
            os._exit(1)
    os.close(told)
    with os.fdopen(heard, "rb") as acknowledged:
        first = acknowledged.readline()
        time.sleep(random.uniform(0, 0.08))
        os.kill(child, signal.SIGKILL)
        rest = acknowledged.read()
    os.waitpid(child, 0)
    # A line that was cut off by the kill was not acknowledged.
    return (first + rest).decode().rpartition("\n")[0].split("\n")


def main() -> None:
    """Every round on the same file."""
    path, rounds = Path(sys.argv[1]), int(sys.argv[2])
    for label in range(rounds):
        print(json.dumps(killed_round(path, label)), flush=True)


if __name__ == "__main__":
    main()
