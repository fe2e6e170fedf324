"""Part steps of the store, by part, by arrival number, and the newest through a step.

Windows go by arrival number, so that how rows were batched changes none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import Value, chunked, fetched, selected


class PartStep(NamedTuple):
    """A stored part step."""

    arrival: int
    serial: str
    step: str
    visit: int
    revision: int
    at: datetime
    machine: str
    recipe: str
    lot: str
    values: Mapping[str, float]
    digest: str
    source: str
    available_at: datetime


def part_history(connection: sa.Connection, serials: Iterable[str]) -> list[PartStep]:
    """Every accepted part step of the given parts, in arrival order."""
    return _part_steps(connection, t.part_step.c.serial, dict.fromkeys(serials))


def part_steps(connection: sa.Connection, arrivals: Iterable[int]) -> list[PartStep]:
    """The part steps of these arrival numbers that are still there, in arrival order."""
    return _part_steps(connection, t.part_step.c.arrival, dict.fromkeys(arrivals))


def _part_steps(connection: sa.Connection, column: sa.ColumnElement[Value], values: Iterable[Value]) -> list[PartStep]:
    rows: list[PartStep] = []
    for chunk in chunked(values):
        rows += fetched(connection, PartStep, selected(PartStep, t.part_step).where(column.in_(chunk)))
    return sorted(rows, key=lambda r: r.arrival)


def newest_arrival(connection: sa.Connection, step: str) -> int:
    """The arrival number of the step's newest passage; 0 before the first."""
    c = t.part_step.c
    newest = sa.select(sa.func.max(c.arrival)).where(c.step == step, c.revision == 0)
    return int(connection.execute(newest).scalar() or 0)


def newest_passages(connection: sa.Connection, step: str, rows: int) -> list[PartStep]:
    """The newest `rows` passages as they were first known (corrections left out), oldest first."""
    c = t.part_step.c
    query = selected(PartStep, t.part_step).where(c.step == step, c.revision == 0)
    return list(fetched(connection, PartStep, query.order_by(c.arrival.desc()).limit(rows)))[::-1]


def passages_between(connection: sa.Connection, step: str, first: int, last: int) -> list[PartStep]:
    """The step's passages whose arrival numbers lie in [first, last], oldest first."""
    c = t.part_step.c
    query = selected(PartStep, t.part_step).where(
        c.step == step, c.revision == 0, c.arrival >= first, c.arrival <= last
    )
    return list(fetched(connection, PartStep, query.order_by(c.arrival)))


def last_passages(connection: sa.Connection, step: str, serials: Sequence[str]) -> list[PartStep]:
    """Of each of these parts its last passage through the step, corrections left out; in the order of the parts."""
    c = t.part_step.c
    last: dict[str, PartStep] = {}
    for chunk in chunked(serials):
        query = selected(PartStep, t.part_step).where(c.step == step, c.revision == 0, c.serial.in_(chunk))
        last |= {row.serial: row for row in fetched(connection, PartStep, query.order_by(c.arrival))}
    return [last[serial] for serial in serials]
