"""PostgreSQL's COPY, inside a transaction of SQLAlchemy, which does not know it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa


def copy(connection: sa.Connection, table: str, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Copy rows, with the columns of these names as the driver takes them, into a table.

    Errors are those that SQLAlchemy raises of other statements.
    """
    quote = connection.dialect.identifier_preparer.quote
    sql = f"COPY {quote(table)} ({', '.join(map(quote, names))}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    database: Any = connection.dialect.loaded_dbapi
    given = list(rows)  # a value that cannot be stored is refused before anything is sent
    try:
        with driver.cursor() as cursor, cursor.copy(sql) as sent:
            for row in given:
                sent.write_row(row)
    except database.Error as exc:
        lost = connection.dialect.is_disconnect(exc, driver, None)
        if lost:
            connection.invalidate(exc)
        raise sa.exc.DBAPIError.instance(
            sql, None, exc, database.Error, connection_invalidated=lost, dialect=connection.dialect
        ) from exc


def make_stage(connection: sa.Connection, table: sa.Table) -> str:
    """The name of an empty temporary table of this session with the columns of a table, of which none must be given."""
    name = f"staged_{table.name}"
    quote = connection.dialect.identifier_preparer.quote
    created = f"CREATE TEMPORARY TABLE IF NOT EXISTS {quote(name)} ON COMMIT DELETE ROWS"
    connection.exec_driver_sql(f"{created} AS TABLE {quote(table.name)} WITH NO DATA")
    return name


def clear_stage(connection: sa.Connection, stage: str) -> None:
    """Empty it, for the next rows of the same transaction."""
    connection.exec_driver_sql(f"DELETE FROM {connection.dialect.identifier_preparer.quote(stage)}")
