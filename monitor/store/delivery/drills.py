"""Drills in the store, and what the store shows of the alert of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import DRILL, DRILL_LINE
from monitor.statuses import OutboxStatus
from monitor.store.database import tables as t
from monitor.store.database.rows import fetch_one, select_columns
from monitor.store.delivery.notifications import delivery_statuses

LONGEST = timedelta(minutes=15)
"""After this the metric goes back even if whoever began the drill is gone."""
_EARLIER = timedelta(seconds=5)


class Drill(NamedTuple):
    """A drill for a team: `cleared_at` is when the metric went back, `broken` the link that did not hold, or ''.

    `told_at` is when the dead man's switch was told that all links held.
    """

    id: int
    team: str
    scheduled: bool
    started_at: datetime
    cleared_at: datetime | None = None
    finished_at: datetime | None = None
    broken: str = ""
    sentence: str = ""
    told_at: datetime | None = None


class Trace(NamedTuple):
    """What alert table and outbox show of a drill: whether it fired, was routed and ended, and statuses of messages."""

    fired: bool
    routed: bool
    sent: Mapping[str, Sequence[OutboxStatus]]
    over: bool
    over_sent: Mapping[str, Sequence[OutboxStatus]]


def begin_drill(connection: sa.Connection, team: str, scheduled: bool, now: datetime) -> int | None:
    """Begin a drill; its id, or None while another one of the team runs."""
    d = t.drill.c
    running = sa.select(d.id).where(d.team == team, d.finished_at.is_(None), d.started_at > now - LONGEST)
    if connection.execute(running).first() is not None:
        return None
    row = {"team": team, "scheduled": scheduled, "started_at": now}
    return int(connection.execute(t.drill.insert().values(row).returning(d.id)).scalar_one())


def save_drill(connection: sa.Connection, drill: Drill) -> None:
    """Write how far a drill is."""
    row = drill._asdict()
    connection.execute(t.drill.update().where(t.drill.c.id == row.pop("id")).values(row))


def drill_by_id(connection: sa.Connection, number: int) -> Drill | None:
    """A drill."""
    return fetch_one(connection, Drill, select_columns(Drill, t.drill).where(t.drill.c.id == number))


def newest_scheduled(connection: sa.Connection) -> Drill | None:
    """The newest drill of the schedule."""
    query = select_columns(Drill, t.drill).where(t.drill.c.scheduled.is_(True))
    return fetch_one(connection, Drill, query.order_by(t.drill.c.id.desc()).limit(1))


def drilled_teams(connection: sa.Connection, now: datetime) -> frozenset[str]:
    """The teams for which the metric is moved now."""
    d = t.drill.c
    moved = (d.cleared_at.is_(None), d.started_at > now - LONGEST)
    return frozenset(connection.scalars(sa.select(d.team).where(*moved)))


def trace_of(connection: sa.Connection, drill: Drill, opened: str, resolved: str, urls: int) -> Trace:
    """What the store shows of a drill; `opened` and `resolved` are kinds of notes, `urls` the most that a team has."""
    a, n = t.alert.c, t.notification.c
    # Prometheus may see the metric a little earlier than the drill was committed here.
    since = drill.started_at - _EARLIER
    of_drill = (a.name == DRILL, a.subject == drill.team, a.fired_at >= since)
    newest = sa.select(a.id, a.ended_at).where(*of_drill).order_by(a.id.desc()).limit(1)
    alert = connection.execute(newest).one_or_none()
    notes = sa.select(n.kind, n.message).where(n.team == drill.team, n.line == DRILL_LINE, n.at >= since)
    by_kind: dict[str, str] = {row.kind: row.message for row in connection.execute(notes.order_by(n.id))}
    statuses = delivery_statuses(connection, by_kind.values(), urls)
    told, over = by_kind.get(opened) or by_kind.get(resolved), by_kind.get(resolved, "")
    ended = alert is not None and alert.ended_at is not None
    return Trace(alert is not None, told is not None, statuses.get(told or "", {}), ended, statuses.get(over, {}))
