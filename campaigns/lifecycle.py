"""The life of tasks as a state machine for hypothesis: the real service against a model that knows only the promises.

Two hosts work on one database, each with its own store and service. Attempts are held in the hand: one can be left
lying, overtaken by a newer one, and then go on as if nothing had happened. What is drawn never depends on the state,
so that a run is told by its seed. The clock moves when a step says so. Knows nothing of HTTP, engines and processes.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from refilm.accounts import Caller
from refilm.admission import Admission
from refilm.assets.fetch import Fetcher, FetchLimits
from refilm.assets.local import LocalAssets
from refilm.assets.signing import Signer
from refilm.config import Settings
from refilm.domain.account import Account, Tier
from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest, Model
from refilm.domain.sending import NAMED_TIME, TRIED_TIME, Sending
from refilm.domain.task import MAX_ATTEMPTS, Failure, Task, TaskStatus, may_become
from refilm.domain.upload import Upload
from refilm.domain.uri import UriLimits
from refilm.errors import CapReached, InvalidRequest, NotFound, OutOfCredits
from refilm.intake import Intake
from refilm.net.policy import Policy
from refilm.retention import Keep, Sweeper
from refilm.service import Service, Terms, output_key
from refilm.store.base import Store
from refilm.store.sql import Transaction
from refilm.store.tables import accounts, metadata, tasks
from refilm.store.tasks import COLUMNS, task_of

T = TypeVar("T")

ANN, BOB, EVE = Caller("ann", "k_ann", counted=True), Caller("bob", "k_bob", priority=1), Caller("eve", "k_eve")
CALLERS = (ANN, BOB)
CREDITS = 300
PRICES = {Model.GEN4_ALEPH: 0.1}
CONCURRENT, WINDOW = 3, 5
MOST_WAITING = 6
KEEP = Keep(tasks=timedelta(days=2), records=timedelta(days=4))
DATA_URI = "data:video/mp4;base64," + base64.b64encode(b"some bytes of a clip").decode()
BEGAN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
#: Whoever stands in line, in the database of the tasks: what the durable engine keeps of its workflows.
LINE = sa.Table(
    "campaign_line",
    sa.MetaData(),
    sa.Column("task_id", sa.Text, primary_key=True),
    sa.Column("done", sa.Boolean, nullable=False),
)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = BEGAN

    def __call__(self) -> datetime:
        return self.at


def enqueue(connection: Any, task_id: str, _pool: str) -> None:
    """Stand in line, in the caller's transaction; the same id again is the same work."""
    text = "INSERT INTO campaign_line (task_id, done) VALUES (:id, :done) ON CONFLICT (task_id) DO NOTHING"
    connection.execute(sa.text(text), {"id": task_id, "done": False})


@dataclass
class Host:
    """One server and worker of those that share the database."""

    store: Store
    service: Service
    admission: Admission
    intake: Intake
    sweeper: Sweeper

    def do(self, change: Callable[[Transaction], T]) -> T:
        """A change of rows, done; behind everything that was handed in before."""
        return self.store.write(change).result(60)


@dataclass(frozen=True)
class Row:
    """What there is to know of a task's row."""

    task: Task
    admitted: bool
    deleted: bool


def is_waiting(row: Row) -> bool:
    """Whether nobody admitted the task yet."""
    return not row.admitted and not row.task.status.is_terminal


@dataclass
class Attempt:
    """A start of a task, in the hand of a worker."""

    host: int
    task: Task


@dataclass
class Sent:
    """A sending that made a task, as a client remembers it."""

    caller: Caller
    body: str
    name: str | None
    tries: set[int]
    at: datetime
    task_id: str


