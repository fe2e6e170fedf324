"""Table rows as typed values: the fields of a named tuple are the columns to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from typing import NamedTuple, TypeVar

import sqlalchemy as sa

Row = TypeVar("Row", bound=NamedTuple)
Value = TypeVar("Value")
_CHUNK = 500
_AT_ONCE = 1000


@cache
def select_columns(row: type[Row], table: sa.FromClause) -> sa.Select[tuple[object, ...]]:
    """A query of the columns named by the row's fields, in their order."""
    return sa.select(*(table.c[name] for name in row._fields))


def fetch_rows(
    connection: sa.Connection,
    row: type[Row],
    query: sa.Select[tuple[object, ...]],
    values: Mapping[str, object] | None = None,
) -> Iterator[Row]:
    """The rows of a query of those columns, some at a time; `values` are those of its parameters."""
    parts = connection.execute(query, values).partitions(_AT_ONCE)
    return map(row._make, chain.from_iterable(parts))


def fetch_one(connection: sa.Connection, row: type[Row], query: sa.Select[tuple[object, ...]]) -> Row | None:
    """The only row of the query, or None."""
    values = connection.execute(query).one_or_none()
    return None if values is None else row._make(values)


def chunked(values: Iterable[Value]) -> Iterator[list[Value]]:
    """The values in lists short enough for the parameters of one query."""
    listed = list(values)
    for start in range(0, len(listed), _CHUNK):
        yield listed[start : start + _CHUNK]
