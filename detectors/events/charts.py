"""The charts of one metric: what is watched of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import lfilter

from detectors.shared.windows import window_sums
from monitor.model import Floats

CHARTS = ("value", "smoothed value", "mean of 30 rows", "mean of 100 rows", "deviation of 30 rows", "steps of 20 rows")
LONGEST = 100
"""Rows of the longest window."""
_LAMBDA = 0.1


@dataclass(frozen=True, slots=True)
class Newest:
    """What the charts keep of the rows before: the newest of them (LONGEST,), how many there were, the smoothed value.

    `ring` is filled from the end; places before the first row hold 0.
    """

    ring: Floats
    count: int
    smoothed: float


def no_rows() -> Newest:
    """Before the first row."""
    return Newest(np.zeros(LONGEST), 0, 0.0)


def charts(newest: Newest, values: Floats) -> tuple[Newest, Floats]:
    """The charts of each value, shape (n,) to (n, len(CHARTS)); before a window is full, of the rows there are.

    Values must be finite and of the order of 1. The smoothed value is an exponentially weighted mean (0.1).
    """
    if newest.count == 0:
        newest = replace(newest, smoothed=float(values[0]))
    smoothed, _ = lfilter([_LAMBDA], [1, _LAMBDA - 1], values, zi=np.array([(1 - _LAMBDA) * newest.smoothed]))
    rows = np.concatenate([newest.ring, values])
    steps = np.abs(np.diff(rows))
    if newest.count < LONGEST:
        steps[: LONGEST - newest.count] = 0.0  # up to the first row
    mean = moving_mean(rows, 30, newest.count)
    squares = moving_mean(rows * rows, 30, newest.count)
    table = np.stack(
        [
            values,
            smoothed,
            mean,
            moving_mean(rows, 100, newest.count),
            np.sqrt(np.maximum(squares - mean * mean, 0.0)),
            moving_mean(np.concatenate([[0.0], steps]), 20, newest.count),
        ],
        axis=1,
    )
    return Newest(rows[-LONGEST:], newest.count + len(values), float(smoothed[-1])), table


def moving_mean(rows: Floats, width: int, count: int) -> Floats:
    """The mean of the newest `width` rows at each row after the first LONGEST, of which `count` rows are real."""
    sums = window_sums(rows[LONGEST - width + 1 :], width)
    return sums / np.minimum(np.arange(count + 1, count + 1 + len(sums)), width)
