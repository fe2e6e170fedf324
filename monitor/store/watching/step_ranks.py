"""The newest ranking of the plant's steps, by characteristic."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from exporters.metrics.shared.snapshot import StepRankRow
from monitor.store.database import tables as t
from monitor.store.database.bulk import insert
from monitor.store.database.rows import fetch_rows, select_columns


def keep_ranks(connection: sa.Connection, characteristic: str, rows: Sequence[StepRankRow]) -> None:
    """Put a ranking in the place of the one before of its characteristic."""
    connection.execute(t.step_rank.delete().where(t.step_rank.c.characteristic == characteristic))
    insert(connection, t.step_rank, [row._asdict() for row in rows])


def step_ranks(connection: sa.Connection) -> list[StepRankRow]:
    """Every step of the newest rankings, by characteristic and step."""
    c = t.step_rank.c
    return list(
        fetch_rows(connection, StepRankRow, select_columns(StepRankRow, t.step_rank).order_by(c.characteristic, c.step))
    )
