"""The newest passages of parts through a step, by arrival number, so that how rows were batched changes no window."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from monitor.store.database import tables as t


def newest_arrival(connection: sa.Connection, step: str) -> int:
    """The arrival number of the step's newest passage; 0 before the first."""
    c = t.part_step.c
    newest = sa.select(sa.func.max(c.arrival)).where(c.step == step, c.revision == 0)
    return int(connection.execute(newest).scalar() or 0)


def newest_passages(connection: sa.Connection, step: str, rows: int) -> list[Any]:
    """The newest `rows` passages as they were first known (corrections left out), oldest first."""
    c = t.part_step.c
    columns = (c.arrival, c.serial, c.at, c.machine, c.recipe, c["values"])
    query = sa.select(*columns).where(c.step == step, c.revision == 0).order_by(c.arrival.desc()).limit(rows)
    return list(reversed(connection.execute(query).all()))


def passages_between(connection: sa.Connection, step: str, first: int, last: int) -> list[Any]:
    """The step's passages whose arrival numbers lie in [first, last], oldest first."""
    c = t.part_step.c
    columns = (c.arrival, c.serial, c.at, c.machine, c.recipe, c["values"])
    query = sa.select(*columns).where(c.step == step, c.revision == 0, c.arrival >= first, c.arrival <= last)
    return list(connection.execute(query.order_by(c.arrival)).all())
