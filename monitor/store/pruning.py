"""What of each table is older than it is to be kept, and its deletion, some thousand rows a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.store.cursors import positions
from monitor.store.database import tables as t

CHUNK = 5000
"""Rows deleted in one transaction, at most."""


class Aged(NamedTuple):
    """A table, and the column by whose time its rows are old."""

    table: sa.Table
    column: str


RETAINED: Mapping[str, tuple[Aged, ...]] = {
    "readings": (Aged(t.reading, "at"), Aged(t.machine_state, "at")),
    "windows": (Aged(t.machine_window, "start"),),
    "findings": (Aged(t.finding, "at"), Aged(t.alert, "ended_at"), Aged(t.notification, "at")),
    "trends": (Aged(t.trend, "at"),),
    "parts": (Aged(t.part_step, "at"),),
    "decisions": (Aged(t.decision, "at"),),
    "outcomes": (Aged(t.outcome, "at"), Aged(t.disposition, "at")),
    "quarantine": (Aged(t.quarantine, "first_seen_at"),),
    "job_runs": (Aged(t.job_run, "slot"),),
    "outbox": (Aged(t.outbox, "sent_at"),),
}
"""By the key of `store.retention` what it is about."""


def delete_oldest(connection: sa.Connection, aged: Aged, keep: timedelta, now: datetime) -> int:
    """Delete up to CHUNK rows that are older than `keep`; how many. For rows of a source it counts from its cursor.

    Each pull reads back from the cursor: while a source stands still, a row forgotten would come in as a new one.
    """
    # The rows' own number: ctid on PostgreSQL, rowid on SQLite.
    row: sa.ColumnClause[Any] = sa.literal_column("rowid" if connection.dialect.name == "sqlite" else "ctid")
    old = sa.select(row).select_from(aged.table).where(_too_old(connection, aged, keep, now)).limit(CHUNK)
    return int(connection.execute(aged.table.delete().where(row.in_(old))).rowcount)


def _too_old(connection: sa.Connection, aged: Aged, keep: timedelta, now: datetime) -> sa.ColumnElement[bool]:
    table, age = aged.table, aged.table.c[aged.column]
    if "source" not in table.c:
        return _and_not_needed(table, age < now - keep)
    read = positions(connection)
    source = table.c.source
    old = [sa.and_(source == name, age < min(at, now) - keep) for name, at in read.items()]
    return _and_not_needed(table, sa.or_(sa.and_(source.not_in(read), age < now - keep), *old))


def _and_not_needed(table: sa.Table, old: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
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
