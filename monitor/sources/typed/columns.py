"""Raw columns of a source to typed columns, with the reason for each row that cannot be read.

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

from monitor.model import Floats, RejectReason
from monitor.plant.sources import ImageShape, ValueColumn
from monitor.sources.typed.times import Faults

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_PLAIN = frozenset({int, float, type(None)})
_BAD = object()
_MAX_TEXT = 500


def word(value: object) -> str:
    """A code as text: '' for NULL, blanks around it dropped (CHAR columns pad), 12.0 as '12'.

    Text holding a NUL is no code: PostgreSQL cannot keep it, so a store there would refuse the whole batch.
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


def words(values: Sequence[object], codes: Mapping[str, str] | None = None) -> list[str]:
    """A column of words in our names; a code that is not listed stands for itself."""
    plain = [word(v) for v in values]
    return [codes.get(w, w) for w in plain] if codes else plain


def outside(values: Sequence[str], allowed: Collection[str], reason: RejectReason) -> Faults:
    """The rows whose word is none of the allowed ones."""
    wrong = set(values).difference(allowed)
    return {i: reason for i, w in enumerate(values) if w in wrong} if wrong else {}


def visits(values: Sequence[object]) -> tuple[list[int], Faults]:
    """Positive whole numbers counting passages (0 where there is none); anything else has no key."""
    found = [_visit(v) for v in values]
    return found, {i: RejectReason.NO_KEY for i, v in enumerate(found) if v == 0}


def _visit(value: object) -> int:
    text = word(value)
    # Nine digits: the store keeps visits in 32 bits.
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) and not isinstance(value, bool) else 0


def numbers(values: Sequence[object], column: ValueColumn) -> tuple[Floats, Faults]:
    """A column of numbers in our unit: NULL, NaN and the `missing` codes as NaN, then scale and offset.

    Text that is a plain decimal number counts as one ('12.5', not '12,5'); other text, booleans and bytes are
    not_a_number; infinity, also by conversion, is infinite.
    """
    raw, faults = _floats(values, {m for m in column.missing if isinstance(m, str)})
    for code in column.missing:
        as_number = _number(code, ())
        if isinstance(as_number, float):
            raw[raw == as_number] = math.nan
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = raw if column.scale == 1.0 and column.offset == 0.0 else raw * column.scale + column.offset
    infinite = np.isinf(raw) | np.isinf(scaled)
    if infinite.any():
        faults.update(dict.fromkeys(np.flatnonzero(infinite).tolist(), RejectReason.INFINITE))
        scaled = np.where(infinite, math.nan, scaled)
    return scaled, faults


def _floats(values: Sequence[object], missing: Collection[str]) -> tuple[Floats, Faults]:
    """Numbers before any conversion; a column of plain numbers, the usual case, in one step."""
    if set(map(type, values)) <= _PLAIN:
        with suppress(OverflowError):
            return np.array(values, dtype=np.float64), {}
    parsed = [_number(v, missing) for v in values]
    faults = {i: RejectReason.NOT_A_NUMBER for i, v in enumerate(parsed) if v is _BAD}
    return np.array([math.nan if v is _BAD else v for v in parsed], dtype=np.float64), faults


def _number(value: object, missing: Collection[str]) -> object:
    """The value as a float, NaN for a missing one, _BAD for what is no number."""
    if value is None:
        return math.nan
    if isinstance(value, bool):
        return _BAD
    if isinstance(value, str):
        text = value.strip()
        if text in missing:
            return math.nan
        return float(text) if _NUMBER.fullmatch(text) else _BAD
    if isinstance(value, int | float | Decimal):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return _BAD


def images(values: Sequence[object], shape: ImageShape) -> tuple[Floats, Faults]:
    """Mean, standard deviation and mean absolute gradient (across plus down) of 8-bit grey images: (n, 3).

    NULL gives NaN; anything but width * height bytes is bad_image.
    """
    found = np.full((len(values), 3), math.nan)
    faults: Faults = {}
    for i, value in enumerate(values):
        if value is None:
            continue
        if not isinstance(value, bytes | bytearray | memoryview) or len(value) != shape.width * shape.height:
            faults[i] = RejectReason.BAD_IMAGE
            continue
        pixels = np.frombuffer(value, np.uint8).reshape(shape.height, shape.width).astype(np.int16)
        gradient = np.abs(np.diff(pixels, axis=1)).mean() + np.abs(np.diff(pixels, axis=0)).mean()
        found[i] = pixels.mean(), pixels.std(), gradient
    return found, faults


def as_text(value: object) -> str | None:
    """A raw value for the quarantine: NULL as None, bytes by length and digest, long text cut."""
    if value is None:
        return None
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
        return f"<{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}>"
    text = str(value)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}... ({len(text)} characters)"
