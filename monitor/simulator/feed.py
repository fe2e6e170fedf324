"""The outside world at work: streams a history into the two databases while the clock runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType

import numpy as np
import sqlalchemy as sa

from monitor.simulator.history import History
from monitor.simulator.shifts import to_ms
from monitor.simulator.tables import Rows, historian, mes


@dataclass(slots=True)
class _Target:
    """One database, the rows meant for it, and up to where they were inserted (ms since 1970)."""

    engine: sa.Engine
    metadata: sa.MetaData
    tables: Sequence[Rows]
    last: int | None

    def advance(self, now: int) -> int:
        if self.last is not None and now <= self.last:
            return 0
        due = [(rows, self._due(rows, now)) for rows in self.tables]
        inserted = 0
        if any(part.stop > part.start for _, part in due):
            with self.engine.begin() as connection:
                inserted = sum(_insert(connection, rows, part) for rows, part in due)
        self.last = now
        return inserted

    def _due(self, rows: Rows, now: int) -> slice:
        first = 0 if self.last is None else int(np.searchsorted(rows.posted, self.last, side="right"))
        return slice(first, int(np.searchsorted(rows.posted, now, side="right")))


class Feed:
    """Inserts the rows of a history once their time of posting has come.

    `since` is up to where (inclusive) an earlier feed has inserted; without it, nothing was. Works on SQLite and
    PostgreSQL (`postgresql+psycopg://`). Close it, or use it as a context.
    """

    def __init__(self, history: History, mes_url: str, historian_url: str, since: datetime | None = None) -> None:
        last = None if since is None else to_ms(since)
        self._targets = [
            _Target(_engine(url), tables, [rows for rows in history.tables if rows.table.metadata is tables], last)
            for url, tables in ((mes_url, mes), (historian_url, historian))
        ]

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        for target in self._targets:
            target.engine.dispose()

    def create(self, drop: bool = False) -> None:
        """Make the tables that are missing; with `drop`, all of them anew and empty."""
        for target in self._targets:
            if drop:
                target.metadata.drop_all(target.engine)
            target.metadata.create_all(target.engine)

    def advance(self, until: datetime) -> int:
        """Insert the rows posted after the last call and up to `until` (inclusive); how many they were.

        A transaction for each database, whose position moves with it: after an error, calling again goes on.
        """
        return sum(target.advance(to_ms(until)) for target in self._targets)


def _insert(connection: sa.Connection, rows: Rows, part: slice) -> int:
    names = rows.table.columns.keys()
    chosen = [dict(zip(names, row, strict=True)) for row in rows.rows[part]]
    if chosen:
        connection.execute(sa.insert(rows.table), chosen)
    return len(chosen)


def _engine(url: str) -> sa.Engine:
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _ready_sqlite)
    return engine


def _ready_sqlite(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    """Let others read while rows come in, and do not wait for the disk at each of the many small commits."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
