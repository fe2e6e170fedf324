"""The table and key of each kind of source, and row counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t


class RowsOf(NamedTuple):
    """The table of a kind of source, and its key columns, as far as the source's own table has them."""

    table: sa.Table
    key: tuple[str, ...]


KINDS: Mapping[str, RowsOf] = {
    "part_steps": RowsOf(t.part_step, ("serial", "step", "visit")),
    "readings": RowsOf(t.reading, ("machine", "at")),
    "machine_states": RowsOf(t.machine_state, ("machine", "at")),
    "outcomes": RowsOf(t.outcome, ("serial", "at")),
    "dispositions": RowsOf(t.disposition, ("serial", "step", "at")),
}
"""By the `kind` of a source in the plant file."""


def count_stored(connection: sa.Connection, kind: str, source: str, start: datetime, end: datetime) -> int:
    """Distinct keys of a source with a time in [start, end), accepted or still in quarantine."""
    period = {"of_source": source, "start": start, "end": end}
    return sum(int(connection.execute(query, period).scalar_one()) for query in _counting(kind))


@lru_cache
def _counting(kind: str) -> tuple[sa.Select[int], sa.Select[int]]:
    """The queries of `count_stored`, built once: they run for every hour of every source."""
    table, key = KINDS[kind]
    # Of any revision: a correction may have moved a row into this time.
    keys = sa.select(*(table.c[name] for name in key)).where(*_in_period(table)).distinct()
    q = t.quarantine.c
    quarantined = sa.select(sa.func.count(q.key.distinct())).where(*_in_period(t.quarantine), q.resolved_at.is_(None))
    return sa.select(sa.func.count()).select_from(keys.subquery()), quarantined


def _in_period(table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    c = table.c
    source: sa.BindParameter[str] = sa.bindparam("of_source")
    start: sa.BindParameter[datetime] = sa.bindparam("start")
    end: sa.BindParameter[datetime] = sa.bindparam("end")
    return c.source == source, c.at >= start, c.at < end


def count_rows(connection: sa.Connection) -> dict[str, int]:
    """How many rows of each kind were accepted, by table name."""
    kinds = ("readings", "part_steps", "outcomes", "machine_states", "dispositions")
    tables = [KINDS[kind].table for kind in kinds]
    counts = (connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables)
    return {table.name: int(n) for table, n in zip(tables, counts, strict=True)}
