"""The table of each kind of source, and row counts."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from monitor.store.database import tables as t

KINDS: Mapping[str, sa.Table] = {
    "part_steps": t.part_step,
    "readings": t.reading,
    "machine_states": t.machine_state,
    "outcomes": t.outcome,
    "dispositions": t.disposition,
}
"""The table of the rows, by the `kind` of a source in the plant file."""


def count_rows(connection: sa.Connection) -> dict[str, int]:
    """How many rows of each kind were accepted, by table name."""
    kinds = ("readings", "part_steps", "outcomes", "machine_states", "dispositions")
    tables = [KINDS[kind] for kind in kinds]
    counts = (connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables)
    return {table.name: int(n) for table, n in zip(tables, counts, strict=True)}
