"""Read-only connections to a source, with timeouts; and driver errors as clear messages.

SQLite files are opened read-only by URI, so that a missing file is an error and not a new database. PostgreSQL
sessions are read-only, in UTC, and return times as text, so that a time that the driver cannot represent ('infinity')
costs one row and not the batch.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg
import sqlalchemy as sa
from psycopg.types.string import TextLoader
from sqlalchemy.pool import NullPool

from monitor.errors import SourceError, SourceReason, UsageError
from monitor.plant.sources import SourceBase
from monitor.sources.sql.formats import SQLITE_FUNCTION, sqlite_time

_PROGRESS_STEPS = 20_000
"""SQLite instructions between two checks of the deadline, some 0.2 ms."""


class Deadline:
    """The deadline of the current statement, because SQLite has no statement timeout."""

    def __init__(self, timeout: timedelta, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock, self._end = timeout.total_seconds(), clock, float("inf")

    def restart(self) -> None:
        """Start the timeout of a new statement."""
        self._end = self._clock() + self._seconds

    def passed(self) -> bool:
        """Whether the statement has exceeded its timeout."""
        return self._clock() > self._end


def make_engine(name: str, config: SourceBase) -> tuple[sa.Engine, Deadline]:
    """An engine for the source's URL, not yet connected, and its deadline. UsageError for an unsupported URL."""
    url = sa.make_url(config.url)
    deadline = Deadline(config.timeout)
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database not in (None, "", ":memory:"):
        connect = partial(_open_file, str(url.database), config.timeout, deadline)
        # No pool: a pooled connection would keep reading a file that has been deleted or replaced.
        return sa.create_engine("sqlite://", creator=connect, poolclass=NullPool), deadline
    if backend == "postgresql":
        return _postgres(url.set(drivername="postgresql+psycopg"), config.timeout), deadline
    raise UsageError(
        f"source {name!r}: no support for {redacted(config.url)}; expected sqlite:///FILE or "
        "postgresql://USER@HOST/DATABASE"
    )


def _open_file(database: str, timeout: timedelta, deadline: Deadline) -> sqlite3.Connection:
    path = Path(database.removeprefix("file:")).absolute()
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, timeout=timeout.total_seconds(), check_same_thread=False
    )
    # Bytes that are not UTF-8 must cost one row, not the batch.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    connection.set_progress_handler(deadline.passed, _PROGRESS_STEPS)
    connection.create_function(SQLITE_FUNCTION, 2, sqlite_time, deterministic=True)
    return connection


def _postgres(url: sa.URL, timeout: timedelta) -> sa.Engine:
    statement_ms = max(int(timeout.total_seconds() * 1000), 1)
    # A lock timeout must be shorter than the statement timeout to take effect.
    options = f"-c statement_timeout={statement_ms} -c lock_timeout={max(statement_ms * 4 // 5, 1)}"
    options += " -c timezone=UTC -c datestyle=ISO -c default_transaction_read_only=on"
    own_options = url.query.get("options", "")
    # libpq accepts whole seconds only, and at least 2.
    arguments = {
        "connect_timeout": max(round(timeout.total_seconds()), 2),
        "options": f"{own_options} {options}" if own_options else options,
        "application_name": "gatewatch",
    }
    engine = sa.create_engine(
        url, connect_args=arguments, pool_pre_ping=True, pool_size=1, max_overflow=4,
        pool_timeout=timeout.total_seconds(),
    )  # fmt: skip

    @sa.event.listens_for(engine, "connect")
    def _as_text(connection: psycopg.Connection[object], _: object) -> None:
        for kind in ("timestamptz", "timestamp", "date"):
            connection.adapters.register_loader(kind, TextLoader)

    return engine


def redacted(url: str) -> str:
    """A URL with its password hidden."""
    return sa.make_url(url).render_as_string(hide_password=True)


