"""Alerts, retraining, model versions and row counts in a report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from alerting.notifications.likely_causes import cited_words
from exporters.report.values import Comparison, Episode, Gain, Intake, Retraining, VersionRow
from monitor.model import JsonObject
from monitor.store.database import tables as t
from monitor.store.delivery.outbox import MES
from monitor.store.report.alarms import fired_at, was_firing
from monitor.store.report.gates import counts_by_name
from monitor.store.watching.causes import likely_causes

_ROWS = {
    "part steps": t.part_step.c.at, "readings": t.reading.c.at, "machine states": t.machine_state.c.at,
    "outcomes": t.outcome.c.at, "dispositions": t.disposition.c.at,
}  # fmt: skip


def episodes(connection: sa.Connection, start: datetime, end: datetime) -> Iterator[Episode]:
    """Alerts that were firing in the period, in order of firing."""
    c = t.alert.c
    query = sa.select(t.alert, fired_at.label("fired")).where(was_firing(start, end))
    causes = likely_causes(connection, start)
    for row in connection.execute(query.order_by(fired_at, c.id)):
        # A report of an earlier period does not include later ends.
        ended = None if row.ended_at is None or row.ended_at >= end else row.ended_at
        named = (row.name, row.subject, row.severity, row.team, row.line)
        cause = cited_words(row.name, row.subject, row.since, row.ended_at, causes)
        yield Episode(*named, row.fired, ended, row.summary, row.value, row.limit, cause)


def retrainings(connection: sa.Connection, start: datetime, end: datetime) -> Iterator[Retraining]:
    """Requests made in the period, and earlier ones that ended in it."""
    c = t.retraining.c
    query = sa.select(t.retraining).where(c.requested_at < end, sa.or_(c.requested_at >= start, c.finished_at >= start))
    for row in connection.execute(query.order_by(c.requested_at, c.id)):
        request = (row.gate, row.cause, row.requested_at, row.state, row.reason)
        models = (row.champion, row.challenger)
        yield Retraining(*request, row.decided_at, row.finished_at, *models, _comparison(row.comparison or {}))


def _comparison(record: JsonObject) -> Comparison | None:
    """The recorded comparison; None if nothing could be compared."""
    if not record.get("overall"):
        return None
    slices = [_gain(f"{entry['kind']} {entry['name']}", entry) for entry in record.get("slices", ())]
    covered = (record.get("champion_coverage"), record.get("challenger_coverage"))
    return Comparison((_gain("all", record["overall"]), *slices), int(record.get("lots", 0)), *covered)


def _gain(name: str, entry: JsonObject) -> Gain:
    numbers = (entry["champion"], entry["challenger"], entry["gain"], entry["low"], entry["high"])
    return Gain(name, int(entry["rows"]), *numbers)


def versions(connection: sa.Connection, end: datetime) -> Iterator[VersionRow]:
    """Model versions trained before the end, oldest first."""
    c = t.model_version.c
    query = sa.select(t.model_version).where(c.trained_at < end).order_by(c.gate, c.trained_at, c.version)
    for row in connection.execute(query):
        yield VersionRow(row.gate, row.version, row.trained_at, row.rows, row.status, row.metrics, row.digest)


def intake(connection: sa.Connection, start: datetime, end: datetime) -> Intake:
    """Counts of rows taken in, rows in quarantine, failed runs and sent messages."""
    number = sa.func.count()

    def within(column: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        return sa.and_(column >= start, column < end)

    rows = {name: connection.scalar(sa.select(number).where(within(column))) or 0 for name, column in _ROWS.items()}
    q, r, o = t.quarantine.c, t.job_run.c, t.outbox.c
    quarantined = sa.select(q.reason, number).where(within(q.first_seen_at)).group_by(q.reason)
    failed = sa.select(r.job, number).where(within(r.slot), r.result == "failure").group_by(r.job)
    sent = sa.select(o.status, number).where(within(o.created_at), o.channel == MES).group_by(o.status)
    return Intake(
        rows,
        counts_by_name(connection, quarantined),
        counts_by_name(connection, failed),
        counts_by_name(connection, sent),
    )
