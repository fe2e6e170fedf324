"""A step's reference as drift needs it: each column sorted once, and how far its own parts vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.shared.wasserstein import SortedSample
from detectors.window.drift_limits import CELLS, Variation, cells, largest, variation
from detectors.window.units import FEWEST, Numbers, lots_are_units, numbered, units_of
from monitor.model import Floats, Window

SAME = 1e-9
"""Values that differ by less than this, relative to their size, count as one constant with rounding noise."""
_MACHINES = 4
"""A machine that made one in so many parts of the reference is also looked at by itself."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a reference: how many of its rows have a value; these sorted, or their only value."""

    present: int
    sample: SortedSample | None
    constant: float | None


@dataclass(frozen=True, slots=True)
class Reference:
    """A prepared reference; `variation` has the window's columns in their order, None where there are too few rows.

    `scales` (columns,): standard deviations, NaN of a column without one.
    """

    window: Window
    of_lots: bool
    columns: tuple[Column, ...]
    scales: Floats
    variation: Variation | None

    def holds(self, window: Window, rows: int) -> bool:
        """Whether this is that reference, bit for bit, for windows of so many rows."""
        known = self.window
        same = known is window or (
            known.names == window.names
            and _same_bits(known.values, window.values)
            and known.groups == window.groups
            and known.lots == window.lots
        )
        return same and self.of_lots == lots_are_units(lots_of(window), rows)


def lots_of(window: Window) -> Numbers | None:
    """The lots of the rows, numbered in order of arrival; None where any is unknown."""
    return numbered(window.lots) if window.lots and all(window.lots) else None


def prepared(window: Window, rows: int) -> Reference:
    """The reference for windows of so many rows."""
    lots = lots_of(window)
    of_lots = lots_are_units(lots, rows)
    values = np.ascontiguousarray(finite_or_nan(window.values).T)
    rising = np.sort(values, axis=1)
    columns = tuple(_column(row[: int(np.isfinite(row).sum())]) for row in rising)
    scales = np.array([np.ldexp(c.sample.spread, -c.sample.power) if c.sample else np.nan for c in columns])
    kinds = _units(window, lots if of_lots else None)
    return Reference(window, of_lots, columns, scales, _variation(values, rising, columns, scales, kinds))


def finite_or_nan(values: Floats) -> Floats:
    """The values, NaN where they are infinite."""
    return values if not np.isinf(values).any() else np.where(np.isinf(values), np.nan, values)


def _same_bits(first: Floats, second: Floats) -> bool:
    return first is second or (
        first.shape == second.shape
        and np.array_equal(*(np.ascontiguousarray(part).view(np.int64) for part in (first, second)))
    )


def _units(window: Window, lots: Numbers | None) -> list[Numbers]:
    """The unit of each row (-1: none): of all rows, and of those of each machine that made many of them.

    The tools of two machines may have worn by turns during the reference, and wear at the same time later.
    """
    chosen = [np.arange(len(window))]
    machines = numbered([group[0] if group else "" for group in window.groups])
    large = np.flatnonzero(np.bincount(machines) * _MACHINES >= len(machines)) if len(machines) else np.empty(0)
    if len(large) > 1:
        chosen += [np.flatnonzero(machines == machine) for machine in large]
    found = []
    for rows in chosen:
        within = None if lots is None else np.unique(lots[rows], return_inverse=True)[1]
        units = units_of(len(rows), within)
        if units is not None and units.max() + 1 >= FEWEST:
            found.append(np.full(len(window), -1, dtype=np.int64))
            found[-1][rows] = units
    return found


def _column(rising: Floats) -> Column:
    if not len(rising):
        return Column(0, None, None)
    low, high = float(rising[0]), float(rising[-1])
    if high - low <= SAME * max(abs(low), abs(high)):
        return Column(len(rising), None, low)
    return Column(len(rising), SortedSample.of(rising), None)


def _variation(
    values: Floats, rising: Floats, columns: Sequence[Column], scales: Floats, kinds: Sequence[Numbers]
) -> Variation | None:
    """The largest variation of all kinds of units, of values (columns, rows); of a constant column it is 0."""
    if not kinds or not columns:
        return None
    counts = [np.zeros((len(columns), int(units.max()) + 1, CELLS)) for units in kinds]
    gaps, farthest = np.zeros((len(columns), CELLS - 1)), np.zeros((len(columns), 1))
    for j, column in enumerate(columns):
        if column.sample is None:
            continue
        bounds, apart = cells(rising[j, : column.present])
        gaps[j], farthest[j] = apart / scales[j], column.sample.farthest
        present = slice(None) if column.present == values.shape[1] else np.isfinite(values[j])
        code = np.searchsorted(bounds, values[j, present], side="right")
        for units, of_kind in zip(kinds, counts, strict=True):
            of_kind[j] = _table(units[present], code, of_kind.shape[1])
    return largest([variation(of_kind, gaps, farthest) for of_kind in counts])


def _table(units: Numbers, codes: NDArray[np.int64], count: int) -> Floats:
    """How many rows of each unit are in each cell, shape (units, cells)."""
    flat = (units + 1) * CELLS + codes
    table = np.bincount(flat, minlength=(count + 1) * CELLS).reshape(count + 1, CELLS)
    return table[1:].astype(np.float64)
