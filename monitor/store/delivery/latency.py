"""How long recommendations took, from the row that they are on to the MES."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import chunked
from monitor.store.delivery.outbox import MES, OutboxMessage


def latencies(connection: sa.Connection, sent: Sequence[OutboxMessage], now: datetime) -> Iterator[tuple[str, float]]:
    """The step and the seconds of each recommendation among messages that were sent at `now`.

    One whose row was pruned meanwhile is left out.
    """
    rows = [row.payload for row in sent if row.channel == MES]
    p, available = t.part_step.c, dict[tuple[str, str, int, int], datetime]()
    for chunk in chunked(dict.fromkeys(row["serial"] for row in rows)):
        query = sa.select(p.serial, p.step, p.visit, p.revision, p.available_at).where(p.serial.in_(chunk))
        available |= {(r.serial, r.step, r.visit, r.revision): r.available_at for r in connection.execute(query)}
    for row in rows:
        at = available.get((row["serial"], row["step"], row["visit"], row["revision"]))
        if at is not None:
            yield row["step"], max((now - at).total_seconds(), 0.0)
