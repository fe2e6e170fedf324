"""Opening the store and its transactions, on SQLite (WAL, one writer) and on PostgreSQL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError, SQLAlchemyError

from monitor.errors import StoreError, StoreReason, UsageError

Connection = sa.Connection
"""A transaction of the store, passed to the functions that read or write in it."""

DatabaseError = SQLAlchemyError
"""Database errors that are not mapped to StoreError, such as an exhausted pool or a wrong URL."""
_BUSY_SECONDS = 30
_WRITE = "gatewatch_write"
_PROBE_SECONDS = 5
"""How long a probe waits for another writer; a transaction of ours takes much less."""
_PROBE = "probe"
_PROBE_BYTES = 65_536
_PAGES_BEFORE_CHECKPOINT = 10_000
"""Pages (40 MB) of SQLite's log after which a replay moves them into the store, which waits for the disk."""

_SQLITE_SIGNS = (
    ("locked", StoreReason.LOCKED, "wait for the other process to finish, or end it"),
    ("disk is full", StoreReason.FULL, "free space on its disk; nothing was lost, the next slot continues"),
    ("disk i/o", StoreReason.FULL, "check the disk that holds it; nothing was lost, the next slot continues"),
    ("unable to open", StoreReason.UNREACHABLE, "check that the folder exists and is writable"),
    ("readonly", StoreReason.REFUSED, "give this account the right to write the file"),
    ("malformed", StoreReason.CORRUPT, "restore a backup with 'gatewatch store restore'"),
    ("not a database", StoreReason.CORRUPT, "restore a backup with 'gatewatch store restore', or choose another file"),
    ("no such table", StoreReason.NOT_UPGRADED, "run 'gatewatch store upgrade'"),
    ("no such column", StoreReason.NOT_UPGRADED, "run 'gatewatch store upgrade'"),
)  # fmt: skip
_POSTGRES_STATES = (
    ("53100", StoreReason.FULL, "free space on the server's disk; nothing was lost, the next slot continues"),
    ("28", StoreReason.REFUSED, "check user, password and pg_hba.conf"),
    ("3D000", StoreReason.UNREACHABLE, "create the database, or correct its name in store.url"),
    ("42P01", StoreReason.NOT_UPGRADED, "run 'gatewatch store upgrade'"),
    ("42703", StoreReason.NOT_UPGRADED, "run 'gatewatch store upgrade'"),
    ("25006", StoreReason.REFUSED, "let it take writes: is it a standby, or default_transaction_read_only on?"),
    ("42501", StoreReason.REFUSED, "give this account the rights it needs"),
    ("55P03", StoreReason.LOCKED, "wait for the other session to finish, or end it"),
    ("57014", StoreReason.LOCKED, "the statement took too long: look for a blocking session"),
)
_REFUSED_CONNECTIONS = (
    ("authentication failed", StoreReason.REFUSED, "check user, password and pg_hba.conf"),
    ("no pg_hba.conf entry", StoreReason.REFUSED, "check user, password and pg_hba.conf"),
    ("does not exist", StoreReason.UNREACHABLE, "create the database, or correct its name in store.url"),
)
"""Messages of failed connections to PostgreSQL, for which the driver gives no SQLSTATE."""


def redacted(url: str) -> str:
    """A database URL without its password, for messages."""
    return sa.make_url(url).render_as_string(hide_password=True)


def store_error(error: SQLAlchemyError, url: str) -> StoreError:
    """The library's error as a StoreError: one sentence and a reason."""
    original = getattr(error, "orig", None)
    text = str(original or error).strip().splitlines()[0]
    reason, advice = StoreReason.UNREACHABLE, "check that it runs and can be reached"
    state = str(getattr(original, "sqlstate", None) or "")
    if isinstance(original, sqlite3.Error):
        signs = ((s in text.lower(), r, a) for s, r, a in _SQLITE_SIGNS)
    elif state:
        signs = ((state.startswith(s), r, a) for s, r, a in _POSTGRES_STATES)
    else:
        signs = ((s in text, r, a) for s, r, a in _REFUSED_CONNECTIONS)
    reason, advice = next(((r, a) for matches, r, a in signs if matches), (reason, advice))
    return StoreError(f"store {redacted(url)}: {text}; {advice}", reason)


