"""The passages through a step before and after one, and what was decided on them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import chunked, fetch_rows, select_columns
from monitor.store.parts.lists import ListedDecision

LOOK = 100
"""Passages of the step that are looked at on each side."""


class NearPassage(NamedTuple):
    """A passage through a step, as first recorded."""

    arrival: int
    serial: str
    step: str
    visit: int
    at: datetime
    machine: str
    lot: str


def passages_around(
    connection: sa.Connection, step: str, at: datetime, arrival: int
) -> tuple[list[NearPassage], list[NearPassage]]:
    """The nearest `LOOK` passages before a passage of that instant and arrival number, and after it; nearest first."""
    p = t.part_step.c
    query = select_columns(NearPassage, t.part_step).where(p.step == step, p.revision == 0, p.arrival != arrival)
    before = query.where(p.at <= at, sa.or_(p.at < at, p.arrival < arrival)).order_by(p.at.desc(), p.arrival.desc())
    after = query.where(p.at >= at, sa.or_(p.at > at, p.arrival > arrival)).order_by(p.at, p.arrival)
    found = (list(fetch_rows(connection, NearPassage, side.limit(LOOK))) for side in (before, after))
    return next(found), next(found)


def decisions_on(connection: sa.Connection, serials: Collection[str]) -> list[ListedDecision]:
    """The decisions on these parts."""
    rows: list[ListedDecision] = []
    for chunk in chunked(serials):
        query = select_columns(ListedDecision, t.decision).where(t.decision.c.serial.in_(chunk))
        rows += fetch_rows(connection, ListedDecision, query)
    return rows
