"""What evaluations of the alerts read, in the store: written by the evaluation, read by a backtest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

import sqlalchemy as sa

from alerting.alerts.readings import Known, Recorded, known_from
from monitor.instants import to_micros
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert
from monitor.store.database.rows import fetch_rows, select_columns

JOB = "alerts"
"""The job that evaluates the alerts."""


class Whole(NamedTuple):
    """The number and the time of a row that holds everything."""

    id: int
    at: datetime


def known_readings(connection: sa.Connection) -> Known:
    """What is on record."""
    r = t.alert_reading.c
    newest = connection.execute(sa.select(sa.func.max(r.id)).where(r.states.is_not(None))).scalar_one_or_none()
    return Known({}, None) if newest is None else known_from(recorded_rows(connection, newest))


def recorded_rows(connection: sa.Connection, first: int) -> Iterator[Recorded]:
    """The rows from one on, by its number, in the order in which they were written."""
    r = t.alert_reading.c
    query = select_columns(Recorded, t.alert_reading).where(r.id >= first).order_by(r.id)
    return fetch_rows(connection, Recorded, query.execution_options(yield_per=1000))


def save_row(connection: sa.Connection, row: Recorded) -> None:
    """Add a row."""
    insert(connection, t.alert_reading, [row._asdict()])


def evaluated_between(connection: sa.Connection, after: datetime, before: datetime | None) -> list[datetime]:
    """When the alerts were evaluated without a failure: after one instant and before another."""
    j = t.job_run.c
    asked = [j.job == JOB, j.result == "success", j.started_at > after]
    asked += [] if before is None else [j.started_at < before]
    return list(connection.execute(sa.select(j.started_at).where(*asked)).scalars())


def newest_evaluation(connection: sa.Connection) -> datetime | None:
    """When the alerts were evaluated last, as far as that is on record."""
    j = t.job_run.c
    ran = sa.select(j.started_at).where(j.job == JOB, j.result == "success").order_by(j.slot.desc()).limit(1)
    times = [connection.execute(query).scalar() for query in (sa.select(sa.func.max(t.alert_reading.c.at)), ran)]
    return None if times[0] is None else max(at for at in times if at is not None)


def first_row(connection: sa.Connection, since: datetime) -> Whole | None:
    """The row to begin with: the newest whole one up to `since`, or else the first; None without any."""
    r = t.alert_reading.c
    whole = sa.select(r.id, r.at).where(r.states.is_not(None)).limit(1)
    before = connection.execute(whole.where(r.at <= since).order_by(r.at.desc(), r.id.desc())).one_or_none()
    found = before or connection.execute(whole.order_by(r.id)).one_or_none()
    return None if found is None else Whole._make(found)


def evaluations(connection: sa.Connection, first: int) -> Sequence[int]:
    """Every evaluation from a row on, in microseconds since 1970: by whole rows, later ones by the runs of the job."""
    r = t.alert_reading.c
    rows = connection.execute(sa.select(r.at, r.evaluated).where(r.id >= first).order_by(r.id))
    found: set[int] = set()
    whole: datetime | None = None
    for at, between in rows:
        found.add(to_micros(at))
        if between is not None:
            if whole is not None:
                found.update(accumulate(between, initial=to_micros(whole)))
            whole = at
    if whole is not None:
        found.update(map(to_micros, evaluated_between(connection, whole, None)))
    return sorted(found)
