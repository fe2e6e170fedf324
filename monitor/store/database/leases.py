"""Leases with fencing tokens: which process may run a job, checked again inside each of its commits.

After M. Kleppmann, "How to do distributed locking" (2016): the token `fence` increases with every take-over, and a
write with an older token is refused, however late it comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from monitor.errors import FencedError
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert_new
from monitor.store.database.database import Store


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write for `name`; another process may take it over `ttl` seconds after the last renewal."""

    name: str
    holder: str
    fence: int
    ttl: float


def acquire(store: Store, name: str, holder: str, ttl: float) -> Lease | None:
    """The lease, new or taken over after it expired; None while another process holds it."""
    with store.write() as connection:
        now = store.wall_seconds(connection)
        query = sa.select(t.lease).where(t.lease.c.name == name)
        query = query if store.is_sqlite else query.with_for_update()
        row = connection.execute(query).one_or_none()
        if row is None:
            # A new lease: if two processes acquire it at once, the second waits here for the first.
            insert_new(connection, t.lease, [{"name": name, "holder": "", "fence": 0, "expires_at": 0.0}])
            row = connection.execute(query).one()
        if row.holder != holder and row.expires_at > now:
            shorten(store, connection, ttl)
            return None
        fence = row.fence + (row.holder != holder)
        update = t.lease.update().where(t.lease.c.name == name, t.lease.c.fence == row.fence)
        result = connection.execute(update.values(holder=holder, fence=fence, expires_at=now + ttl))
        return Lease(name, holder, fence, ttl) if result.rowcount == 1 else None


def take_over(store: Store, name: str, holder: str, ttl: float) -> Lease:
    """The lease, also while another process holds it: what that one evaluates meanwhile is refused and done again."""
    with store.write() as connection:
        insert_new(connection, t.lease, [{"name": name, "holder": "", "fence": 0, "expires_at": 0.0}])
        values = {"holder": holder, "fence": t.lease.c.fence + 1, "expires_at": store.wall_seconds(connection) + ttl}
        connection.execute(t.lease.update().where(t.lease.c.name == name).values(values))
        fence = connection.execute(sa.select(t.lease.c.fence).where(t.lease.c.name == name)).scalar_one()
        return Lease(name, holder, fence, ttl)


def shorten(store: Store, connection: sa.Connection, ttl: float) -> None:
    """Let no lease last longer than one that is renewed now: a longer one is from a clock that was ahead.

    Its holder, if it lives, renews it as ever; otherwise another process takes it over after `ttl`.
    """
    latest = store.wall_seconds(connection) + ttl
    connection.execute(t.lease.update().where(t.lease.c.expires_at > latest).values(expires_at=latest))


def renew(store: Store, connection: sa.Connection, lease: Lease) -> None:
    """Renew the lease inside the transaction that writes under it; FencedError if another process took it over."""
    values = {"lease_name": lease.name, "lease_holder": lease.holder, "lease_fence": lease.fence, "ttl": lease.ttl}
    if connection.execute(_renewal(store.clock), values).rowcount != 1:
        raise FencedError(f"lease {lease.name!r}: another process took over; this process's late write was refused")


@cache
def _renewal(clock: str) -> sa.Update:
    """The statement, built once because every commit renews a lease."""
    c, bound = t.lease.c, sa.bindparam
    update = t.lease.update().where(
        c.name == bound("lease_name"), c.holder == bound("lease_holder"), c.fence == bound("lease_fence")
    )
    return update.values(expires_at=sa.literal_column(clock, sa.Double) + bound("ttl", type_=sa.Double))


def release_of_dead(store: Store, holder: str) -> None:
    """Let other processes acquire at once what a process held that has ended for certain.

    A statement of its that a database server still works on is committed first, or refused when another acquires.
    """
    with store.write() as connection:
        connection.execute(t.lease.update().where(t.lease.c.holder == holder).values(expires_at=0.0))


def release(store: Store, leases: Sequence[Lease]) -> None:
    """Let other processes acquire the leases at once; one that another process already holds stays as it is."""
    if not leases:
        return
    with store.write() as connection:
        for lease in leases:
            update = t.lease.update().where(t.lease.c.name == lease.name, t.lease.c.holder == lease.holder)
            connection.execute(update.where(t.lease.c.fence == lease.fence).values(expires_at=0.0))
