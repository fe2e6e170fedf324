"""What evaluations of the alerts read, in the store: written by the evaluation, read by a backtest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import accumulate

import sqlalchemy as sa

from alerting.alerts.readings import Known, Recorded, known_from, microseconds
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert
from monitor.store.database.rows import fetch_rows, select_columns


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


def evaluated_between(connection: sa.Connection, job: str, after: datetime, before: datetime | None) -> list[datetime]:
    """When the alerts were evaluated without a failure: after one instant and before another."""
    j = t.job_run.c
    asked = [j.job == job, j.result == "success", j.started_at > after]
    asked += [] if before is None else [j.started_at < before]
    return list(connection.execute(sa.select(j.started_at).where(*asked)).scalars())


def first_row(connection: sa.Connection, since: datetime) -> int | None:
    """The number of the row to begin with: the newest whole one up to `since`, or else the first; None without any."""
    r = t.alert_reading.c
    whole = r.states.is_not(None)
    for query in (sa.select(sa.func.max(r.id)).where(whole, r.at <= since), sa.select(sa.func.min(r.id)).where(whole)):
        found: int | None = connection.execute(query).scalar_one_or_none()
        if found is not None:
            return found
    return None


def evaluations(connection: sa.Connection, job: str, first: int) -> Sequence[int]:
    """Every evaluation from a row on, in microseconds since 1970: by whole rows, later ones by the runs of the job."""
    r = t.alert_reading.c
    rows = connection.execute(sa.select(r.at, r.evaluated).where(r.id >= first).order_by(r.id))
    found: set[int] = set()
    whole: datetime | None = None
    for at, between in rows:
        found.add(microseconds(at))
        if between is not None:
            if whole is not None:
                found.update(accumulate(between, initial=microseconds(whole)))
            whole = at
    if whole is not None:
        found.update(map(microseconds, evaluated_between(connection, job, whole, None)))
    return sorted(found)
