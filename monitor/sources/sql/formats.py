"""Text columns with a format of their own, in SQL: as ISO text, which sorts by time, and which rows are no time.

SQLite calls Python (`SQLITE_FUNCTION`, defined on every connection). PostgreSQL compares the text with the same regular
expression and takes its runs of digits: groups of an expression take twenty times as long. Neither raises for text that
is no time: it is NULL.
"""

from __future__ import annotations

from functools import reduce
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from monitor.plant.time_formats import LAST_CENTURY, MONTHS, NUMBERS, TimeFormat, time_format

SQLITE_FUNCTION = "gatewatch_time"
Text = sa.ColumnElement[str]
_WIDTHS = {"Y": 4}


def sqlite_time(value: object, text: str) -> str | None:
    """A time in the format of that text as ISO text; None if it is none."""
    return time_format(text).iso(value)


def as_iso(column: sa.ColumnElement[Any], form: TimeFormat, dialect: str) -> Text:
    """The column's times as ISO text of full width, NULL where the format does not read them."""
    if dialect == "sqlite":
        return sa.Function[str](SQLITE_FUNCTION, column, sa.literal(form.text), type_=sa.Text())
    # Before the first run of digits there is always something, so that it is the second piece.
    pieces = sa.func.regexp_split_to_array(sa.literal("x", sa.Text).concat(column), "[^0-9]+", type_=sa.ARRAY(sa.Text))
    runs = pieces.column_valued("runs")
    found = _numbers(form, runs)
    parts = [
        _year(found), sa.literal("-"), _month(form, column, found), sa.literal("-"), _two(found["d"]), sa.literal(" "),
        _hour(form, column, found), sa.literal(":"), _two(found.get("M")), sa.literal(":"), _two(found.get("S")),
        *_fraction(form, column, found), *_offset(form, column),
    ]  # fmt: skip
    text = sa.select(reduce(Text.concat, parts)).scalar_subquery()
    return sa.collate(sa.case((column.op("~")(_whole(form)), text)), "C")


def unread(column: sa.ColumnElement[Any], form: TimeFormat, dialect: str) -> sa.ColumnElement[bool]:
    """A condition that selects the rows, NULL among them, that the format does not read."""
    if dialect == "sqlite":
        return as_iso(column, form, dialect).is_(None)
    return sa.or_(column.is_(None), column.op("!~")(_whole(form)))


def _whole(form: TimeFormat) -> Text:
    return sa.literal(f"^(?:{form.pattern})$", sa.Text)


def _numbers(form: TimeFormat, runs: sa.ColumnElement[Any]) -> dict[str, Text]:
    """The fields that are numbers: each is a run of digits, or some of one that it shares with its neighbours."""
    found: dict[str, Text] = {}
    groups = [
        list(group)
        for numeric, group in groupby(form.tokens, lambda t: bool(t.field) and t.field in NUMBERS)
        if numeric
    ]
    for number, group in enumerate(groups, 2):
        start = 1
        for token in group:
            run: Text = runs[number]
            width = _WIDTHS.get(token.field, 2)
            alone = len(group) == 1
            last = (start,) if token.field == "f" else (start, width)
            found[token.field] = run if alone else sa.func.substr(run, *last, type_=sa.Text)
            start += width
    return found


def _two(digits: Text | None) -> Text:
    return sa.literal("00") if digits is None else sa.func.lpad(digits, 2, "0", type_=sa.Text)


def _year(found: dict[str, Text]) -> Text:
    if "Y" in found:
        return found["Y"]
    century = sa.case((found["y"] >= LAST_CENTURY, sa.literal("19")), else_=sa.literal("20"))
    return century.concat(found["y"])


def _month(form: TimeFormat, column: sa.ColumnElement[Any], found: dict[str, Text]) -> Text:
    if "m" in found:
        return _two(found["m"])
    name = sa.func.substring(column, form.parts[_place(form, "b")])
    return sa.case(MONTHS, value=sa.func.upper(name))


def _hour(form: TimeFormat, column: sa.ColumnElement[Any], found: dict[str, Text]) -> Text:
    if "I" not in found:
        return _two(found.get("H"))
    after = form.rest(_place(form, "p") + 1)
    afternoon = sa.case((column.op("~")(sa.literal(f"[Pp][Mm]{after}$", sa.Text)), 12), else_=0)
    return _two(sa.cast(sa.cast(found["I"], sa.Integer) % 12 + afternoon, sa.Text))


def _fraction(form: TimeFormat, column: sa.ColumnElement[Any], found: dict[str, Text]) -> list[Text]:
    """Six digits, zeros if it is left out: the next run of digits is then the offset's, or none."""
    if "f" not in found:
        return []
    place = _place(form, "f")
    digits = found["f"]
    if form.parts[place].endswith("?"):
        given = column.op("~")(sa.literal(f"{form.parts[place][:-1]}{form.rest(place + 1)}$", sa.Text))
        digits = sa.case((given, digits), else_=sa.literal(""))
    return [sa.literal("."), sa.func.rpad(sa.func.left(digits, 6), 6, "0", type_=sa.Text)]


def _offset(form: TimeFormat, column: sa.ColumnElement[Any]) -> list[Text]:
    if form.naive:
        return []
    if "Z" in form.fields:
        return [sa.literal("Z")]
    # Everything behind the last directive, its offset, is cut off, and what is left of the text in front of it.
    tail = f"(?:{form.parts[_place(form, 'z')][1:-1]}){form.rest(_place(form, 'z') + 1)}$"
    return [sa.func.substring(sa.func.substring(column, tail), "^(?:Z|[+-][0-9:]+)", type_=sa.Text)]


def _place(form: TimeFormat, field: str) -> int:
    return next(i for i, token in enumerate(form.tokens) if token.field == field)
