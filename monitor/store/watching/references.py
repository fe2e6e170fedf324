"""Frozen references: the newest version of each is in force; older ones are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import JsonObject
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new
from monitor.store.database.database import Store
from monitor.store.database.leases import Lease, renew
from monitor.store.database.rows import fetch_one, fetch_rows, select_columns


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
    content: JsonObject


class Reference(NamedTuple):
    """A version of a reference without its content."""

    detector: str
    subject: str
    version: int
    frozen_at: datetime
    first_arrival: int
    last_arrival: int
    rows: int
    digest: str
    cause: str


class FrozenReference(NamedTuple):
    """A version of a reference with its content."""

    detector: str
    subject: str
    version: int
    frozen_at: datetime
    digest: str
    content: JsonObject


def version_in_force(connection: sa.Connection, detector: str, subject: str) -> int | None:
    """The number of the newest version; None before the first."""
    version: int | None = connection.execute(_IN_FORCE, {"detector": detector, "subject": subject}).scalar()
    return version


_IN_FORCE = sa.select(sa.func.max(t.reference.c.version)).where(
    t.reference.c.detector == sa.bindparam("detector"), t.reference.c.subject == sa.bindparam("subject")
)


def reference_in_force(connection: sa.Connection, detector: str, subject: str) -> FrozenReference | None:
    """The newest version; None before the first."""
    c = t.reference.c
    query = select_columns(FrozenReference, t.reference).where(c.detector == detector, c.subject == subject)
    return fetch_one(connection, FrozenReference, query.order_by(c.version.desc()).limit(1))


def freeze(store: Store, lease: Lease | None, new: NewReference, now: datetime) -> int:
    """Store the reference as the next version, under a lease if a job does it; returns the version.

    A reference with the digest of the one in force is not stored again.
    """
    with store.write() as connection:
        if lease is not None:
            renew(store, connection, lease)
        current = reference_in_force(connection, new.detector, new.subject)
        if current is not None and current.digest == new.digest:
            return int(current.version)
        version = 1 if current is None else current.version + 1
        row = {
            "detector": new.detector, "subject": new.subject, "version": version, "frozen_at": now,
            "first_arrival": new.first_arrival, "last_arrival": new.last_arrival, "rows": new.rows,
            "digest": new.digest, "cause": new.cause, "content": new.content,
        }  # fmt: skip
        insert_new(connection, t.reference, [row])
        return int(version)


def versions(connection: sa.Connection) -> list[Reference]:
    """Every version of every reference, by detector, subject and version."""
    c = t.reference.c
    query = select_columns(Reference, t.reference).order_by(c.detector, c.subject, c.version)
    return list(fetch_rows(connection, Reference, query))
