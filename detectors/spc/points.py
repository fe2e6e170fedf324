"""What is plotted: single values with their moving ranges, or subgroups with their means and spreads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from detectors.spc.constants import c4, d2, d3
from monitor.model import Floats

Indices = NDArray[np.int64]


class Spread(StrEnum):
    """How the spread of a point is measured."""

    MOVING_RANGE = "moving range"
    RANGE = "range"
    DEVIATION = "standard deviation"


@dataclass(frozen=True, slots=True)
class Points:
    """One a value or subgroup (n,): its mean, spread and size, NaN, NaN and 0 where all is missing; a spread is NaN too
    where there is none: of a single value, across a gap.

    `first`: row of the file, from 0. `stretches`: numbers that change wherever a gap is: a point that is missing, or a
    break in time. `incomplete`: fewer values than the most common size.
    """

    spread: Spread
    means: Floats
    spreads: Floats
    sizes: Indices
    first: Indices
    stretches: Indices
    incomplete: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.means)

    def __getitem__(self, part: slice) -> Points:
        return Points(
            self.spread, self.means[part], self.spreads[part], self.sizes[part], self.first[part],
            self.stretches[part], self.incomplete[part],
        )  # fmt: skip


def _stretches(means: Floats, breaks: NDArray[np.bool_]) -> Indices:
    """Numbers of stretches: a new one at each missing point, after it, and at each break."""
    missing = np.isnan(means)
    after = np.concatenate([[False], missing[:-1]]) if len(missing) else missing
    return np.asarray(np.cumsum(missing | after | breaks), dtype=np.int64)


def of_values(values: Floats, breaks: NDArray[np.bool_]) -> Points:
    """A point a value (n,), NaN where missing; `breaks` (n,) where a gap in time lies before the value."""
    stretches = _stretches(values, breaks)
    ranges = np.full(len(values), np.nan)
    if len(values) > 1:
        ranges[1:] = np.where(stretches[1:] == stretches[:-1], np.abs(np.diff(values)), np.nan)
    rows = np.arange(len(values))
    known = np.isfinite(values)
    return Points(Spread.MOVING_RANGE, values, ranges, known.astype(np.int64), rows, stretches, ~known)


def of_subgroups(values: Floats, first: Indices, spread: Spread, breaks: NDArray[np.bool_]) -> Points:
    """A point a subgroup: rows from one of `first` (groups,), the first being 0, up to the next; missing values (NaN)
    make it smaller. `breaks` (groups,) where a gap in time lies before the subgroup.
    """
    known = np.isfinite(values)
    sizes = np.add.reduceat(known.astype(np.int64), first)
    some = np.maximum(sizes, 1)
    means = np.where(sizes > 0, np.add.reduceat(np.where(known, values, 0.0), first) / some, np.nan)
    if spread is Spread.RANGE:
        highest = np.maximum.reduceat(np.where(known, values, -np.inf), first)
        spreads = highest - np.minimum.reduceat(np.where(known, values, np.inf), first)
    else:
        own = np.repeat(means, np.diff(np.append(first, len(values))))
        squares = np.add.reduceat(np.where(known, np.square(values - own), 0.0), first)
        spreads = np.sqrt(squares / np.maximum(sizes - 1, 1))
    usual = int(np.bincount(sizes).argmax())
    return Points(
        spread, means, np.where(sizes > 1, spreads, np.nan), sizes, first, _stretches(means, breaks), sizes < usual
    )


def center_of_spread(spread: Spread, size: int) -> tuple[float, float]:
    """The mean and the standard deviation of the spread of `size` normal values, of standard deviation 1."""
    if spread is Spread.DEVIATION:
        return c4(size), float(np.sqrt(1 - c4(size) ** 2))
    return d2(size), d3(size)


def spread_constants(spread: Spread, sizes: Indices) -> tuple[Floats, Floats]:
    """`center_of_spread` for sizes (n,); NaN below 2. A moving range is one of two values."""
    means, deviations = np.full(len(sizes), np.nan), np.full(len(sizes), np.nan)
    if spread is Spread.MOVING_RANGE:
        means[sizes > 0], deviations[sizes > 0] = center_of_spread(spread, 2)
        return means, deviations
    for size in np.unique(sizes[sizes > 1]).tolist():
        means[sizes == size], deviations[sizes == size] = center_of_spread(spread, size)
    return means, deviations
