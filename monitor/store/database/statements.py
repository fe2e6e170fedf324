"""Statements shared by the transactions of several jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from monitor.store.database import tables as t
from monitor.store.database.bulk import upsert

Labels = tuple[tuple[str, str], ...]
TallyKey = tuple[str, Labels]


def add_counts(connection: sa.Connection, tallies: Mapping[TallyKey, float]) -> None:
    """Add to counters of the metrics."""
    rows = [{"name": n, "labels": dict(labels), "value": float(v)} for (n, labels), v in sorted(tallies.items()) if v]
    upsert(connection, t.tally, rows, add=("value",))


def set_gauges(connection: sa.Connection, values: Mapping[TallyKey, float]) -> None:
    """Set gauges of the metrics."""
    rows = [{"name": n, "labels": dict(labels), "value": float(v)} for (n, labels), v in sorted(values.items())]
    upsert(connection, t.tally, rows)


def take_arrivals(connection: sa.Connection, rows: int) -> int:
    """The first of `rows` new arrival numbers. The lock on the sequence makes arrival order commit order."""
    if rows == 0:
        return 0
    upsert(connection, t.sequence, [{"name": "arrival", "value": rows}], add=("value",))
    last = mark(connection, "arrival") or 0
    return last - rows + 1


def mark(connection: sa.Connection, name: str) -> int | None:
    """A number that a job keeps under a name; None before the first."""
    found: int | None = connection.execute(_MARK, {"name": name}).scalar_one_or_none()
    return found


_MARK = sa.select(t.sequence.c.value).where(t.sequence.c.name == sa.bindparam("name"))


def bound(*names: str) -> list[sa.BindParameter[Any]]:
    """Parameters of a statement that is built once, each of the type of what it is compared with."""
    return [sa.bindparam(name) for name in names]


def unindexed(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The values of a text column in a form that no index helps to find, so that the planner takes another index."""
    return column.concat("")


def tally_key(name: str, **labels: str) -> TallyKey:
    """The key of a counter or gauge. A test checks names and labels against the metric catalogue."""
    return name, tuple(sorted(labels.items()))
