"""When the newest part passed each step, and when the newest outcome of each characteristic became available."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
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
    first, latest, following = _lookups(name, at)
    current = connection.scalar(first)
    while current is not None:
        newest = connection.scalar(latest, {"current": current, "now": now})
        if newest is not None:
            yield current, newest
        current = connection.scalar(following, {"current": current})


@cache
def _lookups(name: sa.Column[Any], at: sa.Column[Any]) -> tuple[sa.Select[Any], sa.Select[Any], sa.Select[Any]]:
    """The first name, the newest time of a name, and the name after it."""
    current, now = sa.bindparam("current", type_=name.type), sa.bindparam("now", type_=at.type)
    return (
        sa.select(sa.func.min(name)),
        sa.select(sa.func.max(at)).where(name == current, at <= now),
        sa.select(sa.func.min(name)).where(name > current),
    )