class World:
    """Both hosts, their database and their files; used for one run after the other."""

    def __init__(self, open_store: Callable[[], Store], folder: Path) -> None:
        """open_store: opens the database, as often as it is called; each store with one writing thread."""
        self._open_store = open_store
        self._folder = folder
        self.clock = Clock()
        self.assets = LocalAssets(folder / "assets")
        self._fetcher = Fetcher(Policy(), FetchLimits())
        self._limits = Settings().limits
        self._loop = asyncio.Runner()
        self.racing = ThreadPoolExecutor(2)
        self.hosts = [self._host(open_store()), self._host(open_store())]
        self.hosts[0].do(lambda tx: LINE.create(tx.connection, checkfirst=True))
        self.upload_uris: dict[str, str] = {}
        #: What was done in this world so far.
        self.runs, self.steps, self.tasks = 0, 0, 0

    def _host(self, store: Store) -> Host:
        admission = Admission(
            store, enqueue, lambda _: "cpu", lambda _: {"cpu": WINDOW}, lambda _: Tier(CONCURRENT), self.clock
        )
        intake = Intake(store, self.assets, self._fetcher, self._limits, UriLimits(), self.clock)
        terms = Terms(lambda _: "campaign", self._limits, PRICES, 600, lambda _: Tier(CONCURRENT), MOST_WAITING)
        service = Service(store, self.assets, admission, intake, Signer([("k", b"0" * 16)]), terms, self.clock)
        return Host(store, service, admission, intake, Sweeper(store, self.assets, self._forget, KEEP, self.clock))

    def _forget(self, task_ids: Sequence[str]) -> None:
        self.hosts[0].do(lambda tx: tx.connection.execute(LINE.delete().where(LINE.c.task_id.in_(task_ids))))

    def clear(self) -> None:
        """Nothing is left of the last run; two accounts, each with an upload of ten seconds."""
        self.runs += 1
        self.clock.at = BEGAN
        for key in [key for prefix in ("inputs", "outputs", "uploads") for key in self.assets.keys(prefix)]:
            self.assets.delete(key)
        self.hosts[0].do(self._clear_rows)
        self.hosts = [self._host(host.store) for host in self.hosts]

    def _clear_rows(self, tx: Transaction) -> None:
        tx.connection.execute(LINE.delete())
        for table in reversed(metadata.sorted_tables):
            tx.connection.execute(table.delete())
        for caller in CALLERS:
            tx.accounts.add(Account(caller.account, caller.account, BEGAN))
            token = f"upload-{caller.account}"
            upload = Upload(token, caller.account, "clip.mp4", BEGAN, BEGAN + timedelta(days=100))
            tx.uploads.insert(upload)
            tx.uploads.complete(
                token, key=f"uploads/{token}", size=9, kind="video", facts=facts(10).to_json(), problem=None
            )
            self.upload_uris[caller.account] = upload.uri
        tx.accounts.set_credits(ANN.account, CREDITS)

    def restart(self, number: int) -> None:
        """A host is gone at once, with all that it had in its memory, and another one comes in its place."""
        self.hosts[number].store.close()
        self.hosts[number] = self._host(self._open_store())

    def wait_for(self, coroutine: Any) -> Any:
        """The result of what is awaited."""
        return self._loop.run(coroutine)

    def settle(self) -> None:
        """Until what was handed in is written: a create wakes admission and does not wait for it."""
        for host in self.hosts:
            host.do(lambda tx: None)

    def snapshot(self) -> tuple[dict[str, Row], dict[str, bool], dict[str, int | None]]:
        """All tasks, who stands in line and whether it is done, and the credits left, of one moment."""

        def question(tx: Transaction) -> Any:
            found = tx.connection.execute(sa.select(*COLUMNS, tasks.c.admitted_at, tasks.c.deleted_at)).all()
            rows = {row.id: Row(task_of(row), row.admitted_at is not None, row.deleted_at is not None) for row in found}
            line = {row.task_id: bool(row.done) for row in tx.connection.execute(sa.select(LINE))}
            left = {row.id: row.credits for row in tx.connection.execute(sa.select(accounts.c.id, accounts.c.credits))}
            return rows, line, left

        return self.hosts[0].store.read(question)

    def close(self) -> None:
        """Let go of everything."""
        for host in self.hosts:
            host.store.close()
        self.racing.shutdown()
        self._fetcher.close()
        self._loop.close()
        shutil.rmtree(self._folder / "assets", ignore_errors=True)


