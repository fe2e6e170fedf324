"""Opening the store and its transactions, on SQLite (WAL, one writer) and on PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from monitor.errors import StoreError, StoreReason, UsageError

Connection = sa.Connection
"""One transaction of the store, as those who read or write in it pass it on."""

DatabaseError = SQLAlchemyError
"""What is raised of a database where no StoreError says more: a pool without a free connection, a wrong URL."""
_BUSY_SECONDS = 30
_WRITE = "gatewatch_write"

_SQLITE_SIGNS = (
    ("locked", StoreReason.LOCKED, "wait for the other process to finish, or end it"),
    ("disk is full", StoreReason.FULL, "free space on its disk; nothing was lost, the next slot goes on"),
    ("disk i/o", StoreReason.FULL, "check the disk that holds it; nothing was lost, the next slot goes on"),
    ("unable to open", StoreReason.UNREACHABLE, "check that the folder exists and may be written"),
    ("readonly", StoreReason.REFUSED, "give this account the right to write the file"),
    ("malformed", StoreReason.CORRUPT, "restore a backup with 'gatewatch store restore'"),
    ("not a database", StoreReason.CORRUPT, "restore a backup with 'gatewatch store restore', or name another file"),
    ("no such table", StoreReason.NOT_UPGRADED, "run 'gatewatch store upgrade'"),
    ("no such column", StoreReason.NOT_UPGRADED, "run 'gatewatch store upgrade'"),
)  # fmt: skip
_POSTGRES_STATES = (
    ("53100", StoreReason.FULL, "free space on the server's disk; nothing was lost, the next slot goes on"),
    ("28", StoreReason.REFUSED, "check user, password and pg_hba.conf"),
    ("3D000", StoreReason.UNREACHABLE, "create the database, or correct its name in store.url"),
    ("42P01", StoreReason.NOT_UPGRADED, "run 'gatewatch store upgrade'"),
    ("42703", StoreReason.NOT_UPGRADED, "run 'gatewatch store upgrade'"),
    ("42501", StoreReason.REFUSED, "give this account the rights it needs"),
    ("55P03", StoreReason.LOCKED, "wait for the other session to finish, or end it"),
    ("57014", StoreReason.LOCKED, "the statement took too long: look for a blocking session"),
)
_REFUSED_CONNECTIONS = (
    ("authentication failed", StoreReason.REFUSED, "check user, password and pg_hba.conf"),
    ("no pg_hba.conf entry", StoreReason.REFUSED, "check user, password and pg_hba.conf"),
    ("does not exist", StoreReason.UNREACHABLE, "create the database, or correct its name in store.url"),
)
"""What PostgreSQL says before there is a connection; the driver gives no code with it."""


def shown(url: str) -> str:
    """A database URL without its password, for messages."""
    return sa.make_url(url).render_as_string(hide_password=True)


def store_error(error: SQLAlchemyError, url: str) -> StoreError:
    """The library's error as one sentence with a closed reason."""
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
    for matches, its_reason, its_advice in signs:
        if matches:
            reason, advice = its_reason, its_advice
            break
    return StoreError(f"store {shown(url)}: {text}; {advice}", reason)


def _set_up_sqlite(dbapi_connection: Any, synchronous: str) -> None:
    dbapi_connection.isolation_level = None
    steps = dbapi_connection.cursor()
    steps.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
    steps.execute("PRAGMA journal_mode=WAL")
    steps.execute(f"PRAGMA synchronous={synchronous}")
    steps.execute("PRAGMA foreign_keys=ON")
    steps.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A deferred transaction that reads and then writes fails at once when another writer was first; IMMEDIATE waits.
    writes = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def make_engine(url: str, durable: bool = True) -> sa.Engine:
    """An engine with the settings both databases need; UsageError for any other. Nothing is opened yet.

    Not `durable`, a commit does not wait for the disk: a killed process loses nothing, a power cut the last commits,
    whole ones and with their cursors.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})
        level = "FULL" if durable else "NORMAL"
        event.listen(engine, "connect", lambda connection, _: _set_up_sqlite(connection, level))
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_backend_name() != "postgresql":
        raise UsageError(
            f"store.url: no support for {shown(url)}; expected sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
        )
    options = "-c lock_timeout=30000 -c statement_timeout=120000 -c idle_in_transaction_session_timeout=60000"
    if not durable:
        options += " -c synchronous_commit=off"
    return sa.create_engine(
        parsed, pool_pre_ping=True, connect_args={"connect_timeout": 10, "options": options, "prepare_threshold": None}
    )


class Store:
    """Gatewatch's own database: read snapshots and write transactions, errors mapped to StoreError."""

    def __init__(self, url: str, durable: bool = True) -> None:
        self.url = url
        self.engine = make_engine(url, durable)
        self._reading = self.engine.execution_options(**{_WRITE: False})
        self._writing = self.engine.execution_options(**{_WRITE: True})
        self.is_sqlite = self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads."""
        yield from self._transaction(self._reading)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that commits whole at its end, or not at all."""
        yield from self._transaction(self._writing)

    def _transaction(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except DBAPIError as exc:
            raise store_error(exc, self.url) from exc

    @property
    def clock(self) -> str:
        """The SQL of the database's own clock, seconds since 1970: the one clock that every process on it shares."""
        return "(julianday('now') - 2440587.5) * 86400.0" if self.is_sqlite else "extract(epoch FROM clock_timestamp())"

    def wall_seconds(self, connection: sa.Connection) -> float:
        """What that clock says now."""
        return float(connection.exec_driver_sql(f"SELECT {self.clock}").scalar_one())

    def file(self) -> Path | None:
        """The file of a SQLite store; None for a server."""
        database = sa.make_url(self.url).database
        return Path(database) if self.is_sqlite and database else None

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()
