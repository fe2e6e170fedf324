"""A column that holds many numbers a row: JSON arrays, arrays of the database, or bytes of little-endian doubles."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from monitor.model import Floats, RejectReason
from monitor.plant.sources import ValueColumn
from monitor.sources.typed.columns import numbers
from monitor.sources.typed.times import Faults


def vectors(values: Sequence[object], column: ValueColumn) -> tuple[Floats, Faults]:
    """The numbers of each row, shape (n, column.vector), in our unit; NULL gives NaN all along.

    Anything but `column.vector` values is bad_vector; each value is read as one of a plain column would be.
    """
    length = column.vector or 0
    faults: Faults = {}
    flat: list[object] = []
    for i, value in enumerate(values):
        found = [None] * length if value is None else _elements(value)
        if found is None or len(found) != length:
            faults[i] = RejectReason.BAD_VECTOR
            found = [None] * length
        flat += found
    read, bad = numbers(flat, column)
    for place, reason in bad.items():
        faults.setdefault(place // length, reason)
    return read.reshape(len(values), length), faults


def _elements(value: object) -> Sequence[object] | None:
    """The elements of one cell; None where it is no vector."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
        return np.frombuffer(data, "<f8").tolist() if len(data) % 8 == 0 else None
    if not isinstance(value, str):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None