_BY_STATE = {
    "42P01": SourceReason.MISSING_TABLE,
    "3F000": SourceReason.MISSING_TABLE,
    "42703": SourceReason.MISSING_COLUMN,
    "57014": SourceReason.TIMEOUT,
    "55P03": SourceReason.LOCKED,
    "57P01": SourceReason.UNREACHABLE,
    "57P02": SourceReason.UNREACHABLE,
    "57P03": SourceReason.UNREACHABLE,
    "53300": SourceReason.UNREACHABLE,
}
_NOT_UNDERSTOOD = ("42601", "42804", "42883", "42725", "42846", "22P02", "22007", "22003")
"""SQLSTATEs of syntax, of operators for types, and of values that are none of their type."""
_BY_TEXT = (
    ("no such table", SourceReason.MISSING_TABLE),
    ("no such column", SourceReason.MISSING_COLUMN),
    ("locked", SourceReason.LOCKED),
    ("interrupted", SourceReason.TIMEOUT),
    ("timeout", SourceReason.TIMEOUT),
    ("timed out", SourceReason.TIMEOUT),
    ("authentication failed", SourceReason.REFUSED),
    ("no password supplied", SourceReason.REFUSED),
    ("no pg_hba.conf entry", SourceReason.REFUSED),
    ("permission denied", SourceReason.REFUSED),
    ("not a database", SourceReason.REFUSED),
    ("malformed", SourceReason.REFUSED),
    ("does not exist", SourceReason.REFUSED),
    ("unable to open", SourceReason.UNREACHABLE),
)
_ADVICE = {
    SourceReason.UNREACHABLE: "expected a running database; check the url and the server",
    SourceReason.TIMEOUT: "expected an answer within timeout {timeout:g} s; raise `timeout`, or index the time column",
    SourceReason.LOCKED: "another program has locked it; the next slot tries again",
    SourceReason.MISSING_TABLE: "expected table {table!r}; correct `table` or `table_schema`",
    SourceReason.MISSING_COLUMN: "a column was dropped or renamed; correct the mapping",
    SourceReason.REFUSED: "expected an account that may connect and SELECT; check account, password and rights",
}


def reason_of(exc: sa.exc.SQLAlchemyError) -> SourceReason:
    """The reason for a library error: by SQLSTATE, else by the driver's message."""
    if isinstance(exc, sa.exc.TimeoutError):
        return SourceReason.TIMEOUT
    if isinstance(exc, sa.exc.NoSuchTableError):
        return SourceReason.MISSING_TABLE
    original = getattr(exc, "orig", None)
    state = getattr(original, "sqlstate", None)
    if state:
        return _BY_STATE.get(state, SourceReason.REFUSED)
    text = str(original or exc).lower()
    reason = next((reason for fragment, reason in _BY_TEXT if fragment in text), None)
    if reason:
        return reason
    return SourceReason.UNREACHABLE if isinstance(exc, sa.exc.OperationalError) else SourceReason.REFUSED


def _is_of_the_condition(exc: sa.exc.SQLAlchemyError) -> bool:
    """Whether the database does not understand the statement, of which only `where` is not our own."""
    original = getattr(exc, "orig", None)
    state = getattr(original, "sqlstate", None)
    text = str(original).lower()
    return state in _NOT_UNDERSTOOD if state else "syntax error" in text or "incomplete input" in text


def source_error(name: str, config: SourceBase, exc: sa.exc.SQLAlchemyError) -> SourceError:
    """The error to raise for a library error: the source, what failed, what was expected and what to do."""
    reason = reason_of(exc)
    lines = str(getattr(exc, "orig", None) or exc).strip().splitlines() or [type(exc).__name__]
    advice = _ADVICE[reason].format(timeout=config.timeout.total_seconds(), table=config.table)
    if config.where is not None and _is_of_the_condition(exc):
        advice = "correct `where`: its words, and its params for the types of their columns"
    where = f"source {name!r} (table {config.table!r} at {redacted(config.url)})"
    return SourceError(f"{where} cannot be read, {reason.value.replace('_', ' ')}: {lines[0]}; {advice}", reason)
