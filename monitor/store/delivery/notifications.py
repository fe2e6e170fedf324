"""Alerts that are to be told, what was told of them, and the rows that a told message leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.statements import insert_new


def untold(connection: sa.Connection) -> Sequence[Any]:
    """Alerts that fired and whose end was not told, oldest first."""
    a = t.alert.c
    # By the index: nearly all alerts of the past are told to the end.
    query = sa.select(t.alert).where(a.told.in_(("", "fired")), a.fired_at.is_not(None))
    return connection.execute(query.order_by(a.id)).all()


def newest(connection: sa.Connection, groups: Iterable[tuple[str, str]], without: str) -> Mapping[tuple[str, str], Any]:
    """The newest notification of each (team, line) that has one, those of kind `without` aside."""
    n = t.notification
    found = {}
    for team, line in groups:
        query = sa.select(n).where(n.c.team == team, n.c.line == line, n.c.kind != without)
        row = connection.execute(query.order_by(n.c.id.desc()).limit(1)).one_or_none()
        if row is not None:
            found[team, line] = row
    return found


def lately(connection: sa.Connection, now: datetime, within: timedelta, without: str) -> Mapping[str, int]:
    """By team how many messages were made in the time before `now`, those of kind `without` aside."""
    n = t.notification.c
    query = sa.select(n.team, sa.func.count(n.message.distinct())).where(
        n.at > now - within, n.at <= now, n.kind != without
    )
    return {team: int(count) for team, count in connection.execute(query.group_by(n.team))}


def save_notifications(
    connection: sa.Connection,
    notifications: Sequence[Mapping[str, Any]],
    outgoing: Sequence[Mapping[str, Any]],
    told: Mapping[int, str],
) -> None:
    """Write notifications, what carries them, and what of each alert was told with them."""
    if notifications:
        connection.execute(t.notification.insert(), list(notifications))
    insert_new(connection, t.outbox, outgoing)
    for state in sorted(set(told.values())):
        ids = [number for number, value in told.items() if value == state]
        connection.execute(t.alert.update().where(t.alert.c.id.in_(ids)).values(told=state))


def log(connection: sa.Connection, count: int) -> Sequence[Any]:
    """The newest notifications, newest first."""
    return connection.execute(sa.select(t.notification).order_by(t.notification.c.id.desc()).limit(count)).all()


def deliveries(connection: sa.Connection, messages: Iterable[str], urls: int) -> Mapping[str, Mapping[str, list[str]]]:
    """By message and channel, what became of it at each of up to so many URLs."""
    o = t.outbox.c
    keys = [key for message in messages for key in (message, *(f"{message}#{n}" for n in range(2, urls + 1)))]
    query = sa.select(o.key, o.channel, o.status).where(o.channel.like("notify:%"), o.key.in_(keys))
    found: dict[str, dict[str, list[str]]] = {}
    for key, channel, status in connection.execute(query.order_by(o.id)):
        found.setdefault(key.partition("#")[0], {}).setdefault(channel, []).append(status)
    return found
