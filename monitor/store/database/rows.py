"""Rows of the tables as typed values: a named tuple says which columns are read, by the names of its fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

import sqlalchemy as sa

Row = TypeVar("Row", bound=NamedTuple)
Value = TypeVar("Value")
_CHUNK = 500


def selected(row: type[Row], table: sa.FromClause) -> sa.Select[tuple[object, ...]]:
    """A query of the columns that the row's fields name, in their order."""
    return sa.select(*(table.c[name] for name in row._fields))


def fetched(connection: sa.Connection, row: type[Row], query: sa.Select[tuple[object, ...]]) -> Iterator[Row]:
    """What a query of those columns found, row by row."""
    return map(row._make, connection.execute(query))


def one_of(connection: sa.Connection, row: type[Row], query: sa.Select[tuple[object, ...]]) -> Row | None:
    """The one row that the query found, or None."""
    found = connection.execute(query).one_or_none()
    return None if found is None else row._make(found)


def chunked(values: Iterable[Value]) -> Iterator[list[Value]]:
    """The values in lists short enough for a query that names each of them."""
    listed = list(values)
    for start in range(0, len(listed), _CHUNK):
        yield listed[start : start + _CHUNK]
