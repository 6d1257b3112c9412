"""What a campaign left, held against what clients were told: the one verdict of every campaign.

Looks into the rows and the files themselves, with the servers stopped, so that no server speaks for itself.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from traffic import TERMINAL

from refilm.assets.base import Assets
from refilm.retention import Keep, Sweeper
from refilm.store.base import Store
from refilm.store.tables import tasks

#: How long the servers may take to finish what was accepted, once nobody disturbs them any more.
SETTLE_SECONDS = 120.0


@dataclass
class Verdict:
    """What went wrong, by kind; nothing in any of them is a pass."""

    accepted: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)

    def passed(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.stuck or self.changed or self.wrong or self.orphans)

    def line(self, name: str, told: str) -> str:
        """The one line that a campaign prints."""
        kinds = ("lost", "doubled", "stuck", "changed", "wrong", "orphans")
        counts = ", ".join(f"{len(getattr(self, kind))} {kind}" for kind in kinds)
        ends = ", ".join(f"{count} {status}" for status, count in sorted(self.ends.items()))
        verdict = "PASS" if self.passed() else "FAIL"
        return f"{name}: {verdict}  {self.accepted} accepted ({ends}); {counts}; {told}"

    def details(self) -> list[str]:
        """A few examples of each thing that went wrong."""
        kinds = ("lost", "doubled", "stuck", "changed", "wrong", "orphans")
        return [f"  {kind}: {example}" for kind in kinds for example in getattr(self, kind)[:10]]


def end_of(name: str, verdict: Verdict, told: str, data: Path, *, keep: bool) -> int:
    """Print the verdict, remove the folder of a pass unless it shall be kept, and return the exit code."""
    print(verdict.line(name, told))
    print("\n".join(verdict.details()))
    if verdict.passed() and not keep:
        shutil.rmtree(data)
    return 0 if verdict.passed() else 1


def wait_until_settled(store: Store, seconds: float = SETTLE_SECONDS) -> None:
    """Until no task is unfinished, or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and unfinished(store):
        time.sleep(0.5)


def unfinished(store: Store) -> int:
    """How many tasks are not finished."""
    asked = sa.select(sa.func.count()).select_from(tasks).where(tasks.c.finished_at.is_(None))
    return int(store.read(lambda tx: tx.connection.execute(asked).scalar_one()))


def judge(store: Store, assets: Assets, told: Mapping[str, str], seen: Mapping[str, str]) -> Verdict:
    """Hold rows and files against what clients were told.

    told: task ids by the name of the create.  seen: the terminal status that a client saw, by task id.
    The servers are stopped: whatever is still at work now will stay so.
    """
    rows = store.read(
        lambda tx: {row.id: row for row in tx.connection.execute(sa.select(tasks).order_by(tasks.c.created_at))}
    )
    verdict = Verdict(accepted=len(told), ends=dict(Counter(row.status for row in rows.values())))
    verdict.lost = sorted(set(told.values()) - set(rows))
    verdict.doubled = sorted(set(rows) - set(told.values()))
    names = Counter(told.values())
    verdict.doubled += sorted(f"{task_id}: two creates" for task_id, count in names.items() if count > 1)
    verdict.stuck = sorted(task_id for task_id, row in rows.items() if row.status not in TERMINAL)
    for task_id, status in seen.items():
        if task_id in rows and rows[task_id].status != status:
            verdict.changed.append(f"{task_id}: {status} then {rows[task_id].status}")
    sweep_orphans(store, assets)
    _judge_outputs(verdict, store, assets)
    verdict.orphans += sorted(assets.keys("inputs"))
    return verdict


def _judge_outputs(verdict: Verdict, store: Store, assets: Assets) -> None:
    """Every SUCCEEDED task has exactly the output that it names, and no other task has any."""
    deleted = set(
        store.read(
            lambda tx: (
                tx.connection.execute(sa.select(tasks.c.id).where(tasks.c.deleted_at.is_not(None))).scalars().all()
            )
        )
    )
    named = {
        row.id: store.read(lambda tx, row=row: tx.tasks.remains(row.id))
        for row in store.read(lambda tx: tx.connection.execute(sa.select(tasks.c.id)).all())
    }
    kept = Counter(key.split("/")[1] for key in assets.keys("outputs"))
    for task_id, task in named.items():
        assert task is not None
        wanted = 1 if task.status == "SUCCEEDED" and task_id not in deleted else 0
        if len(task.outputs) != wanted or kept[task_id] != wanted:
            verdict.wrong.append(f"{task_id} {task.status}: names {len(task.outputs)}, has {kept[task_id]} outputs")
        elif wanted and not assets.exists(task.outputs[0]):
            verdict.wrong.append(f"{task_id}: its output {task.outputs[0]} is gone")
        if task.attempt > 3:
            verdict.wrong.append(f"{task_id}: {task.attempt} attempts")
    verdict.orphans += sorted(task_id for task_id in kept if task_id not in named)


def sweep_orphans(store: Store, assets: Assets) -> None:
    """What a server does by the hour: remove files that no row names, at second sight."""
    sweeper = Sweeper(store, assets, _forget, Keep(), lambda: datetime.now(UTC))
    for _ in range(2):
        sweeper.sweep_orphans()


def _forget(_task_ids: Collection[str]) -> None:
    """The durable queue is not running."""


def check_sqlite(data: Path) -> list[str]:
    """What SQLite itself finds wrong with its file."""
    with closing(sqlite3.connect(data / "refilm.sqlite")) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    return [] if found == ["ok"] else found
