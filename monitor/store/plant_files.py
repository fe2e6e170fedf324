"""The plant files that were in force, by digest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.bulk import upsert
from monitor.store.database.database import Store


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


def redact_plant_files(store: Store, redacted: Callable[[str], str]) -> int:
    """Replace the stored texts that hold secrets; how many. Their digests stay."""
    with store.read() as connection:
        changed = {
            digest: new for digest, text in plant_file_texts(connection).items() if (new := redacted(text)) != text
        }
    if not changed:
        return 0
    with store.write() as connection:
        if store.is_sqlite:
            # Else the old text would stay in the file, and in its backups, until the space is used again.
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
        for digest, text in changed.items():
            connection.execute(t.plant_file.update().where(t.plant_file.c.digest == digest).values(content=text))
    store.shorten_log()
    return len(changed)


def store_created_at(connection: sa.Connection) -> datetime | None:
    """When the store was created: when its first plant file was recorded."""
    since: datetime | None = connection.scalar(sa.select(sa.func.min(t.plant_file.c.since)))
    return since


def plant_file_texts(connection: sa.Connection) -> dict[str, str]:
    """The text of every stored plant file, by digest."""
    c = t.plant_file.c
    return {row.digest: row.content for row in connection.execute(sa.select(c.digest, c.content))}


def plant_file_text(connection: sa.Connection, digest: str) -> str | None:
    """The text of one stored plant file; None if there is none of that digest."""
    c = t.plant_file.c
    text: str | None = connection.scalar(sa.select(c.content).where(c.digest == digest))
    return text
