"""The keys of a source's rows in the store, for comparison with the source."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.instants import to_micros
from monitor.model import RowKey
from monitor.store.database import tables as t
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
    table, q = KINDS[kind], t.quarantine.c
    refused = sa.select(q.key).where(q.source == source, q.at >= start, q.at < end)
    quarantined = frozenset(connection.execute(refused).scalars())
    if "sensor" in key:
        readings = _sensor_keys(connection, source, start, end)
        return StoredKeys(readings, readings, quarantined)
    columns = [table.c[name] for name in key]
    query = sa.select(*columns).where(table.c.source == source, table.c.at >= start, table.c.at < end)
    known = _keys(connection, query)
    current = known if "at" in key else _keys(connection, query.where(_is_last(table, key)))
    return StoredKeys(known, current, quarantined)


def _keys(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> frozenset[RowKey]:
    return frozenset(tuple(map(_plain, row)) for row in connection.execute(query))


def _plain(part: object) -> object:
    return to_micros(part) if isinstance(part, datetime) else part


def _is_last(table: sa.Table, key: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether no later revision of a row's key exists."""
    later = table.alias()
    same = [later.c[name] == table.c[name] for name in key]
    return ~sa.exists(sa.select(later.c.arrival).where(*same, later.c.revision > table.c.revision))


def _sensor_keys(connection: sa.Connection, source: str, start: datetime, end: datetime) -> frozenset[RowKey]:
    """(machine, sensor, at) of readings, a sensor at a time."""
    r = t.reading.c
    query = sa.select(r.machine, r.at, sa.type_coerce(r["values"], sa.Text))
    rows = connection.execute(query.where(r.source == source, r.at >= start, r.at < end))
    return frozenset((machine, name, to_micros(at)) for machine, at, text in rows for name in json.loads(text))
