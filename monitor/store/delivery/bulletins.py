"""The newest handover, and the newest report of each schedule: one row of each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import JsonObject
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new, upsert
from monitor.store.database.rows import fetch_one, select_columns


class Bulletin(NamedTuple):
    """When the newest of a kind was due and when it was made; `content` is what the next one is compared with."""

    kind: str
    due: datetime
    at: datetime
    content: JsonObject


def newest_bulletin(connection: sa.Connection, kind: str) -> Bulletin | None:
    """The newest of a kind; None before the first."""
    return fetch_one(connection, Bulletin, select_columns(Bulletin, t.bulletin).where(t.bulletin.c.kind == kind))


def save_bulletin(connection: sa.Connection, bulletin: Bulletin, outgoing: Sequence[Mapping[str, object]]) -> None:
    """Put it in place of the one before, with its messages; a message that is in the outbox already stays as it is."""
    upsert(connection, t.bulletin, [bulletin._asdict()])
    insert_new(connection, t.outbox, outgoing)
