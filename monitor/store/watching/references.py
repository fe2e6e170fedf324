"""The frozen references of the store: the newest version of each is in force, the older ones stay on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease, prove
from monitor.store.database.statements import insert_new


@dataclass(frozen=True, slots=True)
class NewReference:
    """A reference to freeze; `cause` says why, for people."""

    detector: str
    subject: str
    first_arrival: int
    last_arrival: int
    rows: int
    digest: str
    cause: str
    content: dict[str, Any]


def reference_in_force(connection: sa.Connection, detector: str, subject: str) -> Any:
    """The row of the newest version, or None."""
    c = t.reference.c
    query = sa.select(t.reference).where(c.detector == detector, c.subject == subject)
    return connection.execute(query.order_by(c.version.desc()).limit(1)).one_or_none()


def freeze(store: Store, lease: Lease | None, new: NewReference, now: datetime) -> int:
    """Keep the reference as the next version, under a lease where a job does it; its version.

    What is in force already, row for row, is not frozen again.
    """
    with store.write() as connection:
        if lease is not None:
            prove(store, connection, lease)
        known = reference_in_force(connection, new.detector, new.subject)
        if known is not None and known.digest == new.digest:
            return int(known.version)
        version = 1 if known is None else known.version + 1
        row = {
            "detector": new.detector, "subject": new.subject, "version": version, "frozen_at": now,
            "first_arrival": new.first_arrival, "last_arrival": new.last_arrival, "rows": new.rows,
            "digest": new.digest, "cause": new.cause, "content": new.content,
        }  # fmt: skip
        insert_new(connection, t.reference, [row])
        return int(version)


def versions(connection: sa.Connection) -> Sequence[Any]:
    """Every version of every reference without its content, by detector, subject and version."""
    c = t.reference.c
    columns = [column for column in t.reference.c if column is not c.content]
    return connection.execute(sa.select(*columns).order_by(c.detector, c.subject, c.version)).all()
