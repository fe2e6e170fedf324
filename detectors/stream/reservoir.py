"""Rows of a machine from which its baseline is learnt: the warm-up, and a thinned memory of the normal rows since."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.condition.standard import medians
from detectors.shared.rows import sampling_interval
from detectors.shared.state import pack, require, unpack, whole_number
from monitor.model import Floats

BLOCKS = 10
"""Blocks of a warm-up; a memory is thinned block by block, so that rows beside each other stay so."""
REFITS = 3
"""How often a baseline is learnt again: at twice, four and eight times the rows of its warm-up."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """The usable rows so far, shape (rows, sensors), and their times in nanoseconds, shape (rows,)."""

    rows: Floats
    at: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def with_rows(self, rows: Floats, at: NDArray[np.int64]) -> WarmUp:
        """With rows that came after these."""
        return WarmUp(np.concatenate([self.rows, rows]), np.concatenate([self.at, at]))

    @property
    def interval(self) -> float:
        """Seconds from row to row."""
        return sampling_interval(self.at)

    def save(self) -> dict[str, Any]:
        """The rows as JSON values."""
        return {"rows": len(self), "values": pack(self.rows), "at": pack(self.at, "<i8")}


def no_rows(width: int) -> WarmUp:
    """Before the first row."""
    return WarmUp(np.empty((0, width)), np.empty(0, dtype=np.int64))


def load_warm_up(saved: object, width: int) -> WarmUp:
    """The rows that were saved; ValueError when they are incomplete or damaged."""
    fields = require(saved, "a warm-up", ("rows", "values", "at"))
    count = whole_number(fields["rows"], "rows")
    return WarmUp(unpack(fields["values"], (count, width)), unpack(fields["at"], (count,), "<i8"))


@dataclass(frozen=True, slots=True)
class Reservoir:
    """Normal rows for the next time the baseline is learnt: one of `keep` blocks of those that came.

    `origin`, shape (sensors,): a usual value of each sensor; `rows`, shape (n, sensors): what values exceed it by, in
    single precision, so that a sensor that hardly moves far from 0 keeps its digits; `block`: rows of a block; `came`:
    rows that came since the warm-up began; `due`: how many must have come; `refits`: how often it will be learnt again.
    """

    origin: Floats
    rows: NDArray[np.float32]
    block: int
    came: int
    due: int
    keep: int
    refits: int

    @property
    def values(self) -> Floats:
        """The rows as values, shape (n, sensors)."""
        return self.origin + self.rows.astype(np.float64)

    @property
    def room(self) -> int:
        """Rows that may still come before the baseline is learnt again."""
        return self.due - self.came

    def with_rows(self, rows: Floats) -> Reservoir:
        """With normal rows that came next, shape (n <= room, sensors)."""
        numbers = np.arange(self.came, self.came + len(rows)) // self.block
        kept = (rows[numbers % self.keep == self.keep - 1] - self.origin).astype(np.float32)
        return replace(self, rows=np.concatenate([self.rows, kept]), came=self.came + len(rows))

    def thinned(self) -> Reservoir:
        """Every other block, and twice as far to go."""
        numbers = np.arange(len(self.rows)) // self.block
        rows = self.rows[numbers % 2 == 1]
        return replace(self, rows=rows, due=2 * self.due, keep=2 * self.keep, refits=self.refits - 1)

    def save(self) -> dict[str, Any]:
        """The memory as JSON values."""
        counts = {name: getattr(self, name) for name in _COUNTS}
        return {"kept": len(self.rows), "origin": pack(self.origin), "rows": pack(self.rows, "<f4"), **counts}


_COUNTS = ("block", "came", "due", "keep", "refits")


def reservoir_of(rows: Floats) -> Reservoir:
    """The memory after a warm-up, shape (n, sensors), in which every sensor has a value."""
    count = len(rows)
    origin = medians(rows)
    whole = Reservoir(origin, (rows - origin).astype(np.float32), max(count // BLOCKS, 1), count, count, 1, REFITS + 1)
    return whole.thinned()


def load_reservoir(saved: object, width: int) -> Reservoir:
    """The memory that was saved; ValueError when it is incomplete or damaged."""
    fields = require(saved, "a memory of rows", ("kept", "origin", "rows", *_COUNTS))
    counts = [whole_number(fields[name], name) for name in _COUNTS]
    if 0 in counts:
        raise ValueError("the saved memory of rows is damaged; rebuild it from history")
    rows = unpack(fields["rows"], (whole_number(fields["kept"], "kept"), width), "<f4")
    return Reservoir(unpack(fields["origin"], (width,)), rows, *counts)
