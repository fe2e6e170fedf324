"""Rows of the sources that could not be read."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import JsonObject, Reject
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.rows import chunked, fetch_rows, select_columns
from monitor.store.database.statements import TallyKey, add_counts, insert_new, tally_key


class QuarantinedRow(NamedTuple):
    """A row of a source that could not be read, as received; `at` is its own time, if it has one."""

    id: int
    source: str
    reason: str
    key: str
    at: datetime | None
    row: JsonObject
    digest: str
    first_seen_at: datetime


def newest_quarantined(store: Store, newest: int) -> list[QuarantinedRow]:
    """The newest rows in quarantine."""
    query = select_columns(QuarantinedRow, t.quarantine).order_by(t.quarantine.c.id.desc()).limit(newest)
    with store.read() as connection:
        return list(fetch_rows(connection, QuarantinedRow, query))


def quarantined_with_key(connection: sa.Connection, value: str) -> Iterator[QuarantinedRow]:
    """Rows in quarantine with this value in any key column."""
    # Not LIKE: SQLite refuses long patterns and ignores case.
    position = sa.func.instr if connection.dialect.name == "sqlite" else sa.func.strpos
    spellings = sorted({json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]})
    containing = sa.or_(*(position(t.quarantine.c.key, text) > 0 for text in spellings))
    query = select_columns(QuarantinedRow, t.quarantine).where(containing).order_by(t.quarantine.c.id)
    return (row for row in fetch_rows(connection, QuarantinedRow, query) if value in _key_values(row.key))


def _key_values(key: str) -> Iterable[object]:
    try:
        values = json.loads(key)
    except ValueError:
        return (key,)
    if isinstance(values, dict):
        return values.values()
    return values if isinstance(values, list) else (values,)


def counts_by_reason(connection: sa.Connection) -> dict[str, int]:
    """How many rows are in quarantine for each reason."""
    q = t.quarantine.c
    return {row[0]: int(row[1]) for row in connection.execute(sa.select(q.reason, sa.func.count()).group_by(q.reason))}


def write_rejects(connection: sa.Connection, source: str, rejects: Sequence[Reject], now: datetime) -> int:
    """Put rows into quarantine, each only once; returns how many were new."""
    if not rejects:
        return 0
    by_digest: dict[str, Reject] = {}
    for r in rejects:
        text = json.dumps([r.reason.value, r.key, dict(r.row)], sort_keys=True)
        by_digest[hashlib.blake2b(text.encode(), digest_size=16).hexdigest()] = r
    q = t.quarantine.c
    stored: set[str] = set()
    for digests in chunked(by_digest):
        known = sa.select(q.digest).where(q.source == source, q.digest.in_(digests))
        stored |= set(connection.execute(known).scalars())
    new = {d: r for d, r in by_digest.items() if d not in stored}
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
        tallies[tally_key("gatewatch_source_rows_total", source=source, outcome="quarantined")] += 1
        tallies[tally_key("gatewatch_source_quarantined_rows_total", source=source, reason=r.reason.value)] += 1
    add_counts(connection, tallies)
    return len(new)
