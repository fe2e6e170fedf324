"""Notifications on record, and what became of the messages that carried them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import JsonObject
from monitor.statuses import Announced, OutboxStatus
from monitor.store.database import tables as t
from monitor.store.database.rows import fetched, one_of, selected
from monitor.store.database.statements import insert_new


class Notification(NamedTuple):
    """What a team was told of a line: the number `sequence` of an incident, with the events of its alerts."""

    id: int
    key: str
    message: str
    team: str
    line: str
    incident: str
    sequence: int
    kind: str
    at: datetime
    alerts: Sequence[JsonObject]
    title: str
    body: str


def newest(
    connection: sa.Connection, groups: Iterable[tuple[str, str]], without: str
) -> Mapping[tuple[str, str], Notification]:
    """The newest notification of each (team, line) that has one, those of kind `without` aside."""
    n = t.notification.c
    found = {}
    for team, line in groups:
        query = selected(Notification, t.notification).where(n.team == team, n.line == line, n.kind != without)
        row = one_of(connection, Notification, query.order_by(n.id.desc()).limit(1))
        if row is not None:
            found[team, line] = row
    return found


def recent_counts(connection: sa.Connection, now: datetime, within: timedelta, without: str) -> Mapping[str, int]:
    """By team how many messages were made in the time before `now`, those of kind `without` aside."""
    n = t.notification.c
    query = sa.select(n.team, sa.func.count(n.message.distinct())).where(
        n.at > now - within, n.at <= now, n.kind != without
    )
    return {team: int(count) for team, count in connection.execute(query.group_by(n.team))}


def save_notifications(
    connection: sa.Connection,
    notifications: Sequence[Mapping[str, object]],
    outgoing: Sequence[Mapping[str, object]],
    told: Mapping[int, Announced],
) -> None:
    """Write notifications, what carries them, and what of each alert was told with them."""
    if notifications:
        connection.execute(t.notification.insert(), list(notifications))
    insert_new(connection, t.outbox, outgoing)
    for state in sorted(set(told.values())):
        ids = [number for number, value in told.items() if value == state]
        connection.execute(t.alert.update().where(t.alert.c.id.in_(ids)).values(told=state))


def log(connection: sa.Connection, count: int) -> list[Notification]:
    """The newest notifications, newest first."""
    query = selected(Notification, t.notification).order_by(t.notification.c.id.desc()).limit(count)
    return list(fetched(connection, Notification, query))


def all_notifications(connection: sa.Connection) -> list[Notification]:
    """Every notification, in the order of being made."""
    query = selected(Notification, t.notification).order_by(t.notification.c.id)
    return list(fetched(connection, Notification, query))


def deliveries(
    connection: sa.Connection, messages: Iterable[str], urls: int
) -> Mapping[str, Mapping[str, list[OutboxStatus]]]:
    """By message and channel, what became of it at each of up to so many URLs."""
    o = t.outbox.c
    keys = [key for message in messages for key in (message, *(f"{message}#{n}" for n in range(2, urls + 1)))]
    query = sa.select(o.key, o.channel, o.status).where(o.channel.like("notify:%"), o.key.in_(keys))
    found: dict[str, dict[str, list[OutboxStatus]]] = {}
    for key, channel, status in connection.execute(query.order_by(o.id)):
        found.setdefault(key.partition("#")[0], {}).setdefault(channel, []).append(status)
    return found
