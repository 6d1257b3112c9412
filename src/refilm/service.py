"""Every change of a task's state, and every question about tasks. The API, the workflow and the CLI are its callers.

THROTTLED to PENDING is admission's; all else is here. Knows nothing of HTTP, engines and media.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, BinaryIO, TypeVar

from refilm.accounts import Caller
from refilm.admission import Admission
from refilm.assets.base import Assets, filename_of, media_type_of
from refilm.assets.room import Room
from refilm.assets.signing import Signer
from refilm.domain.account import ModelUse, Organization, Tier, Usage, UsedCredits
from refilm.domain.clip import ClipInfo
from refilm.domain.edit import MAX_SEED, EditRequest, Model, ModelLimits, OutputFormat
from refilm.domain.listing import Listing, Page, Place
from refilm.domain.sending import Sending
from refilm.domain.task import MAX_ATTEMPTS, Failure, Task, TaskStatus
from refilm.errors import CapReached, InvalidRequest, Issue, NotFound, OutOfCredits, RefilmError, Unavailable
from refilm.intake import Intake, input_key, inputs_of
from refilm.store.base import Store
from refilm.store.sql import Transaction

T = TypeVar("T")

_NAME_TAKEN = (
    "This Idempotency-Key was sent with another body in the last 24 hours. Send a new key with a new request, or the "
    "same body to hear of the same task."
)

#: Tasks in which one page looks for a text, and how many it reads at a time.
MOST_LOOKED_THROUGH, LOOKED_AT_ONCE = 2_000, 200

#: The longest span that a question about usage may have, as at Runway.
MAX_USAGE_DAYS = 90


@dataclass(frozen=True)
class Terms:
    """What the operator decided about tasks. prices: credits per second of clip, absent means free.

    tier_of: the tier of that name, or that of accounts that were given none.
    max_waiting: tasks of one account that wait to be admitted. None: no cap.
    """

    engine_for: Callable[[Model], str]
    limits_of: Callable[[Model], ModelLimits]
    prices: Mapping[Model, float]
    output_url_seconds: int
    tier_of: Callable[[str | None], Tier] = lambda _: Tier()
    max_waiting: int | None = None

    def credits(self, model: Model, seconds: float) -> int:
        """What `seconds` of clip cost: linear in fractional seconds, rounded up to whole credits."""
        return math.ceil(round(self.prices.get(model, 0.0) * seconds, 6))

    def ceiling(self, model: Model, info: ClipInfo | None) -> int:
        """What a task may cost at most: by the clip's length where it is known, else by the model's maximum."""
        return self.credits(model, float(info.duration) if info else self.limits_of(model).max_seconds)


@dataclass(frozen=True)
class SignedFile:
    """An output, opened for somebody who came with a signed URL."""

    file: BinaryIO
    size: int
    media_type: str
    filename: str


def output_key(task_id: str, attempt: int, output_format: OutputFormat = OutputFormat.MP4) -> str:
    """Where an attempt publishes its output. The attempt is in the key, so two of them never write one asset.

    The suffix says what the file is; nobody who serves it has to look inside.
    """
    return f"outputs/{task_id}/{attempt}{output_format.suffix}"


class Ids:
    """Fresh task ids: UUIDs of version 4.

    Random bytes are asked for by the page: every call to the system for them gives up the interpreter, and getting it
    back from a busy committing thread costs a create more than all else it does.
    """

    PAGE = 4096

    def __init__(self) -> None:
        self._bytes = b""

    def fresh(self) -> str:
        """An id that nobody has had."""
        if len(self._bytes) < 16:
            self._bytes = secrets.token_bytes(self.PAGE)
        drawn, self._bytes = self._bytes[:16], self._bytes[16:]
        return str(uuid.UUID(bytes=drawn, version=4))


class Service:
    """Tasks, from being asked for to being deleted."""

    def __init__(
        self,
        store: Store,
        assets: Assets,
        admission: Admission,
        intake: Intake,
        signer: Signer,
        terms: Terms,
        now: Callable[[], datetime],
        room: Room | None = None,
    ) -> None:
        self._room = room or Room()
        self._store = store
        self._assets = assets
        self._admission = admission
        self._intake = intake
        self._signer = signer
        self._terms = terms
        self._now = now
        self._ids = Ids()
        self._leaving = False

    # asked by clients

    async def submit(self, caller: Caller, request: EditRequest) -> Task:
        """Accept an edit. When this returns, the task survives a power cut. Raises InvalidRequest, StorageFull."""
        task = await self._accepted(caller, request)
        if self._is_limited(caller):
            task = await self._stored(task, self._store.write(lambda tx: self._add(tx, task)))
        else:
            await self._stored(task, self._store.insert_task(task))
        self._wake()
        return task

    async def submit_once(self, caller: Caller, request: EditRequest, sending: Sending) -> tuple[Task, bool]:
        """Accept an edit, or find it accepted: (the task, whether an earlier sending of the same create made it).

        As durable as `submit`. Raises InvalidRequest also where the sending's name stands for another request.
        """
        if sending.may_repeat:
            earlier = await asyncio.wrap_future(self._store.write(lambda tx: self._earlier(tx, caller, sending)))
            if earlier is not None:
                return earlier, True
        task = await self._accepted(caller, request)

        def change(tx: Transaction) -> Task:
            # The same create may have come while this one's inputs were checked.
            earlier = self._earlier(tx, caller, sending)
            if earlier is not None:
                return earlier
            tx.sendings.add(caller.account, task.id, sending, self._now())
            return self._add(tx, task)

        stored = await self._stored(task, self._store.write(change))
        if stored.id != task.id:
            await asyncio.to_thread(self._remove, self._kept_inputs(task))
            return stored, True
        self._wake()
        return stored, False

    def _is_limited(self, caller: Caller) -> bool:
        """Whether a create of this caller must look at what is there already."""
        return caller.counted or self._terms.max_waiting is not None or self._terms.tier_of(caller.tier) != Tier()

    def _add(self, tx: Transaction, task: Task) -> Task:
        """Store a new task if its account may have it, and take what it may cost. Raises CapReached, OutOfCredits."""
        tx.lock(f"account {task.account}")
        account = tx.accounts.get(task.account)
        tier = self._terms.tier_of(account.tier if account else None)
        self._check_caps(tx, task, tier)
        if _is_over(tx, task, tier):
            task = replace(task, status=TaskStatus.THROTTLED)
        if account is not None and account.credits is not None:
            if not tx.accounts.reserve(task.account, task.estimated_credits):
                raise OutOfCredits(
                    f"You do not have enough credits to run this task: it may cost {task.estimated_credits}, and "
                    f"{account.credits} are left. Ask the operator of this server for more."
                )
            task = replace(task, reserved=task.estimated_credits)
        tx.tasks.add(task)
        return task

    def _check_caps(self, tx: Transaction, task: Task, tier: Tier) -> None:
        most, model = self._terms.max_waiting, str(task.request.model)
        if tier.daily is not None:
            made = tx.tasks.generations_since(task.account, self._now() - timedelta(days=1)).get(model, 0)
            if made >= tier.daily:
                raise CapReached(
                    f"You have reached the daily task limit of {tier.daily} for {model}. Try again later.",
                    retry_seconds=3600,
                    soon=False,
                )
        if most is not None and tx.waiting.count_of(task.account, most=most) >= most:
            raise CapReached(
                f"{most} tasks of your account are waiting, and no more may. Try again when some ended.",
                retry_seconds=10,
                soon=True,
            )

    def _earlier(self, tx: Transaction, caller: Caller, sending: Sending) -> Task | None:
        """The task that an earlier sending of this create made, deleted or not."""
        tx.lock(f"sending {caller.account} {sending.name or sending.fingerprint}")
        if sending.name is None:
            task_id = tx.sendings.tried(sending, self._now())
        else:
            found = tx.sendings.named(caller.account, sending.name, self._now())
            if found is not None and found[1] != sending.fingerprint:
                raise InvalidRequest([Issue(("Idempotency-Key",), "custom", _NAME_TAKEN)])
            task_id = found[0] if found else None
        if task_id is None:
            return None
        earlier = tx.tasks.remains(task_id)
        if earlier is None:
            tx.sendings.forget(task_id)
        return earlier

    async def _accepted(self, caller: Caller, request: EditRequest) -> Task:
        """A new task, not yet stored, whose inputs were checked and kept."""
        task_id = self._ids.fresh()
        accepted = await self._intake.accept(caller.account, task_id, request)
        request = accepted.request
        if request.seed is None:
            request = replace(request, seed=secrets.randbelow(MAX_SEED + 1))
        return Task(
            id=task_id,
            account=caller.account,
            request=request,
            status=TaskStatus.PENDING,
            created_at=self._now(),
            engine=self._terms.engine_for(request.model),
            estimated_credits=self._terms.ceiling(request.model, accepted.info),
            priority=caller.priority,
        )

    async def _stored(self, task: Task, writing: Future[T]) -> T:
        """Wait for a new task's commit. Where it fails, nothing of the task is left."""
        try:
            return await asyncio.wrap_future(writing)
        except RefilmError:
            await asyncio.to_thread(self._remove, self._kept_inputs(task))
            raise

    def _wake(self) -> None:
        with contextlib.suppress(Unavailable):  # accepted is accepted: the sweep admits what a wake could not
            self._admission.wake()

    def task(self, caller: Caller, task_id: str) -> Task:
        """A task of the caller. Raises NotFound, for a foreign one too. Blocking, as long as the store is."""
        task = self._store.task(task_id)
        if task is None or task.account != caller.account:
            raise NotFound("Could not find Task")
        return task

    async def look(self, caller: Caller, task_id: str) -> Task:
        """`task`, wherever the rows are. Raises NotFound."""
        if self._store.quick:
            return self.task(caller, task_id)
        return await asyncio.to_thread(self.task, caller, task_id)

    def tasks(self, caller: Caller, listing: Listing) -> Page:
        """One page of the caller's tasks, the newest first. Blocking.

        A text is looked for in a bounded number of tasks: a page may then be short, even empty, and yet have a next.
        """
        found: list[Task] = []
        most = listing.limit + 1 if listing.text is None else LOOKED_AT_ONCE
        after, looked = listing.after, 0
        while looked < MOST_LOOKED_THROUGH:
            rows = self._page(caller, replace(listing, after=after), most)
            for task in rows:
                if listing.matches_text(task):
                    if len(found) == listing.limit:
                        return Page(tuple(found), after)
                    found.append(task)
                after = Place(task.created_at.timestamp(), task.id)
            if len(rows) < most:
                return Page(tuple(found), None)
            looked += len(rows)
        return Page(tuple(found), after)

    def _page(self, caller: Caller, listing: Listing, most: int) -> list[Task]:
        return self._store.read(lambda tx: tx.tasks.page(caller.account, listing, most))

    async def delete(self, caller: Caller, task_id: str) -> None:
        """Cancel a task that is not finished; delete a finished one with its outputs. Raises NotFound."""
        outputs = await asyncio.wrap_future(self._store.write(lambda tx: self._delete(tx, caller, task_id)))
        await asyncio.to_thread(self._remove, outputs)

    def _delete(self, tx: Transaction, caller: Caller, task_id: str) -> tuple[str, ...]:
        task = tx.tasks.get(task_id)
        if task is None or task.account != caller.account:
            raise NotFound("Could not find Task")
        if tx.tasks.cancel(task_id, self._now()):
            tx.accounts.give_back(task.account, task.reserved)
            self._admission.promote(tx, task)
            # While an attempt runs, its inputs are its own to remove.
            return self._kept_inputs(task) if task.attempt == 0 else ()
        tx.tasks.hide(task_id, self._now())
        return task.outputs

    def output_urls(self, task: Task, base_url: str) -> list[str]:
        """Freshly signed URLs of a task's outputs: of the place where they lie, else of ours under `base_url`."""
        seconds = self._terms.output_url_seconds
        return [self._assets.url_for(key, seconds) or self._own_url(key, base_url, seconds) for key in task.outputs]

    def _own_url(self, key: str, base_url: str, seconds: int) -> str:
        path = f"/files/{key}"
        signed = self._signer.sign("GET", path, int(self._now().timestamp()) + seconds)
        return f"{base_url}{path}?" + "&".join(f"{name}={value}" for name, value in signed.items())

    def open_signed(self, key: str, query: Mapping[str, str]) -> SignedFile:
        """The output behind a signed URL. Raises Refused, NotFound. Blocking."""
        self._signer.verify("GET", f"/files/{key}", query, self._now().timestamp())
        size = self._assets.size(key)
        return SignedFile(self._assets.stream(key), size, media_type_of(key), filename_of(key))

    def organization(self, caller: Caller) -> Organization:
        """The caller's standing. Blocking."""
        since = self._now() - timedelta(days=1)
        made, account = self._store.read(
            lambda tx: (tx.tasks.generations_since(caller.account, since), tx.accounts.get(caller.account))
        )
        tier = self._terms.tier_of(account.tier if account else None)
        models = {str(model): ModelUse(made.get(str(model), 0), tier.concurrent, tier.daily) for model in Model}
        return Organization(account.credits if account else None, models)

    def usage(self, caller: Caller, start: date | None, before: date | None) -> Usage:
        """Credits of the caller by day and model, over at most 90 days, by default the last 30. Blocking."""
        before = before or (self._now() + timedelta(days=1)).date()
        start = start or before - timedelta(days=30)
        spent = self._store.read(lambda tx: tx.tasks.credits_between(caller.account, midnight(start), midnight(before)))
        sums: dict[tuple[date, str], int] = {}
        for created_at, model, credits in spent:
            day = datetime.fromtimestamp(created_at, UTC).date()
            sums[day, model] = sums.get((day, model), 0) + credits
        return Usage(start, before, tuple(UsedCredits(day, model, sums[day, model]) for day, model in sorted(sums)))

    def leave(self) -> None:
        """From now on `readiness` says that this process is about to end. It answers everything until it does."""
        self._leaving = True

    def readiness(self) -> dict[str, Any]:
        """Whether tasks can be taken: the database and the place for assets answer, the disk has room. Blocking."""
        checks = {
            "database": _tried(lambda: self._store.read(lambda tx: tx.accounts.count())),
            "assets": _tried(self._assets.check),
        }
        checks["disk"] = "full" if self._room.is_short() else "ok"
        if self._leaving:
            checks["server"] = "draining"
        return {"ready": set(checks.values()) == {"ok"}, "checks": checks, "moderation": "none"}

    def counts(self) -> dict[str, int]:
        """How many unfinished tasks there are in each status. Blocking."""
        return self._store.read(lambda tx: tx.tasks.counts())

    # told by the workflow; blocking, on worker threads

    def start(self, task_id: str) -> Task | None:
        """Begin another attempt. None where there is nothing to do: cancelled, finished or out of attempts."""
        started = self._store.write(lambda tx: tx.tasks.start(task_id, self._now(), MAX_ATTEMPTS)).result()
        if started is None:
            self._put_to_rest(task_id)
        return started

    def start_again(self, task: Task) -> Task | None:
        """Begin the attempt after one of ours that broke off. None where that is not ours to do any more."""
        return self._store.write(
            lambda tx: tx.tasks.start(task.id, self._now(), MAX_ATTEMPTS, after=task.attempt)
        ).result()

    def _put_to_rest(self, task_id: str) -> None:
        """Fail a task whose attempts are used up; remove what a broken-off attempt left of one that is finished."""
        task = self._store.read(lambda tx: tx.tasks.remains(task_id))
        if task is None:
            return
        if task.status is TaskStatus.RUNNING and task.attempt >= MAX_ATTEMPTS:
            broken = f"The edit broke off {task.attempt} times and will not be tried again."
            self.fail(task, Failure(broken, "INTERNAL"), {})
        elif task.status.is_terminal:
            self._clean(task, keep=task.outputs)

    def progress(self, task: Task, fraction: float) -> bool:
        """Note how far the attempt is. False: it is not wanted any more."""
        return self._store.write(lambda tx: tx.tasks.progress(task.id, task.attempt, fraction)).result()

    def hand_back(self, task: Task) -> None:
        """Give up an attempt because the process was told to stop; it does not count."""
        self._store.write(lambda tx: tx.tasks.hand_back(task.id, task.attempt)).result()

    def succeed(self, task: Task, outputs: tuple[str, ...], info: ClipInfo, applied: Mapping[str, Any]) -> bool:
        """RUNNING to SUCCEEDED: outputs, cost and the freed slot in one transaction. False: not wanted any more."""
        credits = min(task.estimated_credits, self._terms.credits(task.request.model, float(info.duration)))

        def change(tx: Transaction) -> bool:
            done = tx.tasks.finish(
                task.id,
                task.attempt,
                TaskStatus.SUCCEEDED,
                at=self._now(),
                credits=credits,
                outputs=outputs,
                applied=applied,
            )
            if done:
                tx.accounts.give_back(task.account, task.reserved - credits if task.reserved else 0)
            self._admission.promote(tx, task)
            return done

        done = self._store.write(change).result()
        self._clean(task, keep=outputs if done else ())
        return done

    def fail(self, task: Task, failure: Failure, applied: Mapping[str, Any]) -> bool:
        """RUNNING to FAILED, free of charge, and the freed slot, in one transaction. False: not wanted any more."""

        def change(tx: Transaction) -> bool:
            done = tx.tasks.finish(
                task.id, task.attempt, TaskStatus.FAILED, at=self._now(), credits=0, failure=failure, applied=applied
            )
            if done:
                tx.accounts.give_back(task.account, task.reserved)
            self._admission.promote(tx, task)
            return done

        done = self._store.write(change).result()
        self._clean(task, keep=())
        return done

    def abandon(self, task: Task) -> bool:
        """Remove what an attempt left of a task that is not wanted any more. False: somebody else is at work on it."""
        return self._clean(task, keep=())

    def _clean(self, task: Task, keep: tuple[str, ...]) -> bool:
        """Remove a finished task's own inputs, and outputs of attempts that were not published.

        A newer attempt of the same task may be at work: then nothing is touched, and the answer is False.
        """
        current = self._store.task(task.id)
        if current is not None and not current.status.is_terminal:
            return False
        published = set(keep) | set(current.outputs if current else ())
        kind = task.request.output.format
        made = {output_key(task.id, attempt, kind) for attempt in range(1, MAX_ATTEMPTS + 1)}
        self._remove((*self._kept_inputs(task), *(made - published)))
        return True

    def _remove(self, keys: Iterable[str]) -> None:
        # What a bucket that is away keeps, no row names: the sweep removes it later.
        with contextlib.suppress(Unavailable):
            for key in keys:
                self._assets.delete(key)

    def _kept_inputs(self, task: Task) -> tuple[str, ...]:
        return tuple(input_key(task.id, item.name) for item in inputs_of(task.request))


def _tried(part: Callable[[], object]) -> str:
    """One line about a part that we need."""
    try:
        part()
    except Exception as error:
        return f"failing: {type(error).__name__}"
    return "ok"


def _is_over(tx: Transaction, task: Task, tier: Tier) -> bool:
    """Whether the account has as many tasks of the model as may be at work: then one more is THROTTLED."""
    if tier.concurrent is None:
        return False
    model = str(task.request.model)
    at_work = tx.waiting.active_of(task.account, model)
    return at_work + tx.waiting.count_of(task.account, model, most=tier.concurrent) >= tier.concurrent


def midnight(day: date) -> datetime:
    """The beginning of a day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