def facts(seconds: int) -> ClipInfo:
    """The facts of a clip of that length."""
    return ClipInfo("mp4", "h264", "yuv420p", 640, 360, 640, 360, duration=Fraction(seconds))


PICK = st.integers(0, 11)
HOST = st.integers(0, 1)


class Lifecycle(RuleBasedStateMachine):
    """Every step that a client, a worker, a sweeper or a crash can take, and what must hold after each."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.world.clear()
        self.rows: dict[str, Row] = {}
        self.line: dict[str, bool] = {}
        self.left: dict[str, int | None] = {}
        self.attempts: list[Attempt] = []
        self.sent: list[Sent] = []
        #: What tasks whose rows are gone had cost, by account.
        self.spent: Counter[str] = Counter()
        self.told: set[str] = set()
        self.observe()

    # what the model sees

    def observe(self) -> None:
        """Look at the database, and hold it against what was there before."""
        self.world.settle()
        rows, line, left = self.world.snapshot()
        for task_id, before in self.rows.items():
            if task_id in rows:
                self._check_step(before, rows[task_id])
            else:
                assert before.deleted, f"{task_id} is gone, and nobody had deleted it"
                self.spent[before.task.account] += before.task.credits or 0
        for task_id in rows.keys() - self.rows.keys():
            assert rows[task_id].task.status in ("PENDING", "THROTTLED"), "a task begins by waiting"
        self.rows, self.line, self.left = rows, line, left

    def _check_step(self, before: Row, after: Row) -> None:
        """I2, and the allowed steps."""
        old, new = before.task, after.task
        assert old.status == new.status or may_become(old.status, new.status), f"{old.status} to {new.status}"
        assert before.admitted <= after.admitted, "what was admitted stays so"
        assert before.deleted <= after.deleted, "what was deleted stays so"
        if old.status.is_terminal:
            kept = replace(new, outputs=old.outputs) if after.deleted else new
            assert kept == old, "a terminal row changed"
            assert new.outputs in (old.outputs, ())

    def pick(self, among: Sequence[T], number: int) -> T | None:
        """One of them, or None where there is none."""
        return among[number % len(among)] if among else None

    def known(self) -> list[Row]:
        """Every task that was ever answered and whose row is there, the oldest first."""
        return sorted(self.rows.values(), key=lambda row: (row.task.created_at, row.task.id))

    def visible(self, row: Row) -> bool:
        """Whether its owner may find it."""
        return not row.deleted and row.task.status is not TaskStatus.CANCELLED

    # clients

    @rule(
        host=HOST,
        caller=st.sampled_from(CALLERS),
        body=st.sampled_from(("f1", "f2")),
        name=st.sampled_from((None, None, None, "n1", "n2")),
        tries=st.sampled_from((None, 0, 0, 1, 2)),
        uploaded=st.booleans(),
    )
    def create(self, host: int, caller: Caller, body: str, name: str | None, tries: int | None, uploaded: bool) -> None:
        """A create, or one that is sent again; it makes one task, or finds the one that it made."""
        self._tick()
        uri = self.world.upload_uris[caller.account] if uploaded else DATA_URI
        asked = EditRequest(Model.GEN4_ALEPH, uri, "copy")
        sending = Sending(caller.key_id, body, name, tries)
        expected = self._expected(caller, sending)
        waiting = sum(is_waiting(row) for row in self._of(caller))
        left = self.left[caller.account]
        service = self.world.hosts[host].service
        ceiling = service._terms.ceiling(Model.GEN4_ALEPH, facts(10) if uploaded else None)
        before = set(self.rows)
        try:
            task, again = self.world.wait_for(service.submit_once(caller, asked, sending))
        except InvalidRequest:
            assert expected == "refused", "a create was refused"
        except CapReached:
            assert expected is None
            assert waiting >= MOST_WAITING
        except OutOfCredits:
            assert expected is None
            assert left is not None
            assert left < ceiling
        else:
            assert expected != "refused", "a name stands for two bodies"
            assert again == (expected is not None), "a create was taken for another"
            if again:
                assert task.id == expected
            else:
                assert task.id not in before
                assert waiting < MOST_WAITING
                assert left is None or left >= ceiling
                self.told.add(task.id)
                self.world.tasks += 1
                self.sent.append(
                    Sent(caller, body, name, set() if tries is None else {tries}, self.world.clock(), task.id)
                )
        self.observe()
        made = set(self.rows) - before
        assert made <= self.told, "a task that nobody was told of"

    @rule(host=HOST, counts=st.tuples(st.integers(0, 2), st.integers(0, 2)))
    def create_some(self, host: int, counts: tuple[int, int]) -> None:
        """Clients that never send twice: each create is a task of its own."""
        for caller, count in zip(CALLERS, counts, strict=True):
            for _ in range(count):
                self.create(host, caller, "f3", None, None, uploaded=True)

    def _expected(self, caller: Caller, sending: Sending) -> str | None:
        """The id of the task that this sending made before, "refused" where its name is taken, else None."""
        now = self.world.clock()
        for sent in list(self.sent):
            if sent.task_id not in self.rows:
                self.sent.remove(sent)
            elif sending.name is not None:
                if (sent.caller, sent.name) == (caller, sending.name) and now - sent.at <= NAMED_TIME:
                    return sent.task_id if sent.body == sending.fingerprint else "refused"
            elif sending.tries is not None and sent.name is None and sent.tries:
                same = (sent.caller, sent.body) == (caller, sending.fingerprint) and now - sent.at <= TRIED_TIME
                # A number that came before is another create; so is a first try, unless it was overtaken by retries.
                if same and sending.tries not in sent.tries and (sending.tries > 0 or 0 not in sent.tries):
                    sent.tries.add(sending.tries)
                    return sent.task_id
        return None

    def _of(self, caller: Caller) -> list[Row]:
        return [row for row in self.rows.values() if row.task.account == caller.account]

    @rule(host=HOST, number=PICK)
    def look(self, host: int, number: int) -> None:
        """I1 and I8: an owner finds what was accepted; others cannot tell it from what never was."""
        row = self.pick(self.known(), number)
        service = self.world.hosts[host].service
        refused = told(lambda: service.task(EVE, UNKNOWN_ID))
        if row is None:
            return
        owner = next(caller for caller in CALLERS if caller.account == row.task.account)
        assert told(lambda: service.task(EVE, row.task.id)) == refused
        if self.visible(row):
            assert service.task(owner, row.task.id) == row.task
        else:
            assert told(lambda: service.task(owner, row.task.id)) == refused

    @rule(host=HOST, number=PICK)
    def delete(self, host: int, number: int) -> None:
        """DELETE, in whatever state: cancels, hides, or is refused as if the task were not there. So are strangers."""
        row = self.pick(self.known(), number)
        if row is None:
            return
        self._tick()
        service = self.world.hosts[host].service
        owner = next(caller for caller in CALLERS if caller.account == row.task.account)
        assert told(lambda: self.world.wait_for(service.delete(EVE, row.task.id))) == "NotFound: Could not find Task"
        self.observe()
        assert self.rows[row.task.id] == row, "a stranger changed the row"
        found = told(lambda: self.world.wait_for(service.delete(owner, row.task.id)))
        self.observe()
        after = self.rows[row.task.id]
        if not self.visible(row):
            assert found == "NotFound: Could not find Task"
            assert after == row
        else:
            assert found is None
            assert not self.visible(after)
            expected = row.task.status if row.task.status.is_terminal else TaskStatus.CANCELLED
            assert after.task.status is expected

    # workers

    @rule(host=HOST)
    def admit(self, host: int) -> None:
        """Admission looks at everything, as it does by itself once a minute: nobody waits who may run, and exactly
        those are THROTTLED who are over their account's cap.
        """
        self._tick()
        self.world.hosts[host].admission.sweep()
        self.observe()
        active = self._active()
        for caller in CALLERS:
            waiting = [row for row in self.known() if row.task.account == caller.account and is_waiting(row)]
            for place, row in enumerate(waiting, start=1):
                over = active[caller.account] + place > CONCURRENT
                assert (row.task.status is TaskStatus.THROTTLED) == over, "THROTTLED is not true"
            if active.total() < WINDOW and waiting:
                assert active[caller.account] >= CONCURRENT, "somebody waits who may run"

    @rule(host=HOST, number=PICK)
    def start(self, host: int, number: int) -> None:
        """A worker takes a task from the line; also one that another has, as if that one were dead."""
        task_id = self.pick(sorted(task_id for task_id, done in self.line.items() if not done), number)
        if task_id is None:
            return
        self._tick()
        before = self.rows[task_id]
        started = self.world.hosts[host].service.start(task_id)
        if started is None:
            self._leave_line(task_id)
        else:
            assert before.task.status in (TaskStatus.PENDING, TaskStatus.RUNNING)
            assert started.attempt == before.task.attempt + 1
            self.attempts.append(Attempt(host, started))
        self.observe()

    def _leave_line(self, task_id: str) -> None:
        """The workflow ended, and its end is recorded."""
        ended = LINE.update().where(LINE.c.task_id == task_id).values(done=True)
        self.world.hosts[0].do(lambda tx: tx.connection.execute(ended))

    def _is_current(self, attempt: Attempt) -> bool:
        row = self.rows.get(attempt.task.id)
        return row is not None and (row.task.attempt, row.task.status) == (attempt.task.attempt, TaskStatus.RUNNING)

    @rule(number=PICK, fraction=st.floats(0, 1))
    def progress(self, number: int, fraction: float) -> None:
        """An attempt tells how far it is, and hears whether it is wanted."""
        attempt = self.pick(self.attempts, number)
        if attempt is None:
            return
        wanted, before = self._is_current(attempt), self.rows.get(attempt.task.id)
        heard = self.world.hosts[attempt.host].service.progress(attempt.task, fraction)
        self.observe()
        assert heard == wanted
        if not wanted:
            assert self.rows.get(attempt.task.id) == before, "an overtaken attempt changed the row"

    @rule(number=PICK, good=st.booleans())
    def overtake(self, number: int, good: bool) -> None:
        """A worker is taken for dead, and its task given to another; then it wakes up and ends its attempt."""
        if not any(not done for done in self.line.values()):
            return
        self.start(0, number)
        first = self.attempts[-1] if self.attempts else None
        self.start(1, number)
        if first is not None and first in self.attempts:
            self.end(self.attempts.index(first), good, 5)

    def _publish(self, attempt: Attempt) -> str:
        key = output_key(attempt.task.id, attempt.task.attempt)
        with self.world.assets.writer(key) as file:
            file.write(key.encode())
        return key

    @rule(number=PICK, good=st.booleans(), seconds=st.integers(1, 12))
    def end(self, number: int, good: bool, seconds: int) -> None:
        """I4: an attempt ends well or badly, and settles the bill; one that was overtaken changes nothing."""
        attempt = self.pick(self.attempts, number)
        if attempt is None:
            return
        self._tick()
        wanted, before = self._is_current(attempt), self.rows.get(attempt.task.id)
        done = self._end(attempt, good, seconds)
        self.attempts.remove(attempt)
        if wanted:
            self._leave_line(attempt.task.id)
        self.observe()
        assert done == wanted
        after = self.rows.get(attempt.task.id)
        if not wanted:
            assert after == before, "an overtaken attempt changed the row"
        else:
            assert after is not None
            assert after.task.status is (TaskStatus.SUCCEEDED if good else TaskStatus.FAILED)
            assert (after.task.credits == 0) or good

    def _end(self, attempt: Attempt, good: bool, seconds: int) -> bool:
        service = self.world.hosts[attempt.host].service
        if not good:
            return service.fail(attempt.task, Failure("It cannot be done.", "INTERNAL"), {})
        output = self._publish(attempt)
        done = service.succeed(attempt.task, (output,), facts(seconds), {})
        if not done:
            service.abandon(attempt.task)
        return done

    @rule(number=PICK)
    def hand_back(self, number: int) -> None:
        """A worker is told to stop: its attempt does not count, and the task stays in line."""
        attempt = self.pick(self.attempts, number)
        if attempt is None:
            return
        wanted, before = self._is_current(attempt), self.rows.get(attempt.task.id)
        self.world.hosts[attempt.host].service.hand_back(attempt.task)
        self.attempts.remove(attempt)
        self.observe()
        if not wanted:
            assert self.rows.get(attempt.task.id) == before, "an overtaken attempt changed the row"

    @rule(number=PICK, published=st.booleans())
    def break_off(self, number: int, published: bool) -> None:
        """A worker dies in the middle; perhaps its output lies there already."""
        attempt = self.pick(self.attempts, number)
        if attempt is not None:
            if published:
                self._publish(attempt)
            self.attempts.remove(attempt)

    # trouble

    @rule(host=HOST)
    def crash(self, host: int) -> None:
        """A whole host dies, and another one comes in its place."""
        self.attempts = [attempt for attempt in self.attempts if attempt.host != host]
        self.world.restart(host)
        self.observe()

    @rule(host=HOST, caller=st.sampled_from(CALLERS))
    def crash_before_commit(self, host: int, caller: Caller) -> None:
        """A host dies when a create's input is written and its row is not."""
        lost = f"lost-{self.world.clock().timestamp()}"
        asked = EditRequest(Model.GEN4_ALEPH, DATA_URI, "copy")
        self.world.wait_for(self.world.hosts[host].intake.accept(caller.account, lost, asked))
        self.crash(host)

    @precondition(lambda self: len(self.rows) > 0)
    @rule(number=PICK, deeds=st.tuples(*[st.sampled_from(("end", "fail", "delete", "start", "hand_back"))] * 2))
    def race(self, number: int, deeds: tuple[str, str]) -> None:
        """Two hosts do something to one task at the same moment; whoever comes first, what must hold does."""
        row = self.pick([row for row in self.known() if not row.task.status.is_terminal], number)
        if row is None:
            return
        self._tick()
        mine = [attempt for attempt in self.attempts if attempt.task.id == row.task.id]
        both = threading.Barrier(2)
        results = [
            self.world.racing.submit(
                self._race_one, both, host, deed, row.task, mine[host % len(mine)] if mine else None
            )
            for host, deed in enumerate(deeds)
        ]
        for result, deed in zip(results, deeds, strict=True):
            started = result.result(60)
            if deed == "start" and isinstance(started, Task):
                self.attempts.append(Attempt(results.index(result), started))
        if mine and not {"end", "fail", "hand_back"}.isdisjoint(deeds):
            self.attempts = [attempt for attempt in self.attempts if attempt not in mine]
        self.observe()
        if self.rows[row.task.id].task.status.is_terminal and self.line.get(row.task.id) is False:
            self._leave_line(row.task.id)
            self.observe()

    def _race_one(self, both: threading.Barrier, host: int, deed: str, task: Task, mine: Attempt | None) -> Any:
        service = self.world.hosts[host].service
        owner = next(caller for caller in CALLERS if caller.account == task.account)
        both.wait(60)
        if deed == "delete":
            return told(lambda: asyncio.run(service.delete(owner, task.id)))
        if deed == "start":
            return service.start(task.id) if self.line.get(task.id) is False else None
        if mine is None:
            return None
        if deed == "hand_back":
            return service.hand_back(mine.task)
        return self._end(Attempt(host, mine.task), deed == "end", 3)

    @rule(seconds=st.sampled_from((1, 60, 170, 200, 7_200, 50_000, 200_000)))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.world.clock.at += timedelta(seconds=seconds)

    @rule(host=HOST)
    def sweep(self, host: int) -> None:
        """What has lived long enough goes; no row that somebody still needs."""
        self.world.hosts[host].sweeper.sweep()
        self.observe()

    @rule(host=HOST)
    def sweep_orphans(self, host: int) -> None:
        """Files that no row names go at second sight; no others."""
        self.world.hosts[host].sweeper.sweep_orphans()

    # what holds after every step

    @invariant()
    def every_task_keeps_its_promises(self) -> None:
        """I3, I5, I6, and nobody is forgotten between admission and the line."""
        for task_id, row in self.rows.items():
            task = row.task
            assert 0 <= task.attempt <= MAX_ATTEMPTS
            assert task.status.is_terminal == (task.finished_at is not None) == (task.credits is not None)
            if row.admitted and not task.status.is_terminal:
                assert self.line.get(task_id) is False, f"{task_id} is admitted, and nobody will run it"
            wanted = 1 if task.status is TaskStatus.SUCCEEDED and not row.deleted else 0
            assert len(task.outputs) == wanted
            for key in task.outputs:
                assert key == output_key(task_id, task.attempt), "another attempt's output was published"
                assert self.world.assets.exists(key)

    @invariant()
    def credits_balance(self) -> None:
        """What is left and what was taken make what there was: settled once, given back once."""
        taken = sum(row.task.credits if row.task.credits is not None else row.task.reserved for row in self._of(ANN))
        assert self.left[ANN.account] == CREDITS - taken - self.spent[ANN.account]
        assert self.left[BOB.account] is None

    @invariant()
    def caps_hold(self) -> None:
        """No account has more admitted than its cap, and no window is overfull."""
        active = self._active()
        assert all(count <= CONCURRENT for count in active.values())
        assert active.total() <= WINDOW

    @invariant()
    def counted(self) -> None:
        """How much a campaign did."""
        self.world.steps += 1

    def _active(self) -> Counter[str]:
        return Counter(
            row.task.account for row in self.rows.values() if row.admitted and not row.task.status.is_terminal
        )

    def teardown(self) -> None:
        """Whatever happened: every task comes to an end by itself, and the sweep leaves nothing behind."""
        if self.rows:
            self._run_to_the_end()
        self._tick()
        for _ in range(2):
            self.world.hosts[0].sweeper.sweep_orphans()
        self.observe()
        wanted = {key for row in self.rows.values() for key in row.task.outputs}
        assert set(self.world.assets.keys("outputs")) == wanted, "outputs are left over, or missing"
        assert set(self.world.assets.keys("inputs")) == set(), "inputs are left over"
        self.credits_balance()

    def _run_to_the_end(self) -> None:
        """What a fleet does by itself when nobody disturbs it any more; what was held in the hand is lost."""
        self.attempts.clear()
        service, admission = self.world.hosts[0].service, self.world.hosts[0].admission
        for _ in range(len(self.rows) * (MAX_ATTEMPTS + 1)):
            self.world.hosts[0].do(admission.promote)
            self.observe()
            for task_id in [task_id for task_id, done in self.line.items() if not done]:
                started = service.start(task_id)
                self.observe()
                if started is not None:
                    assert self._end(Attempt(0, started), True, 2)
                self._leave_line(task_id)
                self.observe()
            if all(row.task.status.is_terminal for row in self.rows.values()):
                return
        raise AssertionError("tasks are stuck")

    def _tick(self) -> None:
        """A little time passes with every step, so that no two things happen at once."""
        self.world.clock.at += timedelta(milliseconds=1)


def told(deed: Callable[[], object]) -> str | None:
    """The refusal that somebody hears, or None."""
    try:
        deed()
    except NotFound as refused:
        return f"NotFound: {refused}"
    return None


def machine_for(world: World) -> type[Lifecycle]:
    """The state machine in that world."""
    return type("Lifecycle", (Lifecycle,), {"world": world})
