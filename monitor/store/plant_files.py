"""The plant files that were in force, by digest."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.statements import upsert


def newest_digest(connection: sa.Connection, before: datetime | None = None) -> str | None:
    """The digest of the plant file in force, now or just before an instant; None if there was none."""
    c = t.plant_file.c
    query = sa.select(c.digest).order_by(c.since.desc()).limit(1)
    return connection.scalar(query if before is None else query.where(c.since < before))


def record_plant_file(store: Store, digest: str, content: str, now: datetime) -> None:
    """Store the plant file; `since` is when it last came into force."""
    with store.read() as connection:
        if newest_digest(connection) == digest:
            return
    with store.write() as connection:
        upsert(connection, t.plant_file, [{"digest": digest, "content": content, "since": now}])


def store_created_at(connection: sa.Connection) -> datetime | None:
    """When the store was created: when its first plant file was recorded."""
    since: datetime | None = connection.scalar(sa.select(sa.func.min(t.plant_file.c.since)))
    return since


def plant_file_texts(connection: sa.Connection) -> dict[str, str]:
    """The text of every stored plant file, by digest."""
    c = t.plant_file.c
    return {row.digest: row.content for row in connection.execute(sa.select(c.digest, c.content))}
