"""One column, or its missing values, as what chance is asked of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.comparing.cells import Cells, Codes
from detectors.comparing.chance import Stratum, distance, stratum
from detectors.comparing.columns import Column, Labels, Settings
from detectors.comparing.methods import CHANGED, MISSING, Method
from monitor.model import Floats

Rows = tuple[Codes, Codes]


@dataclass(frozen=True, slots=True)
class Measure:
    """The samples (n,) and (m,) of a column by a method, with the group and the lot of each value."""

    column: Column
    method: Method
    reference: Floats
    current: Floats
    cells: Cells
    groups: Rows | None
    lots: Rows | None

    @property
    def rows(self) -> tuple[int, int]:
        """How many values there are."""
        return len(self.reference), len(self.current)

    def whole(self) -> tuple[Stratum, ...]:
        """All values as one stratum."""
        return (stratum(self.cells, (np.arange(self.rows[0]), np.arange(self.rows[1])), self.lots),)

    def by_group(self) -> tuple[Stratum, ...]:
        """A stratum for each group of both files, each with its share of the current ones."""
        rows = [self.of_group(group) for group in self.both()]
        total = sum(len(now) for _, now in rows)
        return tuple(stratum(self.cells, each, self.lots, len(each[1]) / total) for each in rows)

    def both(self) -> list[int]:
        """The groups that are in both files."""
        return [] if self.groups is None else np.intersect1d(*self.groups).tolist()

    def of_group(self, group: int) -> Rows:
        """The values of a group, as indices."""
        before, now = self.groups or (np.empty(0, np.int64),) * 2
        return np.flatnonzero(before == group), np.flatnonzero(now == group)

    def value(self) -> float | None:
        """What Evidently reports; None where it is undefined."""
        if self.method.value is None:
            return distance(self.whole(), self.cells, self.method.statistic)
        with np.errstate(all="ignore"):
            try:
                value = self.method.value(np.sort(self.reference), np.sort(self.current))
            except ValueError:
                return None
        return value if np.isfinite(value) else None

    def sliced(self, group: int) -> Measure:
        """The values of a group alone."""
        rows = self.of_group(group)
        reference, current = self.reference[rows[0]], self.current[rows[1]]
        lots = None if self.lots is None else (self.lots[0][rows[0]], self.lots[1][rows[1]])
        return _measure(self.column, self.method, (reference, current), None, lots)


def of_values(column: Column, labels: Labels, settings: Settings) -> Measure | None:
    """The values of a column that are there; None where a file has none."""
    method = settings.numbers if column.levels is None else settings.categories
    present = (np.isfinite(column.reference), np.isfinite(column.current))
    samples = (column.reference[present[0]], column.current[present[1]])
    if not len(samples[0]) or not len(samples[1]):
        return None
    return _measure(column, method, samples, _picked(labels.groups, present), _picked(labels.lots, present))


def of_missing(column: Column, labels: Labels) -> Measure | None:
    """Which values are missing; None where none is."""
    missing = [(~np.isfinite(values)).astype(np.float64) for values in (column.reference, column.current)]
    if not any(part.any() for part in missing):
        return None
    return _measure(column, MISSING, (missing[0], missing[1]), labels.groups, labels.lots)


def _measure(
    column: Column, method: Method, samples: tuple[Floats, Floats], groups: Rows | None, lots: Rows | None
) -> Measure:  # fmt: skip
    reference, current = samples
    numbers = column.levels is None and method is not MISSING
    # A slice may be constant though the column is not.
    if numbers and method.varies and (reference == reference[0]).all():
        method = CHANGED
    cells = method.cells(numbers)(reference, current)
    return Measure(column, method, reference, current, cells, groups, lots)


def _picked(rows: Rows | None, present: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> Rows | None:
    return None if rows is None else (rows[0][present[0]], rows[1][present[1]])
