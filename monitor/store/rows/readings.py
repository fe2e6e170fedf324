"""Stored readings, for detectors that start from their history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from monitor.store.database import tables as t

_REBUILD_ROWS = 5000


def stored_readings(connection: sa.Connection, machine: str, after: int) -> Iterator[Sequence[Any]]:
    """A machine's first revisions after an arrival number, in arrival order, some thousand at a time."""
    while True:
        query = (
            sa.select(t.reading)
            .where(t.reading.c.machine == machine, t.reading.c.arrival > after, t.reading.c.revision == 0)
            .order_by(t.reading.c.arrival)
            .limit(_REBUILD_ROWS)
        )
        rows = connection.execute(query).all()
        if not rows:
            return
        after = rows[-1].arrival
        yield rows


def _last_arrival(connection: sa.Connection) -> int:
    """The last number given out: the memory has seen every row of its machine so far, also those pruned since."""
    query = sa.select(t.sequence.c.value).where(t.sequence.c.name == "arrival")
    return int(connection.execute(query).scalar_one())
