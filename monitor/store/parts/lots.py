"""The parts of a lot, by the newest passages of each step: bounded, however many rows there are."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import fetch_rows, select_columns
from monitor.store.parts.around import NearPassage

LOOK = 20_000
"""Newest passages of a step among which those of the lot are looked for."""


def passages_of_lot(connection: sa.Connection, lot: str, steps: Iterable[str]) -> list[NearPassage]:
    """The passages of a lot through these steps as first recorded, the newest first."""
    rows: list[NearPassage] = []
    for step in steps:
        p = t.part_step.c
        query = select_columns(NearPassage, t.part_step).where(p.step == step, p.revision == 0)
        newest = query.order_by(p.at.desc(), p.arrival.desc()).limit(LOOK).subquery()
        rows += fetch_rows(connection, NearPassage, sa.select(newest).where(newest.c.lot == lot))
    return sorted(rows, key=lambda row: (row.at, row.arrival), reverse=True)
