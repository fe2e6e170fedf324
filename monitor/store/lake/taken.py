"""What is taken from the store for a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

Marks = Mapping[str, int]
"""Up to which rows of the store a table of the lake has been sent: numbers by name; empty before the first."""


class Note(NamedTuple):
    """That a machine window changed, so and so often since the lake had it."""

    machine: str
    start: datetime
    changes: int


class Taken(NamedTuple):
    """Rows for a batch, by column in the order of the rows; the marks once they are sent; notes that they answer.

    Of tables whose rows hold lists, each value is a list of dictionaries.
    """

    columns: Mapping[str, Sequence[object]]
    marks: Marks
    notes: Sequence[Note] = ()

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(next(iter(self.columns.values()), ()))


def by_column(names: Sequence[str], rows: Sequence[Sequence[object]]) -> dict[str, Sequence[object]]:
    """Rows as columns of these names."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return dict(zip(names, columns, strict=True))
