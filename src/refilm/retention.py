"""The sweeper: removes what has lived long enough. Tasks that their owner no longer wants kept, expired uploads, files
that no row names, and the memory of creates that nobody can send again.

Each sweep takes bounded bites and may be broken off anywhere: a row goes only after its bytes, and what is left is
taken by the next sweep. Several servers may sweep at once. Knows nothing of HTTP, engines and media.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from refilm.assets.base import STAGING, Assets
from refilm.store.base import Store
from refilm.store.sql import Transaction

logger = structlog.get_logger(__name__)

#: Rows taken at a time, so that no transaction holds up a create.
BITE = 200


@dataclass(frozen=True)
class Keep:
    """How long things are kept. tasks: finished tasks with their outputs, from their end; None for ever.

    records: what is left of a deleted task for the books, from its deletion; None for ever.
    """

    tasks: timedelta | None = None
    records: timedelta | None = None


@dataclass(frozen=True)
class Swept:
    """What one sweep removed."""

    sendings: int = 0
    uploads: int = 0
    tasks: int = 0
    records: int = 0
    orphans: int = 0


class Sweeper:
    """Removes what has lived long enough. Blocking; for a thread of its own."""

    def __init__(
        self,
        store: Store,
        assets: Assets,
        forget: Callable[[Sequence[str]], None],
        keep: Keep,
        now: Callable[[], datetime],
    ) -> None:
        """forget: drops what the durable queue still knows of these tasks."""
        self._store = store
        self._assets = assets
        self._forget = forget
        self._keep = keep
        self._now = now
        self._suspects: frozenset[str] = frozenset()

    def sweep(self) -> Swept:
        """Rows whose time is over, with what belongs to them."""
        swept = Swept(
            sendings=self._store.write(lambda tx: tx.sendings.forget_old(self._now())).result(),
            uploads=self._in_bites(self._expired_uploads),
            tasks=self._in_bites(self._retired_tasks),
            records=self._in_bites(self._old_records),
        )
        if swept != Swept(sendings=swept.sendings):
            logger.info("swept", uploads=swept.uploads, tasks=swept.tasks, records=swept.records)
        return swept

    def sweep_orphans(self) -> Swept:
        """Files that no row names, now and at the last call: what a killed process left.

        A file without a row may belong to a create or an upload that is about to commit; calls must lie further apart
        than any of those takes. Files have no age of ours: no step of the clock makes one look old.
        """
        seen = frozenset(key for prefix in _WANTED for key in self._unwanted(prefix))
        orphans = seen & self._suspects
        for key in orphans:
            self._assets.delete(key)
        self._suspects = seen - orphans
        if orphans:
            logger.info("orphans removed", orphans=len(orphans))
        return Swept(orphans=len(orphans))

    def _in_bites(self, bite: Callable[[], int]) -> int:
        """Repeat a bite until it takes less than it might have."""
        total, taken = 0, BITE
        while taken == BITE:
            taken = bite()
            total += taken
        return total

    def _expired_uploads(self) -> int:
        found = self._store.read(lambda tx: tx.uploads.expired(self._now(), BITE))
        for upload in found:
            for key in {upload.posted_key, upload.key or upload.posted_key}:
                self._assets.delete(key)
        if found:
            self._store.write(lambda tx: tx.uploads.remove([upload.id for upload in found])).result()
        return len(found)

    def _retired_tasks(self) -> int:
        if self._keep.tasks is None:
            return 0
        before = self._now() - self._keep.tasks
        found = self._store.read(lambda tx: tx.tasks.finished_before(before, BITE))
        for task_id, outputs in found:
            # Nobody may be told of an output that is gone: first the row, then the bytes. A crash between leaves
            # orphans, which are swept too.
            self._store.write(partial(self._hide, task_id=task_id)).result()
            for key in outputs:
                self._assets.delete(key)
        return len(found)

    def _hide(self, tx: Transaction, task_id: str) -> bool:
        return tx.tasks.hide(task_id, self._now())

    def _old_records(self) -> int:
        if self._keep.records is None:
            return 0
        before = self._now() - self._keep.records
        found = self._store.read(lambda tx: tx.tasks.deleted_before(before, BITE))
        if found:
            self._forget(found)
            self._store.write(lambda tx: tx.tasks.remove(found)).result()
        return len(found)

    def _unwanted(self, prefix: str) -> Iterator[str]:
        """Keys below `prefix` that no row names."""
        for key in self._assets.keys(prefix):
            owner = key.split("/")[1]
            if not self._store.read(partial(_WANTED[prefix], key=key, owner=owner)):
                yield key


def _input_wanted(tx: Transaction, key: str, owner: str) -> bool:
    task = tx.tasks.remains(owner)
    return task is not None and not task.status.is_terminal


def _output_wanted(tx: Transaction, key: str, owner: str) -> bool:
    task = tx.tasks.remains(owner)
    return task is not None and (key in task.outputs or not task.status.is_terminal)


def _upload_wanted(tx: Transaction, key: str, owner: str) -> bool:
    upload = tx.uploads.get(owner)
    return upload is not None and key == (upload.key or upload.posted_key)


def _never_wanted(tx: Transaction, key: str, owner: str) -> bool:
    return False


#: By the first segment of their keys: whether a row still names a file. The second segment is the row's id.
_WANTED: dict[str, Callable[..., bool]] = {
    "inputs": _input_wanted,
    "outputs": _output_wanted,
    "uploads": _upload_wanted,
    STAGING: _never_wanted,
}
