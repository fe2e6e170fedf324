"""Rows in units of the reference: standardised, gaps filled, wild samples passed over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.condition.settings import Settings
from detectors.condition.smoothing import row_product
from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Last:
    """The last two rows as they were filled, shape (2, sensors), and for how many rows each sensor has been missing,
    shape (sensors,)."""

    rows: Floats
    missing: NDArray[np.int64]


def no_last(width: int) -> Last:
    """Before the first row: every sensor as on average."""
    return Last(np.zeros((2, width)), np.zeros(width, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Standard:
    """Filled rows, shape (n, sensors), and where a sensor is dead, shape (n, sensors): missing for longer than a gap is
    bridged by its last value."""

    rows: Floats
    dead: NDArray[np.bool_]
    last: Last


def fill(rows: Floats, last: Last, precision: Floats | None, settings: Settings) -> Standard:
    """Fill standardised rows, shape (n, sensors), NaN where missing.

    A gap of up to `bridged` rows keeps the last value. A dead sensor gets what the others say it should be, by the
    inverse covariance `precision` (its last value, where that is not known yet): it then neither alarms by itself nor
    by the others. A sample far from those before and after it, which one cannot know yet, is replaced by the median of
    itself and the two before it: a lasting change shows one row later.
    """
    filled, missing = _carried(rows, last)
    dead = missing > settings.bridged
    if precision is not None and dead.any():
        filled = _expected(filled, dead, precision)
    joined = np.concatenate([last.rows, filled])
    newest = Last(joined[-2:], missing[-1] if len(missing) else last.missing)
    oldest, older, rows = joined[:-2], joined[1:-1], joined[2:]
    median = np.maximum(np.minimum(oldest, older), np.minimum(np.maximum(oldest, older), rows))
    return Standard(np.where(np.abs(rows - median) > settings.wild, median, rows), dead, newest)


def _carried(rows: Floats, last: Last) -> tuple[Floats, NDArray[np.int64]]:
    """Rows with the last known value where one is missing, and for how many rows it has been."""
    gaps = np.isnan(rows)
    if not gaps.any():
        return rows, np.zeros(rows.shape, dtype=np.int64)
    joined = np.concatenate([last.rows[-1:], rows])
    numbers = np.arange(len(joined))[:, None]
    known = np.maximum.accumulate(np.where(np.isnan(joined), 0, numbers), axis=0)
    missing = (numbers - known)[1:] + np.where(known[1:] == 0, last.missing, 0)
    return np.take_along_axis(joined, known, axis=0)[1:], missing


def _expected(rows: Floats, dead: NDArray[np.bool_], precision: Floats) -> Floats:
    """Rows with the conditional expectation of dead sensors given the others, of a normal distribution around 0."""
    filled = rows.copy()
    patterns, which = np.unique(dead, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if not pattern.any():
            continue
        chosen = np.flatnonzero(which.reshape(-1) == number)
        weights = -precision[np.ix_(~pattern, pattern)] @ np.linalg.inv(precision[np.ix_(pattern, pattern)])
        filled[np.ix_(chosen, pattern)] = row_product(rows[np.ix_(chosen, ~pattern)], np.ascontiguousarray(weights))
    return filled
