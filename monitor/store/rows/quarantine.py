"""Rows of the sources that could not be read, as people look at them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.model import JsonObject
from monitor.store.database import tables as t
from monitor.store.database.database import Store
from monitor.store.database.rows import chunked, fetch_rows, select_columns


class QuarantinedRow(NamedTuple):
    """A row of a source that could not be read, as received; `at` is its own time, if it has one.

    `column` is the one to blame, with its `value`. It has left the quarantine if it has a time `resolved_at`.
    """

    id: int
    source: str
    reason: str
    key: str
    at: datetime | None
    row: JsonObject
    digest: str
    first_seen_at: datetime
    column: str
    value: str
    resolved_at: datetime | None


class Refusals(NamedTuple):
    """Rows in quarantine of one source with the same reason, column and value; `key` is that of the newest."""

    source: str
    reason: str
    column: str
    value: str
    rows: int
    newest_at: datetime
    newest_id: int
    key: str = ""


def newest_quarantined(store: Store, newest: int) -> list[QuarantinedRow]:
    """The newest rows in quarantine."""
    q = t.quarantine.c
    query = select_columns(QuarantinedRow, t.quarantine).where(q.resolved_at.is_(None))
    with store.read() as connection:
        return list(fetch_rows(connection, QuarantinedRow, query.order_by(q.id.desc()).limit(newest)))


def newest_refusals(store: Store, newest: int) -> tuple[list[Refusals], int]:
    """Rows in quarantine by reason, column and value, those with the newest row first; and how many there are in all.

    At most `newest` of them.
    """
    q, last = t.quarantine.c, sa.func.max(t.quarantine.c.id)
    what = (q.source, q.reason, q.column, q.value)
    groups = sa.select(*what, sa.func.count(), sa.func.max(q.first_seen_at), last).where(q.resolved_at.is_(None))
    groups = groups.group_by(*what)
    with store.read() as connection:
        many = connection.execute(sa.select(sa.func.count()).select_from(groups.subquery())).scalar_one()
        found = [Refusals(*row) for row in connection.execute(groups.order_by(last.desc()).limit(newest))]
        ids = [row.newest_id for row in found]
        keys = {
            row.id: row.key
            for c in chunked(ids)
            for row in connection.execute(sa.select(q.id, q.key).where(q.id.in_(c)))
        }
    return [row._replace(key=keys[row.newest_id]) for row in found], int(many)


def open_by_reason(store: Store) -> list[tuple[str, str, int]]:
    """Source, reason and number of the rows in quarantine, most first."""
    q, rows = t.quarantine.c, sa.func.count()
    query = sa.select(q.source, q.reason, rows).where(q.resolved_at.is_(None)).group_by(q.source, q.reason)
    with store.read() as connection:
        found = connection.execute(query.order_by(rows.desc(), q.source, q.reason))
        return [(row[0], row[1], int(row[2])) for row in found]


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
    """How many rows were put into quarantine for each reason."""
    q = t.quarantine.c
    return {row[0]: int(row[1]) for row in connection.execute(sa.select(q.reason, sa.func.count()).group_by(q.reason))}
