"""The alerts that Alertmanager does not send because they are silenced there, as it was last read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from alerting.alerts.silences import Held
from alerting.handling.shelves import Origin, Shelf
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert
from monitor.store.database.database import Store
from monitor.store.database.rows import fetch_rows, select_columns


def held_alerts(connection: sa.Connection) -> list[Held]:
    """All of them, in the order of their keys."""
    s = t.silence.c
    return list(fetch_rows(connection, Held, select_columns(Held, t.silence).order_by(s.name, s.condition, s.subject)))


def save_held(connection: sa.Connection, held: Sequence[Held]) -> None:
    """Replace all of them."""
    connection.execute(t.silence.delete())
    insert(connection, t.silence, [row._asdict() for row in held])


def forget_held(store: Store) -> None:
    """Drop all of them, where Alertmanager is not read any more."""
    with store.read() as connection:
        held = held_alerts(connection)
    if held:
        with store.write() as connection:
            save_held(connection, [])


def silenced_by_people(connection: sa.Connection, now: datetime) -> list[Shelf]:
    """Those of them that people silenced in Alertmanager, as shelves, the first to come back first."""
    theirs = [row for row in held_alerts(connection) if row.until > now and not row.ours]
    return [
        Shelf(row.name, row.subject, row.at, row.until, row.actor, row.reason, Origin.ALERTMANAGER, row.condition)
        for row in sorted(theirs, key=lambda row: (row.until, row.name))
    ]
