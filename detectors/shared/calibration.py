"""Turns chart values of healthy rows into a limit that a healthy row exceeds only with a chosen probability."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Calibration:
    """Mean (`typical`) and standard deviation (`spread`) of the block maxima of each chart, and the score's limit.

    `typical` and `spread` have shape (charts,). A chart value is turned into a score by `(value - typical) / spread`;
    `limit` is in the unit of that score.
    """

    typical: Floats
    spread: Floats
    limit: float

    def score(self, charts: Floats) -> Floats:
        """The score of each row, shape (rows, charts) to (rows,): the highest standardised chart value."""
        return np.asarray(((charts - self.typical) / self.spread).max(axis=1))

    def highest_chart(self, charts: Floats) -> int:
        """The index of the chart with the highest score, for one row of charts, shape (charts,)."""
        return int(np.argmax((charts - self.typical) / self.spread))


def calibrate(maxima: Floats, chance: float, min_spread: float) -> Calibration:
    """The calibration from the block maxima of healthy rows, shape (blocks >= 3, charts).

    The limit is the upper prediction bound for the maximum of one more healthy block, exceeded with probability
    `chance`. It is a Student t bound, so it allows for mean and spread being estimated from few blocks. Maxima
    of blocks longer than the signal's memory are nearly independent, whatever the autocorrelation within a block;
    a limit from single rows would treat autocorrelated rows as independent and be far too low.
    """
    blocks = len(maxima)
    spread = np.maximum(maxima.std(axis=0, ddof=1), min_spread)
    limit = student_bound(chance, blocks - 1) * math.sqrt(1 + 1 / blocks)
    return Calibration(maxima.mean(axis=0), spread, limit)


def student_bound(chance: float, freedom: float) -> float:
    """The value that a Student t variable with `freedom` degrees of freedom exceeds with probability `chance`."""
    # From the lower tail: 1 - chance would lose the digits of a small chance.
    return -float(stdtrit(freedom, chance))
