"""A database described: its tables and views, their columns, and some rows of each. Reads only, and few rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from monitor.connecting.described import Holds, Table
from monitor.errors import SourceError, UsageError
from monitor.plant.sources import SourceBase
from monitor.sources.sql.engine import Deadline, make_engine, reason_of, redacted

_SAMPLE = 500
"""Rows at each end of a table's key that are looked at; without a key, rows in the database's own order."""

_MARK = "password-from-the-environment"


def describe(url: str) -> list[Table]:
    """The tables and views of a database, by name; SourceError if it cannot be read, UsageError for no URL of one."""
    try:
        config = SourceBase.model_validate({"url": url, "table": "-", "at": "-"})
    except ValidationError:
        expected = "sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        raise UsageError(f"not the URL of a database; expected {expected}") from None
    engine, deadline = make_engine("init", config)
    try:
        with engine.connect() as connection:
            return list(_tables(connection, deadline))
    except sa.exc.SQLAlchemyError as exc:
        lines = str(getattr(exc, "orig", None) or exc).strip().splitlines() or [type(exc).__name__]
        raise SourceError(
            f"{redacted(url)} cannot be read: {lines[0]}; expected a running database and an account that may SELECT",
            reason_of(exc),
        ) from exc
    finally:
        engine.dispose()


def written_url(url: str, file: Path) -> str:
    """The URL as a plant file at `file` has it: a password from the environment, a database file from its folder."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = Path(parsed.database or "")
        if not path.is_absolute() and file.absolute().parent != Path.cwd():
            return f"sqlite:///{path.absolute()}"
        return url
    if parsed.password is None:
        return url
    # Rendered with a mark, as the braces of a reference would be escaped.
    marked = parsed.set(password=_MARK).render_as_string(hide_password=False)
    return marked.replace(_MARK, "${DATABASE_PASSWORD}", 1)


def _tables(connection: sa.Connection, deadline: Deadline) -> Iterator[Table]:
    deadline.restart()
    inspector = sa.inspect(connection)
    for name in sorted([*inspector.get_table_names(), *inspector.get_view_names()]):
        kinds = {str(column["name"]): _holds(column["type"]) for column in inspector.get_columns(name)}
        if not kinds:
            continue
        table = sa.table(name, *map(sa.column, kinds))
        key = [table.c[column] for column in inspector.get_pk_constraint(name)["constrained_columns"]]
        orders: list[list[Any]] = [[c.asc() for c in key], [c.desc() for c in key]] if key else [[]]
        rows: dict[str, dict[str, object]] = {}
        for order in orders:
            deadline.restart()
            for row in connection.execute(sa.select(*table.c).order_by(*order).limit(_SAMPLE)):
                rows.setdefault(repr(tuple(row)), dict(zip(kinds, row, strict=True)))
        yield Table(name, kinds, tuple(rows.values()))


def _holds(kind: sa.types.TypeEngine[Any]) -> Holds:
    if isinstance(kind, sa.DateTime):
        return Holds.AWARE if kind.timezone else Holds.NAIVE
    if isinstance(kind, sa.Date):
        return Holds.NAIVE
    if isinstance(kind, sa.Integer | sa.Numeric | sa.Float):
        return Holds.NUMBER
    return Holds.TEXT if isinstance(kind, sa.String | sa.Enum | sa.Uuid) else Holds.OTHER
