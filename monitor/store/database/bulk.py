"""Many rows into one table: a statement compiled once, columns converted at once, one executemany of the driver.

SQLAlchemy's own executemany prepares each row by itself, which takes longer than the database does. PostgreSQL takes
many rows by COPY, in a quarter of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import repeat
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from monitor.store.database.copying import clear_stage, copy, make_stage

Processor = Callable[[Any], object]
Columns = Mapping[str, Sequence[object]]
Resolve = Callable[[Any, sa.Table, tuple[str, ...]], Any]
"""Says of an INSERT what becomes of rows that are there."""
_NO_COLUMNS: Columns = MappingProxyType({})
_COPIED = 20
"""From so many rows on PostgreSQL copies them: of few, its further round trips take longer."""


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
    if _are_copied(connection, rows):
        copy(connection, table.name, prepared.names, _bound(prepared, prepared.names, rows, columns))
    else:
        _execute(connection, prepared, rows, columns)


def insert_new(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert the rows whose unique key does not exist yet; the others stay unchanged."""
    if not rows:
        return
    prepared = _inserting_new(connection.dialect, table, tuple(rows[0]))
    if _are_copied(connection, rows):
        bound = _bound(prepared, prepared.names, rows)
        _copy_by_stage(connection, table, prepared.names, bound, _do_nothing)
    else:
        _execute(connection, prepared, rows)


def upsert(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]], add: tuple[str, ...] = ()
) -> None:
    """Insert, or overwrite the row of the same primary key, adding columns in `add`. All rows have the same columns."""
    if not rows:
        return
    prepared = _overwriting(connection.dialect, table, tuple(rows[0]), add)
    given = list(_bound(prepared, prepared.names, rows)) if _are_copied(connection, rows) else []
    if given and _are_distinct(table, prepared.names, given):
        _copy_by_stage(connection, table, prepared.names, given, partial(_overwrite, add=add))
    else:
        _execute(connection, prepared, rows)


def _copy_by_stage(
    connection: sa.Connection, table: sa.Table, names: tuple[str, ...], rows: Iterable[Sequence[object]],
    resolve: Resolve,
) -> None:  # fmt: skip
    """Copy rows into a temporary table, and take from there what the table takes: COPY knows no conflicts."""
    stage = make_stage(connection, table)
    copy(connection, stage, names, rows)
    source = sa.select(sa.table(stage, *map(sa.column, names)))
    statement = postgresql.insert(table).from_select(names, source, include_defaults=False)
    connection.execute(resolve(statement, table, names))
    clear_stage(connection, stage)


def _are_copied(connection: sa.Connection, rows: Sequence[object]) -> bool:
    return connection.dialect.name == "postgresql" and len(rows) >= _COPIED


def _are_distinct(table: sa.Table, names: Sequence[str], rows: Sequence[Sequence[object]]) -> bool:
    """Whether no two rows have the same primary key: one statement overwrites a row once."""
    key = itemgetter(*(names.index(c.name) for c in table.primary_key))
    return len(set(map(key, rows))) == len(rows)


def _execute(
    connection: sa.Connection, prepared: _Prepared, rows: Sequence[Mapping[str, object]], columns: Columns = _NO_COLUMNS
) -> None:
    given: Any = list(_bound(prepared, prepared.positions or prepared.names, rows, columns))
    if prepared.positions is None:
        given = [dict(zip(prepared.names, row, strict=True)) for row in given]
    connection.exec_driver_sql(prepared.sql, given)


def _bound(
    prepared: _Prepared, names: Sequence[str], rows: Sequence[Mapping[str, object]], columns: Columns = _NO_COLUMNS
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
    return _prepare(dialect, table, _do_nothing(_own_insert(dialect)(table), table, names), names)


@lru_cache(maxsize=256)
def _overwriting(dialect: sa.Dialect, table: sa.Table, names: tuple[str, ...], add: tuple[str, ...]) -> _Prepared:
    return _prepare(dialect, table, _overwrite(_own_insert(dialect)(table), table, names, add), names)


def _do_nothing(statement: Any, _table: sa.Table, _names: tuple[str, ...]) -> Any:
    return statement.on_conflict_do_nothing()


def _overwrite(statement: Any, table: sa.Table, names: tuple[str, ...], add: tuple[str, ...]) -> Any:
    keys = [c.name for c in table.primary_key]
    change = {
        name: (table.c[name] + statement.excluded[name]) if name in add else statement.excluded[name]
        for name in names
        if name not in keys
    }
    return statement.on_conflict_do_update(index_elements=keys, set_=change)


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
