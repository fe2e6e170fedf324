"""Columns that a file has with their types: times and numbers as arrays, which are cells like those of any column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from monitor.instants import from_micros
from monitor.model import Floats

Micros = NDArray[np.int64]

UNREADABLE = int(np.iinfo(np.int64).min)
"""The place of a time that cannot be read."""


class Instants(Sequence[object]):
    """A column of times: microseconds since 1970, of UTC or of a clock on the wall; UNREADABLE where there is none.

    An element is a datetime, aware if of UTC; None where there is none.
    """

    def __init__(self, micros: Micros, utc: bool) -> None:
        self.micros, self.utc = micros, utc

    def __len__(self) -> int:
        return len(self.micros)

    @overload
    def __getitem__(self, i: int) -> object: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[object]: ...
    def __getitem__(self, i: int | slice) -> object:
        if isinstance(i, slice):
            return Instants(self.micros[i], self.utc)
        micros = int(self.micros[i])
        if micros == UNREADABLE:
            return None
        try:
            at = from_micros(micros)
        except OverflowError:
            return str(micros)  # no time that a calendar has
        return at if self.utc else at.replace(tzinfo=None)


class Numbers(Sequence[object]):
    """A column of numbers, NaN where there is none. An element is a float, or None."""

    def __init__(self, values: Floats) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, i: int) -> object: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[object]: ...
    def __getitem__(self, i: int | slice) -> object:
        if isinstance(i, slice):
            return Numbers(self.values[i])
        value = float(self.values[i])
        return None if np.isnan(value) else value
