"""Streams a history into the databases of the simulated plant as the clock advances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any

import numpy as np
import sqlalchemy as sa

from monitor.simulator.history import History
from monitor.simulator.shifts import to_ms
from monitor.simulator.tables import Rows, historian, mes


@dataclass(slots=True)
class _Target:
    """A database, its rows, and the time up to which they were inserted (ms since 1970)."""

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

    def pending(self, rows: Rows) -> Rows:
        """Those that were not inserted yet."""
        first = 0 if self.last is None else int(np.searchsorted(rows.posted, self.last, side="right"))
        return Rows(rows.table, rows.posted[first:], rows.rows[first:])

    def _due(self, rows: Rows, now: int) -> slice:
        first = 0 if self.last is None else int(np.searchsorted(rows.posted, self.last, side="right"))
        return slice(first, int(np.searchsorted(rows.posted, now, side="right")))


class Feed:
    """Inserts the rows of a history at their posting times.

    `since` is the time up to which (inclusive) an earlier feed has inserted rows, if any. Works on SQLite and
    PostgreSQL (`postgresql+psycopg://`). Close it, or use it as a context manager.
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
        """Close all connections."""
        for target in self._targets:
            target.engine.dispose()

    def create(self, drop: bool = False) -> None:
        """Create missing tables; with `drop`, drop and create all of them."""
        for target in self._targets:
            if drop:
                target.metadata.drop_all(target.engine)
            target.metadata.create_all(target.engine)

    def advance(self, until: datetime) -> int:
        """Insert the rows posted after the last call and up to `until` (inclusive); returns how many.

        There is one transaction per database, and its position advances with it: after an error, call it again.
        """
        return sum(target.advance(to_ms(until)) for target in self._targets)

    def pending(self, table: sa.Table) -> Rows:
        """The rows of a table that were not inserted yet."""
        target = self._target(table)
        return target.pending(next(rows for rows in target.tables if rows.table is table))

    def replace(self, pending: Rows) -> None:
        """Take these rows, in order of posting and all posted later, instead of the pending ones of their table."""
        target = self._target(pending.table)
        target.tables = [pending if rows.table is pending.table else rows for rows in target.tables]

    def read(self, table: sa.Table, query: sa.Select[*tuple[Any, ...]]) -> list[sa.Row[*tuple[Any, ...]]]:
        """What a query finds in the database of a table."""
        with self._target(table).engine.connect() as connection:
            return list(connection.execute(query))

    def _target(self, table: sa.Table) -> _Target:
        return next(target for target in self._targets if target.metadata is table.metadata)


def _insert(connection: sa.Connection, rows: Rows, part: slice) -> int:
    names = rows.table.columns.keys()
    chosen = [dict(zip(names, row, strict=True)) for row in rows.rows[part]]
    if chosen:
        connection.execute(sa.insert(rows.table), chosen)
    return len(chosen)


def _engine(url: str) -> sa.Engine:
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    """Allow reads during inserts, and do not wait for the disk at each small commit."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
