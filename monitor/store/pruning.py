"""Deletion of rows older than their retention, some thousand rows per transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.statuses import Announced
from monitor.store.cursors import positions
from monitor.store.database import tables as t

CHUNK = 5000
"""Rows deleted in one transaction, at most."""
_AHEAD = timedelta(days=30)
"""How far the newest row of any source may be behind the clock before age counts from that row instead."""


class AgedTable(NamedTuple):
    """A table, and the column that gives the age of its rows."""

    table: sa.Table
    column: str


RETAINED: Mapping[str, tuple[AgedTable, ...]] = {
    "readings": (AgedTable(t.reading, "at"), AgedTable(t.machine_state, "at"), AgedTable(t.judged, "until")),
    "windows": (AgedTable(t.machine_window, "start"),),
    "findings": (
        AgedTable(t.finding, "at"),
        AgedTable(t.alert, "ended_at"),
        AgedTable(t.notification, "at"),
        AgedTable(t.cause, "ended_at"),
    ),
    "alert_readings": (AgedTable(t.alert_reading, "at"),),
    "trends": (AgedTable(t.trend, "at"),),
    "parts": (AgedTable(t.part_step, "at"), AgedTable(t.picture, "arrival")),
    "decisions": (AgedTable(t.decision, "at"),),
    "outcomes": (AgedTable(t.outcome, "at"), AgedTable(t.disposition, "at")),
    "quarantine": (AgedTable(t.quarantine, "first_seen_at"), AgedTable(t.unknown_name, "newest_at")),
    "job_runs": (AgedTable(t.job_run, "slot"), AgedTable(t.source_hour, "hour")),
    "outbox": (AgedTable(t.outbox, "sent_at"),),
}
"""The tables of each key of `store.retention`."""


def delete_oldest(
    connection: sa.Connection, aged: AgedTable, keep: timedelta, now: datetime, longer: Mapping[str, timedelta]
) -> int:
    """Delete up to CHUNK rows older than `keep`, decisions of gates in `longer` by so much more; returns how many.

    The age of a source's rows counts from its cursor,
    that of other rows from at most a month after the newest cursor.

    Each pull reads back from the cursor: while a source stands still, a deleted row would come in as a new one.
    """
    # The row identifier: ctid on PostgreSQL, rowid on SQLite.
    row: sa.ColumnClause[Any] = sa.literal_column("rowid" if connection.dialect.name == "sqlite" else "ctid")
    old = sa.select(row).select_from(aged.table).where(_too_old(connection, aged, keep, now, longer)).limit(CHUNK)
    if aged.table is t.alert_reading:
        old = old.order_by(aged.table.c.id)  # so that no chunk leaves a gap
    return int(connection.execute(aged.table.delete().where(row.in_(old))).rowcount)


def _too_old(
    connection: sa.Connection, aged: AgedTable, keep: timedelta, now: datetime, longer: Mapping[str, timedelta]
) -> sa.ColumnElement[bool]:
    cursors = positions(connection)
    # Deleted is deleted: a clock that is far ahead of everything that was read is not believed.
    now = min(now, max(cursors.values()) + _AHEAD) if cursors else now
    if aged.table is t.picture:
        # It goes with its part step, whose rules these are.
        return ~sa.select(t.part_step.c.arrival).where(t.part_step.c.arrival == t.picture.c.arrival).exists()

    def is_old(table: sa.FromClause) -> sa.ColumnElement[bool]:
        age = table.c[aged.column]
        if aged.table is t.decision:
            kept = [sa.and_(table.c.gate == gate, age < now - keep - more) for gate, more in longer.items()]
            return sa.or_(sa.and_(table.c.gate.not_in(longer), age < now - keep), *kept)
        if "source" not in table.c:
            return age < now - keep
        source = table.c.source
        old = [sa.and_(source == name, age < min(at, now) - keep) for name, at in cursors.items()]
        return sa.or_(sa.and_(source.not_in(cursors), age < now - keep), *old)

    return _and_unneeded(aged.table, is_old)


def _and_unneeded(table: sa.Table, is_old: Callable[[sa.FromClause], sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    old, other = is_old(table), table.alias()
    if table is t.machine_state:
        # The newest row of each machine is its current state, however old.
        newer = sa.select(other.c.arrival).where(other.c.machine == table.c.machine, other.c.at > table.c.at)
        return sa.and_(old, newer.exists())
    if table is t.part_step:
        # A correction may have another time: the revisions of a passage go together, or their numbers would repeat.
        same = [other.c[name] == table.c[name] for name in ("serial", "step", "visit")]
        return sa.and_(old, ~sa.select(other.c.arrival).where(*same, sa.not_(is_old(other))).exists())
    if table is t.alert:
        # An end that was not announced yet keeps its incident open.
        over = (table.c.told.in_((Announced.RESOLVED, Announced.WITHHELD)), table.c.escalated != Announced.FIRED)
        return sa.and_(old, sa.or_(sa.and_(*over), table.c.fired_at.is_(None)))
    if table is t.notification:
        # The newest note of a team and line says whether its incident is open.
        newer = sa.select(other.c.id).where(
            other.c.team == table.c.team, other.c.line == table.c.line, other.c.id > table.c.id
        )
        return sa.and_(old, newer.exists())
    if table is t.alert_reading:
        # Rows say what changed since a whole one: the record goes on to begin with such a row.
        whole = sa.select(other.c.id).where(is_old(other), other.c.states.is_not(None))
        return table.c.id < whole.order_by(other.c.at.desc(), other.c.id.desc()).limit(1).scalar_subquery()
    if table in (t.reading, t.judged):
        # After a kill, a detector's state is rebuilt from what was judged after it was saved: that is kept.
        saved = sa.select(sa.func.min(t.detector_state.c.until)).where(t.detector_state.c.subject == table.c.machine)
        seen = saved.scalar_subquery()
        return sa.and_(old, table.c.at <= seen if table is t.reading else table.c.until < seen)
    return old
