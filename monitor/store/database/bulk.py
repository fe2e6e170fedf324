"""Many rows into one table: a statement compiled once, columns converted at once, one executemany of the driver.

SQLAlchemy's own executemany prepares each row by itself, which takes longer than the database does. PostgreSQL takes
many new rows by COPY, in a quarter of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.schema import ScalarElementColumnDefault

Processor = Callable[[Any], object]
Columns = Mapping[str, Sequence[object]]
_NO_COLUMNS: Columns = MappingProxyType({})
_COPIED = 20
"""From so many rows on PostgreSQL copies: of few, the two more round trips take longer."""


class _Prepared(NamedTuple):
    """SQL with a parameter for each of `names`, in order of `positions` where they have none; how values become those
    of the driver; and the values of columns that rows do not give."""

    sql: str
    names: tuple[str, ...]
    positions: tuple[str, ...] | None
    processors: Mapping[str, Processor]
    defaults: Mapping[str, object]


def insert(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]],
    columns: Columns = _NO_COLUMNS,
) -> None:  # fmt: skip
    """Insert rows, which all have the same columns; `columns` are further ones, of a value for each row."""
    if not rows:
        return
    prepared = _inserting(connection.dialect, table, (*rows[0], *columns))
    if connection.dialect.name == "postgresql" and len(rows) >= _COPIED:
        _copy(connection, table, prepared, rows, columns)
    else:
        _execute(connection, prepared, rows, columns)


def insert_new(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert the rows whose unique key does not exist yet; the others stay unchanged."""
    if rows:
        _execute(connection, _inserting_new(connection.dialect, table, tuple(rows[0])), rows)


def upsert(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]], add: tuple[str, ...] = ()
) -> None:
    """Insert, or overwrite the row of the same primary key, adding columns in `add`. All rows have the same columns."""
    if rows:
        _execute(connection, _overwriting(connection.dialect, table, tuple(rows[0]), add), rows)


def _execute(
    connection: sa.Connection, prepared: _Prepared, rows: Sequence[Mapping[str, object]], columns: Columns = _NO_COLUMNS
) -> None:
    given: Any = list(_bound(prepared, prepared.positions or prepared.names, rows, columns))
    if prepared.positions is None:
        given = [dict(zip(prepared.names, row, strict=True)) for row in given]
    connection.exec_driver_sql(prepared.sql, given)


def _copy(
    connection: sa.Connection, table: sa.Table, prepared: _Prepared, rows: Sequence[Mapping[str, object]],
    columns: Columns,
) -> None:  # fmt: skip
    """Insert by COPY, which SQLAlchemy does not know; errors are raised as it raises those of other statements."""
    quote = connection.dialect.identifier_preparer.quote
    sql = f"COPY {quote(table.name)} ({', '.join(map(quote, prepared.names))}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    database: Any = connection.dialect.loaded_dbapi
    given = list(_bound(prepared, prepared.names, rows, columns))
    try:
        with driver.cursor() as cursor, cursor.copy(sql) as copy:
            for row in given:
                copy.write_row(row)
    except database.Error as exc:
        lost = connection.dialect.is_disconnect(exc, driver, None)
        if lost:
            connection.invalidate(exc)
        raise sa.exc.DBAPIError.instance(
            sql, None, exc, database.Error, connection_invalidated=lost, dialect=connection.dialect
        ) from exc


def _bound(
    prepared: _Prepared, names: Sequence[str], rows: Sequence[Mapping[str, object]], columns: Columns
) -> Iterator[tuple[object, ...]]:
    """The rows as the driver takes them, with the columns of these names."""
    bound: list[Iterable[object]] = []
    for name in names:
        if name in prepared.defaults:
            values: Iterable[object] = repeat(prepared.defaults[name], len(rows))
        else:
            values = columns[name] if name in columns else map(itemgetter(name), rows)
        processor = prepared.processors.get(name)
        bound.append(values if processor is None else map(processor, values))
    return zip(*bound, strict=True)


@lru_cache(maxsize=256)
def _inserting(dialect: sa.Dialect, table: sa.Table, names: tuple[str, ...]) -> _Prepared:
    return _prepare(dialect, table, table.insert(), names)


@lru_cache(maxsize=256)
def _inserting_new(dialect: sa.Dialect, table: sa.Table, names: tuple[str, ...]) -> _Prepared:
    return _prepare(dialect, table, _own_insert(dialect)(table).on_conflict_do_nothing(), names)


@lru_cache(maxsize=256)
def _overwriting(dialect: sa.Dialect, table: sa.Table, names: tuple[str, ...], add: tuple[str, ...]) -> _Prepared:
    statement = _own_insert(dialect)(table)
    keys = [c.name for c in table.primary_key]
    change = {
        name: (table.c[name] + statement.excluded[name]) if name in add else statement.excluded[name]
        for name in names
        if name not in keys
    }
    return _prepare(dialect, table, statement.on_conflict_do_update(index_elements=keys, set_=change), names)


def _own_insert(dialect: sa.Dialect) -> Any:
    return sqlite.insert if dialect.name == "sqlite" else postgresql.insert


def _prepare(dialect: sa.Dialect, table: sa.Table, statement: sa.Insert, names: tuple[str, ...]) -> _Prepared:
    defaults = {
        c.name: c.default.arg
        for c in table.c
        if c.name not in names and isinstance(c.default, ScalarElementColumnDefault)
    }
    every = (*names, *defaults)
    compiled: Any = statement.inline().compile(dialect=dialect, column_keys=list(every))
    types = {name: table.c[name].type.dialect_impl(dialect) for name in every}
    processors = {name: kind.bind_processor(dialect) for name, kind in types.items()}
    known = {name: processor for name, processor in processors.items() if processor is not None}
    positions = tuple(compiled.positiontup) if compiled.positional else None
    return _Prepared(compiled.string, every, positions, known, defaults)
