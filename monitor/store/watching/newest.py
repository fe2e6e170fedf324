"""When the newest part passed each step, and when the newest outcome of each characteristic became available."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.store.database import tables as t


def newest_parts(connection: sa.Connection, now: datetime) -> dict[str, datetime]:
    """By step, until `now`; index lookups only, whatever the history."""
    return dict(_newest(connection, t.part_step.c.step, t.part_step.c.at, now))


def newest_outcomes(connection: sa.Connection, now: datetime) -> dict[str, datetime]:
    """By characteristic, until `now`; index lookups only, whatever the history."""
    return dict(_newest(connection, t.outcome.c.characteristic, t.outcome.c.available_at, now))


def _newest(
    connection: sa.Connection, name: sa.Column[Any], at: sa.Column[Any], now: datetime
) -> Iterator[tuple[str, datetime]]:
    """One lookup for each name: a DISTINCT would read every row."""
    current = connection.scalar(sa.select(sa.func.min(name)))
    while current is not None:
        newest = connection.scalar(sa.select(sa.func.max(at)).where(name == current, at <= now))
        if newest is not None:
            yield current, newest
        current = connection.scalar(sa.select(sa.func.min(name)).where(name > current))
