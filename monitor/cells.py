"""Cells of a source's row as JSON values from which they come back unchanged, type and all."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

LARGEST_ROW = 1_000_000
"""The largest row that is kept, in characters of JSON: thousands of refused images must not fill the store."""

_READERS: Mapping[str, Callable[[Any], object]] = {
    "float": float,
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "interval": lambda parts: timedelta(*parts),
    "uuid": UUID,
    "bytes": lambda text: zlib.decompress(base64.b64decode(text)),
    "list": lambda items: [restore_cell(item) for item in items],
    "map": lambda pairs: {restore_cell(name): restore_cell(value) for name, value in pairs},
}


def keep_row(cells: Mapping[str, object]) -> dict[str, object] | None:
    """A row as JSON values; None if it is too large to be kept."""
    row = {name: _keep_cell(value) for name, value in cells.items()}
    return row if len(json.dumps(row)) <= LARGEST_ROW else None


_DAMAGE = (ValueError, KeyError, TypeError, ArithmeticError, zlib.error)


def restore_row(row: Mapping[str, object]) -> dict[str, object] | None:
    """The cells of a row that was kept; None if what was kept is damaged."""
    try:
        return {name: restore_cell(value) for name, value in row.items()}
    except _DAMAGE:
        return None


def restore_cell(kept: Any) -> object:
    """A cell that was kept."""
    if isinstance(kept, dict):
        ((kind, value),) = kept.items()
        return _READERS[kind](value)
    return kept


def _keep_cell(value: object) -> object:
    """A JSON value: text, whole numbers, truth values and finite floats as they are, all else under its type."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytes": base64.b64encode(zlib.compress(bytes(value), 1)).decode()}
    if isinstance(value, list | tuple):
        return {"list": [_keep_cell(item) for item in value]}
    if isinstance(value, Mapping):
        return {"map": [[_keep_cell(name), _keep_cell(item)] for name, item in value.items()]}
    return _keep_scalar(value)


def _keep_scalar(value: object) -> object:
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime):  # before `date`, of which it is one
        return {"datetime": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, time):
        return {"time": value.isoformat()}
    if isinstance(value, timedelta):
        return {"interval": [value.days, value.seconds, value.microseconds]}
    return {"uuid": str(value)} if isinstance(value, UUID) else str(value)
