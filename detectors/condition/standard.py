"""Rows in units of the reference: standardised, gaps filled, wild samples passed over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.condition.settings import Settings
from detectors.condition.smoothing import row_product
from monitor.model import Floats

_ABSURD = 1000.0
"""Median absolute deviations from the median of three that make a sample of a reference absurd: an error code."""


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
    """Filled rows, shape (n, sensors), and where a sensor has no value of its own that counts, shape (n, sensors)."""

    rows: Floats
    absent: NDArray[np.bool_]
    last: Last


@dataclass(frozen=True, slots=True)
class Others:
    """What the sensors of a reference say of each other: the inverse covariance, (sensors, sensors); which sensors
    wander, and which miss values again and again, (sensors,)."""

    precision: Floats
    wanders: NDArray[np.bool_]
    gappy: NDArray[np.bool_]


def fill(rows: Floats, last: Last, others: Others | None, settings: Settings) -> Standard:
    """Fill standardised rows, shape (n, sensors), NaN where missing.

    A missing sensor gets what the others say it should be (its last value, where that is not known yet): it then
    neither alarms by itself nor by the others. One that wanders is nearer to its last value and keeps it for up to
    `bridged` rows; so does one that misses values again and again, because its limits were learnt like that.
    A sample far from those before and after it, which one cannot know yet, is replaced by the median of itself and the
    two before it: a lasting change shows one row later.
    """
    filled, missing = carried(rows, last.rows[-1], last.missing)
    absent = missing > 0
    if others is not None and absent.any():
        dead = missing > np.where(others.wanders | others.gappy, settings.bridged, 0)
        filled = expected(filled, dead, others.precision)
        absent = missing > np.where(others.gappy, settings.bridged, 0)
    joined = np.concatenate([last.rows, filled])
    newest = Last(joined[-2:], missing[-1] if len(missing) else last.missing)
    rows = joined[2:]
    median = _median(joined[:-2], joined[1:-1], rows)
    return Standard(np.where(np.abs(rows - median) > settings.wild, median, rows), absent, newest)


def spread_of(rows: Floats, least_scale: Floats | float = 0.0) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Mean and standard deviation of each sensor, and whether it moves at all, of rows (n, sensors) to (sensors,); NaN
    where missing. A deviation is `least_scale` at least, and a billionth of the mean."""
    centre, deviation = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    least = np.maximum(least_scale, 1e-9 * np.maximum(1.0, np.abs(centre)))
    return centre, np.maximum(deviation, least), np.asarray(deviation > least)


def misses_often(rows: Floats, share: float) -> NDArray[np.bool_]:
    """Which sensors begin a gap in more than this share of the rows, (n, sensors) to (sensors,); NaN where missing."""
    gaps = np.isnan(rows)
    return np.asarray((gaps[1:] & ~gaps[:-1]).sum(axis=0) > share * len(rows))


def without_absurd(rows: Floats) -> Floats:
    """Rows of a reference, shape (n, sensors), NaN where missing or absurd.

    One error code among the samples would widen a standard deviation until no fault is seen.
    """
    middle = medians(rows)
    spread = medians(np.abs(rows - middle))
    known = np.flatnonzero(spread > 0)  # a sensor that mostly rests on one value has no such spread
    bounds = np.finfo(np.float32).max * np.array([-1.0, 1.0])
    standard = np.clip((rows[:, known] - middle[known]) / spread[known], *bounds)
    if not (np.abs(standard) > _ABSURD).any():
        return rows
    filled, _ = carried(standard, np.zeros(standard.shape[1]))
    joined = np.concatenate([filled[:1], filled[:1], filled])
    absurd = np.abs(standard - _median(joined[:-2], joined[1:-1], filled)) > _ABSURD
    cleaned = rows.copy()
    cleaned[:, known] = np.where(absurd, np.nan, rows[:, known])
    return cleaned


def medians(rows: Floats) -> Floats:
    """The median of each sensor, (n, sensors) to (sensors,); NaN where missing."""
    # The same number either way, but NumPy goes column by column through Python where it looks for gaps.
    return np.asarray((np.nanmedian if np.isnan(rows).any() else np.median)(rows, axis=0))


def _median(first: Floats, second: Floats, third: Floats) -> Floats:
    """The median of three, element by element."""
    return np.asarray(np.maximum(np.minimum(first, second), np.minimum(np.maximum(first, second), third)))


def carried(rows: Floats, last: Floats, missing: NDArray[np.int64] | int = 0) -> tuple[Floats, NDArray[np.int64]]:
    """Rows, shape (n, sensors), with the last known value where one is missing, and for how many rows it has been.

    `last`, `missing`, shape (sensors,): of the row before.
    """
    if not np.isnan(rows).any():
        return rows, np.zeros(rows.shape, dtype=np.int64)
    joined = np.concatenate([last[None], rows])
    numbers = np.arange(len(joined))[:, None]
    known = np.maximum.accumulate(np.where(np.isnan(joined), 0, numbers), axis=0)[1:]
    return np.take_along_axis(joined, known, axis=0), numbers[1:] - known + np.where(known == 0, missing, 0)


def expected(rows: Floats, dead: NDArray[np.bool_], precision: Floats) -> Floats:
    """Rows, shape (n, sensors), with the conditional expectation of missing ones given the others, of a normal
    distribution around 0 with this inverse covariance: then the distance of a row is that of the others alone."""
    filled = rows.copy()
    patterns, which = np.unique(dead, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if not pattern.any():
            continue
        chosen = np.flatnonzero(which.reshape(-1) == number)
        weights = -precision[np.ix_(~pattern, pattern)] @ np.linalg.inv(precision[np.ix_(pattern, pattern)])
        filled[np.ix_(chosen, pattern)] = row_product(rows[np.ix_(chosen, ~pattern)], np.ascontiguousarray(weights))
    return filled
