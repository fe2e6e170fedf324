"""The alerts that fired, as the figures of alarm quality take them, for the report, the page and the metrics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from alerting.quality.figures import FLOOD_WITHIN, AlarmQuality, Fired, alarm_quality
from monitor.statuses import AlertStatus
from monitor.store.database import tables as t

NEWEST = timedelta(days=7)
"""How far back the page and the metrics look."""

Bound = datetime | sa.BindParameter[datetime]

fired_at = sa.func.coalesce(t.alert.c.fired_at, t.alert.c.since, type_=t.UtcDateTime())
"""When an alert fired; those of an older store have no time of firing."""


def was_firing(start: Bound, end: Bound) -> sa.ColumnElement[bool]:
    """The condition of an alert that was firing at some time from `start` (inclusive) to `end` (exclusive)."""
    c = t.alert.c
    still = sa.or_(c.ended_at.is_(None), c.ended_at >= start)
    return sa.and_(c.state != AlertStatus.PENDING, fired_at < end, still)


def newest_quality(connection: sa.Connection, now: datetime) -> AlarmQuality:
    """The figures of the newest days until `now` (aware UTC): one read by index, of the alerts of these days."""
    return quality_between(connection, newest_start(connection, now), now)


def newest_start(connection: sa.Connection, now: datetime) -> datetime:
    """The start of the newest days: 7 days back, or the first alert of a younger store, of which Watchdog is one."""
    first = connection.scalar(_first())
    start = now - NEWEST if first is None else max(now - NEWEST, first)
    return min(start, now - FLOOD_WITHIN)


@cache
def _first() -> sa.Select[Any]:
    return sa.select(fired_at).where(t.alert.c.state != AlertStatus.PENDING).order_by(t.alert.c.id).limit(1)


def quality_between(connection: sa.Connection, start: datetime, end: datetime) -> AlarmQuality:
    """The figures from `start` (inclusive) to `end` (exclusive), as known at its end."""
    return alarm_quality(fired(connection, start, end), start, end)


def fired(connection: sa.Connection, start: datetime, end: datetime) -> Iterator[Fired]:
    """The alerts that were firing in the period."""
    return (Fired._make(row) for row in connection.execute(_fired(), {"start": start, "end": end}))


@cache
def _fired() -> sa.Select[Any]:
    c = t.alert.c
    start: sa.BindParameter[datetime] = sa.bindparam("start")
    end: sa.BindParameter[datetime] = sa.bindparam("end")
    columns = (c.name, c.subject, c.severity, c.team, fired_at.label("fired"), c.ended_at, c.acknowledged_at)
    return sa.select(*columns).where(was_firing(start, end))
