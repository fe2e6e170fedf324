"""The plant files that were in force, by digest."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.statements import upsert


def newest_digest(connection: sa.Connection, before: datetime | None = None) -> str | None:
    """The digest of the plant file in force, or of the one that was just before an instant; None where none was."""
    c = t.plant_file.c
    query = sa.select(c.digest).order_by(c.since.desc()).limit(1)
    return connection.scalar(query if before is None else query.where(c.since < before))


def record_plant_file(store: Store, digest: str, content: str, now: datetime) -> None:
    """Keep the plant file; `since` is when it last came into force, also when it did so before."""
    with store.read() as connection:
        if newest_digest(connection) == digest:
            return
    with store.write() as connection:
        upsert(connection, t.plant_file, [{"digest": digest, "content": content, "since": now}])


def first_since(connection: sa.Connection) -> datetime | None:
    """Since when there is a store: when the first plant file was recorded."""
    since: datetime | None = connection.scalar(sa.select(sa.func.min(t.plant_file.c.since)))
    return since


def contents(connection: sa.Connection) -> dict[str, str]:
    """The text of every plant file on record, by digest."""
    c = t.plant_file.c
    return {row.digest: row.content for row in connection.execute(sa.select(c.digest, c.content))}
