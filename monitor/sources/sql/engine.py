"""Connections to a source that can only read, with time-outs; and driver errors as one clear sentence.

SQLite files are opened read-only by URI, so a missing file is an error instead of a new database. PostgreSQL sessions
are read-only, in UTC, and hand times over as text: a time the driver cannot hold ('infinity') must cost one row, not
the batch.
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

_PROGRESS_STEPS = 20_000
"""SQLite instructions between two looks at the deadline, some 0.2 ms."""


class Deadline:
    """When the statement under way must have ended; SQLite has no statement time-out of its own."""

    def __init__(self, timeout: timedelta, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock, self._end = timeout.total_seconds(), clock, float("inf")

    def restart(self) -> None:
        """A statement starts now."""
        self._end = self._clock() + self._seconds

    def passed(self) -> bool:
        """Whether the statement has to be stopped."""
        return self._clock() > self._end


def make_engine(name: str, config: SourceBase) -> tuple[sa.Engine, Deadline]:
    """An engine for the source's URL; nothing is connected yet. UsageError for a URL that cannot work."""
    url = sa.make_url(config.url)
    deadline = Deadline(config.timeout)
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database not in (None, "", ":memory:"):
        connect = partial(_open_file, str(url.database), config.timeout, deadline)
        # No pool: a pooled connection would go on reading a file that was deleted or replaced.
        return sa.create_engine("sqlite://", creator=connect, poolclass=NullPool), deadline
    if backend == "postgresql":
        return _postgres(url.set(drivername="postgresql+psycopg"), config.timeout), deadline
    raise UsageError(
        f"source {name!r}: no support for {hidden(config.url)}; expected sqlite:///FILE or "
        "postgresql://USER@HOST/DATABASE"
    )


def _open_file(database: str, timeout: timedelta, deadline: Deadline) -> sqlite3.Connection:
    path = Path(database.removeprefix("file:")).absolute()
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, timeout=timeout.total_seconds(), check_same_thread=False
    )
    # Bytes that are no UTF-8 must cost one row, not the batch.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    connection.set_progress_handler(deadline.passed, _PROGRESS_STEPS)
    return connection


def _postgres(url: sa.URL, timeout: timedelta) -> sa.Engine:
    statement_ms = max(int(timeout.total_seconds() * 1000), 1)
    # A lock time-out above the statement's would never be seen.
    options = f"-c statement_timeout={statement_ms} -c lock_timeout={max(statement_ms * 4 // 5, 1)}"
    options += " -c timezone=UTC -c datestyle=ISO -c default_transaction_read_only=on"
    given = url.query.get("options", "")
    # libpq takes whole seconds and at least 2.
    arguments = {
        "connect_timeout": max(round(timeout.total_seconds()), 2),
        "options": f"{given} {options}" if given else options,
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


def hidden(url: str) -> str:
    """A URL without its password."""
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
    SourceReason.UNREACHABLE: "expected a database that answers there; check the url and that it is up",
    SourceReason.TIMEOUT: "expected an answer within timeout {timeout:g} s; raise `timeout`, or index the time column",
    SourceReason.LOCKED: "another program holds it; it is tried again at the next slot",
    SourceReason.MISSING_TABLE: "expected table {table!r}; correct `table` or `table_schema`",
    SourceReason.MISSING_COLUMN: "a column was dropped or renamed; correct the mapping",
    SourceReason.REFUSED: "expected an account that may connect and SELECT; check account, password and rights",
}


def reason_of(exc: sa.exc.SQLAlchemyError) -> SourceReason:
    """The reason a library error stands for: by SQLSTATE, else by what the driver says."""
    if isinstance(exc, sa.exc.TimeoutError):
        return SourceReason.TIMEOUT
    if isinstance(exc, sa.exc.NoSuchTableError):
        return SourceReason.MISSING_TABLE
    original = getattr(exc, "orig", None)
    state = getattr(original, "sqlstate", None)
    if state:
        return _BY_STATE.get(state, SourceReason.REFUSED)
    text = str(original or exc).lower()
    found = next((reason for words, reason in _BY_TEXT if words in text), None)
    if found:
        return found
    return SourceReason.UNREACHABLE if isinstance(exc, sa.exc.OperationalError) else SourceReason.REFUSED


def source_error(name: str, config: SourceBase, exc: sa.exc.SQLAlchemyError) -> SourceError:
    """The error to raise for a library error: what failed, which source, what was expected, what to do."""
    reason = reason_of(exc)
    said = str(getattr(exc, "orig", None) or exc).strip().splitlines() or [type(exc).__name__]
    advice = _ADVICE[reason].format(timeout=config.timeout.total_seconds(), table=config.table)
    where = f"source {name!r} (table {config.table!r} at {hidden(config.url)})"
    return SourceError(f"{where} cannot be read, {reason.value.replace('_', ' ')}: {said[0]}; {advice}", reason)
