"""A database as values: its tables, their columns and some of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Holds(StrEnum):
    """What a column's type says that it holds."""

    NUMBER = "number"
    TEXT = "text"
    AWARE = "aware time"
    NAIVE = "naive time"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view: its columns, with what they hold, and some of its rows."""

    name: str
    columns: Mapping[str, Holds]
    rows: tuple[Mapping[str, object], ...] = ()
    schema: str | None = None

    def cells(self, column: str) -> list[object]:
        """The cells of a column that hold something."""
        return [row[column] for row in self.rows if row[column] is not None and row[column] != ""]
