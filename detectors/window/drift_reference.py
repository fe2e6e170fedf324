"""A step's reference as drift needs it: each column sorted once, and how far its own parts vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.shared.numbers import Numbers, numbered
from detectors.shared.wasserstein import SortedSample, sorted_samples
from detectors.window.drift_limits import CELLS, Variation, cells, largest, stacked, variation
from detectors.window.units import FEWEST, shortest_window, units_of
from monitor.model import Floats, Window

SAME = 1e-9
"""Values that differ by less than this, relative to their size, count as one constant with rounding noise."""
_AT_ONCE = 2**16
"""Values that are worked on at once, so that they stay near the processor."""
_MACHINES = 4
"""A machine that made one in so many parts of the reference is also looked at by itself."""


Units = tuple[Numbers, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a reference: how many of its rows have a value; these sorted, or their only value."""

    present: int
    sample: SortedSample | None
    constant: float | None


@dataclass(frozen=True, slots=True)
class Reference:
    """A prepared reference; `variation` has the window's columns in their order, None where there are too few rows.

    `scales` (columns,): standard deviations, NaN of a column without one. `shortest`: the rows of a window for which
    whole lots are the units, None for none; `of_lots`: they are.
    """

    window: Window
    shortest: int | None
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
            and (known.groups is window.groups or known.groups == window.groups)
            and (known.lots is window.lots or known.lots == window.lots)
        )
        return same and self.of_lots == _are_units(self.shortest, rows)


def lots_of(window: Window) -> Numbers | None:
    """The lots of the rows, numbered in order of arrival; None where any is unknown."""
    return numbered(window.lots) if window.lots and all(window.lots) else None


def prepared(window: Window, rows: int) -> Reference:
    """The reference for windows of so many rows."""
    lots = lots_of(window)
    shortest = shortest_window(lots)
    of_lots = _are_units(shortest, rows)
    values = np.ascontiguousarray(finite_or_nan(window.values).T)
    rising = np.sort(values, axis=1)
    columns = _columns(rising)
    scales = np.array([np.ldexp(c.sample.spread, -c.sample.power) if c.sample else np.nan for c in columns])
    kinds = _units(window, lots if of_lots else None)
    at_once = max(1, _AT_ONCE // max(1, len(window)))
    parts = [slice(start, start + at_once) for start in range(0, len(columns), at_once)]
    found = [_variation(values[p], rising[p], columns[p], scales[p], kinds) for p in parts] if kinds else []
    return Reference(window, shortest, of_lots, columns, scales, stacked(found) if found else None)


def _are_units(shortest: int | None, rows: int) -> bool:
    return shortest is not None and rows >= shortest


def finite_or_nan(values: Floats) -> Floats:
    """The values, NaN where they are infinite."""
    return values if not np.isinf(values).any() else np.where(np.isinf(values), np.nan, values)


def _same_bits(first: Floats, second: Floats) -> bool:
    if first is second:
        return True
    bits, others = (np.ascontiguousarray(part).view(np.int64) for part in (first, second))
    return np.array_equal(bits, others)


def _units(window: Window, lots: Numbers | None) -> list[Units]:
    """The units of all rows, and those of each machine that made many of them.

    The tools of two machines may have worn by turns during the reference, and wear at the same time later.
    """
    everything = _units_of([np.arange(len(window))], len(window), lots)
    machines = numbered([group[0] if group else "" for group in window.groups])
    large = (
        np.flatnonzero(np.bincount(machines) * _MACHINES >= len(machines))
        if len(machines)
        else np.empty(0, dtype=np.int64)
    )
    alone = [np.flatnonzero(machines == machine) for machine in large] if len(large) > 1 else []
    return [units for units in (everything, _units_of(alone, len(window), lots)) if units[1]]


def _units_of(parts: Sequence[Numbers], count: int, lots: Numbers | None) -> Units:
    """The unit of each row (-1: none), and from which to which those of each part of the rows are."""
    found, spans, start = np.full(count, -1, dtype=np.int64), [], 0
    for rows in parts:
        units = units_of(len(rows), None if lots is None else np.unique(lots[rows], return_inverse=True)[1])
        if units is not None and units.max() + 1 >= FEWEST:
            found[rows] = units + start
            spans.append((start, start + int(units.max()) + 1))
            start = spans[-1][1]
    return found, spans


def _columns(rising: Floats) -> tuple[Column, ...]:
    """The columns of sorted values (columns, rows)."""
    found: list[Column] = []
    alike: dict[int, list[int]] = {}
    for j, n in enumerate(np.isfinite(rising).sum(axis=1).tolist()):
        low, high = (float(rising[j, 0]), float(rising[j, n - 1])) if n else (0.0, 0.0)
        same = n > 0 and high - low <= SAME * max(abs(low), abs(high))
        found.append(Column(n, None, low if same else None))
        if n and not same:
            alike.setdefault(n, []).append(j)
    for n, chosen in alike.items():
        for j, sample in zip(chosen, sorted_samples(rising[chosen, :n]), strict=True):
            found[j] = Column(n, sample, None)
    return tuple(found)


def _variation(
    values: Floats, rising: Floats, columns: Sequence[Column], scales: Floats, kinds: Sequence[Units]
) -> Variation:
    """The largest variation of all kinds of units, of values (columns, rows); of a constant column it is 0."""
    gaps, farthest = np.zeros((len(columns), CELLS - 1)), np.zeros((len(columns), 1))
    codes = np.zeros(values.shape, dtype=np.int64)
    samples = {j: column.sample for j, column in enumerate(columns) if column.sample is not None}
    if samples:
        varying = list(samples)
        bounds, apart = cells(rising[varying], [columns[j].present for j in varying])
        gaps[varying] = apart / scales[varying, None]
        for (j, sample), of_column in zip(samples.items(), bounds, strict=True):
            farthest[j] = sample.farthest
            codes[j] = np.searchsorted(of_column, values[j], side="right")
    present = np.isfinite(values) & np.array([[j in samples] for j in range(len(columns))])
    parts = []
    for units, spans in kinds:
        counts = _tables(np.where(present, units + 1, 0), codes, spans[-1][1] + 1)
        parts += [variation(counts[:, start + 1 : stop + 1], gaps, farthest) for start, stop in spans]
    return largest(parts)


def _tables(units: Numbers, codes: Numbers, count: int) -> Floats:
    """How many rows of each unit are in each cell, shape (columns, units, cells)."""
    flat = (units + count * np.arange(len(codes))[:, None]) * CELLS + codes
    shape = len(codes), count, CELLS
    return np.bincount(flat.ravel(), minlength=len(codes) * count * CELLS).reshape(shape).astype(np.float64)
