"""Whether the columns of the MES's table take what is written to them. Pure: the columns are given as reflected.

SQLite stores anything in a column of any type, but for strict tables, which are left to the database. PostgreSQL
converts text to no type but text, and whole numbers and numbers to each other and to text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from monitor.model import Reason, Verdict
from monitor.plant.sources import WRITE_BACK_FIELDS
from monitor.plant.types import OnHold

_WHOLE = ("visit", "revision", "audit")
_NUMBERS = (
    "confidence", "predicted", "lower", "upper", "expected_cost", "probability", "adjust_to", "adjust_to_2",
)  # fmt: skip
_TIME = "decided_at"
_WORDS: Mapping[str, Sequence[str]] = {
    "recommendation": tuple(verdict.value for verdict in Verdict),
    "reason": tuple(reason.value for reason in Reason),
    "on_hold": get_args(OnHold),
}
"""All that may be written to a field, where that is known."""
_EXAMPLES = {
    "serial": "B000123", "model_version": "3", "site": "plant-7", "step": "press", "correction": "grind",
    "adjustment": "coating.thickness", "adjustment_2": "coating.thickness",
}  # fmt: skip


def misfits(
    columns: Mapping[str, str],
    reflected: Sequence[Mapping[str, Any]],
    codes: Mapping[Any, Mapping[str, str]],
    names: Mapping[str, Sequence[str]],
    postgres: bool,
) -> Iterator[str]:
    """What keeps a row from being written: sentences on the columns, by field, of a table that has them all.

    `codes`: what is written in place of our words, by field. `names`: what is known to be written to a field, such as
    the steps with gates.
    """
    present = {str(column["name"]): column for column in reflected}
    for field in WRITE_BACK_FIELDS:
        if field in columns:
            column = present[columns[field]]
            if column.get("computed") or (column.get("identity") or {}).get("always"):
                yield f"column {columns[field]!r} ({field}) is computed by the database; name another one"
            elif postgres and (why := _misfit(field, column["type"], _written(field, codes, names))):
                yield f"column {columns[field]!r} ({field}) is of type {_type(column['type'])}, which {why}"
    for name, column in present.items():
        free = column["nullable"] or column.get("default") is not None or column.get("autoincrement") is True
        free = free or column.get("computed") or column.get("identity") or _is_rowid(column, postgres)
        if name not in columns.values() and not free:
            yield f"column {name!r} must not be NULL and has no default, but nothing is written to it; give it one"


def _is_rowid(column: Mapping[str, Any], postgres: bool) -> bool:
    return not postgres and bool(column.get("primary_key")) and isinstance(column["type"], sa.Integer)


def _written(field: str, codes: Mapping[Any, Mapping[str, str]], names: Mapping[str, Sequence[str]]) -> list[str]:
    words = names.get(field) or _WORDS.get(field) or (_EXAMPLES.get(field, ""),)
    return [codes.get(field, {}).get(word, word) for word in words]


def _misfit(field: str, kind: sa.types.TypeEngine[Any], texts: Sequence[str]) -> str | None:
    """Why a column of this type does not take a field; None if it does."""
    if isinstance(kind, postgresql.DOMAIN):
        return _misfit(field, kind.data_type, texts)
    if isinstance(kind, sa.Enum):
        return f"cannot take text such as {_first(texts)}: an enum takes only its own type; make it text, with a CHECK"
    if isinstance(kind, sa.types.NullType):
        return None  # a type that the library does not know
    if isinstance(kind, sa.String | postgresql.CITEXT):
        length = getattr(kind, "length", None)
        long = [text for text in texts if length is not None and len(text) > length]
        return f"is too short for {long[0]!r}" if long and field not in _EXAMPLES_ONLY else None
    if field in _NUMBERS and isinstance(kind, sa.Integer):
        return "cannot take a number such as 0.93 without rounding it; make it double precision"
    if field in (*_WHOLE, *_NUMBERS):
        return (
            None
            if isinstance(kind, sa.Numeric | sa.Float | sa.Integer)
            else "cannot take a number; make it " + _wanted(field)
        )
    if field == _TIME:
        fits = isinstance(kind, sa.DateTime)
        return None if fits else "cannot take a date with a time of day; make it timestamp"
    return f"cannot take text such as {_first(texts)}; make it text"


_EXAMPLES_ONLY = ("serial", "model_version", "correction", "adjustment", "adjustment_2")
"""Fields of which an example only is known, which says nothing of their length."""


def _wanted(field: str) -> str:
    return "integer" if field in _WHOLE else "double precision"


def _first(texts: Sequence[str]) -> str:
    return repr(texts[0])


def _type(kind: sa.types.TypeEngine[Any]) -> str:
    if isinstance(kind, sa.Enum | postgresql.DOMAIN):
        return f"{kind.name} ({'an enum' if isinstance(kind, sa.Enum) else 'a domain'})"
    return str(kind).lower()
