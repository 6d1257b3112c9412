"""The schema of a database: at which revision it stands, and how it comes to the one that this Refilm needs.

Every step happens in one transaction that no second process shares, so that several may start at once and a process
that is killed leaves either the old schema or the new one. The revisions themselves are in `migrations`. Knows nothing
of the durable queue's own tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
import structlog

from refilm.errors import Unavailable
from refilm.store.faults import translated
from refilm.store.sql import Transaction
from refilm.store.tables import metadata

logger = structlog.get_logger(__name__)

#: Every revision that this Refilm knows, oldest first. Alembic, which knows them too, takes half a second to import.
REVISIONS = ("0001", "0002", "0003")
HEAD = REVISIONS[-1]

#: How long an upgrade waits for a table that others use, in milliseconds: whoever comes after it waits behind it.
LOCK_MILLISECONDS = 10_000

#: Alembic's own table.
_STAMP = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

#: The number that the schema had before it had revisions: what revision 0001 makes. SQLite kept it in the pragma
#: user_version, PostgreSQL in a table.
_LAST_NUMBER = 2
_NUMBER = sa.Table("refilm_schema", sa.MetaData(), sa.Column("version", sa.Integer, nullable=False))


@dataclass(frozen=True)
class Schema:
    """Where a database stands. revision: None of an empty one, and of a foreign one what it says.

    numbered: it is of the time before revisions, and carries a number instead.
    """

    revision: str | None
    numbered: bool = False

    @property
    def is_empty(self) -> bool:
        """There are no tables of ours."""
        return self.revision is None

    @property
    def is_behind(self) -> bool:
        """There are tables, of an older Refilm."""
        return self.revision in REVISIONS[:-1]

    @property
    def is_current(self) -> bool:
        """The tables are those that this Refilm needs."""
        return self.revision == HEAD

    def check(self, database: str) -> None:
        """Raises Unavailable unless the tables are those that this Refilm needs. database: its name in words."""
        if self.is_empty:
            raise Unavailable(
                f"{database} is empty. Run `refilm db upgrade`, or start a server, which makes the tables."
            )
        self.check_known(database)
        if self.is_behind:
            raise Unavailable(
                f"{database} has the schema of an older Refilm: {self.revision}, this one needs {HEAD}. "
                "Stop the servers and workers of the older one, then run `refilm db upgrade`."
            )

    def check_known(self, database: str) -> None:
        """Raises Unavailable where the tables are of a Refilm that this one knows nothing about."""
        if self.revision is not None and self.revision not in REVISIONS:
            raise Unavailable(
                f"{database} has schema {self.revision}, this Refilm knows those up to {HEAD}: a newer one wrote it, "
                "or none that was ever released. Install the version that wrote it, or name another database."
            )


def schema_of(connection: sa.Connection) -> Schema:
    """Where this database stands."""
    inspector = sa.inspect(connection)
    if inspector.has_table(_STAMP.name):
        revision = connection.execute(sa.select(_STAMP.c.version_num)).scalar_one_or_none()
        if revision is not None:
            return Schema(revision)
    number = _number_of(connection, inspector)
    if number == _LAST_NUMBER:
        return Schema(REVISIONS[0], numbered=True)
    return Schema(f"number {number}" if number else None, numbered=bool(number))


def _number_of(connection: sa.Connection, inspector: sa.Inspector) -> int | None:
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if not inspector.has_table(_NUMBER.name):
        return None
    return connection.execute(sa.select(_NUMBER.c.version)).scalar_one_or_none()


def name_of(engine: sa.Engine) -> str:
    """A database in words, without its password."""
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    return f"The database {engine.url.database} on {engine.url.host or 'this machine'}"


def check(engine: sa.Engine) -> str:
    """The revision at which the database stands, if it is the one that this Refilm needs. Else raises Unavailable."""
    try:
        with engine.connect() as connection:
            schema_of(connection).check(name_of(engine))
    except sa.exc.SQLAlchemyError as error:
        raise translated(error) from error
    return HEAD


def prepare(connection: sa.Connection) -> None:
    """Make the tables of an empty database. Raises Unavailable where there are tables that do not fit.

    connection: in a transaction that may write.
    """
    if schema_of(connection).is_current:
        return  # without a lock, and without a right to change the schema
    Transaction(connection).lock("schema")
    schema = schema_of(connection)
    if schema.is_empty:
        metadata.create_all(connection)
        _stamp(connection, HEAD)
    else:
        schema.check(name_of(connection.engine))


def upgrade(connection: sa.Connection) -> Schema:
    """Bring the tables to what this Refilm needs; returns where they stood. Raises Unavailable for unknown ones.

    connection: in a transaction that may write; on SQLite with foreign keys off, as a table that is made anew is
    dropped before.
    """
    _patient_for(connection)
    Transaction(connection).lock("schema")
    schema = schema_of(connection)
    schema.check_known(name_of(connection.engine))
    if schema.is_empty:
        prepare(connection)
    elif schema.is_behind:
        if schema.numbered:
            _adopt(connection)
        _run_revisions(connection)
        logger.info("database upgraded", before=schema.revision, now=HEAD)
    return schema


def _patient_for(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")


def _adopt(connection: sa.Connection) -> None:
    """Give a numbered database its revision in the place of its number."""
    _stamp(connection, REVISIONS[0])
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA user_version=0")
    else:
        _NUMBER.drop(connection)


def _stamp(connection: sa.Connection, revision: str) -> None:
    _STAMP.create(connection, checkfirst=True)
    connection.execute(_STAMP.delete())
    connection.execute(_STAMP.insert().values(version_num=revision))


def _run_revisions(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").fetchone():
        raise Unavailable("The upgrade would have left rows that name others which are not there; nothing was changed.")
