"""A step's reference as drift needs it: each column sorted once, and how far its own parts vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.shared.numbers import Numbers, blocks, numbered, without_gaps
from detectors.shared.wasserstein import SortedSample, sorted_samples
from detectors.window.drift_groups import Baseline, Groups, baseline, groups_of
from detectors.window.drift_limits import CELLS, Variation, cells, largest, variation
from detectors.window.units import FEWEST, shortest_window, units_of
from monitor.model import Floats, Mask, Window

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
    whole lots are the units, None for none; `of_lots`: they are. `usual`: what is usual in its groups.
    """

    window: Window
    usual: Baseline
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


def prepared(window: Window, rows: int, least_rows: int) -> Reference:
    """The reference for windows of so many rows; a group of fewer than `least_rows` is hardly known."""
    lots = lots_of(window)
    shortest = shortest_window(lots)
    of_lots = _are_units(shortest, rows)
    groups = groups_of(window)
    values = np.ascontiguousarray(finite_or_nan(window.values).T)
    rising = np.sort(values, axis=1)
    columns = _columns(rising)
    scales = np.array([np.ldexp(c.sample.spread, -c.sample.power) if c.sample else np.nan for c in columns])
    kinds = _units(groups, lots if of_lots else None)
    varies = _variation(values, rising, columns, kinds) if kinds and columns else None
    usual = baseline(groups, values, least_rows)
    return Reference(window, usual, shortest, of_lots, columns, scales, varies)


def _are_units(shortest: int | None, rows: int) -> bool:
    return shortest is not None and rows >= shortest


def present_in(rising: Floats) -> Numbers:
    """How many values each sorted column (columns, rows) has; those that are missing come last."""
    whole = not np.isnan(rising[:, -1:]).any()
    return np.full(len(rising), rising.shape[1]) if whole else np.isfinite(rising).sum(axis=1)


def finite_or_nan(values: Floats) -> Floats:
    """The values, NaN where they are infinite."""
    return values if not np.isinf(values).any() else np.where(np.isinf(values), np.nan, values)


def _same_bits(first: Floats, second: Floats) -> bool:
    if first is second:
        return True
    bits, others = (np.ascontiguousarray(part).view(np.int64) for part in (first, second))
    return np.array_equal(bits, others)


def _units(groups: Groups, lots: Numbers | None) -> list[Units]:
    """The units of all rows, and those of each machine that made many of them.

    The tools of two machines may have worn by turns during the reference, and wear at the same time later.
    """
    names, numbers = groups
    count = len(numbers)
    machines = numbered([name[0] if name else "" for name in names])[numbers]
    large = np.flatnonzero(np.bincount(machines) * _MACHINES >= count)
    alone = [np.flatnonzero(machines == machine) for machine in large] if len(large) > 1 else []
    return [units for units in (_units_of(part, count, lots) for part in ([np.arange(count)], alone)) if units[1]]


def _units_of(parts: Sequence[Numbers], count: int, lots: Numbers | None) -> Units:
    """The unit of each row (-1: none), and from which to which those of each part of the rows are."""
    found, spans, start = np.full(count, -1, dtype=np.int64), [], 0
    for rows in parts:
        units = units_of(len(rows), None if lots is None else without_gaps(lots[rows])[1])
        if units is not None and units.max() + 1 >= FEWEST:
            found[rows] = units + start
            spans.append((start, start + int(units.max()) + 1))
            start = spans[-1][1]
    return found, spans


def _columns(rising: Floats) -> tuple[Column, ...]:
    """The columns of sorted values (columns, rows), of which those that vary become the samples: scaled in place."""
    found: list[Column] = []
    lengths: list[int] = []
    for j, n in enumerate(present_in(rising).tolist()):
        low, high = (float(rising[j, 0]), float(rising[j, n - 1])) if n else (0.0, 0.0)
        same = n > 0 and high - low <= SAME * max(abs(low), abs(high))
        found.append(Column(n, None, low if same else None))
        lengths.append(0 if same else n)
    for n, run in groupby(range(len(lengths)), key=lengths.__getitem__):
        alike = list(run)
        for block in blocks(len(alike), n, _AT_ONCE) if n else ():
            part = alike[block]
            for j, sample in zip(part, sorted_samples(rising[part[0] : part[-1] + 1, :n]), strict=True):
                found[j] = Column(n, sample, None)
    return tuple(found)


def _variation(values: Floats, rising: Floats, columns: Sequence[Column], kinds: Sequence[Units]) -> Variation:
    """The largest variation of all kinds of units, of values (columns, rows); of a constant column it is 0."""
    parts = blocks(len(values), values.shape[1], _AT_ONCE)
    counted = [_counted(values[part], rising[part], columns[part], kinds) for part in parts]
    gaps, farthest, *tables = (np.concatenate(each) for each in zip(*counted, strict=True))
    found = []
    for counts, (_, spans) in zip(tables, kinds, strict=True):
        found += [variation(counts[:, start:stop], gaps, farthest) for start, stop in spans]
    return largest(found)


def _counted(
    values: Floats, rising: Floats, columns: Sequence[Column], kinds: Sequence[Units]
) -> tuple[NDArray[Any], ...]:
    """What `variation` needs of values (columns, rows): gaps and farthest, and the counts of every kind of units.

    All are 0 of a constant column.
    """
    gaps, farthest = np.zeros((len(columns), CELLS - 1)), np.zeros((len(columns), 1))
    codes = np.zeros(values.shape, dtype=np.uint8)
    samples = {j: column.sample for j, column in enumerate(columns) if column.sample is not None}
    if samples:
        varying = list(samples)
        whole = len(varying) == len(columns)
        bounds, apart = cells(rising if whole else rising[varying], [columns[j].present for j in varying])
        gaps[varying] = apart / np.array([[sample.spread] for sample in samples.values()])
        powers = np.array([[sample.power] for sample in samples.values()])
        farthest[varying, 0] = [sample.farthest for sample in samples.values()]
        codes[varying] = _codes(values if whole else values[varying], np.ldexp(bounds, -powers))
    present = np.array([column.present if column.sample else 0 for column in columns])
    unknown = None if (present == values.shape[1]).all() else ~(np.isfinite(values) & (present > 0)[:, None])
    return gaps, farthest, *(_tables(units, codes, unknown, spans[-1][1]) for units, spans in kinds)


def _codes(values: Floats, bounds: Floats) -> NDArray[np.uint8]:
    """The cell of each value (columns, rows): the bounds (columns, cells - 1) it reaches, counted without a search."""
    codes, reached = np.zeros(values.shape, dtype=np.uint8), np.empty(values.shape, dtype=np.bool_)
    for bound in bounds.T:
        np.greater_equal(values, bound[:, None], out=reached)
        codes += reached
    return codes


def _tables(units: Numbers, codes: NDArray[np.uint8], unknown: Mask | None, count: int) -> Numbers:
    """How many rows of each unit are in each cell, shape (columns, units, cells)."""
    # What counts for nothing, as it is unknown or of no unit, is in a unit before the first.
    flat = (units + 1) * CELLS + codes
    if unknown is not None:
        flat[unknown] = 0
    size = (count + 1) * CELLS
    flat += size * np.arange(len(codes))[:, None]
    found = np.bincount(flat.ravel(), minlength=size * len(codes)).reshape(len(codes), count + 1, CELLS)
    return found[:, 1:]
