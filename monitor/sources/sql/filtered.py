"""The rows of a source in SQL: its table, or those of its rows that fulfil the source's condition.

Every query is made on what `rows_of` returns, so none can leave the condition out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from monitor.plant.sources import SourceBase, Where


def rows_of(config: SourceBase, columns: Sequence[str], dialect: sa.Dialect) -> sa.FromClause:
    """The table with the given columns, or a subquery of its rows, which databases merge into the query around it."""
    table = sa.table(config.table, *map(sa.column, columns), schema=config.table_schema)
    if config.where is None:
        return table
    return sa.select(*table.c).where(_condition(config.where, dialect)).subquery(config.table)


def _condition(where: Where, dialect: sa.Dialect) -> sa.TextClause:
    preparer = dialect.identifier_preparer
    sql = where.condition.write(preparer.quote, lambda name: f":where_{name}")
    return sa.text(f"({sql})").bindparams(*(_parameter(name, value, dialect) for name, value in where.params.items()))


def _parameter(name: str, value: float | str, dialect: sa.Dialect) -> sa.BindParameter[Any]:
    """A parameter without a type: PostgreSQL gives it that of what it is compared with, be it a number or a code."""
    given = str(value) if isinstance(value, int) and dialect.name == "postgresql" else value
    return sa.bindparam(f"where_{name}", given, type_=sa.types.NullType())
