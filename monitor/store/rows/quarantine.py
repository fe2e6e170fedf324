"""Rows of the sources that could not be read."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.model import Reject
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.statements import TallyKey, count, insert_new, tallied


def quarantined(store: Store, newest: int) -> Sequence[Any]:
    """The newest rows in quarantine."""
    query = sa.select(t.quarantine).order_by(t.quarantine.c.id.desc()).limit(newest)
    with store.read() as connection:
        return connection.execute(query).all()


def write_rejects(connection: sa.Connection, source: str, rejects: Sequence[Reject], now: datetime) -> int:
    """Put rows into quarantine, each once however often it is read; how many were new."""
    if not rejects:
        return 0
    by_digest: dict[str, Reject] = {}
    for r in rejects:
        text = json.dumps([r.reason.value, r.key, dict(r.row)], sort_keys=True)
        by_digest[hashlib.blake2b(text.encode(), digest_size=16).hexdigest()] = r
    where = (t.quarantine.c.source == source, t.quarantine.c.digest.in_(by_digest))
    known = set(connection.execute(sa.select(t.quarantine.c.digest).where(*where)).scalars())
    new = {d: r for d, r in by_digest.items() if d not in known}
    rows = [
        {
            "source": source, "reason": r.reason.value, "key": r.key, "at": r.at, "row": dict(r.row), "digest": d,
            "first_seen_at": now,
        }
        for d, r in new.items()
    ]  # fmt: skip
    insert_new(connection, t.quarantine, rows)
    tallies: Counter[TallyKey] = Counter()
    for r in new.values():
        tallies[tallied("gatewatch_source_rows_total", source=source, outcome="quarantined")] += 1
        tallies[tallied("gatewatch_source_quarantined_rows_total", source=source, reason=r.reason.value)] += 1
    count(connection, tallies)
    return len(new)
