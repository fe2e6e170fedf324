"""Converts raw columns of a source to typed columns, with a reason for each row that cannot be converted.

Every function takes a column as the driver gave it and returns typed values with a map from row number to reason,
holding only the bad rows. One bad value never raises and never costs another row.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal

import numpy as np

from monitor.model import LARGEST_NUMBER, Floats, RejectReason
from monitor.plant.sources import ValueColumn
from monitor.sources.typed.arrays import Numbers
from monitor.sources.typed.conversions import Scales
from monitor.sources.typed.times import Faults

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_NUMERIC_TYPES = frozenset({int, float, type(None)})
_BAD = object()
_MAX_TEXT = 500


def to_text(value: object) -> str:
    """A code as text: '' for NULL, stripped of blanks (CHAR columns are padded), 12.0 as '12'.

    Text with a NUL character gives '': a store on PostgreSQL would reject the whole batch because of it.
    """
    if type(value) is str:
        return "" if "\x00" in value else value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        return str(int(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)


def text_column(values: Sequence[object], codes: Mapping[str, str] | None = None) -> list[str]:
    """A column as text, with codes translated to the names of the plant file; other texts are unchanged."""
    texts = [to_text(v) for v in values]
    return [codes.get(text, text) for text in texts] if codes else texts


def not_allowed(values: Sequence[str], allowed: Collection[str], reason: RejectReason) -> Faults:
    """Faults of the rows whose text is not allowed."""
    wrong = set(values).difference(allowed)
    return {i: reason for i, text in enumerate(values) if text in wrong} if wrong else {}


def visit_numbers(values: Sequence[object]) -> tuple[list[int], Faults]:
    """Visit numbers from 1; anything else is 0 with the reason no_key."""
    parsed = [_visit(v) for v in values]
    return parsed, {i: RejectReason.NO_KEY for i, v in enumerate(parsed) if v == 0}


def _visit(value: object) -> int:
    text = to_text(value)
    # At most nine digits, because the store has 32 bits for visits.
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) and not isinstance(value, bool) else 0


def numbers(values: Sequence[object], column: ValueColumn, scales: Scales | None = None) -> tuple[Floats, Faults]:
    """A column of numbers, shape (n,), after scale and offset; NULL, NaN and `missing` codes give NaN.

    `scales`: scale and offset of each value, where they are not the same for all.

    A value that `codes` lists is its number there. Text that is a plain decimal number counts as one ('12.5', or '12,5'
    where `decimal` says so); other text, booleans and bytes are not_a_number; infinity, also by conversion, and what is
    too large to compute with is infinite.
    """
    coded = _coded(values, column.codes)
    raw, faults = _floats([None if i in coded else v for i, v in enumerate(values)] if coded else values, column)
    for code in column.missing:
        as_number = _number(code, (), column.decimal)
        if isinstance(as_number, float):
            raw[raw == as_number] = math.nan
    with np.errstate(over="ignore", invalid="ignore"):
        if scales is not None:
            scaled = raw * scales.scale + scales.offset
        else:
            scaled = raw if column.scale == 1.0 and column.offset == 0.0 else raw * column.scale + column.offset
    if coded:
        scaled[list(coded)] = list(coded.values())
    infinite = (np.abs(raw) > LARGEST_NUMBER) | (np.abs(scaled) > LARGEST_NUMBER)
    if infinite.any():
        faults.update(dict.fromkeys(np.flatnonzero(infinite).tolist(), RejectReason.INFINITE))
        scaled = np.where(infinite, math.nan, scaled)
    return scaled, faults


def unknown_classes(values: Floats, classes: Collection[float]) -> Faults:
    """The rows (n,) whose number is that of no class; a missing one is none."""
    wrong = np.isfinite(values) & ~np.isin(values, list(classes))
    return dict.fromkeys(np.flatnonzero(wrong).tolist(), RejectReason.UNKNOWN_CLASS)


def _coded(values: Sequence[object], codes: Mapping[str, float]) -> dict[int, float]:
    """The numbers of the rows whose value is a code."""
    if not codes:
        return {}
    return {i: codes[text] for i, v in enumerate(values) if v is not None and (text := to_text(v)) in codes}


def _floats(values: Sequence[object], column: ValueColumn) -> tuple[Floats, Faults]:
    """Numbers before scaling; a column of plain numbers, the usual case, is converted in one step."""
    if isinstance(values, Numbers):
        return values.values.copy(), {}
    if set(map(type, values)) <= _NUMERIC_TYPES:
        with suppress(OverflowError):
            return np.array(values, dtype=np.float64), {}
    missing = {m for m in column.missing if isinstance(m, str)}
    parsed = [_number(v, missing, column.decimal) for v in values]
    faults = {i: RejectReason.NOT_A_NUMBER for i, v in enumerate(parsed) if v is _BAD}
    return np.array([math.nan if v is _BAD else v for v in parsed], dtype=np.float64), faults


def _number(value: object, missing: Collection[str], decimal: str) -> object:
    """The value as a float, NaN if missing, _BAD if it is not a number."""
    if value is None:
        return math.nan
    if isinstance(value, bool):
        return _BAD
    if isinstance(value, str):
        return _text_number(value.strip(), missing, decimal)
    if isinstance(value, int | float | Decimal):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return _BAD


def _text_number(text: str, missing: Collection[str], decimal: str) -> object:
    if text in missing:
        return math.nan
    if decimal != ".":
        # Where the mark is a comma, a point may separate thousands or be another writer's mark: it is not guessed.
        text = text.replace(".", " ").replace(decimal, ".")
    return float(text) if _NUMBER.fullmatch(text) else _BAD


def quarantine_text(value: object) -> str | None:
    """A raw value as text for the quarantine: NULL as None, bytes as length and digest, long text truncated."""
    if value is None:
        return None
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
        return f"<{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}>"
    text = str(value)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}... ({len(text)} characters)"
