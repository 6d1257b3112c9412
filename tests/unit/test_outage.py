"""The durable queue while its database is away: nothing that was worked on is lost, repeated or hung up."""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from refilm.queue import Away, Interrupted, Overtaken, Queue, once, told_as_away
from refilm.store.postgres import postgres_engine
from refilm.store.sqlite import shared_engine
from stoppable_postgres import StoppablePostgres

SECONDS = 60
ROOM = 1_000_000
LARGE = 30_000


class Database:
    """A database that a test can take away for a moment."""

    engine: sa.Engine

    def away(self) -> None:
        """From now on it cannot be written."""

    def back(self) -> None:
        """It can be written again."""

    def away_for(self, seconds: float) -> None:
        """Away now, and back by itself."""
        self.away()
        threading.Timer(seconds, self.back).start()


class FullFile(Database):
    """An SQLite file on a disk that is full while it is away."""

    def __init__(self, path: Path) -> None:
        self.engine = shared_engine(path)
        self._pages = ROOM
        sa.event.listen(self.engine, "checkout", lambda raw, *_: raw.execute(f"PRAGMA max_page_count={self._pages}"))

    def away(self) -> None:
        """No page more."""
        self._pages = 1

    def back(self) -> None:
        """Room again."""
        self._pages = ROOM


