"""The table and key of each kind of source, and row counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
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
    """Distinct keys of a source with a time in [start, end), accepted or in quarantine."""
    table, key = KINDS[kind]
    c, q = table.c, t.quarantine.c
    # Of any revision: a correction may have moved a row into this time.
    keys = sa.select(*(c[name] for name in key)).distinct()
    in_period = keys.where(c.source == source, c.at >= start, c.at < end)
    accepted = sa.select(sa.func.count()).select_from(in_period.subquery())
    quarantined = sa.select(sa.func.count(q.key.distinct())).where(q.source == source, q.at >= start, q.at < end)
    return int(connection.execute(accepted).scalar_one()) + int(connection.execute(quarantined).scalar_one())


def count_rows(connection: sa.Connection) -> dict[str, int]:
    """How many rows of each kind were accepted, by table name."""
    kinds = ("readings", "part_steps", "outcomes", "machine_states", "dispositions")
    tables = [KINDS[kind].table for kind in kinds]
    counts = (connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables)
    return {table.name: int(n) for table, n in zip(tables, counts, strict=True)}
