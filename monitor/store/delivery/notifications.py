"""Stored notifications, and the delivery status of their messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import JsonObject
from monitor.statuses import Announced, OutboxStatus
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert, insert_new
from monitor.store.database.rows import fetch_one, fetch_rows, select_columns


class Notification(NamedTuple):
    """A notification to a team about a line: number `sequence` of an incident, with the events of its alerts."""

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


def newest_by_group(
    connection: sa.Connection, groups: Iterable[tuple[str, str]], excluded: Sequence[str]
) -> Mapping[tuple[str, str], Notification]:
    """The newest notification of each (team, line) that has one, not counting kinds `excluded`."""
    n = t.notification.c
    newest_rows = {}
    for team, line in groups:
        query = select_columns(Notification, t.notification).where(n.team == team, n.line == line)
        query = query.where(n.kind.not_in(excluded))
        row = fetch_one(connection, Notification, query.order_by(n.id.desc()).limit(1))
        if row is not None:
            newest_rows[team, line] = row
    return newest_rows


def recent_counts(
    connection: sa.Connection, now: datetime, within: timedelta, excluded: Sequence[str]
) -> Mapping[str, int]:
    """For each team, how many messages were created within `within` before `now`, not counting kinds `excluded`."""
    n = t.notification.c
    query = sa.select(n.team, sa.func.count(n.message.distinct())).where(
        n.at > now - within, n.at <= now, n.kind.not_in(excluded)
    )
    return {team: int(count) for team, count in connection.execute(query.group_by(n.team))}


def save_notifications(
    connection: sa.Connection,
    notifications: Sequence[Mapping[str, object]],
    outgoing: Sequence[Mapping[str, object]],
    announced: Mapping[int, Announced],
    escalated: Mapping[int, Announced],
) -> None:
    """Write notifications with their outbox messages, and what they announce of each alert, by alert id.

    `escalated` is what they tell other teams, because nobody acknowledged.
    """
    insert(connection, t.notification, notifications)
    insert_new(connection, t.outbox, outgoing)
    for column, by_id in ((t.alert.c.told, announced), (t.alert.c.escalated, escalated)):
        for state in sorted(set(by_id.values())):
            ids = [alert_id for alert_id, value in by_id.items() if value == state]
            connection.execute(t.alert.update().where(t.alert.c.id.in_(ids)).values({column: state}))


def recent_notifications(connection: sa.Connection, count: int) -> list[Notification]:
    """The newest notifications, newest first."""
    query = select_columns(Notification, t.notification).order_by(t.notification.c.id.desc()).limit(count)
    return list(fetch_rows(connection, Notification, query))


def all_notifications(connection: sa.Connection) -> list[Notification]:
    """Every notification, in order of creation."""
    query = select_columns(Notification, t.notification).order_by(t.notification.c.id)
    return list(fetch_rows(connection, Notification, query))


def delivery_statuses(
    connection: sa.Connection, messages: Iterable[str], urls: int
) -> Mapping[str, Mapping[str, list[OutboxStatus]]]:
    """The status of each message by channel, one entry per URL (at most `urls`)."""
    o = t.outbox.c
    keys = [key for message in messages for key in (message, *(f"{message}#{n}" for n in range(2, urls + 1)))]
    query = sa.select(o.key, o.channel, o.status).where(o.channel.like("notify:%"), o.key.in_(keys))
    statuses: dict[str, dict[str, list[OutboxStatus]]] = {}
    for key, channel, status in connection.execute(query.order_by(o.id)):
        statuses.setdefault(key.partition("#")[0], {}).setdefault(channel, []).append(status)
    return statuses
