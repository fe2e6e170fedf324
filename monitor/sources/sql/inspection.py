"""Inspection of a source's table: whether it has the mapped columns, and the format of its times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from monitor.errors import SourceError, SourceReason
from monitor.plant.messages import suggestion
from monitor.plant.sources import TimeColumn
from monitor.sources.sql.axis import Axis, Condition, Kind, kind_of
from monitor.sources.sql.engine import redacted
from monitor.sources.sql.samples import any_number, refuse_unread, text_axis
from monitor.sources.typed.plan import Plan, source_codes

_MAX_NAMES = 30


@dataclass(frozen=True, slots=True)
class TableInfo:
    """The event time column, the cursor column and the column by which partitions select rows."""

    at: Axis
    cursor: Axis
    member: sa.ColumnElement[Any] | None


def inspect_table(connection: sa.Connection, name: str, plan: Plan, table: sa.FromClause) -> TableInfo | None:
    """Inspect the table; None while it has no row with a time in each time column.

    SourceError for a missing table or column, listing the existing ones; UsageError if a time column needs another
    key of the plant file, or holds nothing that can be read.
    """
    types = _types(connection, name, plan)
    config = plan.config
    at = _axis(connection, table, types, config.at, name, config.table)
    cursor = _axis(connection, table, types, config.available_at, name, config.table) if config.available_at else at
    if at is None or cursor is None:
        return None
    member: sa.ColumnElement[Any] | None = None
    if plan.member and plan.member.column:
        member = table.c[plan.member.column]
        # Codes are text in the plant file. SQLite converts them to the column's type, PostgreSQL does not.
        if connection.dialect.name != "sqlite" and not isinstance(types[plan.member.column], sa.String):
            member = sa.cast(member, sa.Text)
    return TableInfo(at, cursor, member)


def member_conditions(member: sa.ColumnElement[Any] | None, plan: Plan, names: Sequence[str] | None) -> list[Condition]:
    """The conditions that select the rows of the given machines or steps, by the source's codes."""
    if names is None or member is None or plan.member is None:
        return []
    return [member.in_([code for name in names for code in source_codes(plan.member, name)])]


def unknown_member_conditions(member: sa.ColumnElement[Any] | None, plan: Plan) -> list[Condition]:
    """The conditions that select rows whose machine or step is not in the plant file."""
    if not plan.config.partitions or member is None or plan.member is None or plan.member.allowed is None:
        return []
    codes = [code for name in sorted(plan.member.allowed) for code in source_codes(plan.member, name)]
    return [member.not_in(codes), member.is_(None)]


def _types(connection: sa.Connection, name: str, plan: Plan) -> dict[str, sa.types.TypeEngine[Any]]:
    config = plan.config
    inspector = sa.inspect(connection)
    where = f"source {name!r} (at {redacted(config.url)})"
    try:
        types = {c["name"]: c["type"] for c in inspector.get_columns(config.table, config.table_schema)}
    except sa.exc.NoSuchTableError:
        existing = _join_names([*_tables(inspector, config.table_schema)])
        raise SourceError(
            f"{where} has no table or view {config.table!r}; existing: {existing}; correct `table` or `table_schema`",
            SourceReason.MISSING_TABLE,
        ) from None
    filtered = config.where.condition.columns if config.where else ()
    missing = [c for c in dict.fromkeys((*plan.columns, *filtered)) if c not in types]
    if missing:
        raise SourceError(
            f"{where}: table {config.table!r} has no column {', '.join(map(repr, missing))}; "
            f"existing: {_join_names(types)}{suggestion(missing[0], types)}; correct the mapping",
            SourceReason.MISSING_COLUMN,
        )
    return types


def _tables(inspector: sa.Inspector, schema: str | None) -> list[str]:
    return sorted([*inspector.get_table_names(schema), *inspector.get_view_names(schema)])


def _join_names(names: Sequence[str] | dict[str, Any]) -> str:
    first = list(names)[:_MAX_NAMES]
    return ", ".join(first) + (", ..." if len(names) > _MAX_NAMES else "") if first else "none"


def _axis(
    connection: sa.Connection,
    table: sa.FromClause,
    types: dict[str, sa.types.TypeEngine[Any]],
    config: TimeColumn,
    name: str,
    table_name: str,
) -> Axis | None:
    where = f"source {name!r}: column {config.column!r} of table {table_name!r}"
    dialect = connection.dialect.name
    kind = kind_of(types[config.column], config, dialect, where)
    axis: Axis | None = Axis(table.c[config.column], kind, config)
    if kind is Kind.TEXT:
        axis = text_axis(connection, table, table.c[config.column], types[config.column], config, where)
    elif kind is Kind.NUMBER and not any_number(connection, table.c[config.column], config):
        axis = None
    if axis is None:
        refuse_unread(connection, table.c[config.column], config, where)
    return axis
