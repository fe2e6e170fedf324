"""Stored part steps: by part, by arrival number, and the newest of a step.

Windows are defined by arrival numbers, so that they do not depend on how rows were batched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.rows import Value, chunked, fetch_rows, select_columns


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
    """The part steps of these arrival numbers, except pruned ones, in arrival order."""
    return _part_steps(connection, t.part_step.c.arrival, dict.fromkeys(arrivals))


def _part_steps(connection: sa.Connection, column: sa.ColumnElement[Value], values: Iterable[Value]) -> list[PartStep]:
    rows: list[PartStep] = []
    for chunk in chunked(values):
        rows += fetch_rows(connection, PartStep, _with_values(column), {"values": chunk})
    return sorted(rows, key=lambda r: r.arrival)


@cache
def _with_values(column: sa.ColumnElement[Any]) -> sa.Select[Any]:
    return select_columns(PartStep, t.part_step).where(column.in_(sa.bindparam("values", expanding=True)))


def nearest_serials(connection: sa.Connection, serial: str) -> list[str]:
    """The serial numbers before and after one that no part has, in the order of the database."""
    c = t.part_step.c.serial
    if "\0" in serial or not serial.isprintable():
        return []
    before = connection.scalar(sa.select(sa.func.max(c)).where(c < serial))
    after = connection.scalar(sa.select(sa.func.min(c)).where(c > serial))
    return [near for near in (before, after) if near is not None]


def newest_arrival(connection: sa.Connection, step: str) -> int:
    """The arrival number of the step's newest passage; 0 before the first."""
    c = t.part_step.c
    newest = sa.select(sa.func.max(c.arrival)).where(c.step == step, c.revision == 0)
    return int(connection.execute(newest).scalar() or 0)


def newest_passages(connection: sa.Connection, step: str, rows: int) -> list[PartStep]:
    """The newest `rows` passages as first recorded, without corrections, oldest first."""
    c = t.part_step.c
    query = select_columns(PartStep, t.part_step).where(c.step == step, c.revision == 0)
    return list(fetch_rows(connection, PartStep, query.order_by(c.arrival.desc()).limit(rows)))[::-1]


def passages_between(connection: sa.Connection, step: str, first: int, last: int) -> list[PartStep]:
    """The step's passages with arrival numbers in [first, last], oldest first."""
    c = t.part_step.c
    query = select_columns(PartStep, t.part_step).where(
        c.step == step, c.revision == 0, c.arrival >= first, c.arrival <= last
    )
    return list(fetch_rows(connection, PartStep, query.order_by(c.arrival)))


def neighbours(
    connection: sa.Connection, machine: str, at: datetime, since: datetime, until: datetime
) -> tuple[datetime | None, datetime | None]:
    """When the parts before and after this one passed a machine, no earlier than `since` and no later than `until`."""
    p = t.part_step.c
    before = sa.select(sa.func.max(p.at)).where(p.machine == machine, p.at >= since, p.at < at)
    after = sa.select(sa.func.min(p.at)).where(p.machine == machine, p.at > at, p.at <= until)
    return connection.scalar(before), connection.scalar(after)


class PartRoute(NamedTuple):
    """Where a part was made, of what: a passage without what was measured."""

    arrival: int
    serial: str
    step: str
    at: datetime
    machine: str
    recipe: str
    lot: str


def routes_of(connection: sa.Connection, serials: Iterable[str]) -> list[PartRoute]:
    """The passages of these parts as first recorded, in order of arrival."""
    p = t.part_step.c
    rows: list[PartRoute] = []
    for chunk in chunked(dict.fromkeys(serials)):
        query = select_columns(PartRoute, t.part_step).where(p.serial.in_(chunk), p.revision == 0)
        rows += fetch_rows(connection, PartRoute, query)
    return sorted(rows, key=lambda row: row.arrival)


def lots_of(connection: sa.Connection, arrivals: Sequence[int]) -> list[str]:
    """The lot of each of these passages; '' of those that were pruned."""
    p, lots = t.part_step.c, dict[int, str]()
    for chunk in chunked(dict.fromkeys(arrivals)):
        query = sa.select(p.arrival, p.lot).where(p.arrival.in_(chunk))
        lots.update((row.arrival, row.lot) for row in connection.execute(query))
    return [lots.get(arrival, "") for arrival in arrivals]
