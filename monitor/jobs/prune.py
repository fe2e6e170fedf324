"""Deleting what is older than the plant file keeps it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.plant.running import Retention
from monitor.scheduling.job import Result, Run
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import prove

_CHUNK = 5000
_TIMES: dict[str, tuple[tuple[sa.Table, str], ...]] = {
    "readings": ((t.reading, "at"), (t.machine_state, "at")),
    "windows": ((t.machine_window, "start"),),
    "findings": ((t.finding, "at"), (t.alert, "ended_at"), (t.notification, "at")),
    "trends": ((t.trend, "at"),),
    "parts": ((t.part_step, "at"),),
    "decisions": ((t.decision, "at"),),
    "outcomes": ((t.outcome, "at"), (t.disposition, "at")),
    "quarantine": ((t.quarantine, "first_seen_at"),),
    "job_runs": ((t.job_run, "slot"),),
    "outbox": ((t.outbox, "sent_at"),),
}


class PruneJob:
    """Applies the retention of every table, some thousand rows a transaction."""

    name = "prune"

    def __init__(self, store: Store, retention: Retention, interval: timedelta) -> None:
        self._store = store
        self._retention = retention
        self.interval = interval

    def forget(self) -> None:
        """Nothing is in memory."""

    def run(self, run: Run) -> Result:
        """Delete until nothing is too old."""
        rows = 0
        for key, tables in _TIMES.items():
            keep = getattr(self._retention, key)
            for table, column in tables if keep is not None else ():
                rows += self._prune(table, column, keep, run)
        return Result(rows)

    def _prune(self, table: sa.Table, column: str, keep: timedelta, run: Run) -> int:
        total = 0
        before = self._before(table, column, keep, run.now)
        while not run.stopping():
            with self._store.write() as connection:
                prove(self._store, connection, run.lease)
                done = int(connection.execute(_oldest(connection, table, before)).rowcount)
            total += done
            if done < _CHUNK:
                break
        return total

    def _before(self, table: sa.Table, column: str, keep: timedelta, now: datetime) -> sa.ColumnElement[bool]:
        """What is older than `keep`: for rows of a source counted from its cursor, not from now.

        Each pull reads back from the cursor: while a source stands still, a row forgotten would come in as a new one.
        """
        age = table.c[column]
        if "source" not in table.c:
            return _too_old(table, age < now - keep)
        query = sa.select(t.cursor.c.source, sa.func.min(t.cursor.c.position)).group_by(t.cursor.c.source)
        with self._store.read() as connection:
            positions = {source: at for source, at in connection.execute(query) if at is not None}
        source = table.c.source
        old = [sa.and_(source == name, age < min(at, now) - keep) for name, at in positions.items()]
        return _too_old(table, sa.or_(sa.and_(source.not_in(positions), age < now - keep), *old))


def _oldest(connection: sa.Connection, table: sa.Table, before: sa.ColumnElement[bool]) -> Any:
    # The rows' own number: ctid on PostgreSQL, rowid on SQLite.
    row: sa.ColumnClause[Any] = sa.literal_column("rowid" if connection.dialect.name == "sqlite" else "ctid")
    old = sa.select(row).select_from(table).where(before).limit(_CHUNK)
    return table.delete().where(row.in_(old))


def _too_old(table: sa.Table, old: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    if table is t.machine_state:
        # The last word on each machine is still its state, however old.
        later = table.alias()
        newer = sa.select(later.c.arrival).where(later.c.machine == table.c.machine, later.c.at > table.c.at)
        return sa.and_(old, newer.exists())
    if table is t.reading:
        # The rows after a detector's saved state make the state after a kill: they stay until it is saved again.
        saved = sa.select(sa.func.min(t.detector_state.c.arrival)).where(t.detector_state.c.subject == table.c.machine)
        return sa.and_(old, table.c.arrival <= saved.scalar_subquery())
    return old
