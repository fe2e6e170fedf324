"""Deletion of rows older than their retention, some thousand rows per transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.store.cursors import positions
from monitor.store.database import tables as t

CHUNK = 5000
"""Rows deleted in one transaction, at most."""


class AgedTable(NamedTuple):
    """A table, and the column that gives the age of its rows."""

    table: sa.Table
    column: str


RETAINED: Mapping[str, tuple[AgedTable, ...]] = {
    "readings": (AgedTable(t.reading, "at"), AgedTable(t.machine_state, "at"), AgedTable(t.judged, "until")),
    "windows": (AgedTable(t.machine_window, "start"),),
    "findings": (AgedTable(t.finding, "at"), AgedTable(t.alert, "ended_at"), AgedTable(t.notification, "at")),
    "trends": (AgedTable(t.trend, "at"),),
    "parts": (AgedTable(t.part_step, "at"),),
    "decisions": (AgedTable(t.decision, "at"),),
    "outcomes": (AgedTable(t.outcome, "at"), AgedTable(t.disposition, "at")),
    "quarantine": (AgedTable(t.quarantine, "first_seen_at"), AgedTable(t.unknown_name, "newest_at")),
    "job_runs": (AgedTable(t.job_run, "slot"), AgedTable(t.source_hour, "hour")),
    "outbox": (AgedTable(t.outbox, "sent_at"),),
}
"""The tables of each key of `store.retention`."""


def delete_oldest(connection: sa.Connection, aged: AgedTable, keep: timedelta, now: datetime) -> int:
    """Delete up to CHUNK rows older than `keep`; returns how many. The age of a source's rows counts from its cursor.

    Each pull reads back from the cursor: while a source stands still, a deleted row would come in as a new one.
    """
    # The row identifier: ctid on PostgreSQL, rowid on SQLite.
    row: sa.ColumnClause[Any] = sa.literal_column("rowid" if connection.dialect.name == "sqlite" else "ctid")
    old = sa.select(row).select_from(aged.table).where(_too_old(connection, aged, keep, now)).limit(CHUNK)
    return int(connection.execute(aged.table.delete().where(row.in_(old))).rowcount)


def _too_old(connection: sa.Connection, aged: AgedTable, keep: timedelta, now: datetime) -> sa.ColumnElement[bool]:
    table, age = aged.table, aged.table.c[aged.column]
    if "source" not in table.c:
        return _and_unneeded(table, age < now - keep)
    cursors = positions(connection)
    source = table.c.source
    old = [sa.and_(source == name, age < min(at, now) - keep) for name, at in cursors.items()]
    return _and_unneeded(table, sa.or_(sa.and_(source.not_in(cursors), age < now - keep), *old))


def _and_unneeded(table: sa.Table, old: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    if table is t.machine_state:
        # The newest row of each machine is its current state, however old.
        later = table.alias()
        newer = sa.select(later.c.arrival).where(later.c.machine == table.c.machine, later.c.at > table.c.at)
        return sa.and_(old, newer.exists())
    if table in (t.reading, t.judged):
        # After a kill, a detector's state is rebuilt from what was judged after it was saved: that is kept.
        saved = sa.select(sa.func.min(t.detector_state.c.until)).where(t.detector_state.c.subject == table.c.machine)
        seen = saved.scalar_subquery()
        return sa.and_(old, table.c.at <= seen if table is t.reading else table.c.until < seen)
    return old
