"""The rows of a raw table that fulfil the condition of their source (`where`), as SQLite compares. Pure."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa

from monitor.engine.pieces.raw import require_columns
from monitor.errors import UsageError
from monitor.plant.sources import Where

_ROW = '" row"'
_LARGEST = 2**63 - 1


def fulfilling(table: pa.Table, where: Where, source: str) -> pa.Table:
    """The rows, in their order, of which the condition is true; UsageError if a column is missing or SQL refuses it."""
    names = where.condition.columns
    require_columns(table, names, source)
    declared = (f"{_quoted(name)} {_affinity(table.schema.field(name).type)}" for name in names)
    marks = ", ".join("?" * (1 + len(names)))
    condition = where.condition.write(_quoted, ":{}".format)
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(f"CREATE TABLE given ({_ROW} INTEGER PRIMARY KEY, {', '.join(declared)})")
        columns = ([_cell(value) for value in table.column(name).to_pylist()] for name in names)
        database.executemany(f"INSERT INTO given VALUES ({marks})", zip(range(len(table)), *columns, strict=True))
        try:
            rows = database.execute(f"SELECT {_ROW} FROM given WHERE ({condition}) ORDER BY {_ROW}", where.params)
            found: Sequence[int] = [row for (row,) in rows]
        except sqlite3.Error as exc:
            raise UsageError(
                f"sources.{source}.where: {where.sql!r} cannot be applied to its table: {exc}; expected SQL"
            ) from exc
    return table.take(pa.array(found, pa.int64()))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _affinity(kind: pa.DataType) -> str:
    """What a parameter is converted to before it is compared with such a column."""
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return "INTEGER"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "REAL"
    return "BLOB" if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else "TEXT"


def _cell(value: object) -> object:
    """A value as SQLite keeps it; times are text."""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, Decimal) or (isinstance(value, int) and abs(value) > _LARGEST):
        return float(value)
    return str(value) if isinstance(value, date) else value
