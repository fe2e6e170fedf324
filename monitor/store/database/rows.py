"""Table rows as typed values: the fields of a named tuple are the columns to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

import sqlalchemy as sa

Row = TypeVar("Row", bound=NamedTuple)
Value = TypeVar("Value")
_CHUNK = 500


def select_columns(row: type[Row], table: sa.FromClause) -> sa.Select[tuple[object, ...]]:
    """A query of the columns named by the row's fields, in their order."""
    return sa.select(*(table.c[name] for name in row._fields))


def fetch_rows(connection: sa.Connection, row: type[Row], query: sa.Select[tuple[object, ...]]) -> Iterator[Row]:
    """The rows of a query of those columns."""
    return map(row._make, connection.execute(query))


def fetch_one(connection: sa.Connection, row: type[Row], query: sa.Select[tuple[object, ...]]) -> Row | None:
    """The only row of the query, or None."""
    values = connection.execute(query).one_or_none()
    return None if values is None else row._make(values)


def chunked(values: Iterable[Value]) -> Iterator[list[Value]]:
    """The values in lists short enough for the parameters of one query."""
    listed = list(values)
    for start in range(0, len(listed), _CHUNK):
        yield listed[start : start + _CHUNK]
