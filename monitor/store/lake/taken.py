"""What is taken from the store for a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from monitor.store.database import tables as t

Marks = Mapping[str, int]
"""Up to which rows of the store a table of the lake has been sent: numbers by name; empty before the first."""


class Note(NamedTuple):
    """That a machine window changed, so and so often since the lake had it."""

    machine: str
    start: datetime
    changes: int


class Taken(NamedTuple):
    """Rows for a batch, by column in the order of the rows; the marks once they are sent; notes that they answer.

    Times may be text without an offset, as SQLite has them. Of tables whose rows hold lists, each value is a list of
    dictionaries.
    """

    columns: Mapping[str, Sequence[Any]]
    marks: Marks
    notes: Sequence[Note] = ()

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(next(iter(self.columns.values()), ()))


def by_column(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Rows as columns of these names."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return dict(zip(names, columns, strict=True))


def as_stored(table: sa.Table) -> sa.Select[Any]:
    """A query of every column of a table as the driver has it: JSON as text, times of SQLite too."""
    kinds = (t.JsonText, t.UtcDateTime)
    return sa.select(*(sa.type_coerce(c, sa.Text).label(c.name) if isinstance(c.type, kinds) else c for c in table.c))


def fetch_columns(connection: sa.Connection, query: sa.Select[Any]) -> dict[str, Sequence[Any]]:
    """The answer by column, past what makes a row of each: tens of thousands of rows are taken in a second."""
    answer = connection.execute(query)
    return by_column(list(answer.keys()), answer.cursor.fetchall())
