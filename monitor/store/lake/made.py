"""Decisions and findings that the lake lacks, in the order in which they were committed.

The store's own rows are the outbox: they never change and have numbers. Those of part steps, which decisions carry, are
given under a lock that lasts until the commit (`take_arrivals`), so that what has a higher one came later. Those of
findings come from a sequence, which says nothing of the order of commits on PostgreSQL: they count up to a number for
which every transaction that could hold a lower one has ended (`settled_finding`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.lake.taken import Marks, Taken, by_column


def _as_stored(table: sa.Table) -> list[sa.ColumnElement[Any]]:
    """The columns of a table, JSON as the text that the store holds."""
    return [sa.type_coerce(c, sa.Text).label(c.name) if isinstance(c.type, t.JsonText) else c for c in table.c]


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
    columns = _as_stored(t.finding)
    query = sa.select(*columns).where(f.id > marks.get("id", 0), f.id <= settled).order_by(f.id).limit(limit)
    rows = connection.execute(query).all()
    last = rows[-1].id if len(rows) == limit else settled
    return Taken(by_column([c.name for c in columns], rows), {"id": int(last)})


def count_findings(connection: sa.Connection, marks: Marks) -> int:
    """How many findings the lake lacks."""
    query = sa.select(sa.func.count()).select_from(t.finding).where(t.finding.c.id > marks.get("id", 0))
    return int(connection.scalar(query) or 0)


def take_decisions(connection: sa.Connection, marks: Marks, arrived: int, limit: int) -> Taken:
    """The next decisions, by the arrival number of the row that each is about, up to `arrived`."""
    columns = _as_stored(t.decision)
    last = _last_of_next(connection, marks.get("arrival", 0), arrived, limit)
    a, g = t.decision.c.arrival, t.decision.c.gate
    between = g.in_(list(_gates(connection))), a > marks.get("arrival", 0), a <= last
    rows = connection.execute(sa.select(*columns).where(*between).order_by(a)).all()
    return Taken(by_column([c.name for c in columns], rows), {"arrival": last})


def _last_of_next(connection: sa.Connection, after: int, arrived: int, limit: int) -> int:
    """The arrival number of the `limit`-th decision after one, `arrived` if there are fewer; read from indexes."""
    a, g = t.decision.c.arrival, t.decision.c.gate
    found: list[int] = []
    for gate in _gates(connection):
        query = sa.select(a).where(g == gate, a > after, a <= arrived).order_by(a).limit(limit)
        found += connection.scalars(query)
    return sorted(found)[limit - 1] if len(found) >= limit else arrived


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
