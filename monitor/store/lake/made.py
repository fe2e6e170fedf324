"""Decisions and findings that the lake lacks, in the order in which they were committed.

The store's own rows are the outbox: they never change and have numbers. Those of part steps, which decisions carry, are
given under a lock that lasts until the commit (`take_arrivals`), so that what has a higher one came later. Those of
findings come from a sequence, which says nothing of the order of commits on PostgreSQL: they count up to a number for
which every transaction that could hold a lower one has ended (`settled_finding`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.lake.taken import Marks, Taken, as_stored, fetch_columns


def settled_finding(connection: sa.Connection) -> int:
    """The highest number below which no finding can be committed any more; 0 without any.

    On PostgreSQL whoever inserts holds a lock on the table from before the number is given until the commit. The lock
    taken here waits for all of them, and is gone with this transaction.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE finding IN SHARE MODE")
    return int(connection.scalar(sa.select(sa.func.coalesce(sa.func.max(t.finding.c.id), 0))) or 0)


def take_findings(connection: sa.Connection, marks: Marks, settled: int, limit: int) -> Taken:
    """The next findings up to the number that is settled."""
    f = t.finding.c
    query = as_stored(t.finding).where(f.id > marks.get("id", 0), f.id <= settled).order_by(f.id).limit(limit)
    columns = fetch_columns(connection, query)
    numbers = columns["id"]
    return Taken(columns, {"id": numbers[-1] if len(numbers) == limit else settled})


def count_findings(connection: sa.Connection, marks: Marks) -> int:
    """How many findings the lake lacks."""
    query = sa.select(sa.func.count()).select_from(t.finding).where(t.finding.c.id > marks.get("id", 0))
    return int(connection.scalar(query) or 0)


def take_decisions(connection: sa.Connection, marks: Marks, arrived: int, limit: int) -> Taken:
    """The next decisions, by the arrival number of the row that each is about, up to `arrived`."""
    d, after = t.decision.c, marks.get("arrival", 0)
    gates = list(_gates(connection))
    last = _last_of_next(connection, gates, after, arrived, limit) if gates else arrived
    between = d.gate.in_(gates), d.arrival > after, d.arrival <= last
    return Taken(
        fetch_columns(connection, as_stored(t.decision).where(*between).order_by(d.arrival)), {"arrival": last}
    )


def _last_of_next(connection: sa.Connection, gates: Sequence[str], after: int, arrived: int, limit: int) -> int:
    """The arrival number of the `limit`-th decision after one, `arrived` if there are fewer; read from an index."""
    a, g = t.decision.c.arrival, t.decision.c.gate
    next_of = (
        sa.select(a).where(g == gate, a > after, a <= arrived).order_by(a).limit(limit).subquery() for gate in gates
    )
    merged = sa.union_all(*(sa.select(found.c.arrival) for found in next_of)).subquery().c.arrival
    first = sa.select(merged).order_by(merged).limit(limit).subquery().c.arrival
    count, last = connection.execute(sa.select(sa.func.count(first), sa.func.max(first))).one()
    return int(last) if count == limit else arrived


def count_decisions(connection: sa.Connection, marks: Marks) -> int:
    """How many decisions the lake lacks."""
    a, g = t.decision.c.arrival, t.decision.c.gate
    between = g.in_(list(_gates(connection))), a > marks.get("arrival", 0)
    return int(connection.scalar(sa.select(sa.func.count()).select_from(t.decision).where(*between)) or 0)


def _gates(connection: sa.Connection) -> Iterator[str]:
    """Every gate that ever decided, also one that the plant file has no more; one index lookup each."""
    gate = t.decision.c.gate
    first = sa.select(sa.func.min(gate))
    name = connection.scalar(first)
    while name is not None:
        yield name
        name = connection.scalar(first.where(gate > name))
