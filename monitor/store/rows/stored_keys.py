"""The keys of a source's rows in the store, for comparison with the source."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.instants import to_micros
from monitor.model import RowKey
from monitor.store.database import tables as t
from monitor.store.database.statements import bound
from monitor.store.rows.kinds import KINDS


class StoredKeys(NamedTuple):
    """The keys of a source in a span of time.

    `known`: of any revision in the span, for a correction may have moved a row out of it; `current`: of the last
    revisions; `quarantined`: the texts of the keys of rows in quarantine.
    """

    known: frozenset[RowKey]
    current: frozenset[RowKey]
    quarantined: frozenset[str]


def stored_keys(
    connection: sa.Connection, kind: str, source: str, key: Sequence[str], start: datetime, end: datetime
) -> StoredKeys:
    """The keys of a source in [start, end); `key` names their parts, as its transport does."""
    refused, every, last, readings_between = _between(kind, tuple(key))
    span = {"source": source, "start": start, "end": end}
    quarantined = frozenset(connection.execute(refused, span).scalars())
    if "sensor" in key:
        rows = connection.execute(readings_between, span).all()
        readings = frozenset((machine, name, to_micros(at)) for machine, at, text in rows for name in json.loads(text))
        return StoredKeys(readings, readings, quarantined)
    known = frozenset(tuple(map(_plain, row)) for row in connection.execute(every, span).all())
    if "at" in key:
        return StoredKeys(known, known, quarantined)
    current = frozenset(tuple(map(_plain, row)) for row in connection.execute(last, span).all())
    return StoredKeys(known, current, quarantined)


@cache
def _between(kind: str, key: tuple[str, ...]) -> tuple[sa.Select[Any], ...]:
    """In a span: the keys in quarantine; those of rows; of their last revisions; and readings with their sensors."""
    table, q, r = KINDS[kind], t.quarantine.c, t.reading.c
    source, start, end = bound("source", "start", "end")
    refused = sa.select(q.key).where(q.source == source, q.at >= start, q.at < end)
    readings = sa.select(r.machine, r.at, sa.type_coerce(r["values"], sa.Text))
    readings = readings.where(r.source == source, r.at >= start, r.at < end)
    if "sensor" in key:
        return refused, readings, readings, readings
    columns = [table.c[name] for name in key]
    every = sa.select(*columns).where(table.c.source == source, table.c.at >= start, table.c.at < end)
    return refused, every, every.where(_is_last(table, key)), readings


def _plain(part: object) -> object:
    return to_micros(part) if isinstance(part, datetime) else part


def _is_last(table: sa.Table, key: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether no later revision of a row's key exists."""
    later = table.alias()
    same = [later.c[name] == table.c[name] for name in key]
    return ~sa.exists(sa.select(later.c.arrival).where(*same, later.c.revision > table.c.revision))