def _set_up_sqlite(dbapi_connection: Any, durable: bool) -> None:
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    if not durable:
        cursor.execute(f"PRAGMA wal_autocheckpoint={_PAGES_BEFORE_CHECKPOINT}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A deferred transaction that reads and then writes fails at once if another writer came first; IMMEDIATE waits.
    statement = "BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITE, False) else "BEGIN"
    raw: Any = connection.connection.dbapi_connection
    # Without SQLAlchemy's own way to a cursor, which takes longer than the statement.
    try:
        raw.execute(statement)
    except sqlite3.Error as exc:
        raise DBAPIError.instance(statement, None, exc, sqlite3.Error) from exc


def make_engine(url: str, durable: bool = True) -> sa.Engine:
    """An engine with the settings for SQLite or PostgreSQL; UsageError for any other. Nothing is opened yet.

    Without `durable`, a commit does not wait for the disk: a killed process loses nothing, a power failure may lose the
    last commits, each as a whole.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})
        event.listen(engine, "connect", lambda connection, _: _set_up_sqlite(connection, durable))
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_backend_name() != "postgresql":
        raise UsageError(
            f"store.url: no support for {redacted(url)}; "
            "expected sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
        )
    # Times come back in UTC as they are stored, and are not converted one by one.
    options = "-c TimeZone=UTC -c lock_timeout=30000 -c statement_timeout=120000"
    options += " -c idle_in_transaction_session_timeout=60000"
    if not durable:
        options += " -c synchronous_commit=off"
    return sa.create_engine(
        parsed, pool_pre_ping=True, connect_args={"connect_timeout": 10, "options": options, "prepare_threshold": None}
    )


class FailedWrite(NamedTuple):
    """A write that failed because the store could not be written, and when, by the monotonic clock."""

    at: float
    error: StoreError


def _is_of_the_store(error: StoreError) -> bool:
    """Whether the store is the cause, and not what was written."""
    return error.reason is not StoreReason.FENCED and isinstance(error.__cause__, OperationalError | InternalError)


def _probing(sqlite_: bool) -> Iterator[str]:
    """Statements that need what any write needs: the lock, the log, and in a SQLite file some free pages."""
    if sqlite_:
        yield "SAVEPOINT room"  # deleted, its pages would stay in the file, and satisfy the next probe
        yield f"INSERT INTO sequence (name, value) VALUES ('{_PROBE}{'-' * _PROBE_BYTES}', 0)"
        yield "ROLLBACK TO room"
        yield "RELEASE room"
    yield (
        f"INSERT INTO sequence (name, value) VALUES ('{_PROBE}', 0) "
        "ON CONFLICT (name) DO UPDATE SET value = sequence.value + 1"
    )


class Store:
    """Gatewatch's own database: read snapshots and write transactions, errors mapped to StoreError."""

    def __init__(self, url: str, durable: bool = True) -> None:
        self.url = url
        self.engine = make_engine(url, durable)
        self._reading = self.engine.execution_options(**{_WRITE: False})
        self._writing = self.engine.execution_options(**{_WRITE: True})
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self.failed_write: FailedWrite | None = None

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A read transaction."""
        yield from self._transaction(self._reading)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A write transaction, committed at the end or rolled back on an exception."""
        try:
            yield from self._transaction(self._writing)
        except StoreError as exc:
            if _is_of_the_store(exc):
                self.failed_write = FailedWrite(time.monotonic(), exc)
            raise

    def probe(self) -> None:
        """Write something, without waiting long; StoreError if the store cannot be written."""
        try:
            with self._writing.connect() as connection, self._impatient(connection), connection.begin():
                if not self.is_sqlite:
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PROBE_SECONDS}s'")
                    connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{2 * _PROBE_SECONDS}s'")
                for statement in _probing(self.is_sqlite):
                    connection.execute(sa.text(statement))
        except DBAPIError as exc:
            raise store_error(exc, self.url) from exc

    @contextmanager
    def _impatient(self, connection: sa.Connection) -> Iterator[None]:
        """Let a SQLite connection wait for another writer as long as a probe does."""
        pragma = "PRAGMA busy_timeout={}"
        raw: Any = connection.connection.dbapi_connection if self.is_sqlite else None
        if raw is not None:
            raw.execute(pragma.format(_PROBE_SECONDS * 1000))
        try:
            yield
        finally:
            if raw is not None:
                raw.execute(pragma.format(_BUSY_SECONDS * 1000))

    def _transaction(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except DBAPIError as exc:
            raise store_error(exc, self.url) from exc

    @property
    def clock(self) -> str:
        """SQL for the database's clock in seconds since 1970, which all processes share."""
        return "(julianday('now') - 2440587.5) * 86400.0" if self.is_sqlite else "extract(epoch FROM clock_timestamp())"

    def wall_seconds(self, connection: sa.Connection) -> float:
        """The time of that clock."""
        return float(connection.exec_driver_sql(f"SELECT {self.clock}").scalar_one())

    def file(self) -> Path | None:
        """The file of a SQLite store; None for a server."""
        database = sa.make_url(self.url).database
        return Path(database) if self.is_sqlite and database else None

    def shorten_log(self) -> None:
        """Move SQLite's log into the file and empty it, unless another process reads it just now."""
        if self.is_sqlite:
            with self.engine.connect() as connection:
                raw: Any = connection.connection.dbapi_connection
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
