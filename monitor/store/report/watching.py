"""Alerts, retraining and model versions in a report, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from exporters.report.values import Comparison, Episode, Gain, Intake, Retraining, VersionRow
from monitor.model import JsonObject
from monitor.statuses import AlertStatus
from monitor.store.database import tables as t
from monitor.store.delivery.outbox import MES
from monitor.store.report.gates import counted

_ROWS = {
    "part steps": t.part_step.c.at, "readings": t.reading.c.at, "machine states": t.machine_state.c.at,
    "outcomes": t.outcome.c.at, "dispositions": t.disposition.c.at,
}  # fmt: skip


def episodes(connection: sa.Connection, start: datetime, end: datetime) -> Iterator[Episode]:
    """Alerts that fired before the end and were not over before the start, in the order in which they fired."""
    c = t.alert.c
    # Alerts of an older store know no firing time.
    fired = sa.func.coalesce(c.fired_at, c.since, type_=t.UtcDateTime())
    query = sa.select(t.alert, fired.label("fired")).where(
        c.state != AlertStatus.PENDING, fired < end, sa.or_(c.ended_at.is_(None), c.ended_at >= start)
    )
    for row in connection.execute(query.order_by(fired, c.id)):
        # What came later is not known yet to a report of an earlier time.
        ended = None if row.ended_at is None or row.ended_at >= end else row.ended_at
        named = (row.name, row.subject, row.severity, row.team, row.line)
        yield Episode(*named, row.fired, ended, row.summary, row.value, row.limit)


def retrainings(connection: sa.Connection, start: datetime, end: datetime) -> Iterator[Retraining]:
    """Requests made in the time, and earlier ones that ended in it."""
    c = t.retraining.c
    query = sa.select(t.retraining).where(c.requested_at < end, sa.or_(c.requested_at >= start, c.finished_at >= start))
    for row in connection.execute(query.order_by(c.requested_at, c.id)):
        asked = (row.gate, row.cause, row.requested_at, row.state, row.reason)
        models = (row.champion, row.challenger)
        yield Retraining(*asked, row.decided_at, row.finished_at, *models, _comparison(row.comparison or {}))


def _comparison(found: JsonObject) -> Comparison | None:
    """What stands on record of it; None where nothing could be compared."""
    if not found.get("overall"):
        return None
    slices = [_gain(f"{one['kind']} {one['name']}", one) for one in found.get("slices", ())]
    covered = (found.get("champion_coverage"), found.get("challenger_coverage"))
    return Comparison((_gain("all", found["overall"]), *slices), int(found.get("lots", 0)), *covered)


def _gain(parts_of: str, one: JsonObject) -> Gain:
    numbers = (one["champion"], one["challenger"], one["gain"], one["low"], one["high"])
    return Gain(parts_of, int(one["rows"]), *numbers)


def versions(connection: sa.Connection, end: datetime) -> Iterator[VersionRow]:
    """Model versions trained before the end, oldest first."""
    c = t.model_version.c
    query = sa.select(t.model_version).where(c.trained_at < end).order_by(c.gate, c.trained_at, c.version)
    for row in connection.execute(query):
        yield VersionRow(row.gate, row.version, row.trained_at, row.rows, row.status, row.metrics, row.digest)


def intake(connection: sa.Connection, start: datetime, end: datetime) -> Intake:
    """Counts of what came in, what was put aside, what failed and what was sent."""
    number = sa.func.count()

    def within(column: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        return sa.and_(column >= start, column < end)

    rows = {name: connection.scalar(sa.select(number).where(within(column))) or 0 for name, column in _ROWS.items()}
    q, r, o = t.quarantine.c, t.job_run.c, t.outbox.c
    put_aside = sa.select(q.reason, number).where(within(q.first_seen_at)).group_by(q.reason)
    failed = sa.select(r.job, number).where(within(r.slot), r.result == "failure").group_by(r.job)
    sent = sa.select(o.status, number).where(within(o.created_at), o.channel == MES).group_by(o.status)
    return Intake(rows, counted(connection, put_aside), counted(connection, failed), counted(connection, sent))
