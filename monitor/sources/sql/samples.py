"""Samples of a time column: how its text is written and compared, and what to say when none of it can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from monitor.connecting.time_guess import guess_epoch, mask, possible_time_formats
from monitor.errors import UsageError
from monitor.instants import EPOCH
from monitor.plant.sources import TimeColumn
from monitor.plant.time_formats import TimeFormat, time_format
from monitor.sources.sql.axis import Axis, Kind, text_form
from monitor.sources.sql.formats import as_iso, unread
from monitor.sources.typed.columns import quarantine_text
from monitor.sources.typed.times import EPOCH_NS, LATEST_SECOND

Column = sa.ColumnElement[Any]
_SAMPLE = 50
_UNORDERED = 500
_NO_FORM = (
    "holds no time that can be read: its form is {form!r}, such as {example}; set `format` to how its times are "
    'written, such as "%d.%m.%Y %H:%M:%S", or convert them in a view'
)


def text_axis(
    connection: sa.Connection,
    table: sa.FromClause,
    column: Column,
    type_: sa.types.TypeEngine[Any],
    config: TimeColumn,
    where: str,
) -> Axis | None:
    """The axis of a text column, by samples of its times; None if there is none that can be read.

    Text whose format sorts by time is compared as it is; other formats are compared as ISO text.
    """
    form = config.time_format
    if form is None:
        iso = text_form(_ends(connection, table, column, column.like("____-__-__%")), config, where)
        return Axis(column, Kind.TEXT, config, iso) if iso else None
    dialect = connection.dialect.name
    text = column if dialect == "sqlite" or isinstance(type_, sa.String) else sa.cast(column, sa.Text)
    if form.sorts and _compares_as_text(type_, form):
        samples = [
            form.iso(value) or "" for value in _ends(connection, table, text, sa.not_(unread(text, form, dialect)))
        ]
        iso = text_form(samples, config, where)
        return Axis(text, Kind.TEXT, config, replace(iso, format=form)) if iso else None
    converted = as_iso(text, form, dialect)
    iso = text_form(_ends(connection, table, converted, converted.is_not(None)), config, where)
    # From here on its times are ISO text.
    return Axis(converted, Kind.TEXT, config.model_copy(update={"format": None}), iso, converted=True) if iso else None


def any_number(connection: sa.Connection, column: Column, config: TimeColumn) -> bool:
    """Whether a number of the column is a time in its unit."""
    latest = LATEST_SECOND * 1_000_000_000 // EPOCH_NS[config.epoch or "s"]
    bounds = [column >= sa.literal(0, sa.BigInteger), column < sa.literal(latest, sa.BigInteger)]
    if connection.dialect.name == "sqlite":
        bounds.append(sa.func.typeof(column).in_(["integer", "real"]))
    return connection.execute(sa.select(column).where(*bounds).limit(1)).first() is not None


def refuse_unread(connection: sa.Connection, column: Column, config: TimeColumn, where: str) -> None:
    """UsageError if the column holds anything, for nothing of it can be read; an empty column is no error."""
    text = sa.cast(column, sa.Text)
    filled = sa.select(column).where(column.is_not(None), text != "")
    found = [row[0] for row in connection.execute(filled.limit(_UNORDERED))]
    if not found:
        return
    # Both ends of the text's order: there a day above 12 is found.
    ends = [
        row[0]
        for order in (text.asc(), text.desc())
        for row in connection.execute(filled.order_by(order).limit(_SAMPLE))
    ]
    raise UsageError(f"{where} {_unread_sentence([*ends, *found], config)}")


def _unread_sentence(samples: Sequence[object], config: TimeColumn) -> str:
    """What a column holds of which nothing can be read, and the key that would read it."""
    texts = [text for value in samples if (text := quarantine_text(value)) is not None]
    example = repr(texts[0].strip())
    if config.format:
        example += f", which its format {_quoted(config.format)} does not read"
    elif config.epoch:
        example += f", which is no time in {config.epoch} since 1970"
    unit = guess_epoch(samples)
    if unit is not None:
        return f"holds numbers such as {example}; set `epoch` to {unit}"
    formats = possible_time_formats(texts)
    if not formats:
        return _NO_FORM.format(form=mask(texts[0].strip()), example=example)
    words = " or ".join(time_format(form).words for form in formats)
    keys = " or ".join(map(_quoted, formats))
    said = f"holds times as {words}, such as {example}; set `format` to {keys}"
    if len(formats) > 1:
        said += ": no value says which number is the day, as none is above 12"
    needs_zone = config.zone is None and time_format(formats[0]).naive
    return said + (", and `zone` to their IANA zone" if needs_zone else "")


def _quoted(form: str) -> str:
    return f'"{form}"'


def _compares_as_text(type_: sa.types.TypeEngine[Any], form: TimeFormat) -> bool:
    """Whether what the format reads is text in a column of this type, which SQLite may turn into a number."""
    return isinstance(type_, sa.String) or not form.write(EPOCH).replace(".", "").isdigit()


def _ends(
    connection: sa.Connection, table: sa.FromClause, column: Column, readable: sa.ColumnElement[bool]
) -> list[str]:
    """Texts of both ends of the column's order, among those that look readable."""
    likely = sa.select(column).select_from(table).where(readable).limit(_SAMPLE)
    ends = (likely.order_by(column.asc()), likely.order_by(column.desc()))
    return [str(row[0]) for statement in ends for row in connection.execute(statement)]
