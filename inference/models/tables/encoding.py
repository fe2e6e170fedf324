"""A table as columns of numbers: inputs as they are, categories as one column a frequent level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model import Floats

_FREQUENT = 5  # parts that a level needs for a column of its own
_MOST = 20  # columns of a category
_NEW_IS_NORMAL = 0.01  # share of parts out of fold with a new level, above which a new level is nothing special


@dataclass(frozen=True, slots=True)
class Encoding:
    """Which inputs are columns, and which levels of a category are; all by position.

    `known` has all levels seen of the categories where a new one is out of the ordinary: not of a lot, where most parts
    to come are of a new one.
    """

    numbers: tuple[int, ...]
    levels: Mapping[int, tuple[int, ...]]
    known: Mapping[int, tuple[int, ...]]

    @property
    def width(self) -> int:
        """How many columns."""
        return len(self.numbers) + sum(map(len, self.levels.values()))

    def of(self, rows: Floats) -> Floats:
        """The columns (rows, width) of rows (rows, inputs), NaN where an input is missing.

        A level without a column is 0 in those of its category.
        """
        columns = [rows[:, list(self.numbers)]]
        for column, levels in self.levels.items():
            given = rows[:, column, None]
            columns.append(np.where(np.isnan(given), np.nan, given == np.array(levels, dtype=np.float64)))
        return np.ascontiguousarray(np.hstack(columns), dtype=np.float64)

    def new(self, rows: Floats) -> NDArray[np.bool_]:
        """Which rows have a level that is out of the ordinary."""
        return new_levels(rows, self.known)


def known_levels(rows: Floats, levels: Mapping[int, int]) -> Floats:
    """The rows (rows, inputs) with NaN for what is no level of its category; `levels` has their numbers by position."""
    found = np.array(rows, dtype=np.float64)
    for column, count in levels.items():
        values = found[:, column]
        found[:, column] = np.where(np.isin(values, np.arange(count)), values, np.nan)
    return found


def new_levels(rows: Floats, known: Mapping[int, tuple[int, ...]]) -> NDArray[np.bool_]:
    """Which rows (rows, inputs) have a level that is not among those of its category."""
    found = np.zeros(len(rows), dtype=np.bool_)
    for column, levels in known.items():
        found |= ~(np.isin(rows[:, column], levels) | np.isnan(rows[:, column]))
    return found


def closed_levels(rows: Floats, fold_of: NDArray[np.intp], categories: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
    """The levels seen of each category whose levels recur: parts out of fold hardly ever have a new one."""
    seen = {}
    for column in categories:
        new = 0
        for fold in range(int(fold_of.max()) + 1):
            here = fold_of == fold
            new += int(new_levels(rows[here], {column: _levels(rows[~here, column])}).sum())
        if new <= _NEW_IS_NORMAL * len(rows):
            seen[column] = _levels(rows[:, column])
    return seen


def learn_encoding(
    rows: Floats, used: tuple[int, ...], categories: Mapping[int, int], known: Mapping[int, tuple[int, ...]]
) -> Encoding:
    """From training rows: the inputs by position, those that are categories, and the levels of `closed_levels`."""
    levels = {}
    for column in used:
        if column in categories:
            values = rows[~np.isnan(rows[:, column]), column]
            found, counts = np.unique(values, return_counts=True)
            frequent = found[np.argsort(-counts, kind="stable")[:_MOST]][np.sort(-counts)[:_MOST] <= -_FREQUENT]
            levels[column] = tuple(sorted(int(level) for level in frequent))
    numbers = tuple(column for column in used if column not in categories)
    return Encoding(numbers, levels, {column: seen for column, seen in known.items() if column in used})


def _levels(values: Floats) -> tuple[int, ...]:
    return tuple(sorted({int(value) for value in values[~np.isnan(values)].tolist()}))