class StoppedServer(Database):
    """A PostgreSQL server that is stopped as by a power cut while it is away."""

    def __init__(self, server: StoppablePostgres) -> None:
        self._server = server
        self.engine = postgres_engine(server.url, 4)
        self.away, self.back = server.stop, server.start  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def server() -> Iterator[StoppablePostgres]:
    """A server for the tests of this module."""
    with tempfile.TemporaryDirectory(prefix="refilm-pg-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        server = StoppablePostgres(Path(folder) / "pg")
        yield server
        server.close()


@pytest.fixture(params=["full file", "stopped server"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Each kind of database, there at first."""
    if request.param == "full file":
        return FullFile(tmp_path / "queue.sqlite")
    return StoppedServer(request.getfixturevalue("server"))


class Floor:
    """A queue whose one task does what the test says, and what is recorded of it."""

    def __init__(self, database: Database, body: Callable[[Any], None]) -> None:
        self.engine, self.calls, self.body = database.engine, Counter[str](), body
        self.task = f"task-{threading.get_ident()}-{id(self)}"
        self.queue = Queue(self.engine, executor_id="test", pools={"local": 2})
        self.left: list[type[BaseException]] = []

    def start(self) -> None:
        """Begin to work on the task."""
        self.queue.run(self._body)
        with self.engine.begin() as connection:
            self.queue.enqueue(connection, self.task, "local")

    def _body(self, task_id: str, step: Any) -> None:
        try:
            if task_id == self.task:
                self.body(step)
        except BaseException as error:
            self.left.append(type(error))
            raise

    def work(self, name: str, *, then: Callable[[], object] = lambda: None) -> str:
        """What a step does. Its result is large: one that finds room in a page that is there needs no disk."""
        self.calls[name] += 1
        then()
        return name * LARGE

    def wait_for(self, status: str) -> None:
        """Return once the durable engine has recorded that status of the task."""
        deadline = threading.Event()
        for _ in range(SECONDS * 20):
            try:
                with self.engine.begin() as connection:
                    found = connection.execute(self._sql("SELECT status FROM {} WHERE workflow_uuid = :id")).scalar()
            except Away:
                found = "away"
            if found == status:
                return
            deadline.wait(0.05)
        raise AssertionError(f"still {found}")

    def recorded(self) -> list[tuple[int, str]]:
        """Number and name of every recorded step."""
        steps = self._sql("SELECT function_id, function_name FROM {} WHERE workflow_uuid = :id ORDER BY 1", "steps")
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.execute(steps)]

    def _sql(self, text: str, what: str = "status") -> sa.TextClause:
        table = {"status": "workflow_status", "steps": "operation_outputs"}[what]
        schema = "dbos." if self.engine.dialect.name == "postgresql" else ""
        return sa.text(text.format(schema + table)).bindparams(id=self.task)


def test_a_step_waits_until_it_is_recorded(database: Database):
    """A database that goes away while a step works, and again between two steps, costs neither: each is done once,
    each is recorded once, under its own number, and the workflow ends well.
    """

    def body(step: Any) -> None:
        assert step("one", floor.work, "one") == "one" * LARGE
        assert step("two", lambda: floor.work("two", then=lambda: database.away_for(1.0))) == "two" * LARGE
        database.away_for(1.0)
        assert step("three", floor.work, "three") == "three" * LARGE

    floor = Floor(database, body)
    floor.start()
    try:
        floor.wait_for("SUCCESS")
        assert floor.calls == {"one": 1, "two": 1, "three": 1}
        assert floor.recorded() == [(1, "one"), (2, "two"), (3, "three")]
        assert floor.left == []
    finally:
        floor.queue.close()


def test_an_end_that_could_not_be_recorded_is_found_and_recorded(server: StoppablePostgres):
    """Where the very last write of a workflow is lost, the second look for strays enqueues it again; its steps are not
    repeated.
    """
    database = StoppedServer(server)
    ends = iter([lambda: database.away_for(1.0)])

    def body(step: Any) -> None:
        step("one", floor.work, "one")
        next(ends, lambda: None)()

    floor = Floor(database, body)
    floor.start()
    try:
        floor.wait_for("PENDING")
        looks: list[int] = []
        while sum(looks) == 0 and len(looks) < SECONDS:
            try:
                looks.append(floor.queue.resume_strays())
            except Away:
                looks.append(0)
            threading.Event().wait(0.5)
        floor.wait_for("SUCCESS")
        assert sum(looks) == 1
        assert floor.calls == {"one": 1}
        assert floor.recorded() == [(1, "one")]
    finally:
        floor.queue.close()


def test_a_stop_does_not_wait_for_the_database(database: Database):
    """A queue that is told to stop while its database is away leaves the step unrecorded, and the next start takes the
    task up where it was.
    """
    gone = threading.Event()

    def first(step: Any) -> None:
        step("one", floor.work, "one")
        step("two", lambda: floor.work("two", then=lambda: (database.away(), gone.set())))

    def second(step: Any) -> None:
        step("one", floor.work, "one")
        step("two", floor.work, "two")

    floor = Floor(database, first)
    floor.start()
    assert gone.wait(SECONDS)
    floor.queue.interrupt()
    floor.queue.close(seconds=SECONDS)
    database.back()

    again = Floor(database, second)
    again.task, again.calls = floor.task, floor.calls
    again.queue.run(again._body)
    try:
        again.wait_for("SUCCESS")
        assert floor.left == [Interrupted]
        assert floor.calls == {"one": 1, "two": 2}
        assert again.recorded() == [(1, "one"), (2, "two")]
    finally:
        again.queue.close()


def test_who_was_overtaken_leaves_without_a_trace(database: Database):
    """A workflow that was given to somebody else while we worked is theirs: our step is not recorded, we stop, and
    their outcome stands.
    """
    taken, runs = threading.Event(), iter(["ours", "theirs"])

    def body(step: Any) -> None:
        run = next(runs)
        if run == "ours":
            step("one", lambda: (floor.work(run), taken.wait(SECONDS))[0])
        else:
            step("one", lambda: floor.work(run, then=taken.set))

    floor = Floor(database, body)
    floor.start()
    try:
        floor.wait_for("PENDING")
        while not floor.calls["ours"]:
            threading.Event().wait(0.02)
        floor.queue._client.resume_workflows([floor.task], queue_name="local")
        floor.wait_for("SUCCESS")
        while not floor.left:
            threading.Event().wait(0.02)
        assert floor.left == [Overtaken]
        assert floor.calls == {"ours": 1, "theirs": 1}
        assert floor.recorded() == [(1, "one")]
    finally:
        floor.queue.close()


def test_work_is_done_once_even_if_it_fails():
    """The kept outcome of a step is its result or its error; being interrupted is neither."""
    calls: list[str] = []

    def work(error: BaseException | None) -> str:
        calls.append("x")
        if error:
            raise error
        return "done"

    good, bad, cut = (once(lambda e=e: work(e)) for e in (None, ValueError("no"), Interrupted()))

    assert [good(), good()] == ["done", "done"]
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            bad()
    for _ in range(2):
        with pytest.raises(Interrupted):
            cut()
    assert len(calls) == 4


class Told:
    """What SQLAlchemy tells of an error, as far as it is asked."""

    is_pre_ping = is_disconnect = False

    def __init__(self, error: Exception, **members: bool) -> None:
        wrapped = sa.exc.DBAPIError.instance("SELECT 1", None, error, psycopg.Error)
        self.original_exception, self.sqlalchemy_exception = error, wrapped
        vars(self).update(members)


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (psycopg.OperationalError("connection is bad: no such file"), True),
        (psycopg.errors.lookup("57P01")("terminating connection"), True),
        (psycopg.errors.lookup("57P03")("starting up"), True),
        (psycopg.errors.lookup("53100")("no space left"), True),
        (psycopg.errors.lookup("53300")("too many clients"), True),
        (psycopg.errors.lookup("08006")("lost"), True),
        (psycopg.errors.lookup("57014")("canceled"), False),
        (psycopg.errors.lookup("40P01")("deadlock"), False),
        (psycopg.errors.lookup("40001")("serialization"), False),
        (psycopg.errors.lookup("55P03")("lock not available"), False),
        (psycopg.errors.lookup("23505")("duplicate key"), False),
        (psycopg.errors.lookup("42P01")("no such table"), False),
    ],
)
def test_only_what_waiting_can_mend_is_away(error: Exception, away: bool):
    """Lost races, broken rules and faults of ours stay what they are: waiting would not mend them."""
    assert isinstance(told_as_away(Told(error)), Away) is away
    assert told_as_away(Told(error, is_pre_ping=True)) is None
