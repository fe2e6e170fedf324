"""Columns with several numbers in a row: JSON arrays, database arrays, or bytes of little-endian doubles."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from monitor.model import Floats, RejectReason
from monitor.plant.sources import ValueColumn
from monitor.sources.typed.columns import numbers
from monitor.sources.typed.conversions import Scales
from monitor.sources.typed.times import Faults


def vectors(values: Sequence[object], column: ValueColumn, scales: Scales | None = None) -> tuple[Floats, Faults]:
    """The numbers of each row after scale and offset, shape (n, column.vector); NULL gives a row of NaN.

    Anything but `column.vector` values is bad_vector; each value is converted as by `numbers`.
    """
    length = column.vector or 0
    faults: Faults = {}
    flat: list[object] = []
    for i, value in enumerate(values):
        elements = [None] * length if value is None else _elements(value)
        if elements is None or len(elements) != length:
            faults[i] = RejectReason.BAD_VECTOR
            elements = [None] * length
        flat += elements
    read, bad = numbers(flat, column, scales.repeat(length) if scales else None)
    for index, reason in bad.items():
        faults.setdefault(index // length, reason)
    return read.reshape(len(values), length), faults


def _elements(value: object) -> Sequence[object] | None:
    """The elements of a cell; None if it is not a vector."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
        return np.frombuffer(data, "<f8").tolist() if len(data) % 8 == 0 else None
    if not isinstance(value, str):
        return None
    try:
        elements = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return elements if isinstance(elements, list) else None
