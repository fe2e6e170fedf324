"""Deleting what is older than the plant file keeps it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.jobs.base import Result, Run
from monitor.plant import Retention
from monitor.store import tables as t
from monitor.store.database import Store
from monitor.store.leases import prove

_CHUNK = 5000
_TIMES: dict[str, tuple[tuple[sa.Table, str], ...]] = {
    "readings": ((t.reading, "at"), (t.machine_state, "at")),
    "windows": ((t.machine_window, "start"),),
    "findings": ((t.finding, "at"), (t.alert, "ended_at")),
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
                rows += self._prune(table, column, run.now - keep, run)
        return Result(rows)

    def _prune(self, table: sa.Table, column: str, before: datetime, run: Run) -> int:
        total = 0
        while not run.stopping():
            with self._store.write() as connection:
                prove(self._store, connection, run.lease)
                done = int(connection.execute(_oldest(connection, table, column, before)).rowcount)
            total += done
            if done < _CHUNK:
                break
        return total


def _oldest(connection: sa.Connection, table: sa.Table, column: str, before: datetime) -> Any:
    # The rows' own number: ctid on PostgreSQL, rowid on SQLite.
    row: sa.ColumnClause[Any] = sa.literal_column("rowid" if connection.dialect.name == "sqlite" else "ctid")
    old = sa.select(row).select_from(table).where(_too_old(table, column, before)).limit(_CHUNK)
    return table.delete().where(row.in_(old))


def _too_old(table: sa.Table, column: str, before: datetime) -> sa.ColumnElement[bool]:
    old = table.c[column] < before
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
