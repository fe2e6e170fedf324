"""Statements shared by the transactions of several jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from monitor.store.database import tables as t

Labels = tuple[tuple[str, str], ...]
TallyKey = tuple[str, Labels]


@lru_cache(maxsize=256)
def _upsert_statement(dialect: str, table: sa.Table, names: tuple[str, ...], add: tuple[str, ...]) -> Any:
    """The statement, cached: at ten thousand commits a day, building it would cost more than running it."""
    make = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement = make(table)
    keys = [c.name for c in table.primary_key]
    change = {
        name: (table.c[name] + statement.excluded[name]) if name in add else statement.excluded[name]
        for name in names
        if name not in keys
    }
    return statement.on_conflict_do_update(index_elements=keys, set_=change)


def upsert(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]], add: tuple[str, ...] = ()
) -> None:
    """Insert, or overwrite the row of the same primary key, adding columns in `add`. All rows have the same columns."""
    if rows:
        connection.execute(_upsert_statement(connection.dialect.name, table, tuple(rows[0]), add), list(rows))


def insert_new(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert the rows whose unique key does not exist yet; the others stay unchanged."""
    if rows:
        connection.execute(_insert_new_statement(connection.dialect.name, table), list(rows))


@lru_cache(maxsize=64)
def _insert_new_statement(dialect: str, table: sa.Table) -> Any:
    make = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return make(table).on_conflict_do_nothing()


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
