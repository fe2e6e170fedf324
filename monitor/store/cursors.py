"""How far each job has read each partition of its source."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.bulk import upsert


def position(connection: sa.Connection, job: str, source: str, partition: str) -> datetime | None:
    """How far the partition has been read; None before the first row."""
    key = {"job": job, "source": source, "partition": partition}
    found: datetime | None = connection.execute(_position(), key).scalar_one_or_none()
    return found


def positions(connection: sa.Connection) -> dict[str, datetime]:
    """For each source, the position of its partition furthest behind; sources without a row are left out."""
    query = sa.select(t.cursor.c.source, sa.func.min(t.cursor.c.position)).group_by(t.cursor.c.source)
    return {source: at for source, at in connection.execute(query) if at is not None}


def advance(
    connection: sa.Connection, job: str, source: str, partition: str, to: datetime | None, now: datetime
) -> None:
    """Store how far a partition has been read; a position never goes back."""
    if to is None:
        return
    before = position(connection, job, source, partition)
    if before is None or before < to:
        row = {"job": job, "source": source, "partition": partition, "position": to, "updated_at": now}
        upsert(connection, t.cursor, [row])


@cache
def _position() -> sa.Select[Any]:
    c = t.cursor.c
    return sa.select(c.position).where(*(c[name] == sa.bindparam(name) for name in ("job", "source", "partition")))
