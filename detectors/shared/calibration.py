"""From what healthy rows scored to a limit that they practically never pass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from monitor.model import Floats


@dataclass(frozen=True, slots=True)
class Calibration:
    """How high each chart gets in a healthy block: mean and spread of the blocks' highest values, and the limit.

    A value of a chart becomes a score by `(value - typical) / spread`; `limit` is in the same unit.
    """

    typical: Floats
    spread: Floats
    limit: float

    def score(self, charts: Floats) -> Floats:
        """One score a row, shape (rows, charts) to (rows,): the highest among the charts."""
        return np.asarray(((charts - self.typical) / self.spread).max(axis=1))

    def loudest(self, charts: Floats) -> int:
        """The chart that makes the score of one row."""
        return int(np.argmax((charts - self.typical) / self.spread))


def calibrate(maxima: Floats, chance: float, least_spread: float) -> Calibration:
    """The calibration from the highest chart values of healthy blocks, shape (blocks >= 3, charts).

    The limit is the upper prediction bound for the highest score of one more block, passed with probability
    `chance`: Student's t with the uncertainty of mean and spread from so few blocks. Highest values of blocks that
    are longer than the signal's memory are nearly independent, whatever the autocorrelation inside a block;
    counting rows instead would promise far more than 1,000 autocorrelated rows can hold.
    """
    blocks = len(maxima)
    spread = np.maximum(maxima.std(axis=0, ddof=1), least_spread)
    limit = student_bound(chance, blocks - 1) * math.sqrt(1 + 1 / blocks)
    return Calibration(maxima.mean(axis=0), spread, limit)


def student_bound(chance: float, freedom: int) -> float:
    """What a Student t variable with `freedom` degrees of freedom exceeds with probability `chance`."""
    # By the lower tail: 1 - chance would lose the digits of a small chance.
    return -float(stdtrit(freedom, chance))
